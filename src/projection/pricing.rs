//! Tokens times rates: one request on a day, one month of requests.

use super::{
    placement::{MonthSpend, RowUsed},
    plan::Inputs,
};
use crate::{
    calendar::{Day, Month, Stretch, cut},
    model::{ByClass, Grade, Placement, Shape, TokenClass},
    prices::{PriceError, Prices},
    tokens::ClassTokens,
    units::TOKENS_PER_MTOK,
    warning::Warning,
    workload::{Route, Volume},
};

/// Prices one route's requests on one placement.
pub(super) struct Pricer<'a> {
    pub inputs: &'a Inputs<'a>,
    pub placement: &'a Placement,
    pub route: &'a Route,
    pub tokens: &'a ByClass<Option<ClassTokens>>,
}

/// A request's tokens split into cached and uncached, and its dollars.
pub(super) struct Quote {
    pub tokens: ByClass<f64>,
    pub usd: ByClass<f64>,
    pub complete: bool,
    pub rates: ByClass<f64>,
    pub grade: Grade,
}

impl Pricer<'_> {
    fn prices(&self, day: Day) -> Result<Prices<'_>, PriceError> {
        let prompt: f64 = self.tokens.iter().filter(|(class, _)| class.is_input()).map(mean_of).sum();
        self.inputs.prices.prices(self.placement, day, prompt.round() as u64)
    }

    pub(super) fn quote(&self, day: Day, warnings: &mut Vec<Warning>) -> Result<Quote, PriceError> {
        let prices = self.prices(day)?;
        let factor = self.inputs.workload.price_factors.tokens;
        let mut quote = Quote {
            tokens: split_cached(self.tokens, &self.route.shape, &prices, self.placement, warnings),
            usd: ByClass::default(),
            complete: true,
            rates: ByClass::default(),
            grade: prices.row.grade,
        };
        for class in TokenClass::ALL.iter().copied() {
            let tokens = quote.tokens[class];
            if tokens == 0.0 {
                continue;
            }
            match prices.rate(class) {
                Some(rate) => {
                    quote.rates[class] = rate.to_f64() * factor;
                    quote.usd[class] = tokens * quote.rates[class] / TOKENS_PER_MTOK as f64;
                }
                None => {
                    quote.complete = false;
                    let tokens = tokens.round() as u64;
                    let placement = self.placement.clone();
                    push_once(warnings, Warning::NoPrice { placement, class, tokens });
                }
            }
        }
        if prices.row.grade == Grade::Assumed {
            push_once(warnings, Warning::DerivedPrice { placement: self.placement.clone() });
        }
        Ok(quote)
    }

    pub(super) fn month(
        &self,
        at: usize,
        month: Month,
        service: Stretch,
        rows: &mut Vec<RowUsed>,
        warnings: &mut Vec<Warning>,
    ) -> MonthSpend {
        let mut spend =
            MonthSpend { month: month.label(), requests: 0.0, usd: ByClass::default(), usd_total: 0.0 };
        let mut changes = self.inputs.prices.change_days(self.placement);
        changes.extend([service.first, service.next]);
        for part in cut(month, &changes) {
            let part = part.overlap(service);
            let requests = requests_in(self.route, at, month, part);
            if requests == 0.0 {
                continue;
            }
            let Ok(quote) = self.quote(part.first, warnings) else {
                let (placement, from) = (self.placement.clone(), part.first);
                push_once(warnings, Warning::PriceGap { placement, from });
                continue;
            };
            spend.requests += requests;
            for (class, usd) in quote.usd.iter() {
                spend.usd[class] += requests * usd;
            }
            if let Ok(prices) = self.prices(part.first) {
                note_row(rows, &prices, part.first);
            }
        }
        spend.usd_total = spend.usd.total();
        spend
    }
}

pub(super) fn mean_of((_, tokens): (TokenClass, &Option<ClassTokens>)) -> f64 {
    tokens.as_ref().map_or(0.0, |tokens| tokens.mean)
}

fn push_once(warnings: &mut Vec<Warning>, warning: Warning) {
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

fn note_row(rows: &mut Vec<RowUsed>, prices: &Prices<'_>, day: Day) {
    let row = prices.row;
    if rows.iter().any(|used| used.line == row.line && used.file == row.file) {
        return;
    }
    rows.push(RowUsed {
        file: row.file.clone(),
        line: row.line,
        first_used: day,
        checked: row.checked,
        grade: row.grade,
        source: row.source.clone(),
        non_global_factor: prices.factor.map(|factor| factor.normalize().to_string()),
        usd_per_mtok: row.rates,
    });
}

/// Moves the cached share of each input class to its cached class, where that has a price.
fn split_cached(
    tokens: &ByClass<Option<ClassTokens>>,
    shape: &Shape,
    prices: &Prices<'_>,
    placement: &Placement,
    warnings: &mut Vec<Warning>,
) -> ByClass<f64> {
    let mut split = ByClass::from_fn(|class| tokens[class].as_ref().map_or(0.0, |tokens| tokens.mean));
    let share = shape.cached_share.value();
    if share == 0.0 {
        return split;
    }
    for class in TokenClass::ALL.iter().copied() {
        let Some(cached) = class.cached() else { continue };
        if split[class] == 0.0 {
            continue;
        }
        if prices.rate(cached).is_some() {
            let moved = split[class] * share;
            split[class] -= moved;
            split[cached] += moved;
        } else {
            push_once(warnings, Warning::NoCachePrice { placement: placement.clone(), class });
        }
    }
    split
}

/// Expected requests of a route on the days of a stretch inside a month.
pub(super) fn requests_in(route: &Route, at: usize, month: Month, part: Stretch) -> f64 {
    let active = Stretch {
        first: route.launch.unwrap_or(part.first).max(part.first),
        next: route.end.map_or(part.next, |end| end.plus_days(1)).min(part.next),
    };
    let days = f64::from(active.days());
    let growth = (1.0 + route.growth_per_month.mean()).powi(at as i32);
    match route.volume {
        Volume::PerMonth(range) => range.mean() * growth * days / f64::from(month.days()),
        Volume::PerDay(range) => range.mean() * growth * days,
        Volume::Total { requests, first, next } => {
            let whole = Stretch { first, next };
            requests.mean() * f64::from(active.overlap(whole).days()) / f64::from(whole.days())
        }
    }
}
