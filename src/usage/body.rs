//! From a response body (or a captured stream of chunks) to counts, and what the body tells of its origin.

mod fields;
mod told;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use self::{
    fields::{get, is_snake_of},
    told::{backend_told, says_candidates, tier_told},
};
use super::law::{Anomaly, Counts, classes_of};
use crate::{
    calendar::Day,
    diagnostics::{VALUES_MAX, from_json, too_many_values},
    model::{Backend, ByClass, Tier},
};

/// What one response says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reading {
    /// Exclusive token classes.
    pub tokens: ByClass<u64>,
    /// The counts as reported.
    pub counts: Counts,
    /// What was odd.
    pub anomalies: Vec<Anomaly>,
    /// Model id as reported in `modelVersion` (or `model`).
    pub model: Option<String>,
    /// Who answered.
    pub backend: Option<Told<Backend>>,
    /// How it is paid.
    pub tier: Option<Told<Tier>>,
    /// Day of the answer in UTC.
    pub day: Option<Day>,
    /// Images in the answer.
    pub image_parts: u64,
    /// Of these, flagged as thoughts.
    pub thought_image_parts: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// `finishReason` or `blockReason` as reported.
    pub finish_reason: Option<String>,
}

/// Something the body tells, and by what.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Told<T> {
    /// What it tells.
    pub value: T,
    /// By which field.
    pub by: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// With content.
    Answered,
    /// HTTP 200 without what was asked: blocked prompt, blocked image, refusal.
    Blocked,
}

/// Why a text is not a response.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotAResponse {
    /// Neither JSON nor server-sent events.
    #[error(
        "not JSON: {0}\n\nhint: one answer is read, as generateContent or a stream of it sends it; `burndown import` reads many"
    )]
    NotJson(String),
    /// An error body.
    #[error("this is an error answer, not a response: {code} {status}: {message}")]
    ErrorAnswer {
        /// HTTP status.
        code: i64,
        /// Google's status word.
        status: String,
        /// Its message.
        message: String,
    },
    /// JSON, but nothing in it looks like a response.
    #[error(
        "no `usageMetadata`, `candidates` or `promptFeedback` in this JSON; expected the body of generateContent (or a stream of its chunks)"
    )]
    NoUsage,
}

/// Reads one response of either backend: a body, a `{request, response}` row, a JSON array of stream
/// chunks, or server-sent events; camelCase as sent, or snake_case as the Python SDK dumps it.
///
/// # Errors
///
/// When the text is not JSON, is an error answer, or holds nothing like a response.
///
/// ```
/// # use burndown::{usage::read_response, model::TokenClass};
/// let body = r#"{"modelVersion": "gemini-3-pro-image", "usageMetadata": {"promptTokenCount": 326,
///     "candidatesTokenCount": 2340, "thoughtsTokenCount": 337, "totalTokenCount": 3003,
///     "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 2000}]}}"#;
/// let reading = read_response(body).unwrap();
/// assert_eq!(reading.tokens[TokenClass::OutputText], 340);
/// assert_eq!(reading.tokens[TokenClass::OutputImage], 2000);
/// ```
pub fn read_response(text: &str) -> Result<Reading, NotAResponse> {
    Ok(reading_of(&answered(values_of(text)?)?))
}

/// The same from parsed JSON (one body, or the chunks of a stream in order), with the usage object as reported.
///
/// # Errors
///
/// When it is an error answer, or holds nothing like a response.
pub fn read_chunks(values: Vec<Value>) -> Result<(Reading, Option<Map<String, Value>>), NotAResponse> {
    let chunks = answered(values)?;
    let usage =
        last_usage(&chunks).map(|(UsageFields::Generate(map) | UsageFields::Interaction(map))| map.clone());
    Ok((reading_of(&chunks), usage))
}

/// The chunks of what is an answer.
fn answered(values: Vec<Value>) -> Result<Vec<Map<String, Value>>, NotAResponse> {
    let chunks = chunks_of(values);
    if let Some(error) = chunks.iter().find_map(|chunk| get(chunk, "error")?.as_object()) {
        return Err(error_answer(error));
    }
    let known = ["usageMetadata", "candidates", "promptFeedback", "usage"];
    let says = |chunk: &Map<String, Value>| known.iter().any(|key| get(chunk, key).is_some());
    if chunks.iter().any(says) { Ok(chunks) } else { Err(NotAResponse::NoUsage) }
}

/// The JSON of a text: one body, or the events of a stream in order.
fn values_of(text: &str) -> Result<Vec<Value>, NotAResponse> {
    if let Some(found) = too_many_values(text.as_bytes()) {
        return Err(NotAResponse::NotJson(format!("{found} values, at most {VALUES_MAX} are read")));
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with("data:") || text.contains("\ndata:") {
        let events =
            text.lines().enumerate().filter_map(|(at, line)| Some((at, line.trim().strip_prefix("data:")?)));
        let events = events.map(|(at, data)| (at, data.trim()));
        let events = events.filter(|(_, data)| !data.is_empty() && *data != "[DONE]");
        let parsed = events.map(|(at, data)| {
            from_json(data)
                .map_err(|problem| NotAResponse::NotJson(format!("event at line {}: {problem}", at + 1)))
        });
        parsed.collect()
    } else {
        let parsed = from_json(text).map(|value| vec![value]);
        parsed.map_err(|problem| NotAResponse::NotJson(problem.to_string()))
    }
}

/// The objects among them, bare of wrappers.
fn chunks_of(values: Vec<Value>) -> Vec<Map<String, Value>> {
    let flat = values.into_iter().flat_map(|value| match value {
        Value::Array(items) => items,
        other => vec![other],
    });
    let objects = flat.filter_map(|value| match value {
        Value::Object(object) => Some(with_usage_key(unwrapped(object))),
        _ => None,
    });
    objects.collect()
}

/// A dump of the usage object alone gets the key it had in the body.
fn with_usage_key(object: Map<String, Value>) -> Map<String, Value> {
    let is_usage = get(&object, "usageMetadata").is_none()
        && ["promptTokenCount", "totalTokenCount"].iter().any(|key| get(&object, key).is_some());
    if !is_usage {
        return object;
    }
    let mut body = Map::new();
    body.insert("usageMetadata".into(), Value::Object(object));
    body
}

/// The response inside a batch row (`{request, response}`) or an SDK wrapper.
fn unwrapped(mut object: Map<String, Value>) -> Map<String, Value> {
    match object.remove("response") {
        Some(Value::Object(inner)) => inner,
        Some(other) => {
            object.insert("response".into(), other);
            object
        }
        None => object,
    }
}

fn error_answer(error: &Map<String, Value>) -> NotAResponse {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or("").to_string();
    NotAResponse::ErrorAnswer {
        code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
        status: text("status"),
        message: text("message"),
    }
}

fn reading_of(chunks: &[Map<String, Value>]) -> Reading {
    let mut odd = Vec::new();
    let usage = last_usage(chunks);
    let counts = match usage {
        Some(UsageFields::Generate(fields) | UsageFields::Interaction(fields)) => {
            usage_counts(fields, &mut odd)
        }
        None => {
            odd.push(Anomaly::UsageAbsent);
            Counts::default()
        }
    };
    let (image_parts, thought_image_parts) = count_images(chunks);
    let (tokens, mut anomalies) =
        if usage.is_some() { classes_of(&counts, image_parts) } else { Default::default() };
    anomalies.append(&mut odd);
    if image_parts > 1 {
        anomalies.push(several_images(image_parts, thought_image_parts, &counts));
    }
    let tier = tier_told(chunks, &mut anomalies);
    let finish_reason = finish_reason(chunks);
    Reading {
        tokens,
        anomalies,
        model: text_of(chunks, "modelVersion").or_else(|| text_of(chunks, "model")),
        backend: backend_told(chunks, usage),
        tier,
        day: ["createTime", "updated", "created"]
            .iter()
            .find_map(|name| text_of(chunks, name))
            .and_then(|stamp| Day::of_timestamp(&stamp)),
        image_parts,
        thought_image_parts,
        outcome: outcome(chunks, finish_reason.as_deref(), image_parts),
        finish_reason,
        counts,
    }
}

/// The counts of a usage object in either spelling.
pub(super) fn usage_counts(usage: &Map<String, Value>, odd: &mut Vec<Anomaly>) -> Counts {
    if get(usage, "totalInputTokens").is_some() {
        interaction_counts(usage, odd)
    } else {
        generate_counts(usage, odd)
    }
}

/// The two spellings of usage.
#[derive(Clone, Copy)]
enum UsageFields<'a> {
    /// `usageMetadata` of generateContent.
    Generate(&'a Map<String, Value>),
    /// `usage` of the Interactions API.
    Interaction(&'a Map<String, Value>),
}

/// The last chunk that carries counts: usage of a stream is cumulative, and early chunks of Vertex
/// carry the traffic type alone.
fn last_usage(chunks: &[Map<String, Value>]) -> Option<UsageFields<'_>> {
    let fields = |chunk| {
        let generate = get(chunk, "usageMetadata").and_then(Value::as_object).map(UsageFields::Generate);
        let interaction = || {
            let usage = get(chunk, "usage").and_then(Value::as_object);
            usage.filter(|usage| get(usage, "totalInputTokens").is_some()).map(UsageFields::Interaction)
        };
        generate.or_else(interaction)
    };
    let all: Vec<UsageFields> = chunks.iter().filter_map(fields).collect();
    let counts_something = |fields: &&UsageFields| {
        let (UsageFields::Generate(map) | UsageFields::Interaction(map)) = fields;
        let of_tokens = |key: &str| key.contains("token") || key.contains("Token");
        map.iter().any(|(key, value)| of_tokens(key) && !value.is_null())
    };
    all.iter().rev().find(counts_something).or(all.last()).copied()
}

/// Usage fields of generateContent that are understood.
const GENERATE_FIELDS: &[&str] = &[
    "promptTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
    "toolUsePromptTokenCount",
    "promptTokensDetails",
    "candidatesTokensDetails",
    "cacheTokensDetails",
    "toolUsePromptTokensDetails",
    "trafficType",
    "serviceTier",
    "billablePromptUsage",
];

fn generate_counts(fields: &Map<String, Value>, odd: &mut Vec<Anomaly>) -> Counts {
    note_unknown_fields(fields, GENERATE_FIELDS, odd);
    Counts {
        prompt: count(fields, "promptTokenCount", odd),
        prompt_details: details(fields, "promptTokensDetails", odd),
        cached: count(fields, "cachedContentTokenCount", odd),
        cached_details: details(fields, "cacheTokensDetails", odd),
        tool_use: count(fields, "toolUsePromptTokenCount", odd),
        candidates: count(fields, "candidatesTokenCount", odd),
        candidates_details: details(fields, "candidatesTokensDetails", odd),
        thoughts: count(fields, "thoughtsTokenCount", odd),
        total: count(fields, "totalTokenCount", odd),
    }
}

/// Usage fields of the Interactions API that are understood.
const INTERACTION_FIELDS: &[&str] = &[
    "totalInputTokens",
    "inputTokensByModality",
    "totalCachedTokens",
    "cachedTokensByModality",
    "totalToolUseTokens",
    "toolUseTokensByModality",
    "totalOutputTokens",
    "outputTokensByModality",
    "totalThoughtTokens",
    "totalReasoningTokens",
    "totalTokens",
];

fn interaction_counts(fields: &Map<String, Value>, odd: &mut Vec<Anomaly>) -> Counts {
    note_unknown_fields(fields, INTERACTION_FIELDS, odd);
    Counts {
        prompt: count(fields, "totalInputTokens", odd),
        prompt_details: details(fields, "inputTokensByModality", odd),
        cached: count(fields, "totalCachedTokens", odd),
        cached_details: details(fields, "cachedTokensByModality", odd),
        tool_use: count(fields, "totalToolUseTokens", odd),
        candidates: count(fields, "totalOutputTokens", odd),
        candidates_details: details(fields, "outputTokensByModality", odd),
        thoughts: count(fields, "totalThoughtTokens", odd)
            .or_else(|| count(fields, "totalReasoningTokens", odd)),
        total: count(fields, "totalTokens", odd),
    }
}

fn note_unknown_fields(fields: &Map<String, Value>, known: &[&str], odd: &mut Vec<Anomaly>) {
    for (field, value) in fields {
        let is_known = known.iter().any(|name| name == field || is_snake_of(field, name));
        if !is_known && !value.is_null() {
            odd.push(Anomaly::UnknownField { field: field.clone() });
        }
    }
}

/// A count; a number written as a string is a number.
fn count(fields: &Map<String, Value>, name: &str, odd: &mut Vec<Anomaly>) -> Option<u64> {
    let value = get(fields, name).filter(|value| !value.is_null())?;
    let number = as_count(value);
    if number.is_none() {
        odd.push(Anomaly::NotACount { field: name.into(), value: shortened(value) });
    }
    number
}

/// Token counts above this are not believed; the largest context is 1,048,576.
const COUNT_MAX: u64 = 1_000_000_000_000;

fn as_count(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().or_else(|| {
            other
                .as_f64()
                .filter(|number| *number >= 0.0 && number.fract() == 0.0)
                .map(|number| number as u64)
        }),
    };
    number.filter(|number| *number <= COUNT_MAX)
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

/// Entries of a list of details that are read; backends send one for each modality.
const DETAILS_MAX: usize = 10_000;

/// `[{"modality": "IMAGE", "tokenCount": 1120}]`; the Interactions API says `tokens` and `image`.
fn details(fields: &Map<String, Value>, name: &str, odd: &mut Vec<Anomaly>) -> Vec<(String, u64)> {
    let Some(entries) = get(fields, name).and_then(Value::as_array) else { return Vec::new() };
    let mut list = Vec::new();
    for entry in entries.iter().filter_map(Value::as_object).take(DETAILS_MAX) {
        let modality = entry.get("modality").and_then(Value::as_str).unwrap_or("unnamed");
        // Python prints enums as `MediaModality.IMAGE`.
        let modality = modality.rsplit('.').next().unwrap_or(modality).to_uppercase();
        let key = if get(entry, "tokenCount").is_some() { "tokenCount" } else { "tokens" };
        if let Some(tokens) = count(entry, key, odd) {
            list.push((modality, tokens));
        }
    }
    list
}

fn several_images(parts: u64, flagged: u64, counts: &Counts) -> Anomaly {
    let images = counts.candidates_details.iter().filter(|(modality, _)| modality == "IMAGE");
    let tokens: u64 = images.map(|(_, tokens)| tokens).sum();
    let covered = match tokens {
        0 => "none of them".to_string(),
        tokens if tokens % parts == 0 && tokens / parts >= 500 => {
            format!("all of them ({parts} × {})", tokens / parts)
        }
        tokens => format!("{tokens} tokens, not {parts} equal images"),
    };
    Anomaly::SeveralImages { parts, flagged, covered }
}

fn candidates<'a>(chunks: &'a [Map<String, Value>]) -> impl Iterator<Item = &'a Map<String, Value>> + 'a {
    let lists = chunks.iter().filter_map(|chunk| get(chunk, "candidates").and_then(Value::as_array));
    lists.flatten().filter_map(Value::as_object)
}

fn parts<'a>(chunks: &'a [Map<String, Value>]) -> impl Iterator<Item = &'a Map<String, Value>> + 'a {
    let contents = candidates(chunks).filter_map(|candidate| get(candidate, "content"));
    let lists = contents.filter_map(|content| content.get("parts").and_then(Value::as_array));
    lists.flatten().filter_map(Value::as_object)
}

/// Images in the answer, and how many of them are flagged as thoughts.
fn count_images(chunks: &[Map<String, Value>]) -> (u64, u64) {
    let is_image = |part: &&Map<String, Value>| {
        let data = get(part, "inlineData").or_else(|| get(part, "fileData")).and_then(Value::as_object);
        let mime = data.and_then(|data| get(data, "mimeType")).and_then(Value::as_str);
        mime.is_some_and(|mime| mime.starts_with("image/"))
    };
    let flagged = |part: &&Map<String, Value>| part.get("thought").and_then(Value::as_bool) == Some(true);
    let images: Vec<&Map<String, Value>> = parts(chunks).filter(is_image).collect();
    (images.len() as u64, images.iter().copied().filter(flagged).count() as u64)
}

fn finish_reason(chunks: &[Map<String, Value>]) -> Option<String> {
    let word = |value: &Value| value.as_str().map(|text| text.rsplit('.').next().unwrap_or(text).to_string());
    let finish =
        candidates(chunks).filter_map(|candidate| get(candidate, "finishReason").and_then(word)).last();
    let blocked = || {
        let feedback = chunks.iter().filter_map(|chunk| get(chunk, "promptFeedback")?.as_object());
        feedback.filter_map(|feedback| get(feedback, "blockReason").and_then(word)).next_back()
    };
    finish.or_else(blocked)
}

/// Blocked: a reason that is neither a normal end nor the token limit, or nothing came back at all.
fn outcome(chunks: &[Map<String, Value>], finish_reason: Option<&str>, image_parts: u64) -> Outcome {
    let has_content = image_parts > 0 || parts(chunks).next().is_some();
    match finish_reason {
        Some("STOP" | "MAX_TOKENS" | "FINISH_REASON_UNSPECIFIED") => Outcome::Answered,
        Some(_) => Outcome::Blocked,
        None if has_content || chunks.iter().any(|chunk| get(chunk, "usage").is_some()) => Outcome::Answered,
        // A dump of the usage alone says nothing of the content.
        None if !chunks
            .iter()
            .any(|chunk| chunk.contains_key("candidates") || chunk.contains_key("promptFeedback"))
            && last_usage(chunks).is_some_and(says_candidates) =>
        {
            Outcome::Answered
        }
        None => Outcome::Blocked,
    }
}

/// A text field of the body, from the last chunk that has it.
fn text_of(chunks: &[Map<String, Value>], name: &str) -> Option<String> {
    chunks.iter().rev().filter_map(|chunk| get(chunk, name)?.as_str().map(str::to_string)).next()
}
