//! What a few agents did, drawn by chance.

// time: crowds: when a sampled action was done | world | `WorldClock` | each tick that a crowd lives

use bevy_ecs::prelude::*;
use serde_json::{Map, Value};

use crate::components::clock::{MICROS_PER_DAY, WorldClock};
use crate::components::crowd::{ActionSample, Crowd, Doing, Ground, Tallies};
use crate::messages::crowd::{AgentAction, AgentActionType};
use crate::systems::crowd::hours::CrowdModel;

/// Tells the samples of the tick. Runs in `Tell`.
pub fn tell_actions(
    model: Res<CrowdModel>,
    clock: Res<WorldClock>,
    ground: Res<Ground>,
    crowd: Res<Crowd>,
    tallies: Res<Tallies>,
    mut events: MessageWriter<AgentAction>,
) {
    let Some(now) = model.tick_ends(&clock) else { return };
    let micros = MICROS_PER_DAY / i64::from(model.steps_a_day.max(1));
    let steps = i64::try_from(tallies.steps()).unwrap_or(0);
    for sample in &tallies.samples {
        let Some(action_type) = action(sample.doing) else { continue };
        let end = now.checked_add_micros(-(steps - 1 - i64::from(sample.step)) * micros).unwrap_or(now);
        let metadata: [(&str, Value); 4] = [
            ("doing", sample.doing.word().into()),
            ("x", sample.x.into()),
            ("y", sample.y.into()),
            // One of so many: a sample says nothing of how often something is done.
            ("sampled_of", crowd.len().into()),
        ];
        let metadata: Map<String, Value> = metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let ActionSample { agent, sector, .. } = sample;
        events.write(AgentAction {
            agent_id: agent.to_string(),
            action_type,
            location: ground.sectors.get(usize::from(*sector)).cloned().unwrap_or_default(),
            sector: None,
            metadata: Some(metadata),
            at: Some(end),
        });
    }
}

/// As others know it; nothing, where their list has nothing like it.
fn action(doing: Doing) -> Option<AgentActionType> {
    match doing {
        Doing::Idle | Doing::Work => None,
        Doing::Walk | Doing::Commute | Doing::Seek | Doing::Broke => Some(AgentActionType::Walk),
        Doing::BuyFood => Some(AgentActionType::BuyFood),
        Doing::Tweet => Some(AgentActionType::Tweet),
        Doing::Trade => Some(AgentActionType::Trade),
        Doing::Socialize => Some(AgentActionType::Socialize),
        Doing::Rest => Some(AgentActionType::Rest),
    }
}
