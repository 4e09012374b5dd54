//! Response bodies as each backend sends them: classes, origin, anomalies, dollars.

use burndown::{
    calendar::Day,
    model::{Backend, Endpoint, Location, Placement, Tier},
    prices::{BilledUsage, PriceBook, invoice},
    usage::{NotAResponse, Reading, read_response},
};
use serde_json::Value;

use crate::{counts, data, shipped, text};

#[test]
fn every_recorded_body_is_read_as_expected() {
    let book = shipped().prices;
    let file: toml::Table = data("responses.toml").parse().unwrap();
    let cases = file["response"].as_array().unwrap();
    assert!(cases.len() >= 45, "{} responses", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let case = case.as_table().unwrap();
        let found = describe(&book, case);
        let expected = expected(case);
        if found != expected {
            wrong.push(format!("{}\n  found    {found}\n  expected {expected}", text(case, "file")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn expected(case: &toml::Table) -> String {
    let strings = |key: &str| -> Vec<&str> {
        case[key].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
    };
    if text(case, "outcome") == "error" {
        return format!("error {}", case["error_code"].as_integer().unwrap());
    }
    let empty = toml::Table::new();
    let tokens = case.get("tokens").map_or(&empty, |tokens| tokens.as_table().unwrap());
    format!(
        "{} {} {} {} {} images={} {:?} anomalies={} usd={}",
        or_dash(text(case, "backend")),
        or_dash(text(case, "model")),
        or_dash(text(case, "tier")),
        or_dash(text(case, "day")),
        text(case, "outcome"),
        case["image_parts"],
        counts(tokens).iter().filter(|(_, count)| **count > 0).collect::<Vec<_>>(),
        strings("anomaly_codes").join(","),
        text(case, "total_usd"),
    )
}

fn or_dash(word: &str) -> &str {
    if word.is_empty() || word == "unknown" { "-" } else { word }
}

fn describe(book: &PriceBook, case: &toml::Table) -> String {
    let reading = match read_response(&data(text(case, "file"))) {
        Ok(reading) => reading,
        Err(NotAResponse::ErrorAnswer { code, .. }) => return format!("error {code}"),
        Err(error) => return format!("not read: {error}"),
    };
    let model = reading.model.as_deref().map(|name| book.resolve(name).map(|found| found.id.0));
    let model = model.transpose().unwrap_or_else(|error| Some(error.to_string()));
    let codes: Vec<String> = reading
        .anomalies
        .iter()
        .map(|anomaly| serde_json::to_value(anomaly).unwrap()["code"].as_str().unwrap().to_string())
        .collect();
    let outcome = serde_json::to_value(reading.outcome).unwrap();
    format!(
        "{} {} {} {} {} images={} {:?} anomalies={} usd={}",
        reading.backend.as_ref().map_or("-", |told| told.value.as_str()),
        model.as_deref().unwrap_or("-"),
        reading.tier.as_ref().map_or("-", |told| told.value.as_str()),
        reading.day.map_or("-".into(), |day| day.to_string()),
        outcome.as_str().unwrap(),
        reading.image_parts,
        reading.tokens.iter().filter(|(_, count)| **count > 0).collect::<Vec<_>>(),
        codes.join(","),
        dollars(book, case, &reading),
    )
}

/// The cost with what the case says must be given from outside.
fn dollars(book: &PriceBook, case: &toml::Table, reading: &Reading) -> String {
    let given = |key: &str| case.get(key).map(|value| value.as_str().unwrap().to_string());
    let model = given("assume_model").or_else(|| reading.model.clone());
    let backend: Option<Backend> = given("assume_backend")
        .map(|word| word.parse().unwrap())
        .or_else(|| reading.backend.as_ref().map(|told| told.value));
    let (Some(model), Some(backend)) = (model, backend) else { return "none".into() };
    let tier = given("assume_tier")
        .map(|word| word.parse().unwrap())
        .or_else(|| reading.tier.as_ref().map(|told| told.value))
        .unwrap_or(Tier::Standard);
    if tier == Tier::Provisioned {
        return "0".into();
    }
    let endpoint = match backend {
        Backend::Developer => Endpoint::Developer,
        Backend::Vertex => Endpoint::Vertex(Location::Global),
    };
    let day = given("assume_day").map(|day| day.parse().unwrap()).or(reading.day);
    let day = day.unwrap_or_else(|| "2026-11-20".parse::<Day>().unwrap());
    let placement = Placement { model: book.resolve(&model).unwrap().id, endpoint, tier };
    let usage = BilledUsage { tokens: reading.tokens, ..BilledUsage::default() };
    invoice(book, &placement, day, &usage).unwrap().total_usd.to_string()
}

/// The same with every key in snake_case, and `more` keys that mean nothing beside each object's own.
fn respelt(value: Value, more: usize) -> Value {
    let snake = |key: &str| {
        let spelt = |letter: char| {
            let mark = letter.is_ascii_uppercase().then_some('_');
            mark.into_iter().chain([letter.to_ascii_lowercase()])
        };
        key.chars().flat_map(spelt).collect::<String>()
    };
    match value {
        Value::Array(items) => items.into_iter().map(|item| respelt(item, more)).collect(),
        Value::Object(object) => {
            let padding = (0..more).map(|at| (format!("x{at}"), Value::Null));
            object
                .into_iter()
                .map(|(key, value)| (snake(&key), respelt(value, more)))
                .chain(padding)
                .collect()
        }
        other => other,
    }
}

/// Objects of few keys are looked through, larger ones are hashed: both know both spellings.
#[test]
fn a_body_in_snake_case_is_the_same_body() {
    let file: toml::Table = data("responses.toml").parse().unwrap();
    let mut read = 0;
    for case in file["response"].as_array().unwrap() {
        let body = data(text(case.as_table().unwrap(), "file"));
        let Ok(value) = serde_json::from_str::<Value>(&body) else { continue };
        let Ok(expected) = read_response(&body) else { continue };
        for more in [0, 60] {
            let found = read_response(&respelt(value.clone(), more).to_string()).unwrap();
            assert_eq!(
                (
                    found.tokens,
                    &found.counts,
                    &found.model,
                    found.image_parts,
                    &found.finish_reason,
                    found.day
                ),
                (
                    expected.tokens,
                    &expected.counts,
                    &expected.model,
                    expected.image_parts,
                    &expected.finish_reason,
                    expected.day
                ),
                "{} with {more} keys more",
                text(case.as_table().unwrap(), "file")
            );
        }
        read += 1;
    }
    assert!(read >= 35, "{read} bodies");
}
