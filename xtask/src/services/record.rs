//! What was started, on disk: so that it can be stopped by another run, and after a crash.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Deadline;
use crate::process::{Identity, Running, Scope, Stopper, stop_all};
use crate::{Error, Result, interrupt};

/// How long services may take to shut down in good order.
const GRACE: Duration = Duration::from_secs(15);
const REMOVE_LIMIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const FIRST_LINE: &str = "worldtick services 1";

/// The contents of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The folder of the data, and whether it is to be removed in the end.
    pub folder: Option<(PathBuf, bool)>,
    /// What was started, in this order.
    pub processes: Vec<(String, Stopper)>,
    /// The variables to export; there once everything works.
    pub exports: Vec<(String, String)>,
}

impl Record {
    /// Reads a record; a line that a crash cut off is passed over.
    pub fn parse(text: &str) -> Self {
        let mut record = Self::default();
        for line in text.lines() {
            let mut words = line.splitn(2, ' ');
            let (kind, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            match kind {
                "temporary" => record.folder = Some((rest.into(), true)),
                "kept" => record.folder = Some((rest.into(), false)),
                "process" => record.processes.extend(parse_process(rest)),
                "export" => {
                    record.exports.extend(rest.split_once('=').map(|(name, value)| (name.into(), value.into())));
                }
                _ => {}
            }
        }
        record
    }

    /// Reads the record in `path`, if there is one.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("cannot read", path, &error)),
        }
    }

    /// Whether everything was started and still runs.
    pub fn is_whole(&self) -> bool {
        !self.exports.is_empty() && self.services().all(|(_, stopper)| stopper.is_alive())
    }

    /// What is meant to go on running: of several starts under one name the last.
    pub fn services(&self) -> impl Iterator<Item = &(String, Stopper)> {
        let is_last = |at: usize, name: &str| !self.processes.iter().skip(at + 1).any(|(later, _)| later == name);
        let is_service = |name: &str| name == "postgres" || name.starts_with("kafka-");
        let numbered = self.processes.iter().enumerate();
        numbered.filter(move |(at, (name, _))| is_service(name) && is_last(*at, name)).map(|(_, process)| process)
    }

    /// Stops everything and removes the folder if it was a temporary one.
    pub fn tear_down(&self) -> Result<()> {
        let stoppers: Vec<Stopper> = self.processes.iter().map(|(_, stopper)| *stopper).collect();
        if !stop_all(&stoppers, GRACE) {
            let left = self.processes.iter().filter(|(_, stopper)| stopper.is_alive());
            let left: Vec<String> = left.map(|(name, stopper)| format!("{name} ({})", stopper.identity.pid)).collect();
            return Err(Error::failure(format!("could not stop {}", left.join(", "))));
        }
        match &self.folder {
            Some((folder, true)) => remove(folder),
            _ => Ok(()),
        }
    }
}

/// Removes a folder into which a process that is just dying may still be writing.
fn remove(folder: &Path) -> Result<()> {
    let deadline = Deadline::after(REMOVE_LIMIT);
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) if deadline.passed() => return Err(Error::io("cannot remove", folder, &error)),
            Err(_) => interrupt::settle(LOOK_AGAIN),
        }
    }
}

fn parse_process(text: &str) -> Option<(String, Stopper)> {
    let words: Vec<&str> = text.split(' ').collect();
    let &[name, pid, started_ticks, ask, ""] = words.as_slice() else { return None };
    let identity = Identity { pid: pid.parse().ok()?, started_ticks: started_ticks.parse().ok()? };
    Some((name.to_owned(), Stopper { identity, scope: Scope::OwnGroup, ask: ask.parse().ok()? }))
}

fn process_line(name: &str, stopper: &Stopper) -> String {
    // The blank at the end shows that the line is whole.
    format!("process {name} {} {} {} \n", stopper.identity.pid, stopper.identity.started_ticks, stopper.ask)
}

/// A record that is being written. While it is open its file is locked: who gets the lock knows that the writer is gone.
#[derive(Debug)]
pub struct RecordFile {
    path: PathBuf,
    file: File,
}

impl RecordFile {
    /// Begins the record `name` in `dir`.
    pub fn create(dir: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|error| Error::io("cannot create", dir, &error))?;
        // Locked before it has its name: nobody may take it for one that was left behind.
        let path = dir.join(name);
        let unnamed = dir.join(format!("{name}.new"));
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(&unnamed)?;
            file.lock()?;
            file.set_len(0)?;
            fs::rename(&unnamed, &path)?;
            Ok(file)
        };
        let file = open().map_err(|error| Error::io("cannot create", &path, &error))?;
        let record = Self { path, file };
        record.append(&format!("{FIRST_LINE}\n"))?;
        Ok(record)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes the folder of the data.
    pub fn folder(&self, folder: &Path, is_temporary: bool) -> Result<()> {
        let kind = if is_temporary { "temporary" } else { "kept" };
        self.append(&format!("{kind} {}\n", folder.display()))
    }

    /// Notes a process that has just been started in a group of its own.
    pub fn process(&self, running: &Running) -> Result<()> {
        self.append(&process_line(running.name(), &running.stopper()))
    }

    /// Notes the variables, and with them that everything works.
    pub fn exports(&self, exports: &[(String, String)]) -> Result<()> {
        let text = exports.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "export {name}={value}");
            text
        });
        self.append(&text)
    }

    /// Stops all that is on record and removes it.
    pub fn tear_down(&self) -> Result<()> {
        tear_down(&self.path).map(|_| ())
    }

    fn append(&self, text: &str) -> Result<()> {
        let mut file = &self.file;
        file.write_all(text.as_bytes()).map_err(|error| Error::io("cannot write", &self.path, &error))
    }
}

/// Stops all that is on record in `path` and removes the record; true if there was one.
pub fn tear_down(path: &Path) -> Result<bool> {
    let Some(record) = Record::load(path)? else { return Ok(false) };
    record.tear_down()?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("cannot remove", path, &error)),
        _ => Ok(true),
    }
}

/// Stops what runs left behind that were killed themselves: records in `dir`, named `prefix…`, that nobody has locked.
pub fn tear_down_abandoned(dir: &Path, prefix: &str) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_record = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(".record"));
        let Ok(file) = File::open(entry.path()) else { continue };
        if is_record && file.try_lock().is_ok() {
            count += usize::from(tear_down(&entry.path())?);
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Ask;
    use std::process::Command;

    fn temporary() -> PathBuf {
        let dir = std::env::temp_dir().join(format!("worldtick-xtask-{:x}", crate::ports::random()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn sleeper(name: &str) -> Running {
        let mut command = Command::new("sleep");
        command.arg("600");
        Running::spawn(name, &mut command, Scope::OwnGroup, Ask::Kill, Duration::ZERO).unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let dir = temporary();
        let file = RecordFile::create(&dir, "run-1.record").unwrap();
        let sleeper = sleeper("kafka-1");
        file.folder(&dir.join("with blank"), true).unwrap();
        file.process(&sleeper).unwrap();
        let exports = vec![("DATABASE_URL".to_owned(), "postgres://a@b/c?d=e".to_owned())];
        file.exports(&exports).unwrap();
        let record = Record::load(file.path()).unwrap().unwrap();
        assert_eq!(record.folder, Some((dir.join("with blank"), true)));
        assert_eq!(record.processes, [("kafka-1".to_owned(), sleeper.stopper())]);
        assert_eq!(record.exports, exports);
        assert!(record.is_whole());
        drop(sleeper);
        assert!(!record.is_whole());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over() {
        let whole = "worldtick services 1\nkept /data\nprocess kafka-1 12 3456 SIGKILL \n";
        assert_eq!(Record::parse(whole).processes.len(), 1);
        for end in 0..whole.len() {
            let processes = Record::parse(&whole[..end]).processes;
            assert!(processes.is_empty() || end == whole.len() - 1, "cut at {end}");
        }
    }

    #[test]
    fn of_two_starts_the_later_counts() {
        let record =
            Record::parse("process kafka-1 1 1 SIGKILL \nprocess mvn 3 3 SIGTERM \nprocess kafka-1 2 2 SIGKILL \n");
        let pids: Vec<i32> = record.services().map(|(_, stopper)| stopper.identity.pid).collect();
        assert_eq!(pids, [2]);
    }

    #[test]
    fn what_a_run_left_behind_is_stopped_and_what_a_living_one_owns_is_not() {
        let dir = temporary();
        let data = dir.join("data");
        fs::create_dir_all(&data).unwrap();
        let file = RecordFile::create(&dir, "run-1.record").unwrap();
        let sleeper = sleeper("kafka-1");
        file.folder(&data, true).unwrap();
        file.process(&sleeper).unwrap();

        assert_eq!(tear_down_abandoned(&dir, "run-").unwrap(), 0);
        assert!(sleeper.stopper().is_alive());

        drop(file);
        assert_eq!(tear_down_abandoned(&dir, "run-").unwrap(), 1);
        assert!(!sleeper.stopper().is_alive());
        assert!(!data.exists());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir_all(dir).unwrap();
    }
}
