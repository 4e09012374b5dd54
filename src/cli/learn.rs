//! Arguments of the verbs that learn what requests take: from calls, logs and rehearsals.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::{Answer, COUNT_MAX};
use crate::{
    calendar::Day,
    model::{Backend, Endpoint, Location},
    units::Usd,
};

/// `calibrate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown calibrate product-photos --check                 who am I, does each placement answer (free)
  burndown calibrate product-photos --dry-run               what each budget would buy; nothing is sent
  burndown calibrate product-photos --budget-usd 20 --out mine
  burndown calibrate product-photos --from-plan report/plan.json --budget-usd 25 --out mine
  burndown calibrate product-photos --emulator --out rehearsal
  burndown --profiles mine plan product-photos

Keys and credentials: GEMINI_API_KEY or GOOGLE_API_KEY for the Developer API; for Vertex AI what Google's
libraries use (GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login, a metadata server), or the
JSON itself in GOOGLE_APPLICATION_CREDENTIALS_JSON, and GOOGLE_CLOUD_PROJECT. A placement without credentials is
left out.

No more than the budget is ever spent: before a request is sent, its worst price is set aside, which is that of
the longest prompt and answer that the contract allows, at the dearest rate, and a quarter. Should an answer cost
more than even that, it is paid from the rest of the budget, its placement is left, and as much more is set aside
for every other request. The bill can exceed the budget by no more than what such answers cost beyond what was
set aside, and only by those that were in flight when the last request was sent (at most --concurrency) or never
told their price.")]
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
    /// Measure what this plan.json proposes to measure next: its first placement, so many requests
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["placement", "model"])]
    pub from_plan: Option<PathBuf>,
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
    /// Rows of the log in those days, for an estimate of the bytes that are read
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=COUNT_MAX), requires = "row_bytes")]
    pub rows: Option<u64>,
    /// Mean bytes of one of these rows, request and response together
    #[arg(long, value_name = "BYTES", value_parser = value_parser!(u64).range(1..=COUNT_MAX), requires = "rows")]
    pub row_bytes: Option<u64>,
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
