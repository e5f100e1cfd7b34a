//! Generation: what is asked of slow workers outside, in fair turns, and what comes back of it.
//!
//! | module | what is in it |
//! |---|---|
//! | [`model`] | kinds of generation of the world file, ready for use |
//! | `book`, `page` | where jobs are and whose turn it may be; derived |
//! | [`turns`] | whose turn it is |
//! | `desk`, `over` | everything that happens to a job: how it goes on, how it ends |
//! | `steps` | chains and behaviours that ask, sessions that are copied |
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
mod over;
mod page;
mod queries;
mod results;
mod steps;
pub mod turns;

pub use book::JobBook;
pub(crate) use book::rebuild_jobs;
pub use commands::{CancelGeneration, LimitGeneration, NO_JOB, RequestGeneration, ResendGeneration};
pub(crate) use commands::{cancel_generation, limit_generation, request_generation, resend_generation};
pub(crate) use desk::Jobs;
pub use desk::{ASKERS_MAX, FORSAKEN, GenerationDesk, SHED, WORLD_USER};
pub(crate) use dispatch::dispatch_jobs;
pub(crate) use land::land_results;
pub use model::GenerationModel;
pub use over::{FORGOTTEN, SENT_AGAIN};
pub(crate) use over::{Forsaken, forsake_jobs};
pub use queries::{AskGeneration, AskJob, AskJobs};
pub(crate) use queries::{list_jobs, show_generation, show_job};
pub use results::{AdmitGeneration, HoldGeneration, JOBS_MAX, MESSAGE_MAX, REFERENCE_MAX, ReportGeneration};
pub(crate) use results::{admit_generation, hold_generation, report_generation};
pub use turns::Turns;
