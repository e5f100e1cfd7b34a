//! A server stands still for longer than its lease and its transactions last; another one takes over; then it goes on.

use std::time::{Duration, Instant};

use super::check;
use super::ground::{Engine, Ground, factor, wait_for};
use super::load::Load;
use super::script::Script;
use super::server::{Launch, Server};

const ROUNDS: usize = 2;
/// Transactions and their steps; shorter than the lease, so that both are over.
const TRANSACTION_SECONDS: &str = "6";
const WRITE_SECONDS: &str = "5";
/// A heartbeat of this age counts as that of a server that hangs.
const LEASE: Duration = Duration::from_secs(10);
const TICKS: u64 = 40;

#[test]
fn a_server_that_stood_still_is_fenced() {
    let Some(ground) = Ground::start(Engine::Postgres) else { return };
    let servers = ground.bootstrap_servers();
    let load = Load::begin(&servers, Script::new(4), 40);
    let launch = |number: usize| {
        let mut launch = Launch::new(&ground, &format!("server-{number}"));
        launch.set("WORLDTICK_KAFKA_TRANSACTION_TIMEOUT_SECONDS", TRANSACTION_SECONDS);
        launch.set("WORLDTICK_KAFKA_WRITE_TIMEOUT_SECONDS", WRITE_SECONDS);
        launch
    };
    let mut server = launch(0).start();
    server.is_ready().goes_on(TICKS);
    for round in 1..=ROUNDS * factor() {
        server = replace(server, &mut launch(round), |successor| successor.goes_on(TICKS));
    }
    let script = load.finish(0);
    // And once more with nothing to do: what is fenced must notice without a commit.
    server = replace(server, &mut launch(0), |_| ());
    check::everything_happened_once(&script, server, &servers);
}

/// Lets the server stand still until another one has taken over; then it must go.
fn replace(mut server: Server, launch: &mut Launch, work: impl Fn(&mut Server)) -> Server {
    let mut refused = launch.start();
    assert_eq!(refused.wait(Duration::from_secs(30)).code(), Some(1), "one server at a time");
    server.signal("STOP");
    let stopped = Instant::now();
    let mut successor = take_over(launch);
    assert!(stopped.elapsed() >= LEASE / 2, "nobody takes over from a server that may be alive");
    work(&mut successor);
    server.signal("CONT");
    let status = server.wait(Duration::from_secs(30));
    assert_eq!(status.code(), Some(1), "{}", server.said());
    assert!(server.said().contains("another server has taken over"), "{}", server.said());
    work(&mut successor);
    successor
}

/// Starts servers until one does not find the lease taken.
fn take_over(launch: &mut Launch) -> Server {
    wait_for("a server takes over", Duration::from_secs(90), || {
        let mut server = launch.start();
        match server.ready_or_ended() {
            None => Some(server),
            Some(status) => {
                assert_eq!(status.code(), Some(1), "{}", server.said());
                None
            }
        }
    })
}
