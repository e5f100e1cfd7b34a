//! What NPCs do: conditions, scores, decisions, effects.

pub mod commands;
pub mod compile;
pub mod condition;
pub mod decide;
pub mod effects;
pub mod expression;
pub mod extend;
pub mod flag_key;
pub mod last;
pub mod live;
pub mod model;
pub mod mood;
pub mod names;
pub mod place;
pub mod preferences;
pub mod queries;
pub mod routine;
pub mod rules;
pub mod score;
pub mod setup;
pub mod society;
pub mod turn;

pub use model::BehaviourModel;
