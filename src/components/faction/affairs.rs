//! What only some pairs have: treaties, a history; and what is to come.

use std::collections::VecDeque;

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

use super::{Histories, PairId, Treaties};

/// Something of the world file that is still to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueAct {
    /// Its place in the file's list.
    pub index: u32,
    /// Hours after the beginning.
    pub hour: i64,
}

/// What is usual in the economy, as diplomacy sees it; averages over days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// Units made in an hour.
    pub produced: f64,
    /// What they bring: units times price.
    pub worth: f64,
}

/// What happened since the last summary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// Changes of state.
    pub changes: u64,
    /// Everything, changes of state among it.
    pub happenings: u64,
}

/// Treaties, histories, what is to come, and what is known of the economy. Persists entry by entry: each treaty and each
/// happening is one, and the rest together.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Affairs {
    /// Treaties.
    pub treaties: Treaties,
    /// What happened.
    pub histories: Histories,
    /// What the world file still has to come, by its hour.
    pub due: VecDeque<DueAct>,
    /// When treaties were last looked through, in microseconds of game time since the epoch.
    pub heard: i64,
    /// What happened since the last summary.
    pub today: Today,
    /// Ids of the last incidents, the latest last.
    pub incidents: VecDeque<String>,
    /// What is usual of each commodity, in the order of the world file; empty before the first look.
    pub usual: Vec<Usual>,
    /// Pairs of whose war or alliance the economy was told the day before: their ids, and whether it is a war.
    pub told: Vec<(PairId, bool)>,
}
