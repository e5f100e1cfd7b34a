//! A whole server in the test's own process: its folder, its worlds, and how to talk to it.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "helpers of tests; each file uses a part of them")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "helpers of tests")]

pub mod http;
pub mod ticks;

use std::sync::Arc;
use std::time::Instant;

use bevy_app::App;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tempfile::TempDir;
use worldtick::Server;
use worldtick::config::ServerConfig;
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::server::{Running, ServerError};
use worldtick::world::spec::DEFAULT_WORLD;

use crate::bridge_support::{LIMIT, Rec, read_all, wait_for, write};
use http::Api;

pub const HOURLY: &str = "world.tick.hourly";
pub const DAILY: &str = "world.tick.daily";
pub const EVENTS: &str = "simulation.event";
/// Events of an hourly tick: each market cleared, demand for each commodity, and what agents did.
pub const EVENTS_PER_HOUR: usize = 2 * COMMODITIES.len() + 1;
pub const COMMODITIES: [&str; 5] = ["Crystal", "Food", "Metal", "Weapon", "Wood"];

/// A world file: the world that ships with worldtick, with few people, and without its stories: who tests those has some of
/// their own.
pub fn world(id: &str, clock: &str) -> String {
    let changes = [
        ("id: night-city", format!("id: {id}")),
        ("clock: live", format!("clock: {clock}")),
        ("tickIntervalSeconds: 1", "tickIntervalSeconds: 0.1".to_owned()),
        ("timeScale: 3600", "timeScale: 36000".to_owned()),
        ("count: 400", "count: 60".to_owned()),
    ];
    let (before, _) = DEFAULT_WORLD.split_once("\ninteractions:").expect("stories come last");
    changes.iter().fold(format!("{before}\n"), |text, (from, to)| {
        assert!(text.contains(from), "the world that ships has changed: {from}");
        text.replace(from, to)
    })
}

type Change = Arc<dyn Fn(&mut ServerConfig) + Send + Sync>;
type Plugins = Arc<dyn Fn(&mut App) + Send + Sync>;

/// A server that can be stopped and started again on the same folder.
pub struct TestServer {
    pub folder: TempDir,
    change: Change,
    plugins: Option<Plugins>,
    running: Option<Running>,
}

impl TestServer {
    /// Starts a server with these world files, and waits until it is ready.
    pub fn start(worlds: &[String]) -> Self {
        Self::start_with(worlds, |_| {})
    }

    pub fn start_with(worlds: &[String], change: impl Fn(&mut ServerConfig) + Send + Sync + 'static) -> Self {
        let mut server = Self::prepare(worlds, change);
        server.begin();
        server
    }

    /// The folder and the files; nothing runs yet.
    pub fn prepare(worlds: &[String], change: impl Fn(&mut ServerConfig) + Send + Sync + 'static) -> Self {
        show_log();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("worlds")).expect("a folder");
        for (number, text) in worlds.iter().enumerate() {
            std::fs::write(folder.path().join(format!("worlds/{number}.yaml")), text).expect("written");
        }
        Self { folder, change: Arc::new(change), plugins: None, running: None }
    }

    #[must_use]
    pub fn plugins(mut self, add: impl Fn(&mut App) + Send + Sync + 'static) -> Self {
        self.plugins = Some(Arc::new(add));
        self
    }

    pub fn config(&self) -> ServerConfig {
        let mut config = ServerConfig::default();
        config.server.data_dir = self.folder.path().join("data");
        config.worlds.dir = self.folder.path().join("worlds");
        config.kafka.embedded_port = 0;
        config.admin.listen = "127.0.0.1:0".into();
        config.host.worker_threads = 2;
        (self.change)(&mut config);
        config
    }

    pub fn try_begin(&mut self) -> Result<(), ServerError> {
        let mut server = Server::builder(self.config());
        if let Some(add) = self.plugins.clone() {
            server = server.add_plugins(move |app| add(app));
        }
        self.running = Some(server.start()?);
        Ok(())
    }

    /// Starts, and waits until everything is in order.
    pub fn begin(&mut self) {
        self.try_begin().unwrap_or_else(|error| panic!("the server does not start: {error}"));
        self.wait_until_ready();
    }

    pub fn wait_until_ready(&self) {
        let start = Instant::now();
        wait_for("the server is ready", || {
            let answer = self.api().get("/readyz?verbose");
            assert!(start.elapsed() < LIMIT, "not ready: {}", answer.text);
            (answer.status == 200).then_some(())
        });
    }

    pub fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop().expect("it stops cleanly");
    }

    /// Stops and starts again.
    pub fn restart(&mut self) {
        self.stop();
        self.begin();
    }

    /// Changes the SQLite store behind the server's back.
    pub fn change_store(&self, sql: &str) {
        let url = format!("sqlite:{}", self.folder.path().join("data/worldtick.db").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut link = sqlx::SqliteConnection::connect(&url).await.expect("the store's file");
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut link).await.expect("changed");
            link.close().await.expect("closed");
        });
    }

    /// What the SQLite store answers, as text.
    pub fn query_store(&self, sql: &str) -> Vec<Vec<String>> {
        let url = format!("sqlite:{}", self.folder.path().join("data/worldtick.db").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut link = sqlx::SqliteConnection::connect(&url).await.expect("the store's file");
            let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut link).await.expect("rows");
            let text = |row: &sqlx::sqlite::SqliteRow, at| row.try_get_unchecked::<String, _>(at).expect("text");
            let rows = rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect();
            link.close().await.expect("closed");
            rows
        })
    }

    /// The server itself, for whoever waits for its end.
    pub fn take_running(&mut self) -> Running {
        self.running.take().expect("it runs")
    }

    /// The same folder with another configuration, for the next start.
    #[must_use]
    pub fn changed(mut self, change: impl Fn(&mut ServerConfig) + Send + Sync + 'static) -> Self {
        self.change = Arc::new(change);
        self
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    pub fn api(&self) -> Api {
        Api::new(&self.running().admin_address().to_string())
    }

    pub fn kafka(&self) -> KafkaSettings {
        KafkaSettings::new(self.running().bootstrap_servers())
    }

    /// Sends one value to a partition of a topic.
    pub fn send(&self, topic: &str, partition: i32, value: &str) {
        write(&self.kafka(), topic, &[Rec::to(partition, value)]);
    }

    /// Everything on a topic of this server's broker.
    pub fn read(&self, topic: &str) -> Vec<Rec> {
        read_all(&self.kafka(), topic)
    }

    /// The simulation events of a world, as JSON.
    pub fn events_of(&self, world: &str) -> Vec<Value> {
        let records = self.read(EVENTS);
        let events = records.iter().map(|record| serde_json::from_str::<Value>(&record.text()).expect("JSON"));
        events.filter(|event| event["world_id"] == world).collect()
    }

    /// The world as the admin API shows it.
    pub fn world(&self, world: &str) -> Value {
        self.api().get(&format!("/api/v1/worlds/{world}")).ok()
    }

    /// The tick history of a tick: waits until as many rows are there, and the server has told everybody of their commit.
    pub fn history(&self, tick_id: &str, rows: usize) -> Vec<Value> {
        let found = wait_for(&format!("{rows} rows of the history of tick {tick_id}"), || {
            let found = self.api().get(&format!("/api/v1/ticks?tick={tick_id}")).ok();
            let items = found["items"].as_array().expect("items").clone();
            (items.len() >= rows).then_some(items)
        });
        let last = found.iter().filter_map(|row| row["commit_no"].as_i64()).max().expect("a commit");
        wait_for("the commit is told", || {
            let told: i64 = self.outbox()?.rsplit(' ').next()?.parse().ok()?;
            (told >= last).then_some(())
        });
        found
    }

    /// What readiness says of the outbox.
    fn outbox(&self) -> Option<String> {
        let checks = self.api().get("/readyz?verbose").json();
        let outbox = checks["checks"].as_array()?.iter().find(|check| check["name"] == "outbox")?["detail"].clone();
        outbox.as_str().map(str::to_owned)
    }

    /// Waits until everything that is in the store is on Kafka, too.
    pub fn wait_until_published(&self) {
        wait_for("everything is published", || self.outbox()?.starts_with("0 rows").then_some(()));
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let stopped = running.stop();
            if !std::thread::panicking() {
                stopped.expect("it stops cleanly");
            }
        }
    }
}

/// The log of the servers, for whoever looks for a bug: `WORLDTICK_TEST_LOG=info`.
pub fn show_log() {
    if let Ok(filter) = std::env::var("WORLDTICK_TEST_LOG") {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        // Another test may have done it already.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    }
}

/// The value of a metric with exactly these labels; 0 where there is none.
pub fn metric(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}
