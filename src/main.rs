//! The `worldtick` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use worldtick::cli;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
