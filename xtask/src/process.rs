//! Processes: who they are, and how they are stopped for certain.
//!
//! A number alone does not name a process, because Linux uses numbers again; with the moment it started it does. So a
//! record that outlived its processes can be stopped safely: a stranger with an old number is left alone.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::clock::Deadline;
pub use crate::procfs::Identity;
use crate::procfs::group_is_alive;
use crate::{Error, Result, interrupt};

const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long a process may take to vanish after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Which processes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A process group of its own: it and its descendants. A Ctrl-C at the terminal does not reach it.
    OwnGroup,
    /// The process alone; it stays in its parent's group and goes when that group is killed.
    ParentsGroup,
}

/// The signal that asks a process to stop. Who does not follow in time gets SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// SIGINT: to PostgreSQL a "fast" shutdown.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL at once: for services whose data is thrown away anyhow.
    Kill,
}

impl Ask {
    fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::SIGINT,
            Self::Terminate => Signal::SIGTERM,
            Self::Kill => Signal::SIGKILL,
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.signal().as_str())
    }
}

impl FromStr for Ask {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Interrupt, Self::Terminate, Self::Kill]
            .into_iter()
            .find(|ask| ask.signal().as_str() == text)
            .ok_or_else(|| Error::failure(format!("`{text}` is not a signal that stops a service")))
    }
}

/// How to stop a process, whether or not it is a child of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopper {
    /// Who.
    pub identity: Identity,
    /// It alone or its group.
    pub scope: Scope,
    /// How to ask.
    pub ask: Ask,
}

impl Stopper {
    /// Whether there is anything left to stop.
    pub fn is_alive(&self) -> bool {
        match self.scope {
            Scope::ParentsGroup => self.identity.is_alive(),
            Scope::OwnGroup => {
                // A group keeps its number from being used again, so with the leader gone its members are still ours;
                // with another process under that number the group is gone.
                let is_strangers = Identity::of(self.identity.pid).is_some_and(|now| now != self.identity);
                !is_strangers && group_is_alive(self.identity.pid)
            }
        }
    }

    fn send(&self, signal: Signal) {
        if !self.is_alive() {
            return;
        }
        let pid = Pid::from_raw(self.identity.pid);
        // An error means that it has just gone.
        let _ = match self.scope {
            Scope::OwnGroup => signal::killpg(pid, signal),
            Scope::ParentsGroup => signal::kill(pid, signal),
        };
    }
}

/// Stops all of them: asks all, waits `grace`, kills who is left. True if none is left.
pub fn stop_all(stoppers: &[Stopper], grace: Duration) -> bool {
    stop_all_while(stoppers, grace, || ())
}

/// `reap` is called while waiting: a child that nobody has waited for counts as there.
fn stop_all_while(stoppers: &[Stopper], grace: Duration, mut reap: impl FnMut()) -> bool {
    let mut gone_within = |limit: Duration| {
        let deadline = Deadline::after(limit);
        loop {
            reap();
            if !stoppers.iter().any(Stopper::is_alive) {
                return true;
            }
            if deadline.passed() {
                return false;
            }
            interrupt::settle(LOOK_AGAIN);
        }
    };
    for stopper in stoppers {
        stopper.send(stopper.ask.signal());
    }
    if gone_within(grace) {
        return true;
    }
    for stopper in stoppers {
        stopper.send(Signal::SIGKILL);
    }
    gone_within(KILL_LIMIT)
}

/// A child process that is stopped when its owner is dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stopper: Stopper,
    grace: Duration,
    is_detached: bool,
}

impl Running {
    /// Starts `command`. Dropping the result asks it to stop with `ask` and kills it after `grace`.
    pub fn spawn(name: &str, command: &mut Command, scope: Scope, ask: Ask, grace: Duration) -> Result<Self> {
        if scope == Scope::OwnGroup {
            command.process_group(0);
        }
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child =
            command.spawn().map_err(|error| Error::unavailable(format!("cannot run {program}: {error}")))?;
        let identity = i32::try_from(child.id()).ok().and_then(Identity::of);
        let Some(identity) = identity else {
            drop(child.kill());
            return Err(Error::failure(format!("cannot find {name} in /proc: this program needs Linux")));
        };
        let stopper = Stopper { identity, scope, ask };
        Ok(Self { name: name.to_owned(), child, stopper, grace, is_detached: false })
    }

    /// What it was called when it was started.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        self.stopper.identity.pid
    }

    /// How to stop it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        self.stopper
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Stops it in the way that was given when it was started.
    pub fn stop(&mut self) {
        let child = &mut self.child;
        stop_all_while(&[self.stopper], self.grace, || drop(child.try_wait()));
    }

    /// Stops it in another way than was given when it was started.
    pub fn stop_with(&mut self, ask: Ask, grace: Duration) {
        self.stopper.ask = ask;
        self.grace = grace;
        self.stop();
    }

    /// Kills it on the spot, as a crash would.
    pub fn kill(&mut self) {
        self.stop_with(Ask::Kill, Duration::ZERO);
    }

    /// Freezes it until [`Running::resume`]: a process that hangs. SIGKILL still works.
    pub fn suspend(&self) {
        self.stopper.send(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.stopper.send(Signal::SIGCONT);
    }

    /// Lets it go on when this program ends. Somebody else has it on record.
    pub fn detach(mut self) {
        self.is_detached = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_detached {
            self.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    fn shell(script: &str, scope: Scope) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::spawn("sh", &mut command, scope, Ask::Terminate, GRACE).unwrap()
    }

    #[test]
    fn a_stopped_group_takes_its_descendants_along() {
        let mut running = shell("sleep 600 & sleep 600 & wait", Scope::OwnGroup);
        let stopper = running.stopper();
        assert!(stopper.is_alive());
        running.stop();
        assert!(!stopper.is_alive());
        assert!(!group_is_alive(running.pid()));
    }

    #[test]
    fn descendants_are_stopped_when_the_leader_has_gone_first() {
        let mut running = shell("sleep 600 & exit 0", Scope::OwnGroup);
        while running.exited().is_none() {
            interrupt::settle(LOOK_AGAIN);
        }
        let stopper = running.stopper();
        assert!(stopper.is_alive());
        drop(running);
        assert!(!stopper.is_alive());
    }

    #[test]
    fn who_does_not_listen_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; while :; do sleep 1; done"]);
        let grace = Duration::from_millis(100);
        let running = Running::spawn("deaf", &mut command, Scope::OwnGroup, Ask::Terminate, grace).unwrap();
        let stopper = running.stopper();
        drop(running);
        assert!(!stopper.is_alive());
    }

    #[test]
    fn a_stranger_under_an_old_number_is_left_alone() {
        let running = shell("sleep 600", Scope::OwnGroup);
        let mut old = running.stopper();
        old.identity.started_ticks -= 1;
        assert!(!old.is_alive());
        assert!(stop_all(&[old], Duration::ZERO));
        assert!(running.stopper().is_alive());
    }

    #[test]
    fn signals_have_names_that_can_be_read_again() {
        for ask in [Ask::Interrupt, Ask::Terminate, Ask::Kill] {
            assert_eq!(ask.to_string().parse::<Ask>().unwrap(), ask);
        }
        assert!("SIGHUP".parse::<Ask>().is_err());
    }
}
