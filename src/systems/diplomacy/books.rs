//! The books of diplomacy as one thing happens: who they are, how they stand, and what is told of it.

use bevy_ecs::prelude::*;

use super::model::Diplomacy;
use super::score::{Feelings, Side, Terms};
use crate::components::clock::{GameInstant, MICROS_PER_HOUR};
use crate::components::faction::{
    Affairs, Faction, Happening, PairId, Powers, RelationState, Relations, Treaty, TreatyKind, What,
};
use crate::messages::diplomacy::DiplomacyUpdate;
use crate::messages::relation::{PairHappening, PairStanding, RelationsTold};

/// What each faction brings into its pairs, by number. Made anew whenever powers have moved.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Sides(pub Vec<Side>);

impl Sides {
    /// Of all factions.
    pub(super) fn of<'a>(model: &Diplomacy, factions: impl Iterator<Item = (&'a Faction, &'a Powers)>) -> Self {
        let mut sides = vec![Side::default(); model.factions.len()];
        for (faction, powers) in factions {
            if let Some(place) = sides.get_mut(usize::from(faction.number)) {
                *place = model.side(faction.number, powers);
            }
        }
        Self(sides)
    }

    /// Of one faction.
    pub fn get(&self, number: u16) -> Side {
        self.0.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// The books, open.
pub(super) struct Books<'a> {
    pub(super) model: &'a Diplomacy,
    pub(super) sides: &'a Sides,
    pub(super) relations: &'a mut Relations,
    pub(super) affairs: &'a mut Affairs,
    pub(super) updates: &'a mut Vec<DiplomacyUpdate>,
    pub(super) told: &'a mut RelationsTold,
    pub(super) now: GameInstant,
}

impl Books<'_> {
    /// The hour of game time, since the epoch.
    pub(super) fn hour(&self) -> i32 {
        hour_of(self.now.as_micros())
    }

    /// What a pair's score is made of now, without a mood.
    pub(super) fn terms(&self, pair: PairId) -> Terms {
        terms(self.model, self.sides, self.relations, pair, 0.0)
    }

    /// Writes something into a pair's history.
    pub(super) fn note(&mut self, pair: PairId, what: What, (love, trust, score): (f32, f32, f32), words: String) {
        let keeping = &self.model.rules.keeping;
        self.affairs.today.happenings += 1;
        self.affairs.today.changes += u64::from(matches!(what, What::Changed { .. }));
        let told = self.told_of(pair, what, (love, trust, score), &words);
        self.told.happened.extend(told);
        let happening = Happening { number: 0, hour: self.hour(), what, love, trust, score, words };
        self.affairs.histories.add(pair, happening, (keeping.history, keeping.history_total));
    }

    fn told_of(
        &self,
        pair: PairId,
        what: What,
        (love, trust, score): (f32, f32, f32),
        words: &str,
    ) -> Option<PairHappening> {
        let (a, b) = self.relations.pairs().sides(pair)?;
        let name = |number: u16| self.model.id(number).to_owned();
        let (name_of, by, states) = named(what);
        Some(PairHappening {
            pair,
            faction_a: name(a),
            faction_b: name(b),
            what: name_of,
            by: by.map(name),
            states,
            love,
            trust,
            score,
            words: words.to_owned(),
            at: self.now,
        })
    }

    /// Adds to a pair's love and trust; gives what was really added.
    pub(super) fn feel(&mut self, pair: PairId, love: f64, trust: f64) -> (f32, f32) {
        self.relations.move_feelings(pair, super::score::single(love), super::score::single(trust))
    }

    /// Adds up what a pair's treaties in force give, and its score.
    pub(super) fn rescore(&mut self, pair: PairId) {
        self.reckon_bonus(pair);
        let score = self.terms(pair).score;
        if let Some(place) = self.relations.score.get_mut(pair.index()) {
            *place = score;
        }
    }

    /// Adds up what a pair's treaties in force give: each kind once.
    pub(super) fn reckon_bonus(&mut self, pair: PairId) {
        let bonus = bonus(self.model, self.affairs, pair, self.now.as_micros());
        if let Some(place) = self.relations.bonus.get_mut(pair.index()) {
            *place = bonus;
        }
    }

    /// Whether a truce holds between them, and until when.
    pub(super) fn truce(&self, pair: PairId) -> Option<GameInstant> {
        let truce = self.affairs.treaties.get(pair, TreatyKind::Truce)?;
        truce.holds(self.now.as_micros()).then(|| instant(truce.ends))
    }

    /// Hours until the present state may end by itself; 0 if it may.
    pub(super) fn hours_held(&self, pair: PairId) -> i32 {
        let state = self.relations.state_of(pair);
        let since = self.relations.since.get(pair.index()).copied().unwrap_or_default();
        (least_hours(self.model, state) - (self.hour().saturating_sub(since))).max(0)
    }

    /// Whether two that are not at war may begin one with this score of their own accord: no truce holds, and they are
    /// not too weary for one.
    pub(super) fn may_go_to_war(&self, pair: PairId, score: f32) -> bool {
        let Some((a, b)) = self.relations.pairs().sides(pair) else { return false };
        self.truce(pair).is_none() && !self.model.score.is_weary(score, &self.sides.get(a), &self.sides.get(b))
    }

    /// Ends the treaties of a pair that are of certain kinds, in force or to come.
    pub(super) fn end_treaties(&mut self, pair: PairId, ends: impl Fn(TreatyKind) -> bool) {
        let kinds: Vec<TreatyKind> = self.affairs.treaties.of(pair).map(|(kind, _)| kind).collect();
        for kind in kinds.into_iter().filter(|kind| ends(*kind)) {
            self.affairs.treaties.end(pair, kind);
        }
    }

    /// Ends those treaties of a pair whose time is over since treaties were last looked through.
    pub(super) fn end_overdue(&mut self, pair: PairId) {
        let now = self.now.as_micros();
        let all: Vec<(TreatyKind, Treaty)> = self.affairs.treaties.of(pair).collect();
        for (kind, _) in all.into_iter().filter(|(_, treaty)| treaty.ends <= now) {
            self.affairs.treaties.end(pair, kind);
            self.treaty_over(pair, kind);
        }
    }

    /// Notes that the time of a treaty, which is taken out already, is over.
    pub(super) fn treaty_over(&mut self, pair: PairId, kind: TreatyKind) {
        self.reckon_bonus(pair);
        let words = format!("the treaty of `{}` ended: its time was over", kind.as_str());
        self.note(pair, What::TreatyEnded(kind), (0.0, 0.0, 0.0), words);
    }
}

/// The name of something that happened, who did it, and for a change of state from which to which.
pub(super) fn named(what: What) -> (&'static str, Option<u16>, Option<(RelationState, RelationState)>) {
    match what {
        What::Changed { from, to } => ("state_changed", None, Some((from, to))),
        What::Act(kind, by) => (kind.as_str(), Some(by), None),
        What::Refused(_) => ("refused", None, None),
        What::TreatyEnded(_) => ("treaty_ended", None, None),
    }
}

/// How a pair stands, as the store keeps it.
pub(super) fn standing(
    (model, sides): (&Diplomacy, &Sides),
    relations: &Relations,
    pair: PairId,
    at: GameInstant,
) -> Option<PairStanding> {
    let (view, (a, b)) = (relations.view(pair)?, relations.pairs().sides(pair)?);
    let (one, other) = (sides.get(a), sides.get(b));
    Some(PairStanding {
        faction_a: model.id(a).to_owned(),
        faction_b: model.id(b).to_owned(),
        state: view.state,
        since: instant(i64::from(view.since).saturating_mul(MICROS_PER_HOUR)),
        score: view.score,
        love: view.love,
        trust: view.trust,
        fear: [model.score.fear_of(&one, &other), model.score.fear_of(&other, &one)],
        at,
    })
}

/// Hours that a state lasts at least.
pub(super) fn least_hours(model: &Diplomacy, state: RelationState) -> i32 {
    let states = &model.rules.states;
    let days = if state == RelationState::War { states.war_least_days } else { states.other_least_days };
    hours_of_days(days)
}

/// Days as whole hours.
#[expect(clippy::cast_possible_truncation, reason = "days are checked to be few")]
pub(super) fn hours_of_days(days: f64) -> i32 {
    (days * 24.0).round().clamp(0.0, 1e6) as i32
}

/// The hour of game time, since the epoch, of an instant in microseconds: the calendar's hours fit.
pub(super) fn hour_of(micros: i64) -> i32 {
    i32::try_from(micros.div_euclid(MICROS_PER_HOUR)).unwrap_or(i32::MAX)
}

/// An instant in microseconds; the end of the calendar for what is beyond it.
pub(super) fn instant(micros: i64) -> GameInstant {
    GameInstant::from_micros(micros).unwrap_or(if micros < 0 { GameInstant::MIN } else { GameInstant::MAX })
}

/// What a pair's treaties in force at an instant give together: each kind once.
pub(super) fn bonus(model: &Diplomacy, affairs: &Affairs, pair: PairId, now: i64) -> f32 {
    let rules = &model.rules.treaties;
    let of = |kind: TreatyKind| match kind {
        TreatyKind::Alliance => rules.alliance,
        TreatyKind::Trade => rules.trade,
        TreatyKind::NonAggression => rules.non_aggression,
        TreatyKind::Truce => 0.0,
    };
    let in_force = affairs.treaties.of(pair).filter(|(_, treaty)| treaty.holds(now));
    super::score::single(in_force.map(|(kind, _)| of(kind)).sum())
}

/// What a pair's score is made of.
pub(super) fn terms(model: &Diplomacy, sides: &Sides, relations: &Relations, pair: PairId, mood: f32) -> Terms {
    let (Some(view), Some((a, b))) = (relations.view(pair), relations.pairs().sides(pair)) else {
        return Terms::default();
    };
    let feelings = Feelings { love: view.love, trust: view.trust, bonus: view.bonus };
    model.score.terms(feelings, (&sides.get(a), &sides.get(b)), view.state, mood)
}
