//! What can be ordered of jobs. Everything is checked before anything is changed.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::rebuild_jobs;
use super::desk::{Asked, GenerationDesk, WORLD_USER, Wanted};
use super::over::{Ended, SENT_AGAIN, trim_dead_jobs};
use crate::components::clock::GameInstant;
use crate::components::generation::{Asker, JobSource, JobState, LifeEvent};
use crate::components::ids::StableId;
use crate::components::interaction::{NO_SESSION, NOBODY};
use crate::systems::interaction::Ground;
use crate::systems::npc::commands::{NpcRef, Registry};
use crate::systems::scheduler::session_of;
use crate::world::spec::{GenerationLimitsSpec, PAYLOAD_MAX, TEXT_MAX, WAIT_MAX_SECONDS, is_text};
use crate::world::{Answer, WorldCommand};

/// How answers begin about a job that is not there.
pub const NO_JOB: &str = "there is no job";
/// Jobs that one command sends again at most.
const AGAIN_MAX: usize = 1_000;

/// Asks for a job of generation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestGeneration {
    /// The kind of generation.
    pub kind: String,
    /// Whom it is done for: 1 to 128 characters; without it the session, and `world` outside of sessions.
    #[serde(default)]
    pub user: Option<String>,
    /// The session that it is for.
    #[serde(default)]
    pub session_id: Option<String>,
    /// The NPC that it is for.
    #[serde(default)]
    pub npc: Option<NpcRef>,
    /// How urgent it is, -1,000 to 1,000; without it as its kind.
    #[serde(default)]
    pub priority: Option<i16>,
    /// Game seconds until it is worth nothing any more: 1 to 3,162,240,000; without it as its kind.
    #[serde(default)]
    pub deadline_seconds: Option<i64>,
    /// Whoever of the same user asks under the same key while it is under way gets the same job: 1 to 128 characters.
    #[serde(default)]
    pub dedup_key: Option<String>,
    /// What workers get: any JSON, at most 16,384 bytes; without it that of the kind.
    #[serde(default)]
    pub payload: Option<Value>,
}

impl WorldCommand for RequestGeneration {
    const NAME: &'static str = "generation.request";
}

/// Ends a job that nobody wants any more. Workers that have it are told.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelGeneration {
    /// Which.
    pub job_id: u64,
    /// Why, in words: 1 to 128 characters.
    #[serde(default)]
    pub reason: Option<String>,
}

impl WorldCommand for CancelGeneration {
    const NAME: &'static str = "generation.cancel";
}

/// Sends dead jobs again, each as a new job: one, or those that match, the oldest first, at most 1,000. What has waited
/// for them has gone on meanwhile; their kinds bring what they bring to whoever of it is still there. Those for which there
/// is no room stay.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResendGeneration {
    /// Only this one.
    pub job_id: Option<u64>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those of this user.
    pub user: Option<String>,
    /// Counts those that match, and sends none.
    pub count_only: bool,
}

impl WorldCommand for ResendGeneration {
    const NAME: &'static str = "generation.resend";
}

/// Changes how many jobs there may be, from now on. What is not named stays as it is; what is there already stays.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitGeneration {
    /// Jobs that wait, in the world or because the edge holds them back: 0 to 2,000,000.
    pub max_pending: Option<u32>,
    /// Of them for one user: 0 to 1,000,000.
    pub max_pending_per_user: Option<u32>,
    /// Jobs that the world has let go and that are not over, without those that the edge holds back: 0 to 100,000.
    pub max_in_flight: Option<u32>,
    /// Of them for one user: 0 to 100,000.
    pub max_in_flight_per_user: Option<u32>,
    /// Dead jobs that are kept: 0 to 100,000.
    pub max_dead: Option<u32>,
    /// Game seconds of waiting that a point of priority is worth: 0 to 86,400.
    pub priority_age_seconds: Option<u32>,
}

impl WorldCommand for LimitGeneration {
    const NAME: &'static str = "generation.limits";
}

/// Takes [`RequestGeneration`].
pub(crate) fn request_generation(In(order): In<RequestGeneration>, registry: Registry, mut ground: Ground) -> Answer {
    let now = ground.now()?;
    let mut errors = Vec::new();
    let kind = ground.jobs.model.require(&order.kind).map_err(|error| errors.push(format!("/kind: {error}"))).ok();
    for (name, text) in [("user", &order.user), ("dedupKey", &order.dedup_key)] {
        if text.as_ref().is_some_and(|text| !is_text(text)) {
            errors.push(format!("/{name}: it has 1 to {TEXT_MAX} printable characters"));
        }
    }
    for (name, value, least, most) in [
        ("priority", i64::from(order.priority.unwrap_or(0)), -1_000, 1_000),
        ("deadlineSeconds", order.deadline_seconds.unwrap_or(1), 1, WAIT_MAX_SECONDS),
    ] {
        if !(least..=most).contains(&value) {
            errors.push(format!("/{name}: {value} is not within {least} and {most}"));
        }
    }
    let payload = order.payload.as_ref().filter(|payload| !payload.is_null()).map(Value::to_string);
    if payload.as_ref().is_some_and(|payload| payload.len() > PAYLOAD_MAX) {
        errors.push(format!("/payload: it is longer than {PAYLOAD_MAX} bytes; give a reference to it"));
    }
    let npc = order.npc.as_ref().map(|npc| registry.find(npc)).transpose();
    let npc = npc.map_err(|error| errors.push(format!("/npc: {error}"))).ok();
    let session = session_of(order.session_id.as_deref(), &ground.sessions);
    let session = session.map_err(|error| errors.push(format!("/sessionId: {error}"))).ok();
    let (Some(kind), Some(npc), Some(session), true) = (kind, npc, session, errors.is_empty()) else {
        return Err(errors.join("; "));
    };
    let user = order.user.as_deref().or_else(|| session.as_ref().map(|id| id.as_str())).unwrap_or(WORLD_USER);
    let known = ground.jobs.book.user(user);
    let joins = order.dedup_key.as_deref().zip(known).and_then(|(key, user)| ground.jobs.book.of_key(user, key));
    let npc = npc.map_or(NOBODY, |(id, _)| id);
    let asker = |session| Asker { session, npc, source: JobSource::Command };
    // A refusal changes nothing, not even the numbers of sessions.
    if let Some(job) = joins {
        ground.may_join(job, ground.numbers.find(session.as_ref()).map(asker))?;
    } else {
        let priority = ground.jobs.model.kind(kind).map_or(0, |kind| kind.priority);
        ground.room_for(known, order.priority.unwrap_or(priority))?;
    }
    let session = ground.numbers.number(session.as_ref()).ok_or("there have been too many sessions")?;
    let asked = ground.ask_job(
        Wanted {
            kind,
            user,
            priority: order.priority,
            deadline_micros: order.deadline_seconds.map(|seconds| seconds.saturating_mul(1_000_000)),
            dedup_key: order.dedup_key.as_deref(),
            payload: payload.map(Into::into),
            asker: asker(session),
            again_for: None,
        },
        now,
    )?;
    let (id, joined) = match asked {
        Asked::Taken(id) => (id, false),
        Asked::Joined(id) => (id, true),
    };
    let state = ground.job(id).map(|job| job.life.state());
    ground.finish();
    Ok(json!({ "jobId": id.0, "state": state, "joined": joined }))
}

/// Takes [`CancelGeneration`].
pub(crate) fn cancel_generation(In(order): In<CancelGeneration>, mut ground: Ground) -> Answer {
    if order.reason.as_ref().is_some_and(|reason| !is_text(reason)) {
        return Err(format!("/reason: it has 1 to {TEXT_MAX} printable characters"));
    }
    let (id, now) = (StableId(order.job_id), ground.now()?);
    let job = ground.job(id).ok_or_else(|| format!("{NO_JOB} {id}: it is over, or never was"))?;
    let was = job.life.state();
    if was.is_final() {
        return Err(format!("job {id} is over: it is {}", was.as_str()));
    }
    let reason = Some(order.reason.as_deref().unwrap_or("cancelled"));
    ground.end_job(id, LifeEvent::Cancel, &Ended { reason, ..Ended::default() }, now);
    ground.finish();
    Ok(json!({ "jobId": id.0, "was": was }))
}

/// Takes [`ResendGeneration`].
pub(crate) fn resend_generation(In(order): In<ResendGeneration>, mut ground: Ground) -> Answer {
    let now = ground.now()?;
    let kind = order.kind.as_deref().map(|kind| ground.jobs.model.require(kind)).transpose();
    let kind = kind.map_err(|error| format!("/kind: {error}"))?;
    let matches = |id: &StableId| {
        let Some(job) = ground.job(*id) else { return false };
        order.job_id.is_none_or(|wanted| wanted == id.0)
            && kind.is_none_or(|kind| kind == job.kind)
            && order.user.as_deref().is_none_or(|user| user == ground.user_name(job.user))
    };
    let found: Vec<StableId> = ground.jobs.book.all_dead().filter(matches).collect();
    if let (Some(id), true) = (order.job_id, found.is_empty()) {
        return Err(format!("{NO_JOB} {id} that is dead"));
    }
    let matching = found.len();
    if order.count_only {
        return Ok(json!({ "matching": matching, "sent": [] }));
    }
    let (mut sent, mut refused, mut first) = (Vec::new(), 0_u32, None);
    for id in found.into_iter().take(AGAIN_MAX) {
        match ground.send_again(id, now) {
            Ok(new) => sent.push(json!({ "jobId": id.0, "newJobId": new.0 })),
            // One for whom there is no room is in nobody's way.
            Err(error) => {
                refused += 1;
                first.get_or_insert(error);
            }
        }
    }
    if let (true, Some(error)) = (sent.is_empty(), &first) {
        return Err(error.clone());
    }
    ground.finish();
    Ok(json!({ "matching": matching, "sent": sent, "refused": refused, "why": first }))
}

impl Ground<'_, '_> {
    /// Sends a dead job again, as a new one.
    ///
    /// # Errors
    /// With a sentence, where there is no room for it.
    fn send_again(&mut self, id: StableId, now: GameInstant) -> Result<StableId, String> {
        let job = self.job(id).cloned().ok_or("it is gone")?;
        let user = self.user_name(job.user).to_owned();
        // Whom it was for may be gone: what comes of it then is nobody's, and not that of all sessions.
        let key = job.asker.map(|asker| (asker.session, asker.npc));
        let (session, npc) = match key.unwrap_or((NO_SESSION, NOBODY)) {
            (session, _) if !self.numbers.stands(session) => (NO_SESSION, NOBODY),
            (session, npc) if !self.is_there((session, npc)) => (session, NOBODY),
            key => key,
        };
        let rest = job.rest();
        let wanted = Wanted {
            kind: job.kind,
            user: &user,
            priority: Some(job.priority),
            deadline_micros: Some(job.deadline.micros_since(job.asked)),
            dedup_key: rest.and_then(|rest| rest.dedup_key.as_deref()),
            payload: rest.and_then(|rest| rest.payload.clone()),
            // A chain that has waited for it has gone on.
            asker: Asker { session, npc, source: JobSource::Command },
            again_for: Some(id.0),
        };
        let (Asked::Taken(new) | Asked::Joined(new)) = self.ask_job(wanted, now)?;
        self.jobs.totals.sent_again += 1;
        self.forget_dead(id, SENT_AGAIN);
        Ok(new)
    }
}

/// Takes [`LimitGeneration`].
pub(crate) fn limit_generation(In(order): In<LimitGeneration>, world: &mut World) -> Answer {
    let held = &world.resource::<GenerationDesk>().limits;
    let limits = GenerationLimitsSpec {
        max_pending: order.max_pending.unwrap_or(held.max_pending),
        max_pending_per_user: order.max_pending_per_user.unwrap_or(held.max_pending_per_user),
        max_in_flight: order.max_in_flight.unwrap_or(held.max_in_flight),
        max_in_flight_per_user: order.max_in_flight_per_user.unwrap_or(held.max_in_flight_per_user),
        max_dead: order.max_dead.unwrap_or(held.max_dead),
        priority_age_seconds: order.priority_age_seconds.unwrap_or(held.priority_age_seconds),
    };
    let outside: Vec<String> = limits
        .bounds()
        .into_iter()
        .filter(|(_, value, most)| value > most)
        .map(|(name, value, most)| format!("/{name}: {value} is not within 0 and {most}"))
        .collect();
    if !outside.is_empty() {
        return Err(outside.join("; "));
    }
    world.resource_mut::<GenerationDesk>().limits = limits.clone();
    // Orders and turns follow from the limits.
    world.run_system_cached(rebuild_jobs).map_err(|error| error.to_string())?;
    world.run_system_cached(trim_dead_jobs).map_err(|error| error.to_string())?;
    Ok(json!({ "limits": limits }))
}

/// Whether a job of this state can still be cancelled, for lists.
pub(super) fn state_named(name: &str) -> Result<JobState, String> {
    JobState::of(name).ok_or_else(|| {
        let all: Vec<&str> = JobState::ALL.iter().map(|state| state.as_str()).collect();
        format!("state: `{name}` is none of {}", all.join(", "))
    })
}
