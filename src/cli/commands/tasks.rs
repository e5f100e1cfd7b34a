//! `worldtick tasks`: the server's periodic tasks.

use clap::{Args, Subcommand};
use serde_json::json;

use super::worlds::items;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::error::CliError;
use crate::cli::output::{Column, list, object};

/// Arguments of `tasks`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick tasks list
  worldtick tasks run outbox                         remove old events now, and say how many
  worldtick tasks list --output json")]
pub struct TasksArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: TasksCommand,
}

/// What can be done about tasks.
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    /// List the periodic tasks: when they ran, what they did, when they run next
    List,
    /// Run a task now and wait for what it does
    Run {
        /// The task, such as outbox
        name: String,
    },
}

const COLUMNS: [Column; 8] = [
    ("TASK", "/name"),
    ("EVERY (S)", "/interval_seconds"),
    ("NEXT RUN", "/next_run_at"),
    ("LAST RUN", "/last_run/started_at"),
    ("OUTCOME", "/last_run/outcome"),
    ("DID", "/last_run/did"),
    ("RUNS", "/runs"),
    ("FAILURES", "/failures"),
];

pub(in crate::cli) fn run(args: &TasksArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?;
    match &args.command {
        TasksCommand::List => {
            let answer = client.get("/api/v1/tasks", &[])?;
            list(&answer, items(&answer), &COLUMNS, args.client.output)
        }
        TasksCommand::Run { name } => {
            let answer = client.post(&format!("/api/v1/tasks/{}/run", segment(name)), &json!({}))?;
            object(&answer, args.client.output)
        }
    }
}
