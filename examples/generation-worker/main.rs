//! A worker that generates nothing, as a place to start from for one that does.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 cargo run --example generation-worker -- --slow 2 --fail 20 --twice 10 --die 1
//! ```
//!
//! `--slow` is how many seconds a job takes; `--fail`, `--twice` and `--die` are how many of a hundred jobs fail, are answered
//! twice, and end the worker in their midst.

#![expect(clippy::print_stdout, reason = "a worker tells what it does")]
#![expect(clippy::disallowed_methods, reason = "a worker lives in real time")]

mod worker;

use std::error::Error;

use worker::{Habits, work};

/// The number after a flag: `--slow 2`.
fn flag(words: &[String], name: &str) -> Result<u64, Box<dyn Error>> {
    let Some(at) = words.iter().position(|word| word == name) else { return Ok(0) };
    let number = words.get(at + 1).ok_or_else(|| format!("{name} wants a number"))?;
    number.parse().map_err(|_| format!("{name}: `{number}` is no whole number").into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let known = ["--slow", "--fail", "--twice", "--die"];
    if let Some(other) = words.iter().step_by(2).find(|word| !known.contains(&word.as_str())) {
        return Err(format!("`{other}` is none of {}", known.join(", ")).into());
    }
    let brokers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").unwrap_or_else(|_| "127.0.0.1:9092".to_owned());
    let [slow, fail, twice, die] =
        [flag(&words, "--slow")?, flag(&words, "--fail")?, flag(&words, "--twice")?, flag(&words, "--die")?];
    work(&brokers, Habits { slow, fail, twice, die })
}
