//! Tiers in a living world: capacity, focus, pins, sessions, dwelling, and what is refused.

use crate::scheduler_support::{in_tier, moves, npc, refused, seconds, simulation, tier, town};
use serde_json::{Value, json};
use worldtick::components::ids::{StableId, StableIndex};
use worldtick::components::npc::NpcState;
use worldtick::components::npc::PlaceId;
use worldtick::components::tier::SimulationTier::{self, Active, Ambient, Detailed, Dormant};
use worldtick::messages::Input;
use worldtick::messages::tier::MoveReason;
use worldtick::systems::scheduler::{FocusIndex, Places, Roster, SessionId, Sessions};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSimulationConfig;

fn quiet_town() -> Stepper {
    town("manual", &simulation([2, 3, 20, 50], 50, 300), vec![(12, Ambient, 0)])
}

fn status(world: &mut Stepper) -> Value {
    world.ask("scheduler.status", json!({})).expect("an answer")
}

fn explain(world: &mut Stepper, npc: &str) -> Value {
    world.ask("npc.tier", json!({ "npc": npc })).expect("an answer")
}

#[test]
fn who_does_not_fit_falls_by_priority_and_then_by_number() -> Result<(), StepError> {
    let people = vec![(2, Detailed, 0), (2, Detailed, 5), (3, Active, 9)];
    let mut world = town("manual", &simulation([3, 2, 1, 10], 50, 0), people);
    world.step(seconds(1))?;
    assert_eq!(in_tier(&mut world, Detailed), [1, 3, 4], "both of priority 5, and the first of priority 0");
    assert_eq!(in_tier(&mut world, Active), [5, 6], "priority 9 goes before who has fallen");
    assert_eq!((in_tier(&mut world, Ambient), in_tier(&mut world, Dormant)), (vec![7], vec![2]));
    Ok(())
}

#[test]
fn room_goes_to_the_best_of_those_who_wait() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([1, 1, 1, 10], 50, 0), vec![(5, Detailed, 0)]);
    world.step(seconds(1))?;
    assert_eq!((tier(&mut world, 1), tier(&mut world, 2)), (Detailed, Active));
    world.send("test.population", json!({"remove": 1}))?;
    world.step(seconds(1))?;
    assert_eq!(
        (tier(&mut world, 2), tier(&mut world, 3), tier(&mut world, 4), tier(&mut world, 5)),
        (Detailed, Active, Ambient, Dormant)
    );
    Ok(())
}

#[test]
fn a_full_world_admits_nobody() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([0, 1, 1, 2], 50, 0), vec![(4, Active, 0)]);
    let reason = refused(&mut world, "test.population", json!({"admit": "ambient"}));
    assert!(reason.contains("the world is full") && reason.contains("dormant.maxNpcs"), "{reason}");
    assert_eq!(world.world().ecs().resource::<StableIndex>().len(), 4);
    world.send("test.population", json!({"remove": 2}))?;
    world.send("test.population", json!({"admit": "detailed"}))?;
    assert_eq!(world.world().ecs().resource::<StableIndex>().len(), 4);
    Ok(())
}

#[test]
fn focus_of_a_session_raises_and_ends_in_world_time() -> Result<(), StepError> {
    let mut world = quiet_town();
    world.send("session.start", json!({"sessionId": "s-1", "flags": {"chapter": 2}}))?;
    let answer = world.send(
        "scheduler.focus",
        json!({"sessionId": "s-1", "kind": "scene", "npcs": ["npc-4", "npc-7", "npc-4"], "ttlSeconds": 600}),
    )?;
    assert_eq!(answer["entries"], 2);
    assert_eq!(tier(&mut world, 4), Ambient, "tiers change in steps alone");
    world.step(seconds(10))?;
    assert_eq!(in_tier(&mut world, Detailed), [4, 7]);
    let found = explain(&mut world, "npc-4");
    assert_eq!((&found["wish"]["reason"], &found["session"]), (&json!("scene"), &json!("s-1")), "{found}");
    assert_eq!(found["focus"][0]["until"], "2077-01-01T00:10:00Z");

    world.step(seconds(580))?;
    assert_eq!(in_tier(&mut world, Detailed), [4, 7], "ten seconds are left");
    world.step(seconds(10))?;
    assert_eq!(in_tier(&mut world, Detailed), Vec::<u64>::new(), "the dwell of 300 s is long over");
    let told: Vec<_> = moves(&world).iter().map(|told| (told.npc_id, told.to, told.reason, told.priority)).collect();
    assert_eq!(
        told,
        [
            (4, Detailed, MoveReason::Scene, 900),
            (7, Detailed, MoveReason::Scene, 900),
            (4, Ambient, MoveReason::Rule, 0),
            (7, Ambient, MoveReason::Rule, 0),
        ]
    );
    assert!(world.world().ecs().resource::<FocusIndex>().is_empty());
    assert!(world.world().ecs().resource::<Sessions>().focus().next().is_none());
    assert_eq!(status(&mut world)["moves"][0]["count"], 2);
    Ok(())
}

/// Lets an NPC go to another place, as behaviour would in its turn.
fn walk(world: &mut Stepper, id: u64, to: PlaceId) {
    let ecs = world.world().ecs();
    let entity = ecs.resource::<StableIndex>().get(StableId(id)).expect("it lives");
    let mut state = ecs.get_mut::<NpcState>(entity).expect("it is somewhere");
    let from = std::mem::replace(&mut state.place, to);
    ecs.resource_mut::<Places>().moved(StableId(id), Some(from), Some(to));
}

#[test]
fn focus_on_a_place_follows_who_comes_and_goes() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([20, 20, 20, 50], 50, 0), vec![(12, Ambient, 0)]);
    let answer =
        world.send("scheduler.focus", json!({"kind": "player_location", "place": "home", "ttlSeconds": 7_200}))?;
    assert_eq!(answer["npcs"], 4);
    world.step(seconds(1))?;
    assert_eq!(in_tier(&mut world, Detailed), [1, 4, 7, 10]);
    walk(&mut world, 1, PlaceId(2));
    walk(&mut world, 2, PlaceId(1));
    world.step(seconds(1))?;
    assert_eq!(in_tier(&mut world, Detailed), [2, 4, 7, 10]);
    assert_eq!(explain(&mut world, "npc-2")["place"], "home");
    world.send("scheduler.unfocus", json!({"place": "home"}))?;
    world.step(seconds(1))?;
    assert_eq!(in_tier(&mut world, Detailed), Vec::<u64>::new());
    Ok(())
}

#[test]
fn pins_go_before_everything_and_do_not_wait() -> Result<(), StepError> {
    let mut world = quiet_town();
    world.send("scheduler.focus", json!({"kind": "scene", "npcs": ["npc-1", "npc-2"], "ttlSeconds": 3_600}))?;
    world.step(seconds(1))?;
    assert_eq!(in_tier(&mut world, Detailed), [1, 2]);
    world.send("npc.pin", json!({"npc": "npc-9", "tier": "detailed"}))?;
    world.send("npc.pin", json!({"npc": "npc-1", "tier": "dormant"}))?;
    world.step(seconds(1))?;
    assert_eq!((in_tier(&mut world, Detailed), tier(&mut world, 1)), (vec![2, 9], Dormant));
    let told = moves(&world);
    assert!(told[2..].iter().all(|told| told.reason == MoveReason::Pin && told.priority == i16::MAX), "{told:?}");
    assert_eq!(explain(&mut world, "npc-9")["pin"], "detailed");

    // A third wish for a tier of two: the pin stays, the lower number of the others, too.
    world.send("npc.unpin", json!({"npc": "npc-1"}))?;
    world.step(seconds(1))?;
    assert_eq!((in_tier(&mut world, Detailed), tier(&mut world, 2)), (vec![1, 9], Active));
    let why = explain(&mut world, "npc-2")["why"].to_string();
    assert!(why.contains("should be detailed") && why.contains("holds 2 of at most 2"), "{why}");
    assert_eq!(moves(&world).last().map(|told| (told.npc_id, told.reason)), Some((2, MoveReason::Capacity)));
    Ok(())
}

#[test]
fn sessions_begin_change_and_end() -> Result<(), StepError> {
    let mut world = quiet_town();
    world.send(
        "session.start",
        json!({"sessionId": "b", "flags": {"met.alex": true, "gone": 1}, "preferences": {"nightOwl": true}}),
    )?;
    world.send("session.set", json!({"sessionId": "b", "flags": {"gone": null, "door": "open"}}))?;
    world.send("session.start", json!({"sessionId": "a"}))?;
    for id in ["a", "b"] {
        let focus = json!({"sessionId": id, "kind": "story", "npcs": ["npc-3"], "ttlSeconds": 100});
        world.send("scheduler.focus", focus)?;
    }
    world.restart()?;
    let (a, b): (SessionId, SessionId) = ("a".parse().unwrap(), "b".parse().unwrap());
    {
        let ecs = world.world().ecs();
        let sessions = ecs.resource::<Sessions>();
        let session = sessions.get(&b).expect("it runs");
        assert_eq!(Value::Object(session.flags_as_json()), json!({"met.alex": true, "door": "open"}));
        assert_eq!(session.preferences.night_owl, Some(true));
        assert_eq!(ecs.resource::<FocusIndex>().session_of(StableId(3), None), Some(&a), "the lowest id has it");
    }
    let answer = world.send("session.end", json!({"sessionId": "a"}))?;
    assert_eq!(answer["focusEnded"], 1);
    assert_eq!(world.world().ecs().resource::<FocusIndex>().session_of(StableId(3), None), Some(&b));
    assert_eq!(status(&mut world)["sessions"], 1);
    Ok(())
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() -> Result<(), StepError> {
    let mut world = quiet_town();
    world.send("session.start", json!({"sessionId": "s"}))?;
    world.step(seconds(1))?;
    let hash = world.state_hash()?;
    let many: Vec<String> = (0..1_001).map(|_| "npc-1".to_owned()).collect();
    let flags: serde_json::Map<String, Value> = (0..257).map(|number| (number.to_string(), json!(1))).collect();
    for (command, payload, expected) in [
        ("scheduler.focus", json!({"kind": "scene", "npcs": ["npc-1", "npc-99", "Alex"], "ttlSeconds": 1}), "`Alex`"),
        ("scheduler.focus", json!({"kind": "scene", "npcs": ["npc-99"], "ttlSeconds": 1}), "no NPC `npc-99`"),
        (
            "scheduler.focus",
            json!({"kind": "scene", "place": "moon", "ttlSeconds": 1}),
            "/place: there is no place `moon`",
        ),
        ("scheduler.focus", json!({"kind": "scene", "place": "parc", "ttlSeconds": 1}), "did you mean `park`?"),
        (
            "scheduler.focus",
            json!({"kind": "scene", "place": "parc", "ttlSeconds": 0}),
            "/ttlSeconds: 0 is not within 1 and",
        ),
        (
            "scheduler.focus",
            json!({"kind": "scene", "npcs": ["npc-1", "npc-99"], "ttlSeconds": 0}),
            "/npcs/1: there is no",
        ),
        ("scheduler.unfocus", json!({"place": "parc"}), "/place: there is no place `parc`; did you mean `park`?"),
        ("scheduler.unfocus", json!({"npcs": ["npc-1", "x"]}), "/npcs/1: there is no NPC `x`"),
        ("scheduler.focus", json!({"kind": "scene", "ttlSeconds": 1}), "either"),
        ("scheduler.focus", json!({"kind": "scene", "npcs": [], "ttlSeconds": 1}), "at least one"),
        ("scheduler.focus", json!({"kind": "scene", "npcs": many, "ttlSeconds": 1}), "too many"),
        ("scheduler.focus", json!({"kind": "scene", "npcs": ["npc-1"], "place": "bar", "ttlSeconds": 1}), "either"),
        ("scheduler.focus", json!({"kind": "scene", "npcs": ["npc-1"], "ttlSeconds": 0}), "ttlSeconds"),
        ("scheduler.focus", json!({"kind": "scene", "npcs": ["npc-1"], "ttlSeconds": 604_801}), "ttlSeconds"),
        ("scheduler.focus", json!({"kind": "whim", "npcs": ["npc-1"], "ttlSeconds": 1}), "unknown variant"),
        ("scheduler.focus", json!({"kind": "scene", "npc": "npc-1", "ttlSeconds": 1}), "unknown field"),
        (
            "scheduler.focus",
            json!({"sessionId": "x", "kind": "scene", "npcs": ["npc-1"], "ttlSeconds": 1}),
            "no session `x` runs",
        ),
        ("scheduler.unfocus", json!({"sessionId": "x y"}), "no session id"),
        ("npc.pin", json!({"npc": "npc-0", "tier": "active"}), "no NPC"),
        ("npc.pin", json!({"npc": "npc-1", "tier": "awake"}), "unknown variant"),
        ("npc.unpin", json!({"npc": "npc-1"}), "not pinned"),
        ("session.start", json!({"sessionId": "s"}), "runs already"),
        ("session.start", json!({"sessionId": ""}), "no session id"),
        ("session.start", json!({"sessionId": "t", "flags": flags}), "256"),
        ("session.set", json!({"sessionId": "s", "flags": {"a": "x".repeat(2_000)}}), "longer than 1024"),
        // What no condition could see, each where it stands.
        (
            "session.start",
            json!({"sessionId": "t", "flags": {"door": {"open": 1}}}),
            "/flags/door: a flag is true, false",
        ),
        (
            "session.set",
            json!({"sessionId": "s", "flags": {"a/b": [1], "c": "x".repeat(300)}}),
            "/flags/a~1b: a flag is",
        ),
        (
            "session.set",
            json!({"sessionId": "s", "flags": {"a": [1], "c": "x".repeat(300)}}),
            "/flags/c: a flag's text has at",
        ),
        ("session.set", json!({"sessionId": "s", "flags": {"a\nb": 1}}), "printable"),
        ("session.set", json!({"sessionId": "s", "preferences": {"activityWeights": {"sleep": 7.0}}}), "not within"),
        (
            "session.set",
            json!({"sessionId": "s", "preferences": {"traitModifiers": {"a/b": -1}}}),
            "/preferences/traitModifiers/a~1b:",
        ),
        ("session.end", json!({"sessionId": "t"}), "no session `t` runs"),
    ] {
        let reason = refused(&mut world, command, payload);
        assert!(reason.contains(expected), "{command}: {reason}");
        assert_eq!(world.state_hash()?, hash, "{command} has changed something");
    }
    world.send("session.start", json!({"sessionId": "t"}))?;
    world.send("session.start", json!({"sessionId": "u"}))?;
    assert!(refused(&mut world, "session.start", json!({"sessionId": "v"})).contains("maxSessions"));
    Ok(())
}

/// Everything that moves NPCs, in one history.
fn eventful(world: &mut Stepper, mut after_each: impl FnMut(&mut Stepper)) -> Result<(), StepError> {
    world.send("session.start", json!({"sessionId": "s"}))?;
    for step in 0..60_u64 {
        match step % 12 {
            0 => {
                let focus = json!({"sessionId": "s", "kind": "player_location", "place": "bar", "ttlSeconds": 900});
                world.send("scheduler.focus", focus)?;
            }
            2 => {
                let id = format!("npc-{}", 1 + step % 40);
                world
                    .send("npc.pin", json!({"npc": id, "tier": if step % 24 < 12 { "detailed" } else { "dormant" }}))?;
            }
            4 => {
                let npcs = json!([format!("npc-{}", 1 + step), format!("npc-{}", 2 + step)]);
                world.send("scheduler.focus", json!({"kind": "story", "npcs": npcs, "ttlSeconds": 300}))?;
            }
            5 => {
                let tier = SimulationTier::ALL[usize::try_from(step / 12).unwrap() % 4];
                world.send("test.rule", json!({"id": 1 + step % 30, "tier": tier, "priority": 40 + step}))?;
            }
            7 => {
                world.send("test.population", json!({"remove": 60 + step, "admit": "active"}))?;
            }
            9 => {
                let id = format!("npc-{}", 1 + (step - 7) % 40);
                world.send("npc.unpin", json!({"npc": id}))?;
            }
            10 => {
                let most = if step % 24 < 12 { [3, 9, 30, 200] } else { [6, 12, 40, 200] };
                let block = simulation(most, 7, 120);
                let simulation: WorldSimulationConfig = serde_json::from_value(block).expect("a block");
                let outcome = world.apply(Input::Configure { simulation: Box::new(simulation), by: "test".into() })?;
                assert!(outcome.reply.is_some_and(|reply| reply.is_ok()));
            }
            _ => {}
        }
        world.step(seconds(47))?;
        after_each(world);
    }
    Ok(())
}

#[test]
fn a_restart_after_every_step_changes_nothing() -> Result<(), StepError> {
    let people = || vec![(10, Detailed, 3), (20, Active, 2), (70, Ambient, 1), (30, Dormant, 0)];
    let block = simulation([4, 10, 40, 200], 7, 120);
    let mut straight = town("manual", &block, people());
    let mut hashes = Vec::new();
    eventful(&mut straight, |world| hashes.push(world.state_hash().expect("a hash")))?;
    let mut restarted = town("manual", &block, people());
    let mut number = 0;
    eventful(&mut restarted, |world| {
        world.restart().expect("it restarts");
        assert_eq!(world.state_hash().expect("a hash"), hashes[number], "after step {number}");
        number += 1;
    })?;
    assert_eq!(restarted.events(), straight.events());
    assert!(moves(&straight).len() > 60, "the history is eventful: {}", moves(&straight).len());

    let (mut again, events) = straight.replay()?;
    assert_eq!(again.state_hash()?, straight.state_hash()?);
    assert_eq!(events, straight.events());
    Ok(())
}

#[test]
fn the_roster_is_always_that_of_the_npcs() -> Result<(), StepError> {
    let people = vec![(10, Detailed, 3), (20, Active, 2), (70, Ambient, 1), (30, Dormant, 0)];
    let mut world = town("manual", &simulation([4, 10, 40, 200], 7, 120), people);
    eventful(&mut world, |world| {
        for tier in SimulationTier::ALL {
            let held = in_tier(world, tier).len();
            assert_eq!(world.world().ecs().resource::<Roster>().population(tier), held, "{tier}");
        }
        world.snapshot().expect("every change was noted");
    })
}

#[test]
fn another_configuration_takes_effect_at_the_next_step() -> Result<(), StepError> {
    let mut world = town("manual", &simulation([5, 5, 20, 50], 50, 300), vec![(8, Detailed, 0)]);
    world.step(seconds(1))?;
    assert_eq!(in_tier(&mut world, Detailed), [1, 2, 3, 4, 5]);
    let mut block = simulation([2, 3, 20, 50], 50, 300);
    block["timeScale"] = json!(120.0);
    block["tiers"]["detailed"]["tickFrequencySeconds"] = json!(5);
    let config: WorldSimulationConfig = serde_json::from_value(block).expect("a block");
    let outcome = world.apply(Input::Configure { simulation: Box::new(config.clone()), by: "test".into() })?;
    let pointers: Vec<Value> = outcome.reply.unwrap().unwrap()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["pointer"].clone())
        .collect();
    assert_eq!(
        pointers,
        ["/tiers/active/maxNpcs", "/tiers/detailed/maxNpcs", "/tiers/detailed/tickFrequencySeconds", "/timeScale"],
        "in the order of their pointers"
    );
    assert_eq!(world.world().clock().scale.0, 120_000_000);
    let now = world.now().unwrap();
    assert!(npc(&mut world, 1).due.micros_since(now) <= 5_000_000, "turns follow the new interval at once");
    world.restart()?;
    world.step(seconds(1))?;
    assert_eq!(in_tier(&mut world, Detailed), [1, 2], "capacity does not wait");
    assert_eq!(in_tier(&mut world, Active), [3, 4, 5]);
    let context = world.ask("scheduler.context", json!({})).expect("an answer");
    assert_eq!(context["config"]["tiers"]["detailed"]["maxNpcs"], 2);
    assert_eq!((&context["worldId"], &context["currentWorldTime"]), (&json!("town"), &json!("2077-01-01T00:00:02Z")));

    // The same again changes nothing; what is out of bounds is refused as a whole.
    let hash = world.state_hash()?;
    assert!(!world.apply(Input::Configure { simulation: Box::new(config.clone()), by: "test".into() })?.changed);
    let wrong = WorldSimulationConfig { time_scale: 0.0, max_npc_ticks_per_step: 0, ..config };
    let outcome = world.apply(Input::Configure { simulation: Box::new(wrong), by: "test".into() })?;
    let reason = outcome.reply.unwrap().unwrap_err();
    assert!(!outcome.changed && reason.contains("time_scale") | reason.contains("timeScale"), "{reason}");
    assert!(reason.contains("icks"), "all that is wrong is said: {reason}");
    assert_eq!(world.state_hash()?, hash);
    Ok(())
}

#[test]
fn configurations_survive_the_journal_and_the_snapshot() {
    let mut block = simulation([2, 3, 20, 50], 50, 300);
    block["tiers"]["active"]["share"] = json!(7);
    let simulation: WorldSimulationConfig = serde_json::from_value(block).expect("a block");
    let input = Input::Configure { simulation: Box::new(simulation.clone()), by: "test".into() };
    let text = serde_json::to_string(&input).expect("json");
    assert!(!text.contains("null"), "what is not said stays unsaid: {text}");
    assert_eq!(serde_json::from_str::<Input>(&text).expect("json"), input);
    let bytes = postcard::to_stdvec(&simulation).expect("postcard");
    assert_eq!(postcard::from_bytes::<WorldSimulationConfig>(&bytes).expect("postcard"), simulation);
}

#[test]
fn a_pin_goes_with_its_npc() -> Result<(), StepError> {
    let mut world = quiet_town();
    world.send("npc.pin", json!({"npc": "npc-3", "tier": "detailed"}))?;
    world.send("test.population", json!({"remove": 3}))?;
    world.step(seconds(1))?;
    assert_eq!(status(&mut world)["pinned"], 0);
    world.restart()?;
    Ok(())
}
