//! Pages of documentation that are made from the code: they say what it says.
//!
//! After a change on purpose: `UPDATE_DOCS=1 cargo test --test docs`.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use worldtick::config::{Key, sections, show};
use worldtick::messages::TickMessage;
use worldtick::plugins::admin::routes::{self, RouteSpec};
use worldtick::plugins::metrics::{METRICS, MetricKind};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Compares a page with what it should be; with `UPDATE_DOCS` it is written instead.
fn hold(name: &str, expected: &str) {
    let path = root().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).expect("written");
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{name} is not what the code says; first difference: {differs:?}\nUPDATE_DOCS=1 cargo test --test docs"
    );
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

const CONFIGURATION: &str = "# Configuration

<!-- Made from the code: UPDATE_DOCS=1 cargo test --test docs -->

Later ones win: defaults, a TOML file, environment, flags. The file is that of `--config`, of `WORLDTICK_CONFIG`, or
`assets/config/server.toml` if it is there. A variable that is empty is not set. `--set section.key=value` sets any key; for
some there are flags of their own (`worldtick serve --help`). `worldtick config check` tells everything that is wrong,
`worldtick config show` what holds and where it came from. `worldtick config example` writes all of this as a file.

Times are in seconds and may have a fraction. Lists are written with commas in a variable, tables as a JSON object.
";

#[test]
fn the_configuration_is_documented_as_it_is() {
    let mut page = CONFIGURATION.to_owned();
    for section in sections() {
        write!(page, "\n## `[{}]`\n\n{}\n\n", section.name, section.description).unwrap();
        page.push_str("| key | default | what it does | environment |\n|---|---|---|---|\n");
        for key in &section.keys {
            let variables: Vec<String> = key.variables.iter().map(|name| format!("`{name}`")).collect();
            writeln!(page, "| `{}` | {} | {} | {} |", key.name, default(key), meaning(key), variables.join(", "))
                .unwrap();
        }
    }
    hold("docs/configuration.md", &page);
}

fn default(key: &Key) -> String {
    match &key.default {
        Value::Null => "not set".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Object(table) if table.is_empty() => "none".to_owned(),
        other => format!("`{other}`"),
    }
}

fn meaning(key: &Key) -> String {
    let bounds = match key.bounds {
        (Some(least), Some(largest)) => format!(" {least} to {largest}."),
        (Some(least), None) => format!(" At least {least}."),
        _ => String::new(),
    };
    let secret = if key.secret { " Secret." } else { "" };
    format!("{}{bounds}{secret}", cell(&key.description))
}

#[test]
fn the_configuration_file_that_ships_is_the_example() {
    let path = root().join("assets/config/server.toml");
    let found = fs::read_to_string(path).expect("the file");
    let made = show::example();
    let line = found.lines().zip(made.lines()).find(|(one, other)| one != other).map(|(found, _)| found);
    assert!(found == made, "`worldtick config example` writes it anew; first difference: {line:?}");
}

const METRICS_PAGE: &str = "# Metrics

<!-- Made from the code: UPDATE_DOCS=1 cargo test --test docs -->

`GET /metrics` has them in Prometheus' text format, without a token. Times are in seconds, sizes in bytes. The metrics of
the process itself (`process_*`) stand beside these. The label `world` names at most `metrics.world_labels_max` worlds.

| metric | type | labels | what it says |
|---|---|---|---|
";

const TICKER: &str = "
## The ticker

`simulation-ticker` adds its run to a file for Prometheus' textfile collector (`--metrics-file`,
`WORLDTICK_TICKER_METRICS_FILE`) or pushes it to a Pushgateway (`--metrics-push`, `WORLDTICK_TICKER_METRICS_PUSH`).

";

/// The metrics of the ticker, in a form like the server's.
const TICKER_METRICS: [(&str, &str, &str, &str); 3] = [
    (
        "worldtick_ticker_published_total",
        "counter",
        "`type`, `outcome`",
        "Ticks that were to be published, by outcome: published, failed.",
    ),
    ("worldtick_ticker_duration_seconds", "gauge", "`type`", "How long the last run took."),
    (
        "worldtick_ticker_last_success_timestamp_seconds",
        "gauge",
        "`type`",
        "When a tick was last published, in seconds since 1970.",
    ),
];

const HTTP_API: &str = "# The HTTP API

<!-- Made from the code: UPDATE_DOCS=1 cargo test --test docs -->

Everything below `/api/v1` takes and gives JSON. Beside it there are `/livez`, `/readyz` (`?verbose` tells each check) and
`/metrics`, which need no token.

- **Who may**: `Authorization: Bearer <token>`. A route needs its scope, or `admin`. Without `admin.token` the API listens on
  loopback alone and a token is not needed ([operators.md](operators.md)). 401: none or no such token; 403: its scope is too
  small, and the answer names the one that would do; or, where no token is needed, the `Host` or `Origin` is not this machine.
- **Errors** are problem documents (RFC 9457, `application/problem+json`): `status`, `title`, `detail`, and for what is wrong
  in a request `errors` with `pointer`, `code` and `detail`, all at once. 400: it cannot be read; 404: it is not there;
  409: not now; 412 and 428: see `If-Match`; 413: longer than `admin.body_bytes_max`; 415: its `Content-Type` is
  not JSON (nor YAML, for a world file) in UTF-8; 422: it makes no sense, and nothing of it was done: `errors` is always there,
  with an empty `pointer` for what is said of the whole; 503: too much at a time, or something is away; 504: it took too
  long. Try these two again.
- **Again and again**: a request that changes a world takes an `Idempotency-Key`. Sent again under the same key it is answered
  from the record and not run again; for anything else the key is refused with 409. The header `Command-Id` of the answer
  names the record ([operators.md](operators.md#commands)).
- **Two writers**: `GET …/simulation` gives an `ETag`; its `PATCH` and `POST …/apply` want it as `If-Match` (428 without it);
  412 says that somebody was quicker.
- **Pages** take `limit` and `cursor`, and `next` is the cursor of the page after. What is not known in a query is refused with 400.
- **Names**: `X-Issued-By` says in whose name an order is given where no token does. Every request that is not a GET is in
  the audit, those that were refused included.
";

#[test]
fn the_http_api_is_documented_as_it_is() {
    let mut page = format!("{HTTP_API}\n| method | path below `/api/v1` | scope | |\n|---|---|---|---|\n");
    for route in routes::all() {
        assert!(!route.about.is_empty(), "{} {}", route.method, route.path);
        let RouteSpec { method, path, scope, about, .. } = route;
        writeln!(page, "| {method} | `{path}` | `{scope}` | {} |", cell(about)).expect("to a string");
    }
    hold("docs/http-api.md", &page);
}

#[test]
fn the_metrics_are_documented_as_they_are() {
    let mut page = METRICS_PAGE.to_owned();
    for metric in METRICS {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), cell(metric.help)).unwrap();
    }
    page.push_str(TICKER);
    page.push_str("| metric | type | labels | what it says |\n|---|---|---|---|\n");
    for (name, kind, labels, help) in TICKER_METRICS {
        writeln!(page, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
    }
    hold("docs/metrics.md", &page);
}

#[test]
fn every_metric_is_declared_and_recorded() {
    let mut recorded = BTreeSet::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_catalogue = path.ends_with("plugins/metrics/mod.rs");
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !is_catalogue {
                recorded.extend(names(&fs::read_to_string(&path).expect("text")));
            }
        }
    }
    // This one is set where the catalogue is.
    recorded.insert("worldtick_build_info".to_owned());
    let mut declared: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    declared.extend(TICKER_METRICS.iter().map(|(name, ..)| (*name).to_owned()));
    assert_eq!(recorded, declared, "left: recorded, right: declared");
}

/// Names of metrics that stand in string literals of a source.
fn names(source: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let literals = source.match_indices("\"worldtick_");
    let names =
        literals.map(|(at, _)| source[at + 1..].chars().take_while(|letter| is_part(*letter)).collect::<String>());
    // A prefix that tells metrics apart from other lines is no name.
    names.filter(|name| !name.ends_with('_')).collect()
}

const HOUR_25: &str = r#"{"event_id":"550e8400-e29b-41d4-a716-446655440000","event_type":"world.tick.hourly","timestamp":"2024-01-15T14:00:00Z","version":"1.0.0","source":"simulation.ticker","data":{"tick_id":"660e8400-e29b-41d4-a716-446655440001","tick_type":"hourly","game_hour":25,"game_time":"2024-01-15T14:00:00Z","tick_timestamp":"2024-01-15T14:00:00Z","triggered_by":"scheduler"}}"#;

/// A message of each class of which reading a tick can complain.
const BAD_MESSAGES: [&[u8]; 6] = [
    b"",
    b"\xff",
    b"no JSON",
    b"{\"event_type\": \"world.tick.yearly\"}",
    b"{\"event_type\": \"world.tick.hourly\", \"data\": 7}",
    HOUR_25.as_bytes(),
];

#[test]
fn every_class_of_dead_letters_is_documented() {
    let class = |message: &&[u8]| TickMessage::parse(message).expect_err("it is bad").class.to_owned();
    let mut known: BTreeSet<String> = BAD_MESSAGES.iter().map(class).collect();
    assert_eq!(known.len(), BAD_MESSAGES.len(), "{known:?}");
    // Those that are found further in.
    for (class, source) in [
        ("too_large", "src/plugins/bridge/inbound/reader.rs"),
        ("too_far_ahead", "src/plugins/host/assemble.rs"),
        ("refused_by_store", "src/plugins/host/committing.rs"),
    ] {
        let text = fs::read_to_string(root().join(source)).expect("text");
        assert!(text.contains(&format!("\"{class}\"")), "{source} knows no {class} any more");
        known.insert(class.to_owned());
    }
    let page = fs::read_to_string(root().join("docs/operators.md")).expect("the page");
    let rows = page.split("| `dlq.error.class` |").nth(1).expect("the table").lines().skip(2);
    let cells = rows.take_while(|row| row.starts_with('|')).filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<String> =
        cells.flat_map(|cell| cell.split(',')).map(|name| name.trim().trim_matches('`').to_owned()).collect();
    assert_eq!(documented, known, "left: documented, right: known");
}

#[test]
fn files_that_ship_tell_editors_their_schema() {
    for file in ["assets/config/worlds/night-city.yaml", "assets/config/topics.yaml"] {
        let path = root().join(file);
        let text = fs::read_to_string(&path).expect("text");
        let named = text.lines().next().and_then(|line| line.strip_prefix("# yaml-language-server: $schema="));
        let schema = path.parent().expect("a folder").join(named.unwrap_or_else(|| panic!("{file} names no schema")));
        let schema = fs::read_to_string(&schema).unwrap_or_else(|error| panic!("{}: {error}", schema.display()));
        serde_json::from_str::<Value>(&schema).expect("JSON");
    }
}
