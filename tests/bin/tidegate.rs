//! The `tidegate` command, built as part of the tests so that they find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::run(std::env::args_os().collect())
}
