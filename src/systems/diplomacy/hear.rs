//! What has come in: treaties that begin and end, and what the file has for this day.

// time: diplomacy: the day that is lived; treaties that begin and end, what the file has for a day | world | `WorldClock` | each `DailyTick`

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::books::{Books, Sides, hour_of};
use super::change::told as in_words;
use super::model::Diplomacy;
use super::setup::sign_treaties;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::faction::{Affairs, PairId, Relations, TreatyKind, What};
use crate::messages::TickType;
use crate::messages::diplomacy::DiplomacyUpdate;
use crate::messages::relation::RelationsTold;

/// The instant of the day that this tick is about: several days of a long step come one after the other at one present, and
/// each is its own, however long the step. Days never go back, whatever ticks come.
pub(super) fn day_of(clock: &WorldClock, affairs: &Affairs) -> Result<GameInstant> {
    let present = clock.tick_time(TickType::Daily).ok_or("a daily tick runs in a world whose time has begun")?;
    let before = GameInstant::from_micros(affairs.heard).ok();
    let lived = before.or(clock.began).unwrap_or(GameInstant::MIN)..=clock.now.unwrap_or(present);
    let day = clock.last_daily.filter(|day| lived.contains(day)).unwrap_or(present);
    Ok(before.map_or(day, |before| day.max(before)))
}

/// Looks into the calendar. Runs in `Hear`, first.
pub fn keep_calendar(
    (model, sides): (Res<Diplomacy>, Res<Sides>),
    clock: Res<WorldClock>,
    (mut relations, mut affairs): (ResMut<Relations>, ResMut<Affairs>),
    (mut events, mut told): (MessageWriter<DiplomacyUpdate>, ResMut<RelationsTold>),
) -> Result {
    let now = day_of(&clock, &affairs)?;
    let (relations, affairs) = (&mut *relations, &mut *affairs);
    if relations.began.is_none() {
        begin(&model, relations, affairs, now);
    }
    let mut updates = Vec::new();
    let books =
        &mut Books { model: &model, sides: &sides, relations, affairs, updates: &mut updates, told: &mut told, now };
    turn_treaties(books);
    let began = i64::from(books.relations.began.unwrap_or_default());
    let hours = i64::from(books.hour()).saturating_sub(began);
    while let Some(due) = books.affairs.due.pop_front_if(|due| due.hour <= hours) {
        let index = usize::try_from(due.index).unwrap_or(usize::MAX);
        let Some(act) = books.model.acts.get(index) else { continue };
        if let Err(refused) = books.act(act)
            && let Some(pair) = pair_of(books, &act.by, &act.with)
        {
            let words = format!("{} did not happen: {refused}", in_words(act.kind));
            books.note(pair, What::Refused(act.kind), (0.0, 0.0, 0.0), words);
        }
    }
    events.write_batch(updates);
    Ok(())
}

fn pair_of(books: &Books<'_>, one: &str, other: &str) -> Option<PairId> {
    let (one, other) = (books.model.number(one)?, books.model.number(other)?);
    books.relations.pairs().of(one, other)
}

/// The first day of a world that had no time when it was made: everything is counted from here.
fn begin(model: &Diplomacy, relations: &mut Relations, affairs: &mut Affairs, now: GameInstant) {
    let hour = hour_of(now.as_micros());
    relations.began = Some(hour);
    relations.since.fill(hour);
    affairs.treaties.clear();
    sign_treaties(model, relations, affairs, now);
    affairs.heard = i64::MIN;
}

/// Ends treaties whose time is over, and lets those begin whose time has come.
fn turn_treaties(books: &mut Books<'_>) {
    let now = books.now.as_micros();
    let ended: Vec<(PairId, TreatyKind)> = books.affairs.treaties.take_ended(now);
    for (pair, kind) in &ended {
        books.treaty_over(*pair, *kind);
    }
    let heard = books.affairs.heard;
    let begun = books.affairs.treaties.iter().filter(|(_, _, treaty)| treaty.begins > heard && treaty.begins <= now);
    let begun: Vec<PairId> = begun.map(|(pair, ..)| pair).collect();
    begun.into_iter().for_each(|pair| books.reckon_bonus(pair));
    books.affairs.heard = now;
}
