//! What can be asked of jobs.

// time: generation: how long a job has waited, and until when it is worth anything | world | `WorldClock` | a query, between inputs

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::JobBook;
use super::commands::{NO_JOB, state_named};
use super::desk::GenerationDesk;
use super::model::GenerationModel;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::generation::{Band, GenerationJob, GenerationTotals, GenerationUser, JobSource, JobState};
use crate::components::ids::{StableId, StableIndex};
use crate::components::interaction::{ChainId, NOBODY};
use crate::messages::generation::GenerationReport;
use crate::systems::interaction::{InteractionModel, SessionNumbers};
use crate::systems::scheduler::LIST_MAX;
use crate::world::spec::WorldSimulationConfig;
use crate::world::{Answer, WorldQuery};

/// Jobs that are looked at for one page of a list at most.
const LOOKED_AT_MAX: usize = 20_000;

/// Asks which jobs there are that are not over, and which are dead, in the order of their ids.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskJobs {
    /// Only those that stand there: `pending`, `queued`, `running` or `dead`.
    #[serde(default)]
    pub state: Option<String>,
    /// Only those of this user.
    #[serde(default)]
    pub user: Option<String>,
    /// Only those of this kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// Only those that wait for the edge, or only the others.
    #[serde(default)]
    pub waits_for_edge: Option<bool>,
    /// Only those after this id.
    #[serde(default)]
    pub after: u64,
    /// At most so many: 1 to 500.
    pub limit: u32,
}

impl WorldQuery for AskJobs {
    const NAME: &'static str = "generation.list";
}

/// Asks for everything about one job: where it stands, why it waits, what is before it, when it is expected.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskJob {
    /// Which.
    pub job_id: u64,
}

impl WorldQuery for AskJob {
    const NAME: &'static str = "generation.show";
}

/// Asks how many jobs there are, how many there may be, and what has come of them.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskGeneration {}

impl WorldQuery for AskGeneration {
    const NAME: &'static str = "generation.status";
}

/// What answers are made of.
#[derive(SystemParam)]
pub(crate) struct KnownJobs<'w, 's> {
    clock: Res<'w, WorldClock>,
    config: Res<'w, WorldSimulationConfig>,
    model: Res<'w, GenerationModel>,
    chains: Res<'w, InteractionModel>,
    numbers: Res<'w, SessionNumbers>,
    desk: Res<'w, GenerationDesk>,
    book: Res<'w, JobBook>,
    totals: Res<'w, GenerationTotals>,
    report: Res<'w, GenerationReport>,
    index: Res<'w, StableIndex>,
    jobs: Query<'w, 's, &'static GenerationJob>,
    users: Query<'w, 's, &'static GenerationUser>,
}

impl KnownJobs<'_, '_> {
    fn job(&self, id: StableId) -> Option<&GenerationJob> {
        self.jobs.get(self.index.get(id)?).ok()
    }

    fn user(&self, id: StableId) -> Option<&GenerationUser> {
        self.users.get(self.index.get(id)?).ok()
    }

    fn seconds_since(&self, then: GameInstant) -> Option<i64> {
        self.clock.now.map(|now| now.micros_since(then).max(0).div_euclid(1_000_000))
    }

    fn row(&self, id: StableId, job: &GenerationJob) -> Value {
        let asker = job.askers().next();
        let (source, chain) = match asker.map(|asker| asker.source) {
            Some(JobSource::Chain(chain, step)) => {
                ("chain", self.chains.chain(ChainId(chain)).map(|chain| (chain, step)))
            }
            Some(JobSource::Behaviour) => ("behaviour", None),
            Some(JobSource::Command) | None => ("command", None),
        };
        json!({
            "jobId": id.0,
            "state": job.life.state(),
            "kind": self.model.name(job.kind),
            "user": self.user(job.user).map(|user| &user.name),
            "sessionId": asker.and_then(|asker| self.numbers.id(asker.session)),
            "npcId": asker.map(|asker| asker.npc).filter(|npc| *npc != NOBODY).map(|npc| npc.0),
            "source": source,
            "chain": chain.map(|(chain, _)| &chain.name),
            "step": chain.map(|(chain, step)| chain.step_name(step)),
            "priority": job.priority,
            "band": Band::of(job.priority).as_str(),
            "attempt": job.life.attempt(),
            "maxAttempts": job.life.attempts_max(),
            "waitsForEdge": job.life.waits_for_edge(),
            "heldBack": job.rest().and_then(|rest| rest.held.as_ref()),
            "progress": job.rest().map_or(0, |rest| rest.progress),
            "dedupKey": job.dedup_key(),
            "asked": job.asked,
            "since": job.since,
            "deadline": job.deadline,
            "waitedSeconds": self.seconds_since(job.asked),
        })
    }

    /// Why a job stands where it stands, in words.
    fn why(&self, id: StableId, job: &GenerationJob) -> String {
        let rest = job.rest();
        let limits = &self.desk.limits;
        if rest.is_some_and(|rest| rest.landed.is_some()) {
            return "a worker has answered: it takes effect with the next step of the world".to_owned();
        }
        match job.life.state() {
            JobState::Pending => match (&self.desk.held, self.user(job.user).and_then(|user| user.held.as_ref())) {
                (Some(reason), _) => format!("the edge holds the world back: {reason}"),
                (None, Some(reason)) => format!("the edge holds its user back: {reason}"),
                (None, None) => self.why_pending(id, job),
            },
            JobState::Queued if job.life.is_sent() => "it is with the workers, and none has begun".to_owned(),
            JobState::Queued => {
                match (rest.and_then(|rest| rest.held.as_ref()), rest.and_then(|rest| rest.error.as_ref())) {
                    (Some(reason), _) => format!("the edge holds it back: {reason}"),
                    (None, Some(error)) => {
                        format!("its last attempt failed ({error}); it waits for the edge to send it again")
                    }
                    (None, None) => "it waits for the edge to let it go".to_owned(),
                }
            }
            JobState::Running => format!("a worker is at it: {} percent", rest.map_or(0, |rest| rest.progress)),
            JobState::Dead => format!(
                "it was tried {} times, and may be tried no more than that ({}); of dead jobs {} are kept",
                job.life.attempt(),
                rest.and_then(|rest| rest.error.as_deref()).unwrap_or("no error was told"),
                limits.max_dead
            ),
            state => format!("it is {}", state.as_str()),
        }
    }

    fn why_pending(&self, id: StableId, job: &GenerationJob) -> String {
        let limits = &self.desk.limits;
        let page = self.book.page(job.user);
        let (under_way, held) = page.map_or((0, 0), |page| (page.in_flight, page.held_back(job.kind)));
        if held > 0 {
            return format!("the edge holds back {held} of its user and kind, and no more are let go before those");
        }
        let in_flight = self.book.in_flight();
        if under_way >= limits.max_in_flight_per_user {
            let most = limits.max_in_flight_per_user;
            return format!("its user has {under_way} jobs under way, and maxInFlightPerUser allows {most}");
        }
        if in_flight >= usize::try_from(limits.max_in_flight).unwrap_or(usize::MAX) {
            return format!("{in_flight} jobs are under way, and maxInFlight allows {}", limits.max_in_flight);
        }
        let band = Band::of(job.priority);
        format!(
            "{} of its user come before it, {} users take turns in the band `{}`, and maxJobOpsPerStep lets {} go in a step",
            self.book.before(id, job, limits),
            self.book.ready(band),
            band.as_str(),
            self.config.max_job_ops_per_step
        )
    }

    /// Steps of the world until a job is let go, if nothing else comes and nothing is held back: a rough number.
    fn expected_steps(&self, id: StableId, job: &GenerationJob) -> Option<u64> {
        if job.life.state() != JobState::Pending {
            return None;
        }
        let band = Band::of(job.priority);
        let others: i32 = Band::all().filter(|other| self.book.ready(*other) > 0).map(Band::weight).sum();
        let turns = (self.book.before(id, job, &self.desk.limits) as u64 + 1) * self.book.ready(band).max(1) as u64;
        let all = turns.saturating_mul(others.max(band.weight()).unsigned_abs().into());
        let ops = u64::from(self.config.max_job_ops_per_step);
        (ops > 0).then(|| all.div_ceil(u64::from(band.weight().unsigned_abs()) * ops))
    }
}

/// Answers [`AskJobs`].
pub(crate) fn list_jobs(In(ask): In<AskJobs>, known: KnownJobs) -> Answer {
    if !(1..=LIST_MAX).contains(&ask.limit) {
        return Err(format!("limit: {} is not within 1 and {LIST_MAX}", ask.limit));
    }
    let limit = usize::try_from(ask.limit).map_err(|error| error.to_string())?;
    let state = ask.state.as_deref().map(state_named).transpose()?;
    if let Some(over) = state.filter(|state| state.is_final() && *state != JobState::Dead) {
        return Err(format!("state: a world forgets jobs that are {}; the store remembers them", over.as_str()));
    }
    let kind = ask.kind.as_deref().map(|kind| known.model.require(kind)).transpose()?;
    let user = ask.user.as_deref().map(|user| known.book.user(user));
    if user == Some(None) {
        return Ok(json!({ "jobs": [], "more": false, "after": null }));
    }
    let (mut rows, mut last, mut more) = (Vec::new(), None, false);
    for (looked_at, id) in known.book.from(state, StableId(ask.after.saturating_add(1))).enumerate() {
        if rows.len() >= limit || looked_at >= LOOKED_AT_MAX {
            more = true;
            break;
        }
        last = Some(id.0);
        let Some(job) = known.job(id) else { continue };
        let wanted = state.is_none_or(|state| state == job.life.state())
            && kind.is_none_or(|kind| kind == job.kind)
            && user.flatten().is_none_or(|user| user == job.user)
            && ask.waits_for_edge.is_none_or(|waits| waits == job.life.waits_for_edge());
        if wanted {
            rows.push(known.row(id, job));
        }
    }
    Ok(json!({ "jobs": rows, "more": more, "after": last.filter(|_| more) }))
}

/// Answers [`AskJob`].
pub(crate) fn show_job(In(ask): In<AskJob>, known: KnownJobs) -> Answer {
    let id = StableId(ask.job_id);
    let job = known.job(id).ok_or_else(|| format!("{NO_JOB} {id}: it is over, or never was"))?;
    let mut answer = known.row(id, job);
    let payload = job.rest().and_then(|rest| rest.payload.as_deref());
    let payload = payload.or_else(|| known.model.kind(job.kind)?.payload.as_deref());
    answer["payload"] = payload.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    answer["askers"] = job.askers().count().into();
    answer["error"] = json!(job.rest().and_then(|rest| rest.error.as_ref()));
    answer["againFor"] = json!(job.rest().and_then(|rest| rest.again_for));
    answer["before"] = match job.life.state() {
        JobState::Pending => known.book.before(id, job, &known.desk.limits).into(),
        _ => Value::Null,
    };
    answer["expectedSteps"] = json!(known.expected_steps(id, job));
    answer["why"] = known.why(id, job).into();
    Ok(answer)
}

/// Answers [`AskGeneration`].
pub(crate) fn show_generation(In(_): In<AskGeneration>, known: KnownJobs) -> Answer {
    let oldest = known.book.oldest().and_then(|id| known.job(id)).map(|job| job.asked);
    let bands: serde_json::Map<String, Value> =
        Band::all().map(|band| (band.as_str().to_owned(), known.book.ready(band).into())).collect();
    Ok(json!({
        "pending": known.book.pending(),
        "inFlight": known.book.in_flight(),
        "heldBack": known.book.held_back(),
        "dead": known.book.dead(),
        "users": known.book.users(),
        "usersThatTakeTurns": bands,
        "oldestAsked": oldest,
        "oldestSeconds": oldest.and_then(|oldest| known.seconds_since(oldest)),
        "held": known.desk.held,
        "maxJobOpsPerStep": known.config.max_job_ops_per_step,
        "limits": known.desk.limits,
        "last": {
            "steps": known.report.steps, "dispatched": known.report.dispatched, "landed": known.report.landed,
            "deferred": known.report.deferred,
        },
        "totals": *known.totals,
    }))
}
