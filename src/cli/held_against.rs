//! Arguments of the verbs that hold a plan against something: another plan, limits, a bill, the past.

use clap::Args;

use super::{Answer, Format};

/// `diff`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown diff main/plan.json report           two plans: files, report folders or workloads
  burndown diff old.toml new.toml --format markdown

The parts of the causes add up to the change: each is what swapping that cause alone adds, averaged over
all orders (Shapley). Tokens are compared by their standard errors; the exit code is 0 either way.")]
pub struct DiffArgs {
    /// First plan: plan.json, a report folder, a workload (planned first), or - for standard input
    pub before: String,
    /// Second plan
    pub after: String,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    pub format: Format,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}
