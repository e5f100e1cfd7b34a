//! The world that ships: whole, readable, and peopled.

use worldtick::world::spec::{DEFAULT_WORLD, WorldSpec};

#[test]
fn the_default_world_reads_the_same_as_json() {
    let world = WorldSpec::default_world().expect("valid");
    let json = serde_json::to_string(&world).expect("JSON");
    assert_eq!(serde_json::from_str::<WorldSpec>(&json).expect("valid"), world);
    assert!(DEFAULT_WORLD.lines().all(|line| line.chars().count() <= 180), "it stays readable");
}

#[test]
fn the_default_world_is_populated_and_nothing_about_it_is_odd() {
    let spec = WorldSpec::default_world().expect("valid");
    assert_eq!(spec.warnings(), []);
    let (behaviour, npcs) = (spec.behaviour.as_ref().expect("there"), spec.npcs.as_ref().expect("there"));
    assert!(behaviour.activity_categories.len() >= 5);
    assert!(behaviour.activities.len() >= 12);
    assert!(behaviour.routines.len() >= 4);
    assert!(npcs.places.len() >= 20);
    let districts: std::collections::BTreeSet<&str> =
        npcs.places.values().map(|place| place.district.as_str()).collect();
    assert!(districts.len() >= 5);
    assert!(npcs.individuals.len() >= 10);
    let people =
        npcs.groups.iter().map(|group| group.count).sum::<u32>() + u32::try_from(npcs.individuals.len()).expect("few");
    assert!((300..=400).contains(&people), "{people}");
    // Everybody can have a turn in every step.
    assert!(spec.meta.simulation.max_npc_ticks_per_step >= people);
    assert!(spec.meta.simulation.tiers.ambient.max_npcs >= people);
    let diplomacy = spec.diplomacy.as_ref().expect("there");
    assert_eq!((diplomacy.factions.len(), diplomacy.relations.len()), (7, 21), "every pair of seven");
    let crowd = spec.crowd.as_ref().expect("there");
    assert_eq!((crowd.agents, crowd.steps_a_day, crowd.grid.all_sectors().len()), (100, 24, 9));
    assert_eq!(crowd.grid.all_sectors()[0].name, "night_city_sector_1");
}
