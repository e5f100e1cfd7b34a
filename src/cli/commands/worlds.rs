//! `worldtick worlds`: asking for worlds and steering them.

#![expect(clippy::disallowed_methods, reason = "a pause for so long ends at an instant of wall time")]

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{Span, Timestamp, Zoned};
use serde_json::{Map, Value, json};

use super::import::{self, ImportArgs};
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::command_id::CommandArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::files::{tell_warnings, world_file};
use crate::cli::output::{Column, Output, list, object, tell};
use crate::components::ids::WorldId;

/// Arguments of `worlds`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick worlds list
  worldtick worlds show night-city --output json
  worldtick worlds pause night-city --reason 'looking at prices' --for 10m
  worldtick worlds tick night-city --type hourly
  worldtick worlds import old-town.json --id old-town --to assets/config/worlds/old-town.yaml
  worldtick worlds create my-world.yaml
  worldtick worlds set night-city timeScale=120 tiers.active.maxNpcs=200
  worldtick worlds apply night-city.yaml --dry-run")]
pub struct WorldsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Under which id.
    #[command(flatten)]
    pub under: CommandArgs,
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
    /// Make a world from a file, while the server runs
    Create {
        /// Its file
        file: PathBuf,
    },
    /// Remove a world; its state is lost, its histories stay
    Delete {
        /// The world
        world: WorldId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Change how a world is simulated, from its next step on
    Set {
        /// The world
        world: WorldId,
        /// What is to change in its simulation block, such as timeScale=120; null brings a default back
        #[arg(required = true, value_name = "PATH=VALUE")]
        values: Vec<String>,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Apply a changed file to its living world, and say what of it needs a reset
    Apply {
        /// The file
        file: PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// List who changed what in how a world is simulated
    History {
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
        /// For so long from now, such as 10m or 2h. Where it is asked for again under its --command-id, --until takes its
        /// place, with the instant that the error named
        #[arg(long = "for", value_name = "TIME")]
        duration: Option<Span>,
    },
    /// Let a world's time go on
    Resume {
        /// The world
        world: WorldId,
    },
    /// Move a manual world's time, by at most 31 days in at most 10,000 steps
    Step {
        /// The world
        world: WorldId,
        /// By so many game seconds; without it, by an hour (3600)
        #[arg(long, value_name = "SECONDS")]
        game_seconds: Option<f64>,
        /// By what its scale makes of so many real seconds
        #[arg(long, value_name = "SECONDS", conflicts_with = "game_seconds")]
        real_seconds: Option<f64>,
        /// So many steps of that length, 10,000 at most: without --game-seconds, so many hours
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
    /// Make a world file of behaviour that was written as JSON for another system; asks no server
    Import(ImportArgs),
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

impl WorldsCommand {
    /// Whether it is more than a look.
    fn changes(&self) -> bool {
        match self {
            Self::List | Self::Show { .. } | Self::History { .. } | Self::Import(_) => false,
            Self::Set { dry_run, .. } | Self::Apply { dry_run, .. } => !dry_run,
            Self::Create { .. } | Self::Delete { .. } | Self::Pause { .. } | Self::Resume { .. } => true,
            Self::Step { .. } | Self::Tick { .. } | Self::Reset { .. } | Self::Recover { .. } => true,
        }
    }
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

const SET_COLUMNS: [Column; 3] = [("VALUE", "/pointer"), ("FROM", "/from"), ("TO", "/to")];
const APPLY_COLUMNS: [Column; 4] = [("VALUE", "/pointer"), ("FROM", "/from"), ("TO", "/to"), ("EFFECT", "/effect")];
const HISTORY_COLUMNS: [Column; 5] =
    [("CHANGED AT", "/recorded_at"), ("BY", "/changed_by"), ("VALUE", "/pointer"), ("FROM", "/from"), ("TO", "/to")];

/// What changes, and whether it has.
fn changes(answer: &Value, columns: &[Column], output: Output) -> Result<(), CliError> {
    let rows = answer.get("changes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if rows.is_empty() && output == Output::Table {
        tell("nothing changes: it is so already");
        return Ok(());
    }
    list(answer, rows, columns, output)?;
    if answer["dry_run"] == true {
        tell("nothing was changed: this is what would be");
    }
    Ok(())
}

/// `tiers.active.maxNpcs=7` and more of the kind as one JSON Merge Patch.
fn merge_patch(values: &[String]) -> Result<Value, CliError> {
    let mut patch = json!({});
    for text in values {
        let wrong = || CliError::new(Exit::Usage, format!("`{text}` is no value: write it as timeScale=120"));
        let (path, value) = text.split_once('=').ok_or_else(wrong)?;
        let path = path.trim().trim_start_matches("meta.simulation.");
        if path.is_empty() || path.split('.').any(str::is_empty) || value.trim().is_empty() {
            return Err(wrong());
        }
        let mut place = &mut patch;
        for name in path.split('.') {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[name];
        }
        *place = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    }
    Ok(patch)
}

pub(in crate::cli) fn run(args: &WorldsArgs) -> Result<(), CliError> {
    if let WorldsCommand::Import(import) = &args.command {
        args.under.id(false)?;
        return import::run(import);
    }
    let client = Client::new(&args.client)?.under(args.under.id(args.command.changes())?);
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
        WorldsCommand::Create { file } => {
            let file = world_file(file)?;
            tell_warnings(&file);
            let spec = file.spec;
            let body = serde_json::to_value(&spec).map_err(|error| CliError::new(Exit::BadData, error.to_string()))?;
            object(&client.post("/api/v1/worlds", &body)?, output)
        }
        WorldsCommand::Delete { world, yes } => {
            if !yes {
                confirm(world, "removing", "it is removed")?;
            }
            object(&client.delete(&format!("/api/v1/worlds/{}", segment(world.as_str())))?, output)
        }
        WorldsCommand::Set { world, values, dry_run } => {
            let path = format!("/api/v1/worlds/{}/simulation", segment(world.as_str()));
            let patch = merge_patch(values)?;
            let query = if *dry_run { "?dryRun=true" } else { "" };
            changes(&client.patch(&path, query, &patch)?, &SET_COLUMNS, output)
        }
        WorldsCommand::Apply { file, dry_run } => {
            let spec = world_file(file)?.spec;
            let body = serde_json::to_value(&spec).map_err(|error| CliError::new(Exit::BadData, error.to_string()))?;
            let world = format!("/api/v1/worlds/{}", segment(spec.id.as_str()));
            let answer = if *dry_run {
                client.post(&format!("{world}/apply?dryRun=true"), &body)?
            } else {
                client.post_if(&format!("{world}/apply"), &format!("{world}/simulation"), &body)?
            };
            changes(&answer, &APPLY_COLUMNS, output)?;
            let waits = |change: &&Value| change["effect"] == "reset";
            let waiting = answer["changes"].as_array().map_or(0, |all| all.iter().filter(waits).count());
            if waiting > 0 {
                tell(&format!("{waiting} of these have no effect until `worldtick worlds reset {}`", spec.id));
            }
            Ok(())
        }
        WorldsCommand::History { world } => {
            let answer = client.get(&format!("/api/v1/worlds/{}/simulation/history", segment(world.as_str())), &[])?;
            list(&answer, items(&answer), &HISTORY_COLUMNS, output)
        }
        WorldsCommand::Pause { world, reason, until, duration } => {
            let (client, until) = match duration {
                Some(span) => {
                    let at = instant_after(*span)?;
                    // Another time --for ends at another instant, which is another pause.
                    (client.again_with(format!(" and with --until {at} in place of --for")), Some(at))
                }
                None => (client, *until),
            };
            let until = until.map(|at| at.to_string().into());
            let body = given([("reason", reason.clone().map(Value::from)), ("until", until)]);
            object(&client.post(&format!("/api/v1/worlds/{}/pause", segment(world.as_str())), &body)?, output)
        }
        WorldsCommand::Resume { world } => order(world, "resume", json!({})),
        WorldsCommand::Step { world, game_seconds, real_seconds, steps } => {
            let seconds = [("game_seconds", *game_seconds), ("real_seconds", *real_seconds)];
            let [game, real] = seconds.map(|(name, value)| (name, value.map(Value::from)));
            order(world, "step", given([game, real, ("steps", steps.map(Value::from))]))
        }
        WorldsCommand::Tick { world, tick_type } => order(world, "tick", json!({"type": name(*tick_type)})),
        // It was done before there was a client.
        WorldsCommand::Import(_) => Ok(()),
        WorldsCommand::Reset { world, yes } => {
            if !yes {
                confirm(world, "resetting", "it begins anew from its file")?;
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
pub(super) fn name(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn instant_after(span: Span) -> Result<Timestamp, CliError> {
    let wrong = |_| CliError::new(Exit::Usage, "--for takes a time such as 10m, 2h or 1d");
    // time: worldtick worlds pause --for: until when | real | jiff::Zoned | read once; the engine ends the pause
    Ok(Zoned::now().checked_add(span).map_err(wrong)?.timestamp())
}

/// Asks before a world's state is thrown away.
fn confirm(world: &WorldId, what: &str, then: &str) -> Result<(), CliError> {
    if !std::io::stdin().is_terminal() {
        let error = CliError::new(Exit::Usage, format!("{what} `{world}` throws its state away"));
        return Err(error.help("say --yes to do it"));
    }
    tell(&format!("The state of `{world}` will be lost, and {then}. Type its name to go on:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| CliError::io("standard input", &error))?;
    if line.trim() == world.as_str() { Ok(()) } else { Err(CliError::new(Exit::Failure, "nothing was done")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_one_patch() {
        let patch = |values: &[&str]| merge_patch(&values.iter().map(ToString::to_string).collect::<Vec<_>>());
        let made =
            patch(&["timeScale=120", "tiers.active.maxNpcs=7", "meta.simulation.tiers.dormant.share=null", "a=b c"]);
        let expected = json!({
            "timeScale": 120, "tiers": {"active": {"maxNpcs": 7}, "dormant": {"share": null}}, "a": "b c",
        });
        assert_eq!(made.expect("a patch"), expected);
        for wrong in ["timeScale", "=5", "a..b=1", "a="] {
            assert!(patch(&[wrong]).is_err(), "{wrong}");
        }
    }
}
