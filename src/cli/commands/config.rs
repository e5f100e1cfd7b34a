//! `worldtick config`: checking and showing the configuration.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::ConfigArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{json, print, tell};
use crate::config::{ConfigError, Loaded, WorldFile, check_files, read_topics, read_worlds, show};
use crate::plugins::built_in_extensions;

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgsAndCommand {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Find everything that is wrong: in the configuration, its world files and its topics
    #[command(after_help = "Examples:
  worldtick config check                            what a server here would start with
  worldtick config check server.toml worlds/*.yaml  these files alone

Exits with 78 if anything is wrong.")]
    Check {
        /// Files to check instead: .toml as configuration, .yaml as world file or catalogue of topics
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Where the configuration comes from.
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Show what holds and where it came from; secrets are blanked out
    #[command(after_help = "Examples:
  worldtick config show
  worldtick config show --output json | jq '.kafka.start_at'")]
    Show {
        /// In which form
        #[arg(long, short, value_enum, default_value_t)]
        output: ShowOutput,
        /// Where the configuration comes from.
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Write a configuration file in which every key is explained
    #[command(after_help = "Example:\n  worldtick config example > server.toml")]
    Example,
}

/// In which form the configuration is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowOutput {
    /// Key, value, source
    #[default]
    Table,
    /// {section: {key: {value, source}}}
    Json,
    /// A configuration file that says the same
    Toml,
}

pub(in crate::cli) fn run(args: &ConfigArgsAndCommand) -> Result<(), CliError> {
    match &args.command {
        ConfigCommand::Check { files, config } if files.is_empty() => check_all(config),
        ConfigCommand::Check { files, config } => {
            let checked = check_files(files, &config.layers(), &built_in_extensions()).map_err(|error| {
                // As everywhere: a file that cannot be read is not a wrong one.
                let unread = files.iter().filter(|file| std::fs::File::open(file).is_err()).count();
                let exit = if error.sources.len() == unread { Exit::Io } else { Exit::Configuration };
                CliError { exit, ..CliError::from(error) }
            });
            for warning in checked? {
                tell(&format!("warning: {warning}"));
            }
            print(&format!("{} valid\n", count(files.len(), "file")))
        }
        ConfigCommand::Show { output, config } => show_all(&config.load()?, *output),
        ConfigCommand::Example => print(&show::example()),
    }
}

/// Everything that a server here would read, with the errors of all of it.
fn check_all(args: &ConfigArgs) -> Result<(), CliError> {
    let layers = args.layers();
    let loaded = layers.load();
    for warning in loaded.iter().flat_map(|loaded| &loaded.warnings) {
        tell(&format!("warning: {warning}"));
    }
    let (worlds, kafka) = layers.files()?;
    let (worlds, topics) = (read_worlds(&worlds, &built_in_extensions()), read_topics(&kafka));
    match (loaded, worlds, topics) {
        (Ok(loaded), Ok(worlds), Ok(topics)) => {
            let unfit = worlds.iter().filter_map(|file| loaded.config.crowd.put_into(&mut file.spec.clone()).err());
            let unfit: Vec<String> = unfit.collect();
            if !unfit.is_empty() {
                return Err(CliError::new(Exit::Configuration, unfit.join("\n")));
            }
            for warning in worlds.iter().flat_map(WorldFile::warnings) {
                tell(&format!("warning: {warning}"));
            }
            let worlds = count(worlds.len(), "world");
            print(&format!("the configuration is valid: {worlds}, {}\n", count(topics.topics.len(), "topic")))
        }
        (loaded, worlds, topics) => {
            let wrong = [loaded.err(), worlds.err(), topics.err()].into_iter().flatten();
            Err(ConfigError { sources: wrong.flat_map(|error| error.sources).collect() }.into())
        }
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn show_all(loaded: &Loaded, output: ShowOutput) -> Result<(), CliError> {
    match output {
        ShowOutput::Json => print(&json(&show::to_json(loaded))),
        ShowOutput::Toml => print(&show::to_toml(loaded)),
        ShowOutput::Table => {
            let rows = show::rows(loaded);
            let width =
                |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max();
            let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0).min(60));
            let line = |[key, value, source]: &[String; 3]| format!("{key:first$}  {value:second$}  {source}\n");
            print(&rows.iter().map(line).collect::<String>())
        }
    }
}
