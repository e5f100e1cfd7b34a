//! The server under the same load, and its memory over a long run.

use std::error::Error;
use std::time::{Duration, Instant};

use bevy_app::App;
use worldtick::config::ServerConfig;
use worldtick::plugins::WorldPlugins;
use worldtick::server::{Running, Server};
use worldtick::testing::Stepper;
use worldtick::world::spec::{DEFAULT_WORLD, WorldSpec};

use crate::load::{EVENTS, Load, drive};
use crate::measure::{Report, resident_bytes};

const WORLD: &str = "bench";

/// Starts a server on a store of its own with the default economy, driven by ticks.
fn start(servers: &str, folder: &std::path::Path) -> Result<Running, Box<dyn Error>> {
    let worlds = folder.join("worlds");
    std::fs::create_dir_all(&worlds)?;
    let text = DEFAULT_WORLD.replace("id: night-city", &format!("id: {WORLD}")).replace("clock: live", "clock: ticks");
    std::fs::write(worlds.join("bench.yaml"), text)?;
    let mut config = ServerConfig::default();
    config.server.data_dir = folder.join("data");
    config.worlds.dir = worlds;
    config.kafka.bootstrap_servers = Some(servers.to_owned());
    config.admin.listen = "127.0.0.1:0".into();
    let running = Server::builder(config).start()?;
    let address = running.admin_address();
    let deadline = Instant::now() + Duration::from_secs(30);
    while ureq::get(format!("http://{address}/readyz")).call().is_err() {
        if Instant::now() > deadline {
            return Err("the server does not become ready".into());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(running)
}

/// Runs the server on SQLite under the load. Also gives the mean cost of a database commit in this run.
pub fn run(servers: &str, load: &Load) -> Result<(Report, Duration), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let running = start(servers, folder.path())?;
    let before = commits(&running)?;
    let report = drive(servers, load, EVENTS, 0, WORLD);
    let after = commits(&running)?;
    running.stop()?;
    let commit = Duration::from_secs_f64((after.0 - before.0) / (after.1 - before.1).max(1.0));
    Ok((report?, commit))
}

/// Seconds in database commits, and how many there were.
fn commits(running: &Running) -> Result<(f64, f64), Box<dyn Error>> {
    let text = ureq::get(format!("http://{}/metrics", running.admin_address())).call()?.body_mut().read_to_string()?;
    let value = |suffix: &str| -> f64 {
        let name = format!("worldtick_commit_duration_seconds_{suffix}{{stage=\"database\"}}");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    };
    Ok((value("sum"), value("count")))
}

/// Prints the memory after each piece of a run, and says at its end whether it grew.
struct Memory(Vec<u64>);

impl Memory {
    /// A run of this many pieces is long enough to tell.
    const PIECES: usize = 20;
    /// What is allowed from a quarter of the run, when everything is warm, to its end.
    const FACTOR: f64 = 1.2;
    const SPARE_BYTES: f64 = 16.0 * 1_048_576.0;

    fn new(unit: &str) -> Self {
        println!("{unit:12} resident MiB");
        Self(Vec::new())
    }

    fn sample(&mut self, done: usize) {
        let resident = resident_bytes();
        println!("{done:9} {:12.1}", resident as f64 / 1_048_576.0);
        self.0.push(resident);
    }

    fn judge(&self) -> Result<(), Box<dyn Error>> {
        let (Some(quarter), Some(last)) = (self.0.get((self.0.len() / 4).saturating_sub(1)), self.0.last()) else {
            return Err("the run was too short for a sample".into());
        };
        let most = *quarter as f64 * Self::FACTOR + Self::SPARE_BYTES;
        if *last as f64 > most {
            let mib = [*quarter as f64, *last as f64, most].map(|bytes| bytes / 1_048_576.0);
            return Err(format!("memory grows: {:.1} MiB, then {:.1}; at most {:.1}", mib[0], mib[1], mib[2]).into());
        }
        Ok(())
    }
}

/// Sends `count` ticks and prints the memory on the way.
///
/// # Errors
/// If something fails or the memory grows.
pub fn memory(servers: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let running = start(servers, folder.path())?;
    let piece = (count / Memory::PIECES).max(1);
    let mut memory = Memory::new("ticks");
    let mut sent = 0;
    while sent < count {
        drive(servers, &Load { rate: 2_000.0, ticks: piece, warm_up: 0 }, EVENTS, sent as i64, WORLD)?;
        sent += piece;
        memory.sample(sent);
    }
    running.stop()?;
    memory.judge()
}

/// Steps the default world by hand `count` times and prints the memory on the way.
///
/// # Errors
/// If something fails or the memory grows.
pub fn stepped(count: u32) -> Result<(), Box<dyn Error>> {
    let mut world = Stepper::new(|| {
        let mut app = App::new();
        if let Ok(spec) = WorldSpec::default_world() {
            app.add_plugins(WorldPlugins { spec });
        }
        app
    })?;
    let mut memory = Memory::new("hours");
    let piece = (count as usize / Memory::PIECES).max(1);
    for done in 1..=Memory::PIECES * piece {
        // What the stepper keeps for whoever wants to replay is no part of the world.
        world.hours(1)?.take_events();
        world.forget_journal();
        if done % piece == 0 {
            memory.sample(done);
        }
    }
    memory.judge()
}
