//! Jobs of generation on Apache Kafka and PostgreSQL, while workers and the server are killed: each is finished once from
//! its world's point of view, whatever attempts and answers that took.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::ground::{Engine, Ground, factor, wait_for};
use super::load::Sender;
use super::script::Numbers;
use super::server::{Launch, Server};
use super::topics::{Found, json_of, of_world, read_all};
use super::worker::{Habits, work};

/// Requests and results go by world: several of them keep several workers busy.
const WORLDS: [&str; 6] = ["atelier", "bindery", "chapel", "darkroom", "engraver", "foundry"];
/// Ten thousand where tests are to be larger.
const JOBS: usize = 2_000;
const USERS: usize = 40;
const WORKERS: usize = 3;
/// Something is killed so often, at even distances: the server each third time, otherwise one of the workers.
const KILLS: usize = 12;
const LIMIT: Duration = Duration::from_secs(400);
const FINAL: [&str; 5] = ["succeeded", "failed", "cancelled", "expired", "dead"];

fn file(world: &str) -> String {
    format!(
        "id: {world}
clock: live
meta: {{ simulation: {{ timeScale: 60, tickIntervalSeconds: 0.25, maxJobOpsPerStep: 200 }} }}
generation:
  kinds:
    scene: {{ maxAttempts: 20, timeoutRealSeconds: 30, deadlineSeconds: 31536000 }}
    line: {{ maxAttempts: 20, timeoutRealSeconds: 30, deadlineSeconds: 31536000, priority: 200 }}
  limits: {{ maxPending: 20000, maxPendingPerUser: 20000, maxInFlight: 400, maxInFlightPerUser: 100 }}
"
    )
}

/// How many jobs a world is asked for.
fn jobs_of(number: usize) -> usize {
    let all = JOBS * factor();
    all / WORLDS.len() + usize::from(number < all % WORLDS.len())
}

/// Asks for all jobs, on `world.command`.
fn ask(bootstrap_servers: &str) {
    let sender = Sender::new(bootstrap_servers);
    for (number, world) in WORLDS.iter().enumerate() {
        for job in 0..jobs_of(number) {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{world}:{job}").as_bytes());
            let kind = if job % 5 == 0 { "line" } else { "scene" };
            let message = json!({
                "command_id": id, "command": "generation.request", "world_id": world, "issued_by": "test",
                "issued_at": "2077-01-01T00:00:00Z",
                "payload": { "kind": kind, "user": format!("user-{}", job % USERS) },
            });
            sender.send_to("world.command", world.as_bytes(), message.to_string().as_bytes());
        }
    }
    sender.finish();
}

/// Not a test of its own: the process that the test kills, a worker of the example.
#[test]
fn child_that_works() {
    let Ok(job) = std::env::var("WORLDTICK_TEST_WORKER") else { return };
    let (brokers, die) = job.split_once(' ').expect("two words");
    let habits = Habits { slow: 0, fail: 5, twice: 10, die: die.parse().expect("a number") };
    let ended = work(brokers, habits).expect_err("it works for ever");
    panic!("{ended}");
}

/// The workers of the example, each a process.
struct Workers {
    folder: PathBuf,
    servers: String,
    all: Vec<Child>,
    started: usize,
    died: usize,
}

impl Workers {
    /// They are told to die now and then, until each has done so once.
    fn start(ground: &Ground) -> Self {
        let (folder, servers) = (ground.folder().to_owned(), ground.bootstrap_servers());
        let mut workers = Self { folder, servers, all: Vec::new(), started: 0, died: 0 };
        for _ in 0..WORKERS {
            let worker = workers.run(2);
            workers.all.push(worker);
        }
        workers
    }

    fn run(&mut self, die: u32) -> Child {
        self.started += 1;
        let log = File::create(self.folder.join(format!("worker-{}.log", self.started))).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", "jobs::child_that_works"]).current_dir(&self.folder);
        command.env("WORLDTICK_TEST_WORKER", format!("{} {die}", self.servers));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Starts others for those that have died.
    fn look_after(&mut self) {
        for number in 0..self.all.len() {
            if self.all[number].try_wait().unwrap().is_some() {
                self.died += 1;
                self.all[number] = self.run(0);
            }
        }
    }

    /// Kills one, and starts another.
    fn kill(&mut self, number: usize) {
        let other = self.run(0);
        let mut worker = std::mem::replace(&mut self.all[number], other);
        let _ = worker.kill();
        worker.wait().unwrap();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.all {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// What the worlds have come to: jobs that are over.
fn over(server: &mut Server) -> Option<usize> {
    let mut over = 0;
    for world in WORLDS {
        let totals = server.try_get(&format!("/api/v1/worlds/{world}/generation"))?["totals"].clone();
        let count = |name: &str| totals[name].as_u64().expect("a count");
        over += ["succeeded", "failed", "cancelled", "expired", "dead"].into_iter().map(count).sum::<u64>();
    }
    Some(usize::try_from(over).unwrap())
}

/// Every job's events follow each other from asking to one end; gives how many jobs there are.
fn lives_are_whole(found: &Found, world: &str) -> usize {
    let (mut ids, mut jobs) = (BTreeSet::new(), 0);
    for life in of_world(found, world) {
        let events: Vec<Value> = life.iter().map(|bytes| json_of(bytes)).collect();
        if events.iter().any(|event| event["event_type"] != "simulation.event.generation_job") {
            continue;
        }
        jobs += 1;
        let mut before = Value::Null;
        for event in &events {
            assert!(ids.insert(event["event_id"].to_string()), "twice on the topic: {event}");
            assert_eq!(event["previous"], before, "{events:#?}");
            before = event["state"].clone();
        }
        let ends = events.iter().filter(|event| FINAL.iter().any(|end| event["state"] == *end)).count();
        assert_eq!((ends, &before), (1, &json!("succeeded")), "one end, and that a good one: {events:#?}");
    }
    jobs
}

/// Every attempt at a job is asked of the workers once, one after the other; gives how many there are.
fn attempts_follow_each_other(found: &Found, world: &str) -> usize {
    let mut attempts: BTreeMap<u64, u64> = BTreeMap::new();
    let mut count = 0;
    for request in of_world(found, world).flatten().map(|bytes| json_of(bytes)) {
        if request["action"] != "generate" {
            continue;
        }
        count += 1;
        let attempt = attempts.entry(request["job_id"].as_u64().expect("an id")).or_default();
        *attempt += 1;
        assert_eq!(request["attempt"], *attempt, "{request}");
    }
    count
}

/// The rows of a world's jobs that the store says have succeeded.
fn succeeded_in_store(server: &mut Server, world: &str) -> BTreeSet<u64> {
    let mut jobs = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/api/v1/worlds/{world}/jobs?state=succeeded&limit=1000{cursor}"));
        for row in page["items"].as_array().expect("a list") {
            assert!(jobs.insert(row["jobId"].as_u64().expect("an id")), "{row}");
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return jobs,
        }
    }
}

#[test]
fn every_job_is_finished_once_though_workers_and_the_server_are_killed() {
    let Some(ground) = Ground::start(Engine::Postgres) else { return };
    let began = Instant::now();
    let servers = ground.bootstrap_servers();
    let all = JOBS * factor();
    ask(&servers);
    let mut launch = Launch::new(&ground, "jobs");
    launch.only_worlds(&WORLDS.map(|world| (world, file(world))));
    for name in ["IN_FLIGHT", "IN_FLIGHT_PER_USER", "IN_FLIGHT_PER_SHARD", "IN_FLIGHT_PER_KIND"] {
        launch.set(&format!("WORLDTICK_GENERATION_{name}_MAX"), "1000");
    }
    for name in ["PER_HOUR", "PER_HOUR_PER_USER"] {
        launch.set(&format!("WORLDTICK_GENERATION_{name}_MAX"), "1000000");
    }
    launch.set("WORLDTICK_GENERATION_RETRY_FIRST_SECONDS", "0.1");
    let mut workers = Workers::start(&ground);
    let mut server = launch.start();
    let mut numbers = Numbers::new(7);
    for kill in 1..=KILLS {
        wait_for("the workers go on", LIMIT, || {
            server.still_runs();
            workers.look_after();
            over(&mut server).filter(|over| over * (KILLS + 1) >= all * kill)
        });
        if kill % 3 == 0 {
            server.kill();
            server = launch.start();
        } else {
            workers.kill(usize::try_from(numbers.below(WORKERS as u64)).unwrap());
        }
    }
    eprintln!("the last kill after {:.0} s", began.elapsed().as_secs_f64());
    wait_for("all jobs are over", LIMIT, || {
        server.still_runs();
        workers.look_after();
        over(&mut server).filter(|over| *over >= all)
    });
    assert!(workers.died >= WORKERS, "each was told to die: {}", workers.died);
    drop(workers);
    for (number, world) in WORLDS.iter().enumerate() {
        let shown = server.get(&format!("/api/v1/worlds/{world}/generation"));
        let totals = &shown["totals"];
        assert_eq!((&totals["asked"], &totals["succeeded"]), (&json!(jobs_of(number)), &json!(jobs_of(number))));
        assert_eq!((&shown["pending"], &shown["inFlight"]), (&json!(0), &json!(0)), "{shown}");
        assert_eq!(succeeded_in_store(&mut server, world).len(), jobs_of(number), "{world}");
    }
    server.stop();
    let events = read_all(&servers, "simulation.event");
    let requests = read_all(&servers, "generation.request");
    let mut attempts = 0;
    for (number, world) in WORLDS.iter().enumerate() {
        assert_eq!(lives_are_whole(&events, world), jobs_of(number), "{world}");
        attempts += attempts_follow_each_other(&requests, world);
    }
    assert!(attempts > all, "some had to be tried again");
    eprintln!("{all} jobs in {attempts} attempts, {KILLS} kills, {:.0} s", began.elapsed().as_secs_f64());
}
