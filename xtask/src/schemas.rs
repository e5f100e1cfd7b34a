//! `cargo xtask schemas`: the JSON Schemas and the TypeScript types that are generated from the types.

use std::time::Duration;

use crate::clock::Deadline;
use crate::run::{self, Output};
use crate::{Result, paths};

const LIMIT: Duration = Duration::from_secs(3600);
/// Where the schemas are, from the root of the repository.
const FOLDER: &str = "assets/schemas";
/// Where the TypeScript types are.
const TYPES: &str = "assets/types/worldtick.d.ts";

/// Writes them, or with `check` only compares; the exit code is the program's, the first that is not 0.
pub fn run(check: bool) -> Result<u8> {
    let (verb, more): (_, &[&str]) = if check { ("check", &["--check"]) } else { ("write", &[]) };
    match worldtick(&[verb, FOLDER])? {
        0 => worldtick(&[&["types", TYPES], more].concat()),
        failed => Ok(failed),
    }
}

/// Runs `worldtick schemas` with these arguments.
fn worldtick(arguments: &[&str]) -> Result<u8> {
    let mut cargo = paths::cargo();
    cargo.args(["run", "--quiet", "--package", "worldtick", "--bin", "worldtick", "--", "schemas"]).args(arguments);
    let status = run::to_end("cargo run", &mut cargo, Deadline::after(LIMIT), Output::Shown, &mut run::unrecorded)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
