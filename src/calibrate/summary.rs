//! What a calibration found, in numbers with intervals.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    campaign::Campaign,
    fault::Fault,
    sampler::{Group, Sampler},
    terms::{Counts, Finding},
};
use crate::{
    model::{Endpoint, ModelId, TokenClass},
    stats::{Seen, Total, jeffreys_interval, quantile, total_of, variance_with_cap, zero_event_bound},
    units::Usd,
    usage::Observation,
};

/// A number with its interval at the calibration's level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    /// Best single number.
    pub mean: f64,
    /// Lower end; `None` where too little was seen for one.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl Estimate {
    fn of(total: &Total, factor: f64) -> Estimate {
        let end = |sign: f64| {
            let end = (total.mean + sign * total.half_width) * factor;
            end.is_finite().then_some(end)
        };
        Estimate { mean: total.mean * factor, low: end(-1.0).map(|low| low.max(0.0)), high: end(1.0) }
    }
}

/// Tokens of one class.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClassSeen {
    /// The class.
    pub class: TokenClass,
    /// Tokens of one request.
    pub tokens: Estimate,
    /// What the token profile said before.
    pub before: Option<f64>,
}

/// What was found of one placement.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlacementSummary {
    /// The model.
    pub model: ModelId,
    /// Where.
    pub endpoint: Endpoint,
    /// Answers that teach.
    pub answers: u64,
    /// US dollars of one request, mean over the workload's shapes.
    pub usd_per_request: Estimate,
    /// The same by the profile before.
    pub usd_per_request_before: f64,
    /// US dollars a month.
    pub usd_per_month: Estimate,
    /// Half width of the month's interval over the month.
    pub precision: Option<f64>,
    /// Tokens by class, those that occur.
    pub classes: Vec<ClassSeen>,
    /// Pictures per answer and how often.
    pub pictures: BTreeMap<u64, u64>,
    /// Share of answers without the picture asked for: mean, low, high (95 %, Jeffreys).
    pub blocked_share: [f64; 3],
    /// Seconds until the answer was whole: the middle, and what 5 % exceed.
    pub seconds: Option<[f64; 2]>,
    /// Megabytes of an answer's pictures, mean.
    pub megabytes: Option<f64>,
    /// Answers that do not tell their tokens.
    pub untold: u64,
    /// Why cells of it were left.
    pub stopped: Vec<String>,
}

/// How the same model's cost compares between two placements.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Ratio {
    /// The model.
    pub model: ModelId,
    /// The dividend.
    pub of: Endpoint,
    /// The divisor.
    pub to: Endpoint,
    /// Cost of a request there over cost here.
    pub ratio: Estimate,
}

/// What a calibration found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.calibration-summary/1"))]
    pub schema: &'static str,
    /// Placements.
    pub placements: Vec<PlacementSummary>,
    /// The same model on several placements.
    pub ratios: Vec<Ratio>,
    /// Oddities of usage, by code.
    pub anomalies: BTreeMap<String, u64>,
    /// Refusals, and answers beyond the contract.
    pub findings: Vec<Finding>,
    /// Prompts whose picture tokens agree with the profile's rules, and those that do not.
    pub picture_rule: [u64; 2],
    /// With no mismatch: the share of mismatches that 95 % confidence leaves.
    pub picture_rule_mismatch_below: Option<f64>,
    /// Failed attempts by fault.
    pub faults: BTreeMap<Fault, u64>,
    /// Attempts, answers, losses.
    pub counts: Counts,
    /// US dollars spent, what may have been billed included.
    pub spent_usd: Usd,
}

/// Sums a calibration up; `observations` are those of its journal.
pub fn summary(campaign: &Campaign, observations: &[Observation]) -> Summary {
    let sampler = &campaign.sampler;
    let groups = sampler.placements();
    let (agree, differ) = sampler
        .tallies
        .iter()
        .fold((0, 0), |sum, tally| (sum.0 + tally.picture_rule.0, sum.1 + tally.picture_rule.1));
    let mut anomalies: BTreeMap<String, u64> = BTreeMap::new();
    for observation in observations {
        for anomaly in observation.classes().1 {
            let json = serde_json::to_value(&anomaly).unwrap_or_default();
            *anomalies.entry(json["code"].as_str().unwrap_or("unnamed").into()).or_default() += 1;
        }
    }
    Summary {
        schema: "burndown.calibration-summary/1",
        placements: groups.iter().filter_map(|group| placement(sampler, group)).collect(),
        ratios: ratios(sampler, &groups),
        anomalies,
        findings: campaign.findings.clone(),
        picture_rule: [agree, differ],
        picture_rule_mismatch_below: (agree > 0 && differ == 0).then(|| zero_event_bound(agree, 0.95)),
        faults: campaign.counts.faults.clone(),
        counts: campaign.counts.clone(),
        spent_usd: campaign.money().0,
    }
}

fn placement(sampler: &Sampler, group: &Group) -> Option<PlacementSummary> {
    let (model, endpoint) = group.placement.clone()?;
    let tallies = || group.cells.iter().map(|at| &sampler.tallies[*at]);
    let weight: f64 = counted(sampler, group).iter().map(|at| sampler.cells[*at].weight).sum();
    let known = sampler.known(group);
    let before: f64 =
        group.cells.iter().map(|at| sampler.cells[*at].weight * sampler.cells[*at].expected.usd).sum();
    let all: f64 = group.cells.iter().map(|at| sampler.cells[*at].weight).sum();
    let answers: u64 = tallies().map(|tally| tally.count()).sum();
    let blocked = jeffreys_interval(tallies().map(|tally| tally.blocked).sum(), answers, 0.95);
    let mut pictures = BTreeMap::new();
    tallies().flat_map(|tally| &tally.images).for_each(|count| *pictures.entry(*count).or_default() += 1);
    let mut seconds: Vec<f64> = tallies().flat_map(|tally| tally.seconds.iter().copied()).collect();
    seconds.sort_by(f64::total_cmp);
    let bytes: Vec<u64> = tallies().flat_map(|tally| tally.bytes.iter().copied()).collect();
    let mean_bytes = bytes.iter().sum::<u64>() as f64 / bytes.len().max(1) as f64;
    let mut stopped: Vec<String> = tallies().filter_map(|tally| tally.stopped.clone()).collect();
    stopped.sort();
    stopped.dedup();
    Some(PlacementSummary {
        model,
        endpoint,
        answers,
        usd_per_request: Estimate::of(&known.total, 1.0 / weight.max(f64::MIN_POSITIVE)),
        usd_per_request_before: before / all,
        usd_per_month: Estimate::of(&known.total, 1.0),
        precision: Some(known.total.relative()).filter(|relative| relative.is_finite()),
        classes: classes(sampler, group),
        pictures,
        blocked_share: [blocked.mean, blocked.low, blocked.high],
        seconds: quantile(&seconds, 0.5).zip(quantile(&seconds, 0.95)).map(|(middle, high)| [middle, high]),
        megabytes: (!bytes.is_empty()).then_some(mean_bytes / 1e6),
        untold: tallies().map(|tally| tally.untold).sum(),
        stopped,
    })
}

/// Cells with answers, or still to be asked.
fn counted(sampler: &Sampler, group: &Group) -> Vec<usize> {
    let counts = |at: &usize| sampler.tallies[*at].stopped.is_none() || sampler.tallies[*at].count() >= 2;
    group.cells.iter().copied().filter(counts).collect()
}

fn classes(sampler: &Sampler, group: &Group) -> Vec<ClassSeen> {
    let cells = counted(sampler, group);
    let weight: f64 = cells.iter().map(|at| sampler.cells[*at].weight).sum();
    let seen = |class: TokenClass| {
        let strata: Vec<Seen> = cells
            .iter()
            .map(|at| {
                let values: Vec<f64> =
                    sampler.tallies[*at].tokens.iter().map(|tokens| tokens[class] as f64).collect();
                Seen {
                    weight: sampler.cells[*at].weight,
                    count: values.len() as u64,
                    mean: values.iter().sum::<f64>() / values.len().max(1) as f64,
                    variance: variance_with_cap(&values, None),
                }
            })
            .collect();
        let before: f64 = cells
            .iter()
            .filter_map(|at| {
                let cell = &sampler.cells[*at];
                Some(cell.weight * cell.expected.tokens[class].as_ref()?.mean)
            })
            .sum();
        let total = total_of(&strata, sampler.rules.level);
        let before = Some(before / weight).filter(|before| *before > 0.0);
        (total.mean > 0.0 || before.is_some()).then(|| ClassSeen {
            class,
            tokens: Estimate::of(&total, 1.0 / weight),
            before,
        })
    };
    TokenClass::ALL.iter().copied().filter_map(seen).collect()
}

/// Each placement of a model over the first one, by the delta method on the log scale.
fn ratios(sampler: &Sampler, groups: &[Group]) -> Vec<Ratio> {
    let per_request = |group: &Group| {
        let cells = counted(sampler, group);
        let weight: f64 = cells.iter().map(|at| sampler.cells[*at].weight).sum();
        let total = sampler.known(group).total;
        let enough = total.mean > 0.0 && total.half_width.is_finite();
        enough.then(|| (total.mean / weight, total.relative()))
    };
    let mut first: BTreeMap<ModelId, (Endpoint, (f64, f64))> = BTreeMap::new();
    let mut list = Vec::new();
    for group in groups {
        let (Some((model, endpoint)), Some(cost)) = (group.placement.clone(), per_request(group)) else {
            continue;
        };
        let Some((to, base)) = first.get(&model) else {
            first.insert(model, (endpoint, cost));
            continue;
        };
        let (ratio, width) = (cost.0 / base.0, cost.1.hypot(base.1));
        let estimate =
            Estimate { mean: ratio, low: Some(ratio * (-width).exp()), high: Some(ratio * width.exp()) };
        list.push(Ratio { model, of: endpoint, to: to.clone(), ratio: estimate });
    }
    list
}
