//! Arguments of the verbs that hold a plan against something: another plan, limits, a bill, the past.

use std::path::PathBuf;

use clap::Args;
use rust_decimal::Decimal;

use super::{Answer, Format};
use crate::projection::check::{MoneyOf, Percentage};

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

/// `check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown check report --max-monthly-usd 10000 --confidence 90%
  burndown check new.toml --baseline main/plan.json --max-increase 10%
  burndown check plan.json --policy policy.toml --format markdown
  burndown check plan.json --actual month-to-date.csv
  burndown check plan.json --pt-metrics timeseries.json --gsu 5

Exit code 1: a gate is broken, or the month to date lies above the plan's range. 2: a gate cannot be
evaluated. Without --confidence a money gate holds when the expected value does. Where the workload has credits,
gates on a month's dollars hold what is owed after them, as a budget of Google Cloud does by default; --money bill
holds the bill before them. An increase and the cost of a request are always taken before credits, and so is the
month to date. Fees of GSUs are in neither. The keys of a policy file are max_monthly_usd,
max_worst_month_usd, max_increase, baseline, max_spill, gsu, max_cost_per_request_usd, max_gsu, confidence,
money.")]
pub struct CheckArgs {
    /// plan.json, a report folder, a workload (planned first), or - for a plan on standard input
    pub plan: String,
    /// Limits from a TOML file; flags win
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Most US dollars of the mean month, after credits (see --money)
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_monthly_usd: Option<f64>,
    /// Most US dollars of the dearest month of the horizon, after credits (see --money)
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_worst_month_usd: Option<f64>,
    /// Most by which the mean month may exceed the baseline's: 10%
    #[arg(long, value_name = "SHARE")]
    pub max_increase: Option<Percentage>,
    /// The plan that --max-increase compares with: plan.json, a report folder or a workload
    #[arg(long, value_name = "PLAN")]
    pub baseline: Option<String>,
    /// Most of the traffic that GSUs may leave to pay-as-you-go, in each pool: 5%
    #[arg(long, value_name = "SHARE")]
    pub max_spill: Option<Percentage>,
    /// GSUs that are bought, for --max-spill and --pt-metrics
    #[arg(long, value_name = "N")]
    pub gsu: Option<u64>,
    /// Most US dollars of a mean request
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_cost_per_request: Option<f64>,
    /// Most GSUs that Google's form may ask for in any one pool
    #[arg(long, value_name = "N")]
    pub max_gsu: Option<u64>,
    /// Money gates must hold with at least this probability: 90%
    #[arg(long, value_name = "SHARE")]
    pub confidence: Option<Percentage>,
    /// What --max-monthly-usd and --max-worst-month-usd count where the workload has credits: owed (after credits) or
    /// bill (before them) [default: owed]
    #[arg(long, value_name = "owed|bill")]
    pub money: Option<MoneyOf>,
    /// Spend by day so far: columns day and usd, or a bill of Google Cloud (see `reconcile`)
    #[arg(long, value_name = "FILE")]
    pub actual: Option<PathBuf>,
    /// What a US dollar costs in the currency of --actual, where that is another
    #[arg(long, value_name = "N", value_parser = exchange_rate, requires = "actual")]
    pub currency_rate: Option<Decimal>,
    /// What Cloud Monitoring measured of a purchase: answers of projects.timeSeries.list (JSON), or CSV files of
    /// Metrics Explorer under the names that it gives; --gsu where they hold no limit
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub pt_metrics: Vec<PathBuf>,
    /// Time zone of the hours and days that --pt-metrics shows
    #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "pt_metrics")]
    pub time_zone: String,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    pub format: Format,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `reconcile`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown reconcile billing.csv                      against the price book alone
  burndown reconcile billing.csv --plan report        against the plan that was made for these days
  burndown reconcile export.json --observations calls.jsonl

Reads the console's report (CSV, grouped by day and SKU) and the BigQuery export (CSV or JSON lines: sku,
usage, cost, credits, currency, currency_conversion_rate, cost_type). The components add up to the bill;
unknown SKUs are listed.")]
pub struct ReconcileArgs {
    /// The bill
    pub bill: PathBuf,
    /// What was planned for these days: plan.json, a report folder or a workload
    #[arg(long, value_name = "PLAN", conflicts_with = "observations")]
    pub plan: Option<String>,
    /// What was observed on these days
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub observations: Vec<PathBuf>,
    /// What a US dollar costs in the bill's currency, where the bill does not say
    #[arg(long, value_name = "N", value_parser = exchange_rate)]
    pub currency_rate: Option<Decimal>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    pub format: Format,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `backtest`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown backtest observations.jsonl                learns 28 days, predicts 7, moves on: the bill,
                                                      requests, tokens of each class, tokens per request
  burndown backtest daily.csv                         the same for spend by day
  burndown backtest --plans plans/*.json --bills bills/*.csv      past plans against the bills of their months
  burndown backtest --ledger plans.toml               past plans against the invoices that it names

A ledger is TOML, one [[record]] a past plan (plan, month, actual_usd), or a CSV of the same columns.")]
pub struct BacktestArgs {
    /// Observations (JSON lines, see `import`), or spend by day: columns day and usd, or a bill of Google Cloud
    pub past: Vec<PathBuf>,
    /// Past plans and what came
    #[arg(long, value_name = "FILE", conflicts_with_all = ["past", "plans"])]
    pub ledger: Option<PathBuf>,
    /// Past plans: plan.json files or report folders
    #[arg(long, value_name = "PLAN", num_args = 1.., requires = "bills", conflicts_with = "past")]
    pub plans: Vec<String>,
    /// Bills of the months that were planned, by day; only months that they hold whole are counted
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "plans")]
    pub bills: Vec<PathBuf>,
    /// What a US dollar costs in the currency of the spend, where that is another
    #[arg(long, value_name = "N", value_parser = exchange_rate)]
    pub currency_rate: Option<Decimal>,
    /// Days that are learned from
    #[arg(long, value_name = "N", default_value_t = 28, value_parser = clap::value_parser!(u32).range(2..=3660))]
    pub train_days: u32,
    /// Days that are predicted each time
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub horizon_days: u32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// What a dollar can cost.
fn exchange_rate(text: &str) -> Result<Decimal, String> {
    let rate: Decimal = text.parse().map_err(|_| "expected a number such as 0.92".to_string())?;
    let fits = Decimal::new(1, 6) <= rate && rate <= Decimal::from(1_000_000);
    if fits { Ok(rate) } else { Err("a US dollar costs from 0.000001 to 1000000".into()) }
}

/// Dollars that can be a limit.
fn dollars(text: &str) -> Result<f64, String> {
    let usd: f64 = text.parse().map_err(|_| "expected a number of dollars".to_string())?;
    if (0.0..=1e15).contains(&usd) { Ok(usd) } else { Err("expected dollars from 0 to 1e15".into()) }
}
