//! The `simulation-ticker` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    worldtick::ticker::main(std::env::args_os())
}
