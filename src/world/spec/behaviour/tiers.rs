//! Tiers with names of their own, mapped to the four.

use super::{DetailLevel, NamedTierSpec, TierRulesSpec};
use crate::components::tier::SimulationTier;

/// Tiers are told apart half way (by ratio) between the intervals that the four have by default: 60, 300, 900 and
/// 14,400 game seconds.
const DETAILED_SECONDS_MAX: u32 = 134;
const ACTIVE_SECONDS_MAX: u32 = 520;
const AMBIENT_SECONDS_MAX: u32 = 3_600;

/// The four tiers by their names.
pub fn tier_by_name(name: &str) -> Option<SimulationTier> {
    SimulationTier::ALL.into_iter().find(|tier| tier.as_str() == name)
}

impl NamedTierSpec {
    /// Which of the four it is by how often it is simulated.
    fn by_frequency(&self) -> SimulationTier {
        let seconds = self.tick_frequency_seconds;
        if seconds <= DETAILED_SECONDS_MAX {
            SimulationTier::Detailed
        } else if seconds <= ACTIVE_SECONDS_MAX {
            SimulationTier::Active
        } else if seconds <= AMBIENT_SECONDS_MAX {
            SimulationTier::Ambient
        } else {
            SimulationTier::Dormant
        }
    }
}

impl TierRulesSpec {
    /// Which of the four one of `tiers` is: by name if it bears one of theirs, else by how often it is simulated. Only
    /// tiers that are simulated equally often are told apart by their levels of detail: full is detailed or active,
    /// simplified ambient, and the schedule alone dormant.
    pub fn maps_to(&self, tier: &NamedTierSpec) -> SimulationTier {
        if let Some(four) = tier_by_name(&tier.id) {
            return four;
        }
        let by_frequency = tier.by_frequency();
        let equal = |other: &NamedTierSpec| {
            other.tick_frequency_seconds == tier.tick_frequency_seconds && other.detail_level != tier.detail_level
        };
        if !self.tiers.iter().any(equal) {
            return by_frequency;
        }
        match tier.detail_level {
            Some(DetailLevel::Full) => by_frequency.min(SimulationTier::Active),
            Some(DetailLevel::Simplified) => SimulationTier::Ambient,
            Some(DetailLevel::ScheduleOnly) => SimulationTier::Dormant,
            None => by_frequency,
        }
    }

    /// The tier that a name means: one of `tiers`, or one of the four.
    pub fn resolve(&self, name: &str) -> Option<SimulationTier> {
        let own = self.tiers.iter().find(|tier| tier.id == name);
        own.map(|tier| self.maps_to(tier)).or_else(|| tier_by_name(name))
    }

    /// The tier of an NPC for which no rule holds.
    pub fn default_tier(&self) -> SimulationTier {
        self.default_tier.as_deref().and_then(|name| self.resolve(name)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(id: &str, seconds: u32, detail: Option<DetailLevel>) -> NamedTierSpec {
        NamedTierSpec { id: id.into(), tick_frequency_seconds: seconds, detail_level: detail }
    }

    #[test]
    fn names_of_their_own_are_mapped_by_frequency() {
        use SimulationTier::{Active, Ambient, Detailed, Dormant};
        for (named, expected) in [
            (tier("same_location", 1, Some(DetailLevel::Full)), Detailed),
            (tier("nearby_location", 300, Some(DetailLevel::Full)), Active),
            (tier("far_away", 3_600, Some(DetailLevel::Simplified)), Ambient),
            (tier("off_screen", 3_600, Some(DetailLevel::ScheduleOnly)), Ambient),
            (tier("crowd", 60, Some(DetailLevel::ScheduleOnly)), Detailed),
            (tier("rare", 86_400, Some(DetailLevel::Full)), Dormant),
            (tier("quick", 134, None), Detailed),
            (tier("brisk", 520, None), Active),
            (tier("slow", 3_600, None), Ambient),
            (tier("slowest", 3_601, None), Dormant),
            (tier("dormant", 1, Some(DetailLevel::Full)), Dormant),
        ] {
            let rules = TierRulesSpec { tiers: vec![named.clone()], ..TierRulesSpec::default() };
            assert_eq!(rules.maps_to(&named), expected, "{}", named.id);
        }
    }

    #[test]
    fn the_level_of_detail_tells_only_tiers_apart_that_are_simulated_equally_often() {
        use SimulationTier::{Active, Ambient, Detailed, Dormant};
        let tiers = vec![
            tier("near", 600, Some(DetailLevel::Full)),
            tier("far", 600, Some(DetailLevel::Simplified)),
            tier("gone", 600, Some(DetailLevel::ScheduleOnly)),
            tier("quick", 30, Some(DetailLevel::Full)),
            tier("quick_too", 30, Some(DetailLevel::Full)),
        ];
        let rules = TierRulesSpec { tiers, ..TierRulesSpec::default() };
        let meant = ["near", "far", "gone", "quick", "quick_too"].map(|name| rules.resolve(name));
        assert_eq!(meant, [Active, Ambient, Dormant, Detailed, Detailed].map(Some));
    }

    #[test]
    fn rules_may_use_both_kinds_of_names() {
        let rules = TierRulesSpec { tiers: vec![tier("near", 60, None)], ..TierRulesSpec::default() };
        assert_eq!(rules.resolve("near"), Some(SimulationTier::Detailed));
        assert_eq!(rules.resolve("dormant"), Some(SimulationTier::Dormant));
        assert_eq!(rules.resolve("far"), None);
        assert_eq!(rules.default_tier(), SimulationTier::Ambient);
    }
}
