//! `worldtick economy`: world files tried out at full speed, without a service.

mod agents;
pub(super) mod explain;
mod runs;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::ConfigArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::numbers::whole;
use crate::cli::output::Output;
use crate::components::ids::WorldId;
use crate::lab::LabError;

/// Hours in a day.
const DAY: u32 = 24;

/// Arguments of `economy`.
#[derive(Debug, Args)]
#[command(after_help = "Only the economy of a world file is run: its people and places have no part in it.

Examples:
  worldtick economy run city.yaml --days 30 --seed 7           a month, as pictures and CSV
  worldtick economy compare city.yaml other.yaml --seeds 20    two worlds side by side, with bands
  worldtick economy explain city.yaml --hours 240              what its prices are made of after ten days
  worldtick economy explain city.yaml --hours 240 --agent 17   why agent 17 did or did not trade
  worldtick economy import-agents people.csv --world city      agents for a world with population.from: market_agent")]
pub struct EconomyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EconomyCommand,
}

/// What can be done with economies.
#[derive(Debug, Subcommand)]
pub enum EconomyCommand {
    /// Run a world file, and write a report (HTML) and its figures (CSV)
    Run(RunArgs),
    /// Run any number of world files on several seeds, and put them side by side
    Compare(CompareArgs),
    /// Say what prices are made of, or why an agent did not trade
    Explain(ExplainArgs),
    /// Put agents from a CSV file into the database, in the place of those that a world has there
    ImportAgents(ImportAgentsArgs),
}

/// Arguments of `economy import-agents`.
#[derive(Debug, Args)]
#[command(after_help = "The first line names the fields, each other line is an agent:

  role,money,skill,stocks.Food,beliefs.Food
  Farmer,150000,1.2,12,850

Fields are role and money, and as wanted place, capacity, skill, riskTolerance, impatience, socialInfluence, learningRate,
stocks.<commodity> and beliefs.<commodity>; money and beliefs are in minor units. What is left out is drawn.")]
pub struct ImportAgentsArgs {
    /// CSV file
    pub file: PathBuf,
    /// Whose agents they are; its world file is in the folder of world files
    #[arg(long)]
    pub world: WorldId,
    /// Where the configuration comes from: that of the server
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Arguments of `economy run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// World file
    pub file: PathBuf,
    /// Days to run, 1 to 4,000
    #[arg(long, default_value_t = 30, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    pub days: u32,
    /// Seed of all draws; without it, the file's own
    #[arg(long, allow_negative_numbers = true, value_parser = whole)]
    pub seed: Option<u64>,
    /// Folder for economy.html and economy.csv, which are written over
    #[arg(long, value_name = "FOLDER", default_value = "economy-report")]
    pub out: PathBuf,
    /// In which form the figures of the markets are shown
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `economy compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// World files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Seeds of each file, counted from 1; 1 to 1,000. Files × seeds × days are at most 100,000
    #[arg(long, default_value_t = 5, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub seeds: u32,
    /// Days to run, 1 to 4,000
    #[arg(long, default_value_t = 30, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    pub days: u32,
    /// Threads, 1 to 256; without it, as many as the machine runs at once. They change nothing but the time it takes
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Folder for compare.html and compare.csv, which are written over
    #[arg(long, value_name = "FOLDER", default_value = "economy-report")]
    pub out: PathBuf,
    /// In which form the figures are shown
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `economy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// World file
    pub file: PathBuf,
    /// Hours to run before, 1 to 96,000
    #[arg(long, default_value_t = 240, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=96_000))]
    pub hours: u32,
    /// Seed of all draws; without it, the file's own
    #[arg(long, allow_negative_numbers = true, value_parser = whole)]
    pub seed: Option<u64>,
    /// The agent, by its number; without it, prices are explained
    #[arg(long, allow_negative_numbers = true, value_parser = whole)]
    pub agent: Option<u64>,
    /// In which form it is said
    #[arg(long, short, value_enum, default_value_t)]
    pub output: ExplainOutput,
}

/// In which form an explanation is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExplainOutput {
    /// For people
    #[default]
    Text,
    /// JSON
    Json,
}

pub(in crate::cli) fn run(args: &EconomyArgs) -> Result<(), CliError> {
    match &args.command {
        EconomyCommand::Run(args) => runs::run(args),
        EconomyCommand::Compare(args) => runs::compare(args),
        EconomyCommand::Explain(args) => explain::run(args),
        EconomyCommand::ImportAgents(args) => agents::run(args),
    }
}

impl From<LabError> for CliError {
    fn from(error: LabError) -> Self {
        let exit = match &error {
            LabError::NoEconomy(_) | LabError::NoCrowd(_) | LabError::Economy(_) | LabError::NoAgents(_) => {
                Exit::BadData
            }
            LabError::Hours(_) => Exit::Usage,
            LabError::Step(_) => Exit::Failure,
        };
        Self::new(exit, error.to_string())
    }
}
