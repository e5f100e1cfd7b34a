//! The `worldtick` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use worldtick::cli::{self, CliError, Exit};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main(std::env::args_os(), |_loaded| Err(CliError::new(Exit::Failure, "this build has no server")))
}
