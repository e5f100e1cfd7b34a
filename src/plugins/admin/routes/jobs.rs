//! The routes of jobs of generation.

use super::super::scope::Scope::{ConfigWrite, Operate, Read};
use super::super::{edge, jobs};
use super::{Route, delete, get, patch, post};

/// What is asked of workers outside, and how much of it there may be.
pub(super) fn jobs() -> Vec<Route> {
    vec![
        get(
            Read,
            "/generation",
            edge::show,
            "What waits for the workers over all worlds: how much of the limits is used, by whom, and the jobs in their order \
             with what each is behind: `world`, `user`, `kind`.",
        )
        .asks(&["world", "user", "kind", "limit"]),
        get(Read, "/generation/limits", edge::limits, "How many jobs may be with the workers, and who has changed that."),
        patch(
            ConfigWrite,
            "/generation/limits",
            edge::change_limits,
            "`{\"all\"?: {\"concurrent\"?, \"perHour\"?}, \"perUser\"?, …, \"users\"?: {\"alice\": {…}}, …}`: changes them by a \
             JSON Merge Patch, from now on; null takes a value back.",
        ),
        get(
            Read,
            "/worlds/{world}/jobs",
            jobs::list,
            "Jobs of generation, those that are over among them: `state`, `user`, `kind`. A page.",
        )
        .asks(&["state", "user", "kind", "cursor", "limit"]),
        post(
            Operate,
            "/worlds/{world}/jobs",
            jobs::request,
            "`{\"kind\", \"user\"?, \"sessionId\"?, \"npc\"?, …}`: the payload of `generation.request`. 201; 409 if there is no \
             room.",
        ),
        get(
            Read,
            "/worlds/{world}/jobs/{job}",
            jobs::show,
            "One: where it stands, why it waits, what is before it, in how many steps it is expected to go.",
        ),
        delete(Operate, "/worlds/{world}/jobs/{job}", jobs::cancel, "Cancels it; workers are told. 409 if it is over."),
        post(
            Operate,
            "/worlds/{world}/jobs/resend",
            jobs::resend,
            "`{\"jobId\"?, \"kind\"?, \"user\"?, \"countOnly\"?}`: sends dead jobs again, one or all that match, or counts them.",
        ),
        get(
            Read,
            "/worlds/{world}/generation",
            jobs::status,
            "How many jobs wait and are under way, limits, what the last steps did, and all counts since the world began.",
        ),
        patch(
            ConfigWrite,
            "/worlds/{world}/generation",
            jobs::limit,
            "`{\"maxPending\"?, \"maxInFlight\"?, …}`: changes how many jobs there may be, from now on.",
        ),
    ]
}
