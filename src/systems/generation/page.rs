//! The jobs of one user. A part of the book, derived like all of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::components::generation::{BANDS, Band, GenerationJob, GenerationKindId};
use crate::components::ids::StableId;
use crate::world::spec::GenerationLimitsSpec;

/// A pending job in the order of its user: its band, its kind, where it stands in the order, its id.
pub(super) type Turn = (Band, GenerationKindId, i64, StableId);

/// The jobs of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) queue: BTreeSet<Turn>,
    /// Jobs that are let go, without those that the edge holds back.
    pub(super) in_flight: u32,
    /// Jobs that the edge holds back, by kind: of these kinds nothing more is let go.
    pub(super) held: BTreeMap<GenerationKindId, u32>,
    pub(super) dead: u32,
    pub(super) left: [u16; BANDS],
    pub(super) is_held: bool,
}

impl Page {
    /// Jobs that wait: in the world, or because the edge holds them back.
    pub(super) fn waiting(&self) -> usize {
        let held = self.held.values().map(|count| usize::try_from(*count).unwrap_or(usize::MAX));
        self.queue.len().saturating_add(held.sum())
    }

    /// Jobs of a kind that the edge holds back.
    pub(super) fn held_back(&self, kind: GenerationKindId) -> u32 {
        self.held.get(&kind).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.held.is_empty() && self.dead == 0 && self.queue.is_empty()
    }

    /// The first job of each kind in a band.
    pub(super) fn heads(&self, band: Band) -> impl Iterator<Item = &Turn> {
        let mut kind = Some(0);
        std::iter::from_fn(move || {
            let begin = (band, GenerationKindId(kind?), i64::MIN, StableId(0));
            let head = self.queue.range(begin..).next().filter(|(of, ..)| *of == band)?;
            kind = head.1.0.checked_add(1);
            Some(head)
        })
    }

    /// The first job of a band that may go.
    pub(super) fn first(&self, band: Band) -> Option<StableId> {
        let may = self.heads(band).filter(|(_, kind, ..)| !self.held.contains_key(kind));
        may.map(|(.., order, id)| (*order, *id)).min().map(|(_, id)| id)
    }
}

/// Where a pending job stands in the order of its user.
pub(super) fn turn(id: StableId, job: &GenerationJob, limits: &GenerationLimitsSpec) -> Turn {
    (Band::of(job.priority), job.kind, job.order(point_micros(limits)), id)
}

fn point_micros(limits: &GenerationLimitsSpec) -> i64 {
    i64::from(limits.priority_age_seconds) * 1_000_000
}
