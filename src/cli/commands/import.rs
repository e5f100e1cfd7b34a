//! `worldtick worlds import`: behaviour in the JSON format of other systems becomes a world file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::cli::error::{CliError, Exit};
use crate::cli::output::{print, tell};
use crate::components::ids::WorldId;
use crate::world::spec::{BehaviourSpec, WorldSpec};

/// The first line of a world file in YAML: editors find the schema by it.
const HEADER: &str = "# What `worldtick worlds import` made of it; `worldtick config check` checks it.\n";

/// Arguments of `worlds import`.
#[derive(Debug, Args)]
#[command(after_help = "What was not understood is said on standard error, and left out.

Examples:
  worldtick worlds import old-town.json --id old-town > old-town.yaml
  worldtick worlds import old-town.json --id old-town --to worlds/old-town.json")]
pub struct ImportArgs {
    /// JSON file: a behaviour object, or one with `behavior` or `meta.behavior`
    pub file: PathBuf,
    /// Name of the new world
    #[arg(long, value_name = "WORLD")]
    pub id: WorldId,
    /// Write the world file here, as JSON if it ends in .json, else as YAML; without it to standard output, as YAML
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

pub(super) fn run(args: &ImportArgs) -> Result<(), CliError> {
    let name = args.file.display();
    let text = std::fs::read_to_string(&args.file).map_err(|error| CliError::io(name.to_string(), &error))?;
    let imported = BehaviourSpec::import(&text).map_err(|error| {
        let lines: String = error.report.lines().map(|line| format!("\n  {line}")).collect();
        CliError::new(Exit::BadData, format!("{name} cannot be imported:{lines}"))
    })?;
    let report = imported.report.clone();
    let world = imported.into_world(args.id.clone());
    match &args.to {
        None => print(&written(&world, false)?)?,
        Some(path) => {
            let file = written(&world, path.extension().is_some_and(|ending| ending == "json"))?;
            write(path, &file)?;
        }
    }
    let notes = report.notes.len() + report.left_out;
    tell(report.to_string().trim_end());
    tell(&format!("imported {name} as `{}`: {notes} note{}", args.id, if notes == 1 { "" } else { "s" }));
    Ok(())
}

/// A world file as text. Reading it again must give the same world.
fn written(world: &WorldSpec, as_json: bool) -> Result<String, CliError> {
    let failed = |what: String| CliError::new(Exit::Failure, format!("the world file cannot be written: {what}"));
    if as_json {
        let text = serde_json::to_string_pretty(world).map_err(|error| failed(error.to_string()))?;
        return Ok(text + "\n");
    }
    let value = serde_json::to_value(world).map_err(|error| failed(error.to_string()))?;
    // What is empty need not be written, unless leaving it out changes something.
    for value in [without_empty(value.clone()), value] {
        let text = serde_saphyr::to_string(&value).map_err(|error| failed(error.to_string()))?;
        if WorldSpec::from_yaml(&text).is_ok_and(|read| read == *world) {
            return Ok(format!("{HEADER}{text}"));
        }
    }
    Err(failed("it reads differently as YAML; write it with --to FILE.json".to_owned()))
}

fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(table) => {
            // An entry that becomes empty stays: its name says something.
            let kept = table.into_iter().filter(|(_, inner)| !is_empty(inner));
            Value::Object(kept.map(|(key, inner)| (key, without_empty(inner))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_empty).collect(),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(table) => table.is_empty(),
        _ => false,
    }
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error: &std::io::Error| CliError::io(path.display(), error);
    let mut file = std::fs::File::create_new(path).map_err(|error| {
        let told = failed(&error);
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            told.help("it is not written over: name another")
        } else {
            told
        }
    })?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| failed(&error))
}
