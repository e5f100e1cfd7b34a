//! `worldtick audit`: who changed what through the admin API.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::worlds::items;
use crate::cli::client::{Client, ClientArgs};
use crate::cli::error::CliError;
use crate::cli::output::{Column, list, tell};
use crate::components::ids::WorldId;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick audit list
  worldtick audit list --world night-city --who anna
  worldtick audit list --outcome refused --output json")]
pub struct AuditArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What can be asked about changes.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List changes and refused ones, the latest first
    List {
        /// Only of this world
        #[arg(long)]
        world: Option<WorldId>,
        /// Only of this token, or of anonymous, configured, loopback, offline
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Only with this outcome
        #[arg(long, value_enum)]
        outcome: Option<Outcome>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<String>,
    },
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Outcome {
    /// It has begun, and nobody has said how it ended
    Begun,
    /// It was done
    Done,
    /// It was refused
    Refused,
    /// The server could not do it, or could not say that it was done
    Failed,
}

const COLUMNS: [Column; 9] = [
    ("AT", "/at"),
    ("WHO", "/who"),
    ("FROM", "/source"),
    ("OUTCOME", "/outcome"),
    ("STATUS", "/status"),
    ("METHOD", "/method"),
    ("ROUTE", "/route"),
    ("WORLD", "/world_id"),
    ("WHAT", "/summary"),
];

/// Runs the command.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub(in crate::cli) fn run(args: &AuditArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?;
    let AuditCommand::List { world, who, outcome, limit, cursor } = &args.command;
    let outcome = outcome.and_then(|outcome| outcome.to_possible_value().map(|value| value.get_name().to_owned()));
    let query = [
        ("world", world.as_ref().map(ToString::to_string)),
        ("who", who.clone()),
        ("outcome", outcome),
        ("limit", Some(limit.to_string())),
        ("cursor", cursor.clone()),
    ];
    let answer = client.get("/api/v1/audit", &query)?;
    list(&answer, items(&answer), &COLUMNS, args.client.output)?;
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        tell(&format!("more with --cursor {next}"));
    }
    Ok(())
}
