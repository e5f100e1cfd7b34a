//! Agents of an economy in a CSV file, beside a world file or given to be imported.

use std::path::{Component, Path};

use super::located::Located;
use super::problem::{ConfigError, Problem, SourceProblems};
use super::worlds::read_text;
use crate::world::spec::{AgentFlaw, AgentSource, AgentSpec, EconomySpec, WorldSpec, agents_from_csv};

const POINTER: &str = "/economy/population/agentsFile";

/// Reads a CSV file of agents for an economy.
///
/// # Errors
/// With everything that is wrong with it, with line and column.
pub fn read_agents(path: &Path, economy: &EconomySpec) -> Result<Vec<AgentSpec>, ConfigError> {
    read(path, economy).map_err(|problems| ConfigError { sources: vec![problems] })
}

fn read(path: &Path, economy: &EconomySpec) -> Result<Vec<AgentSpec>, SourceProblems> {
    let text = read_text(path)?;
    agents_from_csv(&text, economy).map_err(|flaws| {
        let told = |AgentFlaw { span, message }: AgentFlaw| Problem::new(message).at(Some(span));
        SourceProblems::of_text(path.display().to_string(), &text, flaws.into_iter().map(told).collect())
    })
}

/// Puts the agents of the file that a world file names into the world.
///
/// # Errors
/// With what is wrong with the agents' file. What the world file itself says wrongly is left for its own rules to tell.
pub(super) fn take_in(name: &str, spec: &mut WorldSpec, tree: &Located) -> Result<(), SourceProblems> {
    let Some(economy) = &mut spec.economy else { return Ok(()) };
    let Some(file) = economy.population.agents_file.clone() else { return Ok(()) };
    if !economy.population.agents.is_empty() || economy.population.from != AgentSource::File {
        return Ok(());
    }
    let inside = Path::new(&file).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || file.is_empty() {
        let problem = Problem::new(format!("`{file}` is outside the folder of the world file"))
            .help("name a file beside the world file, or in a folder there")
            .at(tree.value_at(POINTER));
        let text = read_text(Path::new(name)).unwrap_or_default();
        return Err(SourceProblems::of_text(name, &text, vec![problem]));
    }
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    economy.population.agents = read(&folder.join(file), economy)?;
    economy.population.agents_file = None;
    Ok(())
}
