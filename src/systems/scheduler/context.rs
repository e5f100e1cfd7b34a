//! A world as its scheduler sees it, in one document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::roster::capacity;
use super::share::{Division, longest_wait};
use super::tiers::MOVES_MAX;
use super::{Credits, FocusIndex, Pins, Roster, Sessions, TierMoves};
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::components::tier::{PerTier, SimulationTier};
use crate::messages::tier::{LATENESS_BOUNDS, MoveReason, StepReport, TierMove};
use crate::world::spec::WorldSimulationConfig;

/// How a world is simulated, where its time stands, and how its scheduler does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorldSimulationContext {
    /// The world.
    pub world_id: WorldId,
    /// The shard that it belongs to, where a server hosts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_id: Option<i32>,
    /// The present game time; nothing before the first tick of a world that ticks drive.
    pub current_world_time: Option<GameInstant>,
    /// How it is simulated.
    pub config: WorldSimulationConfig,
    /// How its scheduler does; nothing in a world without one.
    pub state: Option<SchedulerState>,
}

/// How the scheduler of a world does: what changes from step to step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulerState {
    /// Tier by tier.
    pub tiers: PerTier<TierState>,
    /// Turns that one step may have.
    pub budget: u32,
    /// Sessions that run.
    pub sessions: u32,
    /// Entries of focus.
    pub focus_entries: u32,
    /// NPCs that are pinned.
    pub pinned: u32,
    /// What the steps of the last input did.
    pub last: StepSummary,
    /// Moves between tiers since the world began.
    pub moves: Vec<MoveCount>,
}

/// How one tier does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierState {
    /// NPCs in it.
    pub npcs: u32,
    /// NPCs that it may hold.
    pub max_npcs: u32,
    /// NPCs whose turn is due and who wait for a later step.
    pub waiting: u32,
    /// Game seconds between two turns of an NPC.
    pub interval_seconds: u32,
    /// Its share of the turns, weighed against those of the others.
    pub share: u32,
    /// What it has earned and not spent; a turn that is its for sure costs the sum of all shares.
    pub credits: u64,
    /// In this many steps at the latest an NPC has its turn, counted from the first step in which it is in this tier and
    /// due: who changes tiers while it waits is counted anew from when it comes. Whoever comes into the tier meanwhile
    /// and is more overdue counts as if it had been there from the beginning.
    pub longest_wait_steps: u64,
}

/// What the steps of one input did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepSummary {
    /// WorldSteps.
    pub steps: u32,
    /// Turns that NPCs had.
    pub turns: PerTier<u32>,
    /// Turns that had to wait for a later step, each once a step.
    pub deferred: PerTier<u32>,
    /// By the limit that made something wait: turns for `maxNpcTicksPerStep`; for `movesPerStep` (20,000) the steps after
    /// which NPCs were still to be moved to another tier.
    pub deferred_by: BTreeMap<String, u32>,
    /// Why turns and moves had to wait; nothing when none had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Upper bounds of the buckets of lateness in game seconds; one more bucket holds what is later.
    pub lateness_bounds: Vec<u32>,
    /// Turns by how late they were.
    pub lateness: PerTier<Vec<u32>>,
    /// Moves between tiers.
    pub moves: Vec<MoveCount>,
    /// Focus entries that ran out.
    pub focus_ended: u32,
}

/// How often one kind of move between tiers was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MoveCount {
    /// The tier that was left.
    pub from: SimulationTier,
    /// The tier that was entered.
    pub to: SimulationTier,
    /// Why.
    pub reason: MoveReason,
    /// How often.
    pub count: u64,
}

impl MoveCount {
    fn new(((from, to, reason), count): (TierMove, u64)) -> Self {
        Self { from, to, reason, count }
    }
}

impl StepSummary {
    /// The summary of a report.
    pub fn new(report: &StepReport, budget: u32) -> Self {
        let deferred: u32 = report.deferred.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count));
        let steps = report.steps;
        let mut why = Vec::new();
        if deferred > 0 {
            let turns = report.turns_in_all();
            why.push(format!(
                "{deferred} times a turn that was due had to wait for another step: {turns} were had in {steps} steps, and \
                 maxNpcTicksPerStep allows {budget} in each"
            ));
        }
        if report.moves_cut > 0 {
            let cut = report.moves_cut;
            why.push(format!(
                "after {cut} of {steps} steps NPCs were still to be moved to another tier: a step makes at most {MOVES_MAX} \
                 moves, and the rest are made in the steps that follow"
            ));
        }
        let why = (!why.is_empty()).then(|| why.join("; "));
        Self {
            steps: report.steps,
            turns: report.turns,
            deferred: report.deferred,
            deferred_by: [("maxNpcTicksPerStep", deferred), ("movesPerStep", report.moves_cut)]
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(limit, count)| (limit.to_owned(), count))
                .collect(),
            why,
            lateness_bounds: LATENESS_BOUNDS.to_vec(),
            lateness: PerTier::from_fn(|tier| report.lateness[tier].buckets.to_vec()),
            moves: report.moves.iter().map(|(kind, count)| MoveCount::new((*kind, u64::from(*count)))).collect(),
            focus_ended: report.focus_ended,
        }
    }
}

/// What the state of a scheduler is told from.
pub(crate) struct SchedulerParts<'a> {
    pub(crate) config: &'a WorldSimulationConfig,
    pub(crate) roster: &'a Roster,
    pub(crate) credits: &'a Credits,
    pub(crate) sessions: &'a Sessions,
    pub(crate) focus: &'a FocusIndex,
    pub(crate) pins: &'a Pins,
    pub(crate) moves: &'a TierMoves,
    pub(crate) report: &'a StepReport,
}

impl SchedulerState {
    pub(crate) fn new(parts: &SchedulerParts<'_>) -> Self {
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let division = Division::new(parts.config);
        let tiers = PerTier::from_fn(|tier| TierState {
            npcs: small(parts.roster.population(tier)),
            max_npcs: small(capacity(parts.config, tier)),
            waiting: small(parts.roster.waiting(tier)),
            interval_seconds: parts.config.tiers.interval_seconds(tier),
            share: parts.config.tiers.share(tier),
            credits: parts.credits.earned[tier],
            longest_wait_steps: longest_wait(&division, tier, parts.roster.population(tier) as u64),
        });
        Self {
            tiers,
            budget: parts.config.max_npc_ticks_per_step,
            sessions: small(parts.sessions.len()),
            focus_entries: small(parts.focus.len()),
            pinned: small(parts.pins.len()),
            last: StepSummary::new(parts.report, parts.config.max_npc_ticks_per_step),
            moves: parts.moves.iter().map(MoveCount::new).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_something_waits_is_said_for_turns_and_for_moves() {
        let mut report = StepReport { steps: 3, moves_cut: 2, ..StepReport::default() };
        let summary = StepSummary::new(&report, 50);
        assert_eq!(summary.deferred_by, BTreeMap::from([("movesPerStep".to_owned(), 2)]));
        let why = summary.why.expect("moves had to wait");
        assert!(
            why.starts_with("after 2 of 3 steps NPCs were still to be moved") && why.contains("at most 20000"),
            "{why}"
        );
        report.deferred.detailed = 7;
        let why = StepSummary::new(&report, 50).why.expect("both had to wait");
        assert!(why.contains("7 times a turn") && why.contains("; after 2 of 3 steps"), "{why}");
        assert_eq!(StepSummary::new(&StepReport { steps: 3, ..StepReport::default() }, 50).why, None);
    }
}
