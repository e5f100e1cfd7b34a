//! What the edge decides enters the worlds, and what worlds say of jobs goes to the edge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::commands::Asked;
use super::edge::{Card, Decisions, EdgeJobs};
use super::engine::Engine;
use super::generation::stop_row;
use super::orders::Order;
use super::unit::{EdgeWord, Slot, Unit, Work};
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::messages::CommandInput;
use crate::messages::generation::{GenerationJobChanged, GenerationTold, JobTold, WorkOrder};
use crate::plugins::store::{AttemptRow, JobRow, JobStage, OutboxRow, ShardId};

/// Who speaks to worlds for the edge.
const EDGE: &str = "generation-edge";
/// What counts for the limits of an hour, in microseconds.
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// Jobs in one word to a world.
const JOBS_TOGETHER: usize = 500;
/// For so long after Kafka was away, what workers have said meanwhile is being read: their time does not run yet.
const READS_ON: Duration = Duration::from_secs(30);

fn seconds(number: i64) -> Duration {
    Duration::from_secs(number.max(1).unsigned_abs())
}

impl Card {
    fn of_row(row: &JobRow) -> Option<Self> {
        Some(Self {
            world: WorldId::new(&row.world_id).ok()?,
            incarnation: row.incarnation,
            shard: row.shard,
            user: row.user.clone(),
            kind: row.kind.clone(),
            priority: i16::try_from(row.priority).unwrap_or(0),
            deadline: GameInstant::from_micros(row.deadline).unwrap_or(GameInstant::MAX),
        })
    }

    fn of_change(world: &WorldId, (incarnation, shard): (Uuid, ShardId), change: &GenerationJobChanged) -> Self {
        Self {
            world: world.clone(),
            incarnation,
            shard,
            user: change.user.clone(),
            kind: change.kind.clone(),
            priority: change.priority,
            deadline: change.deadline,
        }
    }
}

/// Takes up the jobs of the store with which the edge has something to do, and the attempts of the last hour, as of an
/// instant and the wall clock at it. What was with the workers has its time anew, from when everything up to `last_ids` is
/// on Kafka: nobody knows what they did meanwhile. Returns how many jobs it were.
pub(super) fn load(
    edge: &mut EdgeJobs,
    (rows, recent): (&[JobRow], Vec<AttemptRow>),
    last_id: impl Fn(ShardId) -> i64,
    (now, wall): (Instant, i64),
) -> usize {
    for attempt in recent {
        let ago = Duration::from_micros(wall.saturating_sub(attempt.sent_at).max(0).unsigned_abs());
        let Ok(world) = WorldId::new(&attempt.world_id) else { continue };
        let card = Card {
            world,
            incarnation: attempt.incarnation,
            shard: attempt.shard,
            user: attempt.user,
            kind: attempt.kind,
            priority: 0,
            deadline: GameInstant::MAX,
        };
        edge.attempted(card, now.checked_sub(ago).unwrap_or(now));
    }
    let mut count = 0;
    for row in rows {
        let Some(card) = Card::of_row(row) else { continue };
        let key = (card.world.clone(), row.job_id.unsigned_abs());
        let attempt = u8::try_from(row.attempt).unwrap_or(u8::MAX);
        match row.stage {
            JobStage::Waits => edge.wait(key, card, attempt, now),
            JobStage::Sent => {
                let last = last_id(row.shard);
                edge.with_workers(key, card, (attempt, seconds(row.timeout_seconds)), last, now);
            }
            JobStage::None => continue,
        }
        count += 1;
    }
    count
}

/// What is durable of jobs of a world, whose outbox is full up to an id by then: the edge goes on from there.
pub(super) fn heed(
    edge: &mut EdgeJobs,
    (id, incarnation, shard): (&WorldId, Uuid, ShardId),
    told: &GenerationTold,
    (last_id, now): (i64, Instant),
) {
    for JobTold { change, order } in &told.0 {
        let key = (id.clone(), change.job_id);
        let card = || Card::of_change(id, (incarnation, shard), change);
        match order {
            _ if change.state.is_final() => edge.over(&key),
            WorkOrder::Answered => edge.over(&key),
            WorkOrder::Admit => edge.wait(key, card(), change.attempt, now),
            WorkOrder::Send { timeout_real_seconds, .. } => {
                let timeout = Duration::from_secs(u64::from(*timeout_real_seconds));
                edge.sent(key, card(), (change.attempt, timeout), last_id, now);
            }
            WorkOrder::Heard => edge.heard(&key, now),
            WorkOrder::None | WorkOrder::Stop => {}
        }
    }
}

impl Engine {
    /// Takes up what the store knows of jobs.
    pub fn load_jobs(&mut self, rows: &[JobRow], recent: Vec<AttemptRow>) {
        let (now, wall) = (self.now(), self.wall_micros());
        let last_id = |shard: ShardId| self.next_outbox.get(&shard).map_or(0, |next| next - 1);
        let count = load(&mut self.edge.lock(), (rows, recent), last_id, (now, wall));
        for (shard, published) in &self.published {
            self.edge.lock().published(*shard, *published, now);
        }
        if count > 0 {
            tracing::info!(jobs = count, "jobs of generation are taken up");
        }
    }

    /// The instant of the wall clock from which attempts count for the limits of an hour.
    pub fn hour_ago(&self) -> i64 {
        self.wall_micros().saturating_sub(HOUR_MICROS)
    }

    /// What is durable of the jobs of a world.
    pub(super) fn heed_jobs(&self, id: &WorldId, told: &GenerationTold) {
        let Some(world) = self.worlds.get(id) else { return };
        let last_id = self.next_outbox.get(&world.shard).map_or(0, |next| next - 1);
        heed(&mut self.edge.lock(), (id, world.incarnation, world.shard), told, (last_id, self.now()));
    }

    /// What the edge told a world is concluded, whatever has become of it: what the world did not do waits again.
    pub(super) fn heed_word(&self, id: &WorldId, word: &EdgeWord) {
        let (mut edge, now) = (self.edge.lock(), self.now());
        match word {
            EdgeWord::Admit(jobs) => jobs.iter().for_each(|job| edge.put_back(&(id.clone(), *job), now)),
            EdgeWord::TimedOut { job, attempt } => {
                let key = (id.clone(), *job);
                if edge.with_the_workers(&key, *attempt).is_some() {
                    edge.not_told(&key, now);
                }
            }
        }
    }

    /// Whether a world takes what the edge has to say. One with answers of workers that it has not heard is told those
    /// first.
    pub(super) fn hears(&self, id: &WorldId) -> bool {
        self.worlds.get(id).is_some_and(|world| world.is_here() && !world.is_faulted()) && !self.unheard.contains(id)
    }

    /// The time of the workers stands still while nothing can be heard of them: while Kafka or the database is away, or the
    /// outbox full, and a while after that. Called every now and then, with the time since it was called last.
    pub(super) fn watch_workers(&mut self, since: Duration, now: Instant) {
        let hears = !self.outbox_is_full() && self.records_retry.is_none() && self.parts.surroundings.kafka_is_read();
        if hears {
            self.was_heard = true;
        } else if self.was_heard {
            self.reads_on_until = Some(now + READS_ON);
        }
        if !hears || self.reads_on_until.is_some_and(|until| now < until) {
            self.edge.lock().stand_still(since);
        }
    }

    /// Lets jobs go that may, and says of others why they wait. Called whenever something may have changed.
    pub(super) fn steer_jobs(&mut self) {
        let room = self.config.units_max.saturating_sub(self.units.len());
        if self.stopping || room == 0 || self.outbox_is_full() || self.edge.lock().len() == (0, 0) {
            return;
        }
        let now = self.now();
        let Decisions { admitted, held, timed_out } = self.edge.lock().decide(now, |id| self.hears(id), room);
        let mut by_world: BTreeMap<WorldId, Vec<u64>> = BTreeMap::new();
        for (world, job) in admitted {
            by_world.entry(world).or_default().push(job);
        }
        for (world, jobs) in by_world {
            for jobs in jobs.chunks(JOBS_TOGETHER) {
                let word = EdgeWord::Admit(jobs.to_vec());
                if !self.tell_world(&world, "generation.admit", json!({ "jobIds": jobs }), Some(word.clone())) {
                    self.heed_word(&world, &word);
                }
            }
        }
        let mut reasons: BTreeMap<(WorldId, &'static str), Vec<u64>> = BTreeMap::new();
        for ((world, job), why) in held {
            reasons.entry((world, why)).or_default().push(job);
        }
        for ((world, reason), jobs) in reasons {
            for jobs in jobs.chunks(JOBS_TOGETHER) {
                if !self.tell_world(&world, "generation.hold", json!({ "jobIds": jobs, "reason": reason }), None) {
                    let mut edge = self.edge.lock();
                    jobs.iter().for_each(|job| edge.not_told(&(world.clone(), *job), now));
                }
            }
        }
        for ((world, job), attempt) in timed_out {
            let said = json!({ "jobId": job, "attempt": attempt, "status": "failed", "error": "timeout",
                "message": "no worker has said anything in time" });
            let word = EdgeWord::TimedOut { job, attempt };
            if !self.tell_world(&world, "generation.result", said, Some(word.clone())) {
                self.heed_word(&world, &word);
            }
        }
    }

    /// Says something to a world. Whether it takes it.
    fn tell_world(&mut self, id: &WorldId, command: &str, payload: Value, word: Option<EdgeWord>) -> bool {
        let input = CommandInput {
            command_id: Uuid::new_v4(),
            command: command.to_owned(),
            issued_by: EDGE.to_owned(),
            payload,
        };
        self.begin_order(id, Order::Command(input), Asked { word, ..Asked::default() }).is_ok()
    }

    /// Messages to workers that follow from a unit and that no world says: its world has taken it that an attempt was too
    /// long.
    pub(super) fn stops_after(&self, unit: &Unit, wall: i64) -> Option<OutboxRow> {
        let Work::Order(order) = &unit.work else { return None };
        let Some(EdgeWord::TimedOut { job, attempt }) = order.word else { return None };
        let (id, slot) = unit.slots.first_key_value()?;
        let Slot::Applied { outcome, .. } = slot else { return None };
        let taken = outcome.reply.as_ref()?.as_ref().is_ok_and(|reply| reply["result"] == "taken");
        let card = self.edge.lock().with_the_workers(&(id.clone(), job), attempt)?;
        taken.then(|| stop_row(&card, (job, attempt), "timeout", wall))
    }
}

/// How many jobs wait here and since when, how many are with the workers, and how much of the limits in all is used.
pub(super) fn measure(edge: &EdgeJobs, now: Instant) {
    let number = |count: usize| super::measure::float(count as u64);
    let (waiting, in_flight) = edge.len();
    metrics::gauge!("worldtick_generation_queue_depth", "state" => "edge").set(number(waiting));
    metrics::gauge!("worldtick_generation_in_flight").set(number(in_flight));
    metrics::gauge!("worldtick_generation_edge_oldest_seconds").set(edge.oldest_wait(now).as_secs_f64());
    metrics::gauge!("worldtick_generation_saturation_ratio").set(edge.saturation());
}

#[cfg(test)]
mod tests {
    use super::super::edge::LimitScope;
    use super::*;
    use crate::components::generation::JobState;
    use crate::messages::SimulationEvent;

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant")]
    fn begin() -> Instant {
        Instant::now()
    }

    fn id() -> WorldId {
        WorldId::new("w").expect("an id")
    }

    fn row(job_id: i64, stage: JobStage, attempt: i64) -> JobRow {
        JobRow {
            world_id: "w".to_owned(),
            job_id,
            stage,
            attempt,
            shard: 2,
            user: "alice".to_owned(),
            kind: "scene".to_owned(),
            timeout_seconds: 30,
            ..JobRow::default()
        }
    }

    fn tell(edge: &mut EdgeJobs, state: JobState, attempt: u8, order: WorkOrder, now: Instant) {
        let change = GenerationJobChanged { job_id: 1, state, attempt, ..GenerationJobChanged::example() };
        let told = GenerationTold(vec![JobTold { change, order }]);
        heed(edge, (&id(), Uuid::nil(), 2), &told, (7, now));
    }

    fn decide(edge: &mut EdgeJobs, now: Instant) -> Decisions {
        edge.decide(now, |_| true, 9)
    }

    #[test]
    fn the_edge_goes_on_from_the_store() {
        let (mut edge, now, wall) = (EdgeJobs::default(), begin() + seconds(4_000), 5_000_000_000);
        let sent = |job_id: i64, ago: i64| AttemptRow {
            sent_at: wall - ago * 1_000_000,
            ..AttemptRow::of(&row(job_id, JobStage::Sent, 1))
        };
        let rows = [row(1, JobStage::Waits, 0), row(2, JobStage::Sent, 3), row(3, JobStage::None, 1)];
        let recent = vec![sent(9, 3_599), sent(2, 60)];
        assert_eq!(load(&mut edge, (&rows, recent), |shard| i64::from(shard) + 4, (now, wall)), 2);
        assert_eq!(edge.len(), (1, 1));
        let filter = super::super::edge::EdgeFilter { limit: 9, ..Default::default() };
        let hour = |edge: &mut EdgeJobs, now: Instant| {
            decide(edge, now);
            edge.shown(&filter, now)["withinTheHour"].clone()
        };
        // Both attempts, and the one that is let go now.
        assert_eq!((hour(&mut edge, now), hour(&mut edge, now + seconds(1))), (3.into(), 2.into()));
        // Its request may not have been published by the last server.
        edge.published(2, 5, now);
        assert_eq!(decide(&mut edge, now + seconds(90)).timed_out, []);
        edge.published(2, 6, now);
        assert_eq!(decide(&mut edge, now + seconds(90)).timed_out, [((id(), 2), 3)]);
        assert_eq!(edge.limits().quota(LimitScope::All, "").concurrent, 256);
    }

    #[test]
    fn what_worlds_say_moves_jobs_through_the_edge() {
        let (mut edge, now) = (EdgeJobs::default(), begin());
        let sent = || WorkOrder::Send { payload: Value::Null, timeout_real_seconds: 30 };
        let key = (id(), 1);
        tell(&mut edge, JobState::Queued, 0, WorkOrder::Admit, now);
        assert_eq!(edge.len(), (1, 0));
        tell(&mut edge, JobState::Queued, 1, sent(), now);
        edge.published(2, 7, now);
        assert!(edge.with_the_workers(&key, 1).is_some() && edge.with_the_workers(&key, 2).is_none());
        tell(&mut edge, JobState::Queued, 1, WorkOrder::Heard, now + seconds(20));
        // That it runs, which its world hears a step later, is no news.
        tell(&mut edge, JobState::Running, 1, WorkOrder::None, now + seconds(40));
        assert_eq!(decide(&mut edge, now + seconds(49)).timed_out, []);
        assert_eq!(decide(&mut edge, now + seconds(50)).timed_out, [(key.clone(), 1)]);
        tell(&mut edge, JobState::Running, 1, WorkOrder::Answered, now + seconds(51));
        assert_eq!(edge.len(), (0, 0), "with nobody, until its world has taken it in");
        tell(&mut edge, JobState::Queued, 1, WorkOrder::Admit, now + seconds(52));
        assert_eq!(edge.len(), (1, 0));
        tell(&mut edge, JobState::Cancelled, 1, WorkOrder::None, now + seconds(53));
        assert_eq!(edge.len(), (0, 0));
    }
}
