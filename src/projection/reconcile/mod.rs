//! A bill held against a plan (or against observations): every dollar of it goes to a component, and the
//! components add up to the bill.

mod bill;
mod component;
mod sku;

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::Serialize;

use super::saved::SavedPlan;
use crate::{
    calendar::{Day, Month, Stretch},
    model::{Backend, Endpoint, ModelId, Placement, Tier, TokenClass},
    prices::PriceBook,
    usage::Observation,
};

pub use bill::{BadBill, Bill, BillLine, LineKind, daily_spend, read_bill};
pub use component::Component;
pub use sku::{Sku, sku};

/// A price that is this much higher than the book's is that of a non-global location.
const LOCATION_FACTOR: f64 = 1.1;

/// How near to it a price must be: amounts on bills are rounded to the cent.
const LOCATION_TOLERANCE: f64 = 0.005;

/// Prompt length that stands for `long` in a SKU: above every threshold of the book.
const LONG_PROMPT: u64 = 1_000_000;

/// A bill taken apart.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reconciliation {
    /// `burndown.reconcile/1`.
    #[schemars(extend("const" = "burndown.reconcile/1"))]
    pub schema: &'static str,
    /// First and last day of the bill; `None` when its lines carry no day.
    pub days: Option<[Day; 2]>,
    /// What is to be paid, US dollars.
    pub total_usd: f64,
    /// The total that the file states itself, where it does.
    pub declared_total_usd: Option<f64>,
    /// Components that are not zero; they add up to the total.
    pub components: Vec<ComponentPart>,
    /// Known token SKUs by model, tier and class.
    pub rows: Vec<SkuRow>,
    /// SKUs that are not known or have no price, and other products, largest first.
    pub others: Vec<OtherRow>,
}

/// One component.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ComponentPart {
    /// Which.
    pub component: Component,
    /// US dollars.
    pub usd: f64,
}

/// Token SKUs of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SkuRow {
    /// Who served it.
    pub backend: Backend,
    /// The model.
    pub model: ModelId,
    /// How it was paid.
    pub tier: Tier,
    /// The class; thinking stands under `output_text`.
    pub class: TokenClass,
    /// Tokens billed.
    pub tokens: f64,
    /// Tokens expected on any tier; `None` when the model was not expected.
    pub tokens_expected: Option<f64>,
    /// US dollars billed before savings.
    pub usd_billed: f64,
    /// The tokens at the book's prices of their days.
    pub usd_at_book: f64,
}

/// SKUs outside the price book.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OtherRow {
    /// The service.
    pub service: String,
    /// The SKU's description.
    pub sku: String,
    /// Why it stands here.
    pub component: Component,
    /// US dollars before savings.
    pub usd: f64,
}

/// Why a bill and a plan cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReconcileError {
    /// The bill's days lie outside the plan.
    #[error(
        "the bill covers {first} to {last}, and the plan {plan_first} to {plan_last}\n\nhint: name the plan that was made for these days"
    )]
    OutsidePlan {
        /// First day of the bill.
        first: Day,
        /// Last day of the bill.
        last: Day,
        /// First day of the plan.
        plan_first: Day,
        /// Last day of the plan.
        plan_last: Day,
    },
    /// No line carries a day and none was named.
    #[error(
        "no line of the bill carries a day\n\nhint: group the report by day, or name the day whose prices count with --on"
    )]
    NoDay,
}

/// What was expected of one model on one backend.
#[derive(Clone, Debug, Default)]
struct Want {
    /// Tokens by tier and class, thinking with text.
    tokens: BTreeMap<(Tier, TokenClass), f64>,
}

/// What was expected of a bill.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    usd: Option<f64>,
    of: BTreeMap<(Backend, ModelId), Want>,
}

impl Expected {
    /// Nothing: the bill is only held against the book.
    pub fn nothing() -> Expected {
        Expected::default()
    }

    /// A plan's part for the days of a bill.
    ///
    /// # Errors
    ///
    /// When the bill carries no day or covers days outside the plan.
    pub fn of_plan(plan: &SavedPlan, bill: &[BillLine], on: Option<Day>) -> Result<Expected, ReconcileError> {
        let days =
            days_of(bill).or(on.map(|day| [day.first_of_month(), day.first_of_next_month().minus_day()]));
        let [first, last] = days.ok_or(ReconcileError::NoDay)?;
        let months = plan.calendar();
        let (plan_first, plan_last) = (months[0].first, months[months.len() - 1].next.minus_day());
        if first < plan_first || plan_last < last {
            return Err(ReconcileError::OutsidePlan { first, last, plan_first, plan_last });
        }
        let covered = Stretch { first, next: last.plus_days(1) };
        let share = |month: &Month| {
            let whole = Stretch { first: month.first, next: month.next };
            f64::from(whole.overlap(covered).days()) / f64::from(whole.days())
        };
        let mut expected = Expected { usd: Some(0.0), of: BTreeMap::new() };
        for route in &plan.routes {
            let chosen = route.chosen();
            let placement = chosen.placement.get();
            let of_months = || chosen.months.iter().zip(&months);
            *expected.usd.get_or_insert(0.0) +=
                of_months().map(|(spend, month)| spend.usd_total * share(month)).sum::<f64>();
            let requests: f64 = of_months().map(|(spend, month)| spend.requests * share(month)).sum();
            for (class, tokens) in chosen.per_request.iter().flat_map(|request| &request.tokens) {
                expected.add(&placement, *class, requests * tokens.mean);
            }
        }
        Ok(expected)
    }

    /// Observations as they are: each attempt's tokens, at the standard tier.
    pub fn of_observations(observations: &[Observation], book: &PriceBook) -> Expected {
        let mut expected = Expected::default();
        for observation in observations {
            let (Some(backend), Ok(model)) = (observation.backend, book.resolve(&observation.model)) else {
                continue;
            };
            let endpoint = Endpoint::of(backend);
            let placement = Placement { model: model.id, endpoint, tier: Tier::Standard };
            for (class, tokens) in observation.classes().0.iter().filter(|(_, tokens)| **tokens > 0) {
                expected.add(&placement, class, *tokens as f64);
            }
        }
        expected
    }

    fn add(&mut self, placement: &Placement, class: TokenClass, tokens: f64) {
        let want = self.of.entry((placement.endpoint.backend(), placement.model.clone())).or_default();
        *want.tokens.entry((placement.tier, billed_as(class))).or_default() += tokens;
    }
}

/// Thinking has no SKU of its own.
fn billed_as(class: TokenClass) -> TokenClass {
    if class == TokenClass::OutputThinking { TokenClass::OutputText } else { class }
}

fn days_of(bill: &[BillLine]) -> Option<[Day; 2]> {
    let days = || bill.iter().filter_map(|line| line.day);
    Some([days().min()?, days().max()?])
}

/// Known use of one model on one backend.
#[derive(Default)]
struct Used {
    /// At the book's prices of the billed tier, by class.
    at_book: BTreeMap<TokenClass, f64>,
    /// The same tokens at the prices of the expected tier.
    at_expected_tier: BTreeMap<TokenClass, f64>,
}

/// Takes a bill apart. `on` is the day whose prices count for lines without one.
///
/// # Errors
///
/// When no line carries a day and none is named.
pub fn reconcile(
    bill: &Bill,
    expected: &Expected,
    book: &PriceBook,
    on: Option<Day>,
) -> Result<Reconciliation, ReconcileError> {
    let days = days_of(&bill.lines);
    let fallback = on.or(days.map(|[first, _]| first)).ok_or(ReconcileError::NoDay)?;
    let mut sums = Sums {
        book,
        expected,
        fallback,
        parts: BTreeMap::new(),
        used: BTreeMap::new(),
        rows: BTreeMap::new(),
        others: BTreeMap::new(),
    };
    bill.lines.iter().for_each(|line| sums.line(line));
    sums.against_expected();
    let total_usd = bill
        .lines
        .iter()
        .map(|line| line.usd_billed)
        .sum::<rust_decimal::Decimal>()
        .to_f64()
        .unwrap_or(f64::NAN);
    // Binary sums of decimal cents: what is below a millionth of a cent is nothing.
    let parts = sums.parts.iter().filter(|(_, usd)| usd.abs() > 1e-8);
    let components =
        parts.map(|(component, usd)| ComponentPart { component: *component, usd: *usd }).collect();
    let mut others: Vec<OtherRow> = sums
        .others
        .into_iter()
        .map(|((service, sku, component), usd)| OtherRow { service, sku, component, usd })
        .collect();
    others.sort_by(|a, b| b.usd.abs().total_cmp(&a.usd.abs()).then(a.sku.cmp(&b.sku)));
    let rows = sums.rows.into_values().collect();
    Ok(Reconciliation {
        schema: "burndown.reconcile/1",
        days,
        total_usd,
        declared_total_usd: bill.declared_total_usd.and_then(|usd| usd.to_f64()),
        components,
        rows,
        others,
    })
}

/// The running sums.
struct Sums<'a> {
    book: &'a PriceBook,
    expected: &'a Expected,
    fallback: Day,
    parts: BTreeMap<Component, f64>,
    used: BTreeMap<(Backend, ModelId), Used>,
    rows: BTreeMap<(Backend, ModelId, Tier, TokenClass), SkuRow>,
    others: BTreeMap<(String, String, Component), f64>,
}

impl Sums<'_> {
    fn add(&mut self, component: Component, usd: f64) {
        *self.parts.entry(component).or_default() += usd;
    }

    fn line(&mut self, line: &BillLine) {
        let f64_of = |amount: rust_decimal::Decimal| amount.to_f64().unwrap_or(f64::NAN);
        let (before, savings) = (f64_of(line.usd_before), f64_of(line.usd_savings));
        self.add(Component::Savings, savings);
        self.add(Component::Rounding, f64_of(line.usd_billed - line.usd_before - line.usd_savings));
        match line.kind {
            LineKind::Usage => self.usage(line, before),
            LineKind::Tax => self.add(Component::Tax, before),
            LineKind::Adjustment => self.add(Component::Adjustments, before),
            LineKind::Rounding => self.add(Component::Rounding, before),
        }
    }

    fn usage(&mut self, line: &BillLine, before: f64) {
        let (component, found) = match sku(&line.sku, self.book) {
            Sku::Tokens { model, backend, tier, class, long } => {
                let day = line.day.unwrap_or(self.fallback);
                let rate = |tier| self.rate(&model, backend, tier, class, day, long);
                let tokens = line.amount.and_then(|amount| amount.to_f64());
                match (rate(tier), tokens) {
                    (Some(own), Some(tokens)) => {
                        let want = self.expected.of.get(&(backend, model.clone()));
                        let wanted = want.and_then(|want| want.tier_of(class)).unwrap_or(tier);
                        let there = rate(wanted).unwrap_or(own);
                        let known = Known {
                            model,
                            backend,
                            tier,
                            class,
                            tokens,
                            at_book: own * tokens,
                            at_tier: there * tokens,
                        };
                        return self.known(known, before);
                    }
                    _ => (Component::NoPrice, before),
                }
            }
            Sku::Other(_) => (Component::OtherProducts, before),
            Sku::Unknown => (Component::UnknownSkus, before),
        };
        self.add(component, found);
        *self.others.entry((line.service.clone(), line.sku.clone(), component)).or_default() += found;
    }

    /// US dollars per token at the global location.
    fn rate(
        &self,
        model: &ModelId,
        backend: Backend,
        tier: Tier,
        class: TokenClass,
        day: Day,
        long: bool,
    ) -> Option<f64> {
        let placement = Placement { model: model.clone(), endpoint: Endpoint::of(backend), tier };
        let prices = self.book.prices(&placement, day, if long { LONG_PROMPT } else { 0 }).ok()?;
        Some(prices.rate(class)?.to_f64() / crate::units::TOKENS_PER_MTOK as f64)
    }

    fn known(&mut self, use_: Known, before: f64) {
        let difference = before - use_.at_book;
        let ratio = if use_.at_book > 0.0 { before / use_.at_book } else { 0.0 };
        let located = (ratio - LOCATION_FACTOR).abs() < LOCATION_TOLERANCE && use_.backend == Backend::Vertex;
        self.add(if located { Component::Location } else { Component::Prices }, difference);
        let key = (use_.backend, use_.model.clone());
        let used = self.used.entry(key.clone()).or_default();
        *used.at_book.entry(use_.class).or_default() += use_.at_book;
        *used.at_expected_tier.entry(use_.class).or_default() += use_.at_tier;
        let tokens_expected = self.expected.of.get(&key).map(|want| want.total(use_.class));
        let row =
            self.rows.entry((use_.backend, use_.model.clone(), use_.tier, use_.class)).or_insert(SkuRow {
                backend: use_.backend,
                model: use_.model,
                tier: use_.tier,
                class: use_.class,
                tokens: 0.0,
                tokens_expected,
                usd_billed: 0.0,
                usd_at_book: 0.0,
            });
        row.tokens += use_.tokens;
        row.usd_billed += before;
        row.usd_at_book += use_.at_book;
    }

    /// Known use at the book's prices against what was expected.
    fn against_expected(&mut self) {
        let mut expected_at_book = 0.0;
        let keys: Vec<(Backend, ModelId)> =
            self.expected.of.keys().chain(self.used.keys()).cloned().collect();
        let keys: std::collections::BTreeSet<(Backend, ModelId)> = keys.into_iter().collect();
        for key in keys {
            let used = self.used.remove(&key).unwrap_or_default();
            let at_book: f64 = used.at_book.values().sum();
            let Some(want) = self.expected.of.get(&key) else {
                let nothing = self.expected.of.is_empty();
                self.add(if nothing { Component::AtBook } else { Component::NotExpected }, at_book);
                continue;
            };
            let mut wanted: BTreeMap<TokenClass, f64> = BTreeMap::new();
            for ((tier, class), tokens) in &want.tokens {
                let rate = self.rate(&key.1, key.0, *tier, *class, self.fallback, false).unwrap_or(0.0);
                *wanted.entry(*class).or_default() += tokens * rate;
            }
            expected_at_book += wanted.values().sum::<f64>();
            self.add(Component::Tier, at_book - used.at_expected_tier.values().sum::<f64>());
            self.split(&wanted, &used.at_expected_tier);
        }
        let usd = self.expected.usd.unwrap_or(expected_at_book);
        self.add(Component::Expected, usd);
        self.add(Component::ExpectedPrices, expected_at_book - usd);
    }

    /// Billed less expected dollars, both at the same prices: the input tells how many requests there were.
    fn split(&mut self, wanted: &BTreeMap<TokenClass, f64>, billed: &BTreeMap<TokenClass, f64>) {
        let input = |usd: &BTreeMap<TokenClass, f64>| -> f64 {
            usd.iter().filter(|(class, _)| class.is_input()).map(|(_, usd)| usd).sum()
        };
        let (wanted_input, billed_input) = (input(wanted), input(billed));
        let (wanted_all, billed_all) = (wanted.values().sum::<f64>(), billed.values().sum::<f64>());
        if wanted_input <= 0.0 || billed_input <= 0.0 {
            // Without input there is nothing to tell requests and tokens apart by.
            self.add(Component::Requests, billed_all - wanted_all);
            return;
        }
        let ratio = billed_input / wanted_input;
        let image =
            |usd: &BTreeMap<TokenClass, f64>| usd.get(&TokenClass::OutputImage).copied().unwrap_or(0.0);
        let images = image(billed) - ratio * image(wanted);
        self.add(Component::Requests, (ratio - 1.0) * wanted_all);
        self.add(Component::ImagesPerRequest, images);
        self.add(Component::TokensPerRequest, billed_all - ratio * wanted_all - images);
    }
}

/// A line of known use.
struct Known {
    model: ModelId,
    backend: Backend,
    tier: Tier,
    class: TokenClass,
    tokens: f64,
    at_book: f64,
    at_tier: f64,
}

impl Want {
    /// The tier with most of a class's tokens; of all classes where it was not expected.
    fn tier_of(&self, class: TokenClass) -> Option<Tier> {
        let most = |only: Option<TokenClass>| {
            let tokens = self.tokens.iter().filter(|((_, other), _)| only.is_none_or(|only| only == *other));
            tokens.max_by(|a, b| a.1.total_cmp(b.1)).map(|((tier, _), _)| *tier)
        };
        most(Some(class)).or_else(|| most(None))
    }

    fn total(&self, class: TokenClass) -> f64 {
        self.tokens.iter().filter(|((_, other), _)| *other == class).map(|(_, tokens)| tokens).sum()
    }
}
