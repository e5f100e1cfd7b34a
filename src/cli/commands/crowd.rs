//! `worldtick crowd`: the crowd of a world file, tried out without a service.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::error::CliError;
use crate::cli::files::{tell_warnings, world_file, write_over};
use crate::cli::numbers::whole;
use crate::cli::output::print;
use crate::lab::crowd::picture;

/// Arguments of `crowd`.
#[derive(Debug, Args)]
#[command(after_help = "Only the crowd of a world file and its economy are run: people and places have no part in it.

Examples:
  worldtick crowd render city.yaml --to crowd.svg             at noon of the third day
  worldtick crowd render city.yaml --hours 67 --to crowd.svg  at seven in the evening")]
pub struct CrowdArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CrowdCommand,
}

/// What can be done with crowds.
#[derive(Debug, Subcommand)]
pub enum CrowdCommand {
    /// Run a world file, and draw its crowd as SVG
    Render {
        /// World file
        file: PathBuf,
        /// Hours to run before, 1 to 96,000
        #[arg(long, default_value_t = 60, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=96_000))]
        hours: u32,
        /// Seed of all draws; without it, the file's own
        #[arg(long, allow_negative_numbers = true, value_parser = whole)]
        seed: Option<u64>,
        /// The file, which is written over; without it, standard output
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

pub(in crate::cli) fn run(args: &CrowdArgs) -> Result<(), CliError> {
    let CrowdCommand::Render { file, hours, seed, to } = &args.command;
    let file = world_file(file)?;
    tell_warnings(&file);
    let seed = seed.unwrap_or(file.spec.seed);
    let drawn = picture(file.spec, seed, *hours)?;
    match to {
        Some(path) => write_over(&[(path.clone(), drawn)]),
        None => print(&drawn),
    }
}
