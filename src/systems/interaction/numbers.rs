//! Sessions by number: what is kept of each chain is four bytes, not a name.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use crate::components::interaction::NO_SESSION;
use crate::systems::scheduler::SessionId;

/// Numbers of the sessions that have interactions, from 1; none is used twice. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionNumbers {
    last: u32,
    numbers: BTreeMap<SessionId, u32>,
    #[serde(skip)]
    ids: BTreeMap<u32, SessionId>,
}

impl SessionNumbers {
    /// The number of a session, where it has one.
    pub fn find(&self, session: Option<&SessionId>) -> Option<u32> {
        session.map_or(Some(NO_SESSION), |id| self.numbers.get(id).copied())
    }

    /// The number of a session; it gets one. Nothing where there have been four thousand million sessions.
    pub(crate) fn number(&mut self, session: Option<&SessionId>) -> Option<u32> {
        if let Some(number) = self.find(session) {
            return Some(number);
        }
        let id = session?;
        self.last = self.last.checked_add(1)?;
        self.numbers.insert(id.clone(), self.last);
        self.ids.insert(self.last, id.clone());
        Some(self.last)
    }

    /// The session of a number.
    pub fn id(&self, number: u32) -> Option<&SessionId> {
        self.ids.get(&number)
    }

    /// Whether a number stands for something: a session that runs, or none at all.
    pub fn stands(&self, number: u32) -> bool {
        number == NO_SESSION || self.ids.contains_key(&number)
    }

    pub(super) fn forget(&mut self, session: &SessionId) -> Option<u32> {
        let number = self.numbers.remove(session)?;
        self.ids.remove(&number);
        Some(number)
    }
}

/// Makes anew what is derived. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub(crate) fn index_numbers(mut numbers: ResMut<SessionNumbers>) {
    let ids = numbers.numbers.iter().map(|(id, number)| (*number, id.clone())).collect();
    numbers.bypass_change_detection().ids = ids;
}
