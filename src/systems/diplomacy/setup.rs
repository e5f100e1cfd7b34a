//! The beginning of diplomacy: factions and how they stand.

// time: diplomacy: the beginning, from which treaties and what is to come are counted | world | `WorldClock`, shown as `Time<GameTime>` | set-up, or the first `DailyTick`

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;
use bevy_time::Time;

use super::books::{Books, Sides, hour_of};
use super::model::Diplomacy;
use super::score::single;
use crate::components::clock::{GameInstant, GameTime, MICROS_PER_DAY};
use crate::components::faction::{Affairs, DueAct, Faction, PairId, Powers, RelationState, Relations, Treaty};
use crate::components::ids::StableIds;
use crate::messages::relation::RelationsTold;

/// Spawns the factions and puts every pair into the state that follows from its first score, which is no change. Runs
/// once, in [`WorldSetup`](crate::schedules::WorldSetup).
pub fn found_diplomacy(
    model: Res<Diplomacy>,
    time: Res<Time<GameTime>>,
    mut ids: ResMut<StableIds>,
    mut commands: Commands,
) -> Result {
    let mut all = Vec::new();
    for (number, faction) in (0_u16..).zip(&model.factions) {
        let who = Faction { number, id: faction.id.clone(), name: faction.name.clone() };
        let powers = Powers { now: faction.powers, first: faction.powers, exhaustion: 0.0 };
        all.push((who.clone(), powers));
        commands.spawn((ids.next_id(), who, powers, faction.goals, faction.temperament));
    }
    let sides = Sides::of(&model, all.iter().map(|(faction, powers)| (faction, powers)));
    let mut relations = Relations::new(u16::try_from(model.factions.len())?);
    give_natures(&model, &mut relations);
    let mut affairs = Affairs::default();
    let mut given = Vec::new();
    for listed in &model.relations {
        let Some(pair) = relations.pairs().of(listed.sides.0, listed.sides.1) else { continue };
        let at = pair.index();
        let love = single(listed.what.love);
        for (column, value) in [
            (&mut relations.nature, love),
            (&mut relations.love, love),
            (&mut relations.trust, single(listed.what.trust)),
        ] {
            column.get_mut(at).into_iter().for_each(|place| *place = value);
        }
        given.extend(listed.what.state.map(|state| (pair, state)));
    }
    // A world without a time yet counts from its first day; until then its treaties hold as if it had begun.
    let known = time.context().now;
    sign_treaties(&model, &mut relations, &mut affairs, known.unwrap_or(GameInstant::MIN));
    let (mut updates, mut told) = (Vec::new(), RelationsTold::default());
    let now = known.unwrap_or(GameInstant::MIN);
    let mut books = Books {
        model: &model,
        sides: &sides,
        relations: &mut relations,
        affairs: &mut affairs,
        updates: &mut updates,
        told: &mut told,
        now,
    };
    first_states(&mut books, &given);
    relations.began = known.map(|now| hour_of(now.as_micros()));
    affairs.heard = known.map_or(i64::MIN, GameInstant::as_micros);
    list_acts(&model, &mut affairs);
    commands.insert_resource(relations);
    commands.insert_resource(affairs);
    commands.insert_resource(sides);
    Ok(())
}

fn give_natures(model: &Diplomacy, relations: &mut Relations) {
    let pairs = relations.pairs();
    let count = u32::try_from(pairs.count()).unwrap_or(u32::MAX);
    for pair in (0..count).map(PairId) {
        let Some((a, b)) = pairs.sides(pair) else { continue };
        let love = model.nature(a, b);
        for column in [&mut relations.nature, &mut relations.love] {
            column.get_mut(pair.index()).into_iter().for_each(|place| *place = love);
        }
    }
}

/// Signs the treaties of the file.
pub(super) fn sign_treaties(model: &Diplomacy, relations: &mut Relations, affairs: &mut Affairs, now: GameInstant) {
    for listed in &model.treaties {
        let Some(pair) = relations.pairs().of(listed.sides.0, listed.sides.1) else { continue };
        let begins = listed.what.begins.unwrap_or(now).as_micros();
        let days = i64::from(listed.what.days.unwrap_or(1)).saturating_mul(MICROS_PER_DAY);
        let ends = listed.what.ends.map_or(begins.saturating_add(days), GameInstant::as_micros);
        affairs.treaties.sign(pair, listed.what.kind, Treaty { begins, ends });
    }
}

/// The first evaluation of every pair, without a mood: nothing has changed by it.
fn first_states(books: &mut Books<'_>, given: &[(PairId, RelationState)]) {
    let count = u32::try_from(books.relations.pairs().count()).unwrap_or(u32::MAX);
    let hour = books.hour();
    for pair in (0..count).map(PairId) {
        if !books.affairs.treaties.is_empty() {
            books.reckon_bonus(pair);
        }
        let score = books.terms(pair).score;
        books.relations.score.get_mut(pair.index()).into_iter().for_each(|place| *place = score);
        let mut state = books.model.score.next_state(RelationState::Peace, score);
        // A war ends every treaty: who has one does not begin at war.
        if state == RelationState::War && books.affairs.treaties.of(pair).next().is_some() {
            state = RelationState::ColdWar;
        }
        books.relations.set_state(pair, state, hour);
    }
    for (pair, state) in given {
        books.relations.set_state(*pair, *state, hour);
    }
}

fn list_acts(model: &Diplomacy, affairs: &mut Affairs) {
    let due = |(index, act): (u32, &crate::world::spec::ActSpec)| DueAct {
        index,
        hour: i64::from(super::books::hours_of_days(act.in_days)),
    };
    let mut all: Vec<DueAct> = (0_u32..).zip(&model.acts).map(due).collect();
    all.sort_by_key(|due| (due.hour, due.index));
    affairs.due = all.into();
}

/// Rebuilds what is derived, and looks whether what was restored fits the world file. Runs in
/// [`WorldReady`](crate::schedules::WorldReady).
pub fn ready_diplomacy(
    model: Res<Diplomacy>,
    relations: Option<Res<Relations>>,
    affairs: Option<Res<Affairs>>,
    factions: Query<(&Faction, &Powers)>,
    mut commands: Commands,
) -> Result {
    let (Some(relations), Some(_)) = (relations, affairs) else {
        return Err("the relations of its factions are missing from what was saved".into());
    };
    let count = model.factions.len();
    let same = factions.iter().all(|(faction, _)| model.id(faction.number) == faction.id);
    if usize::from(relations.factions) != count || !relations.is_whole() || factions.iter().count() != count || !same {
        return Err("the relations that were saved are not those of the factions of its file".into());
    }
    commands.insert_resource(Sides::of(&model, factions.iter()));
    Ok(())
}
