//! The cluster and the database server that the environment names, and what their databases hold.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "helpers of tests; each file uses a part of them")]

use std::io::Write as _;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use worldtick::config::{Secret, ServerConfig};

use crate::bridge_support::unique;

/// A cluster and a database that is dropped at the end.
pub struct Services {
    pub kafka: String,
    database: String,
    admin: String,
}

impl Services {
    /// The services that the environment names. Where they are required they must be there.
    pub fn named() -> Option<Self> {
        let named = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let (kafka, admin) = (named("WORLDTICK_TEST_KAFKA"), named("WORLDTICK_TEST_DATABASE_URL"));
        let required = ["CI", "WORLDTICK_TEST_REQUIRE_SERVICES"].iter().any(|name| std::env::var_os(name).is_some());
        let (Some(kafka), Some(admin)) = (kafka, admin) else {
            assert!(!required, "services are required: set WORLDTICK_TEST_KAFKA and WORLDTICK_TEST_DATABASE_URL");
            // Past the test runner's capture, or nobody would see it.
            let _ =
                writeln!(std::io::stderr(), "skipped: the system on Apache Kafka and PostgreSQL: they are not named");
            return None;
        };
        let database = unique("worldtick_system").replace('-', "_");
        sql(&admin, &format!("CREATE DATABASE {database}"));
        Some(Self { kafka, database, admin })
    }

    pub fn url(&self) -> String {
        let (server, _) = self.admin.rsplit_once('/').expect("the URL names a database");
        format!("{server}/{}", self.database)
    }

    pub fn configure(&self, groups: &str) -> impl Fn(&mut ServerConfig) + Send + Sync + 'static {
        let (kafka, url, groups) = (self.kafka.clone(), self.url(), groups.to_owned());
        move |config| {
            config.kafka.bootstrap_servers = Some(kafka.clone());
            config.kafka.hourly_group = format!("{groups}-hourly");
            config.kafka.daily_group = format!("{groups}-daily");
            config.store.url = Some(Secret::new(url.clone()));
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        sql(&self.admin, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database));
    }
}

pub fn sql(url: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut link = sqlx::PgConnection::connect(url).await.expect("PostgreSQL answers");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut link).await.expect("it is done");
    });
}

/// The store of a server, for whoever looks into it from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    Sqlite(String),
    Postgres(String),
}

impl Rows {
    /// Those of the store in this file.
    pub fn of_file(file: &Path) -> Self {
        Self::Sqlite(format!("sqlite:{}", file.display()))
    }

    /// What a query finds. Every column of it must be text.
    pub fn of(&self, query: &str) -> Vec<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        macro_rules! fetch {
            ($link:ty, $url:expr) => {{
                let mut link = <$link>::connect($url).await.expect("the store can be read");
                let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut link).await.expect("rows");
                link.close().await.expect("closed");
                let text = |row: &_, at| sqlx::Row::get::<String, usize>(row, at);
                rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
            }};
        }
        runtime.block_on(async {
            match self {
                Self::Sqlite(url) => fetch!(sqlx::SqliteConnection, url),
                Self::Postgres(url) => fetch!(sqlx::PgConnection, url),
            }
        })
    }

    /// The numbers in the one row that a query finds.
    pub fn numbers<const N: usize>(&self, query: &str) -> [i64; N] {
        let rows = self.of(query);
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        std::array::from_fn(|at| rows[0][at].parse().unwrap_or_else(|error| panic!("{query}: {rows:?}: {error}")))
    }
}
