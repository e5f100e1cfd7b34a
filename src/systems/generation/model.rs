//! Kinds of generation in the form in which systems use them.

use std::sync::Arc;

use bevy_ecs::prelude::Resource;

use crate::components::generation::GenerationKindId;
use crate::systems::npc::compile::{Compiler, token};
use crate::systems::npc::flag_key::FlagKey;
use crate::systems::npc::model::Effects;
use crate::systems::npc::names::Names;
use crate::world::spec::{GenerationKindSpec, GenerationLimitsSpec, GenerationSpec, StepGenerationSpec};

/// Everything that can be asked for. Derived from the world file; not persisted.
#[derive(Resource, Debug, Clone, Default)]
pub struct GenerationModel {
    /// Names of kinds.
    pub names: Names,
    /// Kinds by number.
    pub kinds: Vec<Arc<GenerationKind>>,
    /// The limits with which a world begins.
    pub limits: GenerationLimitsSpec,
}

/// A kind of generation.
#[derive(Debug, Clone)]
pub struct GenerationKind {
    /// How urgent a job of it is.
    pub priority: i16,
    /// What it takes of its user's turn.
    pub cost: u16,
    /// Game microseconds until a job of it is worth nothing any more.
    pub deadline_micros: i64,
    /// How often it is sent at most.
    pub attempts_max: u8,
    /// Real seconds until an attempt has failed.
    pub timeout_real_seconds: u32,
    /// What workers get: JSON as text.
    pub payload: Option<Box<str>>,
    /// The flag that is set to the reference in the result.
    pub reference_flag: Option<FlagKey>,
    /// What it brings when it was done.
    pub on_success: Effects,
    /// What it brings when it came to nothing.
    pub on_failure: Effects,
}

/// What the step of a chain asks for.
#[derive(Debug, Clone)]
pub struct StepGeneration {
    /// The kind.
    pub kind: GenerationKindId,
    /// Whom it is done for; without it the session, or [`WORLD_USER`](super::WORLD_USER).
    pub user: Option<Box<str>>,
    /// How urgent it is; without it as its kind.
    pub priority: Option<i16>,
    /// Game microseconds until it is worth nothing any more; without it as its kind.
    pub deadline_micros: Option<i64>,
    /// The key under which the same is not asked for twice.
    pub dedup_key: Option<Box<str>>,
    /// What workers get: JSON as text.
    pub payload: Option<Box<str>>,
}

impl GenerationModel {
    /// Reads the section. What is wrong is told to the compiler.
    pub(crate) fn read(
        compiler: &Compiler<'_>,
        spec: &GenerationSpec,
        effects: impl Fn(&Compiler<'_>, &str, &crate::world::spec::ConsequencesSpec) -> Effects,
    ) -> Self {
        let kinds = spec.kinds.iter().map(|(id, kind)| {
            let at = format!("/generation/kinds/{}", token(id));
            let GenerationKindSpec { priority, cost, deadline_seconds, max_attempts, timeout_real_seconds, .. } = *kind;
            let flag = |key: &String| compiler.take(&format!("{at}/referenceFlag"), FlagKey::parse(key));
            Arc::new(GenerationKind {
                priority,
                cost: cost.max(1),
                deadline_micros: deadline_seconds.saturating_mul(1_000_000),
                attempts_max: max_attempts,
                timeout_real_seconds,
                payload: (!kind.payload.is_null()).then(|| kind.payload.to_string().into()),
                reference_flag: kind.reference_flag.as_ref().and_then(flag),
                on_success: effects(compiler, &format!("{at}/onSuccess"), &kind.on_success),
                on_failure: effects(compiler, &format!("{at}/onFailure"), &kind.on_failure),
            })
        });
        Self {
            kinds: kinds.collect(),
            names: Names::new(spec.kinds.keys().map(String::as_str)),
            limits: spec.limits.clone(),
        }
    }

    /// A kind by its number.
    pub fn kind(&self, id: GenerationKindId) -> Option<&Arc<GenerationKind>> {
        self.kinds.get(usize::from(id.0))
    }

    /// The name of a kind.
    pub fn name(&self, id: GenerationKindId) -> &str {
        self.names.name(id.0).unwrap_or("?")
    }

    /// The number of a kind.
    ///
    /// # Errors
    /// With a sentence, where there is none of the name.
    pub fn require(&self, name: &str) -> Result<GenerationKindId, String> {
        self.names.require("kind of generation", name).map(GenerationKindId)
    }

    /// What a job of a kind takes of its user's turn.
    pub fn cost(&self, id: GenerationKindId) -> u16 {
        self.kind(id).map_or(1, |kind| kind.cost)
    }

    /// What a user gets to spend in a turn: enough for the dearest job.
    pub fn quantum(&self) -> u16 {
        self.kinds.iter().map(|kind| kind.cost).max().unwrap_or(1)
    }
}

impl StepGeneration {
    /// Reads what a step asks for.
    pub(crate) fn read(compiler: &Compiler<'_>, at: &str, spec: &StepGenerationSpec, names: &Names) -> Option<Self> {
        let kind = compiler.take(&format!("{at}/kind"), names.require("kind of generation", &spec.kind))?;
        Some(Self {
            kind: GenerationKindId(kind),
            user: spec.user.as_deref().map(Into::into),
            priority: spec.priority,
            deadline_micros: spec.deadline_seconds.map(|seconds| seconds.saturating_mul(1_000_000)),
            dedup_key: spec.dedup_key.as_deref().map(Into::into),
            payload: (!spec.payload.is_null()).then(|| spec.payload.to_string().into()),
        })
    }
}
