//! Exactly once, whatever is killed: the server, brokers, the database, or the server's own time.
//!
//! Each test starts three nodes of Apache Kafka and, where it needs one, a PostgreSQL of its own, lets the real
//! program work on them, and does it harm. Afterwards a reader of its own compares what is on `simulation.event`,
//! byte by byte, with an undisturbed run of the same ticks in this process; states, money and goods as well.
//!
//! `WORLDTICK_TEST_KAFKA_LIBS` (a folder with Kafka's jars) and `WORLDTICK_TEST_PG_BIN` (PostgreSQL's programs) say
//! where the services are; `cargo xtask test` sets both. Without them these tests are skipped with a line that says
//! so, and fail where services are required (`CI` or `WORLDTICK_TEST_REQUIRE_SERVICES`). `WORLDTICK_TEST_LONG` makes
//! them larger.
#![cfg(feature = "server")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests fail by panicking, tell what they did, and wait on the wall clock"
)]

#[path = "exactly_once/backlog.rs"]
mod backlog;
#[path = "exactly_once/brokers.rs"]
mod brokers;
#[path = "exactly_once/check.rs"]
mod check;
#[path = "exactly_once/commands.rs"]
mod commands;
#[path = "exactly_once/database.rs"]
mod database;
#[path = "exactly_once/ground.rs"]
mod ground;
#[path = "exactly_once/jobs.rs"]
mod jobs;
#[path = "exactly_once/kills.rs"]
mod kills;
#[path = "exactly_once/live.rs"]
mod live;
#[path = "exactly_once/load.rs"]
mod load;
#[path = "exactly_once/month.rs"]
mod month;
#[path = "server_support/program.rs"]
mod program;
#[path = "exactly_once/script.rs"]
mod script;
#[path = "exactly_once/server.rs"]
mod server;
#[path = "exactly_once/takeover.rs"]
mod takeover;
#[path = "exactly_once/topics.rs"]
mod topics;
#[path = "../examples/generation-worker/worker.rs"]
mod worker;
