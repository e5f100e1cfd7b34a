//! Generation: what is asked of slow workers outside, in fair turns, and what comes back of it.
//!
//! | module | what is in it |
//! |---|---|
//! | [`model`] | kinds of generation of the world file, ready for use |
//! | `book` | where jobs are and whose turn it may be; derived |
//! | [`turns`] | whose turn it is |
//! | `desk` | everything that happens to a job |
//! | `steps` | chains and behaviours that ask, sessions that end |
//! | `land`, `dispatch` | what a step does, at its beginning and at its end |
//! | `commands`, `results` | what can be ordered; what the edge and the workers say |
//! | `queries` | what can be asked |
//!
//! Worlds know nothing of workers, and of time only their own: whatever depends on a wall clock (retries, time-outs,
//! quotas of the edge) comes in as an input.

mod book;
mod commands;
mod desk;
mod dispatch;
mod land;
pub mod model;
mod queries;
mod results;
mod steps;
pub mod turns;

pub use book::JobBook;
pub(crate) use book::rebuild_jobs;
pub use commands::{CancelGeneration, LimitGeneration, NO_JOB, RequestGeneration, ResendGeneration};
pub(crate) use commands::{cancel_generation, limit_generation, request_generation, resend_generation};
pub(crate) use desk::Jobs;
pub use desk::{FORSAKEN, GenerationDesk, SHED, WORLD_USER};
pub(crate) use dispatch::dispatch_jobs;
pub(crate) use land::land_results;
pub use model::GenerationModel;
pub use queries::{AskGeneration, AskJob, AskJobs};
pub(crate) use queries::{list_jobs, show_generation, show_job};
pub use results::{AdmitGeneration, HoldGeneration, JOBS_MAX, MESSAGE_MAX, REFERENCE_MAX, ReportGeneration};
pub(crate) use results::{admit_generation, hold_generation, report_generation};
pub(crate) use steps::{Forsaken, forsake_jobs};
pub use turns::Turns;
