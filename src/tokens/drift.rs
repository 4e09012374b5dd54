//! Is a token profile still true? New answers against the ones it rests on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    fit::{Fitted, RuleCheck, fit},
    profile::{Answer, Cell, RequestKind, TokenProfile},
};
use crate::{
    calendar::Day,
    model::{Backend, ByClass, Endpoint, ModelId, Placement, Tier, TokenClass},
    prices::PriceBook,
    stats::{Cusum, SelfStarting, discoveries, same_law, same_shares},
    usage::Observation,
};

/// What new observations say about profiles.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Drift {
    /// Cells that profile and observations have in common.
    pub cells: Vec<CellDrift>,
    /// Cells that observations have and profiles do not, with their answers.
    pub unknown_cells: Vec<(String, u64)>,
    /// Observations that could not be used, by reason.
    pub left_out: BTreeMap<String, u64>,
}

/// One cell, old and new.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CellDrift {
    /// The backend.
    pub backend: Backend,
    /// The model.
    pub model: ModelId,
    /// Kind of request.
    pub kind: RequestKind,
    /// Answers of the profile.
    pub known: u64,
    /// New answers.
    pub new: u64,
    /// What drifted; empty = nothing.
    pub signals: Vec<Signal>,
    /// US dollars that sampling it anew to ±5 % is expected to cost; `None` without a price or a drift.
    pub recalibration_usd: Option<f64>,
}

/// Something that is no longer as it was.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub enum Signal {
    /// A count that was never seen before.
    UnknownAtom {
        /// Of what.
        what: &'static str,
        /// The count.
        value: u64,
        /// New answers with it.
        times: u64,
    },
    /// The level of a metric shifted: the cumulative sum left its limits.
    Shift {
        /// Of what.
        what: &'static str,
        /// New answers until the alarm.
        after: u64,
        /// Mean before.
        before: f64,
        /// Mean of the new answers.
        now: f64,
    },
    /// The law of a metric is another one: a two-sample test, false discoveries bounded over all cells.
    NewLaw {
        /// Of what.
        what: &'static str,
        /// P-value of the test.
        p: f64,
    },
}

/// Answers below which a profile's cell is no baseline.
const BASELINE: usize = 8;

/// Share of false discoveries among the two-sample tests.
const FALSE_DISCOVERIES: f64 = 0.05;

/// `z²/ε²` for ±5 % at 95 %: requests that a coefficient of variation of 1 needs.
const REQUESTS_PER_CV2: f64 = 1537.0;

/// A metric of an answer.
type Metric = (&'static str, fn(&Answer) -> u64);

const METRICS: [Metric; 2] =
    [("text tokens", |answer| answer.text), ("thinking tokens", |answer| answer.thinking)];

/// Holds new observations, in the order they are given, against profiles; `day` decides the prices.
///
/// Three ways to notice: a count of pictures, or picture tokens of the prompt, that the profile never had; a
/// two-sided cumulative sum on log tokens, its limit raised for the number of charts; two-sample tests with
/// Benjamini's and Hochberg's bound over all cells. Scores are taken against the running baseline, so that a
/// profile of a few answers does not raise false alarms.
pub fn drift(
    observations: &[Observation],
    book: &PriceBook,
    profiles: &BTreeMap<(Backend, ModelId), TokenProfile>,
    day: Day,
) -> Drift {
    let fitted = fit(observations, book, profiles, "NEW");
    let order = in_order(observations, book, profiles);
    let mut drift = Drift { left_out: fitted.left_out.clone(), ..Drift::default() };
    let mut pairs: Vec<(&Cell, &Cell, Backend, &ModelId)> = Vec::new();
    for found in &fitted.cells {
        let profile = profiles.get(&(found.backend, found.model.clone()));
        match profile.and_then(|profile| profile.cell(found.cell.kind)) {
            Some(known) if known.answers.len() >= BASELINE => {
                pairs.push((known, &found.cell, found.backend, &found.model));
            }
            _ => {
                let name = format!("{} {} {}", found.backend, found.model, found.cell.kind.as_str());
                drift.unknown_cells.push((name, found.cell.answers.len() as u64));
            }
        }
    }
    let laws = new_laws(&pairs);
    for ((known, new, backend, model), laws) in pairs.iter().zip(laws) {
        let key = (*backend, (*model).clone(), new.kind);
        let mut signals = unknown_atoms(known, new);
        signals.extend(rule_broken(&fitted, *backend, model));
        signals.extend(shifts(known, &order[&key], pairs.len() * METRICS.len()));
        signals.extend(laws);
        let usd = recalibration_usd(book, *backend, model, &new.answers, profiles, day);
        drift.cells.push(CellDrift {
            backend: *backend,
            model: (*model).clone(),
            kind: new.kind,
            known: known.answers.len() as u64,
            new: new.answers.len() as u64,
            recalibration_usd: usd.filter(|_| !signals.is_empty()),
            signals,
        });
    }
    drift
}

type CellKey = (Backend, ModelId, RequestKind);

/// The answers of each cell in the order of the observations: a chart needs time, a fit does not.
fn in_order(
    observations: &[Observation],
    book: &PriceBook,
    profiles: &BTreeMap<(Backend, ModelId), TokenProfile>,
) -> BTreeMap<CellKey, Vec<Answer>> {
    let mut order: BTreeMap<CellKey, Vec<Answer>> = BTreeMap::new();
    for observation in observations {
        let one = fit(std::slice::from_ref(observation), book, profiles, "NEW");
        for found in one.cells {
            order
                .entry((found.backend, found.model, found.cell.kind))
                .or_default()
                .extend(found.cell.answers);
        }
    }
    order
}

fn unknown_atoms(known: &Cell, new: &Cell) -> Vec<Signal> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for answer in &new.answers {
        *counts.entry(answer.images).or_default() += 1;
    }
    let was = |images: u64| known.answers.iter().any(|answer| answer.images == images);
    let unknown = counts.into_iter().filter(|(images, _)| !was(*images));
    unknown.map(|(value, times)| Signal::UnknownAtom { what: "pictures per answer", value, times }).collect()
}

/// Prompts whose picture tokens are not those of the profile's rule.
fn rule_broken(fitted: &Fitted, backend: Backend, model: &ModelId) -> Option<Signal> {
    let is_mine = |rule: &&RuleCheck| rule.backend == backend && rule.model == *model;
    let rule = fitted.rules.iter().find(is_mine)?;
    let (_, reported, _) = rule.differ.first()?;
    let times = rule.differ.len() as u64;
    Some(Signal::UnknownAtom { what: "picture tokens of a prompt", value: *reported, times })
}

/// Cumulative sums on log(1 + tokens), started on the profile's answers.
fn shifts(known: &Cell, new: &[Answer], charts: usize) -> Vec<Signal> {
    let log = |tokens: u64| (1.0 + tokens as f64).ln();
    let shift = |(what, of): &Metric| {
        let mut baseline = SelfStarting::default();
        known.answers.iter().for_each(|answer| baseline.learn(log(of(answer))));
        let mut chart = Cusum::among(charts);
        let alarm =
            new.iter().position(|answer| baseline.score(log(of(answer))).is_some_and(|z| chart.add(z)))?;
        let mean = |answers: &[Answer]| answers.iter().map(of).sum::<u64>() as f64 / answers.len() as f64;
        Some(Signal::Shift { what, after: alarm as u64 + 1, before: mean(&known.answers), now: mean(new) })
    };
    METRICS.iter().filter_map(shift).collect()
}

/// Two-sample tests of all cells at once.
fn new_laws(pairs: &[(&Cell, &Cell, Backend, &ModelId)]) -> Vec<Vec<Signal>> {
    let mut tests: Vec<(usize, &'static str, f64)> = Vec::new();
    for (at, (known, new, ..)) in pairs.iter().enumerate() {
        let mut kinds: Vec<u64> =
            known.answers.iter().chain(&new.answers).map(|answer| answer.images).collect();
        kinds.sort();
        kinds.dedup();
        let counts = |cell: &Cell| -> Vec<u64> {
            let times =
                |images: &u64| cell.answers.iter().filter(|answer| answer.images == *images).count() as u64;
            kinds.iter().map(times).collect()
        };
        tests.push((at, "pictures per answer", same_shares(&counts(known), &counts(new))));
        for (what, of) in METRICS {
            let values =
                |cell: &Cell| -> Vec<f64> { cell.answers.iter().map(|answer| of(answer) as f64).collect() };
            tests.push((at, what, same_law(&values(known), &values(new))));
        }
    }
    let stand = discoveries(&tests.iter().map(|(.., p)| *p).collect::<Vec<_>>(), FALSE_DISCOVERIES);
    let mut found = vec![Vec::new(); pairs.len()];
    for ((at, what, p), stands) in tests.into_iter().zip(stand) {
        if stands {
            found[at].push(Signal::NewLaw { what, p });
        }
    }
    found
}

/// Requests for ±5 % by the new answers' own scatter, at least a pilot of 8, times their mean price.
fn recalibration_usd(
    book: &PriceBook,
    backend: Backend,
    model: &ModelId,
    answers: &[Answer],
    profiles: &BTreeMap<(Backend, ModelId), TokenProfile>,
    day: Day,
) -> Option<f64> {
    let placement = Placement { model: model.clone(), endpoint: Endpoint::of(backend), tier: Tier::Standard };
    let prices = book.prices(&placement, day, 0).ok()?;
    let rate = |class: TokenClass| Some(prices.rate(class)?.to_f64() / 1e6);
    let sizes = &profiles.get(&(backend, model.clone()))?.output_image.as_ref()?.tokens;
    let per_image = *sizes.get(&crate::model::ImageSize::OneK).or(sizes.values().next())? as f64;
    let cost = |answer: &Answer| {
        let tokens = ByClass::from_fn(|class| match class {
            TokenClass::OutputImage => answer.images as f64 * per_image,
            TokenClass::OutputText => answer.text as f64,
            TokenClass::OutputThinking => answer.thinking as f64,
            _ => 0.0,
        });
        let used = tokens.iter().filter(|(_, count)| **count > 0.0);
        used.map(|(class, count)| Some(count * rate(class)?)).sum::<Option<f64>>()
    };
    let costs: Vec<f64> = answers.iter().map(cost).collect::<Option<_>>()?;
    let mean = costs.iter().sum::<f64>() / costs.len() as f64;
    let variance = costs.iter().map(|cost| (cost - mean).powi(2)).sum::<f64>() / costs.len() as f64;
    let requests = (REQUESTS_PER_CV2 * variance / (mean * mean)).ceil().max(BASELINE as f64);
    Some(requests * mean)
}
