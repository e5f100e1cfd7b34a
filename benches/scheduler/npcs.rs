//! What a decision costs, and what an NPC weighs.

use std::hint::black_box;
use std::time::Instant;

use bevy_app::App;
use serde_json::json;
use uuid::Uuid;
use worldtick::components::clock::GameInstant;
use worldtick::components::ids::StableId;
use worldtick::components::npc::{
    ActivityId, AxisId, Flags, Memory, Npc, NpcState, PlaceId, PresetId, Relationships, RoutineId,
};
use worldtick::messages::Input;
use worldtick::plugins::npc::NpcPlugin;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::npc::compile::compile;
use worldtick::systems::npc::condition::Society;
use worldtick::systems::npc::decide::{Care, Desk};
use worldtick::systems::npc::extend::Extensions;
use worldtick::systems::npc::turn::{Body, Setting, take_turn};
use worldtick::world::GameWorld;
use worldtick::world::spec::WorldSpec;

use crate::{HELD, Ordering};

type Failure = Box<dyn std::error::Error>;

const DECISIONS: u32 = 2_000_000;
const PEOPLE: u32 = 1_000;

/// Six activities at one node, as they are written in earnest: requirements, moods, effects, cooldowns, places.
pub(crate) fn spec(count: u32) -> Result<WorldSpec, Failure> {
    let activity = |category: &str, place: &str, energy: f64, cooldown: u32| {
        json!({
            "category": category, "minDurationSeconds": 1_800, "cooldownSeconds": cooldown,
            "requirements": {"locationTypes": [place], "minEnergy": if energy < 0.0 { 5 } else { 0 }},
            "effects": {"energyDeltaPerHour": energy, "moodImpact": {"valence": 1, "arousal": 0}},
        })
    };
    let names = ["sleep", "eat", "work", "drink", "read", "walk"];
    let offers: Vec<_> = names.iter().map(|name| json!({"activityId": name, "weight": 2})).collect();
    let spec = json!({
        "id": "bench", "clock": "manual",
        "meta": {"simulation": {"tiers": {
            "detailed": {"maxNpcs": 10}, "active": {"maxNpcs": 10}, "ambient": {"maxNpcs": count}, "dormant": {"maxNpcs": 10},
        }}},
        "behaviour": {
            "activityCategories": {"needs": {}, "work": {}, "social": {}, "leisure": {}},
            "activities": {
                "sleep": activity("needs", "home", 12.0, 0), "eat": activity("needs", "home", 4.0, 7_200),
                "work": activity("work", "work", -5.0, 0), "drink": activity("social", "bar", -4.0, 3_600),
                "read": activity("leisure", "home", -1.0, 0), "walk": activity("leisure", "park", -4.0, 3_600),
            },
            "routines": {"day": {"nodes": [{
                "id": "always", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86_400},
                "preferredActivities": offers,
            }]}},
            "presets": {"npcPreferences": {"keen": {"preferences": {
                "activityWeights": {"drink": 0.8, "read": 0.3}, "categoryWeights": {"work": 0.7},
                "traitModifiers": {"extraversion": 70},
            }}}},
        },
        "npcs": {
            "places": {
                "flats": {"district": "a", "locationTypes": ["home"]}, "mill": {"district": "a", "locationTypes": ["work"]},
                "bar": {"district": "a", "locationTypes": ["bar"]}, "park": {"district": "b", "locationTypes": ["park"]},
            },
            "groups": [{
                "count": count, "routines": ["day"], "presets": ["keen"], "homes": ["flats"], "works": ["mill"],
            }],
        },
    });
    Ok(WorldSpec::from_yaml(&spec.to_string())?)
}

struct Nobody;

impl Society for Nobody {
    fn roles_of(&self, _: StableId) -> u32 {
        0
    }
    fn person(&self, _: u16) -> Option<StableId> {
        None
    }
    fn is_at(&self, _: StableId, _: PlaceId) -> bool {
        false
    }
    fn count_at(&self, _: u8, _: PlaceId) -> u32 {
        0
    }
    fn met(&self, _: u8, _: PlaceId, _: StableId) -> Vec<StableId> {
        Vec::new()
    }
}

fn relations(id: u64) -> Relationships {
    Relationships::from_values((1..=4_u32).map(|other| (StableId(id + u64::from(other)), AxisId(0), 70.0)))
}

/// Nanoseconds of a turn with a decision, with all scores or by the weights of the routine alone.
pub(crate) fn decision(care: Care) -> Result<f64, Failure> {
    let spec = spec(1)?;
    let model = compile(spec.behaviour.as_ref(), spec.npcs.as_ref(), &Extensions::default())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let flags = Flags::default();
    let setting = Setting { model: &model, seed: 1, world_flags: &flags, session: None, society: &Nobody };
    let npc = Npc {
        name: None,
        routine: RoutineId(0),
        preset: Some(PresetId(0)),
        home: PlaceId(model.place_names.require("place", "flats")?),
        work: PlaceId(model.place_names.require("place", "mill")?),
        roles: 0,
    };
    let mut now = GameInstant::from_micros(0)?;
    let mut people: Vec<_> = (0..PEOPLE)
        .map(|id| {
            let state = NpcState {
                energy: 60.0,
                valence: 0.0,
                arousal: 0.0,
                activity: None,
                place: npc.home,
                since: now,
                next_decision_at: GameInstant::MIN,
                decisions: 0,
            };
            (u64::from(id), state, Memory::default(), relations(u64::from(id)), Flags::default())
        })
        .collect();
    let (mut desk, mut changes, mut took, mut made) = (Desk::default(), Vec::new(), 0.0, 0_u32);
    for round in 0..DECISIONS / PEOPLE {
        let last = now;
        now = now.checked_add_micros(1_800_000_000).ok_or("too late")?;
        let began = Instant::now();
        for (id, state, memory, relationships, flags) in &mut people {
            let mut body = Body { id: StableId(*id), npc: &npc, state, memory, relationships, flags };
            let choice = take_turn(&mut body, &setting, last, now, care, &mut desk, &mut changes, None);
            made += u32::from(black_box(choice).flatten().is_some());
        }
        // The first tenth warms up.
        if round >= DECISIONS / PEOPLE / 10 {
            took += began.elapsed().as_secs_f64();
        }
    }
    if made < DECISIONS {
        return Err(format!("{made} of {DECISIONS} turns came to a decision").into());
    }
    Ok(took * 1e9 / (f64::from(DECISIONS) * 0.9))
}

/// Gives everybody four relations and eight remembered activities.
pub(crate) fn give_a_past(world: &mut GameWorld) {
    let ecs = world.ecs();
    let mut query = ecs.query::<(&StableId, &mut Relationships, &mut Memory)>();
    for (id, mut relationships, mut memory) in query.iter_mut(ecs) {
        *relationships = relations(id.0);
        (0..8).for_each(|activity| memory.note(ActivityId(activity), 1_000, |_| 0));
    }
}

/// Bytes of memory for each NPC with four relations and eight remembered activities, everything that a world keeps for
/// it told: components, indices, the plan's queues, hashes.
pub(crate) fn bytes(population: u32) -> Result<f64, Failure> {
    let spec = spec(population)?;
    let empty = self::spec(1)?;
    let world = |spec: WorldSpec| -> Result<GameWorld, Failure> {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec }, SchedulerPlugin, NpcPlugin));
        Ok(GameWorld::create(app, Uuid::nil())?)
    };
    let begin = HELD.load(Ordering::Relaxed);
    let alone = world(empty)?;
    let base = HELD.load(Ordering::Relaxed) - begin;
    drop(alone);
    let begin = HELD.load(Ordering::Relaxed);
    let mut full = world(spec)?;
    give_a_past(&mut full);
    // What the founding has left behind goes with the first step.
    full.apply(&Input::advance(1_000_000))?;
    let held = HELD.load(Ordering::Relaxed) - begin;
    Ok(held.saturating_sub(base) as f64 / f64::from(population))
}
