//! The `burndown` program: arguments in, exit code out.

use std::process::ExitCode;

use burndown::{cli::Cli, commands};
use clap::Parser;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
