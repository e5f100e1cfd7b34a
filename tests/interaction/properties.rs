//! What holds of chains and intents whatever happens: waits are exact, budgets are kept, nobody starves, sessions are
//! worlds of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::interaction_support::deeds::{deed, perform};
use crate::interaction_support::{intents, session, status, totals, village, with_sleepers, world_of};
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::messages::interaction::ChainChange::{self, Advanced};
use worldtick::messages::interaction::InteractionChainChanged;
use worldtick::testing::Stepper;

/// The first instant of the village, in seconds.
const BEGIN: i64 = 3_376_684_800;

fn changes(world: &Stepper) -> Vec<InteractionChainChanged> {
    world.events_of().expect("events of chains")
}

fn seconds(event: &InteractionChainChanged) -> i64 {
    assert_eq!(event.at.as_micros() % 1_000_000, 0, "to the microsecond");
    event.at.as_micros() / 1_000_000 - BEGIN
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A step passes when its waits are over, to the microsecond, whatever is done to the world and however late it is
    /// looked at.
    #[test]
    fn waits_are_exact_in_game_time(
        waits in prop::collection::vec(0_i64..3_000, 1..8),
        longest in 1_u32..5_000,
        budget in 1_u32..20,
        deeds in prop::collection::vec(deed(), 1..14),
    ) {
        let step = |(at, wait): (usize, &i64)| json!({"stepId": format!("s{at}"), "waitSeconds": wait, "autoAdvance": true});
        let steps: Vec<Value> = waits.iter().enumerate().map(step).collect();
        let mut file = village(&json!({"chains": {"story": {"steps": steps}}}));
        file["clock"] = json!("live");
        // No step is so short that a test takes long.
        file["meta"]["simulation"] = json!({"timeScale": 1, "maxStepGameSeconds": longest.max(500), "maxChainOpsPerStep": budget});
        let mut world = world_of(&file).expect("a world");
        world.send("chain.start", json!({"chain": "story", "npc": "anna"})).expect("it starts");
        for deed in &deeds {
            perform(&mut world, deed);
            world.snapshot().expect("what is derived is what it is made anew");
        }
        let now = world.now().expect("a clock").as_micros() / 1_000_000 - BEGIN;
        let ends: Vec<i64> = waits.iter().scan(0, |sum, wait| { *sum += wait; Some(*sum) }).collect();
        let passed: Vec<i64> =
            changes(&world).iter().filter(|event| event.change == Advanced).map(seconds).collect();
        prop_assert_eq!(&passed[..], &ends[..passed.len()]);
        // What is due and has not passed was put off by the budget, and by nothing else.
        let due = ends.iter().filter(|end| **end <= now).count();
        let looked_at = totals(&mut world)["chainOps"].as_u64().expect("a count");
        prop_assert_eq!(looked_at, passed.len() as u64);
        let moved = now > 0;
        prop_assert!(passed.len() == due || !moved || status(&mut world, "chainsDue") > 0, "{} of {}", passed.len(), due);
    }

    /// A step of the world looks at no more chains than it may, at the most overdue first, and nobody waits longer than
    /// all turns of the others that were due before.
    #[test]
    fn chains_have_fair_turns_within_the_budget(
        waits in prop::collection::vec(5_i64..200, 3..10),
        budget in 1_usize..4,
        spans in prop::collection::vec(1_u64..60, 30..50),
    ) {
        let chains: BTreeMap<String, Value> = waits.iter().enumerate().map(|(at, wait)| {
            let steps = json!([{"stepId": "go", "waitSeconds": wait, "autoAdvance": true, "next": "go"}]);
            (format!("round{at}"), json!({"steps": steps}))
        }).collect();
        let mut file = with_sleepers(&json!({"chains": chains}), u32::try_from(waits.len()).expect("few"));
        file["meta"]["simulation"]["maxChainOpsPerStep"] = json!(budget);
        let mut world = world_of(&file).expect("a world");
        for at in 0..waits.len() {
            let start = json!({"chain": format!("round{at}"), "npc": format!("sleeper-{}", at + 1)});
            world.send("chain.start", start).expect("it starts");
        }
        // What the world should do, by when each is due; the order of entities is that of the chains.
        let mut due: Vec<i64> = waits.clone();
        let mut now = 0;
        // Steps that somebody who is due may still have to wait.
        let mut patience: BTreeMap<usize, usize> = BTreeMap::new();
        for span in spans {
            now += i64::try_from(span).expect("small");
            for at in (0..due.len()).filter(|at| due[*at] <= now) {
                let before = |other: usize| {
                    let ahead = (due[at], at).cmp(&(due[other], other)).is_gt();
                    usize::try_from(if ahead { (due[at] - due[other]) / waits[other] + 1 } else { 0 }).expect("small")
                };
                let turns: usize = (0..due.len()).filter(|other| *other != at).map(before).sum();
                patience.entry(at).or_insert(turns / budget + 1);
            }
            let mut first: Vec<(i64, usize)> = due.iter().copied().zip(0..).filter(|(due, _)| *due <= now).collect();
            first.sort_unstable();
            first.truncate(budget);
            world.take_events();
            world.step(Duration::from_secs(span)).expect("a step");
            let turns: Vec<(i64, usize)> = changes(&world).iter().filter(|event| event.change == Advanced).map(|event| {
                (seconds(event), event.chain.trim_start_matches("round").parse().expect("a number"))
            }).collect();
            prop_assert!(turns.len() <= budget, "{turns:?}");
            prop_assert_eq!(&turns[..first.len()], &first[..], "the most overdue come first");
            for (at_instant, at) in &turns {
                prop_assert_eq!(*at_instant, due[*at], "a turn is that of the instant at which it was due");
                due[*at] += waits[*at];
                patience.remove(at);
            }
            prop_assert!(turns.len() == budget || due.iter().all(|due| *due > now), "no turn is left unused");
            for left in patience.values_mut() {
                prop_assert!(*left > 1, "somebody has waited too long at {}: {:?}", now, patience_of(&due, now));
                *left -= 1;
            }
        }
    }
}

fn patience_of(due: &[i64], now: i64) -> Vec<i64> {
    due.iter().map(|due| now - due).collect()
}

/// What is done with intents.
#[derive(Debug, Clone)]
enum Act {
    Propose { session: usize, npc: usize, priority: i16, delay: u32 },
    Answer { which: usize, acknowledged: bool },
    Step(u64),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_usize..4, 0_usize..4, -5_i16..6, 0_u32..60)
            .prop_map(|(session, npc, priority, delay)| Act::Propose { session, npc, priority, delay }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, acknowledged)| Act::Answer { which, acknowledged }),
        4 => (1_u64..40).prop_map(Act::Step),
        1 => Just(Act::Restart),
    ]
}

const SESSIONS: [Option<&str>; 4] = [None, Some("a"), Some("b"), Some("c")];

/// A world of intents with what the game knows of it: those that it was given and has not answered.
struct Game {
    world: Stepper,
    proposed: BTreeSet<u64>,
    open: BTreeMap<u64, (u64, Option<String>)>,
    handed_out: BTreeSet<u64>,
    limits: (usize, usize, usize),
}

impl Game {
    fn new((per_step, per_npc, per_session): (usize, usize, usize)) -> Self {
        let section = json!({
            "limits": {"maxIntentsPerStep": per_step, "maxOpenPerNpc": per_npc, "maxOpenPerSession": per_session,
                "priorityAgeSeconds": 10},
            "kinds": {"chat": {"expiresAfterSeconds": 1_000_000}},
        });
        let mut world = world_of(&with_sleepers(&section, 4)).expect("a world");
        for id in SESSIONS.into_iter().flatten() {
            session(&mut world, id).expect("a session");
        }
        let limits = (per_step, per_npc, per_session);
        let (proposed, open, handed_out) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        Self { world, proposed, open, handed_out, limits }
    }

    fn step(&mut self, seconds: u64) -> Result<usize, TestCaseError> {
        self.world.take_events();
        self.world.step(Duration::from_secs(seconds)).expect("a step");
        let given = intents(&self.world);
        prop_assert!(given.len() <= self.limits.0, "{} in a step", given.len());
        for intent in &given {
            prop_assert!(self.handed_out.insert(intent.intent_id), "each is handed out once");
            prop_assert!(self.proposed.contains(&intent.intent_id));
            self.open.insert(intent.intent_id, (intent.npc_id, intent.session.clone()));
        }
        let (mut npcs, mut sessions) = (BTreeMap::new(), BTreeMap::new());
        for (npc, session) in self.open.values() {
            *npcs.entry(npc).or_insert(0) += 1;
            *sessions.entry(session).or_insert(0) += 1;
        }
        prop_assert!(npcs.values().all(|count| *count <= self.limits.1), "{npcs:?}");
        prop_assert!(sessions.values().all(|count| *count <= self.limits.2), "{sessions:?}");
        Ok(given.len())
    }

    fn answer(&mut self, which: usize, acknowledged: bool) {
        let Some(id) = self.open.keys().nth(which % self.open.len().max(1)).copied() else { return };
        self.open.remove(&id);
        let command = if acknowledged { "intent.acknowledge" } else { "intent.decline" };
        self.world.send(command, json!({"intentId": id})).expect("it is open");
    }

    fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
        match act {
            Act::Propose { session, npc, priority, delay } => {
                let npc = format!("sleeper-{}", npc + 1);
                let payload = json!({"kind": "chat", "npc": npc, "sessionId": SESSIONS[*session], "priority": priority,
                    "delaySeconds": delay});
                let id = self.world.send("intent.propose", payload).expect("there is room")["intentId"].as_u64();
                self.proposed.insert(id.expect("an id"));
            }
            Act::Answer { which, acknowledged } => self.answer(*which, *acknowledged),
            Act::Step(seconds) => {
                self.step(*seconds)?;
            }
            Act::Restart => {
                self.world.restart().expect("a restart");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// No step, NPC or session gets more than it may; nothing is lost or handed out twice; and everything is handed out in
    /// the end when somebody answers.
    #[test]
    fn intents_keep_their_bounds_and_come_out_in_the_end(
        limits in (1_usize..4, 1_usize..3, 1_usize..4),
        acts in prop::collection::vec(act(), 5..60),
    ) {
        let mut game = Game::new(limits);
        for act in &acts {
            game.act(act)?;
            let left = game.proposed.len() - game.handed_out.len() + game.open.len();
            prop_assert_eq!(status(&mut game.world, "intents"), left as u64, "after {:?}", act);
            prop_assert_eq!(status(&mut game.world, "intentsHandedOut"), game.open.len() as u64);
        }
        game.step(60)?;
        for _ in 0..acts.len() {
            while !game.open.is_empty() {
                game.answer(0, true);
            }
            let waiting = game.proposed.len() - game.handed_out.len();
            let given = game.step(1)?;
            prop_assert!(given > 0 || waiting == 0, "{waiting} wait, nobody is asked and nobody is in their way");
        }
        prop_assert_eq!(&game.handed_out, &game.proposed);
    }

    /// While sessions have something to say they have the same number of turns, give or take one.
    #[test]
    fn sessions_have_their_turns_alike(
        counts in prop::collection::vec(0_usize..12, 4),
        priorities in prop::collection::vec(-5_i16..6, 48),
        per_step in 1_usize..6,
    ) {
        let mut game = Game::new((per_step, 100, 100));
        let mut priority = priorities.iter().cycle();
        for (session, count) in counts.iter().enumerate() {
            for _ in 0..*count {
                let priority = *priority.next().expect("it goes round");
                game.act(&Act::Propose { session, npc: session, priority, delay: 0 })?;
            }
        }
        let mut given = [0_usize; 4];
        while game.step(1)? > 0 {
            for intent in intents(&game.world) {
                let session = SESSIONS.iter().position(|id| *id == intent.session.as_deref()).expect("one of them");
                given[session] += 1;
                let behind = |at: &usize| given[*at] < counts[*at];
                let least = (0..4).filter(behind).map(|at| given[at]).min();
                prop_assert!(least.is_none_or(|least| given[session] <= least + 1), "{given:?} of {counts:?}");
            }
        }
        prop_assert_eq!(&given[..], &counts[..]);
    }
}

#[test]
fn what_is_not_urgent_is_not_passed_over_for_ever() {
    let mut game = Game::new((1, 100, 100));
    game.act(&Act::Propose { session: 0, npc: 0, priority: 0, delay: 0 }).expect("proposed");
    let patient = *game.proposed.first().expect("one");
    // Every second somebody has something that is worth fifty seconds of waiting.
    for second in 1..=60 {
        game.act(&Act::Propose { session: 0, npc: 1, priority: 5, delay: 0 }).expect("proposed");
        game.step(1).expect("a step");
        let is_out = game.handed_out.contains(&patient);
        assert_eq!(is_out, second > 50, "after {second} seconds");
    }
}

/// Something that a player does.
#[derive(Debug, Clone)]
struct Move {
    command: &'static str,
    chain: &'static str,
    step: &'static str,
    outcome: &'static str,
    value: bool,
}

fn player() -> impl Strategy<Value = Move> {
    let commands = vec![
        "chain.start",
        "chain.start",
        "chain.complete",
        "chain.complete",
        "chain.complete",
        "chain.skip",
        "chain.cancel",
        "chain.forget",
        "session.set",
        "interaction.use",
        "cooldown.clear",
    ];
    let (chains, steps) = (vec!["tale", "rumour"], vec!["hear", "think", "tell"]);
    let moved = (
        prop::sample::select(commands),
        prop::sample::select(chains),
        prop::sample::select(steps),
        prop::sample::select(vec!["done", "again", "bad"]),
        any::<bool>(),
    );
    moved.prop_map(|(command, chain, step, outcome, value)| Move { command, chain, step, outcome, value })
}

fn tales() -> Value {
    let steps = |wait: u32| {
        json!([
            {"stepId": "hear", "interaction": "chat", "waitSeconds": wait, "branches": {"bad": "$failed"}},
            {"stepId": "think", "optional": true, "autoAdvance": true, "requiredFlags": ["wise"], "maxWaitSeconds": 900,
                "waitSeconds": 30, "effects": {"flagsSet": {"thought": true}}},
            {"stepId": "tell", "requiredFlags": ["session.thought"], "maxWaitSeconds": 2_000, "branches": {"again": "hear"},
                "onExpiry": {"flagsSet": {"wise": false}}},
        ])
    };
    json!({
        "limits": {"maxOpenPerNpc": 1_000, "maxOpenPerSession": 1_000},
        "kinds": {"chat": {"cooldownSeconds": {"npcAndSession": 120, "session": 20}, "expiresAfterSeconds": 300}},
        "chains": {
            "tale": {"repeatable": true, "repeatCooldownSeconds": 100, "steps": steps(10)},
            "rumour": {"repeatable": true, "steps": steps(200), "expiresAfterSeconds": 5_000},
        },
    })
}

/// Whether the world took it.
fn play(world: &mut Stepper, session: &str, one: &Move) -> bool {
    let Move { command, chain, step, outcome, value } = one;
    let mut payload = match *command {
        "session.set" => json!({"flags": {"wise": value}}),
        "interaction.use" | "cooldown.clear" => json!({"kind": "chat", "npc": "anna"}),
        "chain.complete" => json!({"chain": chain, "npc": "anna", "step": step, "outcome": outcome}),
        "chain.skip" => json!({"chain": chain, "npc": "anna", "step": step}),
        _ => json!({"chain": chain, "npc": "anna"}),
    };
    payload["sessionId"] = json!(session);
    let before = world.state_hash().expect("a hash");
    let taken = world.send(command, payload).is_ok();
    assert!(taken || world.state_hash().expect("a hash") == before, "{command} was refused and has changed something");
    taken
}

/// What happened in a session: chain, change, step, when.
fn story_of(world: &Stepper, session: &str) -> Vec<(String, ChainChange, String, i64)> {
    let of = |event: &InteractionChainChanged| event.session.as_deref() == Some(session);
    let told = changes(world).into_iter().filter(of);
    told.map(|event| (event.chain.clone(), event.change, event.step.clone(), event.at.as_micros())).collect()
}

/// What is asked of a session.
fn state_of(world: &mut Stepper, session: &str) -> Value {
    let mut ask = |query: &str, payload: Value| world.ask(query, payload).expect("an answer");
    let mut chains = ask("chain.list", json!({"sessionId": session, "limit": 100}))["chains"].take();
    chains.as_array_mut().expect("rows").iter_mut().for_each(|row| row["sessionId"] = Value::Null);
    let cooldowns = ask("cooldown.list", json!({"sessionId": session, "npc": "anna"}));
    let flags = ask("session.show", json!({"sessionId": session}))["flags"].take();
    json!([chains, cooldowns, flags])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// What happens in a session is the same whatever happens in another, and a copy goes on as the one that it is of.
    #[test]
    fn sessions_are_worlds_of_their_own(
        moves in prop::collection::vec((player(), player(), 0_u64..400), 1..30),
        copied_at in 0_usize..30,
    ) {
        let new = || {
            let mut world = world_of(&village(&tales())).expect("a world");
            session(&mut world, "mine").expect("a session");
            world
        };
        let (mut alone, mut together) = (new(), new());
        session(&mut together, "yours").expect("a session");
        let mut copied = false;
        let mut before_copy = 0;
        for (at, (mine, yours, span)) in moves.iter().enumerate() {
            if at == copied_at {
                alone.send("session.copy", json!({"sessionId": "mine", "newSessionId": "copy"})).expect("a copy");
                (copied, before_copy) = (true, story_of(&alone, "mine").len());
            }
            let taken = play(&mut alone, "mine", mine);
            prop_assert_eq!(taken, play(&mut together, "mine", mine));
            play(&mut together, "yours", yours);
            if copied {
                prop_assert_eq!(taken, play(&mut alone, "copy", mine));
            }
            if *span > 0 {
                alone.step(Duration::from_secs(*span)).expect("a step");
                together.step(Duration::from_secs(*span)).expect("a step");
            }
            prop_assert_eq!(state_of(&mut alone, "mine"), state_of(&mut together, "mine"));
            // What the counts say runs is what runs.
            let sum = |totals: &Value, names: &[&str]| -> u64 { names.iter().filter_map(|name| totals[*name].as_u64()).sum() };
            let all = totals(&mut together);
            let ended = ["chainsCompleted", "chainsFailed", "chainsExpired", "chainsCancelled", "chainsGone"];
            prop_assert_eq!(status(&mut together, "chains"), sum(&all, &["chainsStarted", "chainsCopied"]) - sum(&all, &ended));
            if copied {
                prop_assert_eq!(state_of(&mut alone, "mine"), state_of(&mut alone, "copy"));
            }
        }
        prop_assert_eq!(story_of(&alone, "mine"), story_of(&together, "mine"));
        if copied {
            prop_assert_eq!(&story_of(&alone, "mine")[before_copy..], &story_of(&alone, "copy")[..]);
        }
        let (mut replayed, _) = together.replay().expect("a replay");
        prop_assert_eq!(replayed.state_hash().expect("a hash"), together.state_hash().expect("a hash"));
    }
}
