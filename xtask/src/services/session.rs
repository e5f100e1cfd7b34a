//! A run that owns services: they are gone when it is, however it ends.
//!
//! The usual ends (done, failed, Ctrl-C, SIGTERM) go through `Drop`. Should this program be killed, a watcher (this
//! program again, waiting at the other end of a pipe) takes everything down that is on record; should that be killed
//! too, the next run does.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::Services;
use super::record::{self, RecordFile};
use crate::clock::Deadline;
use crate::process::{Ask, Running, Scope};
use crate::run::{self, Output};
use crate::{Error, Result, interrupt, paths, say};

/// What the records of runs are called at the beginning.
pub const RUN_PREFIX: &str = "run-";
/// How long the watcher may take to see that there is nothing left to do.
const WATCHER_LIMIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A run of `cargo xtask test` or `bench`.
#[derive(Debug)]
pub struct Session {
    // In the order in which they go.
    services: Option<Services>,
    record: RecordFile,
    watcher: Running,
    /// The watcher's end is its stdin: it reads the end of this when we are gone.
    lifeline: Option<std::io::PipeWriter>,
}

impl Session {
    /// Begins a run, first taking down what an earlier one left behind.
    pub fn begin() -> Result<Self> {
        let dir = paths::services();
        match record::tear_down_abandoned(&dir, RUN_PREFIX)? {
            0 => {}
            count => say::note(format!("stopped what {count} earlier run(s) had left behind")),
        }
        let record = RecordFile::create(&dir, &format!("{RUN_PREFIX}{}.record", std::process::id()))?;
        let no_watcher = |error: std::io::Error| Error::failure(format!("cannot start the watcher: {error}"));
        let (reader, lifeline) = std::io::pipe().map_err(no_watcher)?;
        let mut command = Command::new(std::env::current_exe().map_err(no_watcher)?);
        command.arg("watch").arg(record.path()).stdin(reader).stdout(Stdio::null());
        let watcher = Running::spawn("watcher", &mut command, Scope::OwnGroup, Ask::Kill, Duration::ZERO)?;
        Ok(Self { services: None, record, watcher, lifeline: Some(lifeline) })
    }

    /// Starts the services of this run: one Kafka node and PostgreSQL.
    pub fn start_services(&mut self) -> Result<()> {
        self.services = Some(Services::start(1, None, &self.record)?);
        Ok(())
    }

    /// The services, once they are started.
    pub fn services(&self) -> Option<&Services> {
        self.services.as_ref()
    }

    /// Runs a program to its end, on record.
    pub fn run(&self, name: &str, command: &mut Command, deadline: Deadline, output: Output<'_>) -> Result<ExitStatus> {
        run::to_end(name, command, deadline, output, &mut |running| self.record.process(running))
    }

    /// Stops the services and removes what is left of them.
    pub fn end(mut self) -> Result<()> {
        self.clean_up()
    }

    fn clean_up(&mut self) -> Result<()> {
        self.services = None;
        self.record.tear_down()?;
        // The watcher finds no record and ends.
        self.lifeline = None;
        let deadline = Deadline::after(WATCHER_LIMIT);
        while self.watcher.exited().is_none() && !deadline.passed() {
            interrupt::settle(LOOK_AGAIN);
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Err(error) = self.clean_up() {
            say::note(error.to_string());
        }
    }
}

/// The watcher: waits until the other end of stdin is closed and then takes down what is on record in `path`.
pub fn watch(path: &Path) -> Result<()> {
    let mut rest = Vec::new();
    // Nobody writes: this ends when the run does, and an error means the same.
    drop(std::io::stdin().take(1).read_to_end(&mut rest));
    if record::tear_down(path)? {
        say::note("the run was killed: its services are stopped");
    }
    Ok(())
}
