//! A run of a world's economy.

use bevy_app::App;
use thiserror::Error;

use super::record::Record;
use crate::components::clock::ClockSource;
use crate::plugins::economy::EconomyPlugin;
use crate::plugins::simulation::SimulationPlugin;
use crate::testing::{StepError, Stepper};
use crate::world::spec::WorldSpec;

/// Hours of a run at most: about eleven years. A record keeps each of them.
pub const HOURS_MAX: u32 = 100_000;

/// Why an experiment cannot be made.
#[derive(Debug, Error)]
pub enum LabError {
    /// The world has no economy.
    #[error("the world `{0}` has no economy: its file has no section `economy`")]
    NoEconomy(String),
    /// The world has no crowd that lives.
    #[error("the world `{0}` has no crowd: its file has no section `crowd`, or that is not enabled")]
    NoCrowd(String),
    /// Its agents are in a database, which is not read here.
    #[error(
        "the agents of the world `{0}` are in the database (`population.from: market_agent`), and only the file is run: to \
         try it out, list them in the file (`agents`) or beside it (`agentsFile`) and leave out `from`"
    )]
    NoAgents(String),
    /// It would be too long, or last no hour.
    #[error("{0} hours are outside 1 to {HOURS_MAX}")]
    Hours(u32),
    /// The economy implies no prices.
    #[error("the economy cannot work: {0}")]
    Economy(String),
    /// The world failed.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// A world's economy, to be run for so many hours from a seed.
///
/// Only the economy is run: people, places and the sections of other plugins have no part in it.
#[derive(Debug, Clone)]
pub struct Experiment {
    spec: WorldSpec,
    hours: u32,
}

impl Experiment {
    /// Plans a run.
    ///
    /// # Errors
    /// When the world has no economy, or the hours are outside 1 to [`HOURS_MAX`].
    pub fn new(mut spec: WorldSpec, seed: u64, hours: u32) -> Result<Self, LabError> {
        let Some(economy) = &spec.economy else { return Err(LabError::NoEconomy(spec.id.to_string())) };
        if economy.population.waits_for_agents() {
            return Err(LabError::NoAgents(spec.id.to_string()));
        }
        if hours == 0 || hours > HOURS_MAX {
            return Err(LabError::Hours(hours));
        }
        spec.seed = seed;
        spec.clock = ClockSource::Manual;
        spec.behaviour = None;
        spec.npcs = None;
        spec.plugins.clear();
        Ok(Self { spec, hours })
    }

    /// The world as it is run.
    pub fn spec(&self) -> &WorldSpec {
        &self.spec
    }

    /// Hours that it takes.
    pub fn hours(&self) -> u32 {
        self.hours
    }

    /// The world before its first hour.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&self) -> Result<Stepper, LabError> {
        let spec = self.spec.clone();
        Ok(Stepper::new(move || {
            let mut app = App::new();
            app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
            app
        })?)
    }

    /// Runs it and writes down every hour. `before` is called before each hour, with its number from 1: to intervene,
    /// or to show how far it is.
    ///
    /// # Errors
    /// When the world fails, or `before` does.
    pub fn run(&self, mut before: impl FnMut(u32, &mut Stepper) -> Result<(), StepError>) -> Result<Record, LabError> {
        let mut world = self.begin()?;
        world.world().forgo_hashes();
        let mut record = Record::begin(&self.spec, &mut world)?;
        for hour in 1..=self.hours {
            before(hour, &mut world)?;
            world.hours(1)?.forget_journal();
            record.take(hour, &mut world);
        }
        Ok(record)
    }
}
