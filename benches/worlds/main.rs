//! What many worlds cost in one process: `cargo xtask bench worlds`.
//!
//! A server with its own broker and SQLite runs so many live worlds, each stepping once a second, then the same worlds
//! paused. For each it prints steps a second, processor time a step (or a world and second where there are none), the
//! largest lag, and memory a world. `--worlds N` and `--seconds S` change the size; `--file FILE` takes another world
//! file than an empty one, with the id `bench`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark measures wall time, prints what it measured, and counts in floats"
)]

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use worldtick::Server;
use worldtick::config::ServerConfig;

/// Ticks of the processor's clock in a second, as Linux counts them for processes.
const CLOCK_TICKS: f64 = 100.0;
const START_LIMIT: Duration = Duration::from_secs(300);

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What was measured over a span of time.
struct Measured {
    seconds: f64,
    cpu_seconds: f64,
    steps: f64,
    lag_max: f64,
    dropped: f64,
    rss_bytes: f64,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let after =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let worlds: usize = after("--worlds").map_or(Ok(1_000), |text| text.parse())?;
    let seconds: u64 = after("--seconds").map_or(Ok(20), |text| text.parse())?;
    let file = match after("--file") {
        Some(path) => fs::read_to_string(path)?,
        None => "id: bench\nclock: live\nmeta: { simulation: { tickIntervalSeconds: 1 } }\n".to_owned(),
    };
    let folder = tempfile::tempdir()?;
    let names: Vec<String> = (0..worlds).map(|number| format!("bench-{number}")).collect();
    let worlds_dir = folder.path().join("worlds");
    fs::create_dir(&worlds_dir)?;
    for name in &names {
        fs::write(worlds_dir.join(format!("{name}.yaml")), file.replacen("id: bench", &format!("id: {name}"), 1))?;
    }
    let mut config = ServerConfig::default();
    config.server.data_dir = folder.path().join("data");
    config.worlds.dir = worlds_dir;
    config.kafka.embedded_port = 0;
    config.admin.listen = "127.0.0.1:0".into();
    let empty = resident_bytes()?;
    let began = Instant::now();
    let server = Server::builder(config).start()?;
    let base = format!("http://{}", server.admin_address());
    while ureq::get(format!("{base}/readyz")).call().is_err() {
        if began.elapsed() > START_LIMIT {
            return Err("the server is not ready".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("{worlds} worlds are ready after {:.1} s", began.elapsed().as_secs_f64());
    // The first steps find everything cold.
    std::thread::sleep(Duration::from_secs(3));
    let live = measure(&base, seconds)?;
    report("live", worlds, &live, empty);
    for name in &names {
        let url = format!("{base}/api/v1/worlds/{name}/pause");
        ureq::post(url).send_json(json!({"reason": "bench"}))?;
    }
    std::thread::sleep(Duration::from_secs(3));
    let paused = measure(&base, seconds)?;
    report("paused", worlds, &paused, empty);
    server.stop()?;
    Ok(())
}

fn report(what: &str, worlds: usize, measured: &Measured, empty: f64) {
    let Measured { seconds, cpu_seconds, steps, lag_max, dropped, rss_bytes } = measured;
    let each = if *steps > 0.0 {
        format!("{:.1} µs of processor time a step", cpu_seconds * 1e6 / steps)
    } else {
        format!("{:.3} µs of processor time a world and second", cpu_seconds * 1e6 / (worlds as f64 * seconds))
    };
    println!(
        "{what:7} {:8.1} steps/s   {each}   {:.1} % of one processor   lag at most {lag_max:.2} s, dropped {dropped:.1} s   {:.0} KiB a world",
        steps / seconds,
        cpu_seconds * 100.0 / seconds,
        (rss_bytes - empty) / 1024.0 / worlds as f64,
    );
}

fn measure(base: &str, seconds: u64) -> Outcome<Measured> {
    let (cpu, steps, began) = (cpu_seconds()?, steps(base)?, Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let (cpu_seconds, steps, seconds) =
        (cpu_seconds()? - cpu, steps_since(base, steps)?, began.elapsed().as_secs_f64());
    let worlds: Value =
        ureq::get(format!("{base}/api/v1/worlds")).call()?.body_mut().with_config().limit(1 << 30).read_json()?;
    let most = |name: &str| {
        let items = worlds["items"].as_array().map_or(&[][..], Vec::as_slice);
        items.iter().filter_map(|world| world[name].as_f64()).fold(0.0, f64::max)
    };
    Ok(Measured {
        seconds,
        cpu_seconds,
        steps,
        lag_max: most("lag_seconds"),
        dropped: most("dropped_seconds"),
        rss_bytes: resident_bytes()?,
    })
}

fn steps_since(base: &str, before: f64) -> Outcome<f64> {
    Ok(steps(base)? - before)
}

/// Steps that were made since the start.
fn steps(base: &str) -> Outcome<f64> {
    let text = ureq::get(format!("{base}/metrics")).call()?.body_mut().read_to_string()?;
    let count = text.lines().find_map(|line| line.strip_prefix("worldtick_step_duration_seconds_count "));
    Ok(count.map_or(Ok(0.0), |count| count.trim().parse())?)
}

/// Processor time of this process so far.
fn cpu_seconds() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).ok_or("no processor time");
    Ok((ticks(11)? + ticks(12)?) / CLOCK_TICKS)
}

fn resident_bytes() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no resident memory")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0)
}
