//! Arguments of `schema`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `schema`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown schema                               every kind, with what it is
  burndown schema workload                      the schema of a workload file
  burndown schema --out schema                  all of them, a file each

An editor that knows TOML (Even Better TOML, taplo) reads the line `#:schema ./schema/workload.json` at the top of
a workload, and then completes keys and shows what they mean.")]
pub struct SchemaArgs {
    /// Kind of file or answer; without it, a list of all
    pub kind: Option<SchemaKind>,
    /// Write into this folder, KIND.json each: the kind that is named, or all of them
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// What has a schema: files that are read, then what `--json` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// A workload file, its scenarios included (TOML)
    Workload,
    /// A price book (TOML)
    Prices,
    /// A capacity book (TOML)
    Capacity,
    /// A token profile (TOML)
    Tokens,
    /// A policy of `check` (TOML)
    Policy,
    /// A ledger of `backtest` (TOML)
    Ledger,
    /// A behaviour file of `emulate` (TOML)
    Behaviour,
    /// A faults file of `emulate` (TOML)
    Faults,
    /// A row of the spend by day that `check --actual` and `backtest` read (CSV, by column)
    Actual,
    /// A rule of admission that `replay --learn-rule` learned (TOML)
    PtRule,
    /// A line of observations (JSON lines)
    Observation,
    /// A line of aggregates (JSON lines)
    Aggregate,
    /// A line of a calibration's journal (JSON lines)
    Journal,
    /// plan.json, and the answer of `plan`
    Plan,
    /// The answer of `quote`
    Quote,
    /// The answer of `gsu` from numbers
    Gsu,
    /// The answer of `gsu` from a workload
    GsuForm,
    /// The answer of `calibrate`
    Calibration,
    /// The answer of `calibrate --dry-run`
    DryRun,
    /// The answer of `calibrate --check`
    Contacts,
    /// The answer of `fit`
    Fit,
    /// The answer of `drift`
    Drift,
    /// The answer of `import`
    Import,
    /// The answer of `compare`
    Compare,
    /// The answer of `explain` for one number
    Explanation,
    /// The answer of `explain` without one
    Figures,
    /// The answer of `replay`
    Replay,
    /// The answer of `replay --learn-rule`
    Learned,
    /// The answer of `diff`
    Diff,
    /// The answer of `check`
    Check,
    /// The answer of `reconcile`
    Reconcile,
    /// The answer of `backtest` from plans and bills, a ledger, or spend by day
    Backtest,
    /// The answer of `backtest` from observations
    BacktestObserved,
    /// The answer of `prices list`
    PriceList,
    /// The answer of `prices check`
    PricesCheck,
}
