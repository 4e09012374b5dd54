//! One answer of a model: drawn, disturbed where a fault strikes, billed, and put on the wire.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use rand::{Rng, RngExt};
use rand_pcg::Pcg64;
use serde_json::Value;

use super::{
    answer::{Body, Ending, Making},
    call::{Call, Verb},
    disturb::{disturbed, refused, texts},
    emulation::{Emulator, Piece, Reply, State, Understood},
    fault::{Calls, FaultKind, When},
    law::Expected,
    ledger::Entry,
    picture,
    provisioned::Served,
    refusal::Refusal,
};
use crate::{
    capacity::RequestType,
    model::{Backend, ByClass, Pixels, Placement, Tier},
    prices::{BilledUsage, invoice},
    stats::generator,
    tokens::Answer,
    units::{Range, TOKENS_PER_MTOK, Usd},
};

/// Keeps what strikes apart from what is answered.
const FAULT_STREAM: u64 = 0xfa17_fa17_fa17_fa17;

/// Output tokens of an answer when neither request nor model has a limit.
const OUTPUT_CAP: u64 = 65_536;

/// What chance has for a request.
struct Luck {
    fault: Option<FaultKind>,
    drawn: Answer,
    blocked: bool,
    /// Seconds.
    latency: f64,
    /// For the rest of the answer.
    random: Pcg64,
}

/// What an entry says besides the answer's counts.
struct Billing<'a> {
    understood: &'a Understood<'a>,
    tier: Tier,
    fault: Option<&'static str>,
    status: u16,
    outcome: String,
    images: u64,
    tokens: ByClass<u64>,
}

impl Emulator {
    /// Answers a call that is understood.
    pub(super) fn serve(&self, call: &Call, understood: &Understood<'_>) -> Reply {
        let mut state = self.state();
        let number = state.ledger.entries.len() as u64 + 1;
        let Luck { fault, drawn, blocked, latency, mut random } =
            self.luck(&mut state, call, understood, number);
        let ending = ending(&fault, drawn, blocked, understood);
        let tokens = ending.tokens(&understood.law);
        let mut refusal = fault.as_ref().and_then(|fault| refused(fault, call, understood));
        let mut tier = match (&fault, understood.tier) {
            (Some(FaultKind::Downgraded), Tier::Priority) => Tier::Standard,
            (_, tier) => tier,
        };
        if refusal.is_none() {
            match self.admit(&mut state, understood, &tokens, latency) {
                Served::Provisioned => tier = Tier::Provisioned,
                Served::PayGo => {}
                Served::Refused => refusal = Some((Reply::from(&Refusal::busy(Backend::Vertex)), false)),
            }
        }
        let (status, is_billed) =
            refusal.as_ref().map_or((200, true), |(reply, billed)| (reply.status, *billed));
        let charged = is_billed && (self.setup.behaviour.bill_blocked || !ending.is_blocked());
        let billing = Billing {
            understood,
            tier,
            fault: fault.as_ref().map(FaultKind::as_str),
            status,
            outcome: if status == 200 { ending.reason.clone() } else { status.to_string() },
            images: if status == 200 { ending.counts.images } else { 0 },
            tokens: if charged { tokens } else { ByClass::default() },
        };
        state.ledger.entries.push(self.entry(number, billing));
        let making = Making {
            route: &understood.route,
            facts: understood.facts,
            asked: &understood.asked,
            law: &understood.law,
            tier,
            day: self.setup.day,
            number,
            is_sse: call.parameter("alt") == Some("sse"),
        };
        let mut reply = refusal.map(|(reply, _)| reply).unwrap_or_else(|| {
            let pictures = &mut state.pictures;
            let body = making.body(&ending, &mut random, &mut |size, format| {
                pictures.entry((size, format)).or_insert_with(|| encoded(size, format)).clone()
            });
            self.wire(&making, body, &fault, latency)
        });
        reply.number = Some(number);
        if let Some(FaultKind::Delay { milliseconds }) = fault {
            reply.before += Duration::from_millis(milliseconds);
        }
        reply
    }

    /// A free count of tokens, disturbed where a fault strikes.
    pub(super) fn serve_count(&self, call: &Call, understood: &Understood<'_>, body: &Value) -> Reply {
        let mut state = self.state();
        state.ledger.counted += 1;
        let number = state.ledger.counted;
        let mut chance = generator(self.setup.seed ^ fingerprint(call) ^ FAULT_STREAM, number);
        let fault = self.strike(&mut state, understood, Calls::Count, number, &mut chance);
        if let Some((refusal, _)) = fault.as_ref().and_then(|fault| refused(fault, call, understood)) {
            return refusal;
        }
        let mut body = body.clone();
        if let (Some(FaultKind::NoUsage), Some(object)) = (&fault, body.as_object_mut()) {
            object.remove("totalTokens");
        }
        let mut reply = disturbed(Reply::json(200, &body), &fault);
        if let Some(FaultKind::Delay { milliseconds }) = fault {
            reply.before += Duration::from_millis(milliseconds);
        }
        reply
    }

    /// What chance has for a request.
    fn luck(&self, state: &mut State, call: &Call, understood: &Understood<'_>, number: u64) -> Luck {
        let hash = fingerprint(call);
        let times = state.seen.entry(hash).or_insert(0);
        let again = *times;
        *times += 1;
        let seed = self.setup.seed ^ hash;
        let mut chance = generator(seed ^ FAULT_STREAM, again);
        let fault = self.strike(state, understood, Calls::Generate, number, &mut chance);
        let mut random = generator(seed, again);
        let drawn = understood.law.draw(&mut random);
        let blocked = random.random::<f64>() < understood.law.blocked_share;
        let latency = self.latency(understood, &mut random);
        Luck { fault, drawn, blocked, latency, random }
    }

    /// Whether a GSU serves an answer of so many tokens.
    fn admit(
        &self,
        state: &mut State,
        understood: &Understood<'_>,
        tokens: &ByClass<u64>,
        latency: f64,
    ) -> Served {
        let now = state.now;
        let header = understood.request_type;
        let location = understood.route.endpoint.location();
        let bought = state.purchases.iter_mut().find(|bought| bought.is_for(&understood.facts.id, location));
        let Some(bought) = bought else {
            // Who wants a GSU and nothing else finds none free where none was bought.
            let refused = header == RequestType::Dedicated && location.is_some();
            return if refused { Served::Refused } else { Served::PayGo };
        };
        let expected = understood.law.expected().tokens;
        let waits = Duration::from_secs_f64(latency * self.setup.latency);
        bought.arrive(now, header, &expected, tokens, waits)
    }

    /// The fault that strikes, if one does.
    fn strike(
        &self,
        state: &mut State,
        understood: &Understood<'_>,
        calls: Calls,
        number: u64,
        random: &mut impl Rng,
    ) -> Option<FaultKind> {
        let mut taken = None;
        for (at, fault) in self.setup.faults.iter().enumerate() {
            // Drawn for every rule, so that one rule's limit does not move another's luck.
            let luck: f64 = random.random();
            let meant = match &fault.when {
                When::Requests(numbers) => numbers.contains(&number),
                When::Every(every) => number.is_multiple_of(*every),
                When::Probability(share) => luck < share.value(),
                When::Always => true,
            };
            let here = fault.calls == calls
                && fault.backend.is_none_or(|backend| backend == understood.route.backend());
            let left = fault.limit.is_none_or(|limit| state.struck[at] < limit);
            if taken.is_none() && meant && here && left {
                state.struck[at] += 1;
                taken = Some(fault.kind.clone());
            }
        }
        taken
    }

    /// Seconds until the answer is whole, as the backend takes them.
    fn latency(&self, understood: &Understood<'_>, random: &mut impl Rng) -> f64 {
        let key = (understood.route.backend(), understood.facts.id.clone());
        let own = self.setup.behaviour.models.get(&key).and_then(|own| own.latency_seconds);
        let Range { p05, likely, p95 } = own.unwrap_or_else(|| usual_latency(understood));
        let at: f64 = random.random();
        if at < 0.5 { p05 + (likely - p05) * 2.0 * at } else { likely + (p95 - likely) * (2.0 * at - 1.0) }
    }

    fn entry(&self, number: u64, billing: Billing<'_>) -> Entry {
        let understood = billing.understood;
        let placement = Placement {
            model: understood.facts.id.clone(),
            endpoint: understood.route.endpoint.clone(),
            tier: billing.tier,
        };
        let usage = BilledUsage { tokens: billing.tokens, ..BilledUsage::default() };
        // What a GSU serves is paid by the hour, not by the token.
        let by_token = billing.tier != Tier::Provisioned;
        let bill = invoice(&self.setup.prices, &placement, self.setup.day, &usage);
        let (usd, complete) = bill.map_or((Usd::ZERO, !by_token || billing.tokens.total() == 0), |bill| {
            (bill.total_usd, bill.complete)
        });
        let expected = understood.law.expected();
        Entry {
            number,
            method: understood.route.verb.as_str(),
            expected_usd: self.expected_usd(&placement, understood, &expected),
            endpoint: placement.endpoint,
            model: placement.model,
            tier: placement.tier,
            status: billing.status,
            outcome: billing.outcome,
            fault: billing.fault,
            tokens: billing.tokens,
            images: billing.images,
            usd,
            complete,
            expected: Some(expected),
            delivered: false,
        }
    }

    /// Dollars of the means; `None` when a class has no price.
    fn expected_usd(
        &self,
        placement: &Placement,
        understood: &Understood<'_>,
        expected: &Expected,
    ) -> Option<f64> {
        let prompt = understood.law.prompt_text + understood.law.prompt_images;
        let prices = self.setup.prices.prices(placement, self.setup.day, prompt).ok()?;
        let bill_blocked = self.setup.behaviour.bill_blocked;
        let answered = 1.0 - expected.blocked_share;
        let classes = expected.tokens.iter().filter(|(_, tokens)| **tokens > 0.0);
        classes
            .map(|(class, tokens)| {
                let tokens = if bill_blocked { *tokens } else { answered * expected.answered[class] };
                Some(tokens * prices.rate(class)?.to_f64() / TOKENS_PER_MTOK as f64)
            })
            .sum()
    }

    /// An answer on the wire, disturbed as the fault has it.
    fn wire(&self, making: &Making<'_>, body: Body, fault: &Option<FaultKind>, latency: f64) -> Reply {
        let slow = Duration::from_secs_f64(latency * self.setup.latency);
        let texts = texts(making, body, fault);
        let streamed = making.route.verb == Verb::Stream;
        let kind =
            if streamed && making.is_sse { "text/event-stream" } else { "application/json; charset=UTF-8" };
        let mut headers = vec![("content-type".to_string(), kind.to_string())];
        if making.route.backend() == Backend::Developer {
            headers.push(("x-gemini-service-tier".into(), making.tier.as_str().into()));
            headers.push(("server-timing".into(), format!("gfet4t7; dur={:.0}", latency * 1000.0)));
        }
        let each = slow / texts.len().max(1) as u32;
        let length = texts.iter().map(|text| text.len() as u64).sum();
        let mut pieces = Vec::new();
        for text in texts {
            if streamed && !each.is_zero() {
                pieces.push(Piece::Wait(each));
            }
            pieces.push(Piece::Bytes(text.into_bytes()));
        }
        let before = if streamed { Duration::ZERO } else { slow };
        let length = (!streamed).then_some(length);
        disturbed(Reply { status: 200, headers, pieces, length, number: None, before }, fault)
    }
}

/// What the fault makes of the answer's counts and its end.
fn ending(fault: &Option<FaultKind>, drawn: Answer, blocked: bool, understood: &Understood<'_>) -> Ending {
    let (asked, law) = (&understood.asked, &understood.law);
    match fault {
        Some(FaultKind::Images { images }) if law.per_image > 0 => {
            let counts = Answer { images: *images, ..drawn };
            Ending { counts, reason: "STOP".into(), content: true }
        }
        Some(FaultKind::OverCap { times }) => {
            let cap = asked.max_output_tokens.or(understood.facts.max_output_tokens).unwrap_or(OUTPUT_CAP);
            let wanted = (cap as f64 * times).ceil() as u64 + 1;
            let others = drawn.images * law.per_image + drawn.text;
            let counts = Answer { thinking: wanted.saturating_sub(others).max(drawn.thinking), ..drawn };
            Ending { counts, reason: "STOP".into(), content: true }
        }
        Some(FaultKind::Blocked { reason }) => Ending::blocked(drawn, reason),
        _ if blocked => Ending::blocked(drawn, "IMAGE_SAFETY"),
        _ => Ending::of(drawn, asked, law.per_image),
    }
}

/// Seconds by model, from published measurements: 2.5 Flash Image 6 to 13, Pro 16 to 29, 3.1 Flash Image 12 to
/// 13 (18 to 23 when it thinks much); the width of the others is assumed.
fn usual_latency(understood: &Understood<'_>) -> Range {
    let points = match understood.facts.id.0.as_str() {
        "gemini-2.5-flash-image" => [5.6, 6.0, 12.6],
        "gemini-3-pro-image" => [16.0, 18.0, 29.0],
        "gemini-3.1-flash-image" if understood.asked.level.is_none() => [12.0, 12.5, 13.0],
        "gemini-3.1-flash-image" => [18.0, 20.0, 23.0],
        _ if understood.law.per_image > 0 => [8.0, 14.0, 30.0],
        _ => [1.0, 3.0, 10.0],
    };
    Range::try_from(points).expect("three numbers ascend")
}

fn encoded(size: Pixels, format: picture::Format) -> Arc<str> {
    BASE64_STANDARD.encode(picture::grey(size, format)).into()
}

/// A number of what decides an answer: path, query, body and the headers that choose the tier, not the key.
///
/// FNV-1a on 64 bits (Fowler, Noll & Vo 1991), the same on every machine.
fn fingerprint(call: &Call) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(call.path.as_bytes());
    for pair in call.query.split('&').filter(|pair| !pair.starts_with("key=")) {
        add(pair.as_bytes());
    }
    for name in ["x-vertex-ai-llm-request-type", "x-vertex-ai-llm-shared-request-type"] {
        add(call.header(name).unwrap_or_default().as_bytes());
    }
    add(&call.body);
    hash
}
