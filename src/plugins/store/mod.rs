//! The store: the memory of the worlds. The only place that names SQL.

mod rows;

pub use rows::*;
