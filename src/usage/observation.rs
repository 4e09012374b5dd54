//! One attempt's measurements, as a JSON line, and the CSV of published usage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    body::usage_counts,
    law::{Anomaly, Counts, classes_of},
};
use crate::{
    diagnostics::{csv_problem, from_json},
    model::{Backend, ByClass, ImageSize, MediaResolution, Pixels, ThinkingLevel},
};

/// Version of the line format.
pub const OBSERVATION_SCHEMA: &str = "burndown.observation/1";

/// One attempt: what was asked, what came back, what was counted. Never the prompt, the picture or a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// [`OBSERVATION_SCHEMA`].
    #[schemars(extend("const" = "burndown.observation/1"))]
    pub schema: String,
    /// Day or time of the answer, as precise as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Who answered; `None` when the record does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Vertex location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Model as asked for; empty when the record does not tell.
    pub model: String,
    /// What was asked.
    #[serde(default)]
    pub shape: ObservedShape,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// As reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The usage object as reported: absent stays absent, unknown fields are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Map<String, Value>>,
    /// Images in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_parts: Option<u64>,
    /// Size of the last image, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_pixels: Option<String>,
    /// Bytes of the answer's images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_bytes: Option<u64>,
    /// MIME type of the answer's images, `image/png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_mime: Option<String>,
    /// From sending to the last byte, or the server's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_seconds: Option<f64>,
    /// Counted from 1 within a request.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// Which prompt, without its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<String>,
    /// How the record is to be taken.
    pub kind: RecordKind,
    /// Where it was published, when it is not our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A measured observation of which nothing is told yet.
pub const NOT_TOLD: Observation = Observation {
    schema: String::new(),
    at: None,
    backend: None,
    location: None,
    model: String::new(),
    shape: ObservedShape {
        input_images: None,
        input_pixels: Vec::new(),
        output_size: None,
        thinking_level: None,
        media_resolution: None,
    },
    status: None,
    finish_reason: None,
    usage: None,
    image_parts: None,
    received_pixels: None,
    image_bytes: None,
    image_mime: None,
    latency_seconds: None,
    attempt: 1,
    prompt_id: None,
    kind: RecordKind::Measured,
    source: None,
    note: None,
};

fn first_attempt() -> u32 {
    1
}

/// What was asked, as far as the record tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedShape {
    /// Images of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_images: Option<u32>,
    /// Their sizes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_pixels: Vec<String>,
    /// Size asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_size: Option<ImageSize>,
    /// Thinking level asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_level: Option<ThinkingLevel>,
    /// Media resolution asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_resolution: Option<MediaResolution>,
}

/// How a record is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A real answer: recorded, published or measured.
    Measured,
    /// Its source calls the figures approximate, or quotes some of them.
    Approximate,
    /// A test fixture; may be invented.
    Fixture,
    /// From the emulator.
    Rehearsed,
}

impl Observation {
    /// The counts as reported, and what was odd about their form.
    pub fn counts(&self) -> (Counts, Vec<Anomaly>) {
        let mut odd = Vec::new();
        match &self.usage {
            Some(usage) => (usage_counts(usage, &mut odd), odd),
            None => (Counts::default(), vec![Anomaly::UsageAbsent]),
        }
    }

    /// Exclusive classes, and everything odd.
    pub fn classes(&self) -> (ByClass<u64>, Vec<Anomaly>) {
        let (counts, mut odd) = self.counts();
        if self.usage.is_none() {
            return (ByClass::default(), odd);
        }
        let (tokens, mut anomalies) = classes_of(&counts, self.image_parts.unwrap_or(0));
        anomalies.append(&mut odd);
        anomalies.extend(self.size_differs());
        (tokens, anomalies)
    }

    /// Whether the picture's pixels are far from the size asked for.
    ///
    /// 512, 1K, 2K and 4K hold about 0.26, 1, 4 and 17 million pixels whatever the aspect ratio; a factor of
    /// two to either side still counts as the size.
    fn size_differs(&self) -> Option<Anomaly> {
        let asked = self.shape.output_size?;
        let received: Pixels = self.received_pixels.as_ref()?.parse().ok()?;
        let side: f64 = match asked {
            ImageSize::Half => 512.0,
            ImageSize::OneK => 1024.0,
            ImageSize::TwoK => 2048.0,
            ImageSize::FourK => 4096.0,
        };
        let ratio = f64::from(received.width) * f64::from(received.height) / (side * side);
        let differs = !(0.5..=2.0).contains(&ratio);
        differs.then(|| Anomaly::SizeDiffers { asked: asked.to_string(), received: received.to_string() })
    }

    /// `trafficType` or `serviceTier` as reported, without an enum's prefix: `PROVISIONED_THROUGHPUT`, `flex`.
    pub fn traffic(&self) -> Option<String> {
        let usage = self.usage.as_ref()?;
        let names = ["trafficType", "traffic_type", "serviceTier", "service_tier"];
        let word = names.iter().find_map(|name| usage.get(*name)?.as_str())?;
        Some(word.rsplit('.').next().unwrap_or(word).to_string())
    }

    /// The sizes of the prompt's images, those that can be read.
    pub fn input_pixels(&self) -> Vec<Pixels> {
        self.shape.input_pixels.iter().filter_map(|size| size.parse().ok()).collect()
    }
}

/// Why a line or a row is not an observation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadRecord {
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads observations: JSON lines, or the CSV of published usage (its header tells).
///
/// # Errors
///
/// The first line that cannot be read.
pub fn read_observations(text: &str) -> Result<Vec<Observation>, BadRecord> {
    if text.starts_with("repo,path_or_url,") { read_published(text) } else { read_lines(text) }
}

fn read_lines(text: &str) -> Result<Vec<Observation>, BadRecord> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let bad = |problem: String| BadRecord { line: at + 1, problem };
            let observation: Observation = from_json(line)
                .map_err(|error| bad(format!("not an observation: {error}{}", of_a_list(line))))?;
            if observation.schema != OBSERVATION_SCHEMA {
                return Err(bad(format!("schema `{}`, expected `{OBSERVATION_SCHEMA}`", observation.schema)));
            }
            match impossible(&observation) {
                Some(problem) => Err(bad(problem)),
                None => Ok(observation),
            }
        })
        .collect()
}

/// Longest time of an answer that is believed, 12 days.
pub const LATENCY_SECONDS_MAX: f64 = 1e6;

/// What no answer can have.
fn impossible(observation: &Observation) -> Option<String> {
    let latency =
        observation.latency_seconds.filter(|seconds| !(0.0..=LATENCY_SECONDS_MAX).contains(seconds));
    match latency {
        _ if observation.attempt == 0 => Some("`attempt` is counted from 1, found 0".into()),
        Some(found) => Some(format!("`latency_seconds`: expected 0 to {LATENCY_SECONDS_MAX}, found {found}")),
        None => None,
    }
}

fn of_a_list(line: &str) -> &'static str {
    if line.trim_start().starts_with('[') { "\n\nhint: one object a line is read, no list" } else { "" }
}

/// One row of the CSV; only what is read of it.
#[derive(Debug, Deserialize)]
struct PublishedRow {
    repo: String,
    path_or_url: String,
    commit_or_date: String,
    backend: String,
    model: String,
    input_images: Option<u32>,
    input_image_px: String,
    image_size: String,
    prompt_tokens: Option<u64>,
    prompt_text_tokens: Option<u64>,
    prompt_image_tokens: Option<u64>,
    candidates_tokens: Option<u64>,
    candidates_text_tokens: Option<u64>,
    candidates_image_tokens: Option<u64>,
    thoughts_tokens: Option<u64>,
    total_tokens: Option<u64>,
    traffic_type: String,
    n_parts: Option<u64>,
    latency_s: Option<f64>,
    evidence: String,
    finish_reason: String,
    output_px: String,
    note: String,
}

fn read_published(text: &str) -> Result<Vec<Observation>, BadRecord> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut observations = Vec::new();
    let bad = |position: Option<&csv::Position>, problem: String| BadRecord {
        line: position.map_or(1, |position| position.line() as usize),
        problem,
    };
    let header = reader
        .headers()
        .map_err(|error| bad(error.position(), csv_problem(&error, &csv::StringRecord::new(), None)))?;
    let header = header.clone();
    for record in reader.records() {
        let record = record.map_err(|error| bad(error.position(), csv_problem(&error, &header, None)))?;
        let row = record.deserialize(Some(&header)).map_err(|error| {
            let problem = csv_problem(&error, &header, Some(&record));
            // What is missing is missing in the header.
            bad(record.position().filter(|_| !problem.starts_with("no column")), problem)
        })?;
        observations.push(published(row).map_err(|problem| bad(record.position(), problem))?);
    }
    Ok(observations)
}

fn published(row: PublishedRow) -> Result<Observation, String> {
    let backend = match row.backend.as_str() {
        "dev" => Some(Backend::Developer),
        "vertex" => Some(Backend::Vertex),
        "" => None,
        other => return Err(format!("unknown backend `{other}`, expected `dev` or `vertex`")),
    };
    let kind = match row.evidence.as_str() {
        "recorded_cassette" | "recorded_fixture" | "published_response" | "published_log_row"
        | "measured_table" | "vendor_measured" | "issue_text" => RecordKind::Measured,
        "vendor_measured_approx" | "quoted_numbers" => RecordKind::Approximate,
        "test_fixture" => RecordKind::Fixture,
        other => {
            return Err(format!(
                "unknown evidence `{other}`, expected one such as `published_response`, `recorded_cassette` or `test_fixture`"
            ));
        }
    };
    let output_size = match row.image_size.as_str() {
        "" => None,
        size => Some(size.parse().map_err(|error| format!("{error}"))?),
    };
    let has_image = row.candidates_image_tokens.is_some_and(|tokens| tokens > 0);
    Ok(Observation {
        schema: OBSERVATION_SCHEMA.into(),
        at: Some(row.commit_or_date.clone()).filter(|day| day.starts_with("20") && day.len() <= 10),
        backend,
        location: None,
        model: row.model.trim_start_matches("models/").to_string(),
        shape: ObservedShape {
            input_images: row.input_images,
            input_pixels: row
                .input_image_px
                .split(';')
                .filter(|size| !size.is_empty())
                .map(Into::into)
                .collect(),
            output_size,
            ..ObservedShape::default()
        },
        status: Some(200),
        finish_reason: Some(row.finish_reason.clone()).filter(|reason| !reason.is_empty()),
        usage: Some(usage_of(&row)),
        // Parts may be text; only that an image is among them is certain.
        image_parts: Some(if has_image { row.n_parts.unwrap_or(1).max(1) } else { 0 }),
        received_pixels: Some(row.output_px).filter(|size| !size.is_empty()),
        image_bytes: None,
        image_mime: None,
        latency_seconds: row.latency_s,
        attempt: 1,
        prompt_id: None,
        kind,
        source: Some(format!("{} {}", row.repo, row.path_or_url)),
        note: Some(row.note).filter(|note| !note.is_empty()),
    })
}

/// The usage object that the row's columns and its note tell of.
fn usage_of(row: &PublishedRow) -> Map<String, Value> {
    let mut usage = Map::new();
    let mut put = |field: &str, count: Option<u64>| {
        if let Some(count) = count {
            usage.insert(field.into(), count.into());
        }
    };
    put("promptTokenCount", row.prompt_tokens);
    put("candidatesTokenCount", row.candidates_tokens);
    put("thoughtsTokenCount", row.thoughts_tokens);
    put("totalTokenCount", row.total_tokens);
    put("toolUsePromptTokenCount", noted(&row.note, "toolUsePrompt"));
    put("cachedContentTokenCount", noted(&row.note, "cached"));
    let prompt = [
        ("TEXT", row.prompt_text_tokens),
        ("IMAGE", row.prompt_image_tokens),
        ("AUDIO", noted(&row.note, "prompt_audio")),
        ("VIDEO", noted(&row.note, "prompt_video")),
        ("DOCUMENT", noted(&row.note, "prompt_document")),
    ];
    let answer = [("TEXT", row.candidates_text_tokens), ("IMAGE", row.candidates_image_tokens)];
    usage.insert("promptTokensDetails".into(), details(&prompt));
    usage.insert("candidatesTokensDetails".into(), details(&answer));
    if !row.traffic_type.is_empty() {
        usage.insert("trafficType".into(), row.traffic_type.clone().into());
    }
    usage
}

fn details(parts: &[(&str, Option<u64>)]) -> Value {
    let entry = |(modality, tokens): &(&str, Option<u64>)| {
        let tokens = (*tokens)?;
        Some(serde_json::json!({ "modality": modality, "tokenCount": tokens }))
    };
    Value::Array(parts.iter().filter_map(entry).collect())
}

/// `name=123` in a note.
fn noted(note: &str, name: &str) -> Option<u64> {
    let start = note.find(&format!("{name}="))? + name.len() + 1;
    let digits: String = note[start..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<Observation>();
        check::<ObservedShape>();
    }
}
