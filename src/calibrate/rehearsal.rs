//! A calibration played through in memory, against answers as the token profiles expect them.
//!
//! It says what a budget would buy before any is spent, and it is where the promises about money are tested:
//! the machine is the real one, the clock and the backends are not.

use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Map, Value, json};

use super::{
    answer::{Verdict, answered},
    campaign::Campaign,
    cell::Cell,
    fault::{Failure, Fault},
    journal::Entry,
    sampler::Rules,
    terms::{CampaignError, Ending, Limits, Order, Step},
};
use crate::{
    model::{ByClass, ModelId, TokenClass},
    stats::generator,
    units::Usd,
    usage::{OBSERVATION_SCHEMA, Observation, ObservedShape, RecordKind},
};

/// How often things go wrong, as shares of the attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chaos {
    /// 429.
    pub throttled: f64,
    /// 500 and 503.
    pub errors: f64,
    /// No answer in time, billed all the same.
    pub timeouts: f64,
    /// Connection broken inside the answer, billed all the same.
    pub dropped: f64,
    /// Answers with ten pictures.
    pub ten_pictures: f64,
    /// Answers beyond the contract's cap, by up to a quarter.
    pub beyond_contract: f64,
    /// Answers beyond what was set aside for them, up to four times it.
    pub beyond_reservation: f64,
    /// Answers without usage, billed all the same.
    pub untold: f64,
    /// Any fault there is, each as likely as the next; billed where it may be.
    pub any_fault: f64,
}

/// Share of answers with a second picture where it is open whether drafts are counted; assumed.
const DRAFT_SHARE: f64 = 0.1;

/// A calibration played through.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Its last state.
    pub campaign: Campaign,
    /// Its journal.
    pub entries: Vec<Entry>,
    /// What the backends would bill, answers that never arrived included.
    pub billed: Usd,
    /// What answers cost beyond what was set aside for them and nothing can take up any more: answers in flight when
    /// the last request was sent, and answers that never told their price.
    pub beyond: Usd,
    /// How long it took, seconds.
    pub seconds: f64,
    /// How it ended; `None` when it was killed.
    pub ending: Option<Ending>,
}

/// What becomes of one attempt.
struct Fate {
    at: f64,
    order: Order,
    verdict: Verdict,
    billed: Usd,
}

/// Plays a calibration from `start` seconds on, killed after so many steps if asked.
pub fn rehearse(
    mut campaign: Campaign,
    chaos: &Chaos,
    seed: u64,
    start: f64,
    killed_after: Option<u64>,
) -> Rehearsal {
    let mut random = generator(seed, 1);
    let mut flying: Vec<Fate> = Vec::new();
    let (mut entries, mut billed, mut now, mut steps) = (Vec::new(), Usd::ZERO, start, 0);
    let (mut told, mut untold) = (Usd::ZERO, Usd::ZERO);
    loop {
        steps += 1;
        if killed_after.is_some_and(|most| steps > most) {
            billed += flying.iter().map(|fate| fate.billed).sum();
            let beyond = [told, untold].into_iter().chain(flying.iter().map(Fate::beyond)).sum();
            return Rehearsal { campaign, entries, billed, beyond, seconds: now, ending: None };
        }
        match campaign.next(now) {
            Step::Send(order) => {
                entries.push(campaign.reservation(&order));
                // There was room for it beside all that had been told by then.
                told = Usd::ZERO;
                flying.push(fate(&campaign.sampler.cells[order.cell], order, now, chaos, &mut random));
            }
            Step::Wait { until } => {
                let first = flying.iter().enumerate().min_by(|a, b| a.1.at.total_cmp(&b.1.at));
                let first = first.map(|(at, fate)| (at, fate.at));
                match (first, until) {
                    (Some((at, time)), until) if until.is_none_or(|until| time <= until) => {
                        let fate = flying.swap_remove(at);
                        now = now.max(time);
                        billed += fate.billed;
                        *(if fate.tells() { &mut told } else { &mut untold }) += fate.beyond();
                        entries.push(campaign.settlement(&fate.order, &fate.verdict));
                        campaign.settle(&fate.order, &fate.verdict, now);
                    }
                    (_, Some(until)) => now = until,
                    (_, None) => unreachable!("one waits for an answer or for a time"),
                }
            }
            Step::Done(ending) => {
                let beyond = [told, untold].into_iter().sum();
                return Rehearsal { campaign, entries, billed, beyond, seconds: now, ending: Some(ending) };
            }
        }
    }
}

impl Fate {
    /// Whether the answer says what it cost.
    fn tells(&self) -> bool {
        matches!(&self.verdict, Verdict::Answer(answer) if answer.billed.is_some())
    }

    /// What it cost beyond what was set aside when it was sent.
    fn beyond(&self) -> Usd {
        Usd((self.billed.0 - self.order.usd.0).max(Usd::ZERO.0))
    }
}

fn fate(cell: &Cell, order: Order, now: f64, chaos: &Chaos, random: &mut Pcg64) -> Fate {
    let seconds = cell.expected.seconds * (0.5 + random.random::<f64>());
    // What becomes of the attempt, and how big its answer is, fall apart from each other; of each only one thing.
    let mut falls = one_of(random.random());
    let sizes = [chaos.ten_pictures, chaos.beyond_contract, chaos.beyond_reservation];
    let mut grows = one_of(if sizes == [0.0; 3] { 1.0 } else { random.random() });
    let fault = |fault: Fault, billed: Usd, seconds: f64| Fate {
        at: now + seconds,
        verdict: Verdict::Failed(Failure::of(fault, "rehearsed")),
        billed,
        order: order.clone(),
    };
    if falls(chaos.throttled) {
        return fault(Fault::Throttled, Usd::ZERO, 0.2);
    }
    if falls(chaos.errors) {
        return fault(Fault::Overloaded, Usd::ZERO, 1.0);
    }
    let pictures = if grows(chaos.ten_pictures) { Some(10) } else { None };
    let mut tokens = drawn(cell, order.request, pictures, random);
    if grows(chaos.beyond_contract) {
        let most = cell.answer_tokens_max;
        tokens[TokenClass::OutputImage] =
            most + random.random_range(0..=most / 4 - tokens_beside(&tokens).min(most / 4));
    }
    if grows(chaos.beyond_reservation) {
        tokens[TokenClass::OutputImage] = random.random_range(2..=5) * cell.answer_tokens_max;
    }
    let billed = cell.billed_at_most(&tokens);
    if falls(chaos.timeouts) {
        return fault(Fault::Timeout, billed, seconds + 120.0);
    }
    if falls(chaos.dropped) {
        return fault(Fault::Dropped, billed, seconds);
    }
    if falls(chaos.any_fault) {
        let any = Fault::ALL[random.random_range(0..Fault::ALL.len())];
        return fault(any, if any.may_be_billed() { billed } else { Usd::ZERO }, seconds);
    }
    let untold = falls(chaos.untold);
    let observation = observation(cell, &tokens, seconds, untold);
    Fate { at: now + seconds, verdict: Verdict::Answer(Box::new(answered(cell, observation))), billed, order }
}

/// Whether luck, a number from 0 to 1, falls into the next of several shares; into one of them at most.
fn one_of(mut luck: f64) -> impl FnMut(f64) -> bool {
    move |share| {
        let open = luck >= 0.0;
        luck -= share;
        open && luck < 0.0
    }
}

/// Text and thinking of an answer.
fn tokens_beside(tokens: &ByClass<u64>) -> u64 {
    tokens[TokenClass::OutputText] + tokens[TokenClass::OutputThinking]
}

/// Tokens of one answer by the profile's ranges; the quantile function is straight between its three points.
fn drawn(cell: &Cell, request: u64, pictures: Option<u64>, random: &mut Pcg64) -> ByClass<u64> {
    ByClass::from_fn(|class| {
        let Some(expected) = &cell.expected.tokens[class] else { return 0 };
        if class == TokenClass::OutputImage {
            let draft = cell.expected.drafts_open && random.random::<f64>() < DRAFT_SHARE;
            return expected.p50.round() as u64 * pictures.unwrap_or(1 + u64::from(draft));
        }
        if class.is_input() {
            // Pictures taken in turn differ from request to request, the prompt does not.
            let ends = [expected.p05, expected.p95];
            let tokens =
                if class == TokenClass::InputText { expected.mean } else { ends[request as usize % 2] };
            return tokens.round() as u64;
        }
        let share: f64 = random.random();
        let value = if share < 0.5 {
            expected.p05 + (expected.p50 - expected.p05) * (2.0 * share)
        } else {
            expected.p50 + (expected.p95 - expected.p50) * (2.0 * share - 1.0)
        };
        value.round() as u64
    })
}

/// An answer's record with usage as Vertex AI itemises it.
fn observation(cell: &Cell, tokens: &ByClass<u64>, seconds: f64, untold: bool) -> Observation {
    let detail =
        |modality: &str, class: TokenClass| json!({ "modality": modality, "tokenCount": tokens[class] });
    let candidates = tokens[TokenClass::OutputText] + tokens[TokenClass::OutputImage];
    let mut usage: Map<String, Value> = Map::new();
    usage.insert("promptTokenCount".into(), tokens.prompt().into());
    usage.insert(
        "promptTokensDetails".into(),
        json!([detail("TEXT", TokenClass::InputText), detail("IMAGE", TokenClass::InputImage)]),
    );
    usage.insert("candidatesTokenCount".into(), candidates.into());
    usage.insert(
        "candidatesTokensDetails".into(),
        json!([detail("TEXT", TokenClass::OutputText), detail("IMAGE", TokenClass::OutputImage)]),
    );
    usage.insert("thoughtsTokenCount".into(), tokens[TokenClass::OutputThinking].into());
    usage.insert("totalTokenCount".into(), ByClass::<u64>::total(tokens).into());
    let sizes = cell.pictures.first().map(Vec::as_slice).unwrap_or_default();
    let one =
        cell.expected.tokens[TokenClass::OutputImage].as_ref().map_or(0, |image| image.p50.round() as u64);
    Observation {
        schema: OBSERVATION_SCHEMA.into(),
        at: None,
        backend: Some(cell.placement.endpoint.backend()),
        location: cell.placement.endpoint.location().map(ToString::to_string),
        model: cell.placement.model.to_string(),
        shape: ObservedShape {
            input_images: u32::try_from(sizes.len()).ok(),
            input_pixels: sizes.iter().map(ToString::to_string).collect(),
            output_size: cell.makes_images.then_some(cell.shape.output_size),
            thinking_level: cell.shape.thinking_level,
            media_resolution: cell.shape.media_resolution,
        },
        status: Some(200),
        finish_reason: Some("STOP".into()),
        usage: (!untold).then_some(usage),
        image_parts: Some(tokens[TokenClass::OutputImage].checked_div(one).unwrap_or(0)),
        received_pixels: None,
        image_bytes: None,
        image_mime: None,
        latency_seconds: Some((seconds * 1000.0).round() / 1000.0),
        attempt: 1,
        prompt_id: Some(cell.route.clone()),
        kind: RecordKind::Rehearsed,
        source: None,
        note: None,
    }
}

/// What a calibration is expected to take.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// Attempts.
    pub requests: u64,
    /// US dollars spent.
    pub usd: f64,
    /// Minutes.
    pub minutes: f64,
    /// Why it would end.
    pub ending: Ending,
    /// Half width of each placement's total over the total.
    pub precision: Vec<(ModelId, String, f64)>,
}

impl Forecast {
    /// The widest of the placements.
    pub fn widest(&self) -> f64 {
        self.precision.iter().map(|(_, _, relative)| *relative).fold(0.0, f64::max)
    }
}

/// Plays a calibration through under limits, without faults.
///
/// # Errors
///
/// As [`Campaign::new`].
pub fn forecast(cells: &[Cell], limits: Limits, rules: Rules, seed: u64) -> Result<Forecast, CampaignError> {
    let campaign = Campaign::new(cells.to_vec(), limits, rules, seed)?;
    let played = rehearse(campaign, &Chaos::default(), seed, 0.0, None);
    let sampler = &played.campaign.sampler;
    let precision = sampler.placements().into_iter().filter_map(|group| {
        let relative = sampler.known(&group).total.relative();
        let (model, endpoint) = group.placement?;
        Some((model, endpoint.to_string(), relative))
    });
    Ok(Forecast {
        requests: played.campaign.counts.sent,
        usd: played.campaign.money().0.to_f64(),
        minutes: played.seconds / 60.0,
        ending: played.ending.expect("nobody killed it"),
        precision: precision.collect(),
    })
}
