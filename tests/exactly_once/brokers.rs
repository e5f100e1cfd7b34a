//! Brokers are killed and started again, one after the other, while the server works.

use super::check;
use super::ground::{Engine, Ground, factor};
use super::load::Load;
use super::script::Script;
use super::server::Launch;

/// Ticks that must run while a broker is away, and after it has come back.
const WHILE_AWAY: u64 = 40;
const AFTERWARDS: u64 = 20;

#[test]
fn brokers_may_be_killed_in_turn() {
    let Some(mut ground) = Ground::start(Engine::Sqlite) else { return };
    let servers = ground.bootstrap_servers();
    let load = Load::begin(&servers, Script::new(3), 40);
    let mut server = Launch::new(&ground, "server").start();
    server.is_ready();
    for _ in 0..factor() {
        for node in 1..=ground.kafka.nodes() {
            ground.kafka.kill(node);
            server.goes_on(WHILE_AWAY);
            ground.kafka.restart(node).unwrap();
            server.goes_on(AFTERWARDS);
        }
    }
    let script = load.finish(0);
    check::everything_happened_once(&script, server, &servers);
}
