//! What the undocumented rules of admission are worth: the same synthetic traffic under each of them.
//!
//! The curve assumes windows on a fixed clock and an estimate that is right on average. What is not documented
//! (the estimate, the clock, the refund) has no closed form. So requests of the busiest month are drawn once, by
//! the rates, bursts and sizes that the curve was computed from, and sent through [`Admission`] under each rule;
//! the difference to the curve's own rules is added to what the curve leaves. Windows that the documents give as
//! a range do have a closed form: the curve at the shortest and at the longest of them.
//!
//! Where production taught which rules are possible ([`LearnedRule`]), each of these is sent through as well, and
//! they alone make the range.

mod known;
mod traffic;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::known::answers;
pub use self::known::{AdmissionAnswer, AdmissionQuestion};
use self::traffic::{Event, Kind, Request};
use super::{Member, demand, window_ends::AtEnd};
use crate::{
    calendar::Month,
    capacity::{
        Admission, AdmissionRules, Curve, CurvePoint, EstimateKind, LearnedRule, Outcome, PtRule, Refund,
        RequestType, Throughput, Ticket, WindowClock, WindowEnd, WindowKind,
    },
    model::{Grade, TokenClass},
    projection::plan::Inputs,
    tokens::RequestKind,
};

/// Images of the largest draft mode where no answer was seen: the most that image models are documented to make.
const IMAGES_MAX: f64 = 4.0;

/// Longest answer of a model whose own is not in the book: that of Gemini's text models.
const OUTPUT_TOKENS_MAX: u64 = 65_536;

/// Seconds until an answer is whole, where none was measured; no published figure was found.
const LATENCY_SECONDS: f64 = 20.0;

/// A rule that no page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpenRule {
    /// A request is admitted with the most it could burn: the requested size times the largest draft mode,
    /// text and thinking at their 95th percentile.
    MaximumEstimate,
    /// A request is admitted with exactly what it will burn.
    ActualEstimate,
    /// The window is the last seconds before each request.
    SlidingClock,
    /// A bucket that holds one window's quota fills steadily.
    BucketClock,
    /// What was estimated too high is never given back.
    NoRefund,
    /// The window is the shortest of the range that the documents give.
    ShortestWindow,
    /// The window is the longest of it.
    LongestWindow,
}

/// The rules that requests are drawn for.
const DRAWN: [OpenRule; 5] = [
    OpenRule::MaximumEstimate,
    OpenRule::ActualEstimate,
    OpenRule::SlidingClock,
    OpenRule::BucketClock,
    OpenRule::NoRefund,
];

impl OpenRule {
    /// Every rule.
    pub const ALL: &'static [OpenRule] = &[
        OpenRule::MaximumEstimate,
        OpenRule::ActualEstimate,
        OpenRule::SlidingClock,
        OpenRule::BucketClock,
        OpenRule::NoRefund,
        OpenRule::ShortestWindow,
        OpenRule::LongestWindow,
    ];

    /// The curve's rules with this one instead; `None` for the windows of a range, which are no rule of admission.
    fn instead(self) -> Option<PtRule> {
        let estimate = |estimate| PtRule { estimate, ..PtRule::OF_THE_CURVE };
        let clock = |clock| PtRule { clock, ..PtRule::OF_THE_CURVE };
        match self {
            OpenRule::MaximumEstimate => Some(estimate(EstimateKind::Maximum)),
            OpenRule::ActualEstimate => Some(estimate(EstimateKind::Actual)),
            OpenRule::SlidingClock => Some(clock(WindowKind::Sliding)),
            OpenRule::BucketClock => Some(clock(WindowKind::Bucket)),
            OpenRule::NoRefund => Some(PtRule { refund: Refund::Never, ..PtRule::OF_THE_CURVE }),
            OpenRule::ShortestWindow | OpenRule::LongestWindow => None,
        }
    }

    /// The rule in words.
    pub fn label(self) -> &'static str {
        match self {
            OpenRule::MaximumEstimate => "admitted with the most it could burn",
            OpenRule::ActualEstimate => "admitted with what it will burn",
            OpenRule::SlidingClock => "sliding window",
            OpenRule::BucketClock => "token bucket",
            OpenRule::NoRefund => "no refund of estimates",
            OpenRule::ShortestWindow => "shortest window of its range",
            OpenRule::LongestWindow => "longest window of its range",
        }
    }
}

/// What one rule leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RuleValue {
    /// The rule.
    pub rule: OpenRule,
    /// Burn tokens of the drawn requests that it leaves; `None` where the curve was computed anew instead.
    pub drawn_left_burn: Option<u64>,
    /// Seconds of the enforcement window under it.
    pub window_seconds: u64,
    /// Share of burn tokens that it leaves to PayGo less that of the curve's rules: on the same drawn requests,
    /// or between two curves.
    pub difference: f64,
    /// The curve's share with that difference, between 0 and 1.
    pub left_share: f64,
    /// Whether production excludes it, see [`LearnedRule`]; `None` where nothing was learned, and for windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded: Option<bool>,
}

/// What a rule leaves that production does not exclude.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LearnedValue {
    /// The rule.
    pub rule: PtRule,
    /// Burn tokens of the drawn requests that it leaves.
    pub drawn_left_burn: u64,
    /// Share of burn tokens that it leaves to PayGo less that of the curve's rules, on the same drawn requests.
    pub difference: f64,
    /// The curve's share with that difference, between 0 and 1.
    pub left_share: f64,
}

/// Requests that were drawn to value the rules that have no closed form.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DrawnRequests {
    /// How many.
    pub requests: u64,
    /// Seconds of traffic that they fill.
    pub traffic_seconds: f64,
    /// Their burn tokens.
    pub burn: u64,
    /// Burn tokens left under the curve's rules: a fixed clock, estimates right on average and put right when the
    /// answer is whole.
    pub left_burn: u64,
    /// The same as a share; apart from the curve's by chance.
    pub left_share: f64,
    /// Seconds until an answer is whole, the mean over the requests.
    pub latency_seconds: f64,
    /// Whether every route's latency was measured.
    pub latency_measured: bool,
}

/// What one GSU count leaves under the rules that are not documented.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RuleEnvelope {
    /// The count.
    pub gsu: u64,
    /// What asks for it.
    pub asked_by: Vec<&'static str>,
    /// Its enforcement window, seconds.
    pub window_seconds: u64,
    /// Whether that window is documented.
    pub window_grade: Grade,
    /// The shortest and the longest window that the documents allow; `None` where they give none but the above.
    pub window_range_seconds: Option<[u64; 2]>,
    /// Share of burn tokens that the curve leaves.
    pub left_share: f64,
    /// Lowest and highest share of the curve and all rules; of those that production leaves possible, and the ends
    /// of the window's range under the best of them, where that was learned.
    pub envelope: [f64; 2],
    /// Rule by rule, those that could be valued.
    pub rules: Vec<RuleValue>,
    /// The rules that production leaves possible, the one that explains it best first; empty where none was learned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<LearnedValue>,
    /// What was drawn; `None` where the load is so heavy that the requests would fill too few windows.
    pub drawn: Option<DrawnRequests>,
}

impl RuleEnvelope {
    /// Share under the rule that explains production best, where one was learned.
    pub fn learned_share(&self) -> Option<f64> {
        self.learned.first().map(|best| best.left_share)
    }
}

/// Values the rules at these counts, each with what asks for it; a count may be asked for more than once.
///
/// Empty where nothing can be valued: printed windows, and a load too heavy to be drawn request by request.
pub(super) fn envelopes(
    inputs: &Inputs<'_>,
    members: &[Member<'_>],
    month: (usize, Month),
    (curve, ends): (&Curve, &[AtEnd]),
    row: &Throughput,
    asked: &[(&'static str, Option<u64>)],
) -> Vec<RuleEnvelope> {
    let mut points: Vec<&CurvePoint> = asked.iter().filter_map(|(_, gsu)| curve.point((*gsu)?)).collect();
    points.retain(|point| point.window.is_some());
    points.sort_by_key(|point| point.gsu);
    points.dedup_by_key(|point| point.gsu);
    let learned = inputs.capacity.learned(&row.model);
    let drawn = drawn_shares(inputs, members, month, row, &points, learned);
    let envelope = |(at, point): (usize, &&CurvePoint)| {
        let window = point.window?;
        let drawn = drawn.as_ref().map(|drawn| &drawn[at]);
        let drawn_rules = drawn.into_iter().flat_map(|drawn| {
            DRAWN.iter().zip(&drawn.left).map(|(rule, left)| {
                let value = value(*rule, point, window.seconds, Some(*left), drawn.difference(*left));
                let excluded = learned.zip(rule.instead()).map(|(learned, rule)| !learned.allows(rule));
                RuleValue { excluded, ..value }
            })
        });
        let end_rules = ends.iter().filter_map(|end| at_end(end, point));
        let rules: Vec<RuleValue> = drawn_rules.chain(end_rules).collect();
        if rules.is_empty() {
            return None;
        }
        let learned = drawn.map(|drawn| drawn.learned(point, learned)).unwrap_or_default();
        let range = row.window_range(point.gsu).filter(|range| range.is_open());
        Some(RuleEnvelope {
            gsu: point.gsu,
            asked_by: asked.iter().filter(|ask| ask.1 == Some(point.gsu)).map(|ask| ask.0).collect(),
            window_seconds: window.seconds,
            window_grade: window.grade,
            window_range_seconds: range.map(|range| [range.shortest_seconds, range.longest_seconds]),
            left_share: point.left.tokens,
            envelope: widest(point, &rules, &learned),
            drawn: drawn.map(|drawn| drawn.base),
            rules,
            learned,
        })
    };
    points.iter().enumerate().filter_map(envelope).collect()
}

/// Lowest and highest share that is still possible.
fn widest(point: &CurvePoint, rules: &[RuleValue], learned: &[LearnedValue]) -> [f64; 2] {
    let shares: Vec<f64> = match learned.first() {
        Some(best) => {
            let ends = rules.iter().filter(|rule| rule.drawn_left_burn.is_none());
            let moved = ends.map(|end| (best.left_share + end.difference).clamp(0.0, 1.0));
            learned.iter().map(|value| value.left_share).chain(moved).collect()
        }
        None => rules.iter().map(|rule| rule.left_share).chain([point.left.tokens]).collect(),
    };
    [shares.iter().copied().fold(1.0, f64::min), shares.iter().copied().fold(0.0, f64::max)]
}

/// A rule at a point of the curve.
fn value(
    rule: OpenRule,
    point: &CurvePoint,
    window_seconds: u64,
    drawn_left_burn: Option<u64>,
    difference: f64,
) -> RuleValue {
    let left_share = (point.left.tokens + difference).clamp(0.0, 1.0);
    RuleValue { rule, drawn_left_burn, window_seconds, difference, left_share, excluded: None }
}

/// One end of a range; `None` where the count's own window is printed.
fn at_end(end: &AtEnd, point: &CurvePoint) -> Option<RuleValue> {
    let there = end.curve().point(point.gsu)?;
    let (window, own) = (there.window?, point.window?);
    if !end.is_open(point.gsu) {
        return None;
    }
    let rule = match end.end {
        WindowEnd::Shortest => OpenRule::ShortestWindow,
        WindowEnd::Longest => OpenRule::LongestWindow,
    };
    // The window that is taken by default may be this end.
    let difference = if window.seconds == own.seconds { 0.0 } else { there.left.tokens - point.left.tokens };
    Some(value(rule, point, window.seconds, None, difference))
}

/// What was drawn, and what every rule leaves of it at one count.
struct DrawnAt {
    base: DrawnRequests,
    /// Burn tokens left by [`DRAWN`].
    left: Vec<u64>,
    /// The same by the rules that production leaves possible.
    left_learned: Vec<u64>,
}

impl DrawnAt {
    /// Share that a rule leaves more than the curve's.
    fn difference(&self, left: u64) -> f64 {
        (left as f64 - self.base.left_burn as f64) / self.base.burn.max(1) as f64
    }

    fn learned(&self, point: &CurvePoint, learned: Option<&LearnedRule>) -> Vec<LearnedValue> {
        let possible = learned.into_iter().flat_map(|learned| &learned.possible);
        let value = |(rule, left): (PtRule, &u64)| {
            let difference = self.difference(*left);
            let left_share = (point.left.tokens + difference).clamp(0.0, 1.0);
            LearnedValue { rule, drawn_left_burn: *left, difference, left_share }
        };
        possible.map(|possible| possible.rule).zip(&self.left_learned).map(value).collect()
    }
}

/// Requests of the month sent through every point under the curve's rules and each other.
fn drawn_shares(
    inputs: &Inputs<'_>,
    members: &[Member<'_>],
    month: (usize, Month),
    row: &Throughput,
    points: &[&CurvePoint],
    learned: Option<&LearnedRule>,
) -> Option<Vec<DrawnAt>> {
    let window = points.iter().filter_map(|point| point.window).map(|window| window.seconds).max()?;
    let kinds: Option<Vec<Kind>> = members.iter().map(|member| kind(inputs, member, month, row)).collect();
    let drawn = traffic::draw(&kinds?, window as f64, inputs.workload.seed)?;
    let open = DRAWN.iter().filter_map(|rule| rule.instead());
    let possible = learned.into_iter().flat_map(|learned| &learned.possible).map(|possible| possible.rule);
    let rules: Vec<PtRule> = std::iter::once(PtRule::OF_THE_CURVE).chain(open).chain(possible).collect();
    let cases: Vec<(&CurvePoint, PtRule)> =
        points.iter().flat_map(|point| rules.iter().map(|rule| (*point, *rule))).collect();
    let left: Vec<u64> =
        cases.par_iter().map(|case| left(&drawn.requests, &drawn.events, case.0, case.1)).collect();
    let burn: u64 = drawn.requests.iter().map(|request| request.burn).sum();
    let of_point = |left: &[u64]| {
        let base = DrawnRequests {
            requests: drawn.requests.len() as u64,
            traffic_seconds: drawn.seconds,
            burn,
            left_burn: left[0],
            left_share: left[0] as f64 / burn.max(1) as f64,
            latency_seconds: drawn.mean_latency_seconds(),
            latency_measured: members.iter().all(|member| latency(member).is_some()),
        };
        let (open, possible) = left[1..].split_at(DRAWN.len());
        DrawnAt { base, left: open.to_vec(), left_learned: possible.to_vec() }
    };
    Some(left.chunks(rules.len()).map(of_point).collect())
}

/// What a route's requests are: how many, how big, what they may be admitted with.
fn kind(
    inputs: &Inputs<'_>,
    member: &Member<'_>,
    (at, month): (usize, Month),
    row: &Throughput,
) -> Option<Kind> {
    let mean = demand::mean_burn(member, row);
    Some(Kind {
        rates: demand::hourly_rates(member, at, month),
        burst: member.route.burst,
        marks: demand::sizes(member, row).ok()?,
        mean,
        largest: largest_burn(inputs, member, row)?.max(mean),
        input: input_burn(member, row),
        cap: input_burn(member, row) + cap_burn(inputs, member, row),
        latency_seconds: latency(member).unwrap_or(LATENCY_SECONDS),
    })
}

/// Input, and the most output that a request could burn.
fn largest_burn(inputs: &Inputs<'_>, member: &Member<'_>, row: &Throughput) -> Option<f64> {
    let request = member.plan.per_request.as_ref()?;
    let placement = &member.plan.placement;
    let profile = inputs.tokens.get(&(placement.endpoint.backend(), placement.model.clone()))?;
    let cell = profile.cell(RequestKind::of(member.route.shape.input_images.len()));
    let seen = cell.and_then(|cell| cell.answers.iter().map(|answer| answer.images).max());
    let images = seen.filter(|images| *images > 0).map_or(IMAGES_MAX, |images| images as f64);
    let of_class = |class: TokenClass| {
        let tokens = request.tokens[class].as_ref()?;
        let tokens = match class {
            TokenClass::OutputImage => tokens.mean * images / request.images_per_answer,
            class if class.is_input() => tokens.mean,
            _ => tokens.p95.max(tokens.mean),
        };
        Some(tokens * super::to_f64(row.rate(class)?))
    };
    Some(TokenClass::ALL.iter().filter_map(|class| of_class(*class)).filter(|burn| burn.is_finite()).sum())
}

/// Mean burn of a request's input.
fn input_burn(member: &Member<'_>, row: &Throughput) -> f64 {
    let tokens = |class: TokenClass| member.plan.per_request.as_ref()?.tokens[class].as_ref();
    let burn = |class: &TokenClass| Some(tokens(*class)?.mean * super::to_f64(row.rate(*class)?));
    TokenClass::ALL.iter().filter(|class| class.is_input()).filter_map(burn).sum()
}

/// Burn of the longest answer that the model's contract allows, all of it of the dearest class.
fn cap_burn(inputs: &Inputs<'_>, member: &Member<'_>, row: &Throughput) -> f64 {
    let facts = inputs.prices.facts(&member.plan.placement.model);
    let tokens = facts.and_then(|facts| facts.max_output_tokens).unwrap_or(OUTPUT_TOKENS_MAX);
    let output = TokenClass::ALL.iter().filter(|class| !class.is_input());
    let rates = output.filter_map(|class| row.rate(*class).map(super::to_f64));
    tokens as f64 * rates.fold(0.0, f64::max)
}

/// Median seconds until an answer is whole, where any was measured.
fn latency(member: &Member<'_>) -> Option<f64> {
    Some(member.plan.per_request.as_ref()?.seen.as_ref()?.latency_seconds?[0])
}

/// Burn tokens left to PayGo by one count under one rule.
fn left(requests: &[Request], events: &[Event], point: &CurvePoint, rule: PtRule) -> u64 {
    let clock = match rule.clock {
        WindowKind::Fixed => WindowClock::Fixed { phase_micros: 0 },
        WindowKind::Sliding => WindowClock::Sliding,
        WindowKind::Bucket => WindowClock::Bucket,
    };
    let estimate = |request: &Request| match rule.estimate {
        EstimateKind::Mean => request.mean,
        EstimateKind::Maximum => request.largest,
        EstimateKind::Actual => request.burn,
        EstimateKind::Input => request.input,
        EstimateKind::ContractCap => request.cap,
    };
    let rules = AdmissionRules {
        quota: point.quota as u64,
        window_micros: point.window.map_or(0, |window| window.seconds) * 1_000_000,
        clock,
        refund: rule.refund,
        overrun: rule.overrun,
    };
    // A quota of less than one burn token admits nothing.
    let Ok(mut admission) = Admission::new(rules) else {
        return requests.iter().map(|request| request.burn).sum();
    };
    let mut tickets: Vec<Option<Ticket>> = Vec::new();
    tickets.resize_with(requests.len(), || None);
    let mut left = 0;
    for event in events {
        let request = &requests[event.request];
        if event.completes {
            if let Some(ticket) = tickets[event.request].take() {
                admission.complete(ticket, event.at_micros, request.burn);
            }
            continue;
        }
        match admission.arrive(event.at_micros, estimate(request), RequestType::Unset) {
            Outcome::Provisioned(ticket) => tickets[event.request] = Some(ticket),
            _ => left += request.burn,
        }
    }
    left
}
