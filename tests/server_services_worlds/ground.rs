//! What these tests stand on: the cluster of the environment, a store of their own, and the real program on both.

use std::cell::Cell;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::config::FromClientConfig as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;
use worldtick::plugins::bridge::{Compression, KafkaSettings};

use crate::bridge_support::{LIMIT, read_all, unique, wait_for};
use crate::process::{Process, folder_with};
use crate::program::program;
use crate::server_support::EVENTS;
use crate::server_support::http::Api;
use crate::services::{Rows, Services};

pub const COMMANDS: &str = "world.command";
pub const RESULTS: &str = "world.command.result";

/// One server at a time: each reads all commands of the cluster, and refuses those to worlds that it does not know.
static ALONE: Mutex<()> = Mutex::new(());

/// Which database the server works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// The services of one test, and the folder of its server.
pub struct Ground {
    services: Services,
    engine: Engine,
    pub folder: TempDir,
    groups: String,
    producer: BaseProducer,
    launched: Cell<bool>,
    _alone: MutexGuard<'static, ()>,
}

impl Ground {
    /// Nothing: the services are not there and not required; a line has been printed.
    pub fn start(engine: Engine) -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let services = Services::named()?;
        // Without a world of its own the program would bring the one that is built in.
        let folder = folder_with(&["id: home\nclock: manual\n".to_owned()]);
        let apply = ["topics", "apply", "--replication-factor", "1"];
        let applied = program(folder.path(), &apply).env("KAFKA_BOOTSTRAP_SERVERS", &services.kafka).output().unwrap();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        let settings = KafkaSettings::new(services.kafka.clone());
        let producer = BaseProducer::from_config(&settings.producer(Compression::Lz4)).expect("a producer");
        Some(Self {
            services,
            engine,
            folder,
            groups: unique("group"),
            producer,
            launched: Cell::new(false),
            _alone: alone,
        })
    }

    pub fn kafka(&self) -> KafkaSettings {
        KafkaSettings::new(self.services.kafka.clone())
    }

    /// What is in the store.
    pub fn rows(&self) -> Rows {
        match self.engine {
            Engine::Sqlite => Rows::of_file(&self.folder.path().join("data/worldtick.db")),
            Engine::Postgres => Rows::Postgres(self.services.url()),
        }
    }

    /// A file in the folder that is not there yet.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = program(self.folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        command.env("KAFKA_BOOTSTRAP_SERVERS", &self.services.kafka);
        command.env("WORLDTICK_DATA_DIR", self.folder.path().join("data"));
        command.env("WORLDTICK_KAFKA_HOURLY_GROUP", format!("{}-hourly", self.groups));
        command.env("WORLDTICK_KAFKA_DAILY_GROUP", format!("{}-daily", self.groups));
        command.env("WORLDTICK_KAFKA_COMMAND_GROUP", format!("{}-command", self.groups));
        // What is published is in the store soon afterwards.
        command.env("WORLDTICK_HOST_IDLE_COMMIT_INTERVAL_SECONDS", "0.1");
        if self.engine == Engine::Postgres {
            command.env("DATABASE_URL", self.services.url());
        }
        command
    }

    /// Starts the server, armed to die or not, and waits until it is ready and has made the commits of a start: it notes
    /// what Kafka has of its outbox.
    pub fn launch(&self, failpoint: Option<&str>) -> (Process, Api) {
        let mut command = self.command();
        command.envs(failpoint.map(|failpoint| ("WORLDTICK_FAILPOINT", failpoint)));
        let commits = || self.rows().numbers("SELECT CAST(max(commit_no) AS TEXT) FROM lease");
        let before = if self.launched.replace(true) { commits() } else { [0] };
        let mut process = Process::of(&mut command);
        let (api, _) = process.ready();
        wait_for("a commit of the start", || (commits() > before).then_some(()));
        // Whatever was still to be noted is in the commit of the next command. This one changes nothing.
        api.post("/api/v1/worlds/home/resume", &json!({})).ok();
        (process, api)
    }

    /// Waits until everything that was given out is published, and the store knows: then nothing is committed until
    /// somebody asks for something.
    pub fn is_quiet(&self) {
        let known = "SELECT max(mark.published_id) FROM outbox_mark mark WHERE mark.shard = row.shard";
        let query = format!("SELECT CAST(count(*) AS TEXT) FROM outbox row WHERE row.id > COALESCE(({known}), 0)");
        let rows = self.rows();
        wait_for("everything is published and marked", || (rows.numbers(&query) == [0]).then_some(()));
    }

    /// Sends a command to a partition of its topic.
    pub fn send(&self, partition: i32, world: &str, id: Uuid, command: &str, payload: &Value) {
        let text = json!({
            "command_id": id, "command": command, "world_id": world, "issued_by": "game-master",
            "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
        });
        let text = text.to_string();
        let record = BaseRecord::to(COMMANDS).partition(partition).key(world).payload(&text);
        self.producer.send(record).map_err(|(error, _)| error).expect("taken");
        self.producer.flush(LIMIT).expect("it is acknowledged");
    }

    /// What a reader of committed records finds of a world on a topic; all of it stands under the right key.
    pub fn told(&self, topic: &str, is_ours: impl Fn(&str) -> bool) -> Vec<Value> {
        let records = read_all(&self.kafka(), topic);
        let all = records.iter().map(|record| (record, serde_json::from_str::<Value>(&record.text()).expect("JSON")));
        let ours = all.filter(|(_, value)| value["world_id"].as_str().is_some_and(&is_ours));
        ours.map(|(record, value)| {
            let of_world = topic == RESULTS || value["event_type"].as_str().unwrap().contains(".world_");
            let world = value["world_id"].as_str().unwrap();
            assert!(!of_world || record.key.as_deref() == Some(world.as_bytes()), "the key is the world's: {value}");
            value
        })
        .collect()
    }

    /// What is known of a command, as soon as the server has told everybody of its commit.
    pub fn known(api: &Api, world: &str, id: Uuid) -> Option<Value> {
        let answer = api.get(&format!("/api/v1/worlds/{world}/commands/{id}"));
        let known = (answer.status == 200).then(|| answer.json())?;
        let commit = known["commit_no"].as_i64().expect("a commit");
        wait_for("the commit is told", || {
            let checks = api.get("/readyz?verbose").json();
            let outbox = checks["checks"].as_array()?.iter().find(|check| check["name"] == "outbox")?.clone();
            let told: i64 = outbox["detail"].as_str()?.rsplit(' ').next()?.parse().ok()?;
            (told >= commit).then_some(())
        });
        Some(known)
    }

    pub fn events(&self, is_ours: impl Fn(&str) -> bool) -> Vec<Value> {
        self.told(EVENTS, is_ours)
    }
}
