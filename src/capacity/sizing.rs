//! Google's own formula: mean burn per query × queries a second ÷ throughput per GSU, rounded up.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    book::{CapacityBook, Term, Throughput},
    window::Window,
};
use crate::{
    calendar::Day,
    model::{ByClass, ModelId, TokenClass},
    units::Usd,
    warning::Warning,
};

/// Mean tokens per query and queries a second: what the form asks for. Decimals are allowed.
#[derive(Clone, Debug)]
pub struct Query {
    /// The model.
    pub model: ModelId,
    /// Queries a second that need assurance, above zero.
    pub queries_per_second: Decimal,
    /// Mean tokens per query by class.
    pub tokens: ByClass<Decimal>,
    /// Share of the input that is read from a cache, 0 to 1.
    pub cached_share: Decimal,
}

/// What a class burns.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BurnLine {
    /// The class.
    pub class: TokenClass,
    /// Mean tokens per query.
    pub tokens: Decimal,
    /// Burn tokens per token.
    pub rate: Decimal,
    /// Burn tokens per query.
    pub burn: Decimal,
}

/// The form's answer and what it gives.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Sizing {
    /// The model.
    pub model: ModelId,
    /// Burn by class.
    pub lines: Vec<BurnLine>,
    /// Burn tokens per request.
    pub burn_per_request: Decimal,
    /// Burn tokens a second.
    pub throughput_per_second: Decimal,
    /// Burn tokens a second of one GSU.
    pub throughput_per_gsu: Decimal,
    /// GSUs before rounding.
    pub gsu_exact: Decimal,
    /// GSUs, rounded up to the increment and not below the minimum.
    pub gsu: u64,
    /// Enforcement window at that count.
    pub window: Option<Window>,
    /// Burn tokens that a window admits.
    pub quota_per_window: Option<Decimal>,
    /// Whole requests of mean size that fit a window.
    pub whole_requests_per_window: Option<u64>,
    /// Price per term.
    pub terms: Vec<TermPrice>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// What a number of GSUs costs for one term.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TermPrice {
    /// The term's id.
    pub term: String,
    /// Its name.
    pub name: String,
    /// US dollars per GSU and hour at the location.
    pub usd_per_gsu_hour: Usd,
    /// US dollars per month of 730 hours, all GSUs.
    pub usd_per_month: Usd,
    /// US dollars for the whole term: 168 hours, or 730 hours a month; this is what cannot be cancelled.
    pub usd_per_term: Usd,
}

/// Why the form cannot be filled in.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SizingError {
    /// No throughput in the book.
    #[error("the capacity book has no provisioned throughput for {model} on {day}")]
    NoThroughput {
        /// The model.
        model: ModelId,
        /// The day.
        day: Day,
    },
    /// A rate or a number of tokens that makes no sense.
    #[error("{what} must be {expected}, found {found}")]
    OutOfBounds {
        /// Which input.
        what: String,
        /// What would be right.
        expected: &'static str,
        /// What was given.
        found: Decimal,
    },
    /// More GSUs than anyone can buy.
    #[error(
        "this load takes {0:.0} GSUs, more than {GSU_MAX}: are the queries per second and tokens per query right?"
    )]
    TooMany(Decimal),
    /// Nothing to burn.
    #[error("no tokens given: a query burns at least its prompt")]
    NoTokens,
}

/// Most GSUs that are taken for a real order.
const GSU_MAX: u64 = 1_000_000_000;

/// Largest number the form's arithmetic takes; far above any real workload, far below overflow.
const INPUT_MAX: u64 = 1_000_000_000_000;

/// Sizes a purchase by Google's formula.
///
/// Per query Σ tokens × burndown; times queries a second; divided by the throughput of one GSU; rounded up
/// to the increment. A class without a rate is left out with a warning.
///
/// # Errors
///
/// When the book has no throughput for the model, or a number is out of bounds.
///
/// Source: "Measure Provisioned Throughput" in Google's documentation; its worked examples are tests.
pub fn size(book: &CapacityBook, query: &Query, day: Day, global: bool) -> Result<Sizing, SizingError> {
    check(query)?;
    let prompt: Decimal =
        query.tokens.iter().filter(|(class, _)| class.is_input()).map(|(_, tokens)| *tokens).sum();
    let row = book
        .throughput(&query.model, day, prompt.to_f64().unwrap_or(f64::INFINITY))
        .ok_or_else(|| SizingError::NoThroughput { model: query.model.clone(), day })?;
    let mut warnings = Vec::new();
    let lines = burn_lines(query, row, &mut warnings);
    let burn_per_request: Decimal = lines.iter().map(|line| line.burn).sum();
    let throughput_per_second = burn_per_request * query.queries_per_second;
    let gsu_exact = throughput_per_second / row.tokens_per_second_per_gsu;
    if gsu_exact > Decimal::from(GSU_MAX) {
        return Err(SizingError::TooMany(gsu_exact));
    }
    let gsu = round_up(gsu_exact, row);
    let window = row.window(gsu);
    if let Some(window) = window
        && window.grade != crate::model::Grade::Documented
    {
        warnings.push(Warning::WindowAssumed { model: query.model.clone(), gsu });
    }
    let quota = window
        .map(|window| Decimal::from(gsu) * row.tokens_per_second_per_gsu * Decimal::from(window.seconds));
    let whole = quota.and_then(|quota| quota.checked_div(burn_per_request)?.to_u64());
    Ok(Sizing {
        model: query.model.clone(),
        lines,
        burn_per_request: burn_per_request.normalize(),
        throughput_per_second: throughput_per_second.normalize(),
        throughput_per_gsu: row.tokens_per_second_per_gsu,
        gsu_exact: gsu_exact.normalize(),
        gsu,
        window,
        quota_per_window: quota,
        whole_requests_per_window: whole,
        terms: term_prices(&book.terms, gsu, global),
        warnings,
    })
}

fn check(query: &Query) -> Result<(), SizingError> {
    let bounds = |what: String, expected, found: Decimal, ok: bool| {
        if ok { Ok(()) } else { Err(SizingError::OutOfBounds { what, expected, found }) }
    };
    let max = Decimal::from(INPUT_MAX);
    let qps = query.queries_per_second;
    bounds("queries per second".into(), "above 0 and at most 1e12", qps, qps > Decimal::ZERO && qps <= max)?;
    let share = query.cached_share;
    let share_ok = (Decimal::ZERO..=Decimal::ONE).contains(&share);
    bounds("the cached share".into(), "between 0 and 1", share, share_ok)?;
    for (class, tokens) in query.tokens.iter() {
        let ok = (Decimal::ZERO..=max).contains(tokens);
        bounds(format!("tokens of {}", class.label()), "between 0 and 1e12", *tokens, ok)?;
    }
    if query.tokens.iter().all(|(_, tokens)| tokens.is_zero()) {
        return Err(SizingError::NoTokens);
    }
    Ok(())
}

fn burn_lines(query: &Query, row: &Throughput, warnings: &mut Vec<Warning>) -> Vec<BurnLine> {
    let mut tokens = query.tokens;
    for class in TokenClass::ALL.iter().copied() {
        if let Some(cached) = class.cached() {
            let moved = tokens[class] * query.cached_share;
            tokens[class] -= moved;
            tokens[cached] += moved;
        }
    }
    let mut lines = Vec::new();
    for (class, tokens) in tokens.iter().filter(|(_, tokens)| !tokens.is_zero()) {
        match row.rate(class) {
            Some(rate) => {
                let burn = *tokens * rate;
                lines.push(BurnLine { class, tokens: *tokens, rate, burn });
            }
            None => warnings.push(Warning::NoBurndown { model: row.model.clone(), class }),
        }
    }
    lines
}

impl Throughput {
    /// Burn tokens per token of a class: its own rate, or that of the class it is billed as; `None` when
    /// neither is in the table.
    ///
    /// Tool use burns like text, documents like images; cached input of a model whose table lists no cached
    /// rate burns like uncached input.
    pub fn rate(&self, class: TokenClass) -> Option<Decimal> {
        let billed_as = match class {
            TokenClass::InputToolUse => Some(TokenClass::InputText),
            TokenClass::InputDocument => Some(TokenClass::InputImage),
            TokenClass::CachedInputText => Some(TokenClass::InputText),
            TokenClass::CachedInputImage => Some(TokenClass::InputImage),
            TokenClass::CachedInputVideo => Some(TokenClass::InputVideo),
            TokenClass::CachedInputAudio => Some(TokenClass::InputAudio),
            TokenClass::CachedInputDocument => Some(TokenClass::InputImage),
            // A table without a reasoning column bills thoughts as answer text.
            TokenClass::OutputThinking => Some(TokenClass::OutputText),
            _ => None,
        };
        self.burndown[class].or_else(|| billed_as.and_then(|other| self.burndown[other]))
    }
}

/// Up to the increment above the minimum.
fn round_up(exact: Decimal, row: &Throughput) -> u64 {
    let increment = Decimal::from(row.increment_gsu);
    let steps = (exact / increment).ceil();
    let gsu = (steps * increment).to_u64().unwrap_or(u64::MAX);
    gsu.max(row.minimum_gsu)
}

/// Prices of a number of GSUs for every term.
pub fn term_prices(terms: &[Term], gsu: u64, global: bool) -> Vec<TermPrice> {
    terms.iter().map(|term| term_price(term, gsu, global)).collect()
}

fn term_price(term: &Term, gsu: u64, global: bool) -> TermPrice {
    let factor = if global { Decimal::ONE } else { term.non_global_factor.value() };
    let per_hour = term.usd_per_gsu_hour.value() * factor;
    let hours = |hours: u64| Usd((per_hour * Decimal::from(gsu) * Decimal::from(hours)).normalize());
    TermPrice {
        term: term.id.clone(),
        name: term.name.clone(),
        usd_per_gsu_hour: Usd(per_hour.normalize()),
        usd_per_month: hours(730),
        usd_per_term: hours(term.hours()),
    }
}

impl Term {
    /// Hours of the whole term: a week of 168, months of 730.
    pub fn hours(&self) -> u64 {
        self.months().map_or(168, |months| u64::from(months) * 730)
    }

    /// The first day after a term that starts on a day: seven days later, or the same day of a later month.
    pub fn end(&self, start: Day) -> Day {
        self.months().map_or(start.plus_days(7), |months| start.plus_months(months))
    }

    /// Months of the term; `None` for the week.
    pub fn months(&self) -> Option<u32> {
        match self.id.as_str() {
            "1-month" => Some(1),
            "3-months" => Some(3),
            "1-year" => Some(12),
            _ => None,
        }
    }
}
