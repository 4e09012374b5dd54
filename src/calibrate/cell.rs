//! What is sampled: one cell for each route, placement and set of picture sizes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    calendar::Day,
    model::{Backend, ByClass, Endpoint, ModelId, Pixels, Placement, Shape, Tier, TokenClass},
    prices::{EndKind, ModelKind, PriceBook, prompt_tokens_max, worst_usd},
    tokens::{ClassTokens, TokenProfile, expect},
    units::{HOURS_PER_MONTH, Rate, TOKENS_PER_MTOK, Usd},
    workload::{Route, Volume, Workload},
};

/// Requests of one shape to one placement; their cost is learned together.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Names it in the journal; the same for the same workload.
    pub key: String,
    /// The route.
    pub route: String,
    /// Who serves; the tier is the one that is asked for.
    pub placement: Placement,
    /// Requests a month of this shape.
    pub weight: f64,
    /// Standard deviation of the route's volume over its mean.
    pub volume_cv: f64,
    /// Sizes of the request's pictures; a request takes the next entry, over and over.
    pub pictures: Vec<Vec<Pixels>>,
    /// What decides the tokens.
    pub shape: Shape,
    /// Whether the model makes pictures.
    pub makes_images: bool,
    /// What the token profile expects of it.
    pub expected: Expected,
    /// US dollars per million tokens.
    pub rates: ByClass<Option<Rate>>,
    /// US dollars that a request is never above, a quarter included for answers beyond the contract.
    pub worst: Usd,
    /// Most tokens of an answer by contract.
    pub answer_tokens_max: u64,
    /// Tokens of a picture of the prompt that may be billed instead of the reported ones, where the profile
    /// knows such a reading; the dearest.
    pub billed_picture_tokens: Option<u64>,
}

/// What a profile expects of a cell before any request.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Tokens by class.
    pub tokens: ByClass<Option<ClassTokens>>,
    /// US dollars of one request.
    pub usd: f64,
    /// Whether every class follows a rule: nothing is left to chance.
    pub by_rule: bool,
    /// Whether answers may hold more pictures than the profile counts: an open reading says so.
    pub drafts_open: bool,
    /// Seconds of an answer.
    pub seconds: f64,
}

/// A placement or shape that is not sampled, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Skipped {
    /// Model and endpoint.
    pub placement: String,
    /// In a sentence.
    pub why: String,
}

/// What cells are made from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// What is sent.
    pub workload: &'a Workload,
    /// Prices and model life.
    pub prices: &'a PriceBook,
    /// Token profiles.
    pub tokens: &'a BTreeMap<(Backend, ModelId), TokenProfile>,
    /// Day of the prices.
    pub day: Day,
}

/// Sets of sizes above which a route is one cell that goes through them in turn.
const SHAPES_MAX: usize = 4;

/// Sets of sizes of a cell that goes through them in turn.
const PICTURES_MAX: usize = 64;

/// Seconds of an answer of which nothing is known.
const SECONDS: f64 = 20.0;

/// The cells of a workload, and what is left out.
///
/// Placements are kept to those that `wanted` accepts.
pub fn cells(
    sources: &Sources<'_>,
    wanted: impl Fn(&Endpoint, &ModelId) -> bool,
) -> (Vec<Cell>, Vec<Skipped>) {
    let (mut cells, mut skipped) = (Vec::new(), Vec::new());
    for route in &sources.workload.routes {
        for model in &route.models {
            for endpoint in route.endpoints.iter().filter(|endpoint| wanted(endpoint, model)) {
                match cells_of(sources, route, model, endpoint) {
                    Ok(found) => cells.extend(found),
                    Err(why) => skipped.push(Skipped { placement: format!("{model} · {endpoint}"), why }),
                }
            }
        }
    }
    skipped.dedup();
    (cells, skipped)
}

fn cells_of(
    sources: &Sources<'_>,
    route: &Route,
    model: &ModelId,
    endpoint: &Endpoint,
) -> Result<Vec<Cell>, String> {
    let backend = endpoint.backend();
    if let Some(life) = sources.prices.life(model, backend)
        && let Some((end, EndKind::Announced)) = life.end
        && end <= sources.day
    {
        return Err(format!("gone since {end}"));
    }
    let profile = sources.tokens.get(&(backend, model.clone())).ok_or("no token profile")?;
    let facts = sources.prices.facts(model).ok_or("not in the price book")?;
    // A batch cannot be sampled request by request; its tokens are those of the standard tier.
    let tier = if route.tier == Tier::Batch { Tier::Standard } else { route.tier };
    let placement = Placement { model: model.clone(), endpoint: endpoint.clone(), tier };
    let answer_tokens_max = facts.max_output_tokens.ok_or("the book does not know its longest answer")?;
    let sets = picture_sets(&route.shape.input_images);
    let weight = requests_a_month(route, sources.workload.horizon_months) / sets.len() as f64;
    let mut list = Vec::new();
    for pictures in sets {
        let shape = Shape { input_images: slots(&pictures), ..route.shape.clone() };
        let expected =
            expect(profile, &shape, facts.kind, endpoint).ok_or("no tokens known for the size asked for")?;
        let prompt_max = prompt_tokens_max(&shape, facts.max_input_tokens);
        let prices = sources.prices.prices(&placement, sources.day, prompt_max);
        let prices = prices.map_err(|error| error.to_string())?;
        let rates = ByClass::from_fn(|class| prices.rate(class));
        let worst = worst_usd(&rates, &facts.outputs, prompt_max, answer_tokens_max)?;
        let drafts_open =
            profile.images_per_answer.as_ref().is_some_and(|images| !images.alternatives.is_empty());
        list.push(Cell {
            key: key_of(route, &placement, &pictures),
            route: route.name.clone(),
            placement: placement.clone(),
            weight,
            volume_cv: volume_cv(route),
            expected: Expected {
                by_rule: by_rule(&expected.classes) && !drafts_open,
                drafts_open,
                usd: usd_of(&expected.classes, &rates),
                seconds: seconds_of(profile, &shape),
                tokens: expected.classes,
            },
            billed_picture_tokens: dearest_reading(profile, &pictures),
            pictures,
            shape,
            makes_images: facts.kind == ModelKind::Image,
            rates,
            worst,
            answer_tokens_max,
        });
    }
    Ok(list)
}

/// US dollars of a request's expected tokens, as far as they have prices.
fn usd_of(classes: &ByClass<Option<ClassTokens>>, rates: &ByClass<Option<Rate>>) -> f64 {
    let of_class = |(class, tokens): (TokenClass, &Option<ClassTokens>)| {
        Some(tokens.as_ref()?.mean * rates[class]?.to_f64() / TOKENS_PER_MTOK as f64)
    };
    classes.iter().filter_map(of_class).sum()
}

/// Standard deviation of the volume over its mean.
fn volume_cv(route: &Route) -> f64 {
    let range = route.volume.range();
    if range.mean() > 0.0 { range.standard_deviation() / range.mean() } else { 0.0 }
}

/// Requests in a mean month.
fn requests_a_month(route: &Route, horizon_months: u32) -> f64 {
    match route.volume {
        Volume::PerMonth(range) => range.likely,
        Volume::PerDay(range) => range.likely * HOURS_PER_MONTH / 24.0,
        Volume::Total { requests, .. } => requests.likely / f64::from(horizon_months),
    }
}

/// Every choice of one size for each picture as a cell of its own, or all in turn when there are many.
fn picture_sets(slots: &[Vec<Pixels>]) -> Vec<Vec<Vec<Pixels>>> {
    let mut sets: Vec<Vec<Pixels>> = vec![Vec::new()];
    for sizes in slots {
        let mut distinct = sizes.clone();
        distinct.sort();
        distinct.dedup();
        // Sizes of a pattern's files are not equally frequent: then they are taken in the files' order.
        if distinct.len() < sizes.len() || sets.len() * sizes.len() > SHAPES_MAX {
            return vec![in_turn(slots)];
        }
        sets = sets
            .iter()
            .flat_map(|set| {
                sizes.iter().map(|size| set.iter().copied().chain([*size]).collect::<Vec<Pixels>>())
            })
            .collect();
    }
    sets.into_iter().map(|set| vec![set]).collect()
}

fn in_turn(slots: &[Vec<Pixels>]) -> Vec<Vec<Pixels>> {
    let most = slots.iter().map(Vec::len).max().unwrap_or(1).min(PICTURES_MAX);
    (0..most).map(|at| slots.iter().map(|sizes| sizes[at % sizes.len()]).collect()).collect()
}

/// Sizes by slot again, for the profile's rules.
fn slots(pictures: &[Vec<Pixels>]) -> Vec<Vec<Pixels>> {
    let count = pictures.first().map_or(0, Vec::len);
    (0..count).map(|slot| pictures.iter().map(|set| set[slot]).collect()).collect()
}

fn key_of(route: &Route, placement: &Placement, pictures: &[Vec<Pixels>]) -> String {
    let sets: Vec<String> = pictures
        .iter()
        .take(SHAPES_MAX)
        .map(|set| set.iter().map(Pixels::to_string).collect::<Vec<_>>().join("+"))
        .collect();
    let word = |word: Option<&str>| word.unwrap_or("-").to_string();
    [
        route.name.clone(),
        placement.endpoint.to_string(),
        placement.model.to_string(),
        placement.tier.to_string(),
        sets.join(","),
        route.shape.output_size.to_string(),
        word(route.shape.thinking_level.map(|level| level.as_str())),
        word(route.shape.media_resolution.map(|level| level.as_str())),
    ]
    .join("|")
}

/// Whether no class of the answer is a range.
fn by_rule(classes: &ByClass<Option<ClassTokens>>) -> bool {
    let answer = classes.iter().filter(|(class, _)| !class.is_input());
    answer.filter_map(|(_, tokens)| tokens.as_ref()).all(|tokens| tokens.p05 == tokens.p95)
}

/// Tokens of all pictures by the dearest other reading of what is billed.
fn dearest_reading(profile: &TokenProfile, pictures: &[Vec<Pixels>]) -> Option<u64> {
    let table = profile.input_image.as_ref()?;
    let readings = table.alternatives.iter().map(|other| {
        let tokens = |set: &Vec<Pixels>| set.iter().map(|size| other.rule.tokens(*size)).sum::<u64>();
        pictures.iter().map(tokens).max().unwrap_or(0)
    });
    readings.max()
}

fn seconds_of(profile: &TokenProfile, shape: &Shape) -> f64 {
    let cell = profile.cell(crate::tokens::RequestKind::of(shape.input_images.len()));
    let seconds = cell.map(|cell| cell.latency_seconds.as_slice()).unwrap_or_default();
    if seconds.is_empty() { SECONDS } else { seconds.iter().sum::<f64>() / seconds.len() as f64 }
}

impl Cell {
    /// What reported tokens cost; a class without a price is left out.
    pub fn usd(&self, tokens: &ByClass<u64>) -> f64 {
        let priced = tokens
            .iter()
            .filter_map(|(class, count)| Some(*count as f64 * self.rates[class].map(Rate::to_f64)? / 1e6));
        priced.sum()
    }

    /// The most that reported tokens may be billed, exact: pictures of the prompt by the dearest reading, a
    /// class without a price at the dearest one.
    pub fn billed_at_most(&self, tokens: &ByClass<u64>) -> Usd {
        let dearest = self.rates.iter().filter_map(|(_, rate)| *rate).max();
        let mut tokens = *tokens;
        if let Some(other) = self.billed_picture_tokens {
            tokens[TokenClass::InputImage] = tokens[TokenClass::InputImage].max(other);
        }
        let cost = |(class, count): (TokenClass, &u64)| {
            let rate = self.rates[class].or(dearest)?;
            Some(rate.cost_of_tokens(*count))
        };
        tokens.iter().filter_map(cost).sum()
    }

    /// Model and endpoint: the total that a stopping rule is about.
    pub fn alternative(&self) -> (ModelId, Endpoint) {
        (self.placement.model.clone(), self.placement.endpoint.clone())
    }
}
