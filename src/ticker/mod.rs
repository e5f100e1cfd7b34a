//! `simulation-ticker`: publishes one tick message and ends. A schedule such as a CronJob runs it.
//!
//! Its ids derive from the slot of the schedule, so that a tick that is published twice runs once.

#![expect(clippy::disallowed_methods, reason = "the ticker measures its own run")]

mod message;
mod metrics;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

pub use message::{TickRequest, tick_message, tick_record};
pub use metrics::{Run, exposition};

use crate::cli::{CliError, ConfigArgs, Exit, finish};
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::config::FlagValue;
use crate::messages::{TickType, TriggeredBy};
use crate::plugins::bridge::send::{Delivered, SendError, send_one};

/// Publish one hourly or daily tick, wait until Kafka has it, and end.
#[derive(Debug, Parser)]
#[command(name = "simulation-ticker", version, max_term_width = 100)]
#[command(after_help = "Examples:
  simulation-ticker --type hourly
  simulation-ticker --type daily --world night-city
  simulation-ticker --type hourly --slot 2024-01-15T14:00:00Z    make up for a tick that was missed
  simulation-ticker --type hourly --manual --game-time 2077-01-15T14:00:00Z

The brokers and the user are told by KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL,
KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or by the server's configuration.

Exit codes: 0 published, 1 refused, 2 wrong command line, 69 no broker, 78 wrong configuration")]
pub struct TickerArgs {
    /// Which tick
    #[arg(long = "type", value_enum)]
    pub tick_type: TickerType,
    /// The world that it is for; without it, every world
    #[arg(long)]
    pub world: Option<WorldId>,
    /// Slot of the schedule that the ids derive from; without it, the hour or day that it is now
    #[arg(long, value_name = "INSTANT")]
    pub slot: Option<Timestamp>,
    /// Game time that the tick stands for; without it, the slot
    #[arg(long, value_name = "INSTANT")]
    pub game_time: Option<GameInstant>,
    /// Say that a person made this tick; without --slot it has ids of its own and runs beside the schedule's
    #[arg(long)]
    pub manual: bool,
    /// Kafka's brokers, instead of KAFKA_BOOTSTRAP_SERVERS
    #[arg(long, value_name = "HOST:PORT,…")]
    pub bootstrap_servers: Option<String>,
    /// In which form to write what was published
    #[arg(long, short, value_enum, default_value_t)]
    pub output: TickerOutput,
    /// Add the run to this file, in the form of Prometheus's textfile collector
    #[arg(long, value_name = "FILE", env = "WORLDTICK_TICKER_METRICS_FILE", hide_env_values = true)]
    pub metrics_file: Option<PathBuf>,
    /// Push the run to this Pushgateway
    #[arg(long, value_name = "URL", env = "WORLDTICK_TICKER_METRICS_PUSH", hide_env_values = true)]
    pub metrics_push: Option<String>,
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Which tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TickerType {
    /// Hourly work
    Hourly,
    /// Daily work
    Daily,
}

/// In which form it is written what was published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TickerOutput {
    /// For people
    #[default]
    Table,
    /// JSON
    Json,
}

impl TickerArgs {
    /// What is wrong with the slot, if one is given: the schedule has none but whole hours or days of the calendar, and
    /// a tick for another would have ids that nobody else gives it.
    pub fn wrong_slot(&self) -> Option<String> {
        let slot = self.slot?;
        let (tick_type, what) = match self.tick_type {
            TickerType::Hourly => (TickType::Hourly, "a full hour"),
            TickerType::Daily => (TickType::Daily, "midnight UTC"),
        };
        let (before, after) = message::slots_around(tick_type, slot);
        (before != slot).then(|| format!("--slot {slot} is not {what}: the nearest are {before} and {after}"))
    }

    /// The tick that is asked for when it is `now`.
    pub fn request(&self, now: Timestamp) -> TickRequest {
        let tick_type = match self.tick_type {
            TickerType::Hourly => TickType::Hourly,
            TickerType::Daily => TickType::Daily,
        };
        let scheduled = message::slot_of(tick_type, now);
        // By hand beside the schedule: another tick, which is not taken for a repetition.
        let slot = self.slot.unwrap_or(if self.manual { now } else { scheduled });
        let game_time = self.game_time.unwrap_or_else(|| message::game_instant(self.slot.unwrap_or(scheduled)));
        TickRequest {
            tick_type,
            world: self.world.clone(),
            slot,
            game_time,
            made_at: now,
            triggered_by: if self.manual { TriggeredBy::Manual } else { TriggeredBy::Scheduler },
        }
    }
}

/// Runs the program with these arguments.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match TickerArgs::try_parse_from(arguments) {
        Ok(args) => finish(run(&args)),
        Err(error) => {
            // Help and version come this way, too; nobody can be told if the terminal is gone.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// Publishes the tick, says so, and leaves its metrics.
///
/// # Errors
/// If it was not published. Metrics that cannot be left are told on standard error and are no error.
pub fn run(args: &TickerArgs) -> Result<(), CliError> {
    if let Some(words) = args.wrong_slot() {
        return Err(CliError::new(Exit::Usage, words));
    }
    // time: ticker: length of its run, metrics | real | jiff::Timestamp | read at the beginning and the end
    let start = Timestamp::now();
    let outcome = publish(args, start);
    let ended = Timestamp::now();
    let run = Run {
        tick_type: args.request(start).tick_type,
        world: args.world.clone(),
        published: outcome.is_ok(),
        duration: Duration::try_from(ended.duration_since(start)).unwrap_or_default(),
        ended_at: ended,
    };
    for failed in metrics::leave(&run, args.metrics_file.as_deref(), args.metrics_push.as_deref()) {
        crate::cli::tell(&format!("warning: {failed}"));
    }
    crate::cli::print(&outcome?)
}

fn publish(args: &TickerArgs, now: Timestamp) -> Result<String, CliError> {
    let mut layers = args.config.layers();
    if let Some(servers) = &args.bootstrap_servers {
        let key = "kafka.bootstrap_servers".to_owned();
        layers.flags.push(FlagValue { flag: "--bootstrap-servers".to_owned(), key, value: servers.clone() });
    }
    let kafka = layers.load_kafka()?;
    // Without a cluster there is the broker inside a server on this machine.
    let servers = kafka.bootstrap_servers.clone().unwrap_or_else(|| format!("127.0.0.1:{}", kafka.embedded_port));
    let mut settings =
        kafka.settings(&servers).map_err(|error| CliError::new(Exit::Configuration, error.to_string()))?;
    settings.client_id = "simulation-ticker".to_owned();
    let message = tick_message(&args.request(now));
    let record = tick_record(&message);
    let delivered = send_one(&settings, &record).map_err(|error| match error {
        SendError::Unavailable(error) => error.into(),
        SendError::MissingTopic { .. } | SendError::Refused { .. } => CliError::new(Exit::Failure, error.to_string()),
    })?;
    let Delivered { partition, offset } = delivered;
    let (tick_id, event_id) = (message.data.tick_id, message.event_id);
    Ok(match args.output {
        TickerOutput::Json => {
            let told = json!({"topic": record.topic, "partition": partition, "offset": offset, "tick_id": tick_id, "event_id": event_id});
            format!("{told}\n")
        }
        TickerOutput::Table => format!(
            "topic      {}\npartition  {partition}\noffset     {offset}\ntick_id    {tick_id}\nevent_id   {event_id}\n",
            record.topic
        ),
    })
}
