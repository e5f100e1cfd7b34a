//! How a world is simulated: the block `meta.simulation`, with the bounds of each of its values.

use bevy_ecs::prelude::Resource;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::components::clock::TimeScale;
use crate::components::tier::{PerTier, SimulationTier};

/// How a world is simulated. A persisted resource of each world; it can be changed while the world lives.
#[derive(Resource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default, remote = "Self")]
pub struct WorldSimulationConfig {
    /// Game seconds in a real second, for a live world: 0.1 to 86,400, with at most six decimals.
    #[garde(custom(a_number), range(min = 0.1, max = 86_400.0), custom(in_millionths))]
    #[schemars(range(min = 0.1, max = 86_400.0))]
    pub time_scale: f64,
    /// Real seconds between two steps of a live world: 0.05 to 60.
    #[garde(custom(a_number), range(min = 0.05, max = 60.0))]
    #[schemars(range(min = 0.05, max = 60.0))]
    pub tick_interval_seconds: f64,
    /// The longest single step in game seconds; more is cut into several, 10,000 at most. 1 to 86,400.
    #[garde(range(min = 1, max = 86_400), custom(few_steps(self.time_scale, self.tick_interval_seconds)))]
    #[schemars(range(min = 1, max = 86_400))]
    pub max_step_game_seconds: u32,
    /// The furthest that one tick may move a world that takes its time from ticks, in game days, and never further than
    /// 10,000 steps of `maxStepGameSeconds`. 1 to 36,500.
    #[garde(range(min = 1, max = 36_500))]
    #[schemars(range(min = 1, max = 36_500))]
    pub max_tick_jump_days: u32,
    /// Steps that a live world may be behind and still catch up; what is more is dropped and shows as lag.
    /// 1 to 10,000.
    #[garde(range(min = 1, max = 10_000))]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_catch_up_steps: u32,
    /// Turns of NPCs in one step, over all tiers: 1 to 1,000,000.
    #[garde(range(min = 1, max = 1_000_000))]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_npc_ticks_per_step: u32,
    /// Chains that are looked at in one step because their time has come: 0 to 1,000,000.
    #[garde(range(max = 1_000_000))]
    #[schemars(range(max = 1_000_000))]
    pub max_chain_ops_per_step: u32,
    /// Jobs of generation that are let go in one step: 0 to 100,000. A step that had to put off other work lets a quarter
    /// of them go.
    #[garde(range(max = 100_000))]
    #[schemars(range(max = 100_000))]
    pub max_job_ops_per_step: u32,
    /// The four tiers.
    #[garde(dive)]
    pub tiers: TiersSpec,
    /// The least game seconds that an NPC stays in a tier before a rule or a focus that ended moves it to a coarser
    /// one, and before a rule gives it the place of another in a full tier: what keeps it from flapping. Who must give
    /// way to another or to a lower `maxNpcs`, and who is in focus or pinned, does not wait. 0 to 604,800.
    #[garde(range(max = 604_800))]
    #[schemars(range(max = 604_800))]
    pub tier_dwell_seconds: u32,
    /// How much of what happens is told.
    #[garde(dive)]
    pub events: EventsSpec,
}

/// How much of what happens is told: the share of the events, 0 to 1, that leave the world.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EventsSpec {
    /// An NPC does something else: without it all of the detailed and the active tier, and none of the others.
    #[garde(dive)]
    pub npc_activity_changed: SharesSpec,
}

/// A share for each tier, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SharesSpec {
    /// Of NPCs in the detailed tier.
    #[garde(custom(a_number), range(min = 0.0, max = 1.0))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub detailed: f64,
    /// Of NPCs in the active tier.
    #[garde(custom(a_number), range(min = 0.0, max = 1.0))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub active: f64,
    /// Of NPCs in the ambient tier.
    #[garde(custom(a_number), range(min = 0.0, max = 1.0))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ambient: f64,
    /// Of NPCs in the dormant tier.
    #[garde(custom(a_number), range(min = 0.0, max = 1.0))]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dormant: f64,
}

impl Default for SharesSpec {
    fn default() -> Self {
        Self { detailed: 1.0, active: 1.0, ambient: 0.0, dormant: 0.0 }
    }
}

impl SharesSpec {
    /// The share of one tier.
    pub fn of(&self, tier: SimulationTier) -> f64 {
        match tier {
            SimulationTier::Detailed => self.detailed,
            SimulationTier::Active => self.active,
            SimulationTier::Ambient => self.ambient,
            SimulationTier::Dormant => self.dormant,
        }
    }
}

/// The four tiers; all must be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TiersSpec {
    /// NPCs near a player or critical to a scene.
    #[garde(dive)]
    pub detailed: TierSpec,
    /// NPCs relevant to a session or a story.
    #[garde(dive)]
    pub active: TierSpec,
    /// NPCs in nobody's focus.
    #[garde(dive)]
    pub ambient: TierSpec,
    /// NPCs that are not simulated until their slot comes.
    #[garde(dive)]
    pub dormant: TierSpec,
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierSpec {
    /// NPCs that it holds at most; who does not fit falls into the next coarser tier. 0 to 10,000,000.
    #[garde(range(max = 10_000_000))]
    #[schemars(range(max = 10_000_000))]
    pub max_npcs: u32,
    /// Game seconds between two turns of an NPC: 1 to 604,800. Without it 60 for detailed, 300 for active, 900 for
    /// ambient, 14,400 for dormant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 1, max = 604_800))]
    #[schemars(range(min = 1, max = 604_800))]
    pub tick_frequency_seconds: Option<u32>,
    /// Share of the turns of a step that this tier has for sure while it has work; what it does not use the others
    /// take. The shares of all tiers are weighed against each other. 1 to 1,000. Without it 40 for detailed, 30 for
    /// active, 20 for ambient, 10 for dormant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 1, max = 1_000))]
    #[schemars(range(min = 1, max = 1_000))]
    pub share: Option<u32>,
}

impl TierSpec {
    fn holding(max_npcs: u32) -> Self {
        Self { max_npcs, tick_frequency_seconds: None, share: None }
    }
}

impl Default for TiersSpec {
    /// The capacities of the systems that worlds come from.
    fn default() -> Self {
        Self {
            detailed: TierSpec::holding(20),
            active: TierSpec::holding(100),
            ambient: TierSpec::holding(500),
            dormant: TierSpec::holding(5_000),
        }
    }
}

impl TiersSpec {
    /// The block of one tier.
    pub fn of(&self, tier: SimulationTier) -> &TierSpec {
        match tier {
            SimulationTier::Detailed => &self.detailed,
            SimulationTier::Active => &self.active,
            SimulationTier::Ambient => &self.ambient,
            SimulationTier::Dormant => &self.dormant,
        }
    }

    /// The block of one tier, to change it.
    pub(super) fn of_mut(&mut self, tier: SimulationTier) -> &mut TierSpec {
        match tier {
            SimulationTier::Detailed => &mut self.detailed,
            SimulationTier::Active => &mut self.active,
            SimulationTier::Ambient => &mut self.ambient,
            SimulationTier::Dormant => &mut self.dormant,
        }
    }

    /// Game seconds between two turns.
    pub fn interval_seconds(&self, tier: SimulationTier) -> u32 {
        let default = PerTier { detailed: 60, active: 300, ambient: 900, dormant: 14_400 };
        self.of(tier).tick_frequency_seconds.unwrap_or(default[tier])
    }

    /// The share of the turns of a step.
    pub fn share(&self, tier: SimulationTier) -> u32 {
        let default = PerTier { detailed: 40, active: 30, ambient: 20, dormant: 10 };
        self.of(tier).share.unwrap_or(default[tier])
    }
}

impl Default for WorldSimulationConfig {
    fn default() -> Self {
        Self {
            time_scale: 60.0,
            tick_interval_seconds: 1.0,
            max_step_game_seconds: 3_600,
            max_tick_jump_days: 400,
            max_catch_up_steps: 8,
            max_npc_ticks_per_step: 50,
            max_chain_ops_per_step: 50,
            max_job_ops_per_step: 10,
            tiers: TiersSpec::default(),
            tier_dwell_seconds: 300,
            events: EventsSpec::default(),
        }
    }
}

/// Snapshots hold it as JSON text: fields may come and go without a migration, and defaults stay unsaid.
impl Serialize for WorldSimulationConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return Self::serialize(self, serializer);
        }
        serializer.serialize_str(&serde_json::to_string(self).map_err(ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for WorldSimulationConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Self::deserialize(deserializer);
        }
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Steps of a world that one input may lead to: more would keep everything else that is asked of it waiting for too long.
pub const STEPS_MAX: u32 = 10_000;

impl WorldSimulationConfig {
    /// The time scale as the clock takes it.
    pub fn scale(&self) -> TimeScale {
        TimeScale::from_factor(self.time_scale)
    }

    /// How many steps a world makes of a span of game time, in microseconds, that is to be made in so many parts: none is
    /// longer than `maxStepGameSeconds`.
    pub fn steps_in(&self, game_micros: u64, parts: u32) -> u64 {
        let parts = u64::from(parts.max(1));
        let longest = u64::from(self.max_step_game_seconds.max(1)) * 1_000_000;
        game_micros.div_ceil(parts).div_ceil(longest).saturating_mul(parts)
    }
}

/// What passes in one interval of a live world must come to few steps.
fn few_steps(scale: f64, interval: f64) -> impl FnOnce(&u32, &()) -> garde::Result {
    move |longest, _| {
        let least = (scale * interval / 10_000.0).ceil();
        if f64::from(*longest) >= least || !least.is_finite() {
            return Ok(());
        }
        let words = format!(
            "timeScale and tickIntervalSeconds let {:.0} game seconds pass in a step, which would be cut into more than \
             10000: at least {least:.0} is needed",
            scale * interval
        );
        Err(garde::Error::new(words))
    }
}

/// The clock counts in millionths: what is finer would be shown and not be so.
fn in_millionths(scale: &f64, _: &()) -> garde::Result {
    let near = TimeScale::from_factor(*scale).factor();
    // What is out of bounds is told as that.
    if !(0.0..=86_400.0).contains(scale) || near.total_cmp(scale).is_eq() {
        return Ok(());
    }
    Err(garde::Error::new(format!(
        "{scale} has more than six decimals, and the clock counts in millionths: write {near}"
    )))
}

/// YAML has `.nan`, and a comparison with it finds no fault.
fn a_number(value: &f64, _: &()) -> garde::Result {
    if value.is_finite() { Ok(()) } else { Err(garde::Error::new("it must be a number")) }
}
