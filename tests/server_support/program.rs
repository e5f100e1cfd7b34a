//! The program itself, for tests that start it as a process.
#![allow(unreachable_pub, reason = "each file that uses it has it as a module of its own")]

use std::path::Path;
use std::process::{Command, Stdio};

/// The program in a folder of its own, with nothing of this process's environment that could change what it does.
pub fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worldtick"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if ["KAFKA_", "WORLDTICK_", "CROWD_", "DATABASE_URL", "LOG_LEVEL"].iter().any(|start| text.starts_with(start)) {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}
