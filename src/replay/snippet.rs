//! A workload that sends what a trace sent, as a file to go on from.

use super::{arrivals::ArrivalPattern, trace::TraceNotes};
use crate::{
    model::{ByClass, TokenClass},
    units::HOURS_PER_MONTH,
};

/// Day-to-day variation where fewer than [`DAYS_THAT_TELL`] whole days were seen (assumed).
const DAILY_CV: f64 = 0.28;
const DAYS_THAT_TELL: usize = 3;

/// 5 % and 95 % quantile of a standard normal variable.
const Z: f64 = 1.645;

/// Hours that a day's default shape puts above and below its mean: the hour that was seen may be either.
const UNSEEN_DAY: f64 = 1.5;
const UNSEEN_NIGHT: f64 = 2.0;

/// What the file says of the requests themselves.
#[derive(Clone, Debug)]
pub struct SnippetFacts<'a> {
    /// Name of the route.
    pub route: &'a str,
    /// Model id.
    pub model: &'a str,
    /// Whether answers of the model are texts, whose length a workload states.
    pub answers_in_text: bool,
    /// Where the numbers come from, one line.
    pub origin: &'a str,
    /// Zone of the hours; `None` when the trace knows no hour.
    pub time_zone: Option<&'a str>,
}

/// The file, with the reasons as comments.
pub fn workload_snippet(facts: &SnippetFacts<'_>, pattern: &ArrivalPattern, notes: &TraceNotes) -> String {
    let mean = |belongs: fn(TokenClass) -> bool| mean_tokens(&notes.tokens, notes.requests, belongs);
    let prompt = mean(|class| {
        matches!(class, TokenClass::InputText | TokenClass::CachedInputText | TokenClass::InputToolUse)
    });
    let answer = mean(|class| matches!(class, TokenClass::OutputText | TokenClass::OutputThinking));
    let mut text = format!("# Learnt from {}.\n", facts.origin);
    let calendar = facts.time_zone.filter(|_| pattern.hour_weights.is_some());
    if let Some(zone) = calendar {
        text += &format!("time_zone = {}\n", quoted(zone));
    }
    text += &format!("\n[[route]]\nname = {}\nmodel = {}\n", quoted(facts.route), quoted(facts.model));
    text += &format!("prompt_tokens = {prompt}\n");
    if facts.answers_in_text {
        text += &format!("output_text_tokens = {}   # thinking included\n", answer.max(1));
    }
    let [low, likely, high] = requests_per_month(pattern);
    text += &format!(
        "# {}\nrequests_per_month = [{}, {}, {}]\n",
        why(pattern),
        grouped(low),
        grouped(likely),
        grouped(high)
    );
    text += &format!("peak_requests_per_minute = {}\n", pattern.busiest_minute);
    match calendar.and(pattern.hour_weights.as_ref()) {
        Some(weights) => text += &format!("day_shape = {}\n", list(weights)),
        None => text += "# day_shape is left to its default: the trace covers no whole day of a calendar\n",
    }
    match facts.time_zone.and(pattern.day_weights.as_ref()) {
        Some(weights) => text += &format!("week_shape = {}\n", list(weights)),
        None => text += "# week_shape is left to its default: the trace covers no whole week of a calendar\n",
    }
    text + &burstiness(pattern)
}

fn burstiness(pattern: &ArrivalPattern) -> String {
    let Some(cells) = &pattern.cells else {
        return "# burstiness is left to its default: the trace is shorter than 20 minutes\n".into();
    };
    let minutes = cells.stretch_seconds / 60.0;
    let around = if cells.stretches > 1 {
        format!("around the hours of {} days", cells.stretches)
    } else {
        format!("within {minutes:.0} minutes; slower swings were not seen")
    };
    match pattern.modulation {
        None => format!("burstiness = {{ cv = 0 }}   # no more than chance {around}\n"),
        Some(found) => {
            let cv = found.cv.min(10.0);
            let correlation = found.correlation_seconds;
            let correlation =
                correlation.map(|tau| format!(", correlation_seconds = {tau:.1}")).unwrap_or_default();
            format!("burstiness = {{ cv = {cv:.3}{correlation} }}   # {around}\n")
        }
    }
}

/// Requests of a month of 730 hours at the rate seen, with the range that the length of the trace allows.
fn requests_per_month(pattern: &ArrivalPattern) -> [u64; 3] {
    let likely = pattern.mean_rate * HOURS_PER_MONTH * 3_600.0;
    let [below, above] = match pattern.whole_days {
        0 => [1.0 / UNSEEN_DAY, UNSEEN_NIGHT],
        days => {
            let seen = pattern.daily_cv.filter(|_| days >= DAYS_THAT_TELL);
            let relative = Z * seen.unwrap_or(DAILY_CV) / (days as f64).sqrt();
            [(1.0 - relative).max(0.1), 1.0 + relative]
        }
    };
    [below, 1.0, above].map(|factor| (likely * factor).round().max(1.0) as u64)
}

fn why(pattern: &ArrivalPattern) -> String {
    match pattern.whole_days {
        0 => "a month at the rate seen; less than a day was seen, which may have been busy or quiet".into(),
        days if days < DAYS_THAT_TELL => {
            format!(
                "a month at the rate seen; {days} whole day(s), which differ by an assumed {:.0} %",
                DAILY_CV * 100.0
            )
        }
        days => {
            let cv = pattern.daily_cv.unwrap_or(DAILY_CV) * 100.0;
            format!("a month at the rate seen; {days} whole days, which differ by {cv:.0} %")
        }
    }
}

fn mean_tokens(tokens: &ByClass<u64>, requests: u64, belongs: fn(TokenClass) -> bool) -> u64 {
    let sum: u64 = tokens.iter().filter(|(class, _)| belongs(*class)).map(|(_, count)| *count).sum();
    (sum as f64 / requests.max(1) as f64).round().max(1.0) as u64
}

fn list(weights: &[f64]) -> String {
    let words: Vec<String> = weights.iter().map(|weight| format!("{weight:.3}")).collect();
    format!("[{}]", words.join(", "))
}

/// `1_234_567`, as TOML allows.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// A TOML string, whatever it holds.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}
