//! The three ways to a world: HTTP, `world.command`, the command line. What is asked is the same.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::bridge_support::wait_for;
use crate::ground::Ground;
use crate::program::program;
use crate::server_support::http::Api;

pub const UNTIL: &str = "2100-01-01T00:00:00Z";
pub const SESSION: &str = "alice-1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Http,
    Kafka,
    CommandLine,
}

/// Something that somebody asks of a world.
#[derive(Debug, Clone)]
pub enum Deed {
    Register(Value),
    /// The time scale, and how many NPCs are active at most; under this tag.
    Configure(u32, u32, String),
    Pause(&'static str),
    Resume,
    /// So many steps of so many game seconds.
    Step(u32, u32),
    Tick(&'static str),
    Pin(String),
    Unpin(String),
    StartSession,
    /// On a scene, for half an hour.
    Focus(String),
    EndSession,
    Unregister,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(_) => f.write_str("Register"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// What was sent under an id through Kafka.
#[derive(Debug, Clone)]
pub struct Sent {
    pub id: Uuid,
    pub outcome: &'static str,
}

/// Somebody who asks by one way for one world.
pub struct Player<'g> {
    pub way: Way,
    pub world: String,
    pub api: Api,
    /// `http://…` of the server.
    pub address: String,
    ground: &'g Ground,
    pub sent: RefCell<Vec<Sent>>,
}

impl<'g> Player<'g> {
    pub fn new(way: Way, world: String, address: &str, ground: &'g Ground) -> Self {
        let api = Api::new(address.trim_start_matches("http://"));
        Self { way, world, api, address: address.to_owned(), ground, sent: RefCell::default() }
    }

    pub fn ground(&self) -> &'g Ground {
        self.ground
    }

    /// The name under which it is known what this one did.
    pub fn name(&self) -> &'static str {
        match self.way {
            Way::Http => "anna",
            Way::Kafka => "game-master",
            Way::CommandLine => "operator",
        }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/worlds/{}{rest}", self.world)
    }

    /// The world as the API shows it.
    pub fn shown(&self) -> Value {
        self.api.get(&self.path("")).ok()
    }

    /// Has it done and gives the answer, which comes again when the same is sent again.
    pub fn does(&self, deed: &Deed) -> Value {
        match self.way {
            Way::Http => {
                let key = Uuid::new_v4();
                let first = self.request(deed, key);
                assert!((200..300).contains(&first.0), "{deed}: {first:?}");
                let state = || match deed {
                    // The ticks of the hours that have passed come back when they do.
                    Deed::Step(..) => self.shown()["now"].to_string(),
                    _ => self.api.get(&self.path("")).text,
                };
                let before = state();
                assert_eq!(self.request(deed, key), first, "{deed}: the same answer under the same key");
                assert_eq!(state(), before, "{deed}: it has not run again");
                first.1
            }
            Way::Kafka => {
                let told = self.command(deed, 2, "done");
                assert_eq!(told["outcome"], "done", "{deed}: {told}");
                assert_eq!((&told["source"], &told["issued_by"]), (&"kafka".into(), &self.name().into()), "{told}");
                told["answer"].clone()
            }
            Way::CommandLine => match self.run(&self.arguments(deed)) {
                (Some(0), answer, _) => answer,
                other => panic!("{deed}: {other:?}"),
            },
        }
    }

    /// Asks for what cannot be done; the words of the refusal.
    pub fn is_refused(&self, deed: &Deed, status: u16) -> String {
        match self.way {
            Way::Http => {
                let (found, problem) = self.request(deed, Uuid::new_v4());
                assert_eq!(found, status, "{deed}: {problem}");
                problem["detail"].as_str().expect("words").to_owned()
            }
            Way::Kafka => {
                let told = self.command(deed, 1, "refused");
                assert_eq!(told["outcome"], "refused", "{deed}: {told}");
                told["error"].as_str().expect("words").to_owned()
            }
            Way::CommandLine => {
                let (code, _, words) = self.run(&self.arguments(deed));
                assert_eq!(code, Some(1), "{deed}: {words}");
                words
            }
        }
    }

    /// Status and body of a request.
    fn request(&self, deed: &Deed, key: Uuid) -> (u16, Value) {
        let mut tag = String::new();
        let (method, rest, body) = match deed {
            Deed::Register(file) => ("POST", None, file.clone()),
            Deed::Configure(scale, active, under) => {
                tag.clone_from(under);
                ("PATCH", Some("/simulation".to_owned()), patch(*scale, *active))
            }
            Deed::Pause(reason) => ("POST", Some("/pause".to_owned()), json!({"reason": reason, "until": UNTIL})),
            Deed::Resume => ("POST", Some("/resume".to_owned()), json!({})),
            Deed::Step(seconds, steps) => {
                ("POST", Some("/step".to_owned()), json!({"game_seconds": seconds, "steps": steps}))
            }
            Deed::Tick(kind) => ("POST", Some("/tick".to_owned()), json!({"type": kind})),
            Deed::Pin(npc) => ("POST", Some(format!("/npcs/{npc}/pin")), json!({"tier": "detailed"})),
            Deed::Unpin(npc) => ("DELETE", Some(format!("/npcs/{npc}/pin")), Value::Null),
            Deed::StartSession => ("POST", Some("/sessions".to_owned()), json!({"sessionId": SESSION})),
            Deed::Focus(npc) => ("POST", Some("/focus".to_owned()), focus(npc)),
            Deed::EndSession => ("DELETE", Some(format!("/sessions/{SESSION}")), Value::Null),
            Deed::Unregister => ("DELETE", Some(String::new()), Value::Null),
        };
        let path = rest.map_or_else(|| "/api/v1/worlds".to_owned(), |rest| self.path(&rest));
        let (key, text) = (key.to_string(), if body.is_null() { String::new() } else { body.to_string() });
        let mut headers =
            vec![("Idempotency-Key", key.as_str()), ("X-Issued-By", self.name()), ("Content-Type", "application/json")];
        headers.extend((!tag.is_empty()).then_some(("If-Match", tag.as_str())));
        let answer = self.api.send(method, &path, &text, &headers);
        (answer.status, answer.json())
    }

    /// Sends a command so many times, each to another partition, and waits for what is known of it.
    fn command(&self, deed: &Deed, times: i32, outcome: &'static str) -> Value {
        let (name, payload) = match deed {
            Deed::Register(file) => ("world.register", json!({"world": file})),
            Deed::Configure(scale, active, tag) => {
                ("world.configure", json!({"patch": patch(*scale, *active), "if_match": tag}))
            }
            Deed::Pause(reason) => ("world.pause", json!({"reason": reason, "until": UNTIL})),
            Deed::Resume => ("world.resume", json!({})),
            Deed::Step(seconds, steps) => ("world.step", json!({"game_seconds": seconds, "times": steps})),
            Deed::Tick(kind) => ("world.tick", json!({"tick_type": kind})),
            Deed::Pin(npc) => ("npc.pin", json!({"npc": npc, "tier": "detailed"})),
            Deed::Unpin(npc) => ("npc.unpin", json!({"npc": npc})),
            Deed::StartSession => ("session.start", json!({"sessionId": SESSION})),
            Deed::Focus(npc) => ("scheduler.focus", focus(npc)),
            Deed::EndSession => ("session.end", json!({"sessionId": SESSION})),
            Deed::Unregister => ("world.unregister", json!({})),
        };
        let id = Uuid::new_v4();
        let first = i32::try_from(self.sent.borrow().len()).unwrap();
        for time in 0..times {
            self.ground.send((first + time * 3) % 8, &self.world, id, name, &payload);
        }
        self.sent.borrow_mut().push(Sent { id, outcome });
        wait_for(&format!("what became of {name}"), || Ground::known(&self.api, &self.world, id))
    }

    fn arguments(&self, deed: &Deed) -> Vec<String> {
        let text = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let world = self.world.as_str();
        match deed {
            Deed::Register(file) => {
                let path: PathBuf = self.ground.file(&format!("{world}.json"));
                std::fs::write(&path, file.to_string()).expect("written");
                text(&["worlds", "create", path.to_str().unwrap()])
            }
            Deed::Configure(scale, active, _) => {
                let values = [format!("timeScale={scale}"), format!("tiers.active.maxNpcs={active}")];
                text(&["worlds", "set", world, &values[0], &values[1]])
            }
            Deed::Pause(reason) => text(&["worlds", "pause", world, "--reason", reason, "--until", UNTIL]),
            Deed::Resume => text(&["worlds", "resume", world]),
            Deed::Step(seconds, steps) => {
                let (seconds, steps) = (seconds.to_string(), steps.to_string());
                text(&["worlds", "step", world, "--game-seconds", &seconds, "--steps", &steps])
            }
            Deed::Tick(kind) => text(&["worlds", "tick", world, "--type", kind]),
            Deed::Pin(npc) => text(&["npcs", "pin", world, npc, "detailed"]),
            Deed::Unpin(npc) => text(&["npcs", "unpin", world, npc]),
            Deed::Focus(npc) => {
                text(&["npcs", "focus", world, "--kind", "scene", "--npc", npc, "--for", "1800", "--session", SESSION])
            }
            Deed::Unregister => text(&["worlds", "delete", world, "--yes"]),
            Deed::StartSession | Deed::EndSession => panic!("sessions are the game's: no command line starts them"),
        }
    }

    /// Runs the program: its exit code, what it answers as JSON, and its words.
    pub fn run(&self, arguments: &[String]) -> (Option<i32>, Value, String) {
        let mut command = program(self.ground.folder.path(), &[]);
        let command = command.args(arguments).args(["--server", &self.address, "--output", "json"]);
        command.env("USER", self.name());
        let output = command.output().expect("it runs");
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn patch(scale: u32, active: u32) -> Value {
    json!({"timeScale": scale, "tiers": {"active": {"maxNpcs": active}}})
}

fn focus(npc: &str) -> Value {
    json!({"kind": "scene", "npcs": [npc], "ttlSeconds": 1_800, "sessionId": SESSION})
}
