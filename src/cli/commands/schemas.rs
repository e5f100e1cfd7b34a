//! `worldtick schemas`: writing the JSON Schemas, and finding those that are out of date.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::error::{CliError, Exit};
use crate::cli::output::print;
use crate::schemas;

/// Arguments of `schemas`.
#[derive(Debug, Args)]
pub struct SchemasArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SchemasCommand,
}

/// What can be done with schemas.
#[derive(Debug, Subcommand)]
pub enum SchemasCommand {
    /// Write every schema into a folder
    Write {
        /// The folder, made if missing
        folder: PathBuf,
    },
    /// List what differs from what would be written; exits with 3 if anything does
    Check {
        /// The folder
        folder: PathBuf,
    },
}

pub(in crate::cli) fn run(args: &SchemasArgs) -> Result<(), CliError> {
    match &args.command {
        SchemasCommand::Write { folder } => write(folder),
        SchemasCommand::Check { folder } => check(folder),
    }
}

fn write(folder: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(|error| CliError::io(folder.display(), &error))?;
    let files = schemas::files();
    for (name, text) in &files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| CliError::io(path.display(), &error))?;
    }
    for stale in surplus(folder)? {
        std::fs::remove_file(&stale).map_err(|error| CliError::io(stale.display(), &error))?;
    }
    print(&format!("{} schemas in {}\n", files.len(), folder.display()))
}

fn check(folder: &Path) -> Result<(), CliError> {
    let mut differences = Vec::new();
    let files = schemas::files();
    for (name, text) in &files {
        match std::fs::read_to_string(folder.join(name)) {
            Ok(found) if found == *text => {}
            Ok(_) => differences.push(format!("{name} is out of date")),
            Err(_) => differences.push(format!("{name} is missing")),
        }
    }
    differences.extend(surplus(folder)?.iter().map(|path| format!("{} is of no use", path.display())));
    if differences.is_empty() {
        return print(&format!("{} schemas are as they should be\n", files.len()));
    }
    print(&differences.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    let error = CliError::new(Exit::CheckFailed, "the schemas are not those of the types");
    Err(error.help(format!("write them with `worldtick schemas write {}`", folder.display())))
}

/// Schemas in the folder that nothing makes any more.
fn surplus(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let wanted = schemas::files();
    let failed = |error: std::io::Error| CliError::io(folder.display(), &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".schema.json") && !wanted.contains_key(name) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
