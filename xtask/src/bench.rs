//! `cargo xtask bench NAME`: one benchmark, beside Apache Kafka and PostgreSQL where it measures through them.

use std::time::Duration;

use crate::clock::Deadline;
use crate::run::Output;
use crate::services::Session;
use crate::test::beside_services;
use crate::{Result, paths, tools};

const LIMIT: Duration = Duration::from_secs(24 * 3600);
/// The benchmarks that need services.
const WITH_SERVICES: [&str; 1] = ["bridge"];

/// Runs the benchmark `name` with further arguments of its own; the exit code is cargo's.
pub fn run(name: &str, arguments: &[String]) -> Result<u8> {
    let mut session = Session::begin()?;
    if WITH_SERVICES.contains(&name) {
        tools::require(tools::For::Services)?;
        session.start_services()?;
    }
    let mut cargo = paths::cargo();
    cargo.args(["bench", "--bench", name, "--"]).args(arguments);
    beside_services(&mut cargo, session.services())?;
    let status = session.run("cargo bench", &mut cargo, Deadline::after(LIMIT), Output::Shown)?;
    session.end()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
