//! Non-player characters: who they are and how they are.
//!
//! These components are the only place where an NPC's state lives. Names of the world file (activities, places, axes)
//! are held as numbers; [`BehaviourModel`](crate::systems::npc::BehaviourModel) knows the names.

mod flags;
mod name;
mod relationships;
mod state;

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

pub use flags::{
    FLAG_KEY_MAX, FLAG_TEXT_MAX, FlagValue, Flags, NPC_FLAGS_MAX, NpcFlags, SESSION_FLAGS_MAX, WORLD_FLAGS_MAX,
    WorldFlags,
};
pub use name::NpcName;
pub use relationships::{AxisId, NEUTRAL, RELATIONS_MAX, Relation, Relationships};
pub use state::{ActivityId, MEMORY_MAX, Memory, NpcState, PlaceId, Remembered};

/// A routine of the world file, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoutineId(pub u16);

/// A preset of preferences of the world file, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PresetId(pub u16);

/// Who an NPC is. It seldom changes.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Npc {
    /// The name that configuration and commands know it by; without one it is `npc-<stable id>`.
    pub name: Option<NpcName>,
    /// The routine that it follows.
    pub routine: RoutineId,
    /// Its preferences.
    pub preset: Option<PresetId>,
    /// Where it lives.
    pub home: PlaceId,
    /// Where it works.
    pub work: PlaceId,
    /// Its roles, a bit for each role of the world file (at most 32).
    pub roles: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the components of an NPC with four relations and eight remembered activities take, what they point at
    /// included, is bounded; the name, where there is one, comes on top.
    #[test]
    fn an_npc_is_small() {
        let components = size_of::<Npc>() + size_of::<NpcState>() + size_of::<Memory>() + size_of::<Relationships>();
        let pointed_at = 4 * size_of::<Relation>() + 8 * size_of::<Remembered>();
        assert!(components + pointed_at <= 208, "{components} + {pointed_at}");
    }
}
