//! Thousands of factions.

use serde_json::{Value, json};
use worldtick::messages::diplomacy::DiplomacySummary;
use worldtick::testing::StepError;

use super::support::{days, pair, relations, section, strangers, world_of};

#[test]
fn two_thousand_factions_live_a_day_and_a_restart() -> Result<(), StepError> {
    let one = |number: u32| {
        let share = |of: u32| f64::from(number * of % 101) / 100.0;
        json!({
            "id": format!("f{number:04}"), "powers": {"military": 1.0 + 9.0 * share(7)},
            "goals": {"expansion": share(13), "commerce": share(29), "security": share(31)},
        })
    };
    let mut spec = strangers((0..2_000).map(one).collect::<Value>());
    section(&mut spec).rules.score.noise = 0.1;
    section(&mut spec).rules.dealings.incidents = 0.25;
    let mut world = world_of(spec)?;
    days(&mut world, 1)?;
    world.send("diplomacy.declare_war", json!({"by": "f1999", "with": "f0000"}))?;
    let (hash, before) = (world.state_hash()?, relations(&mut world));
    world.restart()?;
    assert_eq!(world.state_hash()?, hash);
    assert!(relations(&mut world) == before && before.pairs().count() == 1_999_000);
    assert_eq!(pair(&mut world, "f0000", "f1999")["state"], "WAR");
    days(&mut world, 1)?;
    let all: Vec<DiplomacySummary> = world.events_of()?;
    let told: Vec<_> = all.iter().map(|day| (day.relations, day.by_state)).collect();
    assert_eq!(told.len(), 2);
    for (count, states) in told {
        assert_eq!((count, states.war + states.cold_war + states.peace + states.alliance), (1_999_000, 1_999_000));
        assert!(states.cold_war > 1_000 && states.alliance > 1_000, "{states:?}");
    }
    assert!(all[1].happenings > 300 && all[1].by_state.war > 0, "{:?}", all[1]);
    Ok(())
}
