//! What the undocumented rules of admission are worth: the same synthetic traffic under each of them.
//!
//! The curve assumes windows on a fixed clock and an estimate that is right on average. What is not documented
//! (the estimate, the clock, the refund) has no closed form. So requests of the busiest month are drawn once, by
//! the rates, bursts and sizes that the curve was computed from, and sent through [`Admission`] under each rule;
//! the difference to the curve's own rules is added to what the curve leaves.

mod traffic;

use rayon::prelude::*;
use serde::Serialize;

use self::traffic::{Event, Kind, Request};
use super::{Member, demand};
use crate::{
    calendar::Month,
    capacity::{
        Admission, AdmissionRules, Curve, CurvePoint, EstimateKind, LearnedRule, Outcome, PtRule, Refund,
        RequestType, Throughput, Ticket, WindowClock, WindowKind,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

impl OpenRule {
    /// Every rule.
    pub const ALL: &'static [OpenRule] = &[
        OpenRule::MaximumEstimate,
        OpenRule::ActualEstimate,
        OpenRule::SlidingClock,
        OpenRule::BucketClock,
        OpenRule::NoRefund,
    ];

    /// The curve's rules with this one instead.
    fn instead(self) -> PtRule {
        let estimate = |estimate| PtRule { estimate, ..PtRule::OF_THE_CURVE };
        let clock = |clock| PtRule { clock, ..PtRule::OF_THE_CURVE };
        match self {
            OpenRule::MaximumEstimate => estimate(EstimateKind::Maximum),
            OpenRule::ActualEstimate => estimate(EstimateKind::Actual),
            OpenRule::SlidingClock => clock(WindowKind::Sliding),
            OpenRule::BucketClock => clock(WindowKind::Bucket),
            OpenRule::NoRefund => PtRule { refund: Refund::Never, ..PtRule::OF_THE_CURVE },
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
        }
    }
}

/// What one rule leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RuleValue {
    /// The rule.
    pub rule: OpenRule,
    /// Share of burn tokens that it leaves to PayGo less that of the curve's rules, on the same requests.
    pub difference: f64,
    /// The curve's share with that difference, between 0 and 1.
    pub left_share: f64,
    /// Whether production excluded it, see [`LearnedRule`]; the envelope leaves it out then.
    pub excluded: bool,
}

/// What one GSU count leaves under the rules that are not documented.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleEnvelope {
    /// The count.
    pub gsu: u64,
    /// What asks for it.
    pub asked_by: Vec<&'static str>,
    /// Its enforcement window, seconds.
    pub window_seconds: u64,
    /// Whether that window is documented. Of an assumed one, which is one of a range, another length is not
    /// valued here: the book holds no range.
    pub window_grade: Grade,
    /// Share of burn tokens that the curve leaves.
    pub left_share: f64,
    /// The same on the requests that were drawn, under the curve's rules: a fixed clock, estimates right on
    /// average and put right when the answer is whole. Apart from the curve's by chance.
    pub replayed_share: f64,
    /// The share under the rule that explains production best, where one was learned.
    pub learned_share: Option<f64>,
    /// Lowest and highest share of the curve and all rules; of those that production leaves possible, where
    /// that was learned.
    pub envelope: [f64; 2],
    /// Rule by rule.
    pub rules: Vec<RuleValue>,
    /// Requests that were drawn.
    pub requests: u64,
    /// Seconds of traffic that they fill.
    pub traffic_seconds: f64,
    /// Seconds until an answer is whole, the mean over the requests.
    pub latency_seconds: f64,
    /// Whether every route's latency was measured.
    pub latency_measured: bool,
}

/// Values the rules at these counts, each with what asks for it; a count may be asked for more than once.
///
/// Empty where the load is so heavy that the requests that are drawn fill too few windows.
pub(super) fn envelopes(
    inputs: &Inputs<'_>,
    members: &[Member<'_>],
    month: (usize, Month),
    curve: &Curve,
    row: &Throughput,
    asked: &[(&'static str, Option<u64>)],
) -> Vec<RuleEnvelope> {
    let learned = inputs.capacity.learned(&row.model);
    let mut points: Vec<&CurvePoint> = asked.iter().filter_map(|(_, gsu)| curve.point((*gsu)?)).collect();
    points.retain(|point| point.window.is_some());
    points.sort_by_key(|point| point.gsu);
    points.dedup_by_key(|point| point.gsu);
    let Some(window) = points.iter().filter_map(|point| point.window).map(|window| window.seconds).max()
    else {
        return Vec::new();
    };
    let kinds: Option<Vec<Kind>> = members.iter().map(|member| kind(inputs, member, month, row)).collect();
    let drawn = kinds.and_then(|kinds| traffic::draw(&kinds, window as f64, inputs.workload.seed));
    let Some(drawn) = drawn else { return Vec::new() };
    let of_the_curve = std::iter::once(PtRule::OF_THE_CURVE);
    let rules: Vec<PtRule> = of_the_curve
        .chain(OpenRule::ALL.iter().map(|rule| rule.instead()))
        .chain(learned.into_iter().flat_map(|learned| learned.possible.iter().map(|one| one.rule)))
        .collect();
    let cases: Vec<(&CurvePoint, PtRule)> =
        points.iter().flat_map(|point| rules.iter().map(|rule| (*point, *rule))).collect();
    let left = |case: &(&CurvePoint, PtRule)| left(&drawn.requests, &drawn.events, case.0, case.1);
    let shares: Vec<f64> = cases.par_iter().map(left).collect();
    let measured = members.iter().all(|member| latency(member).is_some());
    let each = points.iter().zip(shares.chunks(rules.len()));
    let envelope = |(point, shares): (&&CurvePoint, &[f64])| {
        let window = point.window?;
        let valued = Valued::of(point.left.tokens, shares, learned);
        Some(RuleEnvelope {
            gsu: point.gsu,
            asked_by: asked.iter().filter(|ask| ask.1 == Some(point.gsu)).map(|ask| ask.0).collect(),
            window_seconds: window.seconds,
            window_grade: window.grade,
            left_share: point.left.tokens,
            replayed_share: shares[0],
            learned_share: valued.learned_share,
            envelope: valued.envelope,
            requests: drawn.requests.len() as u64,
            traffic_seconds: drawn.seconds,
            latency_seconds: drawn.mean_latency_seconds(),
            latency_measured: measured,
            rules: valued.rules,
        })
    };
    each.filter_map(envelope).collect()
}

/// The shares of one count as differences to the curve's rules.
struct Valued {
    rules: Vec<RuleValue>,
    learned_share: Option<f64>,
    envelope: [f64; 2],
}

impl Valued {
    /// `shares` are those of the curve's rules, of every open one, and of those that production leaves possible.
    fn of(curve: f64, shares: &[f64], learned: Option<&LearnedRule>) -> Valued {
        let moved = |share: &f64| (curve + share - shares[0]).clamp(0.0, 1.0);
        let (open, possible) = shares[1..].split_at(OpenRule::ALL.len());
        let value = |(rule, share): (&OpenRule, &f64)| RuleValue {
            rule: *rule,
            difference: share - shares[0],
            left_share: moved(share),
            excluded: learned.is_some_and(|learned| !learned.allows(rule.instead())),
        };
        let all = || match learned {
            Some(_) => possible.iter().map(moved).collect::<Vec<f64>>(),
            None => open.iter().map(moved).chain([curve]).collect(),
        };
        Valued {
            rules: OpenRule::ALL.iter().zip(open).map(value).collect(),
            learned_share: possible.first().map(moved),
            envelope: [all().into_iter().fold(1.0, f64::min), all().into_iter().fold(0.0, f64::max)],
        }
    }
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

/// Share of burn tokens left to PayGo by one count under one rule.
fn left(requests: &[Request], events: &[Event], point: &CurvePoint, rule: PtRule) -> f64 {
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
    let Ok(mut admission) = Admission::new(rules) else { return 1.0 };
    let mut tickets: Vec<Option<Ticket>> = Vec::new();
    tickets.resize_with(requests.len(), || None);
    let (mut left, mut all) = (0, 0);
    for event in events {
        let request = &requests[event.request];
        if event.completes {
            if let Some(ticket) = tickets[event.request].take() {
                admission.complete(ticket, event.at_micros, request.burn);
            }
            continue;
        }
        all += request.burn;
        match admission.arrive(event.at_micros, estimate(request), RequestType::Unset) {
            Outcome::Provisioned(ticket) => tickets[event.request] = Some(ticket),
            _ => left += request.burn,
        }
    }
    left as f64 / all.max(1) as f64
}
