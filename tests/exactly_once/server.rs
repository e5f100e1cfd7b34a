//! The real program, started, killed, asked.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::ground::{Ground, wait_for};
use super::program::program;
use super::script::Script;

/// A start takes a second or two; on a busy machine many more.
const START_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// What became of every single tick is not worth a line here, what the publisher does is.
const LOG: &str = "info,worldtick::plugins::host::intake=warn,worldtick::plugins::host::logs=warn,\
                   worldtick::plugins::bridge::outbound=debug";
const LIVE: &str = "clock: live
meta: { simulation: { timeScale: 14400, tickIntervalSeconds: 0.25 } }";

/// How a server is to be started.
pub struct Launch {
    folder: PathBuf,
    worlds: PathBuf,
    variables: Vec<(String, String)>,
    starts: usize,
}

impl Launch {
    /// A server on these services that keeps its data in the folder `name`.
    pub fn new(ground: &Ground, name: &str) -> Self {
        let folder = ground.folder().join(name);
        fs::create_dir_all(&folder).unwrap();
        let worlds = ground.folder().join("worlds");
        write_worlds(&worlds);
        let mut launch = Self { folder, worlds, variables: Vec::new(), starts: 0 };
        let data = launch.folder.join("data").display().to_string();
        launch.set("WORLDTICK_DATA_DIR", data);
        launch.set("WORLDTICK_WORLDS_DIR", launch.worlds.display().to_string());
        launch.set("WORLDTICK_ADMIN_LISTEN", "127.0.0.1:0");
        launch.set("WORLDTICK_KAFKA_START_AT", "earliest");
        launch.set("KAFKA_BOOTSTRAP_SERVERS", ground.bootstrap_servers());
        if let Some(url) = ground.database_url() {
            launch.set("DATABASE_URL", url);
        }
        launch
    }

    /// Sets a variable for all further starts.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Adds a world with a clock of its own, four game hours a second.
    pub fn add_live_world(&mut self, world: &str) -> &mut Self {
        let file = world_file(0).replace(Script::worlds()[0], world).replace("clock: ticks", LIVE);
        fs::write(self.worlds.join(format!("{world}.yaml")), file).unwrap();
        self
    }

    /// Has this one world instead of those of the other tests.
    pub fn only_world(&mut self, world: &str, file: &str) -> &mut Self {
        self.only_worlds(&[(world, file.to_owned())])
    }

    /// Has these worlds instead of those of the other tests.
    pub fn only_worlds(&mut self, files: &[(&str, String)]) -> &mut Self {
        fs::remove_dir_all(&self.worlds).unwrap();
        fs::create_dir_all(&self.worlds).unwrap();
        for (world, file) in files {
            fs::write(self.worlds.join(format!("{world}.yaml")), file).unwrap();
        }
        self
    }

    /// Starts it.
    pub fn start(&mut self) -> Server {
        self.run(None)
    }

    /// Starts it so that it dies where `failpoint` says.
    pub fn start_to_die_at(&mut self, failpoint: &str) -> Server {
        self.run(Some(failpoint))
    }

    fn run(&mut self, failpoint: Option<&str>) -> Server {
        self.starts += 1;
        let log = self.folder.join(format!("server-{}.log", self.starts));
        let mut command = program(&self.folder, &["serve"]);
        command.env("LOG_LEVEL", LOG);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.envs(failpoint.map(|failpoint| ("WORLDTICK_FAILPOINT", failpoint)));
        let file = File::create(&log).unwrap();
        command.stdout(Stdio::null()).stderr(file);
        Server { child: command.spawn().unwrap(), log, admin: None }
    }
}

/// A server that runs, or did.
pub struct Server {
    child: Child,
    log: PathBuf,
    admin: Option<String>,
}

impl Server {
    /// Sends it a signal by name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "SIG{name} is sent");
    }

    /// Kills it as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it ran until it was killed: {status}\n{}", self.said());
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the server ends", limit, || child.try_wait().unwrap())
    }

    /// Stops it in good order; it must take that well.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.wait(Duration::from_secs(40));
        assert_eq!(status.code(), Some(0), "{status}\n{}", self.said());
    }

    /// The end of what it has said.
    pub fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Asks it something, if it answers with success.
    pub fn try_get(&mut self, path: &str) -> Option<Value> {
        let (good, text) = self.ask("GET", path)?;
        good.then(|| serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Whether it is ready, and the details.
    pub fn readiness(&mut self) -> Option<(bool, String)> {
        self.ask("GET", "/readyz?verbose")
    }

    /// Asks it something: whether it answers with success, and what.
    fn ask(&mut self, method: &str, path: &str) -> Option<(bool, String)> {
        if self.admin.is_none() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let (_, rest) = log.split_once("admin API   ")?;
            self.admin = rest.split_whitespace().next()?.strip_suffix("/api/v1").map(str::to_owned);
        }
        let url = format!("{}{path}", self.admin.as_ref()?);
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER_LIMIT)).http_status_as_error(false);
        let agent: ureq::Agent = config.build().into();
        let response = if method == "POST" { agent.post(&url).send_empty() } else { agent.get(&url).call() };
        let mut response = response.ok()?;
        let good = response.status().is_success();
        response.body_mut().read_to_string().ok().map(|text| (good, text))
    }

    /// Sends a command under this key: status and answer, if it answers at all.
    pub fn send(&mut self, path: &str, body: &Value, key: &str) -> Option<(u16, String)> {
        self.try_get("/livez")?;
        let url = format!("{}{path}", self.admin.as_ref()?);
        let config = ureq::Agent::config_builder().timeout_global(Some(START_LIMIT)).http_status_as_error(false);
        let agent: ureq::Agent = config.build().into();
        let mut response = agent.post(&url).header("Idempotency-Key", key).send_json(body).ok()?;
        let status = response.status().as_u16();
        response.body_mut().read_to_string().ok().map(|text| (status, text))
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Has something done.
    pub fn post(&mut self, path: &str) {
        let (good, text) = wait_for(path, START_LIMIT, || self.ask("POST", path));
        assert!(good, "{path}: {text}");
    }

    /// Asks it something.
    pub fn get(&mut self, path: &str) -> Value {
        wait_for(path, START_LIMIT, || self.try_get(path))
    }

    /// The id of its store, as it says when it starts.
    pub fn store_id(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap();
        let (_, rest) = log.split_once("\"store_id\":\"").expect("it says which store it uses");
        rest.split('"').next().unwrap().to_owned()
    }

    /// How many inputs its worlds have taken in, all together.
    pub fn inputs(&mut self) -> Option<u64> {
        let worlds = self.try_get("/api/v1/worlds")?;
        worlds["items"].as_array().filter(|all| !all.is_empty())?.iter().map(|world| world["inputs"].as_u64()).sum()
    }

    /// Waits until its worlds have taken in `count` inputs more than now.
    pub fn goes_on(&mut self, count: u64) {
        let before = wait_for("the server says where it is", START_LIMIT, || {
            self.still_runs();
            self.inputs()
        });
        wait_for("the server goes on", START_LIMIT, || {
            self.still_runs();
            self.inputs().filter(|now| *now >= before + count)
        });
    }

    /// Fails if it has ended.
    pub fn still_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the server has ended: {status}\n{}", self.said());
        }
    }

    /// Waits until it is ready, which gives nothing, or has ended.
    pub fn ready_or_ended(&mut self) -> Option<ExitStatus> {
        wait_for("the server is ready or ends", START_LIMIT, || match self.child.try_wait().unwrap() {
            Some(status) => Some(Some(status)),
            None => self.try_get("/readyz").map(|_| None),
        })
    }

    /// Waits until it says that it is not ready.
    pub fn is_in_trouble(&mut self) {
        wait_for("the server says that it is not ready", START_LIMIT, || {
            self.still_runs();
            self.try_get("/readyz").is_none().then_some(())
        });
    }

    /// Waits until it is ready.
    pub fn is_ready(&mut self) -> &mut Self {
        wait_for("the server is ready", START_LIMIT, || {
            self.still_runs();
            self.try_get("/readyz")
        });
        self
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.log.display(), self.said());
        }
    }
}

fn write_worlds(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (number, world) in Script::worlds().iter().enumerate() {
        fs::write(folder.join(format!("{world}.yaml")), world_file(number)).unwrap();
    }
}

/// The file of a world: five commodities, few people.
pub fn world_file(number: usize) -> String {
    let world = Script::worlds()[number];
    format!(
        "id: {world}
seed: {number}
clock: ticks
economy:
  commodities:
    - {{ name: Food, need: 1.0, spoilage: 0.001 }}
    - {{ name: Wood, spendingShare: 0.2 }}
    - {{ name: Metal }}
    - {{ name: Weapon, spendingShare: 0.5 }}
    - {{ name: Crystal, spendingShare: 0.3 }}
  roles:
    - {{ name: Farmer, output: Food, quantity: 3, inputs: {{ Wood: 0.5 }} }}
    - {{ name: Woodcutter, output: Wood, quantity: 4, inputs: {{ Metal: 0.1 }} }}
    - {{ name: Miner, output: Metal, quantity: 2, inputs: {{ Wood: 0.5 }} }}
    - {{ name: Smith, output: Weapon, quantity: 1, inputs: {{ Wood: 0.5, Metal: 1.0, Crystal: 0.2 }} }}
    - {{ name: Grower, output: Crystal, quantity: 1, inputs: {{ Metal: 0.2 }} }}
  population: {{ count: 60, moneyPerHead: 150000 }}
"
    )
}
