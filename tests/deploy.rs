//! The image and the manifests say what the programs understand.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::Value;
use worldtick::cli::Cli;
use worldtick::components::clock::ClockSource;
use worldtick::config::{Layers, ServerConfig, all_keys, read_world};
use worldtick::plugins::built_in_extensions;
use worldtick::ticker::{TickerArgs, TickerType};

/// Variables of the programs that are no keys of the configuration.
const FURTHER: [&str; 5] = [
    "WORLDTICK_CONFIG",
    "WORLDTICK_SERVER",
    "WORLDTICK_TOKEN",
    "WORLDTICK_TICKER_METRICS_FILE",
    "WORLDTICK_TICKER_METRICS_PUSH",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every YAML file in `deploy/`, as it is named from the root.
fn manifests() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("deploy")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// A container of the project's own image.
#[derive(Debug)]
struct Container {
    at: String,
    entrypoint: Vec<String>,
    arguments: Vec<String>,
    /// Names with their values, where they are written down.
    environment: BTreeMap<String, String>,
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

fn is_ours(container: &Value) -> bool {
    container["image"].as_str().is_some_and(|image| image == "worldtick" || image.starts_with("worldtick:"))
}

/// What somebody fills in stands for a text.
fn filled(value: &Value) -> String {
    let text = value.as_str().expect("variables are texts");
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    format!("{before}x{after}")
}

fn of_compose() -> Vec<Container> {
    let services = yaml("deploy/compose.yaml")["services"].clone();
    let ours = services.as_object().expect("services").iter().filter(|(_, service)| is_ours(service));
    ours.map(|(name, service)| Container {
        at: format!("compose.yaml, {name}"),
        entrypoint: strings(&service["entrypoint"]),
        arguments: strings(&service["command"]),
        environment: service["environment"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), filled(value)))
            .collect(),
    })
    .collect()
}

/// What a reference to a secret stands for.
fn secret(reference: &Value) -> String {
    let example = yaml("deploy/kubernetes/secret.example.yaml");
    assert_eq!(reference["name"], example["metadata"]["name"], "only one secret is documented");
    let key = reference["key"].as_str().expect("a key");
    example["stringData"][key].as_str().unwrap_or_else(|| panic!("secret.example.yaml has no `{key}`")).to_owned()
}

/// The variables that a config map of the kustomization sets.
fn config_map(name: &str) -> BTreeMap<String, String> {
    let kustomization = yaml("deploy/kubernetes/kustomization.yaml");
    let generators = kustomization["configMapGenerator"].as_array().expect("config maps").clone();
    let generator = generators.iter().find(|generator| generator["name"] == name);
    let generator = generator.unwrap_or_else(|| panic!("no config map `{name}` is generated"));
    let pair = |literal: &String| literal.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    strings(&generator["literals"]).iter().filter_map(pair).collect()
}

fn of_kubernetes() -> Vec<Container> {
    let mut found = Vec::new();
    for path in manifests().iter().filter(|path| path.starts_with("deploy/kubernetes/")) {
        let manifest = yaml(path);
        let pod = match manifest["kind"].as_str() {
            Some("StatefulSet" | "Deployment" | "Job") => &manifest["spec"]["template"]["spec"],
            Some("CronJob") => &manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            _ => continue,
        };
        let containers = ["initContainers", "containers"].into_iter().filter_map(|kind| pod[kind].as_array()).flatten();
        for container in containers {
            assert!(is_ours(container), "{path}: an image that is not ours");
            found.push(container_of(path, container));
        }
    }
    found
}

fn container_of(path: &str, container: &Value) -> Container {
    let mut environment = BTreeMap::new();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        environment.extend(config_map(source["configMapRef"]["name"].as_str().expect("a config map")));
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().expect("a name").to_owned();
        let reference = &variable["valueFrom"]["secretKeyRef"];
        if reference.is_null() {
            environment.insert(name, filled(&variable["value"]));
        } else {
            let value = secret(reference);
            // What is optional is not there in the plain case.
            if reference["optional"] != true {
                environment.insert(name, value);
            } else {
                environment.insert(name, String::new());
            }
        }
    }
    Container {
        at: format!("{path}, {}", container["name"]),
        entrypoint: strings(&container["command"]),
        arguments: strings(&container["args"]),
        environment,
    }
}

fn ours() -> Vec<Container> {
    let (compose, kubernetes) = (of_compose(), of_kubernetes());
    assert!(compose.len() >= 3 && kubernetes.len() >= 4, "{} and {}", compose.len(), kubernetes.len());
    compose.into_iter().chain(kubernetes).collect()
}

enum Program {
    Server(Box<Cli>),
    Ticker(Box<TickerArgs>),
}

/// Reads a command line as the program would that it names.
fn parse(at: &str, line: &[String]) -> Program {
    let name = line.first().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
    let refused = |error: clap::Error| format!("{at}: {line:?}: {error}");
    match name {
        "worldtick" => {
            Program::Server(Box::new(Cli::try_parse_from(line).map_err(refused).expect("the program takes it")))
        }
        "simulation-ticker" => {
            Program::Ticker(Box::new(TickerArgs::try_parse_from(line).map_err(refused).expect("the program takes it")))
        }
        other => panic!("{at}: `{other}` is no program of the image"),
    }
}

impl Container {
    fn program(&self) -> Program {
        let mut line = self.entrypoint.clone();
        if line.is_empty() {
            line = dockerfile_list("ENTRYPOINT");
        }
        line.extend(self.arguments.clone());
        parse(&self.at, &line)
    }
}

/// The list after an instruction of the Dockerfile, such as `ENTRYPOINT ["…"]`.
fn dockerfile_list(instruction: &str) -> Vec<String> {
    let dockerfile = text("Dockerfile");
    let line = dockerfile.lines().find(|line| line.starts_with(instruction)).expect("the instruction");
    let list = &line[line.find('[').expect("a list")..];
    serde_json::from_str(list).expect("a list of texts")
}

/// The variables that the image sets.
fn dockerfile_environment() -> BTreeMap<String, String> {
    let dockerfile = text("Dockerfile").replace("\\\n", " ");
    let lines = dockerfile.lines().filter_map(|line| line.strip_prefix("ENV "));
    let pairs = lines.flat_map(|line| line.split_whitespace()).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn known_variables() -> BTreeSet<String> {
    all_keys().into_iter().flat_map(|key| key.variables).chain(FURTHER.map(str::to_owned)).collect()
}

#[test]
fn every_manifest_is_yaml() {
    let manifests = manifests();
    assert!(manifests.len() >= 8, "{manifests:?}");
    for path in manifests {
        assert!(yaml(&path).is_object(), "{path}");
    }
}

#[test]
fn every_command_is_one_that_the_programs_take() {
    let mut tickers = 0;
    for container in ours() {
        tickers += usize::from(matches!(container.program(), Program::Ticker(_)));
    }
    assert!(tickers >= 3, "the tickers are not among them");
    assert!(matches!(parse("health check", &dockerfile_list("HEALTHCHECK")), Program::Server(_)));
}

#[test]
fn every_variable_is_one_that_the_programs_read() {
    let known = known_variables();
    for container in ours() {
        for name in container.environment.keys() {
            assert!(known.contains(name), "{}: nothing reads {name}", container.at);
        }
    }
    let of_image = dockerfile_environment();
    assert!(of_image.len() >= 2, "{of_image:?}");
    for name in of_image.keys() {
        assert!(known.contains(name), "Dockerfile: nothing reads {name}");
    }
}

#[test]
fn the_servers_would_start_with_what_they_are_told() {
    let mut servers = 0;
    for container in ours() {
        let Program::Server(cli) = container.program() else { continue };
        if cli.command.is_some() {
            continue;
        }
        servers += 1;
        let mut variables = dockerfile_environment();
        variables.extend(container.environment.clone());
        let environment = variables.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let layers = Layers { environment: environment.collect(), ..Layers::default() };
        let loaded = layers.load().unwrap_or_else(|error| panic!("{}: {error}", container.at));
        assert_eq!(loaded.warnings, Vec::<String>::new(), "{}", container.at);
        let config = loaded.config;
        assert!(config.kafka.bootstrap_servers.is_some() && config.store.url.is_some(), "{}", container.at);
        assert!(config.admin.token.is_some(), "{}", container.at);
        assert_eq!(config.admin.listen, "0.0.0.0:8080", "{}", container.at);
        assert_eq!(config.server.data_dir, Path::new("/var/lib/worldtick"), "{}", container.at);
    }
    assert_eq!(servers, 2, "one in compose, one in Kubernetes");
}

#[test]
fn the_image_serves_where_ports_and_probes_look() {
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.lines().any(|line| line == "EXPOSE 8080"));
    let server = yaml("deploy/kubernetes/server.yaml");
    let container = &server["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], 8080);
    let paths =
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| container[probe]["httpGet"]["path"].clone());
    assert_eq!(paths, ["/livez", "/livez", "/readyz"]);
    let port = &yaml("deploy/kubernetes/service.yaml")["spec"]["ports"][0];
    assert_eq!((&port["port"], &port["targetPort"]), (&8080.into(), &container["ports"][0]["name"]));
    let compose = yaml("deploy/compose.yaml");
    assert_eq!(compose["services"]["worldtick"]["ports"][0], "127.0.0.1:8080:8080");
}

#[test]
fn there_is_time_to_stop_cleanly() {
    let needed = ServerConfig::default().server.shutdown_timeout_seconds.duration().as_secs();
    let server = yaml("deploy/kubernetes/server.yaml");
    let given = server["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().expect("a period");
    assert!(given > needed, "{given} s, but stopping may take {needed}");
    let compose = yaml("deploy/compose.yaml");
    let given = compose["services"]["worldtick"]["stop_grace_period"].as_str().expect("a period");
    let given: u64 = given.strip_suffix('s').expect("seconds").parse().expect("a number");
    assert!(given > needed, "{given} s, but stopping may take {needed}");
}

#[test]
fn one_user_without_rights_owns_what_is_written() {
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.contains("--uid 10001") && dockerfile.lines().any(|line| line == "USER 10001:10001"));
    assert!(dockerfile.lines().any(|line| line == "VOLUME /var/lib/worldtick"));
    for path in ["server", "ticker-hourly", "ticker-daily"].map(|name| format!("deploy/kubernetes/{name}.yaml")) {
        let manifest = yaml(&path);
        let template = manifest["spec"].get("jobTemplate").map_or(&manifest["spec"], |job| &job["spec"]);
        let pod = &template["template"]["spec"];
        assert_eq!(
            (&pod["securityContext"]["runAsUser"], &pod["securityContext"]["runAsNonRoot"]),
            (&10001.into(), &true.into())
        );
        let containers = ["initContainers", "containers"].into_iter().filter_map(|kind| pod[kind].as_array()).flatten();
        for container in containers {
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{path}");
            assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL", "{path}");
        }
    }
}

#[test]
fn each_ticker_has_a_schedule_of_its_own_kind_and_never_runs_beside_itself() {
    for (name, schedule, period_seconds) in [("hourly", "0 * * * *", 3_600), ("daily", "0 0 * * *", 86_400)] {
        let path = format!("deploy/kubernetes/ticker-{name}.yaml");
        let spec = yaml(&path)["spec"].clone();
        assert_eq!(spec["schedule"], schedule, "{path}");
        assert_eq!(spec["concurrencyPolicy"], "Forbid", "{path}");
        assert_eq!(spec["timeZone"], "Etc/UTC", "{path}: slots are counted in UTC");
        let late = spec["startingDeadlineSeconds"].as_u64().expect("a deadline");
        let runs = spec["jobTemplate"]["spec"]["activeDeadlineSeconds"].as_u64().expect("a deadline");
        assert!(late + runs < period_seconds, "{path}: a late job would make the tick of the next slot");
        let container = of_kubernetes().into_iter().find(|container| container.at.starts_with(&path)).expect("a job");
        let Program::Ticker(args) = container.program() else { panic!("{path} runs another program") };
        let kind = if name == "hourly" { TickerType::Hourly } else { TickerType::Daily };
        assert_eq!(args.tick_type, kind, "{path}");
    }
}

#[test]
fn the_worlds_of_the_cluster_are_valid_and_driven_by_ticks() {
    let kustomization = yaml("deploy/kubernetes/kustomization.yaml");
    let generators = kustomization["configMapGenerator"].as_array().expect("config maps").clone();
    let worlds = generators.iter().find(|generator| generator["name"] == "worldtick-worlds").expect("the worlds");
    let files = strings(&worlds["files"]);
    assert!(!files.is_empty());
    for file in files {
        let world = read_world(&root().join("deploy/kubernetes").join(&file), Some(&built_in_extensions()))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(world.spec.clock, ClockSource::Ticks, "{file}");
    }
}

#[test]
fn the_kustomization_names_what_is_there_and_the_present_version() {
    let kustomization = yaml("deploy/kubernetes/kustomization.yaml");
    for resource in strings(&kustomization["resources"]) {
        assert!(root().join("deploy/kubernetes").join(&resource).exists(), "{resource}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(kustomization["images"][0]["name"], "worldtick");
    assert_eq!(kustomization["images"][0]["newTag"], version);
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_object().expect("services").values();
    let images: BTreeSet<&str> =
        services.filter(|service| is_ours(service)).filter_map(|s| s["image"].as_str()).collect();
    assert_eq!(images.into_iter().collect::<Vec<_>>(), [format!("worldtick:{version}")]);
}

#[test]
fn what_the_build_reads_goes_to_the_builder() {
    let ignore = text(".dockerignore");
    let let_through: BTreeSet<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let manifest = text("Cargo.toml");
    let named = manifest.lines().filter_map(|line| line.strip_prefix("path = \"")?.split(['/', '"']).next());
    for folder in named.chain(["Cargo.toml", "Cargo.lock", "src", "assets", "LICENSE-MIT", "LICENSE-APACHE"]) {
        assert!(let_through.contains(folder), ".dockerignore keeps {folder} from the builder");
    }
    let copied = text("Dockerfile");
    for program in ["worldtick", "simulation-ticker"] {
        assert!(copied.contains(&format!("/build/target/release/{program}")), "{program} is not in the image");
    }
}

/// What is said of a heading as the fragment of a link.
fn anchor(heading: &str) -> String {
    heading.trim().to_lowercase().replace(' ', "-").chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

#[test]
fn alerts_are_about_metrics_that_there_are_and_say_what_to_do() {
    use worldtick::plugins::metrics::METRICS;
    let rules = yaml("deploy/prometheus/alerts.yaml");
    let groups = rules["groups"].as_array().expect("groups");
    let alerts: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
    assert!(alerts.len() >= 3, "{alerts:?}");
    for alert in alerts {
        let name = alert["alert"].as_str().expect("a name");
        let expression = alert["expr"].as_str().expect("an expression");
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics: Vec<&str> = words.filter(|word| word.starts_with("worldtick_")).collect();
        assert!(!metrics.is_empty(), "{name}: {expression}");
        for word in metrics {
            assert!(METRICS.iter().any(|metric| metric.name == word), "{name}: there is no metric {word}");
        }
        let runbook = alert["annotations"]["runbook_url"].as_str().expect("a runbook");
        let (file, place) = runbook.split_once('#').expect("a place in a file");
        let page = text(file);
        let headings =
            page.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#')));
        assert!(headings.into_iter().any(|heading| heading == place), "{name}: {runbook} is nowhere");
        assert!(alert["annotations"]["summary"].is_string() && alert["labels"]["severity"].is_string(), "{name}");
    }
}
