//! `cargo xtask`: the project's own commands. Everything is in the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::cli::main()
}
