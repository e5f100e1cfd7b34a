//! What the edge and the workers say of jobs. Each word is an input of the world and takes effect by its rules alone.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::over::Ended;
use crate::components::generation::{GenerationJob, Landed, LandedWhat, LifeEvent, Refusal};
use crate::components::ids::StableId;
use crate::messages::generation::{ErrorClass, ResultStatus, WorkOrder};
use crate::systems::interaction::Ground;
use crate::world::spec::{is_text, is_word};
use crate::world::{Answer, WorldCommand};

/// Jobs in one word of the edge at most.
pub const JOBS_MAX: usize = 1_000;
/// Characters of a reference: as many as a flag holds.
pub const REFERENCE_MAX: usize = 256;
/// Characters of what went wrong.
pub const MESSAGE_MAX: usize = 512;

/// The edge lets jobs go: each is sent to the workers, once more.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdmitGeneration {
    /// Which, at most 1,000.
    pub job_ids: Vec<u64>,
}

impl WorldCommand for AdmitGeneration {
    const NAME: &'static str = "generation.admit";
}

/// The edge holds back: jobs that wait for it, a user of whom nothing is let go, or the whole world. Without a reason it
/// does not do so any more.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HoldGeneration {
    /// Why, in words: 1 to 128 characters.
    pub reason: Option<String>,
    /// Jobs, at most 1,000.
    pub job_ids: Vec<u64>,
    /// A user.
    pub user: Option<String>,
    /// The whole world.
    pub all: bool,
}

impl WorldCommand for HoldGeneration {
    const NAME: &'static str = "generation.hold";
}

/// What a worker says of a job, or the edge in its place. It takes effect at the beginning of the next step. The answer
/// says what has become of it: `taken`, or why it changes nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportGeneration {
    /// The incarnation of the world that had asked; the server lets none of another one through.
    #[serde(default)]
    pub incarnation: Option<Uuid>,
    /// The job.
    pub job_id: u64,
    /// Which attempt, as in the request.
    pub attempt: u8,
    /// What has become of it.
    pub status: ResultStatus,
    /// How far it is, in percent: 0 to 100.
    #[serde(default)]
    pub progress: Option<u8>,
    /// What came of it, a word that a chain may branch on: 1 to 64 characters. Without it `done`.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Where what was made lies: at most 256 characters.
    #[serde(default)]
    pub reference: Option<String>,
    /// Why it failed. Without it `transient`.
    #[serde(default)]
    pub error: Option<ErrorClass>,
    /// What went wrong, in words: at most 512 characters.
    #[serde(default)]
    pub message: Option<String>,
}

impl WorldCommand for ReportGeneration {
    const NAME: &'static str = "generation.result";
}

/// Takes [`AdmitGeneration`].
pub(crate) fn admit_generation(In(order): In<AdmitGeneration>, mut ground: Ground) -> Answer {
    let now = ground.now()?;
    let waits = |id: &u64| ground.job(StableId(*id)).is_some_and(|job| job.life.waits_for_edge());
    if order.job_ids.len() > JOBS_MAX {
        return Err(format!("/jobIds: there are more than {JOBS_MAX}"));
    }
    if !order.job_ids.iter().any(waits) {
        return Err("none of these jobs waits for the edge".into());
    }
    let mut admitted = Vec::new();
    for id in order.job_ids.iter().map(|id| StableId(*id)) {
        let Some(job) = ground.job(id).filter(|job| job.life.waits_for_edge()).cloned() else { continue };
        let timeout_real_seconds = ground.jobs.model.kind(job.kind).map_or(300, |kind| kind.timeout_real_seconds);
        let order = WorkOrder::Send { payload: ground.payload_of(&job), timeout_real_seconds };
        if ground.go_on(id, LifeEvent::Admit, (None, None), order, now) {
            ground.jobs.totals.attempts += 1;
            admitted.push(id.0);
        }
    }
    ground.finish();
    Ok(json!({ "admitted": admitted }))
}

/// Takes [`HoldGeneration`].
pub(crate) fn hold_generation(In(order): In<HoldGeneration>, mut ground: Ground) -> Answer {
    if order.reason.as_ref().is_some_and(|reason| !is_text(reason)) {
        return Err("/reason: it has 1 to 128 printable characters".into());
    }
    if order.job_ids.len() > JOBS_MAX {
        return Err(format!("/jobIds: there are more than {JOBS_MAX}"));
    }
    let user = match &order.user {
        Some(name) => Some(ground.jobs.book.user(name).ok_or_else(|| format!("/user: `{name}` has no jobs"))?),
        None => None,
    };
    let waits = |id: &StableId| ground.job(*id).is_some_and(|job| job.life.waits_for_edge());
    let jobs: Vec<StableId> = order.job_ids.iter().map(|id| StableId(*id)).filter(waits).collect();
    if user.is_none() && !order.all && jobs.is_empty() {
        return Err("it names no user, no job that waits for the edge, and not the whole world".into());
    }
    let reason: Option<Box<str>> = order.reason.as_deref().map(Into::into);
    for id in &jobs {
        ground.change_job(*id, |job| job.change_rest(|rest| rest.held.clone_from(&reason)));
    }
    if let Some(user) = user {
        ground.change_user(user, |user| user.held.clone_from(&reason));
        let limits = ground.jobs.desk.limits.clone();
        ground.jobs.book.hold(user, reason.is_some(), &limits);
    }
    if order.all {
        ground.jobs.desk.held = order.reason;
    }
    ground.finish();
    Ok(json!({ "held": jobs.len() + usize::from(user.is_some()) + usize::from(order.all) }))
}

fn check(order: &ReportGeneration) -> Result<(), String> {
    let mut errors = Vec::new();
    let fits = |text: &Option<String>, most: usize| {
        text.as_ref().is_none_or(|text| text.chars().count() <= most && !text.contains('\0'))
    };
    if order.progress.is_some_and(|percent| percent > 100) {
        errors.push("/progress: it is not within 0 and 100".to_owned());
    }
    if order.outcome.as_ref().is_some_and(|outcome| !is_word(outcome)) {
        errors.push("/outcome: it has 1 to 64 printable characters".to_owned());
    }
    if !fits(&order.reference, REFERENCE_MAX) {
        errors.push(format!("/reference: it has at most {REFERENCE_MAX} characters"));
    }
    if !fits(&order.message, MESSAGE_MAX) {
        errors.push(format!("/message: it has at most {MESSAGE_MAX} characters"));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// Whether a word about an attempt of a job can take effect.
fn hears(job: &GenerationJob, attempt: u8) -> Result<(), Refusal> {
    let rest = job.rest();
    let landed = rest.and_then(|rest| rest.landed.as_ref()).filter(|landed| landed.attempt == attempt);
    let (heard, error) = match landed.map(|landed| &landed.what) {
        Some(LandedWhat::Succeeded { .. }) => (Err(Refusal::Duplicate), None),
        Some(LandedWhat::Failed { class, .. }) => (Err(Refusal::Duplicate), Some(class)),
        Some(LandedWhat::Progress(_)) | None => (job.life.hears(attempt), rest.and_then(|rest| rest.error.as_ref())),
    };
    match heard {
        // Nobody had answered in time: this is the answer, and no second one.
        Err(Refusal::Duplicate) if error.is_some_and(|error| **error == *ErrorClass::Timeout.as_str()) => {
            Err(Refusal::Late)
        }
        heard => heard,
    }
}

/// Takes [`ReportGeneration`].
pub(crate) fn report_generation(In(order): In<ReportGeneration>, mut ground: Ground) -> Answer {
    ground.now()?;
    check(&order)?;
    let id = StableId(order.job_id);
    let held = ground.job(id).map(|job| hears(job, order.attempt));
    let was = ground.ids.was_given(id);
    let totals = &mut ground.jobs.totals;
    let (word, count) = match held {
        Some(Ok(())) => {
            let is_progress = order.status == ResultStatus::Progress;
            let report = landed(order);
            // A job of which something has landed is in the list already.
            let known = ground.change_job(id, |job| job.change_rest(|rest| rest.landed.replace(report)));
            if known == Some(None) {
                ground.jobs.desk.landed.push(id);
            }
            // The edge hears it now: the next step may be far off.
            if let Some(job) = ground.job(id).cloned() {
                let word = if is_progress { WorkOrder::Heard } else { WorkOrder::Answered };
                ground.tell_job((id, &job), Some(job.life.state()), &Ended::default(), word);
            }
            ground.finish();
            return Ok(json!({ "jobId": id.0, "result": "taken" }));
        }
        Some(Err(refusal)) => (
            refusal.as_str(),
            match refusal {
                Refusal::Over => &mut totals.results_finished,
                Refusal::Late => &mut totals.results_late,
                Refusal::Duplicate => &mut totals.results_duplicate,
                Refusal::Early => &mut totals.results_early,
            },
        ),
        None if was => (Refusal::Over.as_str(), &mut totals.results_finished),
        None => ("unknown", &mut totals.results_unknown),
    };
    *count += 1;
    ground.finish();
    Ok(json!({ "jobId": id.0, "result": word }))
}

fn landed(order: ReportGeneration) -> Landed {
    let what = match order.status {
        ResultStatus::Progress => LandedWhat::Progress(order.progress.unwrap_or(0)),
        ResultStatus::Succeeded => {
            LandedWhat::Succeeded { outcome: order.outcome.map(Into::into), reference: order.reference.map(Into::into) }
        }
        ResultStatus::Failed => {
            let class = order.error.unwrap_or(ErrorClass::Transient);
            LandedWhat::Failed {
                again: class.again(),
                class: class.as_str().into(),
                message: order.message.map(Into::into),
            }
        }
    };
    Landed { attempt: order.attempt, what }
}
