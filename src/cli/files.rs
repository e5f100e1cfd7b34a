//! Files that the command line reads and writes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::{CliError, Exit};
use super::output::tell;
use crate::config::{WorldFile, read_document, read_world};

/// The world of a file that is named. One that cannot be read is no wrong world, and a wrong one is wrong data.
pub(in crate::cli) fn world_file(path: &Path) -> Result<WorldFile, CliError> {
    readable(path)?;
    read_world(path, None).map_err(|error| CliError { exit: Exit::BadData, ..CliError::from(error) })
}

/// A YAML or JSON file that is named, as it stands.
pub(in crate::cli) fn document(path: &Path) -> Result<serde_json::Value, CliError> {
    readable(path)?;
    read_document(path).map_err(|error| CliError { exit: Exit::BadData, ..CliError::from(error) })
}

/// Tells what is allowed in a world file but hardly meant.
pub(in crate::cli) fn tell_warnings(file: &WorldFile) {
    for warning in file.warnings() {
        tell(&format!("warning: {warning}"));
    }
}

/// Whether a file that is named is there and can be read.
pub(in crate::cli) fn readable(path: &Path) -> Result<(), CliError> {
    fs::File::open(path).map(drop).map_err(|error| CliError::io(path.display(), &error))
}

/// Writes files over, all or none as far as possible: each under another name first, and only when all are on the disk
/// in the place of those before.
pub(in crate::cli) fn write_over(files: &[(PathBuf, String)]) -> Result<(), CliError> {
    let mut written: Vec<(PathBuf, PathBuf)> = Vec::new();
    let outcome = put_all(files, &mut written);
    if outcome.is_err() {
        for (temporary, _) in &written {
            // It may not have been made, or be in its place already.
            let _ = fs::remove_file(temporary);
        }
    }
    outcome
}

fn put_all(files: &[(PathBuf, String)], written: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), CliError> {
    for (path, text) in files {
        let failed = |error: std::io::Error| CliError::io(path.display(), &error);
        // Through a link the file that it leads to is written.
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        if fs::metadata(&place).is_ok_and(|found| !found.is_file()) {
            // A device takes what comes and has no place to put another file in; a folder says what it is.
            fs::write(&place, text).map_err(failed)?;
            continue;
        }
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = place.with_file_name(name);
        written.push((temporary.clone(), place));
        let mut file = fs::File::create(&temporary).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    for (temporary, place) in written.iter() {
        fs::rename(temporary, place).map_err(|error| CliError::io(place.display(), &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_no_wrong_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("w.yaml");
        assert_eq!(world_file(&file).expect_err("missing").exit, Exit::Io);
        fs::write(&file, "id: w\nclok: live\n").expect("written");
        assert_eq!(world_file(&file).expect_err("wrong").exit, Exit::BadData);
        fs::write(&file, "id: w\n").expect("written");
        assert_eq!(world_file(&file).map(|file| file.spec.id.to_string()).ok().as_deref(), Some("w"));
    }

    #[test]
    fn files_are_written_over_together_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (page, table) = (folder.path().join("a.html"), folder.path().join("a.csv"));
        let both = |text: &str| [(page.clone(), text.to_owned()), (table.clone(), text.to_owned())];
        write_over(&both("one")).expect("written");
        // The second cannot be written: there is no such folder.
        let nowhere = folder.path().join("nowhere/a.csv");
        let error = write_over(&[(page.clone(), "two".to_owned()), (nowhere, "two".to_owned())]).expect_err("refused");
        assert_eq!(error.exit, Exit::Io);
        assert_eq!(fs::read_to_string(&page).expect("there"), "one", "the first is as it was");
        write_over(&both("three")).expect("written");
        assert_eq!([&page, &table].map(|path| fs::read_to_string(path).expect("there")), ["three", "three"]);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing else is left");
    }
}
