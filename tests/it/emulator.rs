//! The emulator without a socket: what each backend takes, refuses, reports and bills.

use burndown::{
    calendar::Day,
    diagnostics::SourceText,
    emulator::{Behaviour, Call, Emulator, Fault, FaultKind, Reply, Setup, parse_faults},
    model::{Backend, TokenClass},
    stats::generator,
    usage::{Outcome, Reading, read_response},
};
use rand::RngExt;
use serde_json::{Value, json};

use crate::{data, shipped};

pub const DEVELOPER: &str = "/v1beta/models/gemini-3-pro-image:generateContent";
pub const VERTEX: &str =
    "/v1beta1/projects/p1/locations/global/publishers/google/models/gemini-3-pro-image:generateContent";

/// The shipped books and profiles, on a day.
pub fn setup(day: &str) -> Setup {
    let library = shipped();
    Setup::new(library.prices, library.tokens, day.parse::<Day>().unwrap())
}

fn emulator() -> Emulator {
    Emulator::new(setup("2026-11-21"))
}

/// A call with good credentials for its path.
pub fn call(path: &str, body: &Value) -> Call {
    let header = match path.contains("/projects/") {
        true => ("authorization", "Bearer a-token"),
        false => ("x-goog-api-key", "a-key"),
    };
    Call::post(path, &[header], &body.to_string())
}

pub fn prompt(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})
}

pub fn with_config(config: Value) -> Value {
    let mut body = prompt("Paint an axolotl.");
    body["generationConfig"] = config;
    body
}

/// A picture of the fixtures: 64 × 48, grey.
pub fn edit() -> Value {
    let row: Value = serde_json::from_str(&data("sdk_requests/developer-edit.json")).unwrap();
    row["body"].clone()
}

pub fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body().expect("the connection holds")).expect("the body is JSON")
}

pub fn reading(reply: &Reply) -> Reading {
    assert_eq!(reply.status, 200, "{}", json_of(reply));
    read_response(&String::from_utf8(reply.body().unwrap()).unwrap()).unwrap()
}

#[track_caller]
pub fn check_refused(emulator: &Emulator, call: &Call, status: u16, message: &str) {
    let reply = emulator.handle(call);
    let body = json_of(&reply);
    assert_eq!(reply.status, status, "{body}");
    assert_eq!(body["error"]["code"], status);
    let found = body["error"]["message"].as_str().unwrap();
    assert!(found.contains(message), "{found}");
}

#[test]
fn each_backend_reports_in_its_own_way() {
    let emulator = emulator();
    let developer = emulator.handle(&call(DEVELOPER, &edit()));
    let body = json_of(&developer);
    let usage = &body["usageMetadata"];
    assert_eq!(usage["promptTokensDetails"][1], json!({"modality": "IMAGE", "tokenCount": 258}));
    assert_eq!(usage["candidatesTokensDetails"], json!([{"modality": "IMAGE", "tokenCount": 1120}]));
    assert!(usage["candidatesTokenCount"].as_u64() > Some(1120), "hidden text is in the count: {usage}");
    assert_eq!(usage["serviceTier"], "standard");
    assert_eq!((&usage["trafficType"], &body["createTime"]), (&Value::Null, &Value::Null));
    assert_eq!(body["candidates"][0]["index"], 0);
    assert!(developer.headers.iter().any(|(name, _)| name == "x-gemini-service-tier"));

    let vertex = emulator.handle(&call(VERTEX, &edit()));
    let body = json_of(&vertex);
    let usage = &body["usageMetadata"];
    assert_eq!(usage["promptTokensDetails"][1], json!({"modality": "IMAGE", "tokenCount": 560}));
    assert_eq!(usage["candidatesTokenCount"], 1120);
    assert_eq!(usage["trafficType"], "ON_DEMAND");
    assert_eq!(usage["serviceTier"], Value::Null);
    assert_eq!(body["candidates"][0]["content"]["parts"][0]["thought"], true);
    let text = |reply: &Reply| reading(reply).tokens[TokenClass::InputText];
    assert_eq!(text(&developer), text(&vertex) + 1, "the Developer API counts one token more");
}

#[test]
fn what_the_ledger_bills_is_what_the_answer_says() {
    let emulator = emulator();
    let library = shipped();
    for (path, at) in [(DEVELOPER, 0), (VERTEX, 1)] {
        let reply = emulator.handle(&call(path, &edit()));
        let read = reading(&reply);
        let entry = emulator.ledger().entries[at].clone();
        assert_eq!(read.tokens, entry.tokens);
        assert_eq!(read.anomalies.iter().filter(|odd| odd.hides_cost()).count(), 0);
        let rates = library.prices.prices(
            &burndown::model::Placement {
                model: "gemini-3-pro-image".into(),
                endpoint: burndown::model::Endpoint::of(if at == 0 {
                    Backend::Developer
                } else {
                    Backend::Vertex
                }),
                tier: burndown::model::Tier::Standard,
            },
            "2026-11-21".parse().unwrap(),
            read.tokens.prompt(),
        );
        let rates = rates.unwrap();
        let sum = read.tokens.iter().filter(|(_, tokens)| **tokens > 0);
        let sum: burndown::units::Usd =
            sum.map(|(class, tokens)| rates.rate(class).unwrap().cost_of_tokens(*tokens)).sum();
        assert_eq!(entry.usd, sum);
    }
}

#[test]
fn the_same_calls_give_the_same_bytes_and_another_seed_others() {
    let run = |seed: u64| {
        let emulator = Emulator::new(Setup { seed, ..setup("2026-11-21") });
        let mut replies = Vec::new();
        for path in [DEVELOPER, VERTEX, DEVELOPER] {
            replies.push(emulator.handle(&call(path, &edit())));
        }
        replies
    };
    let first = run(7);
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
    assert_ne!(first[0].pieces, first[2].pieces, "an equal request gets an answer of its own");
}

/// Over 3,000 requests of each kind the mean of every class lies within five standard errors of what
/// `expected` says.
#[test]
fn answers_average_to_what_is_expected() {
    let emulator = emulator();
    for (path, body) in [(DEVELOPER, prompt("A cup.")), (VERTEX, edit()), (DEVELOPER, edit())] {
        let call = call(path, &body);
        let expected = emulator.expected(&call).unwrap();
        let before = emulator.ledger().entries.len();
        (0..3000).for_each(|_| drop(emulator.handle(&call)));
        let ledger = emulator.ledger();
        let rows: Vec<f64> = ledger.entries[before..].iter().map(|row| row.usd.to_f64()).collect();
        for class in TokenClass::ALL {
            let values: Vec<f64> =
                ledger.entries[before..].iter().map(|row| row.tokens[*class] as f64).collect();
            let (mean, error) = mean_and_error(&values);
            let off = (mean - expected.tokens[*class]).abs();
            assert!(off <= 5.0 * error + 1e-9, "{class}: {mean} ± {error}, {}", expected.tokens[*class]);
        }
        let (mean, error) = mean_and_error(&rows);
        assert!((mean - ledger.entries[before].expected_usd.unwrap()).abs() <= 5.0 * error + 1e-12);
    }
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, (variance / values.len() as f64).sqrt())
}

#[test]
fn refusals_have_googles_words() {
    let emulator = emulator();
    let vertex = |body: &Value| call(VERTEX, body);
    let no_role = json!({"contents": [{"parts": [{"text": "Paint."}]}]});
    check_refused(&emulator, &vertex(&no_role), 400, "Please use a valid role: user, model.");
    assert_eq!(emulator.handle(&call(DEVELOPER, &no_role)).status, 200, "no role is needed there");
    let high = with_config(json!({"mediaResolution": "MEDIA_RESOLUTION_HIGH"}));
    let refusal = "Media resolution is not enabled for this model";
    check_refused(&emulator, &call(DEVELOPER, &high), 400, refusal);
    assert_eq!(emulator.handle(&vertex(&high)).status, 200);
    let misplaced = with_config(json!({"thinkingLevel": "HIGH"}));
    check_refused(
        &emulator,
        &vertex(&misplaced),
        400,
        "Unknown name \"thinkingLevel\" at 'generation_config'",
    );
    let ratio = with_config(json!({"imageConfig": {"aspectRatio": "5:1"}}));
    check_refused(
        &emulator,
        &vertex(&ratio),
        400,
        "Invalid value at 'generation_config.image_config.aspect_ratio'",
    );
    let small = with_config(json!({"imageConfig": {"imageSize": "2k"}}));
    check_refused(&emulator, &vertex(&small), 400, "image_size");
    let thinking = with_config(json!({"thinkingConfig": {"includeThoughts": true}}));
    let nb1 = VERTEX.replace("gemini-3-pro-image", "gemini-2.5-flash-image");
    check_refused(&emulator, &call(&nb1, &thinking), 400, "Thinking is not enabled for this model.");
    let level = with_config(json!({"thinking_config": {"thinking_level": "LOW"}}));
    let nb2 = VERTEX.replace("gemini-3-pro-image", "gemini-3.1-flash-image");
    check_refused(&emulator, &call(&nb2, &level), 400, "Allowed values are: minimal, high");
    check_refused(&emulator, &Call::post(VERTEX, &[], "{}"), 401, "missing required authentication");
    check_refused(&emulator, &Call::post(DEVELOPER, &[], "{}"), 403, "unregistered callers");
    check_refused(
        &emulator,
        &Call::post(DEVELOPER, &[("x-goog-api-key", "k")], "{"),
        400,
        "Invalid JSON payload",
    );
    assert_eq!(emulator.ledger().billed, 2, "refusals are free");
}

#[test]
fn models_live_and_die_by_the_book() {
    let nb1 = DEVELOPER.replace("gemini-3-pro-image", "gemini-2.5-flash-image");
    let body = prompt("A cup.");
    check_refused(&emulator(), &call(&nb1, &body), 404, "no longer available");
    let before = Emulator::new(setup("2026-09-30"));
    assert_eq!(before.handle(&call(&nb1, &body)).status, 200);
    let unknown = DEVELOPER.replace("gemini-3-pro-image", "gemini-9");
    check_refused(&emulator(), &call(&unknown, &body), 404, "is not found for API version v1beta");
    let nickname = DEVELOPER.replace("gemini-3-pro-image", "nano-banana-pro");
    check_refused(&emulator(), &call(&nickname, &body), 404, "is not found");
    let region = VERTEX.replace("/global/", "/us-central1/");
    check_refused(
        &emulator(),
        &call(&region, &body),
        404,
        "Publisher Model `projects/p1/locations/us-central1",
    );
}

#[test]
fn faults_strike_where_they_are_scripted_and_are_billed_as_they_say() {
    let faults = vec![
        Fault::at(&[1], FaultKind::Quota { retry_seconds: 11.5 }),
        Fault::at(&[2], FaultKind::FreeTier),
        Fault::at(&[3], FaultKind::Deadline { billed: true }),
        Fault::at(&[4], FaultKind::Dropped { after: 0.5.try_into().unwrap() }),
        Fault::at(&[5], FaultKind::Malformed),
        Fault::at(&[6], FaultKind::Images { images: 10 }),
        Fault::at(&[7], FaultKind::OverCap { times: 1.5 }),
        Fault::at(&[8], FaultKind::Blocked { reason: "IMAGE_SAFETY".into() }),
        Fault::at(&[9], FaultKind::Blocked { reason: "PROMPT:PROHIBITED_CONTENT".into() }),
    ];
    let emulator = Emulator::new(Setup { faults, ..setup("2026-11-21") });
    let body = with_config(json!({"maxOutputTokens": 4000}));
    let replies: Vec<Reply> = (0..10).map(|_| emulator.handle(&call(DEVELOPER, &body))).collect();
    let details = &json_of(&replies[0])["error"]["details"];
    assert_eq!(details[2]["retryDelay"], "11.5s");
    assert_eq!(details[1]["violations"][0]["quotaValue"], "1000000");
    let details = &json_of(&replies[1])["error"]["details"];
    assert_eq!(details[1]["violations"][0]["quotaValue"], "0");
    assert_eq!(replies[2].status, 504);
    assert_eq!(replies[3].body(), None);
    assert!(serde_json::from_slice::<Value>(&replies[4].body().unwrap()).is_err());
    assert_eq!(reading(&replies[5]).tokens[TokenClass::OutputImage], 11_200);
    assert_eq!(reading(&replies[5]).image_parts, 10);
    let over = reading(&replies[6]).tokens;
    let output: u64 = over.iter().filter(|(class, _)| !class.is_input()).map(|(_, tokens)| tokens).sum();
    assert!(output > 6000, "{output}");
    let blocked = reading(&replies[7]);
    assert_eq!((blocked.outcome, blocked.tokens[TokenClass::OutputImage]), (Outcome::Blocked, 0));
    assert!(blocked.tokens[TokenClass::OutputThinking] > 0);
    assert_eq!(reading(&replies[8]).outcome, Outcome::Blocked);
    assert_eq!(reading(&replies[9]).outcome, Outcome::Answered);
    let ledger = emulator.ledger();
    let billed: Vec<bool> = ledger.entries.iter().map(|entry| entry.tokens.total() > 0).collect();
    assert_eq!(billed, [false, false, true, true, true, true, true, true, true, true]);
}

#[test]
fn a_stream_ends_with_the_usage_of_the_whole() {
    for (path, alt) in [(DEVELOPER, "alt=sse"), (VERTEX, "alt=sse"), (VERTEX, "")] {
        let path = path.replace("generateContent", "streamGenerateContent");
        let mut call = call(&path, &edit());
        call.query = alt.into();
        let emulator = emulator();
        let reply = emulator.handle(&call);
        let text = String::from_utf8(reply.body().unwrap()).unwrap();
        assert_eq!(text.starts_with("data: {"), alt == "alt=sse");
        let read = read_response(&text).unwrap();
        assert_eq!(read.tokens, emulator.ledger().entries[0].tokens);
        assert_eq!(read.image_parts, 1);
        if path == VERTEX.replace("generateContent", "streamGenerateContent") {
            let first = text.split("usageMetadata\":").nth(1).unwrap();
            assert!(first.starts_with("{\"trafficType\":\"ON_DEMAND\"}"), "{}", &first[..60]);
        }
    }
}

#[test]
fn every_recorded_request_of_the_sdk_is_taken_or_refused_as_expected() {
    let folder = format!("{}/tests/data/sdk_requests", env!("CARGO_MANIFEST_DIR"));
    let mut refused = Vec::new();
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let row: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let headers = row["headers"].as_object().unwrap();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let mut call = Call::post(row["path"].as_str().unwrap(), &headers, &row["body"].to_string());
        call.query = row["query"].as_str().unwrap().to_string();
        let reply = emulator().handle(&call);
        count += 1;
        if reply.status != 200 {
            refused.push(format!("{}-{}", row["backend"].as_str().unwrap(), row["call"].as_str().unwrap()));
        }
    }
    refused.sort();
    assert!(count > 25, "{count} requests");
    // The first is refused for image models, the second is no field of v1.
    assert_eq!(refused, ["developer-media_resolution_config", "developer-media_resolution_part"]);
}

/// The files that the documentation shows.
#[test]
fn the_files_in_the_documentation_are_read() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/emulate.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [behaviour, faults] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    let source = |text: &str| SourceText { name: "docs/emulate.md".into(), text: text.into() };
    assert_eq!(Behaviour::parse(&source(behaviour)).unwrap().models.len(), 1);
    assert_eq!(parse_faults(&source(faults)).unwrap().len(), 3);
    // Every kind stands in the table.
    let kinds = "429 429_retry_info 429_free_tier 401 403_api_disabled 500 503 504 delay dropped reset truncated \
                 malformed huge slow_loris redirect html no_usage images over_cap blocked downgraded";
    for kind in kinds.split_whitespace() {
        assert!(page.contains(&format!("`{kind}`")), "{kind} is not documented");
        let one = format!("schema = \"burndown.faults/1\"\n[[fault]]\nkind = \"{kind}\"\n");
        assert_eq!(parse_faults(&source(&one)).unwrap()[0].kind.as_str(), kind);
    }
}

/// Calls that differ do not disturb each other: their order does not matter.
#[test]
fn the_order_of_different_calls_does_not_matter() {
    let calls: Vec<Call> = (0..40).map(|at| call(DEVELOPER, &prompt(&format!("Picture {at}.")))).collect();
    let [forwards, backwards] = [emulator(), emulator()];
    let first: Vec<Reply> = calls.iter().map(|call| forwards.handle(call)).collect();
    let mut last: Vec<Reply> = calls.iter().rev().map(|call| backwards.handle(call)).collect();
    last.reverse();
    for (a, b) in first.iter().zip(&last) {
        assert_eq!(a.pieces, b.pieces);
    }
}

/// 4,000 damaged requests: each gets a well-formed answer, none a panic.
#[test]
fn damaged_requests_are_answered_in_good_order() {
    let mut random = generator(5, 0);
    let emulator = emulator();
    let bodies = [edit(), with_config(json!({"imageConfig": {"imageSize": "2K"}, "thinkingConfig": {}}))];
    let mut answered = 0;
    for round in 0..4000 {
        let mut bytes = bodies[round % 2].to_string().into_bytes();
        for _ in 0..random.random_range(0..4) {
            if bytes.is_empty() {
                break;
            }
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..3) {
                0 => bytes[at] = random.random(),
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let path =
            [DEVELOPER, VERTEX, &DEVELOPER.replace("generate", "streamGenerate")][round % 3].to_string();
        let mut call = call(&path, &Value::Null);
        call.body = bytes;
        let reply = emulator.handle(&call);
        assert!([200, 400].contains(&reply.status), "{}", reply.status);
        serde_json::from_slice::<Value>(&reply.body().unwrap()).unwrap();
        answered += u64::from(reply.status == 200);
    }
    assert!((500..3500).contains(&answered), "{answered} were still understood");
    assert_eq!(emulator.ledger().billed, answered);
}
