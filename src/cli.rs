//! The command line as types; nothing here reads or prints.

mod held_against;
mod replay;

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueEnum, value_parser};
use rust_decimal::Decimal;

use crate::{
    calendar::Day,
    model::{Backend, Endpoint, ImageSize, Location, Pixels, Tier, TokenClass},
    units::Usd,
};

pub use held_against::{BacktestArgs, CheckArgs, DiffArgs, ReconcileArgs};
pub use replay::{
    ClockKind, EstimateFlag, GsuCounts, LatencyFlag, OverrunKind, RefundKind, ReplayArgs, TraceKind,
};

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
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
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

Shipped workloads: product-photos, text-to-image, captions, company")]
pub struct PlanArgs {
    /// Workload file, or the name of a shipped one; - reads standard input
    pub workload: String,
    /// Write the report into this folder: HTML, SVG and PNG charts, JSON, CSV, Markdown
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    pub format: Format,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// How `plan` and `gsu` print.
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
    /// How to print the form of a workload
    #[arg(long, value_enum, default_value_t = Format::Text, conflicts_with = "json")]
    pub format: Format,
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

/// `calibrate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown calibrate product-photos --check                 who am I, does each placement answer (free)
  burndown calibrate product-photos --dry-run               what each budget would buy; nothing is sent
  burndown calibrate product-photos --budget-usd 20 --out mine
  burndown calibrate product-photos --emulator --out rehearsal
  burndown --profiles mine plan product-photos

Keys and credentials: GEMINI_API_KEY or GOOGLE_API_KEY for the Developer API; for Vertex AI what Google's
libraries use (GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login, a metadata server), or the
JSON itself in GOOGLE_APPLICATION_CREDENTIALS_JSON, and GOOGLE_CLOUD_PROJECT. A placement without credentials is
left out. No more than the budget is ever spent: each request's worst price is set aside before it is sent.")]
pub struct CalibrateArgs {
    /// Workload file, or the name of a shipped one
    pub workload: String,
    /// Only free calls: is every placement ready, and what is missing
    #[arg(long, conflicts_with_all = ["dry_run", "resume"])]
    pub check: bool,
    /// Send nothing: cells, expected requests, dollars, minutes, and what each budget would buy
    #[arg(long)]
    pub dry_run: bool,
    /// Rehearse against the emulator: no key, no money; the profiles are graded rehearsed
    #[arg(long)]
    pub emulator: bool,
    /// Most US dollars to spend, what is in flight at its worst price included
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub budget_usd: Option<Usd>,
    /// Most requests to send
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pub max_requests: u64,
    /// Send nothing more after so many minutes
    #[arg(long, value_name = "M", default_value_t = 240.0)]
    pub max_minutes: f64,
    /// Requests at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u64).range(1..=64))]
    pub concurrency: u64,
    /// Half width of each placement's total, as a share of it [default: 0.05, less where the volume is wider]
    #[arg(long, value_name = "SHARE")]
    pub precision: Option<f64>,
    /// Precision of the sum of all placements instead of each
    #[arg(long)]
    pub pooled: bool,
    /// An interval that holds whenever one stops; takes 2 to 3 times as many requests, or far more
    #[arg(long)]
    pub guarantee: bool,
    /// Only this placement: developer, vertex:global, vertex:REGION; may be repeated
    #[arg(long, value_name = "PLACEMENT")]
    pub placement: Vec<Endpoint>,
    /// Only this model (id or nickname); may be repeated
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// Google Cloud project
    #[arg(long, env = "GOOGLE_CLOUD_PROJECT")]
    pub project: Option<String>,
    /// Call Vertex AI with the API key instead of credentials and project (global endpoint)
    #[arg(long)]
    pub express: bool,
    /// Spend tier of the Developer API account, 1 to 3: requests are paced under its cap per ten minutes
    #[arg(long, value_name = "TIER")]
    pub developer_tier: Option<u32>,
    /// Ask for answers as streams
    #[arg(long)]
    pub stream: bool,
    /// Give up on an answer after so many seconds; it counts as billed then
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = value_parser!(u64).range(1..=3600))]
    pub timeout_seconds: u64,
    /// Seed of what is left to chance
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Journal of the calibration [default: DIR/calibration.jsonl, or WORKLOAD.calibration.jsonl here]
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Go on with that journal: nothing in it is bought again
    #[arg(long)]
    pub resume: bool,
    /// Write the learned profiles into this folder, an overlay for --profiles
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `drift`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  burndown --profiles mine drift new-observations.jsonl

Exit code 1 when something drifted.")]
pub struct DriftArgs {
    /// Files of new observations
    #[arg(required = true)]
    pub observations: Vec<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `fit`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  burndown fit profiles/observations/public.csv --out mine
  burndown --profiles mine plan product-photos

Reads JSON lines of observations (schema burndown.observation/1) or the CSV of published usage.
The profiles written are an overlay: rules and sources of the shipped ones, cells learned anew.")]
pub struct FitArgs {
    /// Files of observations
    #[arg(required = true)]
    pub observations: Vec<PathBuf>,
    /// Write the profiles into this folder (DIR/tokens/BACKEND/MODEL.toml)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Key under which the profiles name these observations
    #[arg(long, default_value = "OBSERVED")]
    pub source: String,
    /// Title of that source
    #[arg(long, default_value = "own observations")]
    pub title: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown import logs/*.jsonl.gz --invocations 1204331 --out mine
  bq extract … ; burndown import export/ --route-by labels.feature --out mine
  burndown --profiles mine plan mine/workloads/imported.toml

Formats, told row by row: response, vertex, litellm, langfuse, helicone, otel, ai-studio, vcr, observation,
aggregate; as JSON, JSON lines, server-sent events, CSV, Parquet or YAML, plain, gzip or zstd.
Written into --out: observations.jsonl (up to 5,000 rows) or aggregates.jsonl, tokens/, workloads/imported.toml,
arrivals.csv. Prompts, pictures and keys are never written.")]
pub struct ImportArgs {
    /// Files, patterns or folders; - reads standard input
    #[arg(required = true)]
    pub logs: Vec<String>,
    /// Format of all rows, where their fields do not tell
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// What names a row's route: model, size, or a field of the request or the row such as labels.feature
    #[arg(long, value_name = "FIELD")]
    pub route_by: Option<String>,
    /// Who answered: developer or vertex, where the rows do not tell
    #[arg(long)]
    pub backend: Option<Backend>,
    /// Share of the requests that the logging keeps, above 0 to 1
    #[arg(long, value_name = "SHARE")]
    pub sampling_rate: Option<f64>,
    /// Requests that Google counted in the same time (metric model_invocation_count)
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=COUNT_MAX))]
    pub invocations: Option<u64>,
    /// Tokens that Google billed in the same time, all classes together
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=COUNT_MAX), conflicts_with = "invocations")]
    pub billed_tokens: Option<u64>,
    /// Time zone of the hours and days of the arrival pattern
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub time_zone: String,
    /// Write observations, profiles, workload and arrivals into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write single observations up to this number of rows, sums beyond
    #[arg(long, value_name = "N", default_value_t = crate::usage::AGGREGATE_ABOVE)]
    pub observations_up_to: u64,
    /// Key under which the profiles name this log
    #[arg(long, default_value = "IMPORTED")]
    pub source: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// `sql`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  burndown sql --engine bigquery --table project.dataset.request_response_logging --since 2026-11-01 \\
    | bq query --use_legacy_sql=false --format=csv --max_rows=100000000 > sums.csv
  burndown import sums.csv --invocations 1204331 --out mine

The table is that of Vertex AI's request-response logging.")]
pub struct SqlArgs {
    /// The dialect: bigquery, spark or duckdb
    #[arg(long)]
    pub engine: String,
    /// The table, as it is written in a query of that engine
    #[arg(long)]
    pub table: String,
    /// First day of the log that counts
    #[arg(long, value_name = "DATE")]
    pub since: Option<Day>,
    /// First day that does not count any more
    #[arg(long, value_name = "DATE")]
    pub until: Option<Day>,
    /// What names a row's route: model, size, or a field of the request such as labels.feature
    #[arg(long, value_name = "FIELD")]
    pub route_by: Option<String>,
}

/// `compare`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  burndown compare product-photos

The ratio is to the placement in the bill; its 90 % range comes from tokens alone, at the same prices.")]
pub struct CompareArgs {
    /// Workload file, or the name of a shipped one; - reads standard input
    pub workload: String,
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

/// `prices`.
#[derive(Debug, Args)]
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

/// `emulate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown emulate --port 8089                  prints the exports that point the official SDKs here
  burndown emulate --faults faults.toml --latency 0.1

Listens on 127.0.0.1 only. Any key and token will do; those that begin with `invalid`, `no-billing`,
`api-disabled` or `expired`, and projects that begin with `no-permission`, `no-billing` or `api-disabled`,
meet the refusal of that name. Paths of its own: /_burndown/ledger (what was billed), /_burndown/truth/PATH
(what a request to PATH takes on average), /token and /computeMetadata (tokens).")]
pub struct EmulateArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Seed of everything drawn: the same requests in the same order get the same bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// File of how answers differ from the token profiles
    #[arg(long, value_name = "FILE")]
    pub behaviour: Option<PathBuf>,
    /// File of what goes wrong, and when
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Share of the real latency that is waited: 0 answers at once, 1 as slowly as the backends do
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = latency)]
    pub latency: f64,
    /// GSUs that serve calls to Vertex AI; at the global location unless one is named; may be repeated
    #[arg(long, value_name = "MODEL[@LOCATION]=N", value_parser = bought)]
    pub gsu: Vec<(String, Location, u64)>,
    /// Play this day: it decides prices and which models live (default: today)
    #[arg(long, value_name = "DATE")]
    pub on: Option<Day>,
    /// Write what was billed into this file at the end, as JSON
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

fn bought(text: &str) -> Result<(String, Location, u64), String> {
    let wrong = || format!("expected MODEL=N or MODEL@LOCATION=N with N from 1, found `{text}`");
    let (place, count) = text.split_once('=').ok_or_else(wrong)?;
    let count = count.parse().ok().filter(|count| (1..=100_000).contains(count)).ok_or_else(wrong)?;
    let (model, location) = match place.split_once('@') {
        Some((model, location)) => (model, location.parse().map_err(|error| format!("{error}"))?),
        None => (place, Location::Global),
    };
    Ok((model.to_string(), location, count))
}

fn latency(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=10.0).contains(share));
    share.ok_or_else(|| format!("expected a number from 0 to 10, found `{text}`"))
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
