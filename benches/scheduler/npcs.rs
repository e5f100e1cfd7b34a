//! What a decision costs, and what an NPC weighs.

use std::hint::black_box;
use std::time::Instant;

use bevy_app::App;
use uuid::Uuid;
use worldtick::components::clock::GameInstant;
use worldtick::components::ids::StableId;
use worldtick::components::npc::{Flags, Memory, Npc, NpcState, PlaceId, PresetId, RoutineId};
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

use crate::people::{self, give_a_past, relations};
use crate::{Failure, HELD, Ordering};

const DECISIONS: u32 = 2_000_000;
const PEOPLE: u32 = 1_000;

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

/// Nanoseconds of a turn with a decision, with all scores or by the weights of the routine alone.
pub(crate) fn decision(care: Care) -> Result<f64, Failure> {
    let spec = people::spec(1)?;
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

/// Bytes of memory for each NPC with four relations and eight remembered activities, everything that a world keeps for
/// it told: components, indices, the plan's queues, hashes.
pub(crate) fn bytes(population: u32) -> Result<f64, Failure> {
    let spec = people::spec(population)?;
    let empty = people::spec(1)?;
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
