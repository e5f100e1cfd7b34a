//! A fresh store for each test, and rows to put into it.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use sqlx::Connection as _;
use tempfile::TempDir;
use uuid::Uuid;
use worldtick::plugins::store::{
    Commit, CommitOutcome, DeadLetterRow, EngineKind, InputPosition, JournalRow, Lease, MarketStateRow, OutboxMark,
    OutboxRow, RelationHistoryRow, RelationRow, ShardId, SnapshotRow, Store, StoreConfig, TickHistoryRow, TickSeenRow,
    WorldChange, WorldRow, WorldStatus,
};

pub(crate) const SHARDS: i32 = 3;
pub(crate) const STALE: Duration = Duration::from_secs(10);
/// No test takes a tenth of this; one that hangs must still end.
const TEST_LIMIT: Duration = Duration::from_secs(120);

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// Where the stores of one test live.
pub(crate) struct Bench {
    pub kind: EngineKind,
    pub url: String,
    folder: TempDir,
}

/// Runs one test on one engine; what it made is removed even if it fails.
pub(crate) fn run(kind: EngineKind, test: impl AsyncFnOnce(&Bench)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let Some((url, database)) = make_database(kind, &folder).await else { return };
        let bench = Bench { kind, url, folder };
        let limited = tokio::time::timeout(TEST_LIMIT, test(&bench));
        let result = AssertUnwindSafe(limited).catch_unwind().await;
        if let Some(database) = database {
            admin(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await;
        }
        match result {
            Ok(done) => done.expect("the test ends in time"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
}

async fn make_database(kind: EngineKind, folder: &TempDir) -> Option<(String, Option<String>)> {
    if kind == EngineKind::Sqlite {
        return Some((format!("sqlite:{}", folder.path().join("data/world.db").display()), None));
    }
    let Some(url) = admin_url() else {
        let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
        assert!(!required, "services are required: set WORLDTICK_TEST_DATABASE_URL");
        // Past the test runner's capture, or nobody would see it.
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(std::io::stderr(), "skipped: {test}: WORLDTICK_TEST_DATABASE_URL is not set");
        return None;
    };
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let database = format!("worldtick_test_{}_{number}", std::process::id());
    admin(&format!("CREATE DATABASE {database}")).await;
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    Some((format!("{server}/{database}"), Some(database)))
}

fn admin_url() -> Option<String> {
    std::env::var("WORLDTICK_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

async fn admin(sql: &str) {
    let mut link = sqlx::PgConnection::connect(&admin_url().unwrap()).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut link).await.unwrap();
}

impl Bench {
    pub(crate) fn config(&self) -> StoreConfig {
        StoreConfig::new(&self.url)
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.config()).await.unwrap()
    }

    /// An open store and its lease.
    pub(crate) async fn owner(&self) -> Owner {
        Owner::of(self.open().await).await
    }

    /// A PostgreSQL connection past the store.
    pub(crate) async fn postgres(&self) -> sqlx::PgConnection {
        sqlx::PgConnection::connect(&self.url).await.unwrap()
    }

    /// A SQLite connection past the store.
    pub(crate) async fn sqlite(&self) -> sqlx::SqliteConnection {
        let file = self.folder.path().join("data/world.db");
        sqlx::SqliteConnection::connect_with(&sqlx::sqlite::SqliteConnectOptions::new().filename(file)).await.unwrap()
    }
}

/// A store, its lease, and the number of the next commit.
pub(crate) struct Owner {
    pub store: Store,
    pub lease: Lease,
    pub last_commit: i64,
    next_outbox_ids: Vec<i64>,
}

impl Owner {
    pub(crate) async fn of(store: Store) -> Self {
        let lease = store.acquire(SHARDS, "the tests", STALE).await.unwrap();
        Self::with(store, lease)
    }

    pub(crate) fn with(store: Store, lease: Lease) -> Self {
        let next_outbox_ids = lease.rows().iter().map(|row| row.next_outbox_id).collect();
        Self { last_commit: lease.commit_no(), store, lease, next_outbox_ids }
    }

    /// The next commit, empty.
    pub(crate) fn next(&self) -> Commit {
        Commit { epoch: self.lease.epoch(), commit_no: self.last_commit + 1, ..Commit::default() }
    }

    /// Numbers outbox rows and adds them to a commit.
    pub(crate) fn publish(&mut self, commit: &mut Commit, rows: Vec<OutboxRow>) {
        for mut row in rows {
            let next = &mut self.next_outbox_ids[usize::try_from(row.shard).unwrap()];
            row.id = *next;
            *next += 1;
            commit.outbox.push(row);
        }
        commit.next_outbox_ids = (0..).zip(self.next_outbox_ids.iter().copied()).collect();
    }

    /// Commits, and expects it to be done.
    pub(crate) async fn commit(&mut self, commit: &Commit) {
        assert_eq!(self.store.commit(&self.lease, commit).await.unwrap(), CommitOutcome::Done);
        self.last_commit = commit.commit_no;
    }

    /// Commits `rows` as the next commit.
    pub(crate) async fn commit_outbox(&mut self, rows: Vec<OutboxRow>) {
        let mut commit = self.next();
        self.publish(&mut commit, rows);
        self.commit(&commit).await;
    }

    /// Registers a world as the next commit.
    pub(crate) async fn register(&mut self, world: &WorldRow) {
        let mut commit = self.next();
        commit.worlds.push(WorldChange::Register(world.clone()));
        self.commit(&commit).await;
    }

    /// Gives everything up, as a server that ends.
    pub(crate) async fn end(self) {
        self.store.release(&self.lease).await.unwrap();
        self.store.close().await;
    }
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn world(name: &str, incarnation: u128) -> WorldRow {
    WorldRow {
        world_id: name.to_owned(),
        shard: 1,
        incarnation: id(incarnation),
        spec: r#"{"name":"Hof \"Süd\"","note":"\u0000 is allowed in here"}"#.to_owned(),
        spec_hash: -42,
        status: WorldStatus::Running,
        registered_at: 1_700_000_000_000_000,
        registered_commit: 0,
        simulation: None,
    }
}

pub(crate) fn journal(world_id: &str, commit_no: i64) -> JournalRow {
    JournalRow {
        world_id: world_id.to_owned(),
        shard: 1,
        commit_no,
        simulation_version: "0.1.0".to_owned(),
        inputs: format!(r#"[{{"step":{commit_no}}}]"#),
        state_hash: i64::MIN + commit_no,
        cost_micros: 250,
    }
}

pub(crate) fn snapshot(world: &WorldRow, commit_no: i64) -> SnapshotRow {
    SnapshotRow {
        world_id: world.world_id.clone(),
        shard: world.shard,
        commit_no,
        incarnation: world.incarnation,
        simulation_version: "0.1.0".to_owned(),
        state_hash: i64::MAX - commit_no,
        bytes: (0..=255).collect(),
    }
}

pub(crate) fn tick(shard: ShardId, number: u128) -> TickSeenRow {
    TickSeenRow { shard, tick_id: id(number), seen_at: 1_000 + i64::try_from(number).unwrap() }
}

pub(crate) fn history(world_id: Option<&str>, number: u128, commit_no: i64) -> TickHistoryRow {
    TickHistoryRow {
        tick_id: id(number),
        tick_type: "hourly".to_owned(),
        world_id: world_id.map(str::to_owned),
        shard: 1,
        outcome: "applied".to_owned(),
        detail: Some("ünïcödé 🜁".to_owned()),
        game_time: Some(-5),
        topic: Some("world.tick.hourly".to_owned()),
        partition: Some(2),
        offset: Some(i64::MAX),
        events: 5,
        markets_cleared: 5,
        recorded_at: 1_000 + commit_no,
        commit_no,
    }
}

pub(crate) fn market(world_id: &str, commodity: &str, commit_no: i64) -> MarketStateRow {
    MarketStateRow {
        world_id: world_id.to_owned(),
        shard: 1,
        market_id: format!("market-{commodity}"),
        commodity: commodity.to_owned(),
        price: Some(1_000 + commit_no),
        volume: 7,
        asks_unfilled: 1,
        bids_unfilled: 2,
        tick_id: id(u128::try_from(commit_no).unwrap()),
        game_time: commit_no * 3_600_000_000,
        recorded_at: 1_000 + commit_no,
        measures: "{}".to_owned(),
        commit_no,
    }
}

/// How `a` and another faction stand.
pub(crate) fn relation(world_id: &str, other: &str, commit_no: i64) -> RelationRow {
    RelationRow {
        world_id: world_id.to_owned(),
        shard: 1,
        faction_a: "a".to_owned(),
        faction_b: other.to_owned(),
        state: "COLD_WAR".to_owned(),
        since: 3_600_000_000,
        score: -0.375,
        love: -0.25,
        trust: 0.5,
        fear_a: 0.125,
        fear_b: 0.0,
        game_time: commit_no * 86_400_000_000,
        recorded_at: 1_000 + commit_no,
        commit_no,
    }
}

/// A change of state, or what led to it.
pub(crate) fn relation_history(other: &str, commit_no: i64, is_change: bool) -> RelationHistoryRow {
    let state = |name: &str| is_change.then(|| name.to_owned());
    RelationHistoryRow {
        world_id: "demo".to_owned(),
        shard: 1,
        faction_a: "a".to_owned(),
        faction_b: other.to_owned(),
        what: if is_change { "state_changed" } else { "incident" }.to_owned(),
        by: (!is_change).then(|| other.to_owned()),
        from: state("PEACE"),
        to: state("COLD_WAR"),
        love_change: -0.25,
        trust_change: 0.0,
        score_change: -0.5,
        words: "hatred -0.25".to_owned(),
        incarnation: id(7),
        game_time: commit_no * 86_400_000_000,
        recorded_at: 1_000 + commit_no,
        commit_no,
    }
}

pub(crate) fn dead_letter(commit_no: i64) -> DeadLetterRow {
    DeadLetterRow {
        shard: 2,
        topic: "world.tick.daily".to_owned(),
        partition: 0,
        offset: 12,
        timestamp_ms: Some(1),
        key: Some(vec![]),
        value: Some(vec![0, 255, 0, 128]),
        error_class: "not_utf8".to_owned(),
        error_message: "byte 1 is not UTF-8".to_owned(),
        recorded_at: 1_000 + commit_no,
        commit_no,
    }
}

/// A row of `simulation.event`; its id comes with [`Owner::publish`].
pub(crate) fn event(shard: ShardId, number: u128) -> OutboxRow {
    OutboxRow {
        shard,
        id: 0,
        event_id: id(number),
        topic: "simulation.event".to_owned(),
        event_type: "simulation.event.market_cleared".to_owned(),
        world_id: Some("demo".to_owned()),
        tick_id: Some(id(number / 10)),
        key: Some(b"market-grain".to_vec()),
        headers: vec![("event_type".to_owned(), b"x".to_vec()), ("raw".to_owned(), vec![0, 1, 255])],
        body: Some(br#"{"price":"\u0000"}"#.to_vec()),
        created_at: 1_000,
    }
}

/// A tick message of a live world.
pub(crate) fn own_tick(shard: ShardId, number: u128) -> OutboxRow {
    OutboxRow { topic: "world.tick.hourly".to_owned(), tick_id: Some(id(number)), ..event(shard, number) }
}

pub(crate) fn position(topic: &str, partition: i32, next: i64) -> InputPosition {
    InputPosition { topic: topic.to_owned(), partition, next }
}

pub(crate) fn mark(shard: ShardId, cluster_id: &str, published_id: i64) -> OutboxMark {
    OutboxMark { shard, cluster_id: cluster_id.to_owned(), published_id }
}
