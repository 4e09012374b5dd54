//! The month to date against a plan: what was to be expected by that day, and where the month will end.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    calendar::{Day, Month},
    diagnostics::csv_problem,
    projection::{
        bill::{DAILY_MODULATION, DAYS_PER_MONTH},
        saved::{SavedPlan, SavedRoute},
    },
    schema::described,
    stats::LogNormal,
    units::LARGEST_SENSIBLE,
};

/// Spend by day, US dollars.
pub type DailySpend = BTreeMap<Day, f64>;

/// A row of a file of spend by day, for its schema.
#[derive(Clone, Copy, Debug)]
pub struct DailyRow;

described!(DailyRow, "DailyRow", {
    "description": "A day and its spend, by column: `usd`, or `amount` (or `cost`) with `currency`, or a column named by its currency, such as `eur`. A day may stand on several rows, and further columns are ignored.",
    "type": "object",
    "properties": {
        "day": { "description": "The day.", "type": "string", "format": "date" },
        "usd": { "description": "US dollars.", "type": "number" },
        "amount": { "description": "Money in `currency`.", "type": "number" },
        "cost": { "description": "The same as `amount`.", "type": "number" },
        "currency": { "description": "Its currency, `EUR`.", "type": "string" }
    },
    "required": ["day"]
});

/// The month to date.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MonthToDate {
    /// The plan's month, `2026-12`.
    pub month: String,
    /// Last day with spend.
    pub through: Day,
    /// Days of the month up to it that have spend.
    pub days: u32,
    /// Days of the month up to it that have none in the file; nothing is expected of them either.
    pub days_missing: u32,
    /// US dollars spent on those days.
    pub actual_usd: f64,
    /// What the plan expected on those days, US dollars.
    pub expected_usd: f64,
    /// 5 % lie below.
    pub p05: f64,
    /// 5 % lie above.
    pub p95: f64,
    /// Whether the spend lies above the range.
    pub above: bool,
    /// Whether the spend lies below the range.
    pub below: bool,
    /// P(at least that much) if the plan is right.
    pub probability_of_more: f64,
    /// The whole month as the plan had it, US dollars.
    pub month_planned_usd: f64,
    /// The whole month, plan and days so far weighed by their precision: mean and 90 % range, US dollars.
    pub month_expected_usd: [f64; 3],
}

/// Why the month to date cannot be held against a plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ActualError {
    /// A line that is not a day and an amount.
    #[error(
        "line {line}: {problem}\n\nhint: the columns are `day` and `usd`, one row a day: 2026-12-01,271.33; a bill of Google Cloud by day is read, too"
    )]
    BadLine {
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Another currency without a rate.
    #[error(
        "the spend is in {currency} and the plan in US dollars\n\nhint: --currency-rate N says what a US dollar costs, e.g. --currency-rate 0.92"
    )]
    NoRate {
        /// The currency as written; empty when a row names none.
        currency: String,
    },
    /// A rate for dollars.
    #[error("the spend is in US dollars, and --currency-rate {rate} would change it\n\nhint: leave it away")]
    RateForDollars {
        /// The rate.
        rate: f64,
    },
    /// Two currencies in one file.
    #[error("line {line}: the spend is in {first} and in {second}, expected one currency")]
    SeveralCurrencies {
        /// Line, counted from 1.
        line: usize,
        /// The currency of the first row.
        first: String,
        /// The other.
        second: String,
    },
    /// No row.
    #[error("there is no spend of any day: expected a row such as 2026-12-01,271.33 below the first line")]
    Empty,
    /// The last day lies outside the plan.
    #[error("the last day with spend is {last}, and the plan covers {first} to {end}")]
    OutsidePlan {
        /// Last day with spend.
        last: Day,
        /// First day of the plan.
        first: Day,
        /// Last day of the plan.
        end: Day,
    },
    /// The plan expects nothing on those days, or states no range.
    #[error("the plan expects no spend on the days from {first} to {last}, or states no range for the month")]
    NothingExpected {
        /// First day of the month.
        first: Day,
        /// Last day with spend.
        last: Day,
    },
}

/// A header in a message; whatever was taken for one may be a million bytes long.
fn shown(header: &csv::StringRecord) -> String {
    let names = header.iter().collect::<Vec<_>>().join(",");
    let short: String = names.chars().take(200).collect();
    if short.len() < names.len() { short + "…" } else { short }
}

/// Reads `day,usd`, or `day`, an amount (`amount` or `cost`) and its `currency`, or a column named by the currency
/// (`day,eur`); further columns are ignored, a day may stand on several rows. `per_usd` is what a US dollar costs
/// in the file's currency.
///
/// # Errors
///
/// When the header lacks a column, or a row a day or an amount; when the amounts are in another currency and no
/// rate is given, in several currencies, or in dollars while a rate is given.
pub fn read_daily(text: &str, per_usd: Option<f64>) -> Result<DailySpend, ActualError> {
    let bad = |line: usize, problem: String| ActualError::BadLine { line, problem };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let nothing = csv::StringRecord::new();
    let header = reader.headers().map_err(|error| bad(1, csv_problem(&error, &nothing, None)))?.clone();
    if header.iter().all(str::is_empty) {
        return Err(bad(1, "there is nothing in the first line, expected `day,usd`".into()));
    }
    let column = |name: &str| {
        let found = header.iter().position(|column| column.trim_start_matches('\u{feff}') == name);
        found.ok_or_else(|| bad(1, format!("no column `{name}` among `{}`", shown(&header))))
    };
    let day_at = column("day")?;
    let amount = Amount::of(&header).map_or_else(|| column("usd").map(Amount::usd), Ok)?;
    let mut seen: Option<String> = None;
    let mut spend = DailySpend::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, |position| position.line() as usize);
            bad(line, csv_problem(&error, &header, None))
        })?;
        let line = record.position().map_or(0, |position| position.line() as usize);
        let day: Day = record[day_at].parse().map_err(|error| bad(line, format!("{error}")))?;
        let text = &record[amount.at];
        let sensible = |value: &f64| value.abs() <= LARGEST_SENSIBLE as f64;
        let value: f64 = text.parse().ok().filter(sensible).ok_or_else(|| {
            let what = if amount.named.as_deref() == Some("USD") { "dollars" } else { "money" };
            let most = LARGEST_SENSIBLE as f64;
            bad(
                line,
                format!("expected an amount of {what} such as 271.33, at most {most:e}, found `{text}`"),
            )
        })?;
        let currency = amount.currency(&record);
        if currency.is_empty() {
            return Err(bad(line, "expected a currency such as `USD` or `EUR`, found none".into()));
        }
        if let Some(other) = seen.as_ref().filter(|other| **other != currency) {
            return Err(ActualError::SeveralCurrencies { line, first: other.clone(), second: currency });
        }
        let rate = rate_of(&currency, per_usd)?;
        seen = Some(currency);
        *spend.entry(day).or_default() += value / rate;
    }
    Ok(spend)
}

/// Where the amount of a row stands, and in which currency it is.
struct Amount {
    at: usize,
    /// The currency of all rows, where the column names it.
    named: Option<String>,
    /// The column that names it row by row.
    currency_at: Option<usize>,
}

impl Amount {
    fn usd(at: usize) -> Amount {
        Amount { at, named: Some("USD".into()), currency_at: None }
    }

    /// `usd`; an amount beside a currency; a column named by a currency alone. `None` when there is none.
    fn of(header: &csv::StringRecord) -> Option<Amount> {
        let at = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
        if let Some(at) = at("usd") {
            return Some(Amount::usd(at));
        }
        if let (Some(amount), Some(currency)) = (at("amount").or_else(|| at("cost")), at("currency")) {
            return Some(Amount { at: amount, named: None, currency_at: Some(currency) });
        }
        const CURRENCIES: [&str; 16] = [
            "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "INR", "BRL", "SEK", "NOK", "DKK", "PLN", "KRW", "SGD",
            "MXN", "ILS",
        ];
        let (at, name) = CURRENCIES.iter().find_map(|name| Some((at(name)?, *name)))?;
        Some(Amount { at, named: Some(name.into()), currency_at: None })
    }

    fn currency(&self, record: &csv::StringRecord) -> String {
        let row = self.currency_at.and_then(|at| record.get(at)).map(str::to_uppercase);
        row.or_else(|| self.named.clone()).unwrap_or_default()
    }
}

/// What a US dollar costs in a currency.
fn rate_of(currency: &str, per_usd: Option<f64>) -> Result<f64, ActualError> {
    match (currency, per_usd) {
        ("USD", None) => Ok(1.0),
        ("USD", Some(rate)) => Err(ActualError::RateForDollars { rate }),
        (_, Some(rate)) => Ok(rate),
        (currency, None) => Err(ActualError::NoRate { currency: currency.to_string() }),
    }
}

/// Holds the month of the last day against the plan.
///
/// The month's law is the log-normal through the plan's mean and 95 % point. Its relative variance has two parts:
/// the change from day to day, 0.28² a day, which shrinks with the days, and the rest (volume, growth, tokens),
/// which is the same for every day. The expected part of the month follows the week's shape and the days on
/// which routes are live. Where the month ends: the level's normal posterior on the log scale.
///
/// # Errors
///
/// When there is no spend, or the plan has nothing to say of those days.
pub fn month_to_date(plan: &SavedPlan, spend: &DailySpend) -> Result<MonthToDate, ActualError> {
    let through = *spend.keys().next_back().ok_or(ActualError::Empty)?;
    let months = plan.calendar();
    let (first, end) = (months[0].first, months[months.len() - 1].next.minus_day());
    let at = months.iter().position(|month| month.first <= through && through < month.next);
    let at = at.ok_or(ActualError::OutsidePlan { last: through, first, end })?;
    let month = months[at];
    let nothing = ActualError::NothingExpected { first: month.first, last: through };
    let planned = plan.bill.by_month[at];
    let law = planned.law().filter(|law| law.mean() > 0.0).ok_or(nothing.clone())?;
    let by_day = expected_by_day(plan, at, month);
    let so_far = || spend.range(month.first..=through);
    let share: f64 = so_far().filter_map(|(day, _)| by_day.get(day)).sum();
    if share <= 0.0 {
        return Err(nothing);
    }
    let days = so_far().count() as u32;
    let actual: f64 = so_far().map(|(_, usd)| *usd).sum();
    let daily = |days: f64| DAILY_MODULATION * DAILY_MODULATION / days;
    let cv = law.coefficient_of_variation();
    let level = (cv * cv - daily(DAYS_PER_MONTH)).max(0.0);
    let expected = planned.mean * share;
    let to_date = LogNormal::new(expected, expected * (level + daily(f64::from(days))).sqrt());
    let (p05, p95) = (to_date.quantile(0.05), to_date.quantile(0.95));
    Ok(MonthToDate {
        month: plan.months[at].clone(),
        through,
        days,
        days_missing: Month { first: month.first, next: through.plus_days(1) }.days() - days,
        actual_usd: actual,
        expected_usd: expected,
        p05,
        p95,
        above: actual > p95,
        below: actual < p05,
        probability_of_more: to_date.probability_above(actual),
        month_planned_usd: planned.mean,
        month_expected_usd: month_end(Course {
            actual,
            expected,
            left: (planned.mean - expected).max(0.0),
            level: level.ln_1p(),
            daily: daily(f64::from(days)),
            left_daily: daily(f64::from(month.days().saturating_sub(days).max(1))),
        }),
    })
}

/// What is known of a month under way.
struct Course {
    actual: f64,
    expected: f64,
    /// US dollars that the plan expects of the other days.
    left: f64,
    /// Variance of the level's logarithm.
    level: f64,
    /// Relative variance of the days so far around the level.
    daily: f64,
    /// The same of the other days.
    left_daily: f64,
}

/// Mean, 5 % and 95 % of the month: what is spent, and the rest at the level that plan and days so far agree on.
fn month_end(course: Course) -> [f64; 3] {
    if course.actual <= 0.0 || course.left <= 0.0 {
        return [course.actual + course.left; 3];
    }
    let seen = (course.actual / course.expected).ln();
    let noise = course.daily.ln_1p();
    let trust = course.level / (course.level + noise);
    // The prior of the level has mean 1: its logarithm has mean −variance/2.
    let prior = -course.level / 2.0;
    let log_mean = prior + trust * (seen + noise / 2.0 - prior);
    let log_variance = course.level * (1.0 - trust);
    let mean = course.left * (log_mean + log_variance / 2.0).exp();
    let cv = (log_variance.exp_m1() + course.left_daily).sqrt();
    let rest = LogNormal::new(mean, mean * cv);
    [rest.mean(), rest.quantile(0.05), rest.quantile(0.95)].map(|usd| usd + course.actual)
}

/// Each day's share of the month's spend: the week's shape on the days on which each route is live.
fn expected_by_day(plan: &SavedPlan, at: usize, month: Month) -> BTreeMap<Day, f64> {
    let mut by_day: BTreeMap<Day, f64> = BTreeMap::new();
    let usd_of = |route: &SavedRoute| route.chosen().months[at].usd_total;
    let total: f64 = plan.routes.iter().map(usd_of).sum();
    for route in &plan.routes {
        let weights: Vec<(Day, f64)> = live_days(plan, route, month);
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        if sum <= 0.0 || total <= 0.0 {
            continue;
        }
        for (day, weight) in weights {
            *by_day.entry(day).or_default() += usd_of(route) / total * weight / sum;
        }
    }
    by_day
}

/// The days of a month on which a route is live, with the weight of their day of the week.
fn live_days(plan: &SavedPlan, route: &SavedRoute, month: Month) -> Vec<(Day, f64)> {
    let request = plan.request(&route.name);
    let day_of = |key: &str| -> Option<Day> { request?.get(key)?.as_str()?.parse().ok() };
    // A volume that is sent once has days of its own, the last one excluded.
    let once = request.and_then(|request| request.get("volume")?.get("total"));
    let once_on = |key: &str| -> Option<Day> { once?.get(key)?.as_str()?.parse().ok() };
    let launch = day_of("launch").max(once_on("first"));
    let ends = [day_of("end"), once_on("next").map(Day::minus_day)];
    let end = ends.into_iter().flatten().min();
    let weights = request.and_then(|request| request.get("day_weights")).and_then(|list| list.as_array());
    let weight = |day: Day| -> f64 {
        let of_day = weights.and_then(|weights| weights.get(day.weekday())?.as_f64());
        of_day.filter(|weight| *weight >= 0.0).unwrap_or(1.0)
    };
    (0..month.days())
        .map(|at| month.first.plus_days(at))
        .filter(|day| launch.is_none_or(|launch| launch <= *day) && end.is_none_or(|end| *day <= end))
        .map(|day| (day, weight(day)))
        .collect()
}
