//! The configuration: what it can say, where it comes from, what is wrong with it.
//!
//! Defaults, then a TOML file, then the environment, then flags: the later one wins, and where each value came from is
//! kept. Whatever is wrong is told at once, with line and column.
//!
//! | module | what it does |
//! |---|---|
//! | [`model`] | every section and key, with its default and bounds |
//! | `keys` | the same as a list, for variables, `show` and documentation |
//! | `layers` | the layers, and where each value came from |
//! | `merge` | takes one layer after the other |
//! | `tasks` | the sections of the periodic tasks |
//! | `rules`, `rules_kafka` | what a schema cannot say |
//! | `verify` | checks a value against a JSON Schema, with words for people |
//! | `flaws` | the same for what comes over the wire, by JSON pointer |
//! | `guess` | what does not fit its type as it may have been meant, so that all rules can be held against the rest |
//! | `worlds` | world files and the catalogue of topics |
//! | [`show`] | tables and files for people |

pub mod model;
pub mod show;

mod agents_file;
mod convert;
mod crowd;
mod excerpt;
mod flaws;
mod guess;
mod hide;
mod keys;
mod layers;
pub(crate) mod located;
mod merge;
mod once;
mod problem;
mod rules;
mod rules_kafka;
mod tasks;
mod toml_file;
mod value;
pub(crate) mod verify;
mod worlds;
pub(crate) mod yaml_file;

pub use agents_file::read_agents;
pub use convert::TokenError;
pub use flaws::{Flaw, check_patched_simulation, check_simulation, check_world, check_world_text};
pub(crate) use flaws::{Shape, read_shaped};
pub use keys::{Key, KeyKind, Section, all as all_keys, schema, sections};
pub use layers::{FlagValue, Layers, Loaded, Setting, Source};
pub use model::ServerConfig;
pub(crate) use once::Once;
pub use problem::{ConfigError, Problem, SourceProblems};
pub use value::{HIDDEN, Seconds, Secret};
pub(crate) use verify::nearest;
pub use worlds::{WorldFile, check_files, read_topics, read_world, read_world_of, read_worlds};
