//! Data only: what entities and worlds are made of. Components import ids, money and clock, and nothing else.

pub mod clock;
pub mod crowd;
pub mod faction;
pub mod ids;
pub mod market;
pub mod money;
pub mod npc;
pub mod tier;
