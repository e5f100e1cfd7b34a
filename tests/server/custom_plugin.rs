//! The example's plugin in a whole server: what it declares survives a restart and is on the topic.

#[path = "../../examples/custom_plugin/plugin.rs"]
#[allow(dead_code, reason = "the example, as it is")]
mod plugin;

use crate::server_support::ticks::Tick;
use crate::server_support::{HOURLY, TestServer, world};
use plugin::HarbourPlugin;
use serde_json::Value;

/// The event of the plugin that this tick caused.
fn guided(server: &TestServer, tick: &Tick) -> Value {
    server.send(HOURLY, 0, &tick.text());
    server.history(&tick.id, 1);
    server.wait_until_published();
    let events = server.events_of("port");
    let mut of_tick = events
        .into_iter()
        .filter(|event| event["tick_id"] == tick.id.as_str() && event["event_type"] == "simulation.event.ships_guided");
    let event = of_tick.next().expect("an event of the plugin");
    assert!(of_tick.next().is_none(), "one");
    event
}

#[test]
fn a_plugin_of_ones_own_persists_and_publishes_like_the_built_in_ones() {
    // Beside the economy, and in a world without one.
    for file in [world("port", "manual"), "id: port\nclock: manual\n".to_owned()] {
        let mut server = TestServer::prepare(&[file], |_| {}).plugins(|app| {
            app.add_plugins(HarbourPlugin);
        });
        server.begin();
        let first = guided(&server, &Tick::hourly("port", "2077-01-01T00:00:00Z"));
        assert_eq!(first["source"], "harbour.lighthouse");
        assert_eq!(first["lighthouse"], "old-mole");
        let ships = first["ships"].as_u64().expect("ships");
        assert_eq!(first["ships_total"], ships);

        let catalogue = server.api().get("/api/v1/catalogue").ok();
        assert!(catalogue["events"]["simulation.event.ships_guided"]["schema"]["properties"]["ships"].is_object());
        assert_eq!(catalogue["persisted"]["harbour.lighthouse"], 1);

        let hash = server.world("port")["state_hash"].clone();
        server.restart();
        assert_eq!(server.world("port")["state_hash"], hash);
        let second = guided(&server, &Tick::hourly("port", "2077-01-01T00:00:00Z"));
        let total = second["ships"].as_u64().expect("ships") + ships;
        assert_eq!(second["ships_total"], total, "the component has survived");
    }
}
