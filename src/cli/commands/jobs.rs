//! `worldtick jobs`: what is asked of workers outside.

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::chains::page;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::command_id::CommandArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Column, Output, list, object, tell};
use crate::components::ids::WorldId;

/// Arguments of `jobs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick jobs list night-city --state dead
  worldtick jobs explain night-city 9117             # why it waits, what is before it, when it is expected
  worldtick jobs request night-city scene --user alice --npc mara-voss --payload '{\"prompt\": \"a ring in the snow\"}'
  worldtick jobs retry night-city --kind scene --count-only
  worldtick jobs retry night-city --kind scene
  worldtick jobs quotas night-city --max-in-flight 20
  worldtick jobs status night-city
  worldtick jobs edge --user alice                   # what waits for the workers over all worlds, and behind what
  worldtick jobs limits                              # how many may be with the workers
  worldtick jobs limits --of user:alice --concurrent 4 --per-hour 200
  worldtick jobs limits --of kind --concurrent default")]
pub struct JobsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Under which id.
    #[command(flatten)]
    pub under: CommandArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: JobsCommand,
}

/// Which job of a world.
#[derive(Debug, Args)]
pub struct JobOf {
    /// The world
    pub world: WorldId,
    /// The job, by its number
    pub job: u64,
}

/// What can be done with jobs of generation.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs, those that are over among them
    List {
        /// The world
        world: WorldId,
        /// Only those that stand there: pending, queued, running, succeeded, failed, cancelled, expired, dead
        #[arg(long)]
        state: Option<String>,
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        /// Only those of this kind
        #[arg(long)]
        kind: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<u64>,
    },
    /// Say where a job stands, why it waits, what is before it
    #[command(alias = "show")]
    Explain(JobOf),
    /// Ask for a job
    Request {
        /// The world
        world: WorldId,
        /// The kind of generation
        kind: String,
        /// Whom it is done for; without it, the session
        #[arg(long)]
        user: Option<String>,
        /// The session that it is for
        #[arg(long)]
        session: Option<String>,
        /// The NPC that it is for
        #[arg(long)]
        npc: Option<String>,
        /// How urgent it is; without it, as its kind
        #[arg(long, allow_negative_numbers = true)]
        priority: Option<i16>,
        /// Worth nothing after so many seconds of world time; without it, as its kind
        #[arg(long = "for", value_name = "SECONDS")]
        deadline_seconds: Option<u32>,
        /// Whoever asks under the same key while it is under way gets the same job
        #[arg(long)]
        dedup_key: Option<String>,
        /// What workers get, as JSON; without it, that of its kind
        #[arg(long)]
        payload: Option<String>,
    },
    /// Cancel a job
    Cancel(JobOf),
    /// Send dead jobs again: one, or all that match
    Retry {
        /// The world
        world: WorldId,
        /// Only this one
        #[arg(long)]
        job: Option<u64>,
        /// Only those of this kind
        #[arg(long)]
        kind: Option<String>,
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        /// Only count those that match
        #[arg(long)]
        count_only: bool,
    },
    /// Change how many jobs there may be; what is not named stays as it is
    Quotas {
        /// The world
        world: WorldId,
        /// Jobs that wait in the world
        #[arg(long)]
        max_pending: Option<u32>,
        /// Of them for one user
        #[arg(long)]
        max_pending_per_user: Option<u32>,
        /// Jobs that are under way
        #[arg(long)]
        max_in_flight: Option<u32>,
        /// Of them for one user
        #[arg(long)]
        max_in_flight_per_user: Option<u32>,
        /// Dead jobs that are kept
        #[arg(long)]
        max_dead: Option<u32>,
    },
    /// Show how many jobs wait and are under way, the limits, and what has come of them
    Status {
        /// The world
        world: WorldId,
    },
    /// Show what waits for the workers over all worlds, and behind what
    Edge {
        /// Only jobs of this world
        #[arg(long)]
        world: Option<WorldId>,
        /// Only jobs of this user
        #[arg(long)]
        user: Option<String>,
        /// Only jobs of this kind
        #[arg(long)]
        kind: Option<String>,
        /// At most so many jobs, users, kinds, shards and worlds
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Show how many jobs may be with the workers over all worlds, or change it
    Limits {
        /// Of what: all, user, kind, shard, world (of each), or user:NAME, kind:NAME, shard:NUMBER, world:ID
        #[arg(long, value_name = "SCOPE[:NAME]")]
        of: Option<LimitOf>,
        /// So many at once, or `default` for what holds without
        #[arg(long, value_name = "NUMBER", requires = "of")]
        concurrent: Option<LimitValue>,
        /// So many attempts within an hour, or `default` for what holds without
        #[arg(long, value_name = "NUMBER", requires = "of")]
        per_hour: Option<LimitValue>,
    },
}

/// Of what a limit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitOf {
    /// The key of the answer.
    key: &'static str,
    name: Option<String>,
}

impl FromStr for LimitOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scope, name) = text.split_once(':').map_or((text, None), |(scope, name)| (scope, Some(name)));
        let key = match (scope, name) {
            ("all", None) => "all",
            ("user", None) => "perUser",
            ("kind", None) => "perKind",
            ("shard", None) => "perShard",
            ("world", None) => "perWorld",
            ("user", Some(_)) => "users",
            ("kind", Some(_)) => "kinds",
            ("shard", Some(_)) => "shards",
            ("world", Some(_)) => "worlds",
            _ => {
                return Err(
                    "give all, user, kind, shard, world, or one of the last four with a name: user:alice".into()
                );
            }
        };
        Ok(Self { key, name: name.map(str::to_owned) })
    }
}

impl LimitOf {
    /// A patch, or a part of an answer, in its place.
    fn patch(&self, quota: &Value) -> Value {
        match &self.name {
            Some(name) => json!({ self.key: { name.as_str(): quota } }),
            None => json!({ self.key: quota }),
        }
    }
}

/// A limit, or what holds without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitValue(Option<u32>);

impl FromStr for LimitValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self(None)),
            text => text.parse().map(|number| Self(Some(number))).map_err(|_| "give a number, or `default`".into()),
        }
    }
}

impl JobsCommand {
    fn changes(&self) -> bool {
        match self {
            Self::List { .. } | Self::Explain(_) | Self::Status { .. } | Self::Edge { .. } => false,
            Self::Limits { concurrent, per_hour, .. } => concurrent.is_some() || per_hour.is_some(),
            _ => true,
        }
    }
}

const COLUMNS: [Column; 8] = [
    ("JOB", "/jobId"),
    ("STATE", "/state"),
    ("KIND", "/kind"),
    ("USER", "/user"),
    ("SESSION", "/sessionId"),
    ("PRIORITY", "/priority"),
    ("ATTEMPT", "/attempt"),
    ("REASON", "/reason"),
];

const EDGE_COLUMNS: [Column; 8] = [
    ("WORLD", "/world"),
    ("JOB", "/jobId"),
    ("KIND", "/kind"),
    ("USER", "/user"),
    ("ATTEMPT", "/attempt"),
    ("BEFORE", "/before"),
    ("EXPECTED", "/expectedSeconds"),
    ("BEHIND", "/behind"),
];

/// The limits of the edge.
const LIMITS: &str = "/api/v1/generation/limits";

/// The fields that are given.
fn given<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn json_of(text: &str) -> Result<Value, CliError> {
    let read = serde_json::from_str(text);
    read.map_err(|error| CliError::new(Exit::Usage, format!("--payload is no JSON: {error}")))
}

pub(in crate::cli) fn run(args: &JobsArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?.under(args.under.id(args.command.changes())?);
    let output = args.client.output;
    let in_world = |world: &WorldId, rest: &str| format!("/api/v1/worlds/{}/{rest}", segment(world.as_str()));
    let one = |of: &JobOf| in_world(&of.world, &format!("jobs/{}", of.job));
    match &args.command {
        JobsCommand::List { world, state, user, kind, limit, cursor } => {
            let query = [
                ("state", state.clone()),
                ("user", user.clone()),
                ("kind", kind.clone()),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor.map(|cursor| cursor.to_string())),
            ];
            page(&client.get(&in_world(world, "jobs"), &query)?, &COLUMNS, output)
        }
        JobsCommand::Explain(of) => object(&client.get(&one(of), &[])?, output),
        JobsCommand::Request { world, kind, user, session, npc, priority, deadline_seconds, dedup_key, payload } => {
            let body = given([
                ("kind", json!(kind)),
                ("user", json!(user)),
                ("sessionId", json!(session)),
                ("npc", json!(npc)),
                ("priority", json!(priority)),
                ("deadlineSeconds", json!(deadline_seconds)),
                ("dedupKey", json!(dedup_key)),
                ("payload", payload.as_deref().map(json_of).transpose()?.unwrap_or_default()),
            ]);
            object(&client.post(&in_world(world, "jobs"), &body)?, output)
        }
        JobsCommand::Cancel(of) => object(&client.delete(&one(of))?, output),
        JobsCommand::Retry { world, job, kind, user, count_only } => {
            let body = given([
                ("jobId", json!(job)),
                ("kind", json!(kind)),
                ("user", json!(user)),
                ("countOnly", if *count_only { json!(true) } else { Value::Null }),
            ]);
            object(&client.post(&in_world(world, "jobs/resend"), &body)?, output)
        }
        JobsCommand::Quotas {
            world,
            max_pending,
            max_pending_per_user,
            max_in_flight,
            max_in_flight_per_user,
            max_dead,
        } => {
            let body = given([
                ("maxPending", json!(max_pending)),
                ("maxPendingPerUser", json!(max_pending_per_user)),
                ("maxInFlight", json!(max_in_flight)),
                ("maxInFlightPerUser", json!(max_in_flight_per_user)),
                ("maxDead", json!(max_dead)),
            ]);
            object(&client.patch_untagged(&in_world(world, "generation"), &body)?, output)
        }
        JobsCommand::Status { world } => object(&client.get(&in_world(world, "generation"), &[])?, output),
        JobsCommand::Edge { world, user, kind, limit } => {
            let query = [
                ("world", world.as_ref().map(ToString::to_string)),
                ("user", user.clone()),
                ("kind", kind.clone()),
                ("limit", Some(limit.to_string())),
            ];
            edge(&client.get("/api/v1/generation", &query)?, output)
        }
        JobsCommand::Limits { of, concurrent, per_hour } => {
            let mut quota = Map::new();
            for (name, value) in [("concurrent", concurrent), ("perHour", per_hour)] {
                quota.extend(value.map(|LimitValue(value)| (name.to_owned(), json!(value))));
            }
            let answer = match of {
                Some(of) if !quota.is_empty() => client.patch_untagged(LIMITS, &of.patch(&Value::Object(quota)))?,
                _ => client.get(LIMITS, &[])?,
            };
            let shown = of.as_ref().filter(|of| of.name.is_none()).and_then(|of| answer.get(of.key));
            object(shown.unwrap_or(&answer), output)
        }
    }
}

/// What waits, as rows; and in a line how much of the limits is used.
fn edge(answer: &Value, output: Output) -> Result<(), CliError> {
    let rows = answer.get("jobs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list(answer, rows, &EDGE_COLUMNS, output)?;
    let number = |name: &str| answer.get(name).cloned().unwrap_or_default();
    tell(&format!(
        "{} wait, {} of {} with the workers, {} of {} within the hour",
        number("waiting"),
        number("withWorkers"),
        number("concurrent"),
        number("withinTheHour"),
        number("perHour")
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_by_scope_and_name() {
        let of = |text: &str| text.parse::<LimitOf>().map(|of| of.patch(&json!(1)));
        assert_eq!(of("all"), Ok(json!({ "all": 1 })));
        assert_eq!(of("user"), Ok(json!({ "perUser": 1 })));
        assert_eq!(of("user:a:b"), Ok(json!({ "users": { "a:b": 1 } })));
        assert!(of("all:x").is_err() && of("team").is_err());
        assert_eq!("default".parse(), Ok(LimitValue(None)));
        assert!("-1".parse::<LimitValue>().is_err());
    }
}
