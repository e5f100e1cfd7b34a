//! Worlds that are tried out, ensembles of runs, and what is compared.

use std::sync::OnceLock;

use worldtick::lab::{Experiment, Record, Summary, ensemble, threads_here};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{EconomySpec, WorldSpec};

/// Whether the ensembles are the large ones: in a long run, if the build is optimised. They would take hours without.
pub fn is_long() -> bool {
    std::env::var_os("WORLDTICK_TEST_LONG").is_some() && !cfg!(debug_assertions)
}

/// So many seeds, or 20 in a long run.
pub fn seeds(few: usize) -> usize {
    if is_long() { 20 } else { few }
}

/// So many hours, or so many in a long run.
pub fn hours(few: u32, many: u32) -> u32 {
    if is_long() { many } else { few }
}

/// A good whose price misses the goals in a world, and how far it is off at most: `docs/economy.md` has the figures and
/// what is known of the cause.
pub struct Missed {
    pub name: &'static str,
    /// Root mean square deviation about the mean.
    pub deviation: f64,
    /// Distance from what the file implies.
    pub off_implied: f64,
}

const fn missed(name: &'static str, deviation: f64, off_implied: f64) -> Missed {
    Missed { name, deviation, off_implied }
}

/// A world, and its runs at rest.
pub struct Ground {
    pub name: &'static str,
    /// Goods whose prices miss the goals. After shocks it is not asked when they are back.
    pub missed: &'static [Missed],
    file: fn() -> WorldSpec,
    calm: OnceLock<Vec<Record>>,
}

/// The world that ships with worldtick.
pub static DEFAULT: Ground = Ground::new("default world", default_world, &[]);
/// Another, on which some parameters of behaviour were chosen as well.
pub static SECOND: Ground = Ground::new("mill valley", mill_valley, &[]);
/// A third, on which nothing was chosen. The goals are 5% and 10%: on 12 seeds fish reaches 3.9% and 14%, salt 6.7% and 17%,
/// boats 21% and 38% (43% in shorter runs).
pub static THIRD: Ground = Ground::new(
    "salt coast",
    salt_coast,
    &[missed("Fish", 0.05, 0.16), missed("Salt", 0.08, 0.20), missed("Boat", 0.26, 0.48)],
);

/// Hours of a run at rest in a small ensemble: as many as the longest that is compared with it.
pub const CALM_HOURS: u32 = 1_200;

impl Ground {
    const fn new(name: &'static str, file: fn() -> WorldSpec, missed: &'static [Missed]) -> Self {
        Self { name, missed, file, calm: OnceLock::new() }
    }

    pub fn spec(&self) -> WorldSpec {
        (self.file)()
    }

    /// Runs at rest, one for each seed from 1: made once for all that is compared with them.
    pub fn calm(&self) -> &[Record] {
        self.calm.get_or_init(|| runs(&self.spec(), seeds(2), hours(CALM_HOURS, 10_000)))
    }
}

pub fn default_world() -> WorldSpec {
    WorldSpec::default_world().expect("a valid world file")
}

pub fn mill_valley() -> WorldSpec {
    WorldSpec::from_yaml(include_str!("../fixtures/mill_valley.yaml")).expect("a valid world file")
}

pub fn salt_coast() -> WorldSpec {
    WorldSpec::from_yaml(include_str!("../fixtures/salt_coast.yaml")).expect("a valid world file")
}

/// The same with another economy.
pub fn with(mut spec: WorldSpec, change: impl FnOnce(&mut EconomySpec)) -> WorldSpec {
    change(spec.economy.as_mut().expect("an economy"));
    spec
}

/// A run for each seed from 1.
pub fn runs(spec: &WorldSpec, seeds: usize, hours: u32) -> Vec<Record> {
    runs_with(spec, seeds, hours, |_, _| Ok(()))
}

/// A run for each seed from 1, with an intervention that is called before each hour.
pub fn runs_with(
    spec: &WorldSpec,
    seeds: usize,
    hours: u32,
    intervene: impl Fn(u32, &mut Stepper) -> Result<(), StepError> + Sync,
) -> Vec<Record> {
    ensemble(seeds, threads_here(), |number| {
        let seed = number as u64 + 1;
        let experiment = Experiment::new(spec.clone(), seed, hours).expect("an experiment");
        experiment.run(&intervene).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
    })
}

/// Each hour's price in one run against that in another.
pub fn ratios(with: &Record, without: &Record, commodity: usize) -> Vec<f64> {
    with.prices(commodity).iter().zip(without.prices(commodity)).map(|(with, without)| with / without).collect()
}

/// The same of pairs of runs, the mean over the seeds: one seed's noise is as large as a tolerance of a twentieth.
pub fn price_ratios(with: &[Record], without: &[Record], commodity: usize) -> Vec<f64> {
    let all: Vec<Vec<f64>> = with.iter().zip(without).map(|(with, without)| ratios(with, without, commodity)).collect();
    let hours = all.iter().map(Vec::len).min().unwrap_or(0);
    (0..hours).map(|hour| all.iter().map(|seed| seed[hour]).sum::<f64>() / all.len() as f64).collect()
}

/// The mean of values.
pub fn mean(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "there is no mean of nothing: a run is shorter than what is asked of it");
    values.iter().sum::<f64>() / values.len() as f64
}

/// Root mean square deviation from the mean.
pub fn spread(values: &[f64]) -> f64 {
    let centre = mean(values);
    (values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// The last hour, counted from 1, at which a ratio is further from 1 than this; smoothed over a day.
pub fn last_hour_off(ratios: &[f64], tolerance: f64) -> usize {
    let smooth: Vec<f64> = ratios.windows(24).map(|day| day.iter().sum::<f64>() / 24.0).collect();
    smooth.iter().rposition(|ratio| (ratio - 1.0).abs() > tolerance).map_or(0, |hour| hour + 12)
}

#[test]
fn the_last_hour_off_is_found() {
    let mut ratios = vec![1.0; 200];
    ratios[50..100].fill(1.5);
    assert!((100..=124).contains(&last_hour_off(&ratios, 0.05)), "{}", last_hour_off(&ratios, 0.05));
    assert_eq!(last_hour_off(&[1.0; 100], 0.05), 0);
}

/// A line for each run.
pub fn show(title: &str, summaries: &[Summary]) {
    for (seed, summary) in (1..).zip(summaries) {
        println!(
            "{title}, seed {seed}: deviation {:.3}, off implied {:.3}, consumption {:.3}, meals {:.4}, worst day {:.3}, \
             Gini {:.2}-{:.2}, richest hundredth {:.3}, extinct {} h",
            summary.worst_deviation(),
            summary.worst_off_implied(),
            summary.consumption,
            summary.meals,
            summary.worst_late_day,
            summary.gini_low,
            summary.gini_high,
            summary.top_share,
            summary.role_extinct_hours
        );
        let markets = summary.markets.iter().map(|market| {
            format!("{} {:.2} ({:.3}, {:+.3})", market.name, market.price / 100.0, market.deviation, market.off_implied)
        });
        println!("    {}", markets.collect::<Vec<_>>().join(", "));
    }
}
