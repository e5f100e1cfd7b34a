//! The command line: `cargo xtask …`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::{Result, bench, interrupt, say, schemas, services, test};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The project's own commands",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check formatting, lints and docs and run all tests, on real services that are started for it.
    #[command(
        after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --no-install -- --test store\n  cargo xtask test -- money -- --nocapture"
    )]
    Test(TestArguments),
    /// Start, stop or show Apache Kafka and PostgreSQL on free ports of 127.0.0.1.
    #[command(
        subcommand,
        after_help = "Example:\n  eval \"$(cargo xtask services up)\"\n  cargo run --release -- topics apply --replication-factor 1\n  cargo run --release"
    )]
    Services(ServicesCommand),
    /// Write the JSON Schemas of messages and files to assets/schemas, and their TypeScript types to assets/types.
    Schemas {
        /// Only compare what is there with what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Run a benchmark; `bridge` gets an Apache Kafka of one node and a PostgreSQL.
    Bench {
        /// Its name.
        name: String,
        /// Arguments of the benchmark's own, after `--`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Wait for the end of stdin and stop what is on record: started beside every run, for the case that it is killed.
    #[command(hide = true)]
    Watch {
        /// The file of the record.
        record: PathBuf,
    },
}

#[derive(Debug, Args)]
struct TestArguments {
    /// Install nothing: if a tool is missing, say how to get it and end with exit code 69.
    #[arg(long)]
    no_install: bool,
    /// Also run what takes longer than an hour.
    #[arg(long)]
    long: bool,
    /// Arguments for `cargo test`, after `--`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum ServicesCommand {
    /// Start them unless they run, and print the variables to export.
    Up {
        /// How many Kafka nodes.
        #[arg(long, default_value = "1", value_parser = ["1", "3"])]
        kafka_nodes: String,
        /// Keep the data in this folder; without it, it is in a temporary one that `down` removes.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Stop them.
    Down,
    /// Show what runs; exit code 3 unless everything does.
    Status,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match interrupt::install().and_then(|()| run(cli.command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::note(error.to_string());
            ExitCode::from(error.exit())
        }
    }
}

fn run(command: Command) -> Result<u8> {
    match command {
        Command::Test(TestArguments { no_install, long, arguments }) => {
            test::run(&test::Options { may_install: !no_install, long, arguments })
        }
        Command::Services(ServicesCommand::Up { kafka_nodes, dir }) => {
            let kafka_nodes = if kafka_nodes == "3" { 3 } else { 1 };
            services::up(&services::Up { kafka_nodes, dir }).map(|()| 0)
        }
        Command::Services(ServicesCommand::Down) => services::down().map(|()| 0),
        Command::Services(ServicesCommand::Status) => services::status(),
        Command::Schemas { check } => schemas::run(check),
        Command::Bench { name, arguments } => bench::run(&name, &arguments),
        Command::Watch { record } => services::watch(&record).map(|()| 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> std::result::Result<Command, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_dashes_is_for_cargo_test() {
        let Ok(Command::Test(test)) = parse("xtask test --long -- --test store -- --nocapture") else { panic!() };
        assert!(test.long && !test.no_install);
        assert_eq!(test.arguments, ["--test", "store", "--", "--nocapture"]);
        assert!(parse("xtask test --test store").is_err());
    }

    #[test]
    fn there_are_one_or_three_nodes_and_one_unless_said() {
        let nodes = |line| match parse(line) {
            Ok(Command::Services(ServicesCommand::Up { kafka_nodes, .. })) => Some(kafka_nodes),
            _ => None,
        };
        assert_eq!(nodes("xtask services up").as_deref(), Some("1"));
        assert_eq!(nodes("xtask services up --kafka-nodes 3").as_deref(), Some("3"));
        assert_eq!(nodes("xtask services up --kafka-nodes 2"), None);
    }

    #[test]
    fn a_benchmark_and_the_schemas_check_are_understood() {
        assert!(matches!(parse("xtask schemas --check"), Ok(Command::Schemas { check: true })));
        assert!(matches!(parse("xtask bench bridge"), Ok(Command::Bench { .. })));
        assert!(parse("xtask bench").is_err());
    }
}
