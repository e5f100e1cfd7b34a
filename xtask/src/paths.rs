//! Where things are: the repository, its target folder, programs, and a `cargo` that builds as it would by hand.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository: where `cargo run` says that this program's manifest is, because a folder may have moved since
/// it was built, or where it was built.
pub fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().unwrap_or(&here).to_path_buf()
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root().join(dir),
        _ => root().join("target"),
    }
}

/// Where the services' jars and records are.
pub fn services() -> PathBuf {
    target().join("services")
}

/// `program` on the PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| is_executable(file))
}

/// Whether `file` is a file that somebody may execute.
pub fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The Java to use: that of `JAVA_HOME`, or the one on the PATH.
pub fn java() -> Option<PathBuf> {
    let home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    home.filter(|java| is_executable(java)).or_else(|| find("java"))
}

/// The cargo that runs this program, in the root of the repository, without the variables that `cargo run` added:
/// with them some build scripts would think that everything has changed.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_cargo_runs_own) {
            command.env_remove(name);
        }
    }
    command
}

fn is_cargo_runs_own(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || name.starts_with("CARGO_BIN_")
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_manifest_of_the_workspace() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn what_cargo_run_adds_goes_and_what_the_user_sets_stays() {
        assert!(is_cargo_runs_own("CARGO_PKG_NAME"));
        assert!(is_cargo_runs_own("CARGO_MANIFEST_DIR"));
        for kept in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "CARGO_INCREMENTAL", "CARGO"] {
            assert!(!is_cargo_runs_own(kept));
        }
    }

    #[test]
    fn a_program_is_found_on_the_path_and_nonsense_is_not() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-anywhere"), None);
    }
}
