//! Factions of every kind, each with as much to do with others as in the default world.

use worldtick::components::ids::StableId;
use worldtick::systems::random::SystemDraws;
use worldtick::world::spec::{FactionSpec, GoalsSpec, PowersSpec, TemperamentSpec};

/// So many of them.
pub(crate) fn some(count: u32) -> Vec<FactionSpec> {
    let draws = SystemDraws::new(1, 0, "bench");
    let faction = |number: u32| {
        let mut draw = draws.for_id(StableId(number.into()));
        let mut unit = || draw.unit();
        FactionSpec {
            id: format!("faction-{number:04}"),
            powers: PowersSpec { military: 5.0 + 5.0 * unit(), ..PowersSpec::default() },
            goals: GoalsSpec { expansion: unit(), commerce: unit(), security: unit() },
            temperament: TemperamentSpec { aggression: unit(), loyalty: unit(), forgiveness: unit() },
            ..FactionSpec::default()
        }
    };
    (0..count).map(faction).collect()
}
