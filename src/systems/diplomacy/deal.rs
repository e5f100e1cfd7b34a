//! What factions do of their own accord: incidents, good and bad, trades, and now and then a betrayal.

// time: diplomacy: what factions do in a day, and when | world | `WorldClock` | each `DailyTick`

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::books::{Books, Sides};
use super::hear::day_of;
use super::model::{Diplomacy, FactionModel};
use crate::components::clock::WorldClock;
use crate::components::faction::{ActKind, Affairs, Faction, RelationState, Relations};
use crate::components::ids::StableId;
use crate::messages::diplomacy::DiplomacyUpdate;
use crate::messages::relation::RelationsTold;
use crate::systems::random::{Draw, SystemDraws, WorldSeed};
use crate::world::spec::ActFields;

const HOSTILE: [&str; 6] = [
    "a dispute over territory",
    "a raid on a convoy",
    "a shooting at the border",
    "stolen goods",
    "an insult at a meeting",
    "a spy found out",
];
const FRIENDLY: [&str; 4] = ["a dispute settled", "help in a blackout", "a joint patrol", "a gift"];
const BUSINESS: [&str; 3] = ["a deal for both", "a debt paid early", "a market shared"];

/// Lets each faction do what it does this day. Runs in `Hear`, last.
pub fn deal(
    (model, sides): (Res<Diplomacy>, Res<Sides>),
    clock: Res<WorldClock>,
    seed: Res<WorldSeed>,
    factions: Query<(&StableId, &Faction)>,
    (mut relations, mut affairs): (ResMut<Relations>, ResMut<Affairs>),
    (mut events, mut told): (MessageWriter<DiplomacyUpdate>, ResMut<RelationsTold>),
) -> Result {
    let rules = &model.rules.dealings;
    if rules.incidents <= 0.0 && rules.betrayal <= 0.0 {
        return Ok(());
    }
    let now = day_of(&clock, &affairs)?;
    let mut ids = vec![StableId(0); model.factions.len()];
    for (id, faction) in &factions {
        ids.get_mut(usize::from(faction.number)).into_iter().for_each(|place| *place = *id);
    }
    let draws = SystemDraws::new(seed.0, relations.days, "diplomacy.deal");
    let mut updates = Vec::new();
    let books = &mut Books {
        model: &model,
        sides: &sides,
        relations: &mut relations,
        affairs: &mut affairs,
        updates: &mut updates,
        told: &mut told,
        now,
    };
    for ((by, faction), id) in (0_u16..).zip(&model.factions).zip(&ids) {
        let mut draw = draws.for_id(*id);
        if draw.chance(rules.incidents) {
            incident(books, (by, faction), &mut draw);
        }
        if draw.chance(rules.betrayal * (1.0 - faction.temperament.loyalty)) {
            betray(books, by, &mut draw);
        }
    }
    events.write_batch(updates);
    Ok(())
}

/// Something between a faction and another one: an incident, or where it is good, a trade as often as it strives for them.
fn incident(books: &mut Books<'_>, (by, faction): (u16, &FactionModel), draw: &mut Draw) {
    let others = u64::from(books.relations.factions).saturating_sub(1);
    let nth = u16::try_from(draw.below(others)).unwrap_or(0);
    let with = nth + u16::from(nth >= by);
    let hostile = draw.chance(0.25 + 0.5 * faction.temperament.aggression);
    // Above 0: a trade of no strength is none.
    let strength = books.model.rules.dealings.strength * (1.0 - draw.unit());
    let trades = !hostile && draw.chance(faction.goals.commerce) && strength > 0.0 && !at_war(books, by, with);
    let (kind, words): (_, &[&str]) = match (hostile, trades) {
        (true, _) => (ActKind::Incident, &HOSTILE),
        (_, true) => (ActKind::Trade, &BUSINESS),
        _ => (ActKind::Incident, &FRIENDLY),
    };
    let pick = usize::try_from(draw.below(u64::try_from(words.len()).unwrap_or(1))).unwrap_or(0);
    let reason = words.get(pick).copied().unwrap_or_default();
    books.happen(kind, (by, with), if hostile { -strength } else { strength }, reason);
}

fn at_war(books: &Books<'_>, one: u16, other: u16) -> bool {
    let pair = books.relations.pairs().of(one, other);
    pair.is_some_and(|pair| books.relations.state_of(pair) == RelationState::War)
}

/// A faction turns on one of its allies, if it has any.
fn betray(books: &mut Books<'_>, by: u16, draw: &mut Draw) {
    let pairs = books.relations.pairs();
    let others = (0..books.relations.factions).filter(|other| *other != by);
    let is_ally = |other: &u16| {
        pairs.of(by, *other).is_some_and(|pair| books.relations.state_of(pair) == RelationState::Alliance)
    };
    let allies: Vec<u16> = others.filter(is_ally).collect();
    let pick = usize::try_from(draw.below(u64::try_from(allies.len()).unwrap_or(0))).unwrap_or(0);
    if let Some(with) = allies.get(pick) {
        books.happen(ActKind::Betrayal, (by, *with), 1.0, "an ally sold out");
    }
}

impl Books<'_> {
    /// Something that nobody has ordered.
    fn happen(&mut self, kind: ActKind, (by, with): (u16, u16), strength: f64, reason: &str) {
        let fields = ActFields {
            by: self.model.id(by).to_owned(),
            with: self.model.id(with).to_owned(),
            strength: matches!(kind, ActKind::Incident | ActKind::Trade).then_some(strength),
            reason: Some(reason.to_owned()),
            ..ActFields::default()
        };
        if let Some(pair) = self.relations.pairs().of(by, with) {
            self.carry_out(&fields.of_kind(kind), pair, by);
        }
    }
}
