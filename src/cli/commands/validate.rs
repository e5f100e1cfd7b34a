//! `worldtick validate`: checking messages against their schemas, every error at once.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::cli::error::{CliError, Exit};
use crate::cli::output::{json, print};
use crate::config::verify::{Checker, nearest};
use crate::messages::TickMessage;
use crate::schemas;

/// Which files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick validate tick.json
  kcat -b localhost:9092 -t simulation.event -C -e | worldtick validate -

A file holds one JSON document, a list of them, or one a line. Exits with 65 if any is wrong.")]
pub struct ValidateArgs {
    /// Files to check; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write what is wrong as JSON
    #[arg(long, short, value_enum, default_value_t)]
    pub output: ValidateOutput,
}

/// In which form errors are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ValidateOutput {
    /// For people
    #[default]
    Table,
    /// JSON
    Json,
}

/// The largest input that is read.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// The longest list of errors that is shown; the rest is counted.
const SHOWN_MAX: usize = 1_000;

/// Something that is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MessageProblem {
    /// JSON pointer of what is wrong.
    pub pointer: String,
    /// A short word for the kind of error.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// A problem and where its message stands.
#[derive(Debug, serde::Serialize)]
struct Finding {
    file: String,
    line: usize,
    #[serde(flatten)]
    problem: MessageProblem,
}

pub(in crate::cli) fn run(args: &ValidateArgs) -> Result<(), CliError> {
    let mut findings = Vec::new();
    let mut messages = 0;
    for file in &args.files {
        let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
        let bytes = read(file, &name)?;
        if is_other(file, &bytes) {
            let help = format!("`worldtick config check {name}` checks world files, catalogues and configurations");
            return Err(CliError::new(Exit::BadData, format!("{name} holds no messages")).help(help));
        }
        for (line, message) in split(&bytes) {
            messages += 1;
            let problems = match message {
                Ok(value) => check_message(&value),
                Err(problem) => vec![problem],
            };
            findings.extend(problems.into_iter().map(|problem| Finding { file: name.clone(), line, problem }));
        }
    }
    if args.output == ValidateOutput::Json {
        print(&json(&serde_json::json!({"messages": messages, "errors": findings})))?;
        return if findings.is_empty() { Ok(()) } else { Err(CliError::silent(Exit::BadData)) };
    }
    let count = if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") };
    if findings.is_empty() {
        return print(&format!("{count}, all valid\n"));
    }
    for Finding { file, line, problem } in findings.iter().take(SHOWN_MAX) {
        let place = if problem.pointer.is_empty() { String::new() } else { format!(" {}:", problem.pointer) };
        print(&format!("{file}:{line}:{place} {}\n", problem.detail))?;
    }
    Err(CliError::new(Exit::BadData, format!("{count}, {} errors", findings.len())))
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().take(BYTES_MAX).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes))
    };
    outcome.map(|_| bytes).map_err(|error| CliError::io(name, &error))
}

/// Whether a file is of a kind that another command checks: by its name, or as a world in JSON.
fn is_other(path: &Path, bytes: &[u8]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if matches!(ending, "yaml" | "yml" | "toml") {
        return true;
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(bytes) else { return false };
    let of_a_world = ["economy", "behaviour", "behavior", "npcs", "meta", "startsAt", "clock"];
    !fields.contains_key("event_type")
        && fields.contains_key("id")
        && of_a_world.iter().any(|key| fields.contains_key(*key))
}

/// The messages of a file, each with the line on which it begins.
fn split(bytes: &[u8]) -> Vec<(usize, Result<Value, MessageProblem>)> {
    let Ok(text) = std::str::from_utf8(bytes) else { return by_line(bytes) };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(items)) => items.into_iter().map(|item| (1, Ok(item))).collect(),
        Ok(value) => vec![(first_line(text), Ok(value))],
        // A document over several lines that breaks in the middle is one message, not one a line.
        Err(error) if text.trim_start().starts_with('{') && !is_json(first(text)) => {
            vec![(error.line(), Err(not_json(&error)))]
        }
        Err(_) => by_line(bytes),
    }
}

fn first(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default()
}

fn first_line(text: &str) -> usize {
    text.lines().take_while(|line| line.trim().is_empty()).count() + 1
}

fn is_json(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok()
}

fn not_json(error: &serde_json::Error) -> MessageProblem {
    let detail = format!("this is no JSON: {error}");
    MessageProblem { pointer: String::new(), code: "not_json".to_owned(), detail }
}

fn by_line(bytes: &[u8]) -> Vec<(usize, Result<Value, MessageProblem>)> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    filled
        .map(|(index, line)| {
            let value = match std::str::from_utf8(line) {
                // The line is shown beside it.
                Ok(text) => serde_json::from_str(text).map_err(|error| MessageProblem {
                    detail: not_json(&error).detail.replace(" at line 1 ", " at "),
                    ..not_json(&error)
                }),
                Err(error) => Err(MessageProblem {
                    pointer: String::new(),
                    code: "not_utf8".to_owned(),
                    detail: format!("this is not UTF-8: {error}"),
                }),
            };
            (index + 1, value)
        })
        .collect()
}

/// Everything that is wrong with a tick message or a simulation event; empty for a good one.
pub fn check_message(message: &Value) -> Vec<MessageProblem> {
    let problem = |pointer: &str, code: &str, detail: String| {
        vec![MessageProblem { pointer: pointer.to_owned(), code: code.to_owned(), detail }]
    };
    let Some(event_type) = message.get("event_type") else {
        return problem("", "required", "`event_type` is missing: add it".to_owned());
    };
    let event_type = event_type.as_str().unwrap_or_default();
    let all = schemas::all();
    let known = || {
        schemas::TICK_TYPES
            .iter()
            .copied()
            .chain(all.keys().copied().filter(|name| name.starts_with("simulation.event.")))
    };
    let is_tick = schemas::TICK_TYPES.contains(&event_type);
    let schema = if is_tick { all.get(schemas::TICKS) } else { all.get(event_type) };
    let Some(schema) = schema.filter(|_| known().any(|name| name == event_type)) else {
        let help = match nearest(event_type, known()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known: {}", known().collect::<Vec<_>>().join(", ")),
        };
        return problem(
            "/event_type",
            "unknown_type",
            format!("`{event_type}` is no event type that is known; {help}"),
        );
    };
    let checker = match Checker::new(schema.as_value().clone()) {
        Ok(checker) => checker,
        Err(broken) => return problem("", "schema", broken.message),
    };
    let found = checker.differences(message);
    if found.is_empty() && is_tick {
        // What the reader of ticks says beyond the schema.
        return match TickMessage::parse(message.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(error) => problem("", error.class, error.message),
        };
    }
    let told = |difference: crate::config::verify::Difference| MessageProblem {
        detail: match difference.help {
            Some(help) => format!("{} ({help})", difference.message),
            None => difference.message,
        },
        pointer: difference.pointer,
        code: difference.code,
    };
    found.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(usize, bool)> {
        split(text.as_bytes()).into_iter().map(|(line, message)| (line, message.is_ok())).collect()
    }

    #[test]
    fn a_file_is_one_document_a_list_or_lines() {
        assert_eq!(lines("\n{\n\"a\": 1\n}\n"), [(2, true)]);
        assert_eq!(lines("[{}, {}]"), [(1, true), (1, true)]);
        assert_eq!(lines("{}\n\n{\"a\":}\n{}\n"), [(1, true), (3, false), (4, true)]);
        assert_eq!(lines("{\n\"a\": 1,\n}\n"), [(3, false)]);
        assert_eq!(lines("hello"), [(1, false)]);
        assert_eq!(lines(""), []);
        let bad = split(b"{}\n\xff\n");
        assert!(bad[0].1.is_ok() && bad[1].1.as_ref().is_err_and(|problem| problem.code == "not_utf8"));
    }

    #[test]
    fn a_world_file_is_no_message() {
        assert!(is_other(Path::new("w.yaml"), b"id: w\n"));
        assert!(is_other(Path::new("w.json"), br#"{"id": "w", "clock": "manual"}"#));
        assert!(!is_other(Path::new("m.json"), br#"{"event_type": "x", "id": 1, "meta": {}}"#));
        assert!(!is_other(Path::new("-"), b"hello"));
    }

    #[test]
    fn an_unknown_type_brings_a_suggestion() {
        let message = serde_json::json!({"event_type": "simulation.event.market_clear"});
        let told = &check_message(&message)[0];
        assert!(told.detail.contains("did you mean `simulation.event.market_cleared`?"), "{told:?}");
    }
}
