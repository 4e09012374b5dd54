//! Prices beside those of two published packages, genai-prices and litellm, on the same answers.
//!
//! Every disagreement must be one that `peer_disagreements.toml` explains, with who is right and why; an
//! explanation that explains nothing any more, or another number of cases, fails as well.

use std::{collections::BTreeMap, str::FromStr};

use burndown::{
    calendar::Day,
    model::{Backend, Endpoint, Location, Placement, Tier, TokenClass},
    prices::{BilledUsage, PriceBook, invoice},
    usage::{Observation, RecordKind, read_observations, read_response},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    data,
    python::{ask, python},
    shipped, text,
};

/// The day whose prices the grid asks for.
const DAY: &str = "2026-11-20";

/// One answer to price.
struct Case {
    backend: Backend,
    model: String,
    tier: Tier,
    day: Day,
    /// What kind of answer: a name of the grid, `recorded` or `published`.
    pattern: &'static str,
    body: Value,
    /// What is odd about it: codes of anomalies, `tool-use`, `cached-audio`.
    odd: Vec<String>,
    ours: Decimal,
}

#[test]
fn every_disagreement_with_the_published_price_packages_is_explained() {
    let Some(python) = python("no price package was asked") else { return };
    let book = shipped().prices;
    let cases = cases(&book);
    let told = prices_of_others(&python, &cases);
    let mut rules = Rules::read();
    let mut unexplained = Vec::new();
    let mut agreed: BTreeMap<&str, u64> = BTreeMap::new();
    for (case, row) in cases.iter().zip(&told) {
        for peer in ["genai-prices", "litellm"] {
            let answer = row[peer].as_str().unwrap();
            if agrees(answer, case.ours) {
                *agreed.entry(peer).or_default() += 1;
            } else if !rules.explain(peer, case, answer) {
                unexplained.push((peer, case, answer));
            }
        }
    }
    println!("{} answers; the same price: {agreed:?}", cases.len());
    assert!(unexplained.is_empty(), "{} unexplained:\n{}", unexplained.len(), grouped(&unexplained));
    rules.assert_counts();
    assert!(agreed.values().all(|count| *count >= 300), "{agreed:?}");
}

/// A billionth of a dollar: litellm adds in floating point.
fn agrees(answer: &str, ours: Decimal) -> bool {
    Decimal::from_str(answer)
        .or_else(|_| Decimal::from_scientific(answer))
        .is_ok_and(|theirs| (theirs - ours).abs() <= Decimal::new(1, 9))
}

/// Theirs over ours, or what they said instead of a price.
fn ratio(case: &Case, answer: &str) -> String {
    match answer.parse::<f64>() {
        Ok(theirs) => format!("x {:.4}", theirs / f64::try_from(case.ours).unwrap()),
        Err(_) => answer.chars().take(70).collect(),
    }
}

/// The unexplained in groups of one kind, tier and ratio, with one of each as an example.
fn grouped(cases: &[(&str, &Case, &str)]) -> String {
    let mut groups: BTreeMap<String, (Vec<String>, &Case)> = BTreeMap::new();
    for (peer, case, answer) in cases {
        let place = format!("{} {}", case.backend, case.tier);
        let odd = case.odd.join(",");
        let key = format!("{peer} | {} | {place} | {odd} | {}", case.pattern, ratio(case, answer));
        groups.entry(key).or_insert((Vec::new(), case)).0.push(case.model.clone());
    }
    let line = |(key, (models, case)): (&String, &(Vec<String>, &Case))| {
        let mut names = models.clone();
        names.sort();
        names.dedup();
        let usage = &case.body["usageMetadata"];
        format!("{key} | {} cases of {} | e.g. {} for {usage}", models.len(), names.join(" "), case.ours)
    };
    groups.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Both packages' prices of every case.
fn prices_of_others(python: &str, cases: &[Case]) -> Vec<Value> {
    let question = |(id, case): (usize, &Case)| {
        json!({"id": id, "backend": case.backend, "model": case.model, "tier": case.tier,
            "day": case.day.to_string(), "body": case.body})
    };
    let questions: Vec<Value> = cases.iter().enumerate().map(question).collect();
    ask(python, "prices.py", &questions)
}

// ---------------------------------------------------------------------------------------------------
// The answers
// ---------------------------------------------------------------------------------------------------

fn cases(book: &PriceBook) -> Vec<Case> {
    let mut cases = recorded(book);
    cases.extend(published(book));
    cases.extend(grid(book));
    cases
}

/// The recorded bodies whose backend and model are told.
fn recorded(book: &PriceBook) -> Vec<Case> {
    let file: toml::Table = data("responses.toml").parse().unwrap();
    let files = file["response"].as_array().unwrap().iter().map(|case| case.as_table().unwrap());
    let mut cases = Vec::new();
    for file in files.filter(|file| text(file, "file").ends_with(".json")) {
        let body: Value = serde_json::from_str(&data(text(file, "file"))).unwrap();
        let Ok(reading) = read_response(&body.to_string()) else { continue };
        if body.get("usageMetadata").is_none() {
            continue;
        }
        let given = |key: &str| file.get(key).and_then(|value| value.as_str()).map(str::to_string);
        let backend = given("assume_backend")
            .map(|word| word.parse().unwrap())
            .or(reading.backend.as_ref().map(|told| told.value));
        let model = given("assume_model").or_else(|| reading.model.clone());
        let tier = given("assume_tier").map(|word| word.parse().unwrap());
        let tier = tier.or(reading.tier.as_ref().map(|told| told.value)).unwrap_or(Tier::Standard);
        let day = given("assume_day").map(|day| day.parse().unwrap()).or(reading.day);
        let day = day.unwrap_or(DAY.parse().unwrap());
        let (Some(backend), Some(model)) = (backend, model) else { continue };
        cases.extend(case(book, backend, &model, tier, day, "recorded", body));
    }
    cases
}

/// The published observations, each as the body it was read from.
fn published(book: &PriceBook) -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/observations/public.csv");
    let rows = read_observations(&std::fs::read_to_string(path).unwrap()).unwrap();
    let whole = |row: &&Observation| row.kind == RecordKind::Measured && row.backend.is_some();
    rows.iter()
        .filter(whole)
        .filter_map(|row| {
            let body = body_of(&row.model, Value::Object(row.usage.clone()?));
            let day = DAY.parse().unwrap();
            case(book, row.backend?, &row.model, Tier::Standard, day, "published", body)
        })
        .collect()
}

fn body_of(model: &str, usage: Value) -> Value {
    json!({"modelVersion": model, "usageMetadata": usage,
        "candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP"}]})
}

/// Kinds of answers: name, whether images come out, usage as the backend reports it.
fn patterns() -> Vec<(&'static str, bool, Value)> {
    let one = |modality: &str, count: u64| json!({"modality": modality, "tokenCount": count});
    vec![
        (
            "text",
            false,
            json!({"promptTokenCount": 1_200, "candidatesTokenCount": 300, "totalTokenCount": 1_500,
                "promptTokensDetails": [one("TEXT", 1_200)]}),
        ),
        (
            "thinking",
            false,
            json!({"promptTokenCount": 1_200, "candidatesTokenCount": 300, "thoughtsTokenCount": 900,
                "totalTokenCount": 2_400, "promptTokensDetails": [one("TEXT", 1_200)]}),
        ),
        (
            "photo read",
            false,
            json!({"promptTokenCount": 1_458, "candidatesTokenCount": 300, "totalTokenCount": 1_758,
                "promptTokensDetails": [one("TEXT", 1_200), one("IMAGE", 258)]}),
        ),
        (
            "cached text",
            false,
            json!({"promptTokenCount": 9_200, "candidatesTokenCount": 300, "totalTokenCount": 9_500,
                "cachedContentTokenCount": 8_000, "promptTokensDetails": [one("TEXT", 9_200)],
                "cacheTokensDetails": [one("TEXT", 8_000)]}),
        ),
        (
            "long prompt",
            false,
            json!({"promptTokenCount": 250_000, "candidatesTokenCount": 300, "totalTokenCount": 250_300,
                "promptTokensDetails": [one("TEXT", 250_000)]}),
        ),
        (
            "speech read",
            false,
            json!({"promptTokenCount": 1_700, "candidatesTokenCount": 300, "totalTokenCount": 2_000,
                "promptTokensDetails": [one("TEXT", 200), one("AUDIO", 1_500)]}),
        ),
        (
            "picture",
            true,
            json!({"promptTokenCount": 20, "candidatesTokenCount": 1_120, "totalTokenCount": 1_140,
                "promptTokensDetails": [one("TEXT", 20)], "candidatesTokensDetails": [one("IMAGE", 1_120)]}),
        ),
        (
            "picture, text not itemised",
            true,
            json!({"promptTokenCount": 580, "candidatesTokenCount": 1_460, "thoughtsTokenCount": 337,
                "totalTokenCount": 2_377, "promptTokensDetails": [one("TEXT", 20), one("IMAGE", 560)],
                "candidatesTokensDetails": [one("IMAGE", 1_120)]}),
        ),
        (
            "picture, all itemised",
            true,
            json!({"promptTokenCount": 580, "candidatesTokenCount": 1_460, "thoughtsTokenCount": 337,
                "totalTokenCount": 2_377, "promptTokensDetails": [one("TEXT", 20), one("IMAGE", 560)],
                "candidatesTokensDetails": [one("TEXT", 340), one("IMAGE", 1_120)]}),
        ),
        (
            "modality twice",
            true,
            json!({"promptTokenCount": 190, "candidatesTokenCount": 2_240, "totalTokenCount": 2_430,
                "promptTokensDetails": [one("TEXT", 90), one("TEXT", 100)],
                "candidatesTokensDetails": [one("IMAGE", 1_120), one("IMAGE", 1_120)]}),
        ),
    ]
}

/// Every model × backend × tier of the book × kind of answer.
fn grid(book: &PriceBook) -> Vec<Case> {
    let day: Day = DAY.parse().unwrap();
    let mut cases = Vec::new();
    for facts in &book.models {
        for backend in [Backend::Developer, Backend::Vertex] {
            for tier in book.tiers(&facts.id, backend) {
                let placement = placement(facts.id.clone(), backend, tier);
                let Ok(prices) = book.prices(&placement, day, 1) else { continue };
                let paints = prices.rate(TokenClass::OutputImage).is_some();
                for (pattern, picture, usage) in patterns() {
                    if picture == paints {
                        let body = body_of(&facts.id.0, usage);
                        cases.extend(case(book, backend, &facts.id.0, tier, day, pattern, body));
                    }
                }
            }
        }
    }
    cases
}

/// The case with our price, when the book has one.
fn case(
    book: &PriceBook,
    backend: Backend,
    model: &str,
    tier: Tier,
    day: Day,
    pattern: &'static str,
    body: Value,
) -> Option<Case> {
    let id = book.resolve(model).ok()?.id;
    let reading = read_response(&body.to_string()).ok()?;
    let tokens = reading.tokens;
    let code = |anomaly| serde_json::to_value(anomaly).unwrap()["code"].as_str().unwrap().to_string();
    let mut odd: Vec<String> = reading.anomalies.iter().map(code).collect();
    let more = [(TokenClass::InputToolUse, "tool-use"), (TokenClass::CachedInputAudio, "cached-audio")];
    odd.extend(more.iter().filter(|(class, _)| tokens[*class] > 0).map(|(_, name)| name.to_string()));
    let usage = BilledUsage { tokens, ..BilledUsage::default() };
    let found = invoice(book, &placement(id, backend, tier), day, &usage).ok()?;
    let ours = found.total_usd.0;
    found.complete.then(|| Case { backend, model: model.to_string(), tier, day, pattern, body, odd, ours })
}

fn placement(model: burndown::model::ModelId, backend: Backend, tier: Tier) -> Placement {
    let endpoint = match backend {
        Backend::Developer => Endpoint::Developer,
        Backend::Vertex => Endpoint::Vertex(Location::Global),
    };
    Placement { model, endpoint, tier }
}

// ---------------------------------------------------------------------------------------------------
// What is known of the disagreements
// ---------------------------------------------------------------------------------------------------

/// The explanations, with how many cases each explained.
struct Rules {
    rows: Vec<(toml::Table, i64)>,
}

impl Rules {
    fn read() -> Rules {
        let file: toml::Table = data("peer_disagreements.toml").parse().unwrap();
        let rows = file["disagreement"].as_array().unwrap().iter();
        let rows: Vec<_> = rows.map(|row| (row.as_table().unwrap().clone(), 0)).collect();
        for (row, _) in &rows {
            assert!(["ours", "theirs", "open"].contains(&text(row, "right")), "{row:?}");
            assert!(!text(row, "why").is_empty() && !text(row, "source").is_empty());
        }
        Rules { rows }
    }

    /// Counts the case for the first explanation that fits.
    fn explain(&mut self, peer: &str, case: &Case, answer: &str) -> bool {
        let fits = |row: &toml::Table| {
            text(row, "peer") == peer
                && holds(row, "backend", &case.backend.to_string())
                && holds(row, "models", &case.model)
                && holds(row, "tiers", &case.tier.to_string())
                && holds(row, "patterns", case.pattern)
                && holds_ratio(row, &ratio(case, answer))
                && row.get("odd").is_none_or(|code| case.odd.iter().any(|odd| code.as_str() == Some(odd)))
                && row.get("unpriced").map_or(!answer.starts_with('-'), |part| {
                    answer.starts_with('-') && answer.contains(part.as_str().unwrap())
                })
        };
        let found = self.rows.iter_mut().find(|(row, _)| fits(row));
        found.map(|(_, count)| *count += 1).is_some()
    }

    fn assert_counts(&self) {
        let differ = self.rows.iter().filter(|(row, count)| row["cases"].as_integer() != Some(*count));
        let lines: Vec<String> = differ
            .map(|(row, count)| format!("{}: {} said, {count} seen", text(row, "why"), row["cases"]))
            .collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}

/// Whether a ratio begins with what the explanation says, where it says one.
fn holds_ratio(row: &toml::Table, ratio: &str) -> bool {
    row.get("ratio").is_none_or(|said| ratio.starts_with(&format!("x {}", said.as_str().unwrap())))
}

/// Whether a key is absent, or is the word, or lists it; `x*` and `*x` stand for words that begin or end so.
fn holds(row: &toml::Table, key: &str, word: &str) -> bool {
    let like = |pattern: &str| match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        (Some(stem), _) => word.starts_with(stem),
        (None, Some(end)) => word.ends_with(end),
        (None, None) => word == pattern,
    };
    match row.get(key) {
        None => true,
        Some(toml::Value::Array(words)) => words.iter().any(|one| like(one.as_str().unwrap())),
        Some(one) => like(one.as_str().unwrap()),
    }
}
