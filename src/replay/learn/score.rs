//! How often each rule is wrong, and which of them the log excludes.

use rand::RngExt;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    LearnOptions,
    log::AdmissionLog,
    walk::{Disagreement, Setting, Settings, Walk},
};
use crate::{
    capacity::{EstimateKind, PtRule, WindowKind},
    stats::generator,
};

/// Bootstrap samples of the blocks.
const DRAWS: usize = 2_000;

/// Mixed into the seed, so that these numbers are not those of other parts.
const STREAM: u64 = 0x6c65_6172_6e65_6421;

/// Requests that were treated unlike the rest, below which no rule can be said not to fit.
const TELLING_MIN: u64 = 10;

/// A rule explains a log when it is wrong less than this share of the times that someone is who expects all
/// requests to be treated alike.
const UNEXPLAINED_MAX: f64 = 0.5;

/// What a log taught.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Learning {
    /// The answer.
    pub verdict: Verdict,
    /// Every rule, least wrong first.
    pub scores: Vec<Score>,
    /// Requests that were held against the rules: those after the first windows.
    pub requests: u64,
    /// Of them not served by a GSU.
    pub spilled: u64,
    /// Arrival of the first request of the log, microseconds since 1970.
    pub first_micros: i64,
    /// Arrival of the last.
    pub last_micros: i64,
    /// Blocks of time.
    pub blocks: u64,
    /// Share of the requests that differ from the majority: how often someone is wrong who knows no rule.
    pub wrong_without_rule: f64,
    /// Mean of the output of requests, units of burn; what the estimate by means adds, over all kinds.
    pub mean_output_units: f64,
}

/// Whether the log shows its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// One rule is possible, all others are excluded.
    Found,
    /// Several rules agree on this log.
    CannotTell {
        /// How many.
        possible: usize,
    },
    /// No rule explains the log.
    NoneFits {
        /// What most surprises a rule that knows what each request will burn.
        mostly: Misfit,
    },
}

/// In which way a log fits no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Misfit {
    /// Requests spilled although there was room.
    SpilledWithRoom,
    /// Requests were served although there was no room.
    ServedWithoutRoom,
}

/// How one rule does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Score {
    /// The rule.
    pub rule: PtRule,
    /// Share of the requests that it would have treated otherwise than they were.
    pub disagreement: f64,
    /// Of it: spilled although the rule had room.
    pub spilled_with_room: f64,
    /// Of it: served although the rule had none.
    pub served_without_room: f64,
    /// By how much more than the best rule it is wrong: bounds that hold for all rules together.
    pub more: [f64; 2],
    /// Start of a window, seconds after a whole number of windows since 1970; of a fixed clock alone.
    pub phase_seconds: Option<f64>,
    /// Its mean output over that of the log, where it estimates by a mean.
    pub mean_factor: Option<f64>,
    /// Whether the log leaves it possible.
    pub possible: bool,
}

/// Scores every rule and draws the conclusion.
pub(super) fn scored(
    walk: &Walk<'_>,
    settings: &[Settings],
    log: &AdmissionLog,
    options: &LearnOptions,
) -> Learning {
    let (requests, spilled) = walk.scored();
    let fitted: Vec<(Setting, Disagreement)> = settings.iter().map(Settings::fitted).collect();
    let best = (0..fitted.len()).min_by_key(|at| (fitted[*at].1.total(), *at)).unwrap_or(0);
    let bounds = differences(&fitted, best, walk.blocks, options);
    let share = |n: u64| n as f64 / requests.max(1) as f64;
    let mut scores: Vec<Score> = Vec::new();
    for ((one, (setting, wrong)), bounds) in settings.iter().zip(&fitted).zip(&bounds) {
        let count = |side: &[u32]| share(side.iter().map(|n| u64::from(*n)).sum());
        scores.push(Score {
            rule: one.rule,
            disagreement: share(wrong.total()),
            spilled_with_room: count(&wrong.room),
            served_without_room: count(&wrong.full),
            more: bounds.map(|more| more / requests.max(1) as f64),
            phase_seconds: (one.rule.clock == WindowKind::Fixed).then_some(setting.phase_micros as f64 / 1e6),
            mean_factor: (one.rule.estimate == EstimateKind::Mean)
                .then_some(1.0 + setting.mean_off as f64 / 1_000.0),
            possible: bounds[0] <= 0.0,
        });
    }
    let naive = walk.always(true).total().min(walk.always(false).total());
    let verdict = verdict(&scores, best, naive, requests);
    // Stable: rules that are wrong equally often stay in the order of the list.
    scores.sort_by(|a, b| a.disagreement.total_cmp(&b.disagreement));
    let output: f64 = log.sightings.iter().map(|one| (one.units - one.input_units) as f64).sum();
    Learning {
        verdict,
        scores,
        requests,
        spilled,
        first_micros: log.sightings.first().map_or(0, |one| one.at_micros),
        last_micros: log.sightings.last().map_or(0, |one| one.at_micros),
        blocks: walk.blocks as u64,
        wrong_without_rule: share(naive),
        mean_output_units: output / log.sightings.len().max(1) as f64,
    }
}

fn verdict(scores: &[Score], best: usize, naive: u64, requests: u64) -> Verdict {
    let wrong = scores[best].disagreement * requests as f64;
    if naive >= TELLING_MIN && wrong > UNEXPLAINED_MAX * naive as f64 {
        return Verdict::NoneFits { mostly: misfit(scores, &scores[best]) };
    }
    let possible = scores.iter().filter(|one| one.possible).count();
    if possible == 1 { Verdict::Found } else { Verdict::CannotTell { possible } }
}

/// In which way the log fits no rule, as the best of those sees it that know what a request will burn: an estimate
/// that is too high or too low hides a quota that is wrong.
fn misfit(scores: &[Score], best: &Score) -> Misfit {
    let knows = scores.iter().filter(|one| one.rule.estimate == EstimateKind::Actual);
    let judge = knows.min_by(|a, b| a.disagreement.total_cmp(&b.disagreement)).unwrap_or(best);
    match judge.spilled_with_room >= judge.served_without_room {
        true => Misfit::SpilledWithRoom,
        false => Misfit::ServedWithoutRoom,
    }
}

/// Bounds of how many more disagreements each rule has than the best, from samples of the blocks with
/// replacement; the level is shared out over all rules (Bonferroni).
fn differences(
    fitted: &[(Setting, Disagreement)],
    best: usize,
    blocks: usize,
    options: &LearnOptions,
) -> Vec<[f64; 2]> {
    let of_block = |at: usize, block: usize| f64::from(fitted[at].1.of_block(block));
    let more = |at: usize| (0..blocks).map(|block| of_block(at, block) - of_block(best, block)).collect();
    let more: Vec<Vec<f64>> = (0..fitted.len()).map(more).collect();
    let mut drawn = vec![Vec::with_capacity(DRAWS); fitted.len()];
    let mut random = generator(options.seed, STREAM);
    for _ in 0..DRAWS {
        let mut weights = vec![0.0; blocks];
        for _ in 0..blocks {
            weights[random.random_range(0..blocks)] += 1.0;
        }
        for (drawn, more) in drawn.iter_mut().zip(&more) {
            drawn.push(more.iter().zip(&weights).map(|(more, weight)| more * weight).sum::<f64>());
        }
    }
    let rivals = fitted.len().saturating_sub(1).max(1) as f64;
    let place = ((1.0 - options.confidence) / rivals * DRAWS as f64) as usize;
    let place = place.min(DRAWS - 1);
    let bounds = |mut drawn: Vec<f64>| {
        drawn.sort_by(f64::total_cmp);
        [drawn[place], drawn[DRAWS - 1 - place]]
    };
    drawn.into_iter().map(bounds).collect()
}
