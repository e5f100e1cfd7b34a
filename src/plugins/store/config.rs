//! How to reach a store, and its limits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::StoreError;

/// Name of the database file where only a folder is given.
const FILE_NAME: &str = "worldtick.db";

/// Where a store is and how it may be used.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `postgres://…`, `sqlite:<path>`, or a bare path. A folder means `worldtick.db` in it.
    pub url: SecretString,
    /// The longest that one operation may take. 5 s.
    pub operation_timeout: Duration,
    /// The longest that writing one snapshot may take. 60 s.
    pub snapshot_timeout: Duration,
    /// Connections in the pool. 8. PostgreSQL has two more: one that commits, one that holds the lock.
    pub connections_max: u32,
    /// Snapshots kept of each world. 2.
    pub snapshots_kept: u32,
    /// How often an owner that commits nothing says that it lives. 2 s.
    pub heartbeat_interval: Duration,
    /// Topics whose outbox rows stay until the tick has come back.
    pub tick_topics: Vec<String>,
}

impl StoreConfig {
    /// The store at `url`, with the usual limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            operation_timeout: Duration::from_secs(5),
            snapshot_timeout: Duration::from_secs(60),
            connections_max: 8,
            snapshots_kept: 2,
            heartbeat_interval: Duration::from_secs(2),
            tick_topics: vec!["world.tick.hourly".to_owned(), "world.tick.daily".to_owned()],
        }
    }

    /// Whether the URL can be read at all. Never opens anything.
    ///
    /// # Errors
    /// In words without the URL, which may hold a password.
    pub fn check_url(&self) -> Result<(), String> {
        let read = self.location().and_then(|location| match location {
            Location::Sqlite { .. } => self.check_path(),
            Location::Postgres(url) => check_postgres(&url).and_then(|()| postgres_url(&url).map(|_| ())),
        });
        read.map_err(|error| match error {
            StoreError::Config { message } => message,
            other => other.to_string(),
        })
    }

    /// Where the store is, without user and password.
    pub fn place(&self) -> String {
        self.location().map(|location| location.to_string()).unwrap_or_default()
    }

    /// A path in a configuration names the database file.
    fn check_path(&self) -> Result<(), StoreError> {
        let url = self.url.expose_secret().trim();
        let path = url.strip_prefix("sqlite:").map_or(url, |rest| rest.strip_prefix("//").unwrap_or(rest));
        let path = path.split('?').next().unwrap_or_default();
        if path.ends_with('/') || Path::new(path).is_dir() {
            let file = Path::new(path).join(FILE_NAME);
            let message = format!("{path} is a folder: name the file, such as sqlite:{}", file.display());
            return Err(StoreError::Config { message });
        }
        Ok(())
    }

    /// Reads the URL. Never opens anything.
    ///
    /// # Errors
    /// [`StoreError::Config`] where it is neither a PostgreSQL URL nor a path.
    pub(super) fn location(&self) -> Result<Location, StoreError> {
        let url = self.url.expose_secret().trim();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Location::Postgres(self.url.clone()));
        }
        let path = match url.strip_prefix("sqlite:") {
            Some(rest) => {
                let rest = rest.strip_prefix("//").unwrap_or(rest);
                rest.split_once('?').map_or(rest, |(path, _)| path)
            }
            None if url.contains("://") => {
                let scheme = url.split("://").next().unwrap_or_default();
                return Err(StoreError::Config {
                    message: format!("`{scheme}://` is no store: use postgres://… or sqlite:<path>"),
                });
            }
            None => url,
        };
        if path.is_empty() || path == ":memory:" {
            return Err(StoreError::Config {
                message: "the store needs a file: give `sqlite:<path>` or postgres://…".to_owned(),
            });
        }
        Ok(Location::sqlite(Path::new(path)))
    }
}

/// A URL that leaves out host or database would find those of the environment, or of the user who happens to run this.
fn check_postgres(url: &SecretString) -> Result<(), StoreError> {
    let rest = url.expose_secret().split_once("://").map_or("", |(_, rest)| rest);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let (host, database) = place.split_once('/').unwrap_or((place, ""));
    let asked = |name: &str| query.split('&').any(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name));
    let missing = match (host.is_empty() || host.starts_with(':'), database.is_empty()) {
        (true, _) if !asked("host") && !asked("hostaddr") => "the host",
        (_, true) if !asked("dbname") => "the database",
        _ => return Ok(()),
    };
    Err(StoreError::Config { message: format!("{missing} is missing") })
}

/// What a PostgreSQL URL says.
pub(super) fn postgres_url(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    PgConnectOptions::from_str(url.expose_secret()).map_err(|error| StoreError::Config { message: error.to_string() })
}

/// A URL that has been understood.
#[derive(Debug, Clone)]
pub(super) enum Location {
    /// A database file, and the folder that is locked with it.
    Sqlite { file: PathBuf, folder: PathBuf },
    /// A PostgreSQL URL, password and all.
    Postgres(SecretString),
}

impl Location {
    fn sqlite(path: &Path) -> Self {
        let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Self::Sqlite { file, folder }
    }
}

/// Without user, password and parameters: fit for logs and messages.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { file, .. } => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => {
                let url = url.expose_secret();
                let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
                let rest = rest.split('?').next().unwrap_or_default();
                write!(f, "postgres://{}", rest.rsplit('@').next().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> String {
        StoreConfig::new(url).location().map_or_else(|error| error.to_string(), |location| location.to_string())
    }

    #[test]
    fn urls_and_paths_are_understood() {
        assert_eq!(told("sqlite:/data/w.db"), "sqlite:/data/w.db");
        assert_eq!(told("sqlite:///data/w.db?mode=rwc"), "sqlite:/data/w.db");
        assert_eq!(told("w.db"), "sqlite:w.db");
    }

    #[test]
    fn no_message_shows_the_password() {
        assert_eq!(told("postgres://sim:s3cr%40t@db:5432/world?sslmode=require"), "postgres://db:5432/world");
        assert!(!format!("{:?}", StoreConfig::new("postgres://a:hush@b/c")).contains("hush"));
    }

    #[test]
    fn a_url_must_name_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let check = |url: &str| StoreConfig::new(url).check_url();
        for (url, words) in [
            ("postgres://", "the host is missing"),
            ("postgres:///worlds", "the host is missing"),
            ("postgres://sim:hush@db", "the database is missing"),
            ("postgres://sim:hush@db:5432/", "the database is missing"),
            (&format!("sqlite:{}", folder.path().display()), "is a folder"),
            ("sqlite:data/", "is a folder"),
        ] {
            let told = check(url).unwrap_err();
            assert!(told.contains(words) && !told.contains("hush"), "{url}: {told}");
        }
        for url in ["postgres://db/w", "postgres:///w?host=/run/postgresql", "postgres://[::1]:5432/w", "sqlite:w.db"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        assert_eq!(StoreConfig::new("postgres://sim:hush@db:5432/w").place(), "postgres://db:5432/w");
    }

    #[test]
    fn what_is_no_store_is_refused() {
        assert!(told("mysql://db/world").contains("mysql://"));
        assert!(told("sqlite::memory:").contains("needs a file"));
        assert!(told("").contains("needs a file"));
    }
}
