//! The `tidegate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::run(std::env::args_os().collect())
}
