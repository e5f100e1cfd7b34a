//! A server in a process of its own: what it says, how it ends.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "helpers of tests; each file uses a part of them")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use tempfile::TempDir;
use worldtick::plugins::bridge::KafkaSettings;

use crate::bridge_support::{LIMIT, wait_for};
use crate::program::program;
use crate::server_support::http::Api;

pub const ANY_PORTS: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--set", "kafka.embedded_port=0"];

pub fn folder_with(worlds: &[String]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let worlds_dir = folder.path().join("assets/config/worlds");
    fs::create_dir_all(&worlds_dir).expect("a folder");
    for (number, text) in worlds.iter().enumerate() {
        fs::write(worlds_dir.join(format!("{number}.yaml")), text).expect("written");
    }
    folder
}

/// What stands behind a label of the banner.
fn after(line: &str, label: &str) -> Option<String> {
    let rest = line.trim().strip_prefix(label)?.trim();
    Some(rest.split_whitespace().next()?.to_owned())
}

/// A server in a process of its own.
pub struct Process {
    pub child: Child,
    lines: Receiver<String>,
    /// What it has said, as far as it was looked at.
    pub seen: Vec<String>,
}

impl Process {
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        Self::of(program(folder, &ANY_PORTS).args(more))
    }

    /// One that is told of a file that may not grow by an error alone, and not by a signal, which would end it: as on a
    /// disk that is full.
    pub fn start_deaf_to_full_disks(folder: &Path) -> Self {
        let server = program(folder, &ANY_PORTS);
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self::of(shell.current_dir(folder).stdin(Stdio::null()))
    }

    pub fn of(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it runs");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for a line, and gives what is in it.
    pub fn line<T>(&mut self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        if let Some(found) = self.seen.iter().find_map(|line| find(line)) {
            return found;
        }
        let began = Instant::now();
        while let Ok(line) = self.lines.recv_timeout(LIMIT.saturating_sub(began.elapsed())) {
            self.seen.push(line);
            if let Some(found) = self.seen.last().and_then(|line| find(line)) {
                return found;
            }
        }
        panic!("no line says {what}:\n{}", self.seen.join("\n"));
    }

    /// The address of the admin API and of the broker, when everything is in order.
    pub fn ready(&mut self) -> (Api, KafkaSettings) {
        let broker = self.line("where Kafka is", |line| after(line, "Kafka "));
        let api = self.api();
        wait_for("the server is ready", || (api.get("/readyz").status == 200).then_some(()));
        (api, KafkaSettings::new(broker))
    }

    /// The admin API, ready or not.
    pub fn api(&mut self) -> Api {
        let admin = self.line("where the admin API is", |line| after(line, "admin API "));
        Api::new(admin.trim_start_matches("http://").trim_end_matches("/api/v1"))
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        wait_for("the process ends", || self.child.try_wait().expect("it is ours"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
