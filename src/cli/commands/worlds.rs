//! `worldtick worlds`: asking for worlds and steering them.

use std::io::{BufRead, IsTerminal};

use clap::{Args, Subcommand, ValueEnum};
use jiff::{Span, Timestamp, Zoned};
use serde_json::{Map, Value, json};

use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Column, list, object, tell};
use crate::components::ids::WorldId;

/// Arguments of `worlds`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick worlds list
  worldtick worlds show night-city --output json
  worldtick worlds pause night-city --reason 'looking at prices' --for 10m
  worldtick worlds tick night-city --type hourly")]
pub struct WorldsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: WorldsCommand,
}

/// What can be done with worlds.
#[derive(Debug, Subcommand)]
pub enum WorldsCommand {
    /// List all worlds
    List,
    /// Show one world
    Show {
        /// The world
        world: WorldId,
    },
    /// Stop a world's time
    Pause {
        /// The world
        world: WorldId,
        /// Why, for others to see
        #[arg(long)]
        reason: Option<String>,
        /// Until this instant (RFC 3339)
        #[arg(long, value_name = "INSTANT", conflicts_with = "duration")]
        until: Option<Timestamp>,
        /// For so long, such as 10m or 2h
        #[arg(long = "for", value_name = "TIME")]
        duration: Option<Span>,
    },
    /// Let a world's time go on
    Resume {
        /// The world
        world: WorldId,
    },
    /// Move a manual world's time
    Step {
        /// The world
        world: WorldId,
        /// By so many game seconds; without it, by an hour (3600)
        #[arg(long, value_name = "SECONDS")]
        game_seconds: Option<f64>,
        /// So many times as far: without --game-seconds, by so many hours
        #[arg(long, value_name = "NUMBER")]
        steps: Option<u32>,
    },
    /// Run a tick now
    Tick {
        /// The world
        world: WorldId,
        /// Which one
        #[arg(long = "type", value_enum, default_value_t)]
        tick_type: TickKind,
    },
    /// Begin a world anew from its file; its state is lost
    Reset {
        /// The world
        world: WorldId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Let a faulted world go on
    Recover {
        /// The world
        world: WorldId,
        /// What becomes of the input that it failed at
        #[arg(long, value_enum, default_value_t)]
        action: RecoverAction,
    },
}

/// Kinds of ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TickKind {
    /// Hourly work
    #[default]
    Hourly,
    /// Daily work
    Daily,
}

/// What becomes of the input that a world failed at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RecoverAction {
    /// It is tried again
    #[default]
    Retry,
    /// It is left out
    Skip,
}

const COLUMNS: [Column; 9] = [
    ("WORLD", "/world_id"),
    ("STATE", "/status/state"),
    ("CLOCK", "/clock"),
    ("TIME SCALE", "/time_scale"),
    ("GAME TIME", "/now"),
    ("INPUTS", "/inputs"),
    ("COMMIT", "/commit_no"),
    ("TICKS ON THEIR WAY", "/outstanding_ticks"),
    ("LAG S", "/lag_seconds"),
];

pub(in crate::cli) fn run(args: &WorldsArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?;
    let output = args.client.output;
    let order = |world: &WorldId, verb: &str, body: Value| {
        let answer = client.post(&format!("/api/v1/worlds/{}/{verb}", segment(world.as_str())), &body)?;
        object(&answer, output)
    };
    match &args.command {
        WorldsCommand::List => {
            let answer = client.get("/api/v1/worlds", &[])?;
            list(&answer, items(&answer), &COLUMNS, output)
        }
        WorldsCommand::Show { world } => {
            object(&client.get(&format!("/api/v1/worlds/{}", segment(world.as_str())), &[])?, output)
        }
        WorldsCommand::Pause { world, reason, until, duration } => {
            let until = match duration {
                Some(span) => Some(instant_after(*span)?),
                None => *until,
            };
            order(
                world,
                "pause",
                given([("reason", reason.clone().map(Value::from)), ("until", until.map(|at| at.to_string().into()))]),
            )
        }
        WorldsCommand::Resume { world } => order(world, "resume", json!({})),
        WorldsCommand::Step { world, game_seconds, steps } => order(
            world,
            "step",
            given([("game_seconds", game_seconds.map(Value::from)), ("steps", steps.map(Value::from))]),
        ),
        WorldsCommand::Tick { world, tick_type } => order(world, "tick", json!({"type": name(*tick_type)})),
        WorldsCommand::Reset { world, yes } => {
            if !yes {
                confirm(world)?;
            }
            order(world, "reset", json!({}))
        }
        WorldsCommand::Recover { world, action } => order(world, "recover", json!({"action": name(*action)})),
    }
}

/// The items of a list.
pub(super) fn items(answer: &Value) -> &[Value] {
    answer.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn given<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Value {
    let present = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// The name of a choice as the command line and the API spell it.
fn name(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn instant_after(span: Span) -> Result<Timestamp, CliError> {
    let wrong = |_| CliError::new(Exit::Usage, "--for takes a time such as 10m, 2h or 1d");
    Ok(Zoned::now().checked_add(span).map_err(wrong)?.timestamp())
}

/// Asks before a world's state is thrown away.
fn confirm(world: &WorldId) -> Result<(), CliError> {
    if !std::io::stdin().is_terminal() {
        let error = CliError::new(Exit::Usage, format!("resetting `{world}` throws its state away"));
        return Err(error.help("say --yes to do it"));
    }
    tell(&format!("The state of `{world}` will be lost, and it begins anew from its file. Type its name to go on:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| CliError::io("standard input", &error))?;
    if line.trim() == world.as_str() { Ok(()) } else { Err(CliError::new(Exit::Failure, "nothing was done")) }
}
