//! What a crowd tells fits the published schemas, in both envelopes, and is far below the topic's limit whatever the world
//! file says.

use std::collections::BTreeMap;

use crate::crowd_support::world;
use bevy_ecs::change_detection::DetectChangesMut;
use worldtick::cli::check_message;
use worldtick::components::crowd::{Crowd, FULL};
use worldtick::messages::Envelope;

/// Bytes that an event of a crowd takes at most; the topic takes 524,288.
const BYTES_MAX: usize = 2_048;

#[test]
fn everything_that_a_crowd_tells_fits_the_schemas_and_the_topic() {
    // The longest names that a file may give, in the longest letters.
    let sun = "\u{1F307}".repeat(48);
    let crowd = format!(
        "{{ agents: 4000, hourly: true, grid: {{ width: 80, height: 80, sectorPrefix: {sun} }}, \
         telling: {{ actionSamples: 5 }} }}"
    );
    let mut world = world(1, &crowd);
    world.days(8).expect("eight days");
    for hour in 0..30 {
        if hour % 10 == 3 {
            let mut crowd = world.world().ecs().resource_mut::<Crowd>();
            for chunk in &mut crowd.chunks {
                chunk.hunger.fill(FULL);
                chunk.money.fill(0);
            }
            crowd.set_changed();
        }
        world.hours(1).expect("an hour");
    }
    let mut kinds = BTreeMap::new();
    for event in world.events().iter().rev() {
        let seen = kinds.entry(event.event_type).or_insert(0);
        *seen += 1;
        for envelope in [Envelope::Flat, Envelope::Data] {
            // To check one takes a while: the last of each kind, those of the shocks among them.
            if *seen <= 40 {
                let found = check_message(&event.to_value(envelope));
                assert!(found.is_empty(), "{found:?}: {event:?}");
            }
            let bytes = event.to_bytes(envelope).len();
            assert!(bytes <= BYTES_MAX, "{bytes} bytes: {event:?}");
        }
    }
    for kind in ["crowd_signal", "population_movement", "social_trend", "aggregated_stats", "agent_action"] {
        assert!(kinds.contains_key(format!("simulation.event.{kind}").as_str()), "{kind}: {kinds:?}");
    }
}
