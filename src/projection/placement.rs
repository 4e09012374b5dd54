//! One route on one placement: tokens, cost per request, spend by month.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    plan::Inputs,
    pricing::{Pricer, Quote, mean_of},
};
use crate::{
    calendar::{Day, Month, Stretch},
    model::{ByClass, Endpoint, Grade, ModelId, Placement, Shape, TokenClass},
    prices::{EndKind, ModelKind},
    stats::{Sample, jeffreys_interval, quantile},
    tokens::{
        Answer, Behaviour, Cell, ClassTokens, RequestKind, TokenProfile, borrowed, counts_in_words, expect,
        own_cell,
    },
    units::{Rate, TOKENS_PER_MTOK},
    warning::Warning,
    workload::Route,
};

/// One route on one placement.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlacementPlan {
    /// Model, endpoint, tier.
    pub placement: Placement,
    /// Whether it can serve.
    pub status: Status,
    /// One request of it; `None` when it cannot be priced.
    pub per_request: Option<PerRequest>,
    /// Spend by month, without spend after its end.
    pub months: Vec<MonthSpend>,
    /// Mean US dollars a month over the horizon.
    pub usd_per_month: f64,
    /// Share of the horizon on which it serves.
    pub served_share: f64,
    /// Mean US dollars a month while it serves; the same unless it ends or starts inside the horizon.
    pub usd_per_served_month: f64,
    /// US dollars over the horizon.
    pub usd_total: f64,
    /// Rows of the price book that were used.
    pub rows: Vec<RowUsed>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Whether a placement can serve the route.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Status {
    /// Over the whole horizon, as far as announced.
    Served,
    /// Until a day inside the horizon.
    EndsInside {
        /// First day without service.
        end: Day,
        /// What follows.
        successor: Option<ModelId>,
    },
    /// Not yet: its launch lies behind the horizon.
    NotYet {
        /// First day with service.
        launch: Day,
    },
    /// No longer.
    Gone {
        /// First day without service.
        end: Day,
        /// What follows.
        successor: Option<ModelId>,
    },
    /// Not at all: no price, no profile, no such size.
    Impossible {
        /// Why.
        reason: String,
    },
}

impl Status {
    /// Whether it serves at least some days of the horizon.
    pub fn serves(&self) -> bool {
        matches!(self, Status::Served | Status::EndsInside { .. })
    }
}

/// One request: tokens, dollars, burn.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PerRequest {
    /// Tokens by class.
    pub tokens: ByClass<Option<ClassTokens>>,
    /// US dollars by class, at the first day of service inside the horizon.
    pub usd: ByClass<f64>,
    /// Their sum.
    pub usd_total: f64,
    /// One standard error of the mean cost, from tokens alone.
    pub usd_standard_error: f64,
    /// False when a class has no price.
    pub complete: bool,
    /// Images counted per answer.
    pub images_per_answer: f64,
    /// What the price sheet asks for one image of the size, on models that make images.
    pub sheet_usd_per_image: Option<f64>,
    /// What answers of this kind were seen, where any were.
    pub seen: Option<Seen>,
    /// What this backend refuses or does differently.
    pub behaviours: Vec<Behaviour>,
    /// Weakest grade among the classes that make at least a twentieth of the cost.
    pub grade: Grade,
    /// Fewest answers among those that were measured.
    pub answers: Option<u64>,
}

/// What was seen of answers to one kind of request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Seen {
    /// Answers with the picture that was asked for.
    pub answers: u64,
    /// Answers without it.
    pub blocked: u64,
    /// Share of blocked answers, 90 % Jeffreys interval.
    pub blocked_share: [f64; 2],
    /// Images per answer and how often.
    pub images: String,
    /// Seconds: median and 95th percentile, where any were measured.
    pub latency_seconds: Option<[f64; 2]>,
    /// Answers with a latency.
    pub latency_answers: u64,
    /// Mean megabytes of an answer's images, where measured.
    pub image_megabytes: Option<f64>,
    /// Kinds of picture files and in how many answers, where told: `image/png` × 12.
    pub image_mime: BTreeMap<String, u64>,
}

/// Requests and spend of one month.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MonthSpend {
    /// `2026-12`.
    pub month: String,
    /// Expected requests that the placement serves.
    pub requests: f64,
    /// US dollars by class.
    pub usd: ByClass<f64>,
    /// Their sum.
    pub usd_total: f64,
}

/// A price row that a plan rests on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RowUsed {
    /// File it stands in.
    pub file: String,
    /// Line it starts on.
    pub line: usize,
    /// First day it is used for.
    pub first_used: Day,
    /// Day of its last check.
    pub checked: Day,
    /// Printed or derived.
    pub grade: Grade,
    /// Where it was read.
    pub source: Vec<String>,
    /// Factor of a non-global location.
    pub non_global_factor: Option<String>,
    /// US dollars per million tokens by class, location and negotiated factor left out.
    pub usd_per_mtok: ByClass<Option<Rate>>,
}

/// Share of the cost above which a class counts for the evidence of the whole.
const SHARE_THAT_COUNTS: f64 = 0.05;

/// Plans one route on one placement.
pub(super) fn plan_placement(
    inputs: &Inputs<'_>,
    route: &Route,
    placement: Placement,
    months: &[Month],
) -> PlacementPlan {
    plan_with(inputs, route, placement, months, None)
}

/// The same with another token profile in place of the shipped one, to value a known unknown.
pub(super) fn plan_with(
    inputs: &Inputs<'_>,
    route: &Route,
    placement: Placement,
    months: &[Month],
    profile: Option<&TokenProfile>,
) -> PlacementPlan {
    let (first, next) = (months[0].first, months[months.len() - 1].next);
    let mut warnings = inputs.prices.life_warnings(&placement.model, &placement.endpoint, first, next);
    match served(inputs, route, &placement, months, profile, &mut warnings) {
        Ok(found) => PlacementPlan { warnings, ..found },
        Err(reason) => PlacementPlan {
            placement,
            status: Status::Impossible { reason },
            per_request: None,
            months: Vec::new(),
            usd_per_month: 0.0,
            served_share: 0.0,
            usd_per_served_month: 0.0,
            usd_total: 0.0,
            rows: Vec::new(),
            warnings,
        },
    }
}

/// The plan of a placement that can serve the route, but for its warnings; else why it cannot.
fn served(
    inputs: &Inputs<'_>,
    route: &Route,
    placement: &Placement,
    months: &[Month],
    profile: Option<&TokenProfile>,
    warnings: &mut Vec<Warning>,
) -> Result<PlacementPlan, String> {
    let (first, next) = (months[0].first, months[months.len() - 1].next);
    let facts = inputs.prices.facts(&placement.model).ok_or("not in the price book")?;
    if let Some(reason) = cannot_make(route, facts, warnings) {
        return Err(reason);
    }
    let profile = profile.or_else(|| find_profile(inputs, placement, warnings)).ok_or("no token profile")?;
    let expected = expect(profile, &route.shape, facts.kind, &placement.endpoint)
        .ok_or_else(|| format!("no tokens known for {} images", route.shape.output_size))?;
    if let Some(reason) = too_long(&expected.classes, facts) {
        return Err(reason);
    }
    if let Some(reason) = tier_cannot_make(inputs, route, placement, first) {
        return Err(reason);
    }
    warnings.extend(expected.warnings.clone());
    let status = status(inputs, placement, first, next);
    let service = service(inputs, placement, &status, first, next);
    let pricer = Pricer { inputs, placement, route, tokens: &expected.classes };
    let quote = pricer.quote(service.first, warnings).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    let month = |(at, month): (usize, &Month)| pricer.month(at, *month, service, &mut rows, warnings);
    let spends: Vec<MonthSpend> = months.iter().enumerate().map(month).collect();
    let served = served_months(months, service);
    let usd_total = spends.iter().map(|spend| spend.usd_total).sum();
    warnings.dedup();
    let gap = warnings.iter().any(|warning| matches!(warning, Warning::PriceGap { .. }));
    Ok(PlacementPlan {
        placement: placement.clone(),
        status,
        per_request: Some(PerRequest {
            complete: quote.complete && !gap,
            ..per_request(quote, &expected.classes, expected.images_per_answer, profile, route)
        }),
        usd_per_month: usd_total / months.len() as f64,
        served_share: served / months.len() as f64,
        usd_per_served_month: if served > 0.0 { usd_total / served } else { 0.0 },
        usd_total,
        months: spends,
        rows,
        warnings: Vec::new(),
    })
}

/// The days of the horizon on which it serves. A gone placement has none, and is priced as of its end, to be
/// compared.
fn service(inputs: &Inputs<'_>, placement: &Placement, status: &Status, first: Day, next: Day) -> Stretch {
    match status {
        Status::Gone { end: day, .. } | Status::NotYet { launch: day } => Stretch { first: *day, next: *day },
        _ => {
            let life = inputs.prices.life(&placement.model, placement.endpoint.backend());
            let launch = life.and_then(|life| life.launch).map_or(first, |launch| launch.max(first));
            let end = if let Status::EndsInside { end, .. } = status { *end } else { next };
            Stretch { first: launch.min(end), next: end }
        }
    }
}

/// Months of service inside the horizon, parts of a month as parts.
fn served_months(months: &[Month], service: Stretch) -> f64 {
    let share = |month: &Month| {
        let whole = Stretch { first: month.first, next: month.next };
        f64::from(service.overlap(whole).days()) / f64::from(whole.days())
    };
    months.iter().map(share).sum()
}

fn cannot_make(
    route: &Route,
    facts: &crate::prices::ModelFacts,
    warnings: &mut Vec<Warning>,
) -> Option<String> {
    let size = route.shape.output_size;
    if facts.kind == ModelKind::Image && !facts.sizes.contains(&size) {
        warnings.push(Warning::SizeNotMade { model: facts.id.clone(), size });
        return Some(format!("makes no {size} images"));
    }
    let found = route.shape.input_images.len() as u32;
    let max = facts.max_input_images.filter(|max| found > *max)?;
    warnings.push(Warning::TooManyImages { model: facts.id.clone(), max, found });
    Some(format!("takes at most {max} input images"))
}

/// A prompt or an answer that the model cannot hold.
fn too_long(classes: &ByClass<Option<ClassTokens>>, facts: &crate::prices::ModelFacts) -> Option<String> {
    let sum = |input: bool| -> f64 {
        classes.iter().filter(|(class, _)| class.is_input() == input).map(mean_of).sum()
    };
    let above = |what: &str, tokens: f64, max: Option<u64>| {
        let max = max.filter(|max| tokens > *max as f64)?;
        Some(format!("{what} of {tokens:.0} tokens is above its limit of {max}"))
    };
    above("a prompt", sum(true), facts.max_input_tokens)
        .or_else(|| above("an answer", sum(false), facts.max_output_tokens))
}

/// A size that the model makes, but not on this tier (Vertex batch makes 1K alone).
fn tier_cannot_make(inputs: &Inputs<'_>, route: &Route, placement: &Placement, day: Day) -> Option<String> {
    let row = inputs.prices.prices(placement, day, 0).ok()?.row;
    let size = route.shape.output_size;
    let makes = row.sizes.is_empty() || row.sizes.contains(&size);
    (!makes).then(|| format!("{} makes no {size} images", placement.tier))
}

/// The profile of this backend, or the other backend's with a warning.
fn find_profile<'a>(
    inputs: &Inputs<'a>,
    placement: &Placement,
    warnings: &mut Vec<Warning>,
) -> Option<&'a TokenProfile> {
    let backend = placement.endpoint.backend();
    let key = |backend| (backend, placement.model.clone());
    if let Some(profile) = inputs.tokens.get(&key(backend)) {
        return Some(profile);
    }
    let other = crate::model::Backend::ALL.iter().copied().find(|other| *other != backend)?;
    let profile = inputs.tokens.get(&key(other))?;
    warnings.push(Warning::ProfileStandsIn {
        model: placement.model.clone(),
        endpoint: placement.endpoint.clone(),
        stand_in: Endpoint::of(other),
    });
    Some(profile)
}

fn status(inputs: &Inputs<'_>, placement: &Placement, first: Day, next: Day) -> Status {
    let life = inputs.prices.life(&placement.model, placement.endpoint.backend());
    let Some(life) = life else { return Status::Served };
    if let Some(launch) = life.launch.filter(|launch| next <= *launch) {
        return Status::NotYet { launch };
    }
    let successor = life.successor.clone();
    match life.end {
        Some((end, EndKind::Announced)) if end <= first => Status::Gone { end, successor },
        Some((end, EndKind::Announced)) if end < next => Status::EndsInside { end, successor },
        _ => Status::Served,
    }
}

fn per_request(
    quote: Quote,
    expected: &ByClass<Option<ClassTokens>>,
    images_per_answer: f64,
    profile: &TokenProfile,
    route: &Route,
) -> PerRequest {
    let usd_total = quote.usd.total();
    let tokens = with_cached(expected, &quote.tokens);
    let usd_standard_error = standard_error(&quote, &tokens, profile, &route.shape);
    let counts = tokens.iter().filter_map(|(class, tokens)| Some((class, tokens.as_ref()?)));
    let big: Vec<&ClassTokens> = counts
        .filter(|(class, _)| quote.usd[*class] >= SHARE_THAT_COUNTS * usd_total)
        .map(|(_, tokens)| tokens)
        .collect();
    let sheet = profile.output_image.as_ref().and_then(|table| table.tokens.get(&route.shape.output_size));
    let image_rate = quote.rates[TokenClass::OutputImage];
    let kind = RequestKind::of(route.shape.input_images.len());
    PerRequest {
        seen: profile.cell(kind).filter(|_| profile.output_image.is_some()).map(seen),
        behaviours: profile.behaviours.clone(),
        usd: quote.usd,
        usd_total,
        usd_standard_error,
        complete: quote.complete,
        images_per_answer,
        sheet_usd_per_image: sheet.map(|tokens| *tokens as f64 * image_rate / TOKENS_PER_MTOK as f64),
        grade: big
            .iter()
            .map(|tokens| tokens.evidence.grade)
            .chain(profile.cell(kind).map(|cell| cell.grade).filter(|grade| *grade == Grade::Rehearsed))
            .max()
            .unwrap_or(quote.grade),
        answers: big.iter().filter_map(|tokens| tokens.evidence.n).min(),
        tokens,
    }
}

/// Standard error of the mean cost. Text and thinking of the cell's answers go together: their joint error
/// comes from the Bayesian bootstrap of whole answers; other classes err on their own.
fn standard_error(
    quote: &Quote,
    tokens: &ByClass<Option<ClassTokens>>,
    profile: &TokenProfile,
    shape: &Shape,
) -> f64 {
    let usd_per_token = |class: TokenClass| quote.rates[class] / TOKENS_PER_MTOK as f64;
    let joint = [TokenClass::OutputText, TokenClass::OutputThinking];
    let cell = own_cell(profile, shape).filter(|_| shape.output_text.is_exact());
    let together = cell.and_then(|cell| {
        let text = borrowed(profile, cell, &|answer| answer.text as f64);
        let thinking = borrowed(profile, cell, &|answer| answer.thinking as f64);
        let row = |answer: &Answer| vec![answer.text as f64 * text, answer.thinking as f64 * thinking];
        let rows: Vec<Vec<f64>> = cell.answers.iter().map(row).collect();
        let sample = Sample::new(&rows).ok()?;
        let prices = joint.map(usd_per_token);
        Some(sample.linear_moments(&sample.cap(&[None, None]), &prices).standard_error)
    });
    let alone = tokens.iter().filter(|(class, _)| together.is_none() || !joint.contains(class));
    let variance: f64 = alone
        .filter_map(|(class, tokens)| Some((usd_per_token(class), tokens.as_ref()?.standard_error)))
        .map(|(rate, error)| (rate * error).powi(2))
        .sum();
    variance.sqrt().hypot(together.unwrap_or(0.0))
}

fn seen(cell: &Cell) -> Seen {
    let answers = cell.answers.len() as u64;
    let latency = |p: f64| quantile(&cell.latency_seconds, p);
    let bytes: u64 = cell.image_bytes.iter().sum();
    let measured = cell.image_bytes.len() as f64;
    let blocked = jeffreys_interval(cell.blocked, answers + cell.blocked, 0.9);
    Seen {
        answers,
        blocked: cell.blocked,
        blocked_share: [blocked.low, blocked.high],
        images: counts_in_words(&cell.answers),
        latency_seconds: latency(0.5).zip(latency(0.95)).map(|(p50, p95)| [p50, p95]),
        latency_answers: cell.latency_seconds.len() as u64,
        image_megabytes: (measured > 0.0).then(|| bytes as f64 / measured / 1e6),
        image_mime: cell.image_mime.clone(),
    }
}

/// Expected tokens with the cached part of each input class in its own class.
fn with_cached(
    expected: &ByClass<Option<ClassTokens>>,
    split: &ByClass<f64>,
) -> ByClass<Option<ClassTokens>> {
    let mut tokens = expected.clone();
    for class in TokenClass::ALL.iter().copied() {
        let (Some(cached), Some(whole)) = (class.cached(), expected[class].as_ref()) else { continue };
        if split[cached] == 0.0 {
            continue;
        }
        let share = split[cached] / whole.mean;
        tokens[cached] = Some(scaled(whole, share));
        tokens[class] = Some(scaled(whole, 1.0 - share)).filter(|rest| rest.mean > 0.0);
    }
    tokens
}

fn scaled(tokens: &ClassTokens, share: f64) -> ClassTokens {
    ClassTokens {
        mean: tokens.mean * share,
        standard_error: tokens.standard_error * share,
        p05: tokens.p05 * share,
        p50: tokens.p50 * share,
        p95: tokens.p95 * share,
        evidence: tokens.evidence.clone(),
    }
}
