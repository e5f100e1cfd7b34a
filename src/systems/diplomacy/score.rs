//! The score of a pair: what it is made of, and which state follows from it.
//!
//! L = love + 0.5 trust + treaties, within -1 and 1; score = L - 0.5 max(0, -L) + 0.8 fear + weariness + the day's mood:
//! love and fear as Freeciv's advisers have them, hatred counted half as much again. The score of a pair is the mean of
//! what its two sides would say: fear is the only part in which they differ, and only the weaker one has any.
//!
//! Everything is sums, products and comparisons of single-precision numbers in one order: the same bits everywhere.

use crate::components::faction::RelationState;
use crate::world::spec::DiplomacyRules;

/// The rules of scores and drift, ready to be used.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreModel {
    pub(super) trust: f32,
    pub(super) hate: f32,
    pub(super) fear: f32,
    pub(super) fear_from: f32,
    pub(super) fear_slope: f32,
    /// The day's mood at most, either way.
    pub noise: f32,
    /// What a unit of exhaustion of one side adds in war.
    pub(super) weariness: f32,
    pub(super) trust_to: StateParameters,
    /// From war to alliance.
    pub(super) bands: [Band; 4],
}

/// Where trust goes in each state, and by how much it moves in a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StateParameters {
    /// In war and cold war, down to here.
    pub(super) hostile: f32,
    /// In peace, up to here.
    pub(super) peace: f32,
    /// In an alliance, up to here.
    pub(super) alliance: f32,
    pub(super) rise: f32,
    pub(super) fall: f32,
}

/// The scores with which a state is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    /// It is left below.
    pub(super) low: f32,
    /// It is left above.
    pub(super) high: f32,
}

/// One of two numbers that are there already: a choice without a branch.
#[inline(always)]
pub(super) fn pick(first: bool, one: f32, other: f32) -> f32 {
    if first { one } else { other }
}

/// What a faction brings into the scores of its pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Side {
    /// Its power, above 0.
    pub power: f32,
    /// One over its power.
    pub inverse: f32,
    /// What it makes of fear: 0.5 to 1.5.
    pub caution: f32,
    /// Its exhaustion, 0 to 1.
    pub exhaustion: f32,
    /// Its share in the day's way back of love to what it is by nature.
    pub forgiveness: f32,
}

/// What a pair brings into its score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Feelings {
    /// Love, -1 to 1.
    pub love: f32,
    /// Trust, -1 to 1.
    pub trust: f32,
    /// What treaties add.
    pub bonus: f32,
}

/// What a score is made of: but for rounding, it is their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Terms {
    /// Love.
    pub love: f32,
    /// Trust, weighed.
    pub trust: f32,
    /// Treaties.
    pub treaties: f32,
    /// What is cut off where these three together go beyond -1 or 1.
    pub limit: f32,
    /// What hatred counts beyond itself.
    pub hatred: f32,
    /// Fear of both, weighed.
    pub fear: f32,
    /// Exhaustion of both, weighed.
    pub weariness: f32,
    /// The day's mood.
    pub mood: f32,
    /// The score.
    pub score: f32,
}

impl Terms {
    /// All terms by name.
    pub fn named(&self) -> [(&'static str, f32); 8] {
        [
            ("love", self.love),
            ("trust", self.trust),
            ("treaties", self.treaties),
            ("limit", self.limit),
            ("hatred", self.hatred),
            ("fear", self.fear),
            ("weariness", self.weariness),
            ("mood", self.mood),
        ]
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rules are small numbers: the nearest single is meant")]
pub(super) fn single(value: f64) -> f32 {
    value as f32
}

impl ScoreModel {
    /// Of a file's rules.
    pub fn new(rules: &DiplomacyRules) -> Self {
        let (score, drift, states) = (&rules.score, &rules.drift, &rules.states);
        let band = |low, high| Band { low: single(low), high: single(high) };
        Self {
            trust: single(score.trust),
            hate: single(score.hate),
            fear: single(score.fear * 0.5),
            fear_from: single(score.fear_from),
            fear_slope: single(score.fear_slope),
            noise: single(score.noise),
            weariness: single(score.weariness * 0.5),
            trust_to: StateParameters {
                hostile: single(drift.trust_cold_war),
                peace: single(drift.trust_peace),
                alliance: single(drift.trust_alliance),
                rise: single(drift.trust_rise),
                fall: single(drift.trust_fall),
            },
            bands: [
                band(f64::NEG_INFINITY, states.war_leave),
                band(states.war_enter, states.cold_war_leave),
                band(states.cold_war_enter, states.alliance_enter),
                band(states.alliance_leave, f64::INFINITY),
            ],
        }
    }

    /// How much one side fears the other, 0 to 1.
    pub fn fear_of(&self, one: &Side, other: &Side) -> f32 {
        let ratio = other.power * one.inverse;
        let fear = (self.fear_slope * (ratio - 1.0) * one.caution).clamp(0.0, 1.0);
        pick(ratio > self.fear_from, fear, 0.0)
    }

    /// What the score of a pair in a state is made of.
    pub fn terms(&self, feelings: Feelings, (one, other): (&Side, &Side), state: RelationState, mood: f32) -> Terms {
        let (love, trust, treaties) = (feelings.love, self.trust * feelings.trust, feelings.bonus);
        let all = love + trust + treaties;
        let kept = all.clamp(-1.0, 1.0);
        let hatred = self.hate * kept.min(0.0);
        let fear = self.fear * (self.fear_of(one, other) + self.fear_of(other, one));
        let weary = pick(state == RelationState::War, self.weariness, 0.0);
        let weariness = weary * (one.exhaustion + other.exhaustion);
        // In the order of the loops over rows: the same bits.
        let score = (kept + hatred) + (fear + weariness) + mood;
        Terms { love, trust, treaties, limit: kept - all, hatred, fear, weariness, mood, score }
    }

    /// A day of drift: love goes back to what it is by nature, trust to where the state leads it.
    pub fn drift(&self, feelings: &mut Feelings, nature: f32, share: f32, state: RelationState) {
        let to = &self.trust_to;
        let (goal, down, up) = match state {
            RelationState::War | RelationState::ColdWar => (to.hostile, -to.fall, 0.0),
            RelationState::Peace => (to.peace, 0.0, to.rise),
            RelationState::Alliance => (to.alliance, 0.0, to.rise),
        };
        feelings.love += share * (nature - feelings.love);
        feelings.trust += (goal - feelings.trust).max(down).min(up);
    }

    /// The scores between which a state stays.
    pub fn band(&self, state: RelationState) -> (f32, f32) {
        let [war, cold_war, peace, alliance] = self.bands;
        let band = match state {
            RelationState::War => war,
            RelationState::ColdWar => cold_war,
            RelationState::Peace => peace,
            RelationState::Alliance => alliance,
        };
        (band.low, band.high)
    }

    /// Whether a pair in a state stays there with this score.
    pub fn stays(&self, state: RelationState, score: f32) -> bool {
        let (low, high) = self.band(state);
        score >= low && score <= high
    }

    /// Whether two that are not at war are too weary to begin one with this score: with their exhaustion, which counts as
    /// soon as they are at war, it would be none for war.
    pub fn is_weary(&self, score: f32, one: &Side, other: &Side) -> bool {
        let [_, cold, ..] = self.bands;
        score + self.weariness * (one.exhaustion + other.exhaustion) >= cold.low
    }

    /// The state that follows from a score. A state is entered at one threshold and left at another.
    pub fn next_state(&self, state: RelationState, score: f32) -> RelationState {
        use RelationState::{Alliance, ColdWar, Peace, War};
        let [war, cold, peace, alliance] = self.bands;
        let at_war = if state == War { score <= war.high } else { score < cold.low };
        let in_cold_war = if state <= ColdWar { score <= cold.high } else { score < peace.low };
        let allied = if state == Alliance { score >= alliance.low } else { score > peace.high };
        match (at_war, in_cold_war, allied) {
            (true, ..) => War,
            (_, true, _) => ColdWar,
            (_, _, true) => Alliance,
            _ => Peace,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn side() -> impl Strategy<Value = Side> {
        (0.01_f32..100.0, 0.5_f32..=1.5, 0.0_f32..=1.0).prop_map(|(power, caution, exhaustion)| Side {
            power,
            inverse: 1.0 / power,
            caution,
            exhaustion,
            forgiveness: 0.01,
        })
    }

    fn feelings() -> impl Strategy<Value = Feelings> {
        (-1.0_f32..=1.0, -1.0_f32..=1.0, 0.0_f32..=0.6).prop_map(|(love, trust, bonus)| Feelings { love, trust, bonus })
    }

    fn any_state() -> impl Strategy<Value = RelationState> {
        (0_u8..4).prop_map(RelationState::of_number)
    }

    fn model() -> ScoreModel {
        ScoreModel::new(&DiplomacyRules::default())
    }

    proptest! {
        #[test]
        fn who_is_named_first_makes_no_difference(of in feelings(), a in side(), b in side(), state in any_state()) {
            let (one, other) = (model().terms(of, (&a, &b), state, 0.0), model().terms(of, (&b, &a), state, 0.0));
            prop_assert_eq!(one.score.to_bits(), other.score.to_bits());
        }

        #[test]
        fn scores_are_bounded_and_only_the_weaker_fears(of in feelings(), a in side(), b in side(), state in any_state()) {
            let (model, score) = (model(), model().terms(of, (&a, &b), state, 0.1).score);
            prop_assert!((-1.6..=2.8).contains(&score), "{}", score);
            let (one, other) = (model.fear_of(&a, &b), model.fear_of(&b, &a));
            prop_assert!(one * other == 0.0 && (0.0..=1.0).contains(&(one + other)));
            prop_assert!(a.power > b.power || other == 0.0);
        }

        #[test]
        fn drift_stays_within_bounds_and_ends_where_it_leads(of in feelings(), nature in -1.0_f32..=1.0, state in any_state()) {
            let (model, mut feelings) = (model(), of);
            for _ in 0..2_000 {
                model.drift(&mut feelings, nature, 0.02, state);
                prop_assert!(feelings.love.abs() <= 1.0 && feelings.trust.abs() <= 1.0);
            }
            prop_assert!((feelings.love - nature).abs() < 1e-3);
            let to = &model.trust_to;
            // Peace does not take trust away, and hatred does not give any.
            let expected = match state {
                RelationState::War | RelationState::ColdWar => of.trust.min(to.hostile),
                RelationState::Peace => of.trust.max(to.peace),
                RelationState::Alliance => of.trust.max(to.alliance),
            };
            prop_assert!((feelings.trust - expected).abs() < 1e-3, "{} for {}", feelings.trust, expected);
        }

        #[test]
        fn a_state_is_kept_exactly_where_no_other_follows(score in -2.0_f32..2.0, state in any_state()) {
            let model = model();
            let next = model.next_state(state, score);
            prop_assert_eq!(model.stays(state, score), next == state);
            // What follows is kept: nothing goes on and on with the same score.
            prop_assert!(model.stays(next, score), "{:?} after {:?} at {}", next, state, score);
        }
    }

    #[test]
    fn the_numbers_of_the_originals_are_found_again() {
        let equal = Side { power: 5.0, inverse: 0.2, caution: 1.0, exhaustion: 0.0, forgiveness: 0.0 };
        let score = |love, trust, bonus| {
            model().terms(Feelings { love, trust, bonus }, (&equal, &equal), RelationState::Peace, 0.0).score
        };
        for ((love, trust, bonus), expected) in [
            ((0.4, 0.2, 0.0), 0.5),
            ((-0.4, -0.2, 0.0), -0.75),
            ((0.9, 0.9, 0.6), 1.0),
            ((-0.2, 0.0, 0.3), 0.1),
            ((-1.0, -1.0, 0.0), -1.5),
        ] {
            let found: f32 = score(love, trust, bonus);
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
        // Twice as strong: 0.3 for the one more, felt by one of two.
        let strong = Side { power: 10.0, inverse: 0.1, ..equal };
        let model = model();
        assert!((model.fear_of(&equal, &strong) - 0.3).abs() < 1e-6 && model.fear_of(&strong, &equal) == 0.0);
        let terms = model.terms(Feelings::default(), (&equal, &strong), RelationState::Peace, 0.0);
        assert!((terms.fear - 0.8 * 0.3 / 2.0).abs() < 1e-6);
        // Exhaustion counts in war, and before one.
        let worn = Side { exhaustion: 0.5, ..equal };
        let score =
            |state| model.terms(Feelings { love: -0.6, ..Feelings::default() }, (&worn, &equal), state, 0.0).score;
        assert!((score(RelationState::ColdWar) + 0.9).abs() < 1e-6 && (score(RelationState::War) + 0.6).abs() < 1e-6);
        assert!(model.is_weary(-0.9, &worn, &equal) && !model.is_weary(-0.9, &equal, &equal));
        assert!(!model.is_weary(-1.1, &worn, &equal), "hatred that is large enough overcomes it");
        let near = Side { power: 7.4, inverse: 1.0 / 7.4, ..equal };
        assert!(model.fear_of(&equal, &near) == 0.0, "below one and a half times nobody fears");
    }
}
