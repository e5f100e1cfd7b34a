//! `cargo xtask test`: the one command that sets up and passes the tests.
//!
//! All stages run, also after one that failed, so that everything that is wrong is seen at once. Standard output ends
//! with the test runner's summaries and one line that adds them up: `N passed, N failed`.

mod stages;
mod summary;

use std::io::IsTerminal;
use std::process::Command;
use std::time::Duration;

use crate::clock::Deadline;
use crate::run::Output;
use crate::services::{Services, Session};
use crate::{Error, Result, paths, say, tools};
use stages::{Kind, Stage};
use summary::{Counts, Listener};

/// An ordinary run hangs after this time: on two cores it takes half as long, also where nothing is built yet.
const LIMIT: Duration = Duration::from_secs(80 * 60);
/// A long one within a day.
const LONG_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether missing tools may be installed.
    pub may_install: bool,
    /// Also what takes longer than an hour.
    pub long: bool,
    /// For `cargo test`.
    pub arguments: Vec<String>,
}

/// Runs everything; the exit code is 0 if nothing failed.
pub fn run(options: &Options) -> Result<u8> {
    let deadline = Deadline::after(if options.long { LONG_LIMIT } else { LIMIT });
    tools::ensure(tools::For::Tests, options.may_install)?;
    let mut run = Run { session: Session::begin()?, deadline, long: options.long, counts: Counts::default() };
    let mut failed = Vec::new();
    for stage in stages::all(&options.arguments, options.long) {
        match run.stage(&stage) {
            Ok(()) => {}
            Err(error) if error.is_interruption() => return Err(error),
            Err(error) => {
                say::note(format!("{}: {error}", stage.name));
                failed.push(stage.name);
            }
        }
        if deadline.passed() {
            break;
        }
    }
    let Run { session, counts, .. } = run;
    if let Err(error) = session.end() {
        say::note(error.to_string());
        failed.push("stopping the services");
    }
    if counts.ignored > 0 {
        say::note(format!("{} ignored", counts.ignored));
    }
    if !failed.is_empty() {
        say::note(format!("failed: {}", failed.join(", ")));
    }
    say::data(format!("{} passed, {} failed", counts.passed, counts.failed));
    Ok(u8::from(!failed.is_empty()))
}

struct Run {
    session: Session,
    deadline: Deadline,
    long: bool,
    counts: Counts,
}

impl Run {
    /// Runs one stage. One that fails without a failed test (it does not compile, say) counts as one failure, so that
    /// the last line of a run that failed never tells of none.
    fn stage(&mut self, stage: &Stage) -> Result<()> {
        let before = self.counts.failed;
        let result = self.attempt(stage);
        if result.is_err() && self.counts.failed == before {
            self.counts.failed += 1;
        }
        result
    }

    fn attempt(&mut self, stage: &Stage) -> Result<()> {
        let served = matches!(stage.kind, Kind::Tests | Kind::Measured);
        if served && self.session.services().is_none() {
            self.session.start_services()?;
        }
        say::note(format!("{}: cargo {}", stage.name, stage.arguments.join(" ")));
        let mut cargo = self.cargo(stage)?;
        match stage.kind {
            Kind::Plain | Kind::Measured => {
                let status = self.session.run(stage.name, &mut cargo, self.deadline, Output::Shown)?;
                if status.success() { Ok(()) } else { Err(Error::failure(format!("failed ({status})"))) }
            }
            Kind::Packages => {
                let mut tree = Vec::new();
                let mut keep = |chunk: &[u8]| tree.extend_from_slice(chunk);
                let status = self.session.run(stage.name, &mut cargo, self.deadline, Output::Given(&mut keep))?;
                let tree = String::from_utf8_lossy(&tree);
                crate::run::expect_success("cargo tree", status, &tree)?;
                match stages::outside_in(&tree).as_slice() {
                    [] => Ok(()),
                    found => {
                        Err(Error::failure(format!("without default features there is still {}", found.join(", "))))
                    }
                }
            }
            Kind::Tests => {
                let mut listener = Listener::default();
                let mut pass_on = |chunk: &[u8]| {
                    say::raw(chunk);
                    listener.hear(chunk);
                };
                let status = self.session.run(stage.name, &mut cargo, self.deadline, Output::Given(&mut pass_on));
                self.counts.add(listener.counts());
                let status = status?;
                if status.success() { Ok(()) } else { Err(Error::failure(format!("failed ({status})"))) }
            }
        }
    }

    fn cargo(&self, stage: &Stage) -> Result<Command> {
        let mut cargo = paths::cargo();
        cargo.args(&stage.arguments).envs(stage.variables.iter().copied());
        if matches!(stage.kind, Kind::Tests | Kind::Measured) {
            beside_services(&mut cargo, self.session.services())?;
        }
        if stage.kind == Kind::Tests {
            cargo.envs(demands(self.long));
            // Through our pipe cargo would not see the terminal.
            if std::io::stdout().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
                cargo.env("CARGO_TERM_COLOR", "always");
            }
        }
        Ok(cargo)
    }
}

/// What the tests are held to: services that they cannot find are a failure here, never a reason to be skipped.
fn demands(long: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let long = long.then_some(("WORLDTICK_TEST_LONG", "1"));
    std::iter::once(("WORLDTICK_TEST_REQUIRE_SERVICES", "1")).chain(long)
}

/// Gives `command` the addresses that tests and benchmarks look for and a place for temporary files that goes in the
/// end even if they are killed; hides what the caller has set for a server of their own, because tests must find the
/// same everywhere.
pub(crate) fn beside_services(command: &mut Command, services: Option<&Services>) -> Result<()> {
    hide_servers_settings(command, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()));
    if let Some(services) = services {
        command.envs(services.exports().into_iter().filter(|(name, _)| name.starts_with("WORLDTICK_TEST_")));
        command.env("TMPDIR", services.scratch()?);
    }
    Ok(())
}

fn hide_servers_settings(command: &mut Command, names: impl Iterator<Item = String>) {
    for name in names.filter(|name| is_servers(name)) {
        command.env_remove(name);
    }
}

fn is_servers(name: &str) -> bool {
    name.starts_with("WORLDTICK_") || name.starts_with("KAFKA_") || ["DATABASE_URL", "LOG_LEVEL"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_required_of_the_tests_whatever_the_caller_has_set() {
        let name = "WORLDTICK_TEST_REQUIRE_SERVICES";
        let mut command = Command::new("true");
        hide_servers_settings(&mut command, std::iter::once(name.to_owned()));
        command.envs(demands(false));
        assert!(command.get_envs().any(|(found, value)| found == name && value.is_some_and(|value| value == "1")));
        assert!(demands(true).any(|(found, _)| found == "WORLDTICK_TEST_LONG"));
        assert!(!demands(false).any(|(found, _)| found == "WORLDTICK_TEST_LONG"));
    }

    #[test]
    fn a_servers_settings_are_hidden_and_the_rest_stays() {
        let names = ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "PATH", "WORLDTICK_DATA_DIR", "LOG_LEVEL", "HOME"];
        let mut command = Command::new("true");
        hide_servers_settings(&mut command, names.iter().map(|&name| name.to_owned()));
        let hidden: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert_eq!(hidden, ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "LOG_LEVEL", "WORLDTICK_DATA_DIR"]);
    }
}
