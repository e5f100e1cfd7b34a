//! What a server does while a broker or a database that it needs is not there, or is not what it was.

use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::bridge_support::private_kafka::PrivateKafka;
use crate::bridge_support::{unique, wait_for};
use crate::server_support::{EVENTS_PER_HOUR, TestServer, world};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::runtime::Runtime;
use worldtick::config::{Seconds, Secret, ServerConfig};
use worldtick::plugins::bridge::KafkaSettings;
use worldtick::plugins::bridge::topics::{TopicCatalogue, apply};
use worldtick::plugins::host::HostFailure;
use worldtick::plugins::store::StoreError;
use worldtick::server::ServerError;

/// A variable of the environment. Where services are required it must be there.
fn named(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(value.is_some() || !required, "services are required: set {name}");
    if value.is_none() {
        // Past the test runner's capture, or nobody would see it.
        let _ = writeln!(std::io::stderr(), "skipped: {name} is not set");
    }
    value
}

/// A database of PostgreSQL that is dropped at the end, and a connection to it beside the server's.
struct Database {
    runtime: Runtime,
    server: String,
    name: String,
}

impl Database {
    fn create() -> Option<Self> {
        let (server, _) =
            named("WORLDTICK_TEST_DATABASE_URL")?.rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        let name = unique("worldtick_absent").replace('-', "_");
        let runtime = Runtime::new().expect("a runtime");
        let database = Self { runtime, server, name };
        database.on("postgres", &format!("CREATE DATABASE {}", database.name));
        Some(database)
    }

    fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    fn on(&self, database: &str, statement: &str) {
        let url = format!("{}/{database}", self.server);
        self.runtime.block_on(async {
            let mut link = PgConnection::connect(&url).await.expect("PostgreSQL answers");
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut link).await.expect("it is done");
        });
    }

    fn number(&self, question: &'static str) -> i64 {
        self.runtime.block_on(async {
            let mut link = PgConnection::connect(&self.url()).await.expect("PostgreSQL answers");
            sqlx::query(question).fetch_one(&mut link).await.expect("it answers").get(0)
        })
    }

    /// Lets nobody else at a table for as long as the connection lives.
    fn lock(&self, table: &str) -> PgConnection {
        self.runtime.block_on(async {
            let mut link = PgConnection::connect(&self.url()).await.expect("PostgreSQL answers");
            for statement in ["BEGIN".to_owned(), format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")] {
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut link).await.expect("it is done");
            }
            link
        })
    }

    fn unlock(&self, link: PgConnection) {
        self.runtime.block_on(link.close()).expect("closed");
    }

    fn configure(&self) -> impl Fn(&mut ServerConfig) + Send + Sync + 'static {
        let url = self.url();
        move |config| {
            config.store.url = Some(Secret::new(url.clone()));
            config.store.operation_timeout_seconds = Seconds::whole(1);
            config.store.snapshot_timeout_seconds = Seconds::whole(1);
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.on("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Waits until `/readyz` is 503 and says this.
fn not_ready(server: &TestServer, words: &str) {
    wait_for(words, || {
        let answer = server.api().get("/readyz?verbose");
        (answer.status == 503 && answer.text.contains(words)).then_some(())
    });
}

#[test]
fn a_broker_that_comes_later_is_waited_for() {
    let Some(mut kafka) = PrivateKafka::prepare() else { return };
    let servers = kafka.plain.clone();
    let mut server = TestServer::prepare(&[world("hand", "manual")], move |config| {
        config.kafka.bootstrap_servers = Some(servers.clone());
    });
    server.try_begin().expect("an absent broker is no error");
    not_ready(&server, &kafka.plain);
    // Nobody waits for an answer until the broker comes.
    let asked = Instant::now();
    server.api().post("/api/v1/worlds/hand/step", &json!({"game_seconds": 3600})).problem(503);
    // Nobody may take worlds that are not restored yet for removed.
    for path in ["/api/v1/worlds", "/api/v1/worlds/hand", "/api/v1/worlds/nobody"] {
        let told = server.api().get(path).problem(503);
        assert!(told["detail"].as_str().is_some_and(|words| words.contains("being restored")), "{path}: {told}");
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    kafka.run();
    let settings = KafkaSettings::new(kafka.plain.clone());
    apply(&settings, &TopicCatalogue::built_in().expect("a catalogue"), Some(1)).expect("topics");
    server.wait_until_ready();
    server.api().post("/api/v1/worlds/hand/step", &json!({"game_seconds": 3600})).ok();
    wait_for("events on the broker", || (server.events_of("hand").len() >= EVENTS_PER_HOUR).then_some(()));
    server.stop();
}

/// A way to PostgreSQL that refuses the first connections.
fn late(server: &str, refused: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (port, count) = (listener.local_addr().expect("an address").port(), Arc::new(AtomicUsize::new(0)));
    let (server, counted) = (server.to_owned(), count.clone());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            if counted.fetch_add(1, Ordering::SeqCst) < refused {
                continue;
            }
            let link = TcpStream::connect(&server).expect("PostgreSQL answers");
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), link.try_clone().unwrap()), (link.try_clone().unwrap(), client)]
            {
                std::thread::spawn(move || {
                    // Either side may end it in any way.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (port, count)
}

#[test]
fn a_database_that_comes_later_is_waited_for() {
    let Some(database) = Database::create() else { return };
    let (user, address) = database.server.rsplit_once('@').expect("a user");
    let (port, count) = late(address, 3);
    let url = format!("{user}@127.0.0.1:{port}/{}", database.name);
    let mut server = TestServer::prepare(&[world("hand", "manual")], move |config| {
        config.store.url = Some(Secret::new(url.clone()));
    });
    server.begin();
    assert!(count.load(Ordering::SeqCst) > 3, "it was refused first");
    server.api().post("/api/v1/worlds/hand/step", &json!({"game_seconds": 3600})).ok();
    server.stop();
}

#[test]
fn a_database_that_does_not_exist_is_told_at_once() {
    let Some(database) = Database::create() else { return };
    let url = format!("{}_of_nobody", database.url());
    let mut server = TestServer::prepare(&[world("hand", "manual")], move |config| {
        config.store.url = Some(Secret::new(url.clone()));
    });
    match server.try_begin() {
        Err(ServerError::Store(error @ StoreError::Unavailable { .. })) => {
            assert!(error.to_string().contains("_of_nobody"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn worlds_wait_for_a_store_that_does_not_answer_and_have_no_fault() {
    let Some(database) = Database::create() else { return };
    let mut server = TestServer::start_with(&[world("hand", "manual")], database.configure());
    server.api().post("/api/v1/worlds/hand/step", &json!({"game_seconds": 1800})).ok();
    let before = server.world("hand");
    for table in ["world", "snapshot", "journal"] {
        server.stop();
        let lock = database.lock(table);
        server.try_begin().expect("the store is there");
        not_ready(&server, "the store is waited for");
        database.unlock(lock);
        server.wait_until_ready();
        for field in ["now", "state_hash", "inputs", "status"] {
            assert_eq!(server.world("hand")[field], before[field], "{field} after {table} was locked");
        }
    }
    // Who waits can be told to stop, and leaves nothing behind.
    server.stop();
    let lock = database.lock("snapshot");
    server.try_begin().expect("the store is there");
    not_ready(&server, "the store is waited for");
    server.stop();
    database.unlock(lock);
    server.begin();
    assert_eq!(server.world("hand")["state_hash"], before["state_hash"]);
    server.stop();
}

#[test]
fn worlds_that_do_not_end_in_time_are_no_mistake_in_the_configuration() {
    let Some(database) = Database::create() else { return };
    let configure = database.configure();
    let mut server = TestServer::start_with(&[world("live", "live")], move |config| {
        configure(config);
        config.store.operation_timeout_seconds = Seconds::whole(5);
        config.server.shutdown_timeout_seconds = Seconds::whole(1);
    });
    // Commits hang, and so would giving back the lease.
    let lock = database.lock("lease");
    not_ready(&server, "away for");
    let running = server.take_running();
    let began = Instant::now();
    match running.stop() {
        Err(error @ ServerError::NotInTime { seconds: 1 }) => assert!(!error.is_configuration(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    database.unlock(lock);
}

#[test]
fn nothing_is_committed_on_a_restored_back_up_that_kafka_is_ahead_of() {
    let (Some(database), Some(kafka)) = (Database::create(), named("WORLDTICK_TEST_KAFKA")) else { return };
    apply(&KafkaSettings::new(kafka.clone()), &TopicCatalogue::built_in().expect("a catalogue"), Some(1))
        .expect("topics");
    let (configure, group, id) = (database.configure(), unique("group"), unique("live"));
    let mut server = TestServer::start_with(&[world(&id, "live")], move |config| {
        configure(config);
        config.store.operation_timeout_seconds = Seconds::whole(5);
        config.kafka.bootstrap_servers = Some(kafka.clone());
        config.kafka.hourly_group = format!("{group}-hourly");
        config.kafka.daily_group = format!("{group}-daily");
    });
    wait_for("the live world has lived", || (server.events_of(&id).len() >= 2 * EVENTS_PER_HOUR).then_some(()));
    server.stop();
    database.on(
        &database.name,
        "WITH rows AS (DELETE FROM outbox), marks AS (DELETE FROM outbox_mark) UPDATE lease SET next_outbox_id = 2",
    );
    let commit_no = || database.number("SELECT max(commit_no) FROM lease");
    let before = commit_no();
    server.try_begin().expect("it begins");
    match server.take_running().wait_for_signal() {
        Err(error @ ServerError::Host(HostFailure::Publisher(_))) => {
            assert!(error.to_string().contains("worldtick outbox skip-to"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(commit_no(), before, "nothing was committed");
}
