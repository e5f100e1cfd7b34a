//! How the server compares with a bare loop that consumes, transforms and produces with the same transactions, on the
//! same broker, in the same run: `cargo xtask bench bridge`.
//!
//! For each rate of ticks loop and server run in turn, three times. Each pair of runs prints ticks per second and the time
//! from a tick's send to its last visible event (p50, p99), of the loop and of the server, their ratios, and beside them
//! what one database commit costs. The goals are held against the median of the ratios: what else a machine does shows in
//! single runs. `--rate R` looks at one rate only; `--memory N` sends N ticks instead, and `--stepped N` steps N hours by
//! hand; both print the memory of the process on the way and fail if it grows.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "a benchmark measures wall time, prints what it measured, and counts in floats"
)]

mod bare;
mod load;
mod measure;
mod server;

use std::time::Duration;

use load::Load;
use measure::{Report, percentile};
use mimalloc::MiMalloc;

/// As in the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Ticks per second that are asked for.
const RATES: [f64; 3] = [20.0, 100.0, 400.0];
/// Pairs of runs at each rate.
const RUNS: usize = 3;
const SECONDS: f64 = 20.0;
const WARM_UP_SECONDS: f64 = 4.0;
/// More than either can take: what the machine gives when ticks wait in line. Shown beside the goals, not judged; with
/// the default world's four hundred agents the server is then as fast as its markets clear.
const BACKLOG: usize = 4_000;
/// Goals: at least this share of the loop's throughput, and at most this multiple of its p99 plus a database commit.
const THROUGHPUT_GOAL: f64 = 0.8;
const LATENCY_GOAL: f64 = 1.25;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let after =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    if let Some(count) = after("--stepped") {
        return server::stepped(count.parse()?);
    }
    let Ok(servers) = std::env::var("WORLDTICK_TEST_KAFKA").or_else(|_| std::env::var("KAFKA_BOOTSTRAP_SERVERS"))
    else {
        return Err("set WORLDTICK_TEST_KAFKA to a broker, or run `cargo xtask bench bridge`".into());
    };
    load::make_topics(&servers)?;
    if let Some(count) = after("--memory") {
        return server::memory(&servers, count.parse()?);
    }
    println!(
        "rate    loop ticks/s   p50 ms   p99 ms | server ticks/s   p50 ms   p99 ms | commit ms | throughput  latency"
    );
    // The first transactions of a broker that was just started take long.
    bare::run(&servers, &Load { rate: 100.0, ticks: 500, warm_up: 0 })?;
    let mut missed = 0;
    let rates = match after("--rate") {
        Some(rate) => vec![rate.parse()?],
        None => RATES.to_vec(),
    };
    for &rate in &rates {
        let load = Load { rate, ticks: (rate * SECONDS) as usize, warm_up: (rate * WARM_UP_SECONDS) as usize };
        let (mut throughputs, mut latencies) = ([0.0; RUNS], [0.0; RUNS]);
        for (throughput, latency) in throughputs.iter_mut().zip(&mut latencies) {
            let bare = bare::run(&servers, &load)?;
            let (server, commit) = server::run(&servers, &load)?;
            (*throughput, *latency) = print(&format!("{rate:.0}"), &bare, &server, commit);
        }
        let (throughput, latency) = (median(throughputs), median(latencies));
        let met = throughput >= THROUGHPUT_GOAL && latency <= 1.0;
        println!(
            "{rate:>5} median: throughput {throughput:.2}, latency {latency:.2}: {}",
            if met { "met" } else { "missed" }
        );
        missed += usize::from(!met);
    }
    let load = Load { rate: f64::INFINITY, ticks: BACKLOG, warm_up: 0 };
    let (bare, (server, commit)) = (bare::run(&servers, &load)?, server::run(&servers, &load)?);
    print("all", &bare, &server, commit);
    if missed == 0 { Ok(()) } else { Err(format!("{missed} of {} rates miss a goal", rates.len()).into()) }
}

fn median(mut ratios: [f64; RUNS]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[RUNS / 2]
}

/// Prints a row. Gives the share of the loop's throughput, and that of the latency which the goal allows.
fn print(rate: &str, bare: &Report, server: &Report, commit: Duration) -> (f64, f64) {
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    let [bare50, bare99] = [50.0, 99.0].map(|p| millis(percentile(&bare.latencies, p)));
    let [server50, server99] = [50.0, 99.0].map(|p| millis(percentile(&server.latencies, p)));
    let throughput = server.per_second() / bare.per_second();
    let latency = server99 / (bare99 * LATENCY_GOAL + millis(commit));
    println!(
        "{rate:>5} {:13.1} {bare50:9.1} {bare99:8.1} | {:13.1} {server50:9.1} {server99:8.1} | {:9.2} | {throughput:10.2} {latency:8.2}",
        bare.per_second(),
        server.per_second(),
        millis(commit),
    );
    (throughput, latency)
}
