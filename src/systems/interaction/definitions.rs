//! What chains there are: those of the world file, and those that were defined later.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::later::LaterChains;
use super::model::InteractionModel;
use crate::components::interaction::ChainId;
use crate::systems::scheduler::LIST_MAX;
use crate::world::spec::{ChainSpec, WorldSpec};
use crate::world::{Answer, WorldQuery};

/// Asks which chains are defined, by their ids.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskDefinitions {
    /// Only those after this id.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many: 1 to 500.
    pub limit: u32,
}

impl WorldQuery for AskDefinitions {
    const NAME: &'static str = "chain.definitions";
}

/// Asks how a chain is defined.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskDefinition {
    /// The chain.
    pub chain: String,
}

impl WorldQuery for AskDefinition {
    const NAME: &'static str = "chain.definition";
}

/// Definitions of chains as they were written.
#[derive(SystemParam)]
pub(crate) struct Definitions<'w> {
    model: Res<'w, InteractionModel>,
    spec: Res<'w, WorldSpec>,
    later: Res<'w, LaterChains>,
}

impl Definitions<'_> {
    fn of(&self, chain: &str) -> Option<ChainSpec> {
        let in_file = self.spec.interactions.as_ref().and_then(|section| section.chains.get(chain));
        in_file.cloned().or_else(|| serde_json::from_str(self.later.definition(chain)?).ok())
    }

    /// The conditions of a step, as they were written.
    pub(super) fn conditions(&self, chain: &str, step: u8) -> Vec<Value> {
        let spec = self.of(chain);
        let step = spec.as_ref().and_then(|spec| spec.steps.get(usize::from(step)));
        step.map(|step| step.conditions.iter().map(|condition| json!(condition)).collect()).unwrap_or_default()
    }
}

/// Where a definition comes from.
fn source(id: ChainId) -> &'static str {
    if id.0 < ChainId::LATER { "file" } else { "command" }
}

/// Answers [`AskDefinitions`].
pub(crate) fn list_definitions(In(ask): In<AskDefinitions>, known: Definitions) -> Answer {
    let limit = match ask.limit {
        1..=LIST_MAX => usize::try_from(ask.limit).map_err(|error| error.to_string())?,
        other => return Err(format!("limit: {other} is not within 1 and {LIST_MAX}")),
    };
    let mut all: Vec<_> = known.model.chains().collect();
    all.sort_unstable_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    let begin = ask.after.map_or(0, |after| all.partition_point(|(_, chain)| *chain.name <= *after));
    let mut rest = all.into_iter().skip(begin);
    let rows: Vec<Value> = rest
        .by_ref()
        .take(limit)
        .map(|(id, chain)| {
            json!({
                "chain": chain.name,
                "category": chain.category,
                "steps": chain.steps.len(),
                "repeatable": chain.repeatable,
                "source": source(id),
            })
        })
        .collect();
    Ok(json!({ "definitions": rows, "more": rest.next().is_some() }))
}

/// Answers [`AskDefinition`].
pub(crate) fn show_definition(In(ask): In<AskDefinition>, known: Definitions) -> Answer {
    let id = known.model.require_chain(&ask.chain)?;
    let definition = known.of(&ask.chain).ok_or("its definition is gone")?;
    Ok(json!({ "chain": ask.chain, "source": source(id), "definition": definition }))
}
