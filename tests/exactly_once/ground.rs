//! What a test stands on: three brokers, perhaps a database server, and a folder; all of it gone in the end.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use xtask::kafka::{Cluster, ClusterSpec};
use xtask::postgres::Postgres;
use xtask::process::Scope;
use xtask::run::unrecorded;

/// One test at a time: each needs the machine for itself.
static ALONE: Mutex<()> = Mutex::new(());

/// Which database the server works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// The services of one test. What is first is dropped first.
pub struct Ground {
    pub kafka: Cluster,
    pub postgres: Option<Postgres>,
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Ground {
    /// Starts the services. Nothing: they are not there and not required; a line has been printed.
    pub fn start(engine: Engine) -> Option<Self> {
        let libs = given("WORLDTICK_TEST_KAFKA_LIBS")?;
        let bin = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(given("WORLDTICK_TEST_PG_BIN")?),
        };
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // PostgreSQL may run as another user, who has to be able to enter.
        let open = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("worldtick-once-").permissions(open).tempdir().unwrap();
        let kafka = Cluster::start(ClusterSpec::for_test(3, folder.path(), libs), &mut unrecorded).unwrap();
        let postgres = bin.map(|bin| {
            let server = Postgres::start(&bin, folder.path(), Scope::ParentsGroup, &mut unrecorded).unwrap();
            server.ensure_database("worldtick").unwrap();
            server
        });
        let ground = Self { kafka, postgres, folder, _alone: alone };
        ground.make_topics();
        Some(ground)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn bootstrap_servers(&self) -> String {
        self.kafka.bootstrap_servers()
    }

    /// Where the database is; nothing: SQLite in the server's folder.
    pub fn database_url(&self) -> Option<String> {
        self.postgres.as_ref().map(|server| server.url("worldtick"))
    }

    fn make_topics(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worldtick"));
        command.args(["topics", "apply"]).env("KAFKA_BOOTSTRAP_SERVERS", self.bootstrap_servers());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn given(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(value.is_some() || !required, "{variable} must be set here; `cargo xtask test` does that");
    if value.is_none() {
        eprintln!("skipped: {variable} is not set; `cargo xtask test` sets it");
    }
    value.map(PathBuf::from)
}

/// How many times larger than usual these tests are to be.
pub fn factor() -> usize {
    if std::env::var_os("WORLDTICK_TEST_LONG").is_some() { 5 } else { 1 }
}

/// Waits until `look` finds something.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
