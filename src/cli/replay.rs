//! The flags of `replay`.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum, value_parser};
use rust_decimal::Decimal;

use super::{Answer, COUNT_MAX};

/// `replay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  burndown replay requests.csv --model gemini-2.5-flash --gsu 1..40
  burndown replay log.jsonl --model nano-banana-pro --estimate maximum --latency trace
  burndown replay requests.csv.gz --burn-input 1 --burn-output 9 --burn-per-second-per-gsu 2690 --window 30
  burndown replay log.jsonl --learn-rule --model nano-banana-pro --gsu 5 --invocations 20140

Read are Azure's LLM traces, BurstGPT, Vidur (CSV), Mooncake, AIPerf records and this program's own
observations (JSON lines), plain or gzip. Estimate, clock, refund and overrun are not documented by Google:
compare their settings.")]
pub struct ReplayArgs {
    /// The trace; - reads standard input
    pub trace: PathBuf,
    /// Model id or nickname whose burndown rates, throughput and windows count
    #[arg(long)]
    pub model: Option<String>,
    /// GSU counts: 1..40, or 4,8,9, or both
    #[arg(long, value_name = "COUNTS", default_value = "1..40")]
    pub gsu: GsuCounts,
    /// Kind of trace (default: by its first line)
    #[arg(long, value_enum)]
    pub format: Option<TraceKind>,
    /// Window of every GSU count, seconds (default: the model's)
    #[arg(long, value_name = "SECONDS")]
    pub window: Option<u64>,
    /// Burn tokens a second that one GSU carries (default: the model's)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub burn_per_second_per_gsu: Option<Decimal>,
    /// Burn tokens per input token, instead of the model's
    #[arg(long, value_name = "RATE", requires = "burn_output", allow_negative_numbers = true)]
    pub burn_input: Option<Decimal>,
    /// Burn tokens per output token, instead of the model's
    #[arg(long, value_name = "RATE", requires = "burn_input", allow_negative_numbers = true)]
    pub burn_output: Option<Decimal>,
    /// Output that a request is admitted with: actual, mean, maximum, input (none), a factor on the mean such as
    /// 2.0, or burn:N
    #[arg(long, value_name = "RULE", default_value = "actual")]
    pub estimate: EstimateFlag,
    /// When a window starts and ends
    #[arg(long, value_enum, default_value_t = ClockKind::Fixed)]
    pub clock: ClockKind,
    /// Seconds until an answer is complete, or trace for each request's own
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    pub latency: LatencyFlag,
    /// When an estimate that was too high is given back
    #[arg(long, value_enum, default_value_t = RefundKind::Any)]
    pub refund: RefundKind,
    /// What becomes of burn above the quota
    #[arg(long, value_enum, default_value_t = OverrunKind::Forget)]
    pub overrun: OverrunKind,
    /// Average over so many phases of a fixed clock
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=1000))]
    pub phases: u32,
    /// Zone of the hours in the result
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub time_zone: String,
    /// Write what the trace teaches of arrivals into this workload file; an existing one is not overwritten
    #[arg(long, value_name = "FILE", requires = "model")]
    pub fit: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub learn: LearnFlags,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them as help")]
    pub answer: Answer,
}

/// Flags of `--learn-rule`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning the rule of admission")]
pub struct LearnFlags {
    /// Which rule of admission explains who served each request? The trace is a log with trafficType, in any
    /// format that import reads; --gsu is the count that was bought
    #[arg(
        long,
        requires = "model",
        conflicts_with_all = ["format", "estimate", "clock", "latency", "refund", "overrun", "phases", "fit"]
    )]
    pub learn_rule: bool,
    /// Requests that Google counted for the model in the time of the log (metric model_invocation_count)
    #[arg(long, value_name = "N", requires = "learn_rule", value_parser = value_parser!(u64).range(1..=COUNT_MAX))]
    pub invocations: Option<u64>,
    /// The same, and the GSU count, from Cloud Monitoring: answers of projects.timeSeries.list (JSON), or CSV files
    /// of Metrics Explorer under the names that it gives
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "learn_rule", conflicts_with = "invocations")]
    pub pt_metrics: Vec<PathBuf>,
    /// Which moment the log's times are
    #[arg(long, value_enum, requires = "learn_rule", default_value_t = LoggedTimeKind::Answer)]
    pub logged_time: LoggedTimeKind,
    /// Write what was learned into this file; an existing one is not overwritten
    #[arg(long, value_name = "FILE", requires = "learn_rule")]
    pub rule_file: Option<PathBuf>,
}

/// Which moment the times of a log are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LoggedTimeKind {
    /// The complete answer; requests arrived their latency earlier
    Answer,
    /// The request
    Arrival,
}

/// A kind of trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceKind {
    /// CSV: TIMESTAMP, ContextTokens, GeneratedTokens
    Azure,
    /// CSV: Timestamp, Request tokens, Response tokens
    Burstgpt,
    /// CSV: arrived_at, num_prefill_tokens, num_decode_tokens
    Vidur,
    /// JSON lines: timestamp, input_length, output_length
    Mooncake,
    /// JSON lines of AIPerf's per-request records
    Aiperf,
    /// JSON lines of observations
    Observations,
}

/// When a window starts and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClockKind {
    /// One window after the other, as documented
    Fixed,
    /// The time before each request
    Sliding,
    /// A bucket that fills steadily
    Bucket,
}

/// When an estimate that was too high is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RefundKind {
    /// Whenever the answer completes
    Any,
    /// Only in the window of the request
    SameWindow,
    /// Never
    Never,
}

/// What becomes of burn above the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OverrunKind {
    /// It ends with its window
    Forget,
    /// It counts against the next windows
    Debt,
}

/// Most GSU counts of one replay.
pub const GSU_COUNTS_MAX: usize = 2_000;

/// GSU counts, ascending and each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GsuCounts(pub Vec<u64>);

impl FromStr for GsuCounts {
    type Err = String;

    fn from_str(text: &str) -> Result<GsuCounts, String> {
        let wrong =
            || format!("expected counts such as `1..40` or `4,8,9`, at most {GSU_COUNTS_MAX} of them");
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let mut counts = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once("..") {
                Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
                None => (number(part)?, number(part)?),
            };
            let good = first > 0 && first <= last && last - first < GSU_COUNTS_MAX as u64;
            if !good || counts.len() > GSU_COUNTS_MAX {
                return Err(wrong());
            }
            counts.extend(first..=last);
        }
        counts.sort_unstable();
        counts.dedup();
        if counts.len() > GSU_COUNTS_MAX { Err(wrong()) } else { Ok(GsuCounts(counts)) }
    }
}

/// What a request is admitted with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EstimateFlag {
    /// What it will burn.
    Actual,
    /// Input and the mean output.
    Mean,
    /// Input and the largest output.
    Maximum,
    /// Input alone.
    Input,
    /// Input and the mean output times this.
    Factor(f64),
    /// Input and this burn.
    Burn(Decimal),
}

impl FromStr for EstimateFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<EstimateFlag, String> {
        let wrong =
            || "expected actual, mean, maximum, input, a factor from 0 to 1000, or burn:N".to_string();
        Ok(match text {
            "actual" => EstimateFlag::Actual,
            "mean" => EstimateFlag::Mean,
            "maximum" => EstimateFlag::Maximum,
            "input" => EstimateFlag::Input,
            _ => match text.strip_prefix("burn:") {
                Some(burn) => {
                    let burn: Decimal = burn.parse().map_err(|_| wrong())?;
                    let good = (Decimal::ZERO..=Decimal::from(COUNT_MAX)).contains(&burn);
                    EstimateFlag::Burn(if good { burn } else { return Err(wrong()) })
                }
                None => {
                    let factor: f64 = text.parse().map_err(|_| wrong())?;
                    let good = (0.0..=1_000.0).contains(&factor);
                    EstimateFlag::Factor(if good { factor } else { return Err(wrong()) })
                }
            },
        })
    }
}

/// How long answers take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LatencyFlag {
    /// So many seconds each.
    Seconds(f64),
    /// As the trace says.
    Trace,
}

impl FromStr for LatencyFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<LatencyFlag, String> {
        if text == "trace" {
            return Ok(LatencyFlag::Trace);
        }
        let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
        seconds
            .map(LatencyFlag::Seconds)
            .ok_or_else(|| "expected seconds from 0 to 86400, or trace".to_string())
    }
}
