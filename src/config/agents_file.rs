//! Agents of an economy in a CSV file, beside a world file or given to be imported.

use std::path::{Component, Path};

use super::located::Located;
use super::problem::{ConfigError, Problem, SourceProblems};
use super::worlds::read_text;
use crate::world::spec::{AGENT_FLAWS_MAX, AgentFlaw, AgentSource, AgentSpec, EconomySpec, WorldSpec, agents_from_csv};

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
        let is_cut = flaws.len() >= AGENT_FLAWS_MAX;
        let problems = flaws.into_iter().map(told).collect();
        let mut told = SourceProblems::of_text(path.display().to_string(), &text, problems);
        if let Some(last) = told.problems.last_mut().filter(|_| is_cut) {
            last.help =
                Some("these were the first; there may be more, which are told when these are mended".to_owned());
        }
        told
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
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    let path = folder.join(&file);
    let inside = Path::new(&file).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || file.is_empty() || leads_out(folder, &path) {
        let problem = Problem::new(format!("`{file}` is outside the folder of the world file"))
            .help("name a file beside the world file, or in a folder there")
            .at(tree.value_at(POINTER));
        let text = read_text(Path::new(name)).unwrap_or_default();
        return Err(SourceProblems::of_text(name, &text, vec![problem]));
    }
    economy.population.agents = read(&path, economy)?;
    economy.population.agents_file = None;
    Ok(())
}

/// Whether links lead out of a folder. What is not there leads nowhere.
fn leads_out(folder: &Path, path: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match (folder.canonicalize(), path.canonicalize()) {
        (Ok(folder), Ok(path)) => !path.starts_with(folder),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_world;

    const FARM: &str = "id: w
economy:
  commodities: [{ name: Bread, need: 1.0, signal: food }]
  roles: [{ name: Baker, output: Bread, quantity: 3 }]
  population: { count: 60, agentsFile: people.csv }
";

    #[test]
    #[cfg(unix)]
    fn a_link_out_of_the_folder_is_not_followed() {
        let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (file, link) = (folder.path().join("w.yaml"), folder.path().join("people.csv"));
        std::fs::write(&file, FARM).expect("written");
        std::fs::write(other.path().join("secret"), "hush\n").expect("written");
        std::os::unix::fs::symlink(other.path().join("secret"), &link).expect("linked");
        let told = read_world(&file, None).expect_err("refused").to_string();
        assert!(told.contains("outside the folder") && !told.contains("hush"), "{told}");
        // A link that stays inside is as good as the file.
        std::fs::remove_file(&link).expect("removed");
        std::fs::write(folder.path().join("real.csv"), "role,money\nBaker,150000\nBaker,150000\n").expect("written");
        std::os::unix::fs::symlink("real.csv", &link).expect("linked");
        let read = read_world(&file, None).expect("valid");
        let told = read.warnings().join("\n");
        assert!(told.contains("60 has no meaning: 2 agents are listed"), "{told}");
    }

    #[test]
    fn that_there_may_be_more_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("w.yaml");
        std::fs::write(&file, FARM).expect("written");
        let write = |lines: usize| {
            std::fs::write(folder.path().join("people.csv"), format!("role,money\n{}", "Baker,x\n".repeat(lines)))
        };
        write(5_000).expect("written");
        let told = read_world(&file, None).expect_err("refused");
        assert_eq!(told.count(), AGENT_FLAWS_MAX);
        assert!(told.to_string().ends_with("there may be more, which are told when these are mended)"), "{told}");
        write(5).expect("written");
        assert!(!read_world(&file, None).expect_err("refused").to_string().contains("may be more"));
    }
}
