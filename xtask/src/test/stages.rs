//! What `cargo xtask test` runs, as data: each stage is one cargo command and what its output means.
//!
//! All stages but the measured ones build with the same profile, features and target folder, so that they share what
//! they compile.

/// What is made of a stage's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is for people; the exit code decides.
    Plain,
    /// It lists packages, among which none of [`OUTSIDE`] may be.
    Packages,
    /// As plain, and it measures through services.
    Measured,
    /// It comes from the test runner: tests are counted, and services are there.
    Tests,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) arguments: Vec<String>,
    pub(super) variables: &'static [(&'static str, &'static str)],
    pub(super) kind: Kind,
}

/// What a build without default features must not contain: it is the simulation alone.
pub(super) const OUTSIDE: [&str; 4] = ["rdkafka", "axum", "sqlx", "tokio"];

/// The stages in their order. The tests come last, so that the output ends with the runner's summary; `for_tests` are
/// the user's own arguments to `cargo test`. A `long` run also sees that memory stays flat, and what economies reach.
pub(super) fn all(for_tests: &[String], long: bool) -> Vec<Stage> {
    let stage = |name, kind, variables, arguments: &str| Stage {
        name,
        arguments: arguments.split_whitespace().map(str::to_owned).collect(),
        variables,
        kind,
    };
    let mut tests = stage("tests", Kind::Tests, &[], "test --no-fail-fast");
    tests.arguments.extend(selection(for_tests).iter().map(|&argument| argument.to_owned()));
    tests.arguments.extend_from_slice(for_tests);
    let mut stages = vec![
        stage("formatting", Kind::Plain, &[], "fmt --all --check"),
        stage("clippy", Kind::Plain, &[], "clippy --workspace --all-targets --keep-going -- -D warnings"),
        stage("simulation alone", Kind::Plain, &[], "clippy -p worldtick --no-default-features -- -D warnings"),
        stage(
            "packages of the simulation alone",
            Kind::Packages,
            &[],
            "tree -p worldtick --no-default-features --edges normal,build --prefix none --format {p}",
        ),
        stage(
            "schemas",
            Kind::Plain,
            &[],
            "run --quiet --package worldtick --bin worldtick -- schemas check assets/schemas",
        ),
        stage("rustdoc", Kind::Plain, &[("RUSTDOCFLAGS", "-D warnings")], "doc --workspace --no-deps --keep-going"),
        stage("doc tests", Kind::Tests, &[], "test --workspace --doc --no-fail-fast"),
    ];
    if long {
        let memory = |name, count: &str| stage(name, Kind::Measured, &[], &format!("bench --bench bridge -- {count}"));
        stages.push(memory("memory over ticks through Kafka", "--memory 200000"));
        stages.push(memory("memory over steps by hand", "--stepped 1000000"));
        // Ten times as fast as beside the other tests, where the same ensembles are small.
        let ensembles = "test --release --package worldtick --no-default-features --test economy_quality";
        stages.push(stage("large ensembles of economies", Kind::Tests, &[], ensembles));
    }
    stages.push(tests);
    stages
}

/// What to test unless the user says it: everything but benchmarks and doc tests.
fn selection(for_tests: &[String]) -> Vec<&'static str> {
    let own = for_tests.iter().take_while(|argument| *argument != "--");
    let names =
        |flags: &[&str]| own.clone().any(|argument| flags.contains(&argument.split('=').next().unwrap_or_default()));
    let mut selection = Vec::new();
    if !names(&["-p", "--package", "--workspace"]) {
        selection.push("--workspace");
    }
    let targets = [
        "--lib",
        "--bins",
        "--bin",
        "--tests",
        "--test",
        "--examples",
        "--example",
        "--benches",
        "--bench",
        "--doc",
        "--all-targets",
    ];
    if !names(&targets) {
        selection.extend(["--lib", "--bins", "--tests", "--examples"]);
    }
    selection
}

/// Those of [`OUTSIDE`] that `cargo tree` lists.
pub(super) fn outside_in(tree: &str) -> Vec<&'static str> {
    let is_listed = |name: &&str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    OUTSIDE.into_iter().filter(is_listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_tests_come_last_and_without_benchmarks() {
        for long in [false, true] {
            let stages = all(&strings("some::filter -- --nocapture"), long);
            let last = stages.last().unwrap();
            let wanted = "test --no-fail-fast --workspace --lib --bins --tests --examples some::filter -- --nocapture";
            assert_eq!(last.arguments, strings(wanted));
            assert_eq!(last.kind, Kind::Tests);
        }
    }

    #[test]
    fn only_a_long_run_looks_at_memory() {
        let measured = |long| {
            let stages = all(&[], long).into_iter().filter(|stage| stage.kind == Kind::Measured);
            stages.map(|stage| stage.arguments.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(measured(false), Vec::<String>::new());
        let bridge = ["bench --bench bridge -- --memory 200000", "bench --bench bridge -- --stepped 1000000"];
        assert_eq!(measured(true), bridge);
    }

    #[test]
    fn only_a_long_run_takes_large_ensembles_and_optimised() {
        let optimised = |long| all(&[], long).into_iter().filter(|stage| stage.arguments.contains(&"--release".into()));
        assert_eq!(optimised(false).count(), 0);
        assert!(optimised(true).any(|stage| stage.arguments.ends_with(&strings("--test economy_quality"))));
    }

    #[test]
    fn what_the_user_selects_is_not_selected_again() {
        assert_eq!(selection(&strings("--test store")), ["--workspace"]);
        assert_eq!(selection(&strings("--test=store -p worldtick")), Vec::<&str>::new());
        assert_eq!(selection(&strings("-- --test")), ["--workspace", "--lib", "--bins", "--tests", "--examples"]);
    }

    #[test]
    fn a_package_is_found_by_its_whole_name() {
        let tree = "worldtick v0.1.0 (/x)\ntokio-util v0.7.0\nsqlx v0.9.0\naxum-core v1.0.0\nserde v1.0.0 (*)\n";
        assert_eq!(outside_in(tree), ["sqlx"]);
        assert_eq!(outside_in("worldtick v0.1.0\n"), Vec::<&str>::new());
    }
}
