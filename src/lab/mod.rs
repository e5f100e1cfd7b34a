//! A laboratory for economies: worlds run at full speed, without a service, and measured each hour.
//!
//! | part | what it does |
//! |---|---|
//! | [`Experiment`] | runs a world's economy for so many hours, with interventions, and writes down what happens |
//! | [`Record`] | what was written down, an hour a [`Sample`]; as CSV by [`Record::to_csv`] |
//! | [`Summary`] | statistics of a record, each a figure that a designer can hold a world to |
//! | [`ensemble`] | many runs in parallel; what comes out does not depend on the number of threads |
//! | [`Smith`] | a market with hidden reservation values (Smith 1962), for the rules of learning alone |
//! | [`mod@report`], [`compare`] | a page of pictures of one run, and of many side by side |
//! | [`crowd`] | a picture of a crowd |
//! | [`explain`] | why an agent did not trade, and what a price is made of |
//!
//! ```
//! use worldtick::lab::{Experiment, Summary};
//! use worldtick::world::spec::WorldSpec;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let record = Experiment::new(WorldSpec::default_world()?, 7, 24)?.run(|_, _| Ok(()))?;
//! let summary = Summary::of(&record, 0);
//! assert_eq!(summary.markets.len(), 5);
//! assert!(summary.meals > 0.9);
//! # Ok(())
//! # }
//! ```

pub mod chart;
pub mod compare;
pub mod crowd;
pub mod explain;
pub mod report;

mod csv;
mod ensemble;
mod experiment;
mod numbers;
mod record;
mod smith;
mod summary;

pub use ensemble::{ensemble, threads_here};
pub use experiment::{Experiment, HOURS_MAX, LabError};
pub use numbers::Band;
pub use record::{EVENTS_MAX, MarketSample, NotedEvent, Record, RoleSample, Sample, Spread};
pub use smith::{Smith, SmithHour};
pub use summary::{MarketSummary, Summary};

pub use crate::systems::economy::quantile;
