//! What Cloud Monitoring measured of a purchase against what the plan says of its pool.

use rand::RngExt;
use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::saved::{SavedPlan, SavedPool};
use crate::{
    calendar::{LocalClock, moment_text},
    capacity::{PtMetrics, PtStep},
    model::{Endpoint, ModelId},
    stats::generator,
};

/// Bootstrap samples, and blocks of time that they are made of, seconds: what one hour is like says much of the
/// next.
const DRAWS: usize = 1_000;
const BLOCK_SECONDS: u64 = 6 * 3_600;
const BLOCKS_MIN: usize = 8;
const STREAM: u64 = 0x7074_206d_6574_7269;

/// Most periods without a point for the rest to speak for the whole.
const GAPS_MAX: f64 = 0.2;

const HOUR_MICROS: i64 = 3_600_000_000;

/// Measured provisioned throughput beside the plan's.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PtCheck {
    /// The model.
    pub model: ModelId,
    /// The location of the plan's pool.
    pub endpoint: Endpoint,
    /// First and last moment, RFC 3339.
    pub from: String,
    /// Its end.
    pub to: String,
    /// Length of a period, seconds.
    pub step_seconds: u64,
    /// Periods with burn.
    pub steps: u64,
    /// Periods without a point: not known, and in no share below.
    pub gaps: u64,
    /// GSUs that were in force.
    pub gsu: u64,
    /// Measured load, in GSUs, with its 90 % interval.
    pub load_gsu: Measured,
    /// The plan's mean load of its busiest month, in GSUs.
    pub planned_load_gsu: Option<f64>,
    /// Share of the burn that was left to pay-as-you-go, with its 90 % interval.
    pub left_share: Measured,
    /// What the plan says is left at that count: by its curve, or by the rule of admission that production showed.
    pub planned_left_share: Option<f64>,
    /// Where the plan says it could lie under other rules of admission; `None` where it does not say.
    pub planned_envelope: Option<[f64; 2]>,
    /// Share of the periods whose burn was above what the GSUs carry in one.
    pub periods_above_limit: f64,
    /// Requests a second, where they were given.
    pub requests_per_second: Option<f64>,
    /// Share of the requests left to pay-as-you-go, where they were given.
    pub left_requests_share: Option<f64>,
    /// Weights of the hours of the day, midnight first, mean 1; `None` where an hour was never seen.
    pub day_shape: Option<Vec<f64>>,
    /// Weights of the days from Monday, mean 1; `None` where a day was never seen.
    pub week_shape: Option<Vec<f64>>,
    /// More is left than the plan allows for: the interval lies above its curve and its envelope.
    pub above: bool,
    /// Less is left than the plan allows for.
    pub below: bool,
}

/// A measured number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// Its 90 % interval from blocks of six hours; `None` below eight of them.
    pub range: Option<[f64; 2]>,
}

/// Why metrics cannot be held against a plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PtCheckError {
    /// The plan has no such pool.
    #[error(
        "the metrics are of {}{}; the plan has pools of {}",
        model.as_deref().unwrap_or("an unnamed model"),
        location.as_ref().map(|location| format!(" at {location}")).unwrap_or_default(),
        if pools.is_empty() { "no model".to_string() } else { pools.join(", ") }
    )]
    NoPool {
        /// What the metrics name.
        model: Option<String>,
        /// Where.
        location: Option<String>,
        /// Pools of the plan.
        pools: Vec<String>,
    },
    /// Neither limit nor count.
    #[error(
        "how many GSUs were in force is not known\n\nhint: add the metric dedicated_gsu_limit or dedicated_token_limit, or say --gsu N"
    )]
    NoLimit,
    /// The plan does not say what a GSU carries.
    #[error("the plan does not say what one GSU of {0} carries")]
    NoRate(ModelId),
    /// Too many gaps.
    #[error(
        "{gaps} of {steps} periods have no point of burn: periods without traffic have none, but so have those that were not kept\n\nhint: ask for a stretch with traffic, or for longer periods"
    )]
    Gaps {
        /// Without a point.
        gaps: u64,
        /// Of how many.
        steps: u64,
    },
}

/// Holds measured provisioned throughput against the plan's pool of that model.
///
/// # Errors
///
/// When the plan has no such pool, the count is not known, or too many periods have no point.
pub fn pt_check(
    plan: &SavedPlan,
    metrics: &PtMetrics,
    gsu: Option<u64>,
    clock: &LocalClock,
) -> Result<PtCheck, PtCheckError> {
    let pool = pool(plan, metrics)?;
    let rate = pool.sizing.and_then(|sizing| sizing.throughput_per_gsu?.to_f64());
    let rate = rate.filter(|rate| *rate > 0.0).ok_or_else(|| PtCheckError::NoRate(pool.model.clone()))?;
    let told = metrics.steps.iter().rev().find_map(|step| step.limit_tokens_per_second);
    let of_limit = told.map(|limit| (limit / rate).round() as u64);
    let gsu = gsu.or(metrics.gsu).or(of_limit).filter(|gsu| *gsu > 0).ok_or(PtCheckError::NoLimit)?;
    let (gaps, steps) = (metrics.gaps(), metrics.steps.len() as u64);
    if gaps as f64 > GAPS_MAX * steps as f64 {
        return Err(PtCheckError::Gaps { gaps, steps });
    }
    let seconds = metrics.step_seconds as f64;
    let limit = |step: &PtStep| step.limit_tokens_per_second.unwrap_or(gsu as f64 * rate) * seconds;
    let seen = || metrics.steps.iter().filter(|step| step.dedicated_burn.is_some());
    let above = seen().filter(|step| burn(step) > limit(step)).count();
    let left_share = measured(metrics, |step| step.left_burn, |step| step.dedicated_burn.map(|_| burn(step)));
    let load = measured(metrics, |step| step.dedicated_burn.map(|_| burn(step) / rate), |_| Some(seconds));
    let rules = pool.rules.iter().find(|rules| rules.gsu == gsu);
    let learned = rules.and_then(|rules| rules.learned.first()).map(|best| best.left_share);
    let of_curve = pool.curve.iter().find(|point| point.gsu == gsu).map(|point| point.left.tokens);
    let planned = learned.or(of_curve);
    let envelope = rules.map(|rules| rules.envelope);
    let [low, high] = match (planned, envelope) {
        (Some(share), Some([low, high])) => [low.min(share), high.max(share)],
        (Some(share), None) => [share; 2],
        (None, _) => [0.0, 1.0],
    };
    let range = left_share.range.unwrap_or([0.0, 1.0]);
    let sum = |of: fn(&PtStep) -> Option<f64>| metrics.steps.iter().filter_map(of).reduce(|a, b| a + b);
    let asked = metrics.steps.iter().filter(|step| step.requests.is_some()).count() as f64 * seconds;
    let requests = sum(|step| step.requests).filter(|requests| *requests > 0.0);
    let end = metrics.first_micros + (steps * metrics.step_seconds * 1_000_000) as i64;
    Ok(PtCheck {
        model: pool.model.clone(),
        endpoint: pool.endpoint.clone(),
        from: moment_text(metrics.first_micros).unwrap_or_default(),
        to: moment_text(end).unwrap_or_default(),
        step_seconds: metrics.step_seconds,
        steps: steps - gaps,
        gaps,
        gsu,
        load_gsu: load,
        planned_load_gsu: pool.load.map(|load| load.mean_gsu),
        left_share,
        planned_left_share: planned,
        planned_envelope: envelope,
        periods_above_limit: above as f64 / (steps - gaps).max(1) as f64,
        requests_per_second: requests.map(|requests| requests / asked),
        left_requests_share: requests.and_then(|requests| Some(sum(|step| step.left_requests)? / requests)),
        day_shape: weights(metrics, clock, 24, |(hour, _)| hour),
        week_shape: weights(metrics, clock, 7, |(_, weekday)| weekday),
        above: range[0] > high,
        below: range[1] < low,
    })
}

fn burn(step: &PtStep) -> f64 {
    step.dedicated_burn.unwrap_or(0.0) + step.left_burn.unwrap_or(0.0)
}

fn pool<'a>(plan: &'a SavedPlan, metrics: &PtMetrics) -> Result<&'a SavedPool, PtCheckError> {
    let pools = plan.gsu.as_ref().map(|gsu| &gsu.pools[..]).unwrap_or_default();
    let is_it = |pool: &&SavedPool| {
        let place = pool.endpoint.location().map(ToString::to_string);
        metrics.model.as_deref().is_none_or(|model| model == pool.model.0)
            && metrics.location.as_deref().is_none_or(|location| Some(location) == place.as_deref())
    };
    let found: Vec<&SavedPool> = pools.iter().filter(is_it).collect();
    match found[..] {
        [pool] => Ok(pool),
        _ => Err(PtCheckError::NoPool {
            model: metrics.model.clone(),
            location: metrics.location.clone(),
            pools: pools.iter().map(|pool| format!("{} at {}", pool.model, pool.endpoint)).collect(),
        }),
    }
}

/// Σ `part` ÷ Σ `whole` over the periods that have both, with a block bootstrap.
fn measured(
    metrics: &PtMetrics,
    part: impl Fn(&PtStep) -> Option<f64>,
    whole: impl Fn(&PtStep) -> Option<f64>,
) -> Measured {
    let per_block = (BLOCK_SECONDS / metrics.step_seconds).max(1) as usize;
    let sums = |steps: &[PtStep]| {
        let both = steps.iter().filter_map(|step| Some((part(step)?, whole(step)?)));
        both.fold((0.0, 0.0), |sums, (part, whole)| (sums.0 + part, sums.1 + whole))
    };
    let blocks: Vec<(f64, f64)> = metrics.steps.chunks(per_block).map(sums).collect();
    let ratio = |sums: (f64, f64)| if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 };
    let value = ratio(sums(&metrics.steps));
    if blocks.len() < BLOCKS_MIN {
        return Measured { value, range: None };
    }
    let mut random = generator(1, STREAM);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let pick = |_| blocks[random.random_range(0..blocks.len())];
            ratio((0..blocks.len()).map(pick).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1)))
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    Measured { value, range: Some([drawn[DRAWS / 20], drawn[DRAWS - 1 - DRAWS / 20]]) }
}

/// Mean requests of the periods of each place, of burn where requests are not given, scaled to mean 1.
fn weights(
    metrics: &PtMetrics,
    clock: &LocalClock,
    places: usize,
    place: impl Fn((usize, usize)) -> usize,
) -> Option<Vec<f64>> {
    if metrics.step_seconds as i64 * 1_000_000 > HOUR_MICROS {
        return None;
    }
    let counts = metrics.steps.iter().any(|step| step.requests.is_some());
    let (mut sums, mut seen) = (vec![0.0; places], vec![0.0; places]);
    for (at, step) in metrics.steps.iter().enumerate() {
        let value = if counts { step.requests } else { step.dedicated_burn.map(|_| burn(step)) };
        let Some(value) = value else { continue };
        let micros = metrics.first_micros + at as i64 * metrics.step_seconds as i64 * 1_000_000;
        let place = place(clock.hour_and_weekday(micros));
        sums[place] += value;
        seen[place] += 1.0;
    }
    let means: Vec<f64> = sums.iter().zip(&seen).map(|(sum, seen)| sum / seen).collect();
    let mean = means.iter().sum::<f64>() / places as f64;
    let round = |weight: f64| (weight * 10_000.0).round() / 10_000.0;
    (mean > 0.0 && mean.is_finite()).then(|| means.iter().map(|one| round(one / mean)).collect())
}
