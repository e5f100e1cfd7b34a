//! `worldtick events`: following what happens.

use std::io::{BufRead, BufReader, IsTerminal};
use std::sync::mpsc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::worlds::items;
use crate::cli::client::{Client, ClientArgs};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Output, cell, print, tell};
use crate::components::ids::WorldId;

/// Arguments of `events`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick events tail                                      the last ten events, then what happens
  worldtick events tail --type simulation.event.market_cleared
  worldtick events tail --follow=false --last 100 --output json")]
pub struct EventsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: EventsCommand,
}

/// What can be asked about events.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Write events as they happen, one a line; Ctrl-C ends it
    Tail(TailArgs),
}

/// Which events, and how many.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Only of this world
    #[arg(long)]
    pub world: Option<WorldId>,
    /// Only of this type, such as simulation.event.market_cleared
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Only of this tick; what has happened, without following
    #[arg(long, value_name = "ID")]
    pub tick: Option<uuid::Uuid>,
    /// Begin with so many of the latest events
    #[arg(long, default_value_t = 10, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub last: u32,
    /// Go on with what happens
    #[arg(long, short, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub follow: bool,
    /// End after so many events
    #[arg(long, value_name = "NUMBER")]
    pub count: Option<u64>,
}

/// The longest wait between two attempts to connect again.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

pub(in crate::cli) fn run(args: &EventsArgs) -> Result<(), CliError> {
    let EventsCommand::Tail(tail) = &args.command;
    let client = Client::new(&args.client)?;
    let mut writer = Writer { output: args.client.output, left: tail.count.unwrap_or(u64::MAX), header: false };
    end_cleanly_on_signals();
    let last_id = if tail.last > 0 { write_last(&client, tail, &mut writer)? } else { None };
    if !tail.follow || tail.tick.is_some() || writer.left == 0 {
        return Ok(());
    }
    if writer.output == Output::Table && std::io::stdout().is_terminal() {
        tell("following; Ctrl-C ends it");
    }
    follow(&client, tail, &mut writer, last_id)
}

/// Writes the latest events, the oldest of them first. Returns the place of the last one, which the stream goes on from.
fn write_last(client: &Client, tail: &TailArgs, writer: &mut Writer) -> Result<Option<String>, CliError> {
    let mut query = filters(tail);
    query.push(("tick", tail.tick.map(|id| id.to_string())));
    query.push(("limit", Some(tail.last.to_string())));
    let answer = client.get("/api/v1/events", &query)?;
    for event in items(&answer).iter().rev() {
        writer.write(event.get("body").unwrap_or(event))?;
    }
    let newest = items(&answer).first();
    Ok(newest.and_then(|event| event.get("cursor")?.as_str().map(str::to_owned)))
}

fn filters(tail: &TailArgs) -> Vec<(&'static str, Option<String>)> {
    vec![("world", tail.world.as_ref().map(ToString::to_string)), ("type", tail.event_type.clone())]
}

/// Follows the stream, and connects again when it breaks.
fn follow(client: &Client, tail: &TailArgs, writer: &mut Writer, last_id: Option<String>) -> Result<(), CliError> {
    let mut last_id = last_id;
    let mut wait = Duration::from_millis(250);
    let mut connected = false;
    loop {
        match client.stream("/api/v1/events/stream", &filters(tail), last_id.as_deref()) {
            Ok(answer) => {
                if connected {
                    tell("connected again");
                }
                connected = true;
                wait = Duration::from_millis(250);
                read_stream(BufReader::new(answer.into_body().into_reader()), writer, &mut last_id)?;
            }
            // A server that was never there, and one that refuses, will not change their minds.
            Err(error) if !connected || error.exit != Exit::Unavailable => return Err(error),
            Err(_) => {}
        }
        if writer.left == 0 {
            return Ok(());
        }
        tell(&format!("the stream has broken; connecting again in {:.1} s", wait.as_secs_f64()));
        pause(wait);
        wait = (wait * 2).min(BACK_OFF_MAX);
    }
}

/// Waits; a signal ends the program and with it the wait.
fn pause(time: Duration) {
    let (_kept, never) = mpsc::channel::<()>();
    // Nothing is ever sent: this is a wait and nothing else.
    // time: worldtick events tail: connecting again | real | channel with time-out | fixed wait
    let _ = never.recv_timeout(time);
}

/// Writes the events of a stream (text/event-stream) until it ends.
fn read_stream(lines: impl BufRead, writer: &mut Writer, last_id: &mut Option<String>) -> Result<(), CliError> {
    let mut event = StreamEvent::default();
    for line in lines.lines() {
        // Broken or silent for too long: whoever called connects again.
        let Ok(line) = line else { return Ok(()) };
        let Some(done) = event.take(&line) else { continue };
        if let Ok(value) = serde_json::from_str::<Value>(&done.data) {
            writer.write(&value)?;
        }
        if !done.id.is_empty() {
            *last_id = Some(done.id);
        }
        if writer.left == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// An event of the stream, as far as its lines have come.
#[derive(Debug, Default, PartialEq, Eq)]
struct StreamEvent {
    id: String,
    data: String,
}

impl StreamEvent {
    /// Takes a line; an empty one completes the event.
    fn take(&mut self, line: &str) -> Option<Self> {
        if line.is_empty() {
            let done = std::mem::take(self);
            return if done.data.is_empty() { None } else { Some(done) };
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.id),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments keep the connection alive; the type stands in the data, too.
            _ => {}
        }
        None
    }
}

/// Writes events, one a line, as many as are wanted.
struct Writer {
    output: Output,
    left: u64,
    header: bool,
}

impl Writer {
    fn write(&mut self, event: &Value) -> Result<(), CliError> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        match self.output {
            Output::Json => print(&format!("{event}\n")),
            Output::Table => print(&format!("{}\n", readable(event))),
            Output::Csv => {
                if !self.header {
                    self.header = true;
                    print("timestamp,world_id,event_type,event_id,tick_id,event\n")?;
                }
                let text = |name: &str| event.get(name).map(cell).unwrap_or_default();
                let names = ["timestamp", "world_id", "event_type", "event_id", "tick_id"].map(text).join(",");
                print(&format!("{names},\"{}\"\n", event.to_string().replace('"', "\"\"")))
            }
        }
    }
}

/// Fields of the envelope, which are shown elsewhere or not at all.
const ENVELOPE: [&str; 9] =
    ["event_id", "event_type", "timestamp", "version", "source", "world_id", "tick_id", "game_hour", "period"];

/// An event as a line for people.
fn readable(event: &Value) -> String {
    let text = |name: &str| event.get(name).map(cell).unwrap_or_else(|| "-".to_owned());
    let event_type = text("event_type");
    let short = event_type.strip_prefix("simulation.event.").unwrap_or(&event_type);
    let payload = event.get("data").filter(|data| data.is_object()).unwrap_or(event);
    let fields = payload.as_object().into_iter().flatten().filter(|(name, _)| !ENVELOPE.contains(&name.as_str()));
    // Tables of measures are for programs: they have no end on a line.
    let fields = fields.filter(|(_, value)| !value.is_object());
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}={}", cell(value))).collect();
    format!("{}  {}  {short}  {}", text("timestamp"), text("world_id"), fields.join(" "))
}

/// Ctrl-C and SIGTERM are how one stops looking: the program ends with 0. Returns once that holds.
fn end_cleanly_on_signals() {
    let (ready, waiting) = mpsc::channel();
    let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let handlers = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
            let (Ok(mut interrupt), Ok(mut terminate)) = handlers else { return };
            // Whoever waited for it may have stopped waiting.
            let _ = ready.send(());
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(0);
        });
    });
    // Without the thread a signal still ends the program, with a code of its own.
    if thread.is_ok() {
        // time: worldtick events tail: leaving on a signal | real | channel with time-out | time-out
        let _ = waiting.recv_timeout(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_by_its_rules() {
        let mut event = StreamEvent::default();
        let lines = [": hello", "", "id: 7", "event: x", "data: {\"a\":", "data: 1}", ""];
        let done: Vec<StreamEvent> = lines.iter().filter_map(|line| event.take(line)).collect();
        assert_eq!(done, [StreamEvent { id: "7".into(), data: "{\"a\":\n1}".into() }]);
    }

    #[test]
    fn a_line_shows_the_payload_wherever_it_stands() {
        let flat = serde_json::json!({
            "event_type": "simulation.event.market_cleared", "timestamp": "2077-01-01T01:00:00Z", "world_id": "w",
            "commodity": "Food", "price": 10.5, "volume": 3, "beliefs": {"mean": 10.0}, "wealth": {"gini": 0.2}
        });
        let data = serde_json::json!({
            "event_type": "simulation.event.market_cleared", "timestamp": "2077-01-01T01:00:00Z", "world_id": "w",
            "data": {"commodity": "Food", "price": 10.5, "volume": 3}
        });
        let line = "2077-01-01T01:00:00Z  w  market_cleared  commodity=Food price=10.50 volume=3";
        assert_eq!(readable(&flat), line);
        assert_eq!(readable(&data), line);
    }
}
