//! Series that tell worlds apart. Unlike those of the recorder they go when their world does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::{METRICS, MetricKind};

/// A series: metric, world, and the value of its second label: a commodity, or a state of relations.
type Key = (&'static str, String, Option<String>);

/// The series of the worlds of one server. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct WorldSeries(Arc<Mutex<BTreeMap<Key, f64>>>);

impl WorldSeries {
    /// Sets the value of a world, or of one commodity or one state there: the second label of the metric says which.
    pub fn set(&self, name: &'static str, world: &str, commodity: Option<&str>, value: f64) {
        self.change(|all| {
            all.insert((name, world.to_owned(), commodity.map(str::to_owned)), value);
        });
    }

    /// There is no such value any more: neither is there a series that shows the last.
    pub fn unset(&self, name: &'static str, world: &str, commodity: Option<&str>) {
        self.change(|all| {
            all.remove(&(name, world.to_owned(), commodity.map(str::to_owned)));
        });
    }

    /// Sets a value, or takes it away where there is none.
    pub fn set_or_unset(&self, name: &'static str, world: &str, commodity: Option<&str>, value: Option<f64>) {
        match value {
            Some(value) => self.set(name, world, commodity, value),
            None => self.unset(name, world, commodity),
        }
    }

    /// A world is there no more.
    pub fn forget(&self, gone: &str) {
        self.change(|all| all.retain(|(_, world, _), _| world != gone));
    }

    /// Forgets every world but these.
    pub fn keep(&self, worlds: &BTreeSet<&str>) {
        self.change(|all| all.retain(|(_, world, _), _| worlds.contains(world.as_str())));
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<Key, f64>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All of them in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        for ((name, world, commodity), value) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if *name != last {
                last = name;
                head(&mut text, name);
            }
            let second = METRICS.iter().find(|metric| metric.name == *name).and_then(|metric| metric.labels.get(1));
            let second = second.copied().unwrap_or("commodity");
            let commodity = commodity.as_deref().map(|name| format!(",{second}=\"{}\"", escaped(name)));
            let commodity = commodity.unwrap_or_default();
            // Writing to a text does not fail.
            let _ = writeln!(text, "{name}{{world=\"{}\"{commodity}}} {value}", escaped(world));
        }
        text
    }
}

fn head(text: &mut String, name: &str) {
    let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else { return };
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    // Writing to a text does not fail.
    let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", metric.help);
}

/// The value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_a_world_go_with_it() {
        let series = WorldSeries::default();
        for world in ["a", "b", "c"] {
            series.set("worldtick_world_lag_seconds", world, None, 0.5);
            series.set("worldtick_market_clearing_price", world, Some("Food \"1\""), 12.0);
        }
        series.set("worldtick_world_lag_seconds", "a", None, 2.0);
        series.set("worldtick_diplomacy_relations", "a", Some("war"), 3.0);
        series.forget("b");
        series.keep(&["a", "b", "d"].into());
        let text = series.render();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        assert_eq!(
            lines,
            [
                "# TYPE worldtick_diplomacy_relations gauge",
                "worldtick_diplomacy_relations{world=\"a\",state=\"war\"} 3",
                "# TYPE worldtick_market_clearing_price gauge",
                "worldtick_market_clearing_price{world=\"a\",commodity=\"Food \\\"1\\\"\"} 12",
                "# TYPE worldtick_world_lag_seconds gauge",
                "worldtick_world_lag_seconds{world=\"a\"} 2",
            ]
        );
    }
}
