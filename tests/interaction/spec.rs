//! The interactions section of a world file: what is wrong is told all at once, each with its place.

use crate::interaction_support::{read, refused_file, village};
use serde_json::{Value, json};

fn chain(steps: &Value) -> Value {
    json!({"chains": {"c": {"steps": steps}}})
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let told = refused_file(&json!({
        "kinds": {"chat": {"priority": 2000, "expiresAfterSeconds": 0, "cooldownSeconds": {"npc": -5},
            "requirements": [{"type": "custom", "evaluatorId": "x"}, {"type": "mood_in", "moodTags": ["hapy"]}]}},
        "chains": {"c": {"npc": "ana", "expiresAfterSeconds": 0, "steps": [
            {"stepId": "a", "waitHours": -1, "interaction": "chta"},
            {"stepId": "a", "waitDays": 40000, "branches": {"yes": "bee", "": "a"}},
            {"stepId": "b", "waitSeconds": 5, "minWaitSeconds": 5, "maxWaitSeconds": 9, "requiredFlags": [""]},
            {"stepId": "d", "waitSeconds": 60, "maxWaitSeconds": 60, "effects": {"flagsSet": {"f": [1]}}},
        ]}},
        "limits": {"recheckSeconds": 0, "maxOpenPerNpc": 0},
    }));
    for part in [
        "2000 is outside -1000 to 1000",
        "0 is outside 1 to 31536000",
        "-5 is negative",
        "did you mean `happy`?",
        "did you mean `anna`?",
        "-1 is negative: game time does not run backwards",
        "did you mean `chat`?",
        "`a` is there twice",
        "its waits come to more than",
        "there is no step `bee`",
        "printable characters",
        "the wait is said twice",
        "it has expired before its wait is over",
        "a flag is true, false, a number or a text",
        "recheckSeconds",
        "maxOpenPerNpc",
    ] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
}

#[test]
fn each_thing_that_is_wrong_has_its_place_in_the_file() {
    let told = refused_file(&json!({
        "kinds": {"chat": {"cooldownSeconds": {"global": -1}}},
        "chains": {
            "loop": {"steps": [{"stepId": "a", "autoAdvance": true, "next": "a"}]},
            "island": {"steps": [{"stepId": "a", "next": "$completed"}, {"stepId": "b"}]},
            "past": {"steps": [{"stepId": "a"}, {"stepId": "b", "waitMinutes": -3}]},
            "stranger": {"steps": [{"stepId": "a", "interaction": "chta"}]},
            "for_ever": {"steps": [{"stepId": "a", "waitDays": 3_000_000}]},
        },
    }));
    for place in [
        "interactions.kinds.chat.cooldownSeconds.global",
        "interactions.chains.loop.steps",
        "interactions.chains.island.steps[1]",
        "interactions.chains.past.steps[1].waitMinutes",
        "interactions.chains.stranger.steps[0].interaction",
        "interactions.chains.for_ever.steps[0]",
    ] {
        assert!(told.contains(place), "{place} is not in: {told}");
    }
}

#[test]
fn steps_that_nothing_leads_to_are_refused() {
    let told = refused_file(&chain(&json!([
        {"stepId": "begin", "next": "end"},
        {"stepId": "island"},
        {"stepId": "end"},
    ])));
    assert!(told.contains("no way leads to it") && told.contains("steps[1]"), "{told}");
    // An automatic step passes with `done` alone.
    let told = refused_file(&chain(&json!([
        {"stepId": "begin", "autoAdvance": true, "branches": {"done": "end"}},
        {"stepId": "island"},
        {"stepId": "end"},
    ])));
    assert!(told.contains("no way leads to it"), "{told}");
    read(&village(&chain(&json!([
        {"stepId": "begin", "autoAdvance": true, "optional": true, "branches": {"done": "end"}},
        {"stepId": "bridge"},
        {"stepId": "end"},
    ]))));
}

#[test]
fn cycles_without_a_wait_are_refused() {
    let told = refused_file(&chain(&json!([
        {"stepId": "a", "autoAdvance": true},
        {"stepId": "b", "optional": true, "branches": {"skipped": "a"}},
    ])));
    assert!(told.contains("a cycle without a wait: `a` → `b`"), "{told}");
    let told = refused_file(&chain(&json!([{"stepId": "a", "autoAdvance": true, "next": "a"}])));
    assert!(told.contains("a cycle without a wait: `a`"), "{told}");
    let told = refused_file(&json!({"kinds": {"chat": {}}, "chains": {"c": {"steps": [
        {"stepId": "a", "interaction": "chat", "branches": {"refused": "a"}}]}}}));
    assert!(told.contains("a cycle without a wait"), "{told}");
    // With a wait, or a word of the game, it may go round.
    read(&village(&chain(&json!([
        {"stepId": "a", "autoAdvance": true, "waitSeconds": 1},
        {"stepId": "b", "optional": true, "branches": {"skipped": "a"}},
    ]))));
    read(&village(&chain(&json!([{"stepId": "a", "next": "$completed", "branches": {"again": "a"}}]))));
}

#[test]
fn waits_beyond_the_calendar_are_refused() {
    let told = refused_file(&chain(&json!([{"stepId": "a", "waitDays": i64::MAX}])));
    assert!(told.contains("is outside 0 to"), "{told}");
    let told = refused_file(&chain(&json!([{"stepId": "a", "waitDays": 36_600, "waitSeconds": 1}])));
    assert!(told.contains("come to more than"), "{told}");
    let mut file = village(&chain(&json!([{"stepId": "a", "waitDays": 366}])));
    file["startsAt"] = json!("9999-06-01T00:00:00Z");
    let told = worldtick::world::spec::WorldSpec::from_yaml(&file.to_string()).expect_err("refused").report;
    assert!(told.contains("beyond the calendar"), "{told}");
}

#[test]
fn what_is_odd_is_a_warning() {
    let spec = read(&village(&json!({"chains": {"c": {"repeatCooldownSeconds": 5, "steps": [
        {"stepId": "a", "autoAdvance": true, "branches": {"yes": "b", "expired": "b", "skipped": "b"}},
        {"stepId": "b"},
    ]}}})));
    let told: Vec<String> = spec.warnings().into_iter().map(|warning| warning.message).collect();
    for part in ["not repeatable", "nobody can give", "never expires", "never skipped"] {
        assert!(told.iter().any(|told| told.contains(part)), "{part} is not in: {told:?}");
    }
}
