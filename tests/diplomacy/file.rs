//! World files that no diplomacy can be made of: everything that is wrong is said, and where.

use worldtick::world::spec::{FactionSpec, SpecFault, WorldSpec};

use super::support::{section, seven};

/// Everything that is wrong with a file.
fn faults(text: &str) -> Vec<SpecFault> {
    let spec: WorldSpec = serde_saphyr::from_str(text).expect("YAML");
    spec.faults(None)
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let text = "
id: w
diplomacy:
  factions:
    - { id: north, powers: { military: .nan }, livesFrom: { Food: 0.5 } }
    - { id: north, powers: { military: -1, morale: 2 } }
    - { id: South Gang, powers: { military: 101 }, goals: { expansion: 1.5 }, temperament: { loyalty: -0.1 } }
    - { id: east, powers: { military: 5 } }
  relations:
    - { between: [north, nroth], love: -1.5 }
    - { between: [east, east], trust: .inf }
    - { between: [north, east] }
    - { between: [east, north] }
  treaties:
    - { between: [north, east], kind: trade }
    - { between: [north, east], kind: truce, begins: 2077-02-01T00:00:00Z, ends: 2077-01-01T00:00:00Z }
    - { between: [east, north], kind: truce, days: 0, ends: 2077-01-01T00:00:00Z }
  events:
    - { kind: incident, inDays: 1, by: north, with: west, strength: -2, id: a }
    - { kind: incident, inDays: -1, by: north, with: east, strength: .nan, id: a }
    - { kind: war_declared, inDays: 1, by: north, with: north, treaty: trade }
  rules:
    powerWeights: { military: 0.9 }
    score: { noise: 0.6 }
    states: { warLeave: -0.8, allianceEnter: 0.1 }
    effects: { betrayal: { love: -3 } }
    conflict: { warsMax: 0 }
    economy: { reach: 1, toldHours: 0 }
    keeping: { history: 0 }
";
    let all = faults(text);
    let expected = [
        ("/diplomacy/factions/0/powers/military", "NaN is outside 0 to 100"),
        ("/diplomacy/factions/1/id", "another faction is called `north`"),
        ("/diplomacy/factions/1/powers/military", "-1 is outside"),
        ("/diplomacy/factions/1/powers/morale", "2 is outside 0 to 1"),
        ("/diplomacy/factions/2/id", "an id has 1 to 64"),
        ("/diplomacy/factions/2/powers/military", "101 is outside"),
        ("/diplomacy/factions/2/goals/expansion", "1.5 is outside"),
        ("/diplomacy/factions/2/temperament/loyalty", "-0.1 is outside"),
        ("/diplomacy/relations/0/between/1", "did you mean `north`?"),
        ("/diplomacy/relations/0/love", "-1.5 is outside -1 to 1"),
        ("/diplomacy/relations/1/between/1", "stands on both sides"),
        ("/diplomacy/relations/1/trust", "inf is outside"),
        ("/diplomacy/relations/3/between", "relations[2] is of the same two factions"),
        ("/diplomacy/treaties/0/days", "a treaty has an end"),
        ("/diplomacy/treaties/1/ends", "it only begins at"),
        ("/diplomacy/treaties/2/between", "treaties[1] is of the same kind"),
        ("/diplomacy/treaties/2/days", "leave one of them out"),
        ("/diplomacy/treaties/2/days", "0 is outside 1 to 36500"),
        ("/diplomacy/treaties/2/ends", "the world only begins at 2077-01-01"),
        ("/diplomacy/events/0/with", "did you mean `east`?"),
        ("/diplomacy/events/0/strength", "-2 is outside -1 to 1"),
        ("/diplomacy/events/1/inDays", "-1 is outside"),
        ("/diplomacy/events/1/strength", "NaN is outside"),
        ("/diplomacy/events/1/id", "events[0] is the incident `a` already"),
        ("/diplomacy/events/2/with", "stands on both sides"),
        ("/diplomacy/events/2/treaty", "`war_declared` has no use for it"),
        ("/diplomacy/rules/powerWeights", "the weights add up to 1.5"),
        ("/diplomacy/rules/score/noise", "0.6 is outside 0 to 0.5"),
        ("/diplomacy/rules/states/warLeave", "-0.8 is not above `warEnter`"),
        ("/diplomacy/rules/states/allianceEnter", "0.1 is not above `allianceLeave`"),
        ("/diplomacy/rules/effects/betrayal/love", "-3 is outside -2 to 2"),
        ("/diplomacy/rules/conflict/warsMax", "0 is outside 1 to 10"),
        ("/diplomacy/rules/economy/reach", "1 is outside 0 to 0.9"),
        ("/diplomacy/rules/economy/toldHours", "0 is outside 1 to 720"),
        ("/diplomacy/rules/keeping/history", "0 is outside 1 to 200"),
    ];
    for (pointer, message) in expected {
        let told = |fault: &SpecFault| fault.pointer == pointer && fault.message.contains(message);
        assert!(all.iter().any(told), "{pointer}: {message} is not among\n{all:#?}");
    }
    assert_eq!(all.len(), expected.len(), "and nothing else: {all:#?}");
    // The same with lines, as a person reads it.
    let report = WorldSpec::from_yaml(text).expect_err("refused").report;
    assert!(report.contains("another faction is called `north`") && report.contains('6'), "{report}");
}

#[test]
fn names_of_kinds_and_keys_are_checked_when_it_is_read() {
    let of = |events: &str| {
        let text = format!(
            "id: w\ndiplomacy:\n  factions: [{{ id: a, powers: {{ military: 1 }} }}, {{ id: b, powers: {{ military: 1 }} }}]\n{events}"
        );
        WorldSpec::from_yaml(&text).expect_err("refused").report
    };
    assert!(of("  colour: red\n").contains("colour"));
    assert!(of("  events: [{ kind: picnic, inDays: 1, by: a, with: b }]\n").contains("picnic"));
    assert!(of("  treaties: [{ between: [a], kind: trade, days: 1 }]\n").contains('4'), "two are needed");
}

#[test]
fn too_many_factions_are_refused_with_how_many_there_can_be() {
    let mut spec = seven();
    let one = section(&mut spec).factions[0].clone();
    section(&mut spec).factions =
        (0..5_000).map(|number| FactionSpec { id: format!("f{number}"), ..one.clone() }).collect();
    let all = spec.faults(None);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].message.contains("there are 5000; it takes at most 4096"), "{all:?}");
    section(&mut spec).factions.truncate(1);
    section(&mut spec).relations.clear();
    section(&mut spec).treaties.clear();
    assert!(spec.faults(None)[0].message.contains("it takes 2 to 4096"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let text = |clock: &str| {
        format!(
            "
id: w
clock: {clock}
startsAt: 2077-06-01T00:00:00Z
diplomacy:
  factions:
    - {{ id: north, powers: {{ military: 5 }} }}
    - {{ id: south, powers: {{ military: 5 }} }}
    - {{ id: west, powers: {{ military: 5 }} }}
  relations:
    - {{ between: [north, south], state: WAR }}
    - {{ between: [north, west], state: ALLIANCE }}
  treaties:
    - {{ between: [south, north], kind: truce, days: 5 }}
    - {{ between: [south, north], kind: trade, begins: 2078-01-01T00:00:00Z, days: 5 }}
    - {{ between: [north, west], kind: trade, ends: 2077-05-01T00:00:00Z }}
    - {{ between: [north, west], kind: alliance, begins: 2077-01-01T00:00:00Z, ends: 2077-06-01T00:00:00Z }}
    - {{ between: [west, south], kind: trade, ends: 2077-06-02T00:00:00Z }}
  events:
    - {{ kind: treaty_signed, inDays: 10, by: west, with: south, treaty: truce, ends: 2077-06-05T00:00:00Z }}
    - {{ kind: alliance_formed, inDays: 4, by: west, with: south, ends: 2077-06-05T00:00:00Z }}
    - {{ kind: alliance_formed, inDays: 3.9, by: west, with: south, ends: 2077-06-05T00:00:00Z }}
"
        )
    };
    let at_war = [
        ("/diplomacy/treaties/0/between", "relations[0] has them at war"),
        ("/diplomacy/treaties/1/between", "relations[0] has them at war"),
    ];
    let too_early = [
        ("/diplomacy/treaties/2/ends", "the world only begins at 2077-06-01"),
        ("/diplomacy/treaties/3/ends", "the world only begins at 2077-06-01"),
        ("/diplomacy/events/0/ends", "it is only signed at 2077-06-11"),
        ("/diplomacy/events/1/ends", "it is only signed at 2077-06-05"),
    ];
    // A world that ticks drive begins with the first of them: nobody knows when.
    for (clock, expected) in [("manual", [&at_war[..], &too_early].concat()), ("ticks", at_war.to_vec())] {
        let all = faults(&text(clock));
        let told: Vec<_> = all.iter().map(|fault| (fault.pointer.as_str(), fault.message.as_str())).collect();
        assert_eq!(told.len(), expected.len(), "{clock}: {told:#?}");
        for ((pointer, message), (place, part)) in told.iter().zip(&expected) {
            assert!(pointer == place && message.contains(part), "{pointer}: {message} for {place}: {part}");
        }
    }
}

#[test]
fn what_other_sections_have_too_much_of_hides_nothing_here() {
    let mut spec = WorldSpec::default_world().expect("valid");
    let rules = &mut spec.behaviour.as_mut().expect("a behaviour").simulation_config.priority_rules;
    *rules = vec![rules[0].clone(); 300];
    section(&mut spec).relations[0].love = 7.0;
    let all = spec.faults(None);
    assert!(all.iter().any(|fault| fault.message.contains("there are 300; it takes at most 256")), "{all:?}");
    assert!(all.iter().any(|fault| fault.pointer == "/diplomacy/relations/0/love"), "{all:?}");
}

#[test]
fn what_is_hardly_meant_is_warned_of() {
    let mut spec = WorldSpec::default_world().expect("valid");
    assert_eq!(spec.warnings(), []);
    section(&mut spec).rules.states.war_leave = -0.65;
    let told = spec.warnings();
    assert!(told.len() == 1 && told[0].pointer == "/diplomacy/rules/states/warLeave", "{told:?}");
    section(&mut spec).rules.states.war_leave = -0.48;
    spec.economy = None;
    let told = spec.warnings();
    assert!(!told.is_empty() && told.iter().all(|one| one.message.contains("no economy")), "{told:?}");
    // With an economy, the names must be its own.
    let mut spec = WorldSpec::default_world().expect("valid");
    section(&mut spec).rules.economy.weapons = vec!["Weapn".to_owned()];
    section(&mut spec).factions[0].lives_from = [("Food".to_owned(), 0.8), ("Wood".to_owned(), 0.4)].into();
    let told = spec.faults(None);
    assert!(told.iter().any(|one| one.message.contains("did you mean `Weapon`")), "{told:?}");
    assert!(told.iter().any(|one| one.message.contains("more than 1")), "{told:?}");
}
