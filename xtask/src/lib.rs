//! The project's own commands, `cargo xtask …`, and the private services that they run on.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | arguments, and which command they mean |
//! | [`mod@test`] | `cargo xtask test`: tools, services, formatting, lints, docs, tests, in that order |
//! | [`mod@bench`] | `cargo xtask bench NAME`: a benchmark, beside Apache Kafka where it needs it |
//! | [`schemas`] | `cargo xtask schemas`: the generated JSON Schemas |
//! | [`services`] | `cargo xtask services up`, `down` and `status`; what was started is on record and gets stopped |
//! | [`kafka`] | a private Apache Kafka of one node or more, jars from Maven Central |
//! | [`postgres`] | a private PostgreSQL from Debian's packages |
//! | [`tools`] | which programs are needed, and the Debian packages they are in |
//! | [`process`], [`run`], [`interrupt`] | child processes: stopped in any case, waited for with a limit |
//!
//! A test that needs a broker of its own (to kill it, to start it again) uses [`kafka::Cluster`]; one that needs a
//! database server of its own uses [`postgres::Postgres`]. Both stop what they started when they are dropped, and
//! both need Linux: they find processes through `/proc`.

pub mod bench;
pub mod cli;
pub mod clock;
pub mod error;
pub mod interrupt;
pub mod kafka;
pub mod paths;
pub mod ports;
pub mod postgres;
pub mod process;
mod procfs;
pub mod run;
pub mod say;
pub mod schemas;
pub mod services;
pub mod test;
pub mod tools;

pub use error::{Error, Result};
