//! Log lines of ticks and markets, written where they are facts: at the engine, never inside a world.
//!
//! A tick from outside is worth a line. A live world's own ticks can be many a second: they are details.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::days::Days;
use super::measure;
use super::steps::{StepView, deferred};
use super::unit::TickNote;
use crate::components::generation::GenerationTotals;
use crate::components::ids::WorldId;
use crate::components::money::Money;
use crate::components::tier::PerTier;
use crate::messages::{TickMessage, TickType};
use crate::plugins::store::{MarketStateRow, ShardId};

/// Lines that may wait until their events are published; while a broker is away the oldest go unwritten.
const WAITING_MAX: usize = 10_000;

/// A tick that is about to run, or why it runs nowhere.
pub(super) fn tick(message: &TickMessage, worlds: usize, notes: &[TickNote]) {
    let (event_id, tick_id, game_hour) = (message.event_id, message.data.tick_id, message.data.game_hour);
    let world_id = message.world_id.as_ref().map(|id| id.as_str());
    if worlds == 0 {
        let outcome = notes.first().map_or("not_run", |note| note.outcome);
        return tracing::info!(%event_id, %tick_id, game_hour, world_id, outcome, "A tick is not run");
    }
    let what = match message.data.tick_type {
        TickType::Hourly => "Processing hourly tick",
        TickType::Daily => "Processing daily tick - running diplomacy evaluation and crowd simulation",
    };
    if message.incarnation.is_some() {
        tracing::debug!(%event_id, %tick_id, game_hour, world_id, worlds, "{what}");
    } else {
        tracing::info!(%event_id, %tick_id, game_hour, world_id, worlds, "{what}");
    }
}

/// The least time between two lines about the steps of a world.
const STEP_LINES: Duration = Duration::from_secs(10);

/// What steps of a world came to, as their line says it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct StepLine {
    pub(super) delta_game_seconds: f64,
    pub(super) npc_ticks: u64,
    /// Jobs of generation that were let go.
    pub(super) job_ops: u64,
    /// Attempts at jobs that were sent to the workers, in this step or since the one before.
    pub(super) jobs_started: u64,
    /// Jobs that came to an end, likewise.
    pub(super) jobs_completed: u64,
    pub(super) deferred: u64,
    pub(super) events: usize,
    pub(super) cost_seconds: f64,
    /// NPCs by tier after the last of them.
    pub(super) npcs: PerTier<u32>,
    /// Steps that the line stands for.
    pub(super) steps: u32,
}

impl StepLine {
    pub(super) fn new(step: &StepView) -> Self {
        let report = step.report.as_ref();
        Self {
            delta_game_seconds: measure::seconds(step.game_micros),
            npc_ticks: report.map_or(0, |report| u64::from(report.turns_in_all())),
            job_ops: step.job_ops.into(),
            deferred: report.map_or(0, deferred),
            events: step.events,
            cost_seconds: measure::seconds(step.cost_micros),
            npcs: report.map_or_else(PerTier::default, |report| report.population),
            steps: 1,
            ..Self::default()
        }
    }

    /// This step and those before it that have no line of their own.
    fn with(self, before: Self) -> Self {
        Self {
            delta_game_seconds: before.delta_game_seconds + self.delta_game_seconds,
            npc_ticks: before.npc_ticks + self.npc_ticks,
            job_ops: before.job_ops + self.job_ops,
            jobs_started: before.jobs_started + self.jobs_started,
            jobs_completed: before.jobs_completed + self.jobs_completed,
            deferred: before.deferred + self.deferred,
            events: before.events + self.events,
            cost_seconds: before.cost_seconds + self.cost_seconds,
            npcs: self.npcs,
            steps: before.steps.saturating_add(self.steps),
        }
    }

    fn write(&self, world_id: &WorldId) {
        let Self { delta_game_seconds, npc_ticks, job_ops, deferred, events, cost_seconds, npcs, steps, .. } = *self;
        let (jobs_started, jobs_completed) = (self.jobs_started, self.jobs_completed);
        tracing::info!(
            target: "worldtick::steps", %world_id, delta_game_seconds, npc_ticks, job_ops, jobs_started, jobs_completed,
            tiers.detailed = npcs.detailed, tiers.active = npcs.active, tiers.ambient = npcs.ambient,
            tiers.dormant = npcs.dormant, deferred, events, cost_seconds, steps, "World stepped"
        );
    }
}

/// One line a step, but of a fast world no more than one in ten seconds: that one sums up those before it.
#[derive(Debug, Default)]
pub(super) struct StepLines {
    last: BTreeMap<WorldId, (Instant, StepLine)>,
    /// Attempts begun and jobs ended since the last step of a world.
    jobs: BTreeMap<WorldId, (u64, u64)>,
}

impl StepLines {
    /// What an input added to the counts of jobs of a world; its next line says so.
    pub(super) fn jobs(&mut self, world_id: &WorldId, added: &GenerationTotals) {
        let ended = ended(added);
        if added.attempts + ended > 0 {
            let (started, completed) = self.jobs.entry(world_id.clone()).or_default();
            (*started, *completed) = (*started + added.attempts, *completed + ended);
        }
    }

    /// A step that is durable. Gives the line that was written, if one was.
    pub(super) fn step(&mut self, world_id: &WorldId, now: Instant, line: StepLine) -> Option<StepLine> {
        let (jobs_started, jobs_completed) = self.jobs.remove(world_id).unwrap_or_default();
        let line = StepLine { jobs_started, jobs_completed, ..line };
        let line = match self.last.get_mut(world_id) {
            Some((last, skipped)) if now.duration_since(*last) < STEP_LINES => {
                *skipped = line.with(*skipped);
                return None;
            }
            Some((last, skipped)) => {
                *last = now;
                line.with(std::mem::take(skipped))
            }
            None => {
                self.last.insert(world_id.clone(), (now, StepLine::default()));
                line
            }
        };
        line.write(world_id);
        Some(line)
    }

    /// A world that is gone.
    pub(super) fn forget(&mut self, world_id: &WorldId) {
        self.last.remove(world_id);
        self.jobs.remove(world_id);
    }
}

/// Jobs that have come to an end, whichever.
pub(super) fn ended(added: &GenerationTotals) -> u64 {
    added.succeeded + added.failed + added.cancelled + added.expired + added.dead
}

/// A market that was cleared in a commit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MarketLine {
    shard: ShardId,
    outbox_id: i64,
    own: bool,
    world_id: String,
    commodity: String,
    price: Option<f64>,
    volume: i64,
    tick_id: Uuid,
}

impl MarketLine {
    /// The line of this row, whose event has this place in the outbox.
    pub(super) fn new(row: &MarketStateRow, outbox_id: i64, own: bool) -> Self {
        Self {
            shard: row.shard,
            outbox_id,
            own,
            world_id: row.world_id.clone(),
            commodity: row.commodity.clone(),
            price: row.price.map(|price| Money(price).to_major()),
            volume: row.volume,
            tick_id: row.tick_id,
        }
    }

    fn write(&self, what: &'static str) {
        let Self { world_id, commodity, price, volume, tick_id, .. } = self;
        if self.own {
            tracing::debug!(world_id, commodity, price, volume, %tick_id, "{what}");
        } else {
            tracing::info!(world_id, commodity, price, volume, %tick_id, "{what}");
        }
    }
}

/// Markets whose events are durable and not known to be published.
#[derive(Debug, Default)]
pub(super) struct Unannounced {
    waiting: BTreeMap<ShardId, VecDeque<MarketLine>>,
    count: usize,
    /// The same for days.
    pub(super) days: Days,
}

impl Unannounced {
    /// A commit with these markets is durable.
    pub(super) fn cleared(&mut self, lines: Vec<MarketLine>) {
        for line in lines {
            line.write("Market cleared");
            let waiting = self.waiting.entry(line.shard).or_default();
            if self.count == WAITING_MAX && waiting.pop_front().is_some() {
                self.count -= 1;
            }
            if self.count < WAITING_MAX {
                waiting.push_back(line);
                self.count += 1;
            }
        }
    }

    /// Everything of this shard up to this outbox id is on Kafka.
    pub(super) fn published(&mut self, shard: ShardId, id: i64) {
        self.days.published(shard, id);
        let Some(waiting) = self.waiting.get_mut(&shard) else { return };
        while let Some(line) = waiting.pop_front_if(|line| line.outbox_id <= id) {
            self.count -= 1;
            line.write("Published market event");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(shard: ShardId, outbox_id: i64) -> MarketLine {
        MarketLine::new(&MarketStateRow { shard, ..MarketStateRow::default() }, outbox_id, true)
    }

    #[test]
    fn a_fast_world_has_one_line_in_ten_seconds() {
        #[expect(clippy::disallowed_methods, reason = "an instant can only come from the clock")]
        let began = Instant::now();
        let (fast, slow) = (WorldId::new("fast").expect("an id"), WorldId::new("slow").expect("an id"));
        let mut lines = StepLines::default();
        let line = |npc_ticks| StepLine {
            npc_ticks,
            delta_game_seconds: 60.0,
            npcs: PerTier { active: u32::try_from(npc_ticks).expect("small"), ..PerTier::default() },
            steps: 1,
            ..StepLine::default()
        };
        let mut sums = Vec::new();
        let mut at = |world: &WorldId, millis: u64| {
            let written = lines.step(world, began + Duration::from_millis(millis), line(millis));
            sums.extend(written.map(|line| (line.npc_ticks, line.delta_game_seconds, line.npcs.active)));
            written.map(|line| line.steps)
        };
        assert_eq!(at(&fast, 0), Some(1));
        assert_eq!((at(&fast, 50), at(&fast, 9_999)), (None, None));
        assert_eq!(at(&slow, 9_999), Some(1), "each world for itself");
        assert_eq!(at(&fast, 10_000), Some(3), "the line says how many steps it stands for");
        assert_eq!(at(&fast, 20_000), Some(1));
        assert_eq!(sums[2], (20_049, 180.0, 10_000), "and sums them up, with the tiers as they are now");
        let added = GenerationTotals { attempts: 2, succeeded: 1, dead: 1, ..GenerationTotals::default() };
        lines.jobs(&slow, &added);
        lines.jobs(&slow, &added);
        let told = lines.step(&slow, began + Duration::from_secs(30), line(0)).expect("a line");
        assert_eq!((told.jobs_started, told.jobs_completed), (4, 4), "of what came before the step, too");
        let told = lines.step(&slow, began + Duration::from_secs(60), line(0)).expect("a line");
        assert_eq!((told.jobs_started, told.jobs_completed), (0, 0));
        lines.jobs(&fast, &added);
        lines.forget(&fast);
        assert_eq!((lines.last.len(), lines.jobs.len()), (1, 0));
    }

    #[test]
    fn lines_wait_for_their_own_shard_and_never_without_end() {
        let mut unannounced = Unannounced::default();
        unannounced.cleared(vec![line(0, 1), line(0, 2), line(1, 1)]);
        unannounced.published(0, 1);
        assert_eq!(unannounced.count, 2);
        unannounced.published(1, 9);
        assert_eq!(unannounced.count, 1);
        for id in 0..2 * i64::try_from(WAITING_MAX).expect("small") {
            unannounced.cleared(vec![line(0, id)]);
        }
        assert_eq!(unannounced.count, WAITING_MAX);
        unannounced.published(0, i64::MAX);
        assert_eq!(unannounced.count, 0);
    }
}
