//! Which cell is asked next, and when enough is known.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{answer::Answered, cell::Cell};
use crate::{
    model::{ByClass, Endpoint, ModelId, TokenClass},
    stats::{BettingSequence, Seen, Stratum, Total, for_variance, total_of, variance_with_cap},
};

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Half width of each total's interval over the total.
    pub precision: f64,
    /// Level of that interval.
    pub level: f64,
    /// Of the sum of all placements, instead of each.
    pub pooled: bool,
    /// An interval that holds at every moment, for many more requests.
    pub guarantee: bool,
    /// Stop as well when the volume's own uncertainty drowns what is left.
    pub volume_counts: bool,
}

impl Default for Rules {
    /// ±5 % of each placement's total at 95 %.
    fn default() -> Rules {
        Rules { precision: 0.05, level: 0.95, pooled: false, guarantee: false, volume_counts: true }
    }
}

/// Answers of a cell before anything is decided.
const PILOT: u64 = 8;

/// The same where a rule predicts every class.
const PILOT_BY_RULE: u64 = 2;

/// A cell grows at most by this factor from one batch to the next.
const GROWTH: f64 = 1.3;

/// No class is assumed to reach more than this many times the largest value seen of it.
const CAP_TIMES_LARGEST: u64 = 4;

/// Standard errors of the cost below this part of the volume's no longer matter: they widen the interval of
/// the bill by less than 6 % (√(1 + 1/9)).
const NEGLIGIBLE: f64 = 1.0 / 3.0;

/// What was seen of one cell.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// US dollars of each answer.
    pub usd: Vec<f64>,
    /// Tokens of each answer.
    pub tokens: Vec<ByClass<u64>>,
    /// Pictures of each answer.
    pub images: Vec<u64>,
    /// Seconds of each answer.
    pub seconds: Vec<f64>,
    /// Bytes of each answer's pictures.
    pub bytes: Vec<u64>,
    /// Answers without the picture that was asked for.
    pub blocked: u64,
    /// Answers that do not tell their tokens.
    pub untold: u64,
    /// An answer that the rule did not foresee.
    pub off_rule: bool,
    /// Prompts whose picture tokens agree with the rule, and those that do not.
    pub picture_rule: (u64, u64),
    /// Requests begun and not given up.
    pub begun: u64,
    /// Requests to begin in this batch.
    pub target: u64,
    /// Why no more are sent.
    pub stopped: Option<String>,
    betting: Option<BettingSequence>,
}

impl Tally {
    /// Answers that teach.
    pub fn count(&self) -> u64 {
        self.usd.len() as u64
    }

    /// Mean US dollars; 0 without answers.
    pub fn mean(&self) -> f64 {
        if self.usd.is_empty() { 0.0 } else { self.usd.iter().sum::<f64>() / self.usd.len() as f64 }
    }

    fn active(&self) -> bool {
        self.stopped.is_none()
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    /// Ask this cell.
    Cell(usize),
    /// Nothing before what is under way has come back (or what is held may go on).
    Patience,
    /// Enough.
    Enough(Enough),
}

/// Why it is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enough {
    /// Every total is as precise as was asked.
    Precise,
    /// What is left to learn drowns in the uncertainty of the volume.
    VolumeDominates,
    /// No cell is left to ask.
    NobodyLeft,
}

/// A total and the cells it is made of.
#[derive(Clone, Debug)]
pub struct Group {
    /// Model and endpoint; `None` for the sum of all.
    pub placement: Option<(ModelId, Endpoint)>,
    /// Indices of its cells.
    pub cells: Vec<usize>,
}

/// What is known of a group's monthly cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// US dollars a month with their interval.
    pub total: Total,
    /// Standard deviation that the volume's uncertainty alone gives it.
    pub volume_sd: f64,
}

/// Cells, what was seen of them, and the rule that says when it is enough.
#[derive(Clone, Debug)]
pub struct Sampler {
    /// What is sampled.
    pub cells: Vec<Cell>,
    /// What was seen, cell by cell.
    pub tallies: Vec<Tally>,
    /// The rule.
    pub rules: Rules,
}

impl Sampler {
    /// Before the first request.
    pub fn new(cells: Vec<Cell>, rules: Rules) -> Sampler {
        let alpha = (1.0 - rules.level) / cells.len().max(1) as f64;
        let tally = |cell: &Cell| Tally {
            target: if cell.expected.by_rule { PILOT_BY_RULE } else { PILOT },
            betting: rules.guarantee.then(|| BettingSequence::new(alpha)),
            ..Tally::default()
        };
        Sampler { tallies: cells.iter().map(tally).collect(), cells, rules }
    }

    /// The cell to ask next among those that `may` be asked now.
    ///
    /// Within a batch the cell that is furthest behind comes first, so that backends are interleaved and a
    /// slow hour of one does not meet a fast hour of the other.
    pub fn want(&mut self, under_way: bool, may: impl Fn(usize) -> bool) -> Want {
        // Each turn raises a target or ends; targets grow, so a few turns are enough.
        loop {
            let behind =
                |at: &usize| self.tallies[*at].active() && self.tallies[*at].begun < self.tallies[*at].target;
            let open: Vec<usize> = (0..self.cells.len()).filter(behind).collect();
            let share = |at: &usize| self.tallies[*at].begun as f64 / self.tallies[*at].target as f64;
            let next =
                open.iter().copied().filter(|at| may(*at)).min_by(|a, b| share(a).total_cmp(&share(b)));
            if let Some(at) = next {
                return Want::Cell(at);
            }
            if under_way || !open.is_empty() {
                return Want::Patience;
            }
            if let Some(enough) = self.plan_batch() {
                return Want::Enough(enough);
            }
        }
    }

    /// Takes an answer of a cell.
    pub fn learn(&mut self, at: usize, answer: &Answered) {
        let (cell, tally) = (&self.cells[at], &mut self.tallies[at]);
        let observation = &answer.observation;
        if answer.billed.is_none() {
            tally.untold += 1;
            tally.begun = tally.begun.saturating_sub(1);
            return;
        }
        let usd = cell.usd(&answer.tokens);
        let images = observation.image_parts.unwrap_or(0);
        tally.blocked += u64::from(cell.makes_images && answer.tokens[TokenClass::OutputImage] == 0);
        tally.off_rule |= differs(cell, &answer.tokens);
        if let Some(agrees) = picture_rule_agrees(cell, &answer.tokens) {
            tally.picture_rule.0 += u64::from(agrees);
            tally.picture_rule.1 += u64::from(!agrees);
        }
        tally.usd.push(usd);
        tally.tokens.push(answer.tokens);
        tally.images.push(images);
        tally.seconds.extend(observation.latency_seconds);
        tally.bytes.extend(observation.image_bytes);
        if let Some(betting) = &mut tally.betting {
            betting.add(usd / cell.worst.to_f64());
        }
        // An answer off the rule makes a cell an ordinary one.
        if tally.off_rule {
            tally.target = tally.target.max(PILOT);
        }
    }

    /// The groups whose totals count: placements, or all of them together.
    pub fn groups(&self) -> Vec<Group> {
        if self.rules.pooled {
            return vec![Group { placement: None, cells: (0..self.cells.len()).collect() }];
        }
        self.placements()
    }

    /// The placements with their cells.
    pub fn placements(&self) -> Vec<Group> {
        let mut groups: BTreeMap<(ModelId, Endpoint), Vec<usize>> = BTreeMap::new();
        for (at, cell) in self.cells.iter().enumerate() {
            groups.entry(cell.alternative()).or_default().push(at);
        }
        groups.into_iter().map(|(placement, cells)| Group { placement: Some(placement), cells }).collect()
    }

    /// What is known of a group; cells that were stopped before their second answer are left out.
    pub fn known(&self, group: &Group) -> Known {
        let counted: Vec<usize> = group.cells.iter().copied().filter(|at| self.counts(*at)).collect();
        let mut routes: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for at in &counted {
            let route = routes.entry(&self.cells[*at].route).or_default();
            route.0 += self.cells[*at].weight * self.tallies[*at].mean();
            route.1 = self.cells[*at].volume_cv;
        }
        let volume_sd = routes.values().map(|(usd, cv)| (usd * cv).powi(2)).sum::<f64>().sqrt();
        let total = if self.rules.guarantee { self.betting_total(&counted) } else { self.total(&counted) };
        Known { total, volume_sd }
    }

    fn counts(&self, at: usize) -> bool {
        self.tallies[at].active() || self.tallies[at].count() >= 2
    }

    fn total(&self, cells: &[usize]) -> Total {
        let seen: Vec<Seen> = cells.iter().map(|at| self.seen(*at)).collect();
        total_of(&seen, self.rules.level)
    }

    fn seen(&self, at: usize) -> Seen {
        let tally = &self.tallies[at];
        Seen {
            weight: self.cells[at].weight,
            count: tally.count(),
            mean: tally.mean(),
            variance: variance_with_cap(&tally.usd, self.cap(at)),
        }
    }

    /// Mean and standard error of the US dollars of one request of a cell; `None` without answers.
    pub fn per_request(&self, at: usize) -> Option<Total> {
        let seen = Seen { weight: 1.0, ..self.seen(at) };
        (seen.count > 0).then(|| total_of(&[seen], self.rules.level))
    }

    /// US dollars of the dearest request that a few answers cannot rule out; `None` where a rule holds.
    ///
    /// Each class of the answer is at most four times the largest seen, at least what the profile's 95 %
    /// point says (a mode that was not seen yet), never above the contract.
    fn cap(&self, at: usize) -> Option<f64> {
        let (cell, tally) = (&self.cells[at], &self.tallies[at]);
        if cell.expected.by_rule && !tally.off_rule {
            return None;
        }
        let mut cap = 0.0;
        for class in TokenClass::ALL.iter().copied() {
            let Some(rate) = cell.rates[class] else { continue };
            let values = || tally.tokens.iter().map(|tokens| tokens[class]);
            let tokens = if class.is_input() {
                values().sum::<u64>() as f64 / values().count().max(1) as f64
            } else {
                let mode = cell.expected.tokens[class].as_ref().map_or(0.0, |tokens| tokens.p95);
                let largest = (values().max().unwrap_or(0) * CAP_TIMES_LARGEST) as f64;
                largest.max(mode).min(cell.answer_tokens_max as f64)
            };
            cap += tokens * rate.to_f64() / 1e6;
        }
        Some(cap)
    }

    /// The total of betting intervals; its half width holds at every moment.
    fn betting_total(&self, cells: &[usize]) -> Total {
        let (mut low, mut high, mut mean) = (0.0, 0.0, 0.0);
        for at in cells {
            let (cell, tally) = (&self.cells[*at], &self.tallies[*at]);
            let worst = cell.worst.to_f64() * cell.weight;
            let interval = tally.betting.as_ref().map(BettingSequence::interval);
            low += interval.map_or(0.0, |interval| interval.low) * worst;
            high += interval.map_or(1.0, |interval| interval.high) * worst;
            mean += tally.mean() * cell.weight;
        }
        let half_width = (high - mean).max(mean - low);
        Total { mean, standard_error: half_width / 2.0, half_width }
    }

    /// Sets the targets of the next batch; `Some` when it is enough.
    fn plan_batch(&mut self) -> Option<Enough> {
        let mut reasons = Vec::new();
        let mut grows = false;
        for group in self.groups() {
            if group.cells.iter().all(|at| !self.tallies[*at].active()) {
                continue;
            }
            let known = self.known(&group);
            let precise = known.total.relative() <= self.rules.precision;
            let drowned =
                self.rules.volume_counts && known.total.standard_error <= NEGLIGIBLE * known.volume_sd;
            match (precise, drowned) {
                (true, _) => reasons.push(Enough::Precise),
                (false, true) => reasons.push(Enough::VolumeDominates),
                (false, false) => grows |= self.raise_targets(&group, &known.total),
            }
        }
        if grows {
            return None;
        }
        let drowned = reasons.contains(&Enough::VolumeDominates);
        Some(match reasons.is_empty() {
            true => Enough::NobodyLeft,
            false if drowned => Enough::VolumeDominates,
            false => Enough::Precise,
        })
    }

    /// Targets of a group's cells by Neyman's allocation, each at most 1.3 times what it has.
    fn raise_targets(&mut self, group: &Group, total: &Total) -> bool {
        let active: Vec<usize> =
            group.cells.iter().copied().filter(|at| self.tallies[*at].active()).collect();
        let strata: Vec<Stratum> = active
            .iter()
            .map(|at| Stratum {
                weight: self.cells[*at].weight,
                standard_deviation: self.seen(*at).variance.sqrt(),
                price: self.tallies[*at].mean().max(1e-9),
            })
            .collect();
        // Student's quantile as it is now: it shrinks while the sample grows.
        let quantile =
            if total.half_width.is_finite() { total.half_width / total.standard_error } else { 2.0 };
        let variance = (self.rules.precision * total.mean / quantile).powi(2);
        let wanted = for_variance(&strata, variance.max(f64::MIN_POSITIVE));
        let mut grows = false;
        for (at, wanted) in active.iter().zip(&wanted) {
            let has = self.tallies[*at].begun;
            let most = ((has as f64 * GROWTH).ceil() as u64).max(has + 1);
            let target = (wanted.min(1e12).ceil() as u64).clamp(has, most);
            grows |= target > has;
            self.tallies[*at].target = target;
        }
        if !grows {
            // Rounding says that nothing is needed while the interval says that it is: one more each.
            for at in &active {
                self.tallies[*at].target = self.tallies[*at].begun + 1;
            }
        }
        !active.is_empty()
    }
}

/// Whether an answer's own classes are not what the rule says.
fn differs(cell: &Cell, tokens: &ByClass<u64>) -> bool {
    let answer = cell.expected.tokens.iter().filter(|(class, _)| !class.is_input());
    cell.expected.by_rule
        && answer.into_iter().any(|(class, expected)| {
            let expected = expected.as_ref().map_or(0.0, |expected| expected.mean);
            (tokens[class] as f64 - expected).abs() > 0.5
        })
}

/// Whether the prompt's picture tokens are those of the rule; `None` where it says no single number.
fn picture_rule_agrees(cell: &Cell, tokens: &ByClass<u64>) -> Option<bool> {
    let expected = cell.expected.tokens[TokenClass::InputImage].as_ref()?;
    let reported = tokens[TokenClass::InputImage] + tokens[TokenClass::CachedInputImage];
    (expected.p05 == expected.p95).then(|| (reported as f64 - expected.mean).abs() < 0.5)
}
