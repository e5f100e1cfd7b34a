//! Kinds of interaction and chains in the form in which systems use them: names are numbers, waits are microseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy_ecs::prelude::Resource;

use crate::components::clock::GameInstant;
use crate::components::interaction::{ChainEnd, ChainId, KindId};
use crate::systems::generation::model::StepGeneration;
use crate::systems::npc::condition::{Condition, Whom};
use crate::systems::npc::flag_key::FlagKey;
use crate::systems::npc::model::Effects;
use crate::systems::npc::names::{Names, unknown};
use crate::world::spec::{ChainCategory, InteractionLimitsSpec};

/// Everything that NPCs may propose and go through. Derived from the world file and from
/// [`LaterChains`](super::later::LaterChains); not persisted.
#[derive(Resource, Debug, Clone, Default)]
pub struct InteractionModel {
    /// Names of kinds.
    pub kind_names: Names,
    /// Kinds by number.
    pub kinds: Vec<Arc<KindModel>>,
    /// Names of kinds of generation.
    pub generation_names: Names,
    /// Names of the chains of the world file.
    pub chain_names: Names,
    /// Chains of the world file by number.
    pub chains: Vec<Arc<ChainModel>>,
    /// Chains that were defined later, by number from [`ChainId::LATER`]; nothing where one was taken away.
    pub later: Vec<Option<Arc<ChainModel>>>,
    /// Their numbers, without [`ChainId::LATER`], by name.
    pub later_names: BTreeMap<Box<str>, u16>,
    /// How much there may be.
    pub limits: InteractionLimitsSpec,
}

/// A kind of interaction.
#[derive(Debug, Clone)]
pub struct KindModel {
    /// How urgent an intent of it is.
    pub priority: i16,
    /// Game microseconds until an intent of it is worth nothing any more.
    pub expires_micros: i64,
    /// What must hold when it is handed out.
    pub requirements: Box<[Condition]>,
    /// Cooldowns in game microseconds: NPC and session, NPC, session, global.
    pub cooldowns: [i64; 4],
    /// What the game gets with it: JSON as text.
    pub data: Option<Box<str>>,
}

/// A chain.
#[derive(Debug, Clone)]
pub struct ChainModel {
    /// Its name.
    pub name: Box<str>,
    /// What it is, for people.
    pub category: ChainCategory,
    /// Whom it is for; anybody where there is nobody.
    pub npc: Option<Whom>,
    /// Whether it can be started again when it has ended.
    pub repeatable: bool,
    /// Game microseconds from its end until then.
    pub repeat_cooldown_micros: i64,
    /// Game microseconds from its start until it has expired.
    pub expires_micros: Option<i64>,
    /// What its expiry brings.
    pub on_expiry: Effects,
    /// Its steps.
    pub steps: Box<[StepModel]>,
}

/// A step of a chain.
#[derive(Debug, Clone)]
pub struct StepModel {
    /// Its name.
    pub name: Box<str>,
    /// What is proposed when it opens.
    pub interaction: Option<KindId>,
    /// What is asked of workers when it opens; it waits for what comes of it.
    pub generation: Option<StepGeneration>,
    /// Game microseconds from its beginning until it can open.
    pub wait_micros: i64,
    /// Game microseconds from its beginning until it has expired.
    pub window_micros: Option<i64>,
    /// Flags that must be set to something other than false.
    pub required: Box<[FlagKey]>,
    /// What must hold.
    pub conditions: Box<[Condition]>,
    /// Whether it can be passed over.
    pub optional: bool,
    /// Whether it passes by itself.
    pub auto_advance: bool,
    /// Where outcomes lead.
    pub branches: BTreeMap<Box<str>, Target>,
    /// Where all others lead.
    pub next: Target,
    /// What its completion brings.
    pub effects: Effects,
    /// What the passing of its window brings.
    pub on_expiry: Effects,
}

/// Where an outcome leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To a step, by its place.
    Step(u8),
    /// To an end of the chain.
    End(ChainEnd),
}

impl StepModel {
    /// Where an outcome leads.
    pub fn target(&self, outcome: &str) -> Target {
        self.branches.get(outcome).copied().unwrap_or(self.next)
    }

    /// When it can open, if it began then; nothing beyond the calendar.
    pub fn ready_at(&self, since: GameInstant) -> Option<GameInstant> {
        since.checked_add_micros(self.wait_micros)
    }

    /// When it has expired, if it began then and does so within the calendar.
    pub fn window_end(&self, since: GameInstant) -> Option<GameInstant> {
        self.window_micros.and_then(|micros| since.checked_add_micros(micros))
    }
}

impl ChainModel {
    /// When it has expired, if it was started then and does so within the calendar.
    pub fn expires_at(&self, started: GameInstant) -> Option<GameInstant> {
        self.expires_micros.and_then(|micros| started.checked_add_micros(micros))
    }

    /// The name of a step.
    pub fn step_name(&self, step: u8) -> &str {
        self.steps.get(usize::from(step)).map_or("?", |step| &step.name)
    }

    /// The place of a step.
    ///
    /// # Errors
    /// With a sentence, where there is none of the name.
    pub fn require_step(&self, name: &str) -> Result<u8, String> {
        let at = self.steps.iter().position(|step| &*step.name == name).and_then(|at| u8::try_from(at).ok());
        at.ok_or_else(|| unknown("step", name, self.steps.iter().map(|step| &*step.name)))
    }
}

impl InteractionModel {
    /// A chain by its number.
    pub fn chain(&self, id: ChainId) -> Option<&Arc<ChainModel>> {
        match id.0.checked_sub(ChainId::LATER) {
            Some(later) => self.later.get(usize::from(later)).and_then(Option::as_ref),
            None => self.chains.get(usize::from(id.0)),
        }
    }

    /// The name of a chain.
    pub fn chain_name(&self, id: ChainId) -> &str {
        self.chain(id).map_or("?", |chain| &chain.name)
    }

    /// The number of a chain.
    pub fn find_chain(&self, name: &str) -> Option<ChainId> {
        let later = || self.later_names.get(name).map(|number| ChainId(ChainId::LATER | *number));
        self.chain_names.find(name).map(ChainId).or_else(later)
    }

    /// The number of a chain.
    ///
    /// # Errors
    /// With a sentence, where there is none of the name.
    pub fn require_chain(&self, name: &str) -> Result<ChainId, String> {
        let known = self.chain_names.iter().chain(self.later_names.keys().map(AsRef::as_ref));
        self.find_chain(name).ok_or_else(|| unknown("chain", name, known))
    }

    /// All chains that can be started, those of the world file first.
    pub fn chains(&self) -> impl Iterator<Item = (ChainId, &Arc<ChainModel>)> + '_ {
        let file = (0_u16..).zip(&self.chains).map(|(number, chain)| (ChainId(number), chain));
        let later = (ChainId::LATER..=u16::MAX).zip(&self.later);
        file.chain(later.filter_map(|(number, chain)| Some((ChainId(number), chain.as_ref()?))))
    }

    /// Names of kinds of interaction and of generation.
    pub fn names(&self) -> (&Names, &Names) {
        (&self.kind_names, &self.generation_names)
    }

    /// A kind by its number.
    pub fn kind(&self, id: KindId) -> Option<&Arc<KindModel>> {
        self.kinds.get(usize::from(id.0))
    }

    /// The name of a kind.
    pub fn kind_name(&self, id: KindId) -> &str {
        self.kind_names.name(id.0).unwrap_or("?")
    }

    /// The number of a kind.
    ///
    /// # Errors
    /// With a sentence, where there is none of the name.
    pub fn require_kind(&self, name: &str) -> Result<KindId, String> {
        self.kind_names.require("kind of interaction", name).map(KindId)
    }

    /// Game microseconds between two questions to what does not hold.
    pub fn recheck_micros(&self) -> i64 {
        i64::from(self.limits.recheck_seconds.max(1)) * 1_000_000
    }
}
