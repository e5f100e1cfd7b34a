//! What the hour came to, told: measures, events, signals, and the answers to questions.

pub(crate) mod accounts;
pub mod explain;
pub(crate) mod measure;
pub(crate) mod queries;
pub(crate) mod report;
pub(crate) mod signals;
pub(crate) mod spread;
