//! Ticks that are there before the server is.

use super::check;
use super::ground::{Engine, Ground, factor};
use super::load::Sender;
use super::script::Script;
use super::server::Launch;

/// A month of hours.
const TICKS: usize = 720;

#[test]
fn a_backlog_on_three_partitions_runs_in_the_order_of_game_time() {
    let Some(ground) = Ground::start(Engine::Sqlite) else { return };
    let servers = ground.bootstrap_servers();
    let mut script = Script::new(720);
    let sender = Sender::new(&servers);
    for _ in 0..TICKS * factor() {
        sender.send(&script.for_all());
    }
    sender.finish();
    let server = Launch::new(&ground, "server").start();
    check::everything_happened_once(&script, server, &servers);
}
