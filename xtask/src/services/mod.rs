//! The services as a whole: Apache Kafka and PostgreSQL, private ones, on free loopback ports.
//!
//! Two kinds of owner: `cargo xtask services up` leaves them running and on record for `down` and `status`; a run of
//! `cargo xtask test` or `bench` owns its own, apart from those, and takes them down in any case.

mod commands;
mod record;
mod session;

use std::fs;
use std::path::{Path, PathBuf};

pub use commands::{Up, down, status, up};
pub use record::{Record, RecordFile, tear_down, tear_down_abandoned};
pub use session::{RUN_PREFIX, Session, watch};

use crate::kafka::{self, Cluster, ClusterSpec};
use crate::postgres::{self, Postgres};
use crate::process::{Ask, Scope};
use crate::{Error, Result, paths, ports, say};

/// The database that is there from the beginning.
const DATABASE: &str = "worldtick";

/// Running services. Dropping them stops them.
#[derive(Debug)]
pub struct Services {
    kafka: Cluster,
    postgres: Postgres,
    libs: PathBuf,
    bin: PathBuf,
    dir: PathBuf,
}

impl Services {
    /// Starts `nodes` Kafka nodes and a PostgreSQL whose data is in `dir` or, without one, in a new temporary folder;
    /// returns when they work. Everything that is started is put on record first.
    pub fn start(nodes: usize, dir: Option<&Path>, record: &RecordFile) -> Result<Self> {
        let on_start = &mut |running: &_| record.process(running);
        let bin = postgres::find_bin().ok_or_else(|| Error::unavailable("PostgreSQL is not installed"))?;
        let libs = kafka::ensure(&paths::services(), on_start)?;
        let (dir, is_temporary) = data_folder(dir)?;
        record.folder(&dir, is_temporary)?;
        say::note(format!(
            "starting Apache Kafka {} ({nodes} node(s)) and PostgreSQL in {}",
            kafka::VERSION,
            dir.display()
        ));
        let postgres = Postgres::start(&bin, &dir, Scope::OwnGroup, on_start)?;
        postgres.ensure_database(DATABASE)?;
        let ask = if is_temporary { Ask::Kill } else { Ask::Terminate };
        let spec = ClusterSpec { scope: Scope::OwnGroup, ask, ..ClusterSpec::for_test(nodes, &dir, &libs) };
        let kafka = Cluster::start(spec, on_start)?;
        let services = Self { kafka, postgres, libs, bin, dir };
        record.exports(&services.exports())?;
        Ok(services)
    }

    /// The variables with which the server, and with which the tests, find the services.
    pub fn exports(&self) -> Vec<(String, String)> {
        let kafka = self.kafka.bootstrap_servers();
        let all = [
            ("KAFKA_BOOTSTRAP_SERVERS", kafka.clone()),
            ("DATABASE_URL", self.postgres.url(DATABASE)),
            ("WORLDTICK_TEST_KAFKA", kafka),
            ("WORLDTICK_TEST_DATABASE_URL", self.postgres.url("postgres")),
            ("WORLDTICK_TEST_KAFKA_LIBS", self.libs.display().to_string()),
            ("WORLDTICK_TEST_PG_BIN", self.bin.display().to_string()),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A folder for the temporary files of whoever uses the services; it goes with theirs.
    pub fn scratch(&self) -> Result<PathBuf> {
        let scratch = self.dir.join("scratch");
        fs::create_dir_all(&scratch).map_err(|error| Error::io("cannot create", &scratch, &error))?;
        Ok(scratch)
    }

    /// Lets them go on when this program ends; they are on record.
    pub fn detach(self) {
        self.kafka.detach();
        self.postgres.detach();
    }
}

/// The folder for the data, which everybody may enter (PostgreSQL may have to run as another user), and whether it is
/// a temporary one.
fn data_folder(wanted: Option<&Path>) -> Result<(PathBuf, bool)> {
    use std::os::unix::fs::DirBuilderExt;
    let (dir, is_temporary) = match wanted {
        Some(dir) => (std::path::absolute(dir).map_err(|error| Error::io("cannot use", dir, &error))?, false),
        None => (std::env::temp_dir().join(format!("worldtick-services-{:x}", ports::random())), true),
    };
    if dir.display().to_string().contains('\n') {
        return Err(Error::failure("the name of the folder for the data may not hold a line break"));
    }
    if !dir.is_dir() {
        let made = fs::DirBuilder::new().recursive(!is_temporary).mode(0o755).create(&dir);
        made.map_err(|error| Error::io("cannot create", &dir, &error))?;
    }
    Ok((dir, is_temporary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_folder_is_kept_and_no_folder_means_a_temporary_one() {
        let (temporary, is_temporary) = data_folder(None).unwrap();
        assert!(is_temporary && temporary.is_dir());
        let wanted = temporary.join("a/b");
        assert_eq!(data_folder(Some(&wanted)).unwrap(), (wanted.clone(), false));
        assert!(wanted.is_dir());
        fs::remove_dir_all(temporary).unwrap();
    }

    #[test]
    fn a_line_break_in_a_folders_name_would_break_the_record() {
        assert!(data_folder(Some(Path::new("/tmp/a\nb"))).is_err());
    }
}
