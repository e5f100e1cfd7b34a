//! `worldtick schemas`: writing JSON Schemas and TypeScript types, and finding those that are out of date.

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
    /// Write the TypeScript types of messages and world files
    Types {
        /// The file
        file: PathBuf,
        /// Only compare it with what would be written; exits with 3 if it differs
        #[arg(long)]
        check: bool,
    },
}

pub(in crate::cli) fn run(args: &SchemasArgs) -> Result<(), CliError> {
    match &args.command {
        SchemasCommand::Write { folder } => write(folder),
        SchemasCommand::Check { folder } => check(folder),
        SchemasCommand::Types { file, check } => types(file, *check),
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

fn types(file: &Path, check: bool) -> Result<(), CliError> {
    let (wanted, name) = (schemas::typescript(), file.display());
    if !check {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| CliError::io(folder.display(), &error))?;
        }
        std::fs::write(file, wanted).map_err(|error| CliError::io(file.display(), &error))?;
        return print(&format!("types in {name}\n"));
    }
    if std::fs::read_to_string(file).unwrap_or_default() == wanted {
        return print(&format!("{name} is as it should be\n"));
    }
    let error = CliError::new(Exit::CheckFailed, format!("{name} is out of date"));
    Err(error.help(format!("write it with `worldtick schemas types {name}`")))
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
