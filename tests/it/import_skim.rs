//! The walk without a tree against full parsers: on logs of every layout, and on lines that were broken on purpose.

use std::fs;

use burndown::{
    import::{Collected, Settings},
    stats::generator,
    usage::Metric,
};
use rand::Rng;
use serde_json::{Value, json};

use crate::{import::collect, import_log::synthetic_log};

/// Read without a tree where that is possible.
fn quickly(text: &[u8], settings: &Settings) -> Collected {
    collect(&[("log", text)], &Settings { keep: 0, ..settings.clone() }).unwrap()
}

/// Read whole, since single rows are kept.
fn whole(text: &[u8], settings: &Settings) -> Collected {
    collect(&[("log", text)], &Settings { keep: u64::MAX, ..settings.clone() }).unwrap()
}

#[track_caller]
fn check(text: &[u8], settings: &Settings) {
    let (quick, slow) = (quickly(text, settings), whole(text, settings));
    let shown = || String::from_utf8_lossy(&text[..text.len().min(3_000)]);
    assert_eq!((quick.rows, &quick.left_out), (slow.rows, &slow.left_out), "{}", shown());
    assert!(quick.aggregates == slow.aggregates, "{}", shown());
}

/// The same answers as rows of the request log, as bare bodies, as batch output, with long texts and pictures.
fn every_layout(rows: u64, seed: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, line) in synthetic_log(rows, seed).lines().enumerate() {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let mut response = match &row["full_response"] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            body => body.clone(),
        };
        if at % 4 == 0 {
            response["responseId"] = format!("id-{at}").into();
        }
        if at % 5 == 0 && response.get("candidates").is_some() {
            let text = "A long \"text\"\nwith é, \\ and {\"usageMetadata\":{}}. ".repeat(40);
            response["candidates"][0]["content"]["parts"][0]["text"] = text.into();
        }
        if at % 7 == 0 && response.get("candidates").is_some() {
            let part = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo".repeat(400)}});
            response["candidates"][0]["content"]["parts"].as_array_mut().unwrap().push(part);
        }
        if at % 3 == 0 {
            response["createTime"] = "2026-11-20T10:00:00.123456Z".into();
        }
        row["full_response"] =
            if row["full_response"].is_string() { response.to_string().into() } else { response.clone() };
        if row["full_response"].is_string() {
            row["full_request"] = row["full_request"].to_string().into();
            row["metadata"] = row["metadata"].to_string().into();
        }
        lines.push(row.to_string());
        lines.push(json!({"request": row["full_request"], "response": response, "status": ""}).to_string());
        lines.push(response.to_string());
    }
    lines
}

fn routed(by: &str) -> Settings {
    Settings { route_by: by.parse().unwrap(), ..Settings::default() }
}

#[test]
fn logs_of_every_layout_are_read_alike_with_and_without_a_tree() {
    let log = every_layout(400, 21).join("\n");
    let routes = ["labels.team-feature", "labels.feature", "model", "size", "request_id", "modelVersion"];
    check(log.as_bytes(), &Settings::default());
    for by in routes {
        check(log.as_bytes(), &routed(by));
    }
}

/// Every recorded body, whole and without what tells who answered; bare, as a row of batch output and as a row of
/// the request log: who answered, and what it took, does not depend on who reads it.
#[test]
fn recorded_bodies_are_read_alike_in_every_row_that_holds_them() {
    let mut seen = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/responses")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let Ok(Value::Object(body)) = serde_json::from_str(&text) else { continue };
        for left_out in
            [&[][..], &["trafficType"], &["trafficType", "createTime"], &["trafficType", "serviceTier"]]
        {
            let mut body = body.clone();
            body.retain(|key, _| !left_out.contains(&key.as_str()));
            if let Some(Value::Object(usage)) = body.get_mut("usageMetadata") {
                usage.retain(|key, _| !left_out.contains(&key.as_str()));
            }
            let rows = [
                Value::Object(body.clone()),
                json!({"request": {"contents": []}, "status": "", "response": body}),
                json!({"logging_time": "2026-11-20T10:00:00Z", "full_request": {"contents": []},
                    "model": "publishers/google/models/gemini-3-pro-image", "full_response": body}),
            ];
            for row in rows {
                check(row.to_string().as_bytes(), &Settings::default());
                seen += 1;
            }
        }
    }
    assert!(seen >= 400, "{seen}");
}

/// A count as a full parse of the line tells it.
fn count(usage: &Value, name: &str) -> Option<u64> {
    match &usage[name] {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    }
}

/// Sums over a whole log, by a plain parse of each line into `serde_json::Value` and nothing of ours.
#[test]
fn sums_are_those_of_a_full_parse() {
    let lines = every_layout(500, 22);
    let names = [
        ("promptTokenCount", Metric::Prompt),
        ("candidatesTokenCount", Metric::Candidates),
        ("totalTokenCount", Metric::Total),
        ("cachedContentTokenCount", Metric::Cached),
    ];
    let mut expected = [(0_u64, 0_u128); 4];
    let mut seen = std::collections::HashSet::new();
    for line in &lines {
        let row: Value = serde_json::from_str(line).unwrap();
        let body = row.get("full_response").or_else(|| row.get("response")).unwrap_or(&row);
        let body = match body {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            body => body.clone(),
        };
        // The same response stands in three layouts, and counts once where it has an id.
        if body["responseId"].is_string() && !seen.insert(body["responseId"].to_string()) {
            continue;
        }
        for ((name, _), (n, sum)) in names.iter().zip(&mut expected) {
            if let Some(tokens) = count(&body["usageMetadata"], name) {
                (*n, *sum) = (*n + 1, *sum + u128::from(tokens));
            }
        }
    }
    let text = lines.join("\n");
    for found in
        [quickly(text.as_bytes(), &Settings::default()), whole(text.as_bytes(), &Settings::default())]
    {
        let sums = names.map(|(_, metric)| {
            let cells = found.aggregates.cells.values().map(|cell| cell.metric(metric));
            cells.fold((0, 0), |(n, sum), metric| (n + metric.n(), sum + metric.sum()))
        });
        assert_eq!(sums, expected);
    }
}

/// One line, changed in one to three places.
fn broken(dice: &mut rand_pcg::Pcg64, line: &str) -> Vec<u8> {
    let mut bytes = line.as_bytes().to_vec();
    const INSERTED: &[u8] = b"{}[],:\"\\ 01-.eEntu_\xff\x01";
    const WRITTEN: &[u8] = b"{}[],:\"\\ 90-.eEntu_\xc3\x7f";
    let mut roll = |below: usize| dice.next_u64() as usize % below.max(1);
    for _ in 0..=roll(3) {
        let at = roll(bytes.len());
        match roll(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.remove(at.min(bytes.len().saturating_sub(1)))),
            2 | 3 => bytes.insert(at, INSERTED[roll(INSERTED.len())]),
            4 => {
                let end = (at + roll(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes[at] = WRITTEN[roll(WRITTEN.len())],
        }
        bytes.retain(|byte| *byte != b'\n');
        if bytes.len() < 2 {
            bytes = b"{}".to_vec();
        }
    }
    bytes
}

#[test]
fn broken_lines_are_read_alike_and_refused_where_a_full_parser_refuses_them() {
    let rounds = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 200_000 } else { 6_000 };
    let lines = every_layout(100, 23);
    let settings = routed("labels.team-feature");
    let mut dice = generator(24, 0);
    let (mut refused, mut counted) = (0, 0);
    for round in 0..rounds {
        let line = broken(&mut dice, &lines[round % lines.len()]);
        check(&line, &settings);
        // Long texts are passed over, and what is broken within them is nobody's business.
        let text = String::from_utf8_lossy(&line);
        let has_long_strings = line.len() > 2_500 || text.contains("\\\"role") || text.contains("\\\"parts");
        let found = quickly(&line, &settings);
        let parsed = serde_json::from_slice::<Value>(&line);
        if parsed.is_err() && !has_long_strings && line.starts_with(b"{") {
            // Several values may stand on one line, and those before the break count.
            assert!(!found.left_out.is_empty(), "{}", String::from_utf8_lossy(&line));
            refused += 1;
        }
        counted += found.aggregates.attempts();
    }
    assert!(refused > rounds / 4 && counted > rounds as u64 / 10, "{refused} {counted}");
}
