//! Conditions of a world file, made ready.

use super::Compiler;
use crate::systems::npc::condition::{Bound, Condition};
use crate::systems::npc::expression::{Expression, Number};
use crate::systems::npc::flag_key::{FlagKey, flag_value};
use crate::systems::npc::mood::{Moods, Times};
use crate::systems::npc::names::unknown;
use crate::world::spec::ConditionSpec;

const STATISTICS: [&str; 3] = ["needs", "mood", "relationships"];

impl Compiler<'_> {
    /// A list of conditions, all of which must hold.
    pub(crate) fn conditions(&self, at: &str, list: &[ConditionSpec]) -> Box<[Condition]> {
        let all = list.iter().enumerate();
        all.filter_map(|(index, condition)| self.condition(&format!("{at}/{index}"), condition)).collect()
    }

    /// One condition; nothing, and noted faults, where something is wrong with it.
    pub(crate) fn condition(&self, at: &str, spec: &ConditionSpec) -> Option<Condition> {
        use ConditionSpec as Spec;
        Some(match spec {
            Spec::RelationshipGt { npc_id_or_role, metric, threshold } => {
                self.relation(at, npc_id_or_role, metric, self.above(at, *threshold))?
            }
            Spec::RelationshipLt { npc_id_or_role, metric, threshold } => {
                self.relation(at, npc_id_or_role, metric, self.below(at, *threshold))?
            }
            Spec::StatAxisGt { stat_definition, axis, npc_id_or_role, threshold } => {
                self.stat(at, stat_definition, axis, npc_id_or_role.as_deref(), self.above(at, *threshold))?
            }
            Spec::StatAxisLt { stat_definition, axis, npc_id_or_role, threshold } => {
                self.stat(at, stat_definition, axis, npc_id_or_role.as_deref(), self.below(at, *threshold))?
            }
            Spec::StatAxisBetween { stat_definition, axis, npc_id_or_role, min, max } => {
                let bound = self.between(at, *min, *max);
                self.stat(at, stat_definition, axis, npc_id_or_role.as_deref(), bound)?
            }
            Spec::FlagEquals { key, value } => {
                let key = self.take(&format!("{at}/key"), FlagKey::parse(key));
                let value = self.take(&format!("{at}/value"), flag_value(value));
                Condition::FlagEquals(key?, value?)
            }
            Spec::FlagExists { key } => Condition::FlagExists(self.take(&format!("{at}/key"), FlagKey::parse(key))?),
            Spec::MoodIn { mood_tags } => match Moods::named(mood_tags) {
                Ok(moods) => Condition::Mood(moods),
                Err(errors) => {
                    errors.iter().for_each(|error| self.fault(&format!("{at}/moodTags"), error));
                    return None;
                }
            },
            Spec::EnergyBetween { min, max } => Condition::Stat(Number::Energy, self.between(at, *min, *max)),
            Spec::RandomChance { probability } => {
                Condition::Chance(self.within(&format!("{at}/probability"), *probability, 0.0, 1.0))
            }
            Spec::TimeOfDayIn { times } => Condition::TimeOfDay(Times::new(times)),
            Spec::DayOfWeekIn { days } => {
                let mut bits = 0;
                for day in days {
                    if *day > 6 {
                        self.fault(
                            &format!("{at}/days"),
                            format!("{day} is no day of the week: 0 is Monday, 6 Sunday"),
                        );
                    } else {
                        bits |= 1 << day;
                    }
                }
                Condition::DayOfWeek(bits)
            }
            Spec::LocationTypeIn { location_types } => Condition::LocationType(self.location_types(location_types)),
            Spec::Expression { expression } => {
                let parsed = self.take(&format!("{at}/expression"), Expression::parse(expression));
                Condition::Expression(parsed?)
            }
            Spec::Custom { evaluator_id, params } => {
                let at = format!("{at}/evaluatorId");
                Condition::Custom(
                    self.added(&at, |added| &added.conditions, "condition", evaluator_id)?,
                    params.clone(),
                )
            }
        })
    }

    fn finite(&self, at: &str, value: f64) -> f64 {
        if !value.is_finite() {
            self.fault(at, "it must be a number");
        }
        value
    }

    fn above(&self, at: &str, threshold: f64) -> Bound {
        Bound::Above(self.finite(&format!("{at}/threshold"), threshold))
    }

    fn below(&self, at: &str, threshold: f64) -> Bound {
        Bound::Below(self.finite(&format!("{at}/threshold"), threshold))
    }

    /// With the lower bound above the upper, it never holds.
    fn between(&self, at: &str, min: f64, max: f64) -> Bound {
        let bounds = (self.finite(&format!("{at}/min"), min), self.finite(&format!("{at}/max"), max));
        Bound::Between(bounds.0, bounds.1)
    }

    fn relation(&self, at: &str, whom: &str, axis: &str, bound: Bound) -> Option<Condition> {
        let whom = self.whom(&format!("{at}/npcIdOrRole"), whom)?;
        Some(Condition::Relation { whom, axis: self.axis(at, axis), bound })
    }

    fn stat(&self, at: &str, statistic: &str, axis: &str, whom: Option<&str>, bound: Bound) -> Option<Condition> {
        if !STATISTICS.contains(&statistic) {
            let error = unknown("statistic", statistic, STATISTICS);
            self.fault(&format!("{at}/statDefinition"), format!("{error} (there are needs, mood and relationships)"));
            return None;
        }
        if statistic == "relationships" {
            let Some(whom) = whom else {
                self.fault(&format!("{at}/npcIdOrRole"), "a relationship is to somebody: name an NPC or a role");
                return None;
            };
            return self.relation(at, whom, axis, bound);
        }
        let known: &[(&str, Number)] = match statistic {
            "needs" => &[("energy", Number::Energy)],
            _ => &[("valence", Number::Valence), ("arousal", Number::Arousal)],
        };
        let Some((_, number)) = known.iter().find(|(name, _)| *name == axis) else {
            let what = format!("axis of `{statistic}`");
            self.fault(&format!("{at}/axis"), unknown(&what, axis, known.iter().map(|(name, _)| *name)));
            return None;
        };
        Some(Condition::Stat(*number, bound))
    }
}
