//! `worldtick topics`: Kafka's topics against the catalogue.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::ConfigArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{json, print};
use crate::config::read_topics;
use crate::plugins::bridge::KafkaSettings;
use crate::plugins::bridge::topics::{TopicCatalogue, apply, check};

/// Arguments of `topics`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  KAFKA_BOOTSTRAP_SERVERS=localhost:9092 worldtick topics apply --replication-factor 1
  KAFKA_BOOTSTRAP_SERVERS=localhost:9092 worldtick topics check --output json")]
pub struct TopicsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TopicsCommand,
}

/// What can be done with topics.
#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Create topics that are missing, and add partitions where that is harmless
    Apply(ClusterArgs),
    /// List every difference between the cluster and the catalogue; exits with 3 if there is any
    Check(ClusterArgs),
}

/// Which cluster, and against what.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// Copies of each partition, instead of what the catalogue says; for small clusters
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..=100))]
    pub replication_factor: Option<i32>,
    /// Catalogue of topics (kafka.topics_file)
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// In which form
    #[arg(long, short, value_enum, default_value_t)]
    pub output: TopicsOutput,
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// In which form topics are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TopicsOutput {
    /// For people
    #[default]
    Table,
    /// JSON
    Json,
}

pub(in crate::cli) fn run(args: &TopicsArgs) -> Result<(), CliError> {
    match &args.command {
        TopicsCommand::Apply(cluster) => {
            let (settings, catalogue) = prepare(cluster)?;
            let report = apply(&settings, &catalogue, cluster.replication_factor)?;
            print(&shown(&report, cluster.output))?;
            if report.has_failures() { Err(CliError::silent(Exit::Failure)) } else { Ok(()) }
        }
        TopicsCommand::Check(cluster) => {
            let (settings, catalogue) = prepare(cluster)?;
            let report = check(&settings, &catalogue, cluster.replication_factor)?;
            print(&shown(&report, cluster.output))?;
            if report.is_clean() { Ok(()) } else { Err(CliError::silent(Exit::CheckFailed)) }
        }
    }
}

fn prepare(args: &ClusterArgs) -> Result<(KafkaSettings, TopicCatalogue), CliError> {
    let mut kafka = args.config.layers().load_kafka()?;
    kafka.topics_file = args.file.clone().or(kafka.topics_file);
    let catalogue = read_topics(&kafka)?;
    let Some(servers) = kafka.bootstrap_servers.clone() else {
        let error = CliError::new(Exit::Configuration, "no Kafka cluster is named");
        return Err(error.help("set KAFKA_BOOTSTRAP_SERVERS; the broker inside the server makes its topics itself"));
    };
    let settings = kafka.settings(&servers).map_err(|error| CliError::new(Exit::Configuration, error.to_string()))?;
    Ok((settings, catalogue))
}

fn shown(report: &(impl serde::Serialize + std::fmt::Display), output: TopicsOutput) -> String {
    match output {
        TopicsOutput::Table => report.to_string(),
        TopicsOutput::Json => json(&serde_json::to_value(report).unwrap_or_default()),
    }
}
