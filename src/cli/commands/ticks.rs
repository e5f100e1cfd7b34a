//! `worldtick ticks`: what ticks arrived and what became of them.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::worlds::{TickKind, items};
use crate::cli::client::{Client, ClientArgs};
use crate::cli::error::CliError;
use crate::cli::output::{Column, list, tell};
use crate::components::ids::WorldId;

/// Arguments of `ticks`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick ticks list
  worldtick ticks list --outcome duplicate --limit 100
  worldtick ticks list --world night-city --type daily --output json")]
pub struct TicksArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: TicksCommand,
}

/// What can be asked about ticks.
#[derive(Debug, Subcommand)]
pub enum TicksCommand {
    /// List ticks, the latest first
    List {
        /// Only of this world
        #[arg(long)]
        world: Option<WorldId>,
        /// Only of this type
        #[arg(long = "type", value_enum)]
        tick_type: Option<TickKind>,
        /// Only with this outcome: applied, duplicate, late, …
        #[arg(long)]
        outcome: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<String>,
    },
}

const COLUMNS: [Column; 6] = [
    ("TICK", "/tick_id"),
    ("TYPE", "/tick_type"),
    ("WORLD", "/world_id"),
    ("OUTCOME", "/outcome"),
    ("GAME TIME", "/game_time"),
    ("RECEIVED", "/recorded_at"),
];

pub(in crate::cli) fn run(args: &TicksArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?;
    let TicksCommand::List { world, tick_type, outcome, limit, cursor } = &args.command;
    let kind = tick_type.map(|kind| match kind {
        TickKind::Hourly => "hourly".to_owned(),
        TickKind::Daily => "daily".to_owned(),
    });
    let query = [
        ("world", world.as_ref().map(ToString::to_string)),
        ("type", kind),
        ("outcome", outcome.clone()),
        ("limit", Some(limit.to_string())),
        ("cursor", cursor.clone()),
    ];
    let answer = client.get("/api/v1/ticks", &query)?;
    list(&answer, items(&answer), &COLUMNS, args.client.output)?;
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        tell(&format!("more with --cursor {next}"));
    }
    Ok(())
}
