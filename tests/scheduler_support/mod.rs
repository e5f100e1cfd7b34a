//! A town of NPCs that only the scheduler knows: they have turns and do nothing with them.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "tests, and not each uses everything")]

use std::collections::BTreeMap;
use std::time::Duration;

use bevy_app::App;
use bevy_ecs::prelude::*;
use bevy_time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use worldtick::components::clock::{GameInstant, GameTime};
use worldtick::components::ids::{StableId, StableIds, StableIndex};
use worldtick::components::npc::{NpcState, PlaceId};
use worldtick::components::tier::{Simulated, SimulationTier, TierReason, TierWish};
use worldtick::messages::tier::NpcTierChanged;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::{SchedulerSystems, TierSystems, WorldReady, WorldSetup, WorldStep};
use worldtick::systems::scheduler::{AdmitError, Places, Roster, WorkPlan, admit};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;
use worldtick::world::{Answer, Persist, RegisterExt, Touched, WorldCommand};

/// A turn that was had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Had {
    pub(crate) tier: SimulationTier,
    pub(crate) now: GameInstant,
    pub(crate) due: GameInstant,
    pub(crate) last: GameInstant,
}

/// Every turn of everybody. Not persisted.
#[derive(Resource, Default)]
pub(crate) struct Turns(pub(crate) BTreeMap<u64, Vec<Had>>);

/// Where everybody is, as the world file might have it: three places in turn. Derived from the ids, not persisted.
fn take_places(mut commands: Commands, npcs: Query<(Entity, &StableId), With<Simulated>>, mut places: ResMut<Places>) {
    for (entity, id) in &npcs {
        commands.entity(entity).insert(state_at(home(*id)));
        places.moved(*id, None, Some(home(*id)));
    }
}

fn home(id: StableId) -> PlaceId {
    PlaceId(u16::try_from(id.0 % 3).unwrap())
}

fn state_at(place: PlaceId) -> NpcState {
    NpcState {
        energy: 50.0,
        valence: 0.0,
        arousal: 0.0,
        activity: None,
        place,
        since: GameInstant::MIN,
        next_decision_at: GameInstant::MIN,
        decisions: 0,
    }
}

/// How often an NPC had its turn: what stands for behaviour here.
#[derive(Component, Serialize, Deserialize, Debug, Default)]
pub(crate) struct Lived(pub(crate) u64);
impl Persist for Lived {
    const NAME: &'static str = "test.lived";
}

#[expect(clippy::type_complexity, reason = "it is a system")]
fn live(tier: SimulationTier) -> impl FnMut(Res<Time<GameTime>>, Res<WorkPlan>, Query<&mut Lived>, ResMut<Turns>) {
    move |time, plan, mut npcs, mut turns| {
        let now = time.context().now.expect("time");
        for turn in plan.turns(tier) {
            npcs.get_mut(turn.entity).expect("it is there").0 += 1;
            turns.0.entry(turn.id.0).or_default().push(Had { tier, now, due: turn.due, last: turn.last });
        }
    }
}

/// Changes what the rules say of an NPC, as behaviour would.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SetRule {
    id: u64,
    tier: SimulationTier,
    priority: i16,
}
impl WorldCommand for SetRule {
    const NAME: &'static str = "test.rule";
}

fn set_rule(
    In(order): In<SetRule>,
    index: Res<StableIndex>,
    mut npcs: Query<&mut Simulated>,
    mut touched: ResMut<Touched>,
    mut roster: ResMut<Roster>,
) -> Answer {
    let entity = index.get(StableId(order.id)).ok_or("nobody")?;
    let mut npc = npcs.get_mut(entity).map_err(|error| error.to_string())?;
    npc.rule_wish = TierWish { tier: order.tier, priority: order.priority, reason: TierReason::Rule(0) };
    touched.note(entity);
    roster.reconsider(StableId(order.id));
    Ok(Value::Null)
}

/// Admits one NPC, or removes one.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Population {
    admit: Option<SimulationTier>,
    remove: Option<u64>,
}
impl WorldCommand for Population {
    const NAME: &'static str = "test.population";
}

fn change_population(In(order): In<Population>, world: &mut World) -> Answer {
    if let Some(tier) = order.admit {
        spawn(world, tier, 0).map_err(|error| error.to_string())?;
    }
    if let Some(entity) = order.remove.and_then(|id| world.resource::<StableIndex>().get(StableId(id))) {
        let place = world.get::<NpcState>(entity).map(|state| state.place);
        world.resource_mut::<Places>().moved(StableId(order.remove.unwrap_or_default()), place, None);
        world.despawn(entity);
    }
    Ok(Value::Null)
}

fn spawn(world: &mut World, tier: SimulationTier, priority: i16) -> Result<Entity, AdmitError> {
    let id = world.resource_mut::<StableIds>().next_id();
    let wish = TierWish { tier, priority, reason: TierReason::Rule(0) };
    let admitted = admit(world, id, wish, (Lived::default(), state_at(home(id))));
    if admitted.is_ok() {
        world.resource_mut::<Places>().moved(id, None, Some(home(id)));
    }
    admitted
}

/// Who lives in a town at first: how many, which tier is wished, with which priority.
pub(crate) type People = Vec<(usize, SimulationTier, i16)>;

/// The simulation block of a town: capacities, budget, dwelling.
pub(crate) fn simulation(most: [u32; 4], budget: u32, dwell: u32) -> Value {
    json!({
        "maxNpcTicksPerStep": budget, "tierDwellSeconds": dwell,
        "tiers": {
            "detailed": {"maxNpcs": most[0]}, "active": {"maxNpcs": most[1]},
            "ambient": {"maxNpcs": most[2]}, "dormant": {"maxNpcs": most[3]},
        },
    })
}

pub(crate) fn spec(clock: &str, simulation: &Value) -> WorldSpec {
    let file = json!({
        "id": "town", "clock": clock, "meta": {"simulation": simulation},
        "npcs": {"places": {"bar": {}, "home": {}, "park": {}}, "maxSessions": 3},
    });
    WorldSpec::from_yaml(&file.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn app(spec: &WorldSpec, people: &People) -> App {
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec: spec.clone() }, SchedulerPlugin))
        .init_resource::<Turns>()
        .persist_component::<Lived>()
        .accept_command::<SetRule, _>(set_rule)
        .accept_command::<Population, _>(change_population)
        .add_systems(WorldReady, take_places.before(SchedulerSystems::Ready));
    let people = people.clone();
    app.add_systems(WorldSetup, move |world: &mut World| {
        for (count, tier, priority) in &people {
            for _ in 0..*count {
                spawn(world, *tier, *priority).expect("room");
            }
        }
    });
    for (set, tier) in [
        (TierSystems::Detailed, SimulationTier::Detailed),
        (TierSystems::Active, SimulationTier::Active),
        (TierSystems::Ambient, SimulationTier::Ambient),
        (TierSystems::Dormant, SimulationTier::Dormant),
    ] {
        app.add_systems(WorldStep, live(tier).in_set(set));
    }
    app
}

pub(crate) fn town(clock: &str, simulation: &Value, people: People) -> Stepper {
    let spec = spec(clock, simulation);
    Stepper::new(move || app(&spec, &people)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn npc(world: &mut Stepper, id: u64) -> Simulated {
    let ecs = world.world().ecs();
    let entity = ecs.resource::<StableIndex>().get(StableId(id)).expect("it lives");
    ecs.get::<Simulated>(entity).expect("it is simulated").clone()
}

pub(crate) fn tier(world: &mut Stepper, id: u64) -> SimulationTier {
    npc(world, id).tier
}

pub(crate) fn in_tier(world: &mut Stepper, tier: SimulationTier) -> Vec<u64> {
    let ecs = world.world().ecs();
    let mut npcs = ecs.query::<(&StableId, &Simulated)>();
    let mut ids: Vec<u64> = npcs.iter(ecs).filter(|(_, npc)| npc.tier == tier).map(|(id, _)| id.0).collect();
    ids.sort_unstable();
    ids
}

pub(crate) fn moves(world: &Stepper) -> Vec<NpcTierChanged> {
    world.events_of().expect("events")
}

pub(crate) fn refused(world: &mut Stepper, command: &str, payload: Value) -> String {
    match world.send(command, payload.clone()) {
        Err(StepError::Refused { reason, .. }) => reason,
        other => panic!("{command} {payload} gave {other:?}"),
    }
}
