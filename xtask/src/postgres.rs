//! A private PostgreSQL on a loopback port, made by `initdb` in a folder of its own.
//!
//! PostgreSQL refuses to run as root; started by root, its programs run as the user `postgres` of Debian's package.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::unistd::{Uid, User};

use crate::clock::Deadline;
use crate::process::{Ask, Running, Scope};
use crate::run::OnStart;
use crate::{Error, Result, interrupt, paths, ports, run};

const READY_LIMIT: Duration = Duration::from_secs(60);
const INITDB_LIMIT: Duration = Duration::from_secs(120);
const QUERY_LIMIT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a "fast" shutdown may take.
const GRACE: Duration = Duration::from_secs(15);
const START_ATTEMPTS: u32 = 3;
const PORT_TAKEN: &str = "Address already in use";
/// A server that was killed leaves children which end a moment later; until then a new one does not start.
const STILL_ENDING: [&str; 2] = ["shared memory block", "postmaster.pid"];

/// Where Debian, or whoever installed it, put PostgreSQL's programs; the newest version of several.
pub fn find_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| is_server(bin))
        .max();
    let on_path = || {
        let initdb = fs::canonicalize(paths::find("initdb")?).ok()?;
        initdb.parent().map(Path::to_path_buf).filter(|bin| is_server(bin))
    };
    newest.map(|(_, bin)| bin).or_else(on_path)
}

fn is_server(bin: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|program| paths::is_executable(&bin.join(program)))
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
    scope: Scope,
    running: Option<Running>,
}

impl Postgres {
    /// Starts a server whose data is in `dir/postgres`, made if missing, and returns when it answers.
    pub fn start(bin: &Path, dir: &Path, scope: Scope, on_start: OnStart<'_>) -> Result<Self> {
        let mut server = Self { bin: bin.into(), dir: dir.into(), port: 0, scope, running: None };
        fs::create_dir_all(dir).map_err(|error| Error::io("cannot create", dir, &error))?;
        server.make_data(on_start)?;
        let mut attempt = 1;
        loop {
            server.port = ports::free(1)?.first().copied().unwrap_or_default();
            match server.launch(on_start) {
                Err(error) if error.to_string().contains(PORT_TAKEN) && attempt < START_ATTEMPTS => attempt += 1,
                result => return result.map(|()| server),
            }
        }
    }

    /// What a client needs to reach `database`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The server's main process, unless it was stopped.
    pub fn process(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Makes `database` unless it is there.
    pub fn ensure_database(&self, database: &str) -> Result<()> {
        let known = self.query(&format!("select 1 from pg_database where datname = '{database}'"))?;
        if known.trim().is_empty() {
            self.query(&format!("create database \"{database}\""))?;
        }
        Ok(())
    }

    /// Stops it in good order; clients are cut off.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Kills it as a crash would: with the next start it recovers from its log.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
    }

    /// Starts it again on the same port, stopping it first if it runs.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        let deadline = Deadline::after(READY_LIMIT);
        loop {
            match self.launch(&mut run::unrecorded) {
                Err(error)
                    if STILL_ENDING.iter().any(|sign| error.to_string().contains(sign)) && !deadline.passed() =>
                {
                    interrupt::pause(LOOK_AGAIN)?;
                }
                result => return result,
            }
        }
    }

    /// Lets it go on when this program ends. Somebody else has it on record.
    pub fn detach(mut self) {
        if let Some(running) = self.running.take() {
            running.detach();
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    fn make_data(&self, on_start: OnStart<'_>) -> Result<()> {
        let data = self.data();
        if data.join("PG_VERSION").exists() {
            return Ok(());
        }
        fs::create_dir_all(&data).map_err(|error| Error::io("cannot create", &data, &error))?;
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&data, private).map_err(|error| Error::io("cannot protect", &data, &error))?;
        if let Some(user) = other_user()? {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            chown(&data, Some(uid), Some(gid)).map_err(|error| Error::io("cannot give away", &data, &error))?;
        }
        let mut initdb = self.command("initdb")?;
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        initdb.arg("-D").arg(&data);
        let (status, said) = run::quietly("initdb", &mut initdb, INITDB_LIMIT, on_start)?;
        if said.contains("Permission denied") {
            let dir = self.dir.display();
            return Err(Error::failure(format!(
                "the user postgres may not enter {dir}: use a folder that all may enter\n{said}"
            )));
        }
        run::expect_success("initdb", status, &said)
    }

    fn launch(&mut self, on_start: OnStart<'_>) -> Result<()> {
        let path = self.log();
        let log = File::create(&path).and_then(|log| Ok((log.try_clone()?, log)));
        let (copy, log) = log.map_err(|error| Error::io("cannot write", &path, &error))?;
        let mut postgres = self.command("postgres")?;
        postgres.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        // No socket file: its path could be too long. Connections enough for many tests at once.
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"] {
            postgres.args(["-c", setting]);
        }
        postgres.stdin(Stdio::null()).stdout(copy).stderr(log);
        let mut running = Running::spawn("postgres", &mut postgres, self.scope, Ask::Interrupt, GRACE)?;
        on_start(&running)?;
        let deadline = Deadline::after(READY_LIMIT);
        loop {
            if let Some(status) = running.exited() {
                let log = fs::read_to_string(&path).unwrap_or_default();
                let log = run::last_lines(&log, 15);
                return Err(Error::failure(format!("PostgreSQL ended ({status}):\n{log}")));
            }
            if self.query("select 1").is_ok() {
                self.running = Some(running);
                return Ok(());
            }
            if deadline.passed() {
                let limit = READY_LIMIT.as_secs();
                return Err(Error::failure(format!(
                    "PostgreSQL does not answer after {limit} s; its log: {}",
                    path.display()
                )));
            }
            interrupt::pause(LOOK_AGAIN)?;
        }
    }

    fn query(&self, sql: &str) -> Result<String> {
        let mut psql = self.command("psql")?;
        psql.args(["--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-d", &self.url("postgres"), "-c", sql]);
        let (status, said) = run::quietly("psql", &mut psql, QUERY_LIMIT, &mut run::unrecorded)?;
        run::expect_success("psql", status, &said)?;
        Ok(said)
    }

    /// One of PostgreSQL's programs, as a user it accepts, without settings of the caller's own.
    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        if let Some(user) = other_user()? {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw()).env("HOME", user.dir).env("USER", user.name);
        }
        Ok(command)
    }
}

/// Who has to run PostgreSQL when it is not the present user.
fn other_user() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    match User::from_name("postgres") {
        Ok(Some(user)) => Ok(Some(user)),
        _ => Err(Error::unavailable("there is no user postgres, and PostgreSQL does not run as root")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_user_port_and_database() {
        let bin = PathBuf::from("/bin");
        let server = Postgres { dir: bin.clone(), bin, port: 5433, scope: Scope::OwnGroup, running: None };
        assert_eq!(server.url("worldtick"), "postgres://postgres@127.0.0.1:5433/worldtick");
    }

    #[test]
    fn a_folder_without_its_programs_is_no_server() {
        assert!(!is_server(Path::new("/")));
    }
}
