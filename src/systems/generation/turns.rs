//! Whose turn it is: bands share by weight, users take turns within a band.
//!
//! Among the users of a band it is the deficit round robin of Shreedhar and Varghese ("Efficient Fair Queuing using Deficit
//! Round-Robin", 1995): with each turn a user gets what the dearest job costs, and lets jobs go for as long as it lasts.
//! Over any span in which two users both have jobs that could go, what they were given differs by at most three times
//! the price of the dearest job. Bands take turns by smooth weighted round robin, so that none starves.

use serde::{Deserialize, Serialize};

use super::book::JobBook;
use crate::components::generation::{BANDS, Band};
use crate::components::ids::StableId;

/// Whose turn it was last, band by band. Persisted: a restart is no reason to be served earlier or later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    users: [u64; BANDS],
    credits: [i32; BANDS],
}

/// A job whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) job: StableId,
    pub(crate) user: StableId,
    pub(crate) band: Band,
    /// What is left of the user's turn when the job has gone.
    pub(crate) left: u16,
}

impl Turns {
    /// The next job: nothing where no user has one that may go.
    pub(crate) fn next(&mut self, book: &JobBook, quantum: u16, cost: impl Fn(StableId) -> u16) -> Option<Next> {
        let band = self.band(book)?;
        let at = band.index();
        let cursor = StableId(self.users[at]);
        if let Some(next) = spend(book, band, cursor, 0, &cost) {
            return Some(next);
        }
        let user = book.ready_after(band, cursor)?;
        self.users[at] = user.0;
        // What was left when a user had no more to let go, or as much under way as it may, does not pile up.
        spend(book, band, user, quantum, &cost)
    }

    fn band(&mut self, book: &JobBook) -> Option<Band> {
        let mut sum = 0;
        let mut best: Option<Band> = None;
        for band in Band::all() {
            let at = band.index();
            if !book.has_ready(band) {
                self.credits[at] = 0;
                continue;
            }
            self.credits[at] += band.weight();
            sum += band.weight();
            if best.is_none_or(|best| self.credits[at] > self.credits[best.index()]) {
                best = Some(band);
            }
        }
        let best = best?;
        self.credits[best.index()] -= sum;
        Some(best)
    }
}

/// The first job of a user, where what is left of its turn and `more` pay for it.
fn spend(book: &JobBook, band: Band, user: StableId, more: u16, cost: &impl Fn(StableId) -> u16) -> Option<Next> {
    let (job, left) = book.first_of(band, user)?;
    let cost = cost(job);
    let left = if more > 0 { left.min(more.saturating_sub(1)) } else { left }.saturating_add(more);
    let left = left.checked_sub(cost)?;
    Some(Next { job, user, band, left })
}
