//! Generation: jobs that slow workers outside do, those who ask for them, and how many there have been. Data only.

mod job;
mod life;
mod totals;
mod user;

pub use job::{Asker, GenerationJob, GenerationKindId, JobRest, JobSource, Landed, LandedWhat};
pub use life::{JobState, Life, LifeEvent, Refusal};
pub use totals::GenerationTotals;
pub use user::{BANDS, Band, GenerationUser};
