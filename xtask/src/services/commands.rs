//! `cargo xtask services up`, `down`, `status`: services to play with, which outlive the command that starts them.

use std::fs::{self, File};
use std::path::PathBuf;

use super::Services;
use super::record::{self, Record, RecordFile};
use super::session::RUN_PREFIX;
use crate::{Error, Result, paths, say, tools};

const RECORD: &str = "up.record";
/// What `status` ends with when something is missing.
const CHECK_FAILED: u8 = 3;

/// What `up` is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Up {
    /// How many Kafka nodes.
    pub kafka_nodes: usize,
    /// Where the data is kept; without it, in a temporary folder that `down` removes.
    pub dir: Option<PathBuf>,
}

/// Starts the services unless they run, and prints the variables to export.
pub fn up(wanted: &Up) -> Result<()> {
    let _alone = one_at_a_time()?;
    let path = paths::services().join(RECORD);
    if let Some(record) = Record::load(&path)? {
        if record.is_whole() {
            refuse_if_others(&record, wanted)?;
            say::note("the services run already");
            print(&record.exports);
            return Ok(());
        }
        say::note("stopping what is left of earlier services");
        record::tear_down(&path)?;
    }
    tools::require(tools::For::Services)?;
    let record = RecordFile::create(&paths::services(), RECORD)?;
    match Services::start(wanted.kafka_nodes, wanted.dir.as_deref(), &record) {
        Ok(services) => {
            let exports = services.exports();
            services.detach();
            say::note("ready; `cargo xtask services down` stops them. To use them in this shell:");
            print(&exports);
            Ok(())
        }
        Err(error) => {
            // What was started has been stopped; the record and the temporary folder are left.
            record.tear_down()?;
            Err(error)
        }
    }
}

/// Stops the services, and what killed runs may have left behind.
pub fn down() -> Result<()> {
    let _alone = one_at_a_time()?;
    let dir = paths::services();
    let abandoned = record::tear_down_abandoned(&dir, RUN_PREFIX)?;
    if abandoned > 0 {
        say::note(format!("stopped what {abandoned} earlier run(s) had left behind"));
    }
    let was_up = record::tear_down(&dir.join(RECORD))?;
    say::note(if was_up { "the services are stopped" } else { "no services were running" });
    Ok(())
}

/// Prints what runs; exit code 3 unless everything does.
pub fn status() -> Result<u8> {
    let Some(record) = Record::load(&paths::services().join(RECORD))? else {
        say::note("no services are running");
        return Ok(CHECK_FAILED);
    };
    if let Some((folder, _)) = &record.folder {
        say::note(format!("data in {}", folder.display()));
    }
    for (name, stopper) in record.services() {
        let state = if stopper.is_alive() { "running" } else { "stopped" };
        say::note(format!("{name} {state}, pid {}", stopper.identity.pid));
    }
    if record.is_whole() {
        print(&record.exports);
        return Ok(0);
    }
    say::note("not everything runs: `cargo xtask services up` starts it anew");
    Ok(CHECK_FAILED)
}

/// Two that start or stop at once wait for each other.
fn one_at_a_time() -> Result<File> {
    let dir = paths::services();
    let path = dir.join("up.lock");
    let locked =
        fs::create_dir_all(&dir).and_then(|()| File::create(&path)).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| Error::io("cannot lock", &path, &error))
}

fn refuse_if_others(record: &Record, wanted: &Up) -> Result<()> {
    let nodes = record.services().filter(|(name, _)| name.starts_with("kafka-")).count();
    if nodes != wanted.kafka_nodes {
        return Err(Error::failure(format!(
            "the services run with {nodes} Kafka node(s), not {}: `cargo xtask services down` first",
            wanted.kafka_nodes
        )));
    }
    let Some(dir) = &wanted.dir else { return Ok(()) };
    let dir = std::path::absolute(dir).map_err(|error| Error::io("cannot use", dir, &error))?;
    match &record.folder {
        Some((folder, _)) if *folder != dir => Err(Error::failure(format!(
            "the services run with their data in {}: `cargo xtask services down` first",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

fn print(exports: &[(String, String)]) {
    for (name, value) in exports {
        say::data(format!("export {name}={}", quoted(value)));
    }
}

/// A word of the shell.
fn quoted(value: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/:.,_-@=+".contains(letter);
    if value.chars().all(is_plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Record {
        Record::parse("kept /data\nprocess kafka-1 1 1 SIGKILL \nprocess postgres 2 2 SIGINT \nexport A=b\n")
    }

    #[test]
    fn the_same_once_more_is_fine_and_something_else_is_refused() {
        let up = |kafka_nodes, dir: Option<&str>| Up { kafka_nodes, dir: dir.map(PathBuf::from) };
        assert_eq!(refuse_if_others(&running(), &up(1, None)), Ok(()));
        assert_eq!(refuse_if_others(&running(), &up(1, Some("/data"))), Ok(()));
        assert!(refuse_if_others(&running(), &up(3, None)).is_err());
        assert!(refuse_if_others(&running(), &up(1, Some("/other"))).is_err());
    }

    #[test]
    fn what_the_shell_would_take_apart_is_quoted() {
        assert_eq!(quoted("postgres://postgres@127.0.0.1:1/worldtick"), "postgres://postgres@127.0.0.1:1/worldtick");
        assert_eq!(quoted("/my folder/it's"), r"'/my folder/it'\''s'");
    }
}
