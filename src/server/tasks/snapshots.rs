//! Writes the metrics as they are to the database.

use std::sync::Arc;

use super::clock::Later;
use super::runner::{Budget, Done, Work};
use crate::plugins::store::{MetricSample, Store};

/// Renders the metrics in Prometheus' text format.
pub(in crate::server) type Render = Arc<dyn Fn() -> String + Send + Sync>;

pub(super) struct Snapshots {
    pub(super) store: Store,
    pub(super) render: Render,
}

impl Work for Snapshots {
    fn run(&self, budget: Budget) -> Later<Result<Done, String>> {
        let (store, render) = (self.store.clone(), self.render.clone());
        Box::pin(async move {
            let samples = samples(&render(), budget.clock().wall_micros());
            let mut written = 0;
            while written < samples.len() && !budget.is_spent() {
                let rest = samples.get(written..).unwrap_or_default();
                let rows = store.save_metrics(rest, budget.left()).await;
                written += rows.map_err(|error| format!("after {written} values were written: {error}"))?;
                tokio::task::yield_now().await;
            }
            // What was not written is of an instant that is over: there is nothing to go on with.
            let lost = samples.len() - written;
            let did = match lost {
                0 => format!("{written} values written"),
                _ => format!("{written} values written; for {lost} there was no time"),
            };
            Ok(Done { did, complete: lost == 0 })
        })
    }
}

/// The values of a page of metrics. The buckets of histograms are left out: their sums and counts are there.
fn samples(page: &str, at: i64) -> Vec<MetricSample> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| sample(line, at)).collect()
}

fn sample(line: &str, at: i64) -> Option<MetricSample> {
    let (series, value) = line.trim().rsplit_once(' ')?;
    let value: f64 = value.parse().ok().filter(|value: &f64| value.is_finite())?;
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}')?),
        None => (series, ""),
    };
    (!name.ends_with("_bucket")).then(|| MetricSample { at, name: name.to_owned(), labels: labels.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_metrics_becomes_values() {
        let page = "# HELP a what\n# TYPE a counter\na 3\nb{x=\"1 {2}\",y=\"z\"} -0.5\n\nc_bucket{le=\"1\"} 7\nc_sum 2.5\nd NaN\nnonsense\n";
        let found: Vec<(String, String, f64)> =
            samples(page, 9).into_iter().map(|sample| (sample.name, sample.labels, sample.value)).collect();
        let expected = [("a", "", 3.0), ("b", "x=\"1 {2}\",y=\"z\"", -0.5), ("c_sum", "", 2.5)];
        assert_eq!(found, expected.map(|(name, labels, value)| (name.to_owned(), labels.to_owned(), value)));
    }
}
