//! What worlds do: plain functions, named verb_noun, with their mathematics and its tests beside them.

pub mod crowd;
pub mod diplomacy;
pub mod economy;
pub mod npc;
pub mod random;
pub mod scheduler;
