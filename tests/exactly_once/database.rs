//! The database server is cut off and started again while the server works.

use std::process::Command;

use super::check;
use super::ground::{Engine, Ground, factor};
use super::load::Load;
use super::script::Script;
use super::server::Launch;

const RESTARTS: usize = 5;
/// Ticks that must run between two restarts.
const BETWEEN: u64 = 40;

#[test]
fn postgresql_may_be_restarted() {
    let Some(mut ground) = Ground::start(Engine::Postgres) else { return };
    let servers = ground.bootstrap_servers();
    let load = Load::begin(&servers, Script::new(5), 40);
    let mut server = Launch::new(&ground, "server").start();
    server.is_ready().goes_on(BETWEEN);
    for restart in 0..RESTARTS * factor() {
        let database = ground.postgres.as_mut().unwrap();
        // What `pg_ctl stop -m immediate` sends: every connection is cut, and the next start recovers.
        let pid = database.process().unwrap().pid().to_string();
        assert!(Command::new("kill").args(["-s", "QUIT", &pid]).status().unwrap().success());
        if restart == 1 {
            // Away for long enough that everybody notices.
            database.stop();
            server.is_in_trouble();
        }
        database.restart().unwrap();
        server.goes_on(BETWEEN);
    }
    let script = load.finish(0);
    check::everything_happened_once(&script, server, &servers);
}
