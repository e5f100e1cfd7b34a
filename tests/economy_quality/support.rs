//! Ensembles, and runs in pairs.

use worldtick::lab::{Experiment, Record, Summary, ensemble, threads_here};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{EconomySpec, WorldSpec};

/// Whether the ensembles are the large ones.
pub fn is_long() -> bool {
    std::env::var_os("WORLDTICK_TEST_LONG").is_some()
}

/// So many seeds, or 20 in a long run.
pub fn seeds(few: usize) -> usize {
    if is_long() { 20 } else { few }
}

/// So many hours, or so many in a long run.
pub fn hours(few: u32, many: u32) -> u32 {
    if is_long() { many } else { few }
}

/// The world that ships with worldtick.
pub fn default_world() -> WorldSpec {
    WorldSpec::default_world().expect("a valid world file")
}

/// Another world, which nothing was tuned for.
pub fn mill_valley() -> WorldSpec {
    WorldSpec::from_yaml(include_str!("../fixtures/mill_valley.yaml")).expect("a valid world file")
}

/// The same with another economy.
pub fn with(mut spec: WorldSpec, change: impl FnOnce(&mut EconomySpec)) -> WorldSpec {
    change(spec.economy.as_mut().expect("an economy"));
    spec
}

/// A run for each seed from 1.
pub fn runs(spec: &WorldSpec, seeds: usize, hours: u32) -> Vec<Record> {
    ensemble(seeds, threads_here(), |number| run(spec, number as u64 + 1, hours, |_, _| Ok(())))
}

fn run(
    spec: &WorldSpec,
    seed: u64,
    hours: u32,
    before: impl FnMut(u32, &mut Stepper) -> Result<(), StepError>,
) -> Record {
    let experiment = Experiment::new(spec.clone(), seed, hours).expect("an experiment");
    experiment.run(before).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

/// A run without and a run with an intervention, which is called before each hour, for each seed from 1.
pub fn pairs(
    spec: &WorldSpec,
    seeds: usize,
    hours: u32,
    intervene: impl Fn(u32, &mut Stepper) -> Result<(), StepError> + Sync,
) -> Vec<(Record, Record)> {
    let all = ensemble(2 * seeds, threads_here(), |number| {
        let seed = (number / 2) as u64 + 1;
        if number % 2 == 0 { run(spec, seed, hours, |_, _| Ok(())) } else { run(spec, seed, hours, &intervene) }
    });
    let mut all = all.into_iter();
    let mut pairs = Vec::new();
    while let (Some(without), Some(with)) = (all.next(), all.next()) {
        pairs.push((without, with));
    }
    pairs
}

/// Each hour's price with the intervention against that without, the mean over the seeds: one seed's noise is as large
/// as a tolerance of a twentieth.
pub fn price_ratios(pairs: &[(Record, Record)], commodity: usize) -> Vec<f64> {
    let ratios: Vec<Vec<f64>> = pairs
        .iter()
        .map(|(without, with)| {
            with.prices(commodity).iter().zip(without.prices(commodity)).map(|(with, without)| with / without).collect()
        })
        .collect();
    let hours = ratios.iter().map(Vec::len).min().unwrap_or(0);
    (0..hours).map(|hour| ratios.iter().map(|seed| seed[hour]).sum::<f64>() / ratios.len() as f64).collect()
}

/// The mean of values; there are some.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The last hour, counted from 1, at which a ratio is further from 1 than this; smoothed over a day.
pub fn last_hour_off(ratios: &[f64], tolerance: f64) -> usize {
    let smooth: Vec<f64> = ratios.windows(24).map(|day| day.iter().sum::<f64>() / 24.0).collect();
    smooth.iter().rposition(|ratio| (ratio - 1.0).abs() > tolerance).map_or(0, |hour| hour + 12)
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
            summary.worst_day,
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
