//! Changes of state: what follows from one, and why it came to it, in words.

use std::fmt::Write;

use super::books::{Books, hours_of_days};
use super::score::Terms;
use crate::components::clock::MICROS_PER_HOUR;
use crate::components::faction::{ActKind, PairId, RelationState, Treaty, TreatyKind, What};
use crate::messages::diplomacy::DiplomacyUpdate;

/// Contributions that are named in a reason at most.
const NAMED_MAX: usize = 2;
/// What is smaller than this is not worth a word.
const NAMED_MIN: f32 = 0.02;
/// What happened in so many hours before a change may be named as what led to it.
const LATELY_HOURS: i32 = 240;

impl Books<'_> {
    /// Puts a pair into another state, with what follows from it, and tells of it.
    pub(super) fn change(&mut self, pair: PairId, to: RelationState, terms: &Terms) {
        let Some((a, b)) = self.relations.pairs().sides(pair) else { return };
        let Some(view) = self.relations.view(pair) else { return };
        let (from, change) = (view.state, view.score - view.score_then);
        if from == to {
            return;
        }
        let words = self.reason(pair, (from, to), terms);
        if to == RelationState::War {
            self.end_treaties(pair, |_| true);
        }
        if from == RelationState::War {
            self.make_truce(pair);
        }
        let of = self.model.rules.effects.war_ended;
        let (love, trust) = if from == RelationState::War { self.feel(pair, of.love, of.trust) } else { (0.0, 0.0) };
        self.reckon_bonus(pair);
        self.relations.set_state(pair, to, self.hour());
        self.note(pair, What::Changed { from, to }, (love, trust, change), words.clone());
        self.updates.push(DiplomacyUpdate {
            faction_a_id: self.model.id(a).to_owned(),
            faction_b_id: self.model.id(b).to_owned(),
            new_relation_state: to,
            score_change: hundredths(change),
            reason: words,
            at: Some(self.now),
        });
    }

    /// A truce, unless they have signed one to end the war: that one is as long as they made it.
    fn make_truce(&mut self, pair: PairId) {
        if self.truce(pair).is_some() {
            return;
        }
        let begins = self.now.as_micros();
        let hours = i64::from(hours_of_days(self.model.rules.treaties.truce_days));
        let ends = begins.saturating_add(hours.saturating_mul(MICROS_PER_HOUR));
        if hours > 0 {
            self.affairs.treaties.sign(pair, TreatyKind::Truce, Treaty { begins, ends });
        }
    }

    /// Why a pair changes its state: the largest contributions that lead there, and the weightiest of what happened lately.
    fn reason(&self, pair: PairId, (from, to): (RelationState, RelationState), terms: &Terms) -> String {
        let up = to > from;
        let mut named = contributions(terms);
        named.retain(|(_, value)| (*value > 0.0) == up && value.abs() >= NAMED_MIN);
        named.sort_by(|(_, one), (_, other)| other.abs().total_cmp(&one.abs()));
        named.truncate(NAMED_MAX);
        // Long enough for most: no growing by halves.
        let mut words = String::with_capacity(128);
        for (name, value) in &named {
            let comma = if words.is_empty() { "" } else { ", " };
            let _ = write!(words, "{comma}{name} {value:+.2}");
        }
        if words.is_empty() {
            // Nothing leads there: what held it where it was has gone.
            let _ = write!(words, "nothing holds it: love and trust are at {:+.2}", terms.love + terms.trust);
        }
        let since = self.hour().saturating_sub(LATELY_HOURS);
        let lately = self.affairs.histories.of(pair).rev().take_while(|one| one.hour >= since);
        let weight = |love: f32, trust: f32| love + 0.5 * trust;
        let led = lately.filter(|one| matches!(one.what, What::Act(..)) && (weight(one.love, one.trust) > 0.0) == up);
        let led = led
            .max_by(|one, other| weight(one.love, one.trust).abs().total_cmp(&weight(other.love, other.trust).abs()));
        if let Some(one) = led {
            let _ = write!(words, "; lately {}", one.words);
        }
        words
    }
}

/// The parts of a score under names for people; love and what hatred adds to it are one.
pub(super) fn contributions(terms: &Terms) -> Vec<(&'static str, f32)> {
    let feelings = terms.love + terms.hatred;
    vec![
        (if feelings < 0.0 { "hatred" } else { "friendship" }, feelings),
        (if terms.trust < 0.0 { "distrust" } else { "trust" }, terms.trust),
        ("treaties", terms.treaties),
        ("fear", terms.fear),
        ("war-weariness", terms.weariness),
        ("the mood of the day", terms.mood),
    ]
}

/// A score in hundredths, to a tenth: -0.155 is -15.5. Never `-0.0`.
pub(super) fn hundredths(score: f32) -> f64 {
    (f64::from(score) * 1_000.0).round() / 10.0 + 0.0
}

/// What is done, in words.
pub(super) fn told(kind: ActKind) -> &'static str {
    match kind {
        ActKind::WarDeclared => "a declaration of war",
        ActKind::AllianceFormed => "an alliance formed",
        ActKind::Betrayal => "a betrayal",
        ActKind::TreatySigned => "a treaty signed",
        ActKind::TreatyBroken => "a treaty broken",
        ActKind::Trade => "a trade",
        ActKind::Incident => "an incident",
    }
}
