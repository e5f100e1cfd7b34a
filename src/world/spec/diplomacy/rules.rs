//! The rules by which relations change, with defaults that are those of the originals where these are sound.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::world::spec::findings::{Findings, Place};

/// Declares a table of numbers: each with a default and bounds.
macro_rules! rules {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident = $default:literal in $low:literal to $high:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$doc])* #[schemars(range(min = $low, max = $high))] pub $field: f64,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// Whether each number is within its bounds.
            pub(super) fn check(&self, place: &Place, findings: &mut Findings) {
                $(findings.between(&place.key(&camel(stringify!($field))), self.$field, $low, $high);)*
            }
        }
    };
}

/// `least_days` as it is written in a file: `leastDays`.
fn camel(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_uppercase() + tail
    })
}

/// By which rules relations change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DiplomacyRules {
    /// How the five kinds of power make one.
    pub power_weights: PowerWeights,
    /// How the score of a pair is made.
    pub score: ScoreRules,
    /// What treaties add to love.
    pub treaties: TreatyRules,
    /// At which scores states are entered and left, and how long they last at least.
    pub states: StateRules,
    /// How love and trust move by themselves.
    pub drift: DriftRules,
    /// What is done to love and trust by what happens.
    pub effects: EffectsRules,
    /// What war does to factions, and how they recover.
    pub conflict: ConflictRules,
    /// How often factions do something by themselves.
    pub dealings: DealingRules,
    /// How the economy and diplomacy reach each other.
    pub economy: EconomyLinkRules,
    /// What is remembered.
    pub keeping: KeepingRules,
}

rules! {
    /// Weights of the five kinds of power in a faction's power. They add up to 1.
    PowerWeights {
        /// Of military power. 0 to 1.
        military = 0.40 in 0.0 to 1.0,
        /// Of economic strength. 0 to 1.
        economy = 0.25 in 0.0 to 1.0,
        /// Of territory. 0 to 1.
        territory = 0.15 in 0.0 to 1.0,
        /// Of technology. 0 to 1.
        technology = 0.15 in 0.0 to 1.0,
        /// Of morale. 0 to 1.
        morale = 0.05 in 0.0 to 1.0,
    }
}

rules! {
    /// How the score of a pair is made of love, trust, treaties, fear and weariness.
    ScoreRules {
        /// Weight of trust. 0 to 1.
        trust = 0.5 in 0.0 to 1.0,
        /// What hatred counts beside love below 0: half as much again. 0 to 1.
        hate = 0.5 in 0.0 to 1.0,
        /// Weight of fear. 0 to 2.
        fear = 0.8 in 0.0 to 2.0,
        /// A faction is feared from so many times the power of the other on. 1 to 10.
        fear_from = 1.5 in 1.0 to 10.0,
        /// Fear for each part by which the power of the other exceeds one's own. 0 to 1.
        fear_slope = 0.3 in 0.0 to 1.0,
        /// Weight of the exhaustion of both: it ends wars, and keeps new ones from beginning. 0 to 2.
        weariness = 1.2 in 0.0 to 2.0,
        /// The day's mood: evenly between minus and plus this. 0 to 0.5.
        noise = 0.1 in 0.0 to 0.5,
    }
}

rules! {
    /// What treaties in force add to love; each kind once.
    TreatyRules {
        /// An alliance. 0 to 1.
        alliance = 0.3 in 0.0 to 1.0,
        /// Trade. 0 to 1.
        trade = 0.2 in 0.0 to 1.0,
        /// Non-aggression. 0 to 1.
        non_aggression = 0.1 in 0.0 to 1.0,
        /// Days for which a truce holds after a war that ends without a signed one: no new one begins. 0 to 3,650.
        truce_days = 14.0 in 0.0 to 3_650.0,
    }
}

rules! {
    /// Scores at which states are entered and left, and days of game time that they last at least.
    StateRules {
        /// War is entered below. -2 to 2.
        war_enter = -0.7 in -2.0 to 2.0,
        /// War is left above. -2 to 2.
        war_leave = -0.48 in -2.0 to 2.0,
        /// Cold war is entered below. -2 to 2.
        cold_war_enter = -0.3 in -2.0 to 2.0,
        /// Cold war is left above. -2 to 2.
        cold_war_leave = -0.08 in -2.0 to 2.0,
        /// An alliance is entered above. -2 to 2.
        alliance_enter = 0.5 in -2.0 to 2.0,
        /// An alliance is left below. -2 to 2.
        alliance_leave = 0.28 in -2.0 to 2.0,
        /// Days that a war lasts at least. 0 to 3,650.
        war_least_days = 5.0 in 0.0 to 3_650.0,
        /// Days that any other state lasts at least, a declared war and a betrayal apart. 0 to 3,650.
        other_least_days = 4.0 in 0.0 to 3_650.0,
    }
}

rules! {
    /// How love and trust move by themselves, each day.
    DriftRules {
        /// Share of the way back to what love is by nature, for a faction of forgiveness 1. 0 to 1.
        love = 0.04 in 0.0 to 1.0,
        /// By how much trust rises in peace and alliance. 0 to 1.
        trust_rise = 0.01 in 0.0 to 1.0,
        /// By how much trust falls in cold war and war. 0 to 1.
        trust_fall = 0.005 in 0.0 to 1.0,
        /// Up to where trust rises in peace. -1 to 1.
        trust_peace = 0.1 in -1.0 to 1.0,
        /// Up to where trust rises in an alliance. -1 to 1.
        trust_alliance = 0.4 in -1.0 to 1.0,
        /// Down to where trust falls in cold war and war. -1 to 1.
        trust_cold_war = -0.2 in -1.0 to 1.0,
        /// How far the goals of a pair that the file does not list make it love or hate each other by nature. 0 to 2.
        nature = 0.8 in 0.0 to 2.0,
    }
}

rules! {
    /// What something that happens adds to love and trust.
    EffectRules {
        /// To love. -2 to 2.
        love = 0.0 in -2.0 to 2.0,
        /// To trust. -2 to 2.
        trust = 0.0 in -2.0 to 2.0,
    }
}

/// What is done to love and trust by what happens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EffectsRules {
    /// A war is declared.
    pub war_declared: EffectRules,
    /// A war ends: part of what it was about is settled.
    pub war_ended: EffectRules,
    /// An alliance is formed.
    pub alliance_formed: EffectRules,
    /// One betrays the other.
    pub betrayal: EffectRules,
    /// A treaty is signed.
    pub treaty_signed: EffectRules,
    /// A treaty is broken.
    pub treaty_broken: EffectRules,
    /// A trade of strength 1 is made.
    pub trade: EffectRules,
    /// An incident of strength 1 happens; one of strength -1 does the opposite.
    pub incident: EffectRules,
}

impl Default for EffectsRules {
    fn default() -> Self {
        let of = |love, trust| EffectRules { love, trust };
        Self {
            war_declared: of(-0.5, -0.8),
            war_ended: of(0.2, 0.2),
            alliance_formed: of(0.4, 0.6),
            betrayal: of(-0.8, -1.0),
            treaty_signed: of(0.05, 0.1),
            treaty_broken: of(-0.2, -0.4),
            trade: of(0.05, 0.05),
            incident: of(0.3, 0.15),
        }
    }
}

rules! {
    /// What war does to factions each day, and how they recover from it.
    ConflictRules {
        /// Share of the military power that a day of war against an equal costs; against a stronger one more. 0 to 0.5.
        losses = 0.01 in 0.0 to 0.5,
        /// What a day of an evenly fought war adds to exhaustion. 0 to 0.5.
        exhaustion = 0.02 in 0.0 to 0.5,
        /// Share of territory, economy and morale that a day of war costs. 0 to 0.5.
        damage = 0.003 in 0.0 to 0.5,
        /// Share of each power at first below which war does not bring it. 0 to 1.
        floor = 0.2 in 0.0 to 1.0,
        /// Share of the way back to what a power should be, without war; in war, the share of what the economy makes of it
        /// beyond or below what is usual. 0 to 1.
        recovery = 0.02 in 0.0 to 1.0,
        /// What a day without war takes from exhaustion. 0 to 1.
        rest = 0.02 in 0.0 to 1.0,
        /// Losses, damage and exhaustion count for so many wars at once at most. 1 to 10.
        wars_max = 3.0 in 1.0 to 10.0,
    }
}

rules! {
    /// How often factions do something by themselves.
    DealingRules {
        /// What a faction does to others of its own accord in a day, on average: incidents and trades. 0 to 1.
        incidents = 0.25 in 0.0 to 1.0,
        /// How strong it is at most. 0 to 1.
        strength = 1.0 in 0.0 to 1.0,
        /// Chance that a faction of no loyalty betrays an ally in a day. 0 to 1.
        betrayal = 0.004 in 0.0 to 1.0,
    }
}

/// How the economy and diplomacy reach each other. Without an economy in the world it has no meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EconomyLinkRules {
    /// Commodities of which armies are made: how much of them is made moves everybody's military power.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weapons: Vec<String>,
    /// Days over which is averaged what is usual. 1 to 1,000.
    #[schemars(range(min = 1.0, max = 1_000.0))]
    pub usual_days: f64,
    /// By how much of itself a power moves at most, either way. 0 to 0.9.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub reach: f64,
    /// Wars of which the economy hears at most, those of the strongest first; what they mean to it is multiplied. 0 to 16.
    #[schemars(range(min = 0, max = 16))]
    pub wars_told: u32,
    /// Alliances of which the economy hears at most, those of the strongest first. 0 to 16.
    #[schemars(range(min = 0, max = 16))]
    pub alliances_told: u32,
    /// Hours for which the economy heeds it, unless it is told again. 1 to 720.
    #[schemars(range(min = 1, max = 720))]
    pub told_hours: u32,
}

impl Default for EconomyLinkRules {
    fn default() -> Self {
        Self { weapons: Vec::new(), usual_days: 20.0, reach: 0.5, wars_told: 2, alliances_told: 2, told_hours: 36 }
    }
}

impl EconomyLinkRules {
    /// Whether each number is within its bounds.
    pub(super) fn check(&self, place: &Place, findings: &mut Findings) {
        findings.between(&place.key("usualDays"), self.usual_days, 1.0, 1_000.0);
        findings.between(&place.key("reach"), self.reach, 0.0, 0.9);
        findings.between(&place.key("warsTold"), f64::from(self.wars_told), 0.0, 16.0);
        findings.between(&place.key("alliancesTold"), f64::from(self.alliances_told), 0.0, 16.0);
        findings.between(&place.key("toldHours"), f64::from(self.told_hours), 1.0, 720.0);
    }
}

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeepingRules {
    /// What happened to a pair: the last so many. 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub history: u32,
    /// What happened to all pairs together: the last so many. 1 to 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub history_total: u32,
    /// Ids of incidents: one that is known does not happen again. 1 to 100,000.
    #[schemars(range(min = 1, max = 100_000))]
    pub incident_ids: u32,
    /// Treaties in force at once. 1 to 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub treaties: u32,
    /// Pairs whose standing is written to the database every day, if there are no more; of more pairs only those to which
    /// something happened. 0 to 100,000.
    #[schemars(range(min = 0, max = 100_000))]
    pub stored_pairs: u32,
}

impl Default for KeepingRules {
    fn default() -> Self {
        Self { history: 20, history_total: 100_000, incident_ids: 1_000, treaties: 100_000, stored_pairs: 1_000 }
    }
}

impl KeepingRules {
    /// Whether each number is within its bounds.
    pub(super) fn check(&self, place: &Place, findings: &mut Findings) {
        findings.between(&place.key("history"), f64::from(self.history), 1.0, 200.0);
        findings.between(&place.key("historyTotal"), f64::from(self.history_total), 1.0, 1e6);
        findings.between(&place.key("incidentIds"), f64::from(self.incident_ids), 1.0, 1e5);
        findings.between(&place.key("treaties"), f64::from(self.treaties), 1.0, 1e6);
        findings.between(&place.key("storedPairs"), f64::from(self.stored_pairs), 0.0, 1e5);
    }
}
