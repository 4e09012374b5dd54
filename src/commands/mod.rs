//! One file per verb: the only place that reads files, the clock and standard input, and prints.

mod backtest;
mod calibrate;
mod check;
mod compare;
mod diff;
mod drift;
mod emulate;
mod explain;
mod files;
mod fit;
mod gsu;
mod import;
mod init;
mod library;
mod metrics;
mod output;
mod plan;
mod prices;
mod quote;
mod reconcile;
mod replay;
mod saved;
mod schema;
mod serve;
mod sql;

use std::process::ExitCode;

use clap::CommandFactory;

pub use library::{Library, SHIPPED_WORKLOADS};

use crate::cli::{Cli, Verb};

/// How a run ended; an error is the third way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// Did what was asked.
    Fine,
    /// Did it, and a check that was asked for failed.
    CheckFailed,
}

/// Runs one verb and says how it went: 0 done, 1 a check that was asked for failed, 2 could not do it.
pub fn run(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(Done::Fine) => ExitCode::SUCCESS,
        Ok(Done::CheckFailed) => ExitCode::from(1),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<Done> {
    let overlay = cli.profiles.as_deref();
    match cli.verb {
        Verb::Plan(args) => plan::run(&args, overlay),
        Verb::Quote(args) => quote::run(&args, overlay),
        Verb::Gsu(args) => gsu::run(&args, overlay),
        Verb::Calibrate(args) => calibrate::run(&args, overlay),
        Verb::Drift(args) => drift::run(&args, overlay),
        Verb::Fit(args) => fit::run(&args, overlay),
        Verb::Import(args) => import::run(&args, overlay),
        Verb::Sql(args) => sql::run(&args),
        Verb::Explain(args) => explain::run(&args, overlay),
        Verb::Compare(args) => compare::run(&args, overlay),
        Verb::Replay(args) => replay::run(&args, overlay),
        Verb::Backtest(args) => backtest::run(&args, overlay),
        Verb::Check(args) => check::run(&args, overlay),
        Verb::Diff(args) => diff::run(&args, overlay),
        Verb::Reconcile(args) => reconcile::run(&args, overlay),
        Verb::Prices(args) => prices::run(&args.action, overlay),
        Verb::Init(args) => init::run(&args, overlay),
        Verb::Emulate(args) => emulate::run(&args, overlay),
        Verb::Serve(args) => serve::run(&args, overlay),
        Verb::Schema(args) => schema::run(&args),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "burndown", &mut script);
            output::print(&String::from_utf8_lossy(&script))?;
            Ok(Done::Fine)
        }
        Verb::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            output::print(&String::from_utf8_lossy(&page))?;
            Ok(Done::Fine)
        }
    }
}
