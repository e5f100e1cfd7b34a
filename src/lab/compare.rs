//! Many runs side by side: figures and prices with bands.

use std::fmt::Write;

use super::chart::{Chart, Line, page, table};
use super::numbers::{Band, share};
use super::record::{Record, Sample};
use super::report::values;
use super::summary::Summary;

/// Runs of one world file.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What they are called.
    pub name: String,
    /// A run for each seed.
    pub records: Vec<Record>,
}

/// A figure of each group.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Where the runs of each group lie; nothing for a group that has no such figure.
    pub bands: Vec<Option<Band>>,
}

impl Group {
    fn series(&self, value: impl Fn(&Record, &Sample) -> Option<f64>) -> Vec<(u32, Band)> {
        let hours = self.records.iter().map(|record| record.samples.len()).min().unwrap_or(0);
        let at = |hour: usize| {
            let values: Option<Vec<f64>> =
                self.records.iter().map(|record| value(record, record.samples.get(hour)?)).collect();
            Some((u32::try_from(hour + 1).ok()?, Band::of(values?)))
        };
        (0..hours).filter_map(at).collect()
    }

    fn price(&self, commodity: &str) -> Vec<(u32, Band)> {
        self.series(|record, sample| {
            let index = record.commodities.iter().position(|name| name == commodity)?;
            Some(sample.markets.get(index)?.price / 100.0)
        })
    }
}

/// Every commodity of any group, in the order in which they first appear.
fn commodities(groups: &[Group]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in groups.iter().filter_map(|group| group.records.first()).flat_map(|record| &record.commodities) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// The figures of all groups, of the hours after `settled`.
pub fn figures(groups: &[Group], settled: u32) -> Vec<Figure> {
    let summaries: Vec<Vec<Summary>> =
        groups.iter().map(|group| group.records.iter().map(|record| Summary::of(record, settled)).collect()).collect();
    let band = |of_group: &dyn Fn(&Summary) -> Option<f64>| -> Vec<Option<Band>> {
        let of = |group: &Vec<Summary>| group.iter().map(of_group).collect::<Option<Vec<f64>>>();
        summaries.iter().map(|group| of(group).filter(|values| !values.is_empty()).map(Band::of)).collect()
    };
    let mut all = Vec::new();
    for name in commodities(groups) {
        let market = |summary: &Summary| summary.markets.iter().find(|market| market.name == name).cloned();
        all.push(Figure { name: format!("price of {name}"), bands: band(&|s| market(s).map(|m| m.price / 100.0)) });
    }
    let names = summaries.iter().flatten().next().map(values).unwrap_or_default();
    for (name, _) in names {
        let value = |summary: &Summary| values(summary).into_iter().find(|(known, _)| *known == name).map(|(_, v)| v);
        all.push(Figure { name: name.to_owned(), bands: band(&value) });
    }
    all
}

fn shown(band: Option<&Band>) -> String {
    band.map_or_else(|| "-".to_owned(), |band| format!("{:.3} ({:.3} – {:.3})", band.median, band.low, band.high))
}

/// The groups as one HTML file.
pub fn comparison(groups: &[Group], settled: u32) -> String {
    let mut head = vec!["figure".to_owned()];
    head.extend(groups.iter().map(|group| group.name.clone()));
    let mut rows = vec![head];
    for figure in figures(groups, settled) {
        let mut row = vec![figure.name];
        row.extend(figure.bands.iter().map(|band| shown(band.as_ref())));
        rows.push(row);
    }
    let seeds = groups.first().map_or(0, |group| group.records.len());
    let said = format!(
        "{seeds} seeds each: the median, and in brackets and as bands where 10 to 90% lie. Statistics are of the hours \
         after {settled}; meals of all."
    );
    let mut parts = vec![table("Figures", &rows)];
    parts.extend(all_series(groups).into_iter().map(|(title, unit, bands)| {
        let line = |(group, series): (&Group, Vec<(u32, Band)>)| Line {
            name: group.name.clone(),
            points: series.iter().map(|(hour, band)| (f64::from(*hour), band.median)).collect(),
            band: series.iter().map(|(hour, band)| (f64::from(*hour), band.low, band.high)).collect(),
        };
        let lines = groups.iter().zip(bands).map(line).collect();
        Chart { title, unit: unit.to_owned(), lines, ..Chart::default() }.to_html()
    }));
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    page(&format!("{} side by side", names.join(", ")), &said, &parts)
}

type Series = (String, &'static str, Vec<Vec<(u32, Band)>>);

fn all_series(groups: &[Group]) -> Vec<Series> {
    let of = |value: &dyn Fn(&Sample) -> f64| -> Vec<Vec<(u32, Band)>> {
        groups.iter().map(|group| group.series(|_, sample| Some(value(sample)))).collect()
    };
    let mut all: Vec<Series> = commodities(groups)
        .into_iter()
        .map(|name| (format!("price of {name}"), "money", groups.iter().map(|group| group.price(name)).collect()))
        .collect();
    all.push(("needs met".to_owned(), "share", of(&|sample| share(sample.meals_met, sample.meals_due))));
    all.push(("Gini coefficient of money".to_owned(), "0 to 1", of(&|sample| sample.money.gini)));
    all.push(("money of the richest hundredth".to_owned(), "share", of(&|sample| sample.money.top_share)));
    all
}

/// Every hour's bands: `group,series,hour,p10,median,p90`.
pub fn to_csv(groups: &[Group]) -> String {
    let quoted = |text: &str| {
        if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    };
    let mut text = String::from("group,series,hour,p10,median,p90\n");
    for (title, _, bands) in all_series(groups) {
        for (group, series) in groups.iter().zip(bands) {
            for (hour, band) in series {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "{},{},{hour},{:.4},{:.4},{:.4}",
                    quoted(&group.name),
                    quoted(&title),
                    band.low,
                    band.median,
                    band.high
                );
            }
        }
    }
    text
}
