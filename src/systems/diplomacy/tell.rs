//! What is told of the day: to the economy, of wars and alliances; to the outside, a summary.

// time: diplomacy: of which day the summary is, and as of when the store has relations | world | `WorldClock` | each `DailyTick`

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::books::{Sides, standing};
use super::hear::day_of;
use super::model::Diplomacy;
use crate::components::clock::WorldClock;
use crate::components::faction::{Affairs, PairId, RelationState, Relations};
use crate::messages::diplomacy::DiplomacySummary;
use crate::messages::outside::{EconomySignal, SignalKind};
use crate::messages::relation::RelationsTold;
use crate::world::TakenMessage;

/// What diplomacy tells the economy. A message of its own, so that nobody else who tells the economy something on the same
/// day has to come before or after.
#[derive(Message, Debug, Clone, PartialEq)]
pub struct FactionSignal(pub EconomySignal);

impl TakenMessage for FactionSignal {
    fn take(self, world: &mut World) {
        self.0.take(world);
    }
}

/// Tells the economy which wars and alliances there are: those of the strongest. Runs in `Tell`.
pub fn signal_economy(
    (model, sides): (Res<Diplomacy>, Res<Sides>),
    relations: Res<Relations>,
    mut affairs: ResMut<Affairs>,
    mut signals: MessageWriter<FactionSignal>,
) {
    let rules = &model.rules.economy;
    let mut now = Vec::new();
    for (heard, state, most) in [
        (model.heard.0, RelationState::War, rules.wars_told),
        (model.heard.1, RelationState::Alliance, rules.alliances_told),
    ] {
        if heard {
            let strongest = strongest(&sides, &relations, state, usize::try_from(most).unwrap_or(usize::MAX));
            now.extend(strongest.into_iter().map(|pair| (pair, state == RelationState::War)));
        }
    }
    for (pair, is_war) in affairs.told.iter().filter(|told| !now.contains(told)) {
        signals.write_batch(signal(&model, &relations, (*pair, *is_war), 0));
    }
    for (pair, is_war) in &now {
        signals.write_batch(signal(&model, &relations, (*pair, *is_war), rules.told_hours));
    }
    if affairs.told != now {
        affairs.told = now;
    }
}

fn strongest(sides: &Sides, relations: &Relations, state: RelationState, most: usize) -> Vec<PairId> {
    let pairs = relations.pairs();
    let power = |pair: PairId| pairs.sides(pair).map_or(0.0, |(a, b)| sides.get(a).power + sides.get(b).power);
    let mut all: Vec<(f32, PairId)> = relations.in_state(state).map(|pair| (power(pair), pair)).collect();
    let order = |one: &(f32, PairId), other: &(f32, PairId)| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1));
    if all.len() > most && most > 0 {
        all.select_nth_unstable_by(most - 1, order);
    }
    all.truncate(most);
    all.sort_by(order);
    all.into_iter().map(|(_, pair)| pair).collect()
}

fn signal(
    model: &Diplomacy,
    relations: &Relations,
    (pair, is_war): (PairId, bool),
    hours: u32,
) -> Option<FactionSignal> {
    let (a, b) = relations.pairs().sides(pair)?;
    let (faction_a, faction_b) = (model.id(a).to_owned(), model.id(b).to_owned());
    let kind =
        if is_war { SignalKind::War { faction_a, faction_b } } else { SignalKind::Alliance { faction_a, faction_b } };
    Some(FactionSignal(EconomySignal { source: "diplomacy".to_owned(), hours, kind }))
}

/// Tells the store how pairs stand after the day: all, or where there are more than are stored, those to which something
/// happened. Runs in `Tell`.
pub fn note_standings(
    (model, sides): (Res<Diplomacy>, Res<Sides>),
    clock: Res<WorldClock>,
    (relations, affairs): (Res<Relations>, Res<Affairs>),
    mut told: ResMut<RelationsTold>,
) -> Result {
    let now = day_of(&clock, &affairs)?;
    let count = u32::try_from(relations.pairs().count()).unwrap_or(u32::MAX);
    let of = |pair: PairId| standing((&model, &sides), &relations, pair, now);
    if count <= model.rules.keeping.stored_pairs {
        told.standing = (0..count).map(PairId).filter_map(of).collect();
    } else {
        let mut touched: Vec<PairId> = told.happened.iter().map(|one| one.pair).collect();
        touched.sort_unstable();
        touched.dedup();
        told.standing = touched.into_iter().filter_map(of).collect();
    }
    Ok(())
}

/// Tells what the day came to. Runs in `Tell`, last.
pub fn summarise_diplomacy(
    model: Res<Diplomacy>,
    clock: Res<WorldClock>,
    relations: Res<Relations>,
    mut affairs: ResMut<Affairs>,
    mut events: MessageWriter<DiplomacySummary>,
) -> Result {
    let at = Some(day_of(&clock, &affairs)?);
    let sums = std::mem::take(&mut affairs.today);
    events.write(DiplomacySummary {
        location: model.location.clone(),
        relations: u64::try_from(relations.pairs().count()).unwrap_or(u64::MAX),
        changes: sums.changes,
        by_state: relations.counts().into(),
        treaties: u64::try_from(affairs.treaties.len()).unwrap_or(u64::MAX),
        happenings: sums.happenings,
        at,
    });
    Ok(())
}
