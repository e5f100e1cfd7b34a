//! The world file: how a world begins.
//!
//! Names are camelCase, as in `meta.simulation` of the systems that worlds come from. Unknown keys are errors.

mod behaviour;
mod crowd;
mod diplomacy;
mod economy;
mod findings;
mod import;
mod names;
mod npcs;
mod simulation;

use std::collections::BTreeMap;

use bevy_ecs::prelude::Resource;
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

pub use behaviour::*;
pub use crowd::*;
pub use diplomacy::*;
pub use economy::*;
pub use findings::{SpecFault, SpecWarning};
pub(crate) use findings::{is_control, nearest, plain};
pub use import::{ImportNote, ImportReport, Imported};
pub use npcs::*;
pub use simulation::*;

use findings::Findings;
use names::Names;

use crate::components::clock::{ClockSource, GameInstant, TimeScale};
use crate::components::ids::WorldId;
use crate::systems::npc::compile;
use crate::systems::npc::extend::Extensions;

/// The world file that ships with worldtick, as text.
pub const DEFAULT_WORLD: &str = include_str!("../../../assets/config/worlds/night-city.yaml");

/// Characters that a description may have.
const DESCRIPTION_MAX: usize = 2_000;

/// A world as its file describes it. A resource of the world; it never changes while the world lives.
#[derive(Resource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldSpec {
    /// Name of the world.
    pub id: WorldId,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 2000))]
    pub description: String,
    /// Seed of all random draws: another seed, another history.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// What drives the clock.
    #[serde(default)]
    pub clock: ClockSource,
    /// The first instant of game time. A world driven by `ticks` begins with its first tick instead.
    #[serde(default = "default_start")]
    pub starts_at: GameInstant,
    /// What is said about the world, the simulation block among it.
    #[serde(default)]
    pub meta: WorldMeta,
    /// The economy; without it the world has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub economy: Option<EconomySpec>,
    /// Factions and how they stand to each other; without it the world has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diplomacy: Option<DiplomacySpec>,
    /// How NPCs behave; without it nobody does anything.
    #[serde(default, alias = "behavior", skip_serializing_if = "Option::is_none")]
    pub behaviour: Option<BehaviourSpec>,
    /// Places and people; without it the world begins with nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub npcs: Option<NpcsSpec>,
    /// A crowd on a grid; without it the world has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crowd: Option<CrowdSpec>,
    /// Sections of other plugins, by the plugin's name; the plugin checks its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Value>,
}

/// What is said about a world.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorldMeta {
    /// How it is simulated.
    #[serde(default)]
    #[garde(dive)]
    pub simulation: WorldSimulationConfig,
}

fn default_seed() -> u64 {
    1
}

fn default_start() -> GameInstant {
    // 2077-01-01T00:00:00Z.
    GameInstant::from_micros(3_376_684_800_000_000).unwrap_or(GameInstant::MIN)
}

impl Validate for WorldSpec {
    type Context = ();

    /// Written out, because behaviour and people refer to each other.
    fn validate_into(&self, _: &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let path = parent();
        self.validate_alone(&path, report);
        self.findings(None).report(&path, report);
    }
}

impl WorldSpec {
    /// The rules of values that refer to nothing else.
    pub(crate) fn validate_alone(&self, path: &Path, report: &mut Report) {
        if self.description.chars().count() > DESCRIPTION_MAX {
            let message = format!("it is longer than {DESCRIPTION_MAX} characters");
            report.append(path.join("description"), garde::Error::new(message));
        }
        self.meta.validate_into(&(), &mut || path.join("meta"), report);
        self.economy.validate_into(&(), &mut || path.join("economy"), report);
    }
}

/// A world file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{report}")]
pub struct SpecError {
    /// What is wrong, with line and column where there are any.
    pub report: String,
}

impl WorldSpec {
    /// An empty world of this name, with every default.
    pub fn named(id: WorldId) -> Self {
        Self {
            id,
            description: String::new(),
            seed: default_seed(),
            clock: ClockSource::default(),
            starts_at: default_start(),
            meta: WorldMeta::default(),
            economy: None,
            diplomacy: None,
            behaviour: None,
            npcs: None,
            crowd: None,
            plugins: BTreeMap::new(),
        }
    }

    /// Reads a world file and checks it.
    ///
    /// # Errors
    /// With a report that names what is wrong, where (line and column), and what to do.
    pub fn from_yaml(text: &str) -> Result<Self, SpecError> {
        serde_saphyr::from_str_valid(text).map_err(|error| SpecError { report: error.render() })
    }

    /// The world that ships with worldtick.
    ///
    /// # Errors
    /// Never in a released build: the tests read it.
    pub fn default_world() -> Result<Self, SpecError> {
        Self::from_yaml(DEFAULT_WORLD)
    }

    /// What is allowed in it but hardly meant, an activity that can never be chosen, say.
    pub fn warnings(&self) -> Vec<SpecWarning> {
        self.findings(None).into_warnings()
    }

    /// What no world can be made of, in the sections that refer to each other. With the conditions, effects and scoring
    /// factors that plugins have added, a name that is none of theirs is wrong; without, none is.
    pub fn faults(&self, extensions: Option<&Extensions>) -> Vec<SpecFault> {
        self.findings(extensions).into_faults()
    }

    /// What is found in the sections that refer to each other.
    fn findings(&self, extensions: Option<&Extensions>) -> Findings {
        let mut findings = Findings::default();
        let names = Names::of(self.behaviour.as_ref(), self.npcs.as_ref());
        if let Some(behaviour) = &self.behaviour {
            behaviour::check(behaviour, &names, &mut findings);
            behaviour::check_named_tiers(&behaviour.simulation_config, &self.meta.simulation, &mut findings);
        }
        if let Some(npcs) = &self.npcs {
            let rules = self.behaviour.as_ref().map(|behaviour| &behaviour.simulation_config);
            let default_tier = rules.map(TierRulesSpec::default_tier).unwrap_or_default();
            npcs::check(npcs, &names, &self.meta.simulation.tiers, default_tier, &mut findings);
        }
        if let Some(economy) = &self.economy {
            economy::agents::warn(economy, &mut findings);
            economy::signal::warn(economy, &mut findings);
            economy::recipes::warn(economy, &mut findings);
        }
        if let Some(crowd) = &self.crowd {
            let names = |economy: &EconomySpec| economy.commodities.iter().map(|known| known.name.clone()).collect();
            let commodities: Option<Vec<String>> = self.economy.as_ref().map(names);
            let commodities: Option<Vec<&str>> =
                commodities.as_ref().map(|names| names.iter().map(String::as_str).collect());
            crowd::check(crowd, commodities.as_deref(), &mut findings);
        }
        if let Some(diplomacy) = &self.diplomacy {
            // A world that ticks drive begins with the first of them, whenever that is.
            let starts_at = (self.clock != ClockSource::Ticks).then_some(self.starts_at);
            diplomacy::check(diplomacy, self.economy.as_ref(), starts_at, &mut findings);
        }
        // What is made of it in the end reads it as well: it has the last word.
        if !findings.is_flooded() {
            findings.add(compile::faults(self.behaviour.as_ref(), self.npcs.as_ref(), extensions));
        }
        findings
    }

    /// The world as its author has written it: without agents that came from the database.
    #[must_use]
    pub fn as_written(&self) -> Self {
        let mut written = self.clone();
        if let Some(economy) = &mut written.economy {
            economy.population = economy.population.as_written();
        }
        written
    }

    /// The time scale as the clock takes it.
    pub fn scale(&self) -> TimeScale {
        self.meta.simulation.scale()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_only_a_name_gets_every_default() {
        let spec = WorldSpec::from_yaml("id: w").expect("valid");
        assert_eq!(spec, WorldSpec::named(WorldId::new("w").expect("an id")));
        assert_eq!(spec.starts_at.to_string(), "2077-01-01T00:00:00Z");
        assert_eq!(spec.scale(), TimeScale(60_000_000));
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_place() {
        let report =
            WorldSpec::from_yaml("id: w\nmeta:\n  simulation:\n    timeScale: 0\n").expect_err("refused").report;
        assert!(report.contains("timeScale"), "{report}");
        assert!(report.contains('4'), "names the line: {report}");
        assert!(WorldSpec::from_yaml("id: w\nmeta:\n  simulation:\n    timeScale: .nan\n").is_err());
        assert!(WorldSpec::from_yaml("id: w\ncolour: red\n").is_err());
        assert!(WorldSpec::from_yaml("id: W!\n").is_err());
    }

    #[test]
    fn the_default_world_is_valid() {
        let spec = WorldSpec::default_world().expect("valid");
        assert_eq!(spec.scale(), TimeScale(3_600_000_000));
        assert_eq!(spec.clock, ClockSource::Live);
    }
}
