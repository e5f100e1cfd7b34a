//! What a run leaves behind for Prometheus: in a file that the node exporter reads, or at a Pushgateway.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::components::ids::WorldId;
use crate::messages::TickType;

/// What is known of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Hourly or daily.
    pub tick_type: TickType,
    /// The world; nothing for every one.
    pub world: Option<WorldId>,
    /// Whether the tick was published.
    pub published: bool,
    /// How long it took.
    pub duration: Duration,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Series by name and labels.
type Series = BTreeMap<String, f64>;

const PUBLISHED: &str = "worldtick_ticker_published_total";
const DURATION: &str = "worldtick_ticker_duration_seconds";
const SUCCESS: &str = "worldtick_ticker_last_success_timestamp_seconds";

/// How long a Pushgateway may take.
const PUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// A file that is larger is not one that runs have left.
const FILE_BYTES_MAX: u64 = 1_048_576;

/// The metrics of a run on top of those of `before`, in Prometheus's text form.
pub fn exposition(run: &Run, before: &str) -> String {
    let mut series = parse(before);
    let kind = run.tick_type.as_str();
    for outcome in ["published", "failed"] {
        // Both are there from the first run: a rate needs a beginning.
        let count = series.entry(format!("{PUBLISHED}{{type=\"{kind}\",outcome=\"{outcome}\"}}")).or_insert(0.0);
        if (outcome == "published") == run.published {
            *count += 1.0;
        }
    }
    series.insert(format!("{DURATION}{{type=\"{kind}\"}}"), run.duration.as_secs_f64());
    if run.published {
        series.insert(format!("{SUCCESS}{{type=\"{kind}\"}}"), run.ended_at.as_duration().as_secs_f64().trunc());
    }
    let mut text = String::new();
    let families = [
        (PUBLISHED, "counter", "Ticks that were to be published, by outcome."),
        (DURATION, "gauge", "How long the last run took."),
        (SUCCESS, "gauge", "When a tick was last published."),
    ];
    for (name, kind, help) in families {
        let mut members = series.iter().filter(|(labelled, _)| labelled.split('{').next() == Some(name)).peekable();
        if members.peek().is_some() {
            // Writing to a String does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        }
        for (labelled, value) in members {
            let _ = writeln!(text, "{labelled} {value}");
        }
    }
    text
}

/// The series that earlier runs have left.
fn parse(text: &str) -> Series {
    let ours = |line: &&str| line.starts_with("worldtick_ticker_");
    let pair = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter(ours).filter_map(pair).collect()
}

/// Leaves the metrics where they are wanted; returns what did not work.
pub(super) fn leave(run: &Run, file: Option<&Path>, gateway: Option<&str>) -> Vec<String> {
    let mut failed = Vec::new();
    if let Some(path) = file.filter(|path| !path.as_os_str().is_empty())
        && let Err(error) = add_to_file(run, path)
    {
        failed.push(format!("the metrics could not be written to {}: {error}", path.display()));
    }
    if let Some(url) = gateway.filter(|url| !url.is_empty())
        && let Err(error) = push(run, url)
    {
        failed.push(format!("the metrics could not be pushed to {url}: {error}"));
    }
    failed
}

/// Counts go on from what the file says. It is replaced as a whole, so that nobody reads half of it.
fn add_to_file(run: &Run, path: &Path) -> io::Result<()> {
    let before = match std::fs::metadata(path) {
        Ok(data) if data.len() <= FILE_BYTES_MAX => std::fs::read_to_string(path)?,
        Ok(_) => return Err(io::Error::other("there is another, larger file of this name")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    // In the same folder, so that it can be renamed; the collector reads only names that end in .prom.
    let mut name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = std::fs::write(&fresh, exposition(run, &before)).and_then(|()| std::fs::rename(&fresh, path));
    if written.is_err() {
        // It may not be there at all.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

/// POST replaces the series that are sent and keeps the others: the last success outlives a failed run.
fn push(run: &Run, url: &str) -> Result<(), String> {
    let base = url.trim_end_matches('/');
    let world = run.world.as_ref().map(|world| format!("/world/{world}")).unwrap_or_default();
    let target = format!("{base}/metrics/job/simulation-ticker/type/{}{world}", run.tick_type.as_str());
    let agent = ureq::Agent::config_builder().timeout_global(Some(PUSH_TIMEOUT)).build().new_agent();
    let sent = agent.post(&target).header("Content-Type", "text/plain; version=0.0.4").send(exposition(run, ""));
    sent.map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tick_type: TickType, published: bool) -> Run {
        let ended_at = "2024-01-15T14:00:01.5Z".parse().expect("an instant");
        Run { tick_type, world: None, published, duration: Duration::from_millis(250), ended_at }
    }

    #[test]
    fn counts_go_on_from_run_to_run_and_the_last_success_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ticker.prom");
        for (kind, published) in
            [(TickType::Hourly, true), (TickType::Hourly, true), (TickType::Daily, true), (TickType::Hourly, false)]
        {
            assert!(leave(&run(kind, published), Some(&path), None).is_empty());
        }
        let text = std::fs::read_to_string(&path).expect("written");
        for line in [
            "# TYPE worldtick_ticker_published_total counter",
            "worldtick_ticker_published_total{type=\"hourly\",outcome=\"published\"} 2",
            "worldtick_ticker_published_total{type=\"hourly\",outcome=\"failed\"} 1",
            "worldtick_ticker_published_total{type=\"daily\",outcome=\"published\"} 1",
            "worldtick_ticker_duration_seconds{type=\"hourly\"} 0.25",
            "worldtick_ticker_last_success_timestamp_seconds{type=\"hourly\"} 1705327201",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n is not in\n{text}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_left_is_told() {
        let told = leave(&run(TickType::Hourly, true), Some(Path::new("/nowhere/x.prom")), Some("http://127.0.0.1:1"));
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
