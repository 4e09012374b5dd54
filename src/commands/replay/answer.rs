//! What `replay` answers, as JSON and as a table.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Job, Seen};
use crate::{
    capacity::{Estimate, Overrun, Refund},
    model::{Grade, TokenClass},
    replay::{Clock, Latency, Mean, Outcome},
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
    rules: Value,
    demand: Value,
    purchases: Vec<Value>,
    arrivals: Option<Value>,
    warnings: &'a [Warning],
}

pub(super) fn answer<'a>(job: &'a Job<'_>, seen: &Seen, warnings: &'a [Warning]) -> ReplayAnswer<'a> {
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

fn rules(job: &Job<'_>, seen: &Seen) -> Value {
    let (clock, phases) = match job.options.clock {
        Clock::Fixed { phases } => ("fixed", Some(phases)),
        Clock::Sliding => ("sliding", None),
        Clock::Bucket => ("bucket", None),
    };
    let latency = match job.options.latency {
        Latency::Same(micros) => json!(micros as f64 / 1e6),
        Latency::OfTrace(_) => json!("trace"),
    };
    json!({
        "clock": clock,
        "phases": phases,
        "estimate": match seen.estimate {
            Estimate::Actual => json!("actual"),
            Estimate::InputOnly => json!("input"),
            Estimate::Output(units) => json!({ "output_burn": burn(job, u128::from(units)) }),
        },
        "latency_seconds": latency,
        "refund": match job.options.refund {
            Refund::Any => "any",
            Refund::SameWindow => "same-window",
            Refund::Never => "never",
        },
        "overrun": match job.options.overrun {
            Overrun::Forget => "forget",
            Overrun::Debt => "debt",
        },
        "time_zone": if seen.format.has_calendar_time() { json!(job.args.time_zone) } else { Value::Null },
    })
}

fn demand(job: &Job<'_>, seen: &Seen) -> Value {
    let demand = &seen.demand;
    json!({
        "rows": seen.notes.rows,
        "requests": demand.requests,
        "seconds": demand.seconds(),
        "burn": burn(job, demand.units),
        "output_burn": burn(job, demand.output_units),
        "largest_request_burn": burn(job, u128::from(demand.largest_units)),
        "largest_output_burn": burn(job, u128::from(demand.largest_output_units)),
        "tokens": seen.notes.tokens,
        "requests_by_hour": demand.requests_by_hour,
    })
}

fn purchase(job: &Job<'_>, outcome: &Outcome) -> Value {
    let windows = outcome.share_of_windows();
    json!({
        "gsu": outcome.purchase.gsu,
        "window_seconds": outcome.purchase.window_seconds,
        "window_grade": outcome.purchase.window_grade.map(Grade::as_str),
        "quota_per_window": burn(job, u128::from(outcome.purchase.quota_units)),
        "left_requests": mean(outcome.requests),
        "left_burn": match outcome.units.whole() {
            Some(units) => burn(job, units),
            None => json!(outcome.units.value() / job.rates.units_per_burn() as f64),
        },
        "share_of_burn": outcome.share_of_units,
        "share_of_requests": outcome.share_of_requests,
        "share_of_windows": windows,
        "share_of_burn_by_hour": outcome.share_of_units_by_hour,
        "share_of_requests_by_hour": outcome.share_of_requests_by_hour,
    })
}

/// A number where it is whole, else a decimal text, since a float would lose digits.
fn burn(job: &Job<'_>, units: u128) -> Value {
    let tokens = job.rates.burn_tokens(units);
    match u64::try_from(tokens) {
        Ok(whole) if tokens.fract().is_zero() => json!(whole),
        _ => json!(tokens.to_string()),
    }
}

fn mean(mean: Mean) -> Value {
    mean.whole().and_then(|whole| u64::try_from(whole).ok()).map_or(json!(mean.value()), |whole| json!(whole))
}

fn arrivals(pattern: &crate::replay::ArrivalPattern) -> Value {
    let dispersion = pattern.dispersion.iter().map(|(point, counts)| {
        let shape = pattern.modulation.map(|modulation| modulation.shape(point.window_seconds));
        json!({
            "window_seconds": point.window_seconds,
            "index": point.index,
            "in_fit": counts,
            "fitted_shape": shape,
        })
    });
    json!({
        "mean_per_second": pattern.mean_rate,
        "busiest_minute": pattern.busiest_minute,
        "whole_days": pattern.whole_days,
        "daily_cv": pattern.daily_cv,
        "hour_weights": pattern.hour_weights,
        "day_weights": pattern.day_weights,
        "week_hour_weights": pattern.week_hour_weights,
        "cell_seconds": pattern.cells.map(|cells| cells.stretch_seconds),
        "cell_days": pattern.cells.map(|cells| cells.stretches),
        "request_weighted_rate": pattern.cells.map(|cells| cells.rate),
        "cv": pattern.modulation.map(|modulation| modulation.cv),
        "correlation_seconds": pattern.modulation.and_then(|modulation| modulation.correlation_seconds),
        "dispersion": dispersion.collect::<Vec<_>>(),
    })
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
