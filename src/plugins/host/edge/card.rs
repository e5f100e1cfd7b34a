//! What is known of a job, and how much there is of what limits are of.

use std::borrow::Cow;

use uuid::Uuid;

use super::LimitScope;
use crate::components::clock::GameInstant;
use crate::components::ids::WorldId;
use crate::plugins::store::ShardId;

/// What the edge knows of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plugins::host) struct Card {
    pub(in crate::plugins::host) world: WorldId,
    pub(in crate::plugins::host) incarnation: Uuid,
    pub(in crate::plugins::host) shard: ShardId,
    pub(in crate::plugins::host) user: String,
    pub(in crate::plugins::host) kind: String,
    pub(in crate::plugins::host) priority: i16,
    pub(in crate::plugins::host) deadline: GameInstant,
}

impl Card {
    /// What limits of a scope know it by.
    pub(super) fn name(&self, scope: LimitScope) -> Cow<'_, str> {
        match scope {
            LimitScope::User => self.user.as_str().into(),
            LimitScope::Kind => self.kind.as_str().into(),
            LimitScope::World => self.world.as_str().into(),
            LimitScope::Shard => self.shard.to_string().into(),
            LimitScope::All => "".into(),
        }
    }
}

/// How much there is of something that a limit is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Jobs that wait here.
    pub(super) waiting: u32,
    /// Jobs with the workers, those that worlds have been asked to send among them.
    pub(super) in_flight: u32,
    /// Attempts within the last hour, with the same.
    pub(super) hour: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    Waiting,
    InFlight,
    Hour,
}
