//! A made-up log of Vertex AI's request-response logging: seeded, with everything that real ones surprise with.

use std::fmt::Write;

use burndown::stats::generator;
use rand::Rng;
use serde_json::{Value, json};

/// Numbers of one row.
struct Dice(rand_pcg::Pcg64);

impl Dice {
    /// 0 to `below` - 1.
    fn roll(&mut self, below: u64) -> u64 {
        self.0.next_u64() % below
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len() as u64) as usize]
    }
}

/// Rows of a log as JSON lines, one a minute or so.
pub fn synthetic_log(rows: u64, seed: u64) -> String {
    synthetic_shard(rows, seed, 0)
}

/// The same, its rows numbered from `first` on.
pub fn synthetic_shard(rows: u64, seed: u64, first: u64) -> String {
    let mut dice = Dice(generator(seed, 0));
    let mut text = String::new();
    let mut second = 1_795_132_800;
    for at in first..first + rows {
        second += dice.roll(120);
        let time = format!("{}", jiff::Timestamp::from_second(second as i64).unwrap());
        let mut row = row(&mut dice, at);
        row["logging_time"] = time.trim_end_matches('Z').replace('T', " ").into();
        writeln!(text, "{row}").unwrap();
    }
    text
}

fn row(dice: &mut Dice, at: u64) -> Value {
    let model = *dice.pick(&["gemini-3-pro-image", "gemini-3.1-flash-image", "gemini-3.5-flash"]);
    let images_in = *dice.pick(&[0, 0, 1, 1, 3]);
    let size = *dice.pick(&["1K", "2K", "4K", "weird", ""]);
    let mut parts = vec![json!({"text": "Make \"it\" nice\n{\"mimeType\":\"image/no\"} é"})];
    for _ in 0..images_in {
        parts.push(json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAANSUhEUgAABYAAAAMACAIAAAA"}}));
    }
    let mut request = json!({"contents": [{"role": "user", "parts": parts}], "generationConfig": {}});
    if !size.is_empty() {
        request["generationConfig"]["imageConfig"] =
            json!({"imageSize": size, "imageOutputOptions": {"mimeType": "image/png"}});
    }
    if let Some(label) = [Some("search"), Some("cart"), None][dice.roll(3) as usize] {
        request["labels"] = json!({"feature": label, "team-feature": label});
    }
    let response = response(dice, model, images_in);
    let as_text = dice.roll(2) == 0;
    json!({
        "endpoint": *dice.pick(&["projects/p/locations/us-central1/publishers/google/models/x", "projects/p/locations/global/x", ""]),
        "model": format!("publishers/google/models/{model}"),
        "api_method": "GenerateContent",
        "request_id": at.to_string(),
        "metadata": {"request_latency": dice.roll(90_000) as f64 / 3.0},
        "full_request": request,
        "full_response": if as_text { Value::String(response.to_string()) } else { response },
    })
}

fn response(dice: &mut Dice, model: &str, images_in: u64) -> Value {
    match dice.roll(20) {
        0 => return json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}}),
        1 => {
            return json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9, "trafficType": "ON_DEMAND"}});
        }
        _ => {}
    }
    let makes = model != "gemini-3.5-flash";
    let images = if makes { *dice.pick(&[1, 1, 1, 2, 4]) } else { 0 };
    let (text, thoughts) = (dice.roll(400) + 20 * images, dice.roll(2_000));
    let prompt = 10 + dice.roll(3_000) + 560 * images_in;
    let candidates = 1120 * images + text;
    let mut usage = json!({
        "promptTokenCount": prompt,
        "candidatesTokenCount": candidates,
        "trafficType": *dice.pick(&["ON_DEMAND", "ON_DEMAND", "PROVISIONED_THROUGHPUT", "ON_DEMAND_PRIORITY"]),
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt - 560 * images_in}, {"modality": "IMAGE", "tokenCount": 560 * images_in}],
    });
    if images > 0 {
        usage["candidatesTokensDetails"] = json!([{"modality": "TEXT", "tokenCount": text}, {"modality": "IMAGE", "tokenCount": 1120 * images}]);
    }
    if dice.roll(10) == 0 {
        usage["cachedContentTokenCount"] = json!(dice.roll(9));
    }
    match dice.roll(3) {
        0 => usage["totalTokenCount"] = json!(prompt + candidates),
        1 => {
            usage["thoughtsTokenCount"] = json!(thoughts.to_string());
            usage["totalTokenCount"] = json!(prompt + candidates + thoughts);
        }
        _ => usage["thoughtsTokenCount"] = json!(thoughts),
    }
    let mut parts = vec![json!({"text": "Here \\ it \"is\""})];
    for _ in 0..images {
        parts.push(json!({"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4AAQ"}}));
    }
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": *dice.pick(&["STOP", "STOP", "MAX_TOKENS"])}],
        "usageMetadata": usage,
        "modelVersion": model,
    })
}
