//! What `replay` answers, as JSON and as a table.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Job, Seen};
use crate::{
    capacity::{Estimate, Overrun, Refund},
    model::{ByClass, Grade, TokenClass},
    replay::{ArrivalPattern, Clock, Latency, Mean, Outcome},
    report::{
        format::{decimal_grouped, figure, grouped, percent},
        plain_table,
    },
    warning::Warning,
};

/// Shares of the burn, in percent, whose first sufficient count is named.
const PERCENTS: [u32; 2] = [5, 1];

/// The JSON form.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct ReplayAnswer<'a> {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.replay/1"))]
    schema: &'static str,
    trace: &'a str,
    format: &'static str,
    model: Option<&'a str>,
    resolved: &'a [String],
    rules: Rules<'a>,
    demand: DemandAnswer<'a>,
    purchases: Vec<PurchaseAnswer<'a>>,
    arrivals: Option<ArrivalsAnswer<'a>>,
    warnings: &'a [Warning],
}

/// Burn tokens: a number where it is whole, else a decimal text, since a float would lose digits.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Burn {
    Whole(u64),
    Exact(String),
    /// A mean over phases of the windows.
    Mean(f64),
}

impl Burn {
    fn of(job: &Job<'_>, units: u128) -> Burn {
        let tokens = job.rates.burn_tokens(units);
        match u64::try_from(tokens) {
            Ok(whole) if tokens.fract().is_zero() => Burn::Whole(whole),
            _ => Burn::Exact(tokens.to_string()),
        }
    }

    fn mean(job: &Job<'_>, units: Mean) -> Burn {
        match units.whole() {
            Some(whole) => Burn::of(job, whole),
            None => Burn::Mean(units.value() / job.rates.units_per_burn() as f64),
        }
    }
}

/// A number of requests: whole, or a mean over phases of the windows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Requests {
    Whole(u64),
    Mean(f64),
}

impl Requests {
    fn of(mean: Mean) -> Requests {
        let whole = mean.whole().and_then(|whole| u64::try_from(whole).ok());
        whole.map_or(Requests::Mean(mean.value()), Requests::Whole)
    }
}

/// The rule of admission that was replayed.
#[derive(Debug, Serialize, JsonSchema)]
struct Rules<'a> {
    /// When windows begin.
    clock: ClockName,
    /// Starts of fixed windows that results are means over.
    phases: Option<u32>,
    /// What a request is taken to burn before its answer.
    estimate: EstimateAnswer,
    /// Seconds of every answer, or those of the trace.
    latency_seconds: LatencyAnswer,
    /// When what an answer did not burn is given back.
    refund: RefundName,
    /// What becomes of burn above the quota.
    overrun: Overrun,
    /// Zone of the hours, where the trace has a calendar.
    time_zone: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ClockName {
    Fixed,
    Sliding,
    Bucket,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EstimateAnswer {
    /// Exactly what it will burn.
    Actual,
    /// Its input alone.
    Input,
    /// Its input and this output.
    OutputBurn(Burn),
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum LatencyAnswer {
    Seconds(f64),
    Trace(OfTrace),
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OfTrace {
    Trace,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum RefundName {
    Any,
    SameWindow,
    Never,
}

/// What the trace asked for.
#[derive(Debug, Serialize, JsonSchema)]
struct DemandAnswer<'a> {
    /// Lines of the trace that hold something.
    rows: u64,
    /// Requests among them.
    requests: u64,
    /// From the first to the last.
    seconds: f64,
    burn: Burn,
    output_burn: Burn,
    largest_request_burn: Burn,
    largest_output_burn: Burn,
    /// Tokens by class.
    tokens: &'a ByClass<u64>,
    /// From midnight on.
    requests_by_hour: &'a [u64],
}

/// What a GSU count leaves.
#[derive(Debug, Serialize, JsonSchema)]
struct PurchaseAnswer<'a> {
    gsu: u64,
    window_seconds: u64,
    /// How the window is known.
    window_grade: Option<&'static str>,
    quota_per_window: Burn,
    left_requests: Requests,
    left_burn: Burn,
    share_of_burn: f64,
    share_of_requests: f64,
    /// Windows in which something is left.
    share_of_windows: f64,
    /// From midnight on; null for an hour without requests.
    share_of_burn_by_hour: &'a [Option<f64>],
    /// From midnight on; null for an hour without requests.
    share_of_requests_by_hour: &'a [Option<f64>],
}

/// How requests arrive.
#[derive(Debug, Serialize, JsonSchema)]
struct ArrivalsAnswer<'a> {
    mean_per_second: f64,
    /// Requests in the busiest minute.
    busiest_minute: u64,
    whole_days: usize,
    /// Standard deviation of the requests of whole days over their mean.
    daily_cv: Option<f64>,
    /// Of 24 hours, mean 1.
    hour_weights: Option<&'a [f64]>,
    /// Of 7 days from Monday, mean 1.
    day_weights: Option<&'a [f64]>,
    /// Of 168 hours from Monday 0:00, mean 1.
    week_hour_weights: Option<&'a [f64]>,
    cell_seconds: Option<f64>,
    cell_days: Option<u32>,
    request_weighted_rate: Option<f64>,
    /// Swing of the rate around its hours.
    cv: Option<f64>,
    correlation_seconds: Option<f64>,
    dispersion: Vec<DispersionAnswer>,
}

/// How counts of windows scatter.
#[derive(Debug, Serialize, JsonSchema)]
struct DispersionAnswer {
    window_seconds: f64,
    /// Variance over mean.
    index: f64,
    /// Whether it counts in the fit.
    in_fit: bool,
    /// Negative binomial shape of the fit.
    fitted_shape: Option<f64>,
}

pub(super) fn answer<'a>(job: &'a Job<'_>, seen: &'a Seen, warnings: &'a [Warning]) -> ReplayAnswer<'a> {
    ReplayAnswer {
        schema: "burndown.replay/1",
        trace: &job.name,
        format: seen.format.as_str(),
        model: job.model.as_ref().map(|model| model.0.as_str()),
        resolved: &job.resolved,
        rules: rules(job, seen),
        demand: demand(job, seen),
        purchases: seen.outcomes.iter().map(|outcome| purchase(job, outcome)).collect(),
        arrivals: seen.pattern.as_ref().map(arrivals),
        warnings,
    }
}

fn rules<'a>(job: &'a Job<'_>, seen: &Seen) -> Rules<'a> {
    let (clock, phases) = match job.options.clock {
        Clock::Fixed { phases } => (ClockName::Fixed, Some(phases)),
        Clock::Sliding => (ClockName::Sliding, None),
        Clock::Bucket => (ClockName::Bucket, None),
    };
    Rules {
        clock,
        phases,
        estimate: match seen.estimate {
            Estimate::Actual => EstimateAnswer::Actual,
            Estimate::InputOnly => EstimateAnswer::Input,
            Estimate::Output(units) => EstimateAnswer::OutputBurn(Burn::of(job, u128::from(units))),
        },
        latency_seconds: match job.options.latency {
            Latency::Same(micros) => LatencyAnswer::Seconds(micros as f64 / 1e6),
            Latency::OfTrace(_) => LatencyAnswer::Trace(OfTrace::Trace),
        },
        refund: match job.options.refund {
            Refund::Any => RefundName::Any,
            Refund::SameWindow => RefundName::SameWindow,
            Refund::Never => RefundName::Never,
        },
        overrun: job.options.overrun,
        time_zone: seen.format.has_calendar_time().then_some(job.args.time_zone.as_str()),
    }
}

fn demand<'a>(job: &Job<'_>, seen: &'a Seen) -> DemandAnswer<'a> {
    let demand = &seen.demand;
    DemandAnswer {
        rows: seen.notes.rows,
        requests: demand.requests,
        seconds: demand.seconds(),
        burn: Burn::of(job, demand.units),
        output_burn: Burn::of(job, demand.output_units),
        largest_request_burn: Burn::of(job, u128::from(demand.largest_units)),
        largest_output_burn: Burn::of(job, u128::from(demand.largest_output_units)),
        tokens: &seen.notes.tokens,
        requests_by_hour: &demand.requests_by_hour,
    }
}

fn purchase<'a>(job: &Job<'_>, outcome: &'a Outcome) -> PurchaseAnswer<'a> {
    PurchaseAnswer {
        gsu: outcome.purchase.gsu,
        window_seconds: outcome.purchase.window_seconds,
        window_grade: outcome.purchase.window_grade.map(Grade::as_str),
        quota_per_window: Burn::of(job, u128::from(outcome.purchase.quota_units)),
        left_requests: Requests::of(outcome.requests),
        left_burn: Burn::mean(job, outcome.units),
        share_of_burn: outcome.share_of_units,
        share_of_requests: outcome.share_of_requests,
        share_of_windows: outcome.share_of_windows(),
        share_of_burn_by_hour: &outcome.share_of_units_by_hour,
        share_of_requests_by_hour: &outcome.share_of_requests_by_hour,
    }
}

fn arrivals(pattern: &ArrivalPattern) -> ArrivalsAnswer<'_> {
    let dispersion = pattern.dispersion.iter().map(|(point, counts)| DispersionAnswer {
        window_seconds: point.window_seconds,
        index: point.index,
        in_fit: *counts,
        fitted_shape: pattern.modulation.map(|modulation| modulation.shape(point.window_seconds)),
    });
    ArrivalsAnswer {
        mean_per_second: pattern.mean_rate,
        busiest_minute: pattern.busiest_minute,
        whole_days: pattern.whole_days,
        daily_cv: pattern.daily_cv,
        hour_weights: pattern.hour_weights.as_deref(),
        day_weights: pattern.day_weights.as_deref(),
        week_hour_weights: pattern.week_hour_weights.as_deref(),
        cell_seconds: pattern.cells.map(|cells| cells.stretch_seconds),
        cell_days: pattern.cells.map(|cells| cells.stretches),
        request_weighted_rate: pattern.cells.map(|cells| cells.rate),
        cv: pattern.modulation.map(|modulation| modulation.cv),
        correlation_seconds: pattern.modulation.and_then(|modulation| modulation.correlation_seconds),
        dispersion: dispersion.collect(),
    }
}

pub(super) fn text(job: &Job<'_>, seen: &Seen) -> String {
    let demand = &seen.demand;
    let tokens = |units: u128| decimal_grouped(job.rates.burn_tokens(units).round_dp(1));
    let mut text = format!("{} · {}", job.name, seen.format.as_str());
    if let Some(model) = &job.model {
        text += &format!(" · {model} · {}", job.day);
    }
    text.push('\n');
    for line in &job.resolved {
        text += &format!("  {line}\n");
    }
    let seconds = demand.seconds();
    text += &format!("  {} requests in {}", grouped(demand.requests), duration(seconds));
    if seconds > 0.0 {
        text += &format!(", {} a second", figure(demand.requests as f64 / seconds));
    }
    text += &format!(
        "\n  burn {}, the largest request {}\n",
        tokens(demand.units),
        tokens(u128::from(demand.largest_units))
    );
    text += &format!("  {}\n", burn_words(job));
    text += &format!("  {}\n", rule_words(job, seen));
    text += "\n  Left to PayGo:\n";
    let mut rows = vec![
        ["GSU", "window", "quota", "requests", "burn", "% burn", "% req.", "% win."]
            .map(String::from)
            .to_vec(),
    ];
    for outcome in &seen.outcomes {
        let assumed = if outcome.purchase.window_grade == Some(Grade::Assumed) { "~" } else { "" };
        rows.push(vec![
            grouped(outcome.purchase.gsu),
            format!("{assumed}{} s", outcome.purchase.window_seconds),
            tokens(u128::from(outcome.purchase.quota_units)),
            mean_words(outcome.requests, 1),
            mean_words(outcome.units, job.rates.units_per_burn()),
            percent(outcome.share_of_units),
            percent(outcome.share_of_requests),
            percent(outcome.share_of_windows()),
        ]);
    }
    text += &plain_table(&rows);
    text + &enough(seen)
}

/// From which of the counts on no more than a share is left.
fn enough(seen: &Seen) -> String {
    let from = |percent: u32| {
        let enough = |outcome: &&Outcome| outcome.share_of_units * 100.0 <= f64::from(percent);
        seen.outcomes.iter().rev().take_while(enough).last().map(|outcome| outcome.purchase.gsu)
    };
    let words = PERCENTS.map(|percent| match from(percent) {
        Some(gsu) => format!("  At most {percent} % of the burn is left from {} GSU on.\n", grouped(gsu)),
        None => format!("  More than {percent} % of the burn is left at the largest count.\n"),
    });
    format!("\n{}", words.concat())
}

fn mean_words(mean: Mean, units: u64) -> String {
    match mean.whole().and_then(|whole| u64::try_from(whole).ok()) {
        Some(whole) => decimal_grouped((Decimal::from(whole) / Decimal::from(units)).round_dp(1)),
        None => figure(mean.value() / units as f64),
    }
}

fn burn_words(job: &Job<'_>) -> String {
    let rate = |class: TokenClass| job.rates.rate(class).map_or("no rate".into(), |rate| format!("× {rate}"));
    let mut classes = vec![("input", TokenClass::InputText), ("output", TokenClass::OutputText)];
    if job.args.burn_input.is_none() && job.rates.rate(TokenClass::OutputImage).is_some() {
        classes.push(("output image", TokenClass::OutputImage));
    }
    let classes: Vec<String> =
        classes.iter().map(|(name, class)| format!("{name} {}", rate(*class))).collect();
    format!("burn = {}", classes.join(" + "))
}

fn rule_words(job: &Job<'_>, seen: &Seen) -> String {
    let clock = match job.options.clock {
        Clock::Fixed { phases: 1 } => "fixed windows from the first request".to_string(),
        Clock::Fixed { phases } => format!("fixed windows, mean of {phases} phases"),
        Clock::Sliding => "sliding windows".into(),
        Clock::Bucket => "a bucket".into(),
    };
    let estimate = match seen.estimate {
        Estimate::Actual => return format!("{clock}, estimate = actual"),
        Estimate::InputOnly => "input alone".into(),
        Estimate::Output(units) => {
            format!("input + {}", decimal_grouped(job.rates.burn_tokens(u128::from(units)).round_dp(1)))
        }
    };
    let latency = match job.options.latency {
        Latency::Same(micros) => format!("after {} s", micros as f64 / 1e6),
        Latency::OfTrace(_) => "after the trace's latency".into(),
    };
    let refund = match job.options.refund {
        Refund::Any => "given back",
        Refund::SameWindow => "given back in the same window",
        Refund::Never => "never given back",
    };
    let overrun = match job.options.overrun {
        Overrun::Forget => "overrun forgotten",
        Overrun::Debt => "overrun owed",
    };
    format!("{clock}, estimate = {estimate}\n  too much is {refund} {latency}, {overrun}")
}

/// `58 min 22 s`, `3.5 hours`, `12 days`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..7_200 => format!("{} min {} s", whole / 60, whole % 60),
        7_200..172_800 => format!("{:.1} hours", seconds / 3_600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}
