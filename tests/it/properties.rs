//! Laws that hold for any numbers.

use burndown::{
    model::{Backend, ByClass, Endpoint, Placement, Tier, TokenClass},
    prices::{BilledUsage, PriceBook, invoice},
    usage::{Counts, classes_of},
};
use proptest::prelude::*;

use crate::shipped;

/// Image models have one prompt tier, so no cliff disturbs the laws.
const MODELS: [&str; 3] = ["gemini-3-pro-image", "gemini-3.1-flash-image", "gemini-nano-banana-2.1"];

fn cost(book: &PriceBook, model: &str, tokens: ByClass<u64>) -> rust_decimal::Decimal {
    let placement =
        Placement { model: model.into(), endpoint: Endpoint::of(Backend::Vertex), tier: Tier::Standard };
    let usage = BilledUsage { tokens, ..BilledUsage::default() };
    invoice(book, &placement, "2026-11-21".parse().unwrap(), &usage).unwrap().total_usd.0
}

/// Up to ten million tokens of each class the image models price.
fn tokens() -> impl Strategy<Value = ByClass<u64>> {
    let priced = [
        TokenClass::InputText,
        TokenClass::InputImage,
        TokenClass::CachedInputText,
        TokenClass::OutputText,
        TokenClass::OutputThinking,
        TokenClass::OutputImage,
    ];
    proptest::collection::vec(0_u64..10_000_000, priced.len()).prop_map(move |counts| {
        let mut tokens = ByClass::default();
        for (class, count) in priced.iter().zip(counts) {
            tokens[*class] = count;
        }
        tokens
    })
}

fn sum(a: &ByClass<u64>, b: &ByClass<u64>) -> ByClass<u64> {
    ByClass::from_fn(|class| a[class] + b[class])
}

/// Counts as a backend could report them, honest or not.
fn counts() -> impl Strategy<Value = (Counts, u64)> {
    let modality = prop_oneof!["TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT", "SMELL"];
    let details = || proptest::collection::vec((modality.clone(), 0_u64..5_000), 0..4);
    let number = || proptest::option::of(0_u64..10_000);
    (
        (number(), details(), number(), details()),
        (number(), number(), details(), number(), number()),
        0_u64..4,
    )
        .prop_map(|((prompt, prompt_details, cached, cached_details), rest, images)| {
            let (tool_use, candidates, candidates_details, thoughts, total) = rest;
            let counts = Counts {
                prompt,
                prompt_details,
                cached,
                cached_details,
                tool_use,
                candidates,
                candidates_details,
                thoughts,
                total,
            };
            (counts, images)
        })
}

#[test]
fn cost_is_additive_and_never_falls_with_more_tokens() {
    let book = shipped().prices;
    proptest!(ProptestConfig::with_cases(300), |(a in tokens(), b in tokens(), at in 0..MODELS.len())| {
        let (model, both) = (MODELS[at], sum(&a, &b));
        prop_assert_eq!(cost(&book, model, a) + cost(&book, model, b), cost(&book, model, both));
        prop_assert!(cost(&book, model, both) >= cost(&book, model, a));
    });
}

#[test]
fn above_the_threshold_all_tokens_take_the_long_rate() {
    let book = shipped().prices;
    let of = |prompt: u64| {
        let mut tokens = ByClass::default();
        tokens[TokenClass::InputText] = prompt;
        tokens[TokenClass::OutputText] = 1_000_000;
        let placement =
            Placement { model: "gemini-2.5-pro".into(), endpoint: Endpoint::Developer, tier: Tier::Standard };
        let usage = BilledUsage { tokens, ..BilledUsage::default() };
        invoice(&book, &placement, "2026-11-21".parse().unwrap(), &usage).unwrap().total_usd.to_string()
    };
    assert_eq!(of(200_000), "10.25");
    assert_eq!(of(200_001), "15.5000025");
}

#[test]
fn classes_add_up_to_the_reported_parts() {
    proptest!(ProptestConfig::with_cases(2_000), |((counts, images) in counts())| {
        let (tokens, anomalies) = classes_of(&counts, images);
        let sum = |details: &[(String, u64)]| details.iter().map(|(_, tokens)| tokens).sum::<u64>();
        let reported = [counts.candidates, counts.thoughts, counts.tool_use];
        let reported: u64 = reported.iter().map(|count| count.unwrap_or(0)).sum();
        let prompt = counts.prompt.unwrap_or_else(|| {
            let left = counts.total.and_then(|total| total.checked_sub(reported));
            left.unwrap_or(sum(&counts.prompt_details))
        });
        // An answer count that is missing is what the details say.
        let itemised = if counts.candidates.is_none() { sum(&counts.candidates_details) } else { 0 };
        let others = reported + itemised;
        let repeated = anomalies.iter().any(|anomaly| {
            matches!(anomaly, burndown::usage::Anomaly::ThoughtsInsideCandidates { .. })
        });
        let counted_twice = if repeated { counts.thoughts.unwrap_or(0) } else { 0 };
        prop_assert_eq!(tokens.total(), prompt + others - counted_twice);
        // What does not add up is named.
        if counts.total.is_some_and(|total| total != tokens.total()) {
            let named = anomalies.iter().any(|anomaly| {
                matches!(anomaly, burndown::usage::Anomaly::TotalMismatch { .. })
            });
            prop_assert!(named);
        }
    });
}

#[test]
fn no_text_makes_the_response_reader_panic() {
    proptest!(ProptestConfig::with_cases(500), |(text in "\\PC{0,200}")| {
        let _ = burndown::usage::read_response(&text);
    });
    let deep = "[".repeat(100_000);
    assert!(burndown::usage::read_response(&deep).is_err());
}
