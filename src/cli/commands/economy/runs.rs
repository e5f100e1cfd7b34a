//! `economy run` and `economy compare`.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::{CompareArgs, DAY, RunArgs};
use crate::cli::error::{CliError, Exit};
use crate::cli::files::{tell_warnings, world_file, write_over};
use crate::cli::output::{Column, Output, list, tell};
use crate::config::{ConfigError, WorldFile};
use crate::lab::compare::{Figure, Group, comparison, figures, to_csv};
use crate::lab::report::report;
use crate::lab::{Experiment, LabError, Record, Summary, ensemble, threads_here};

/// Hours until a world is taken as settled, where it is run for twice as long.
const SETTLED: u32 = 500;

/// Days of all runs of a comparison together: their hours take about two gigabytes with five commodities and roles.
const DAYS_MAX: u64 = 100_000;

const MARKETS: [Column; 7] = [
    ("COMMODITY", "/commodity"),
    ("PRICE", "/price"),
    ("IMPLIED", "/implied"),
    ("DEVIATION", "/deviation"),
    ("VOLUME", "/volume"),
    ("EFFICIENCY", "/efficiency"),
    ("DAYS WITHOUT TRADE", "/days_without_trade"),
];

const FIGURES: [Column; 5] =
    [("FIGURE", "/figure"), ("GROUP", "/group"), ("P10", "/p10"), ("MEDIAN", "/median"), ("P90", "/p90")];

pub(super) fn run(args: &RunArgs) -> Result<(), CliError> {
    let file = world_file(&args.file)?;
    tell_warnings(&file);
    let spec = file.spec;
    let seed = args.seed.unwrap_or(spec.seed);
    let experiment = Experiment::new(spec, seed, args.days * DAY)?;
    let bar = progress(u64::from(experiment.hours()));
    let record = experiment.run(|_, _| {
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    let settled = settled(experiment.hours());
    write(&args.out, &[("economy.html", report(&record, settled)), ("economy.csv", record.to_csv())])?;
    let summary = Summary::of(&record, settled);
    let rows = rows_of(&record, &summary);
    let whole = json!({
        "world": record.world, "seed": seed, "hours": experiment.hours(), "meals": summary.meals,
        "worst_day": summary.worst_day, "consumption": summary.consumption, "markets": &rows,
    });
    list(&whole, &rows, &MARKETS, args.output)?;
    if args.output == Output::Table {
        tell(&format!(
            "{:.1}% of all meals eaten, {:.1}% on the worst day; consumption {:.1}% of a planner's optimum",
            summary.meals * 100.0,
            summary.worst_day * 100.0,
            summary.consumption * 100.0
        ));
    }
    Ok(())
}

fn rows_of(record: &Record, summary: &Summary) -> Vec<Value> {
    let markets = summary.markets.iter().zip(&record.implied.prices);
    markets
        .map(|(market, implied)| {
            json!({
                "commodity": market.name, "price": market.price / 100.0, "implied": (*implied > 0.0).then_some(implied / 100.0),
                "deviation": market.deviation, "volume": market.volume, "efficiency": market.efficiency,
                "days_without_trade": market.days_without_trade,
            })
        })
        .collect()
}

pub(super) fn compare(args: &CompareArgs) -> Result<(), CliError> {
    refuse_too_much(args)?;
    let hours = args.days * DAY;
    let mut experiments = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (file, WorldFile { spec, .. }) in args.files.iter().zip(read_all(&args.files)?) {
        names.push(name_of(file, &names));
        for seed in 1..=u64::from(args.seeds) {
            experiments.push(Experiment::new(spec.clone(), seed, hours)?);
        }
    }
    let bar = progress(u64::from(hours) * experiments.len() as u64);
    let threads = args.threads.map_or_else(threads_here, usize::from);
    let records = ensemble(experiments.len(), threads, |number| {
        let experiment = experiments.get(number).ok_or(LabError::Hours(0))?;
        experiment.run(|_, _| {
            bar.inc(1);
            Ok(())
        })
    });
    bar.finish_and_clear();
    let records: Vec<Record> = records.into_iter().collect::<Result<_, LabError>>()?;
    let mut records = records.into_iter();
    let mut of_file = || records.by_ref().take(args.seeds as usize).collect();
    let groups: Vec<Group> = names.into_iter().map(|name| Group { name, records: of_file() }).collect();
    let settled = settled(hours);
    write(&args.out, &[("compare.html", comparison(&groups, settled)), ("compare.csv", to_csv(&groups))])?;
    let rows: Vec<Value> =
        figures(&groups, settled).iter().flat_map(|figure| rows_of_figure(figure, &groups)).collect();
    list(&json!({ "seeds": args.seeds, "hours": hours, "figures": &rows }), &rows, &FIGURES, args.output)
}

/// The worlds of all files, or what is wrong with any of them.
fn read_all(paths: &[PathBuf]) -> Result<Vec<WorldFile>, CliError> {
    let (mut files, mut sources) = (Vec::new(), Vec::new());
    for path in paths {
        match world_file(path) {
            Ok(file) => files.push(file),
            Err(CliError { config: Some(wrong), .. }) => sources.extend(wrong.sources),
            Err(other) => return Err(other),
        }
    }
    if !sources.is_empty() {
        return Err(CliError { exit: Exit::BadData, ..ConfigError { sources }.into() });
    }
    files.iter().for_each(tell_warnings);
    Ok(files)
}

/// Every hour of every run is kept until all are done.
fn refuse_too_much(args: &CompareArgs) -> Result<(), CliError> {
    let files = args.files.len();
    let days = u64::from(args.seeds) * u64::from(args.days) * files as u64;
    if days <= DAYS_MAX {
        return Ok(());
    }
    let told = format!(
        "{files} × {} × {} (files × seeds × days) are {days} days, and at most {DAYS_MAX} are kept at once: take fewer \
         seeds or days",
        args.seeds, args.days
    );
    Err(CliError::new(Exit::Usage, told))
}

/// A file's name without its ending; where another has it, too, with a number.
fn name_of(file: &Path, taken: &[String]) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (2..).map(|number| format!("{stem} ({number})"));
    std::iter::once(stem.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(stem)
}

fn rows_of_figure(figure: &Figure, groups: &[Group]) -> Vec<Value> {
    let rows = groups.iter().zip(&figure.bands).map(|(group, band)| {
        let band = band.as_ref();
        json!({
            "figure": figure.name, "group": group.name, "p10": band.map(|band| band.low),
            "median": band.map(|band| band.median), "p90": band.map(|band| band.high),
        })
    });
    rows.collect()
}

fn settled(hours: u32) -> u32 {
    SETTLED.min(hours / 2)
}

/// A bar on standard error; where that is no terminal, nothing.
fn progress(hours: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(hours), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} hours, {eta} left");
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(|error| CliError::io(folder.display(), &error))?;
    let placed: Vec<(PathBuf, String)> = files.iter().map(|(name, text)| (folder.join(name), text.clone())).collect();
    write_over(&placed)?;
    for (path, _) in &placed {
        tell(&format!("written: {}", path.display()));
    }
    Ok(())
}
