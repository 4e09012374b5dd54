//! The command line as types; nothing here reads or prints.

mod held_against;
mod learn;
mod replay;
mod schema;

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueEnum, value_parser};
use rust_decimal::Decimal;

use crate::{
    calendar::Day,
    model::{Backend, ImageSize, Location, Pixels, Tier, TokenClass},
};

pub use held_against::{BacktestArgs, CheckArgs, DiffArgs, ReconcileArgs};
pub use learn::{CalibrateArgs, DriftArgs, EmulateArgs, FitArgs, ImportArgs, SqlArgs};
pub use replay::{
    ClockKind, EstimateFlag, GsuCounts, LatencyFlag, LearnFlags, LoggedTimeKind, OverrunKind, RefundKind,
    ReplayArgs, TraceKind,
};
pub use schema::{SchemaArgs, SchemaKind};

/// What generative-AI requests cost on the Gemini Developer API and on Vertex AI, and how many GSUs to buy
#[derive(Debug, Parser)]
#[command(
    name = "burndown",
    version,
    max_term_width = 100,
    after_help = "Examples:
  burndown plan product-photos --out report     the bill, the GSU verdict, a report to open
  burndown quote response.json                  what one real answer cost, line by line
  burndown gsu --model nano-banana-pro --qps 0.5 --input-text 300 --output-thinking 400 --output-size 1K
  burndown init > workload.toml                 a small workload file to start from"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
    /// Folder whose prices/, capacity/, tokens/ and workloads/ are laid over the built-in ones
    #[arg(long, global = true, value_name = "DIR", env = "BURNDOWN_PROFILES")]
    pub profiles: Option<PathBuf>,
}

/// Largest count that a flag takes; beyond it exact money would overflow.
pub const COUNT_MAX: u64 = 1_000_000_000_000_000;

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The bill with a range, the GSU verdict, the alternatives, what may be wrong
    Plan(PlanArgs),
    /// Exact cost of one response, or of given token counts
    Quote(QuoteArgs),
    /// Fill in Google's GSU form from a workload or from numbers, and say what it will answer
    Gsu(GsuArgs),
    /// Send real requests of a workload's own shapes to each backend until its cost is known
    Calibrate(CalibrateArgs),
    /// Learn token profiles from observations of real answers
    Fit(FitArgs),
    /// Hold new observations against the token profiles: is what was learned still true?
    Drift(DriftArgs),
    /// Learn from logs that exist already: token profiles, arrivals, a workload file
    Import(ImportArgs),
    /// Print the query that sums up a log inside BigQuery, Spark or DuckDB, for import
    Sql(SqlArgs),
    /// Every backend, model and tier that can serve a workload, side by side
    Compare(CompareArgs),
    /// One number of a plan back to its arithmetic, samples and sources
    Explain(ExplainArgs),
    /// Exact admission of a real trace, request by request, for a range of GSU counts
    Replay(ReplayArgs),
    /// What changed between two plans, in dollars a month, split by cause
    Diff(DiffArgs),
    /// Budget and capacity gates on a plan, for CI: exit code 1 when one is broken
    Check(CheckArgs),
    /// A bill of Google Cloud taken apart: what was expected, and what explains the rest
    Reconcile(ReconcileArgs),
    /// Would the ranges have held? Past plans against invoices, or spend by day against its own past
    Backtest(BacktestArgs),
    /// The price book: list it, check it
    Prices(PricesArgs),
    /// Write a small workload file to start from
    Init(InitArgs),
    /// Both backends on loopback, quirks included: rehearse without a key and without money
    Emulate(EmulateArgs),
    /// The report as a live page on loopback: change the inputs, watch the bill, save as a new file
    Serve(ServeArgs),
    /// JSON Schema of every file that is read and every answer that is written
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example:
  burndown completions bash > ~/.local/share/bash-completion/completions/burndown")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:
  burndown man > ~/.local/share/man/man1/burndown.1")]
    Man,
}

/// Options of every verb that answers.
#[derive(Debug, Args)]
pub struct Answer {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Treat any warning as a failure (exit code 2)
    #[arg(long)]
    pub strict: bool,
    /// Read the books as of this day (default: today)
    #[arg(long, value_name = "DATE")]
    pub on: Option<Day>,
}

/// `plan`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown plan product-photos                  a shipped workload, by name
  burndown plan my.toml --out report            writes report.html, charts, plan.json and CSV tables
  burndown plan my.toml --json | jq .bill       the same numbers for a program
  burndown plan product-photos --scenario '2k: output_size=2K' --scenario 'lite: model=nano-banana-2.1'

A scenario is a name and the keys that it changes, those of a route or of the workload, and: route (only this
one), backend (developer or vertex), volume_factor. A file holds them as [[scenario]].

Shipped workloads: product-photos, text-to-image, captions, company")]
pub struct PlanArgs {
    /// Workload file, or the name of a shipped one; - reads standard input
    pub workload: String,
    /// Write the report into this folder: HTML, SVG and PNG charts, JSON, CSV, Markdown
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A what-if beside the plan: 'NAME: KEY=VALUE, KEY=VALUE', or the name of one in the file to show it
    /// alone; may be repeated
    #[arg(long, value_name = "WHAT-IF")]
    pub scenario: Vec<String>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, conflicts_with = "json")]
    pub format: PlanFormat,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// How `plan` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal
    Text,
    /// For a ticket or a comment of a pull request
    Markdown,
    /// One page in plain words for whoever signs
    Memo,
    /// The same as Markdown
    MemoMarkdown,
    /// Projected charges as CSV in the columns of FinOps FOCUS 1.2, nothing bought
    Focus,
    /// The same with the orders of provisioned throughput that are advised
    FocusWithOrders,
}

/// How `gsu` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GsuFormat {
    /// For a terminal
    Text,
    /// For a ticket or a pull request
    Markdown,
    /// For a spreadsheet
    Csv,
}

/// How verbs that compare print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Text,
    /// For a ticket or a pull request
    Markdown,
}

/// `quote`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown quote response.json
  curl … | burndown quote -
  burndown quote --backend vertex --model nano-banana-pro --input-text 300 --output-image 1120

Model, backend and tier are taken from the response where it tells them; flags win.")]
pub struct QuoteArgs {
    /// Body of a generateContent answer (or a captured stream); - reads standard input
    pub response: Option<PathBuf>,
    /// Who answered: developer or vertex
    #[arg(long)]
    pub backend: Option<Backend>,
    /// Model id or nickname
    #[arg(long)]
    pub model: Option<String>,
    /// How it was paid: standard, batch, flex, priority or provisioned
    #[arg(long)]
    pub tier: Option<Tier>,
    /// Vertex location (default: global)
    #[arg(long)]
    pub location: Option<Location>,
    /// Images, for models billed by image (Imagen)
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(0..=COUNT_MAX))]
    pub images: Option<u64>,
    /// Grounding searches beyond the free ones
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(0..=COUNT_MAX))]
    pub searches: Option<u64>,
    /// Tokens times hours of explicit cache storage
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(0..=COUNT_MAX))]
    pub cache_token_hours: Option<u64>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub tokens: TokenFlags,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `gsu`.
#[derive(Debug, Args)]
#[command(
    override_usage = "burndown gsu WORKLOAD\n       burndown gsu --model <MODEL> --qps <Q> [TOKENS]",
    after_help = "Examples:
  burndown gsu product-photos                   what to enter for a workload, and what the form will answer
  burndown gsu --model gemini-3-pro-image --qps 0.5 --input-text 300 --output-thinking 400 --output-image 1120
  burndown gsu --model nano-banana-pro --qps 0.5 --input-text 15 --input-image-px 1408x768 --output-size 2K

All tokens are means per query; decimals are allowed."
)]
pub struct GsuArgs {
    /// Workload file, or the name of a shipped one; - reads standard input
    #[arg(conflicts_with_all = numbers_of_the_form())]
    pub workload: Option<String>,
    /// How to print the form
    #[arg(long, value_enum, default_value_t = GsuFormat::Text, conflicts_with = "json")]
    pub format: GsuFormat,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub numbers: Option<GsuNumbers>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub tokens: TokenFlags,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// The form's numbers, where no workload says them.
#[derive(Debug, Args)]
pub struct GsuNumbers {
    /// Model id or nickname
    #[arg(long, required = false, required_unless_present = "workload")]
    pub model: String,
    /// Queries per second that need assurance
    #[arg(
        long,
        value_name = "Q",
        allow_negative_numbers = true,
        required = false,
        required_unless_present = "workload"
    )]
    pub qps: Decimal,
    /// Share of the input that is read from a cache, 0 to 1
    #[arg(long, value_name = "S", default_value = "0", allow_negative_numbers = true)]
    pub cached_share: Decimal,
    /// Size of an input image in pixels instead of --input-image; may be repeated
    #[arg(long, value_name = "WxH", conflicts_with = "input_image")]
    pub input_image_px: Vec<Pixels>,
    /// Size of the output image instead of --output-image: 512, 1K, 2K or 4K
    #[arg(long, value_name = "SIZE", conflicts_with = "output_image")]
    pub output_size: Option<ImageSize>,
    /// Where the GSUs would be bought (default: global)
    #[arg(long, default_value = "global")]
    pub location: Location,
}

/// Flags that a workload stands for.
fn numbers_of_the_form() -> Vec<&'static str> {
    let classes = TokenClass::ALL.iter().map(|class| class.as_str());
    ["model", "qps", "cached_share", "input_image_px", "output_size", "location"]
        .into_iter()
        .chain(classes)
        .collect()
}

/// `compare`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  burndown compare product-photos
  burndown compare product-photos --format csv > placements.csv

The ratio is to the placement in the bill; its 90 % range comes from tokens alone, at the same prices.")]
pub struct CompareArgs {
    /// Workload file, or the name of a shipped one; - reads standard input
    pub workload: String,
    /// Printed form
    #[arg(long, value_enum, default_value_t = GsuFormat::Text, conflicts_with = "json")]
    pub format: GsuFormat,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown explain report                       every figure of the first screen and its pointer
  burndown explain report BILL                  those of one section
  burndown explain report /bill/usd_per_request
  burndown explain product-photos bill.month.p95
  burndown plan my.toml --json | burndown explain - '$8,341'")]
pub struct ExplainArgs {
    /// plan.json, a report folder, a workload (planned first), or - for a plan on standard input
    pub plan: String,
    /// JSON pointer (/bill/month/mean), the same with dots, or a section or figure as it is shown
    pub what: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  burndown serve product-photos                 prints an address to open in a browser

The page writes nothing by itself; \"save as\" shows what would change and asks before it replaces a file.")]
pub struct ServeArgs {
    /// Workload file, or the name of a shipped one; - reads standard input
    pub workload: String,
    /// Port on 127.0.0.1; 0 takes a free one (default: 8765, or a free one when that is taken)
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Read the books as of this day (default: today)
    #[arg(long, value_name = "DATE")]
    pub on: Option<Day>,
}

/// `prices`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown prices list --model nano-banana-pro  its rows as of today
  burndown prices check                         how old the book is, and where its sources disagree")]
pub struct PricesArgs {
    /// What to do with the book
    #[command(subcommand)]
    pub action: PricesAction,
}

/// What to do with the price book.
#[derive(Debug, Subcommand)]
pub enum PricesAction {
    /// Rows as of a day
    List {
        /// Only this model (id or nickname)
        #[arg(long)]
        model: Option<String>,
        /// Only this backend
        #[arg(long)]
        backend: Option<Backend>,
        /// Only this tier
        #[arg(long)]
        tier: Option<Tier>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show them as help")]
        answer: Answer,
    },
    /// Age and conflicts of the book: old rows, derived prices, sources that disagree, models at their end
    Check {
        /// Fail (exit code 1) when a row was last checked more than this many days before
        #[arg(long, value_name = "DAYS")]
        max_age_days: Option<u32>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would show them as help")]
        answer: Answer,
    },
}

/// `init`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  burndown init --model nano-banana-2 --requests-per-month 100000 --input-image 1024x1024 > workload.toml")]
pub struct InitArgs {
    /// Model id or nickname
    #[arg(long, default_value = "nano-banana-pro")]
    pub model: String,
    /// Name of the route
    #[arg(long, default_value = "my-feature")]
    pub name: String,
    /// Requests a month
    #[arg(long, default_value_t = 60_000, value_parser = value_parser!(u64).range(1..=1_000_000_000_000))]
    pub requests_per_month: u64,
    /// Size of an input image in pixels; may be repeated
    #[arg(long, value_name = "WxH")]
    pub input_image: Vec<Pixels>,
    /// The prompt, or a typical one
    #[arg(long)]
    pub prompt: Option<String>,
    /// Write to this file instead of standard output; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// One `--flag N` for each token class.
#[derive(Clone, Debug, Default)]
pub struct TokenFlags {
    /// The classes that were given.
    pub given: Vec<(TokenClass, Decimal)>,
}

impl Args for TokenFlags {
    fn augment_args(command: Command) -> Command {
        TokenClass::ALL.iter().fold(command, |command, class| {
            let arg = Arg::new(class.as_str())
                .long(class.as_str().replace('_', "-"))
                .value_name("N")
                .help(format!("Tokens of {}", class.label()))
                .help_heading("Tokens")
                .allow_negative_numbers(true)
                .value_parser(value_parser!(Decimal));
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        TokenFlags::augment_args(command)
    }
}

impl FromArgMatches for TokenFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<TokenFlags, clap::Error> {
        let value = |class: &TokenClass| Some((*class, *matches.get_one::<Decimal>(class.as_str())?));
        Ok(TokenFlags { given: TokenClass::ALL.iter().filter_map(value).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = TokenFlags::from_arg_matches(matches)?;
        Ok(())
    }
}
