//! `cargo xtask schemas`: the JSON Schemas that are generated from the types.

use std::time::Duration;

use crate::clock::Deadline;
use crate::run::{self, Output};
use crate::{Result, paths};

const LIMIT: Duration = Duration::from_secs(3600);
/// Where they are, from the root of the repository.
const FOLDER: &str = "assets/schemas";

/// Writes them, or with `check` only compares; the exit code is the program's.
pub fn run(check: bool) -> Result<u8> {
    let mut cargo = paths::cargo();
    cargo.args(["run", "--quiet", "--package", "worldtick", "--bin", "worldtick", "--", "schemas"]);
    cargo.args([if check { "check" } else { "write" }, FOLDER]);
    let status = run::to_end("cargo run", &mut cargo, Deadline::after(LIMIT), Output::Shown, &mut run::unrecorded)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
