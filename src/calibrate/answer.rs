//! From what arrived to an observation or a failure.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    cell::Cell,
    fault::{Failure, Fault},
};
use crate::{
    model::ByClass,
    units::Usd,
    usage::{NOT_TOLD, OBSERVATION_SCHEMA, Observation, ObservedShape, Reading, RecordKind, read_response},
};

/// An HTTP answer, whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Received {
    /// HTTP status.
    pub status: u16,
    /// `retry-after` as sent.
    pub retry_after: Option<String>,
    /// The body: JSON, or server-sent events to their end.
    pub body: String,
    /// From sending to the last byte.
    pub seconds: f64,
}

/// What one attempt brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Status 200 with a response, blocked ones included.
    Answer(Box<Answered>),
    /// Nothing that teaches tokens.
    Failed(Failure),
}

/// A response and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// What is kept of it.
    pub observation: Observation,
    /// Exclusive token classes.
    pub tokens: ByClass<u64>,
    /// What it may be billed at most; `None` when it does not tell its tokens.
    pub billed: Option<Usd>,
}

/// What surrounds an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What was asked.
    pub cell: &'a Cell,
    /// Counted from 0 within the cell.
    pub request: u64,
    /// Counted from 1 within the request.
    pub attempt: u32,
    /// Time of the answer, RFC 3339.
    pub at: &'a str,
    /// A real backend, or the emulator.
    pub kind: RecordKind,
}

/// Reads an HTTP answer.
pub fn judge(attempt: &Attempt<'_>, received: &Received) -> Verdict {
    if received.status != 200 {
        let retry_after = received.retry_after.as_deref();
        return Verdict::Failed(Failure::read(received.status, retry_after, &received.body));
    }
    match read_response(&received.body) {
        Err(error) => {
            let failure = Failure::of(Fault::Malformed, &error.to_string());
            Verdict::Failed(Failure { status: Some(200), ..failure })
        }
        Ok(reading) => {
            if let Some(failure) = unbelievable(attempt.cell, &reading, &received.body) {
                return Verdict::Failed(Failure { status: Some(200), ..failure });
            }
            let chunks = chunks_of(&received.body);
            let last = last_image(&chunks);
            let observation = Observation {
                usage: usage_of(&chunks),
                status: Some(200),
                finish_reason: reading.finish_reason,
                image_parts: Some(reading.image_parts),
                received_pixels: last.as_ref().and_then(|image| image.pixels.clone()),
                image_bytes: (reading.image_parts > 0).then(|| images_bytes(&chunks)),
                image_mime: images(&chunks).next_back().map(|(mime, _)| mime.to_string()),
                latency_seconds: Some((received.seconds * 1000.0).round() / 1000.0),
                ..observation_of(attempt)
            };
            Verdict::Answer(Box::new(answered(attempt.cell, observation)))
        }
    }
}

/// A response whose counts are not those of this request: a stream that ends before its last event, where the
/// counts still grow, or the answer of another model.
fn unbelievable(cell: &Cell, reading: &Reading, body: &str) -> Option<Failure> {
    if is_stream(body) && reading.finish_reason.is_none() {
        return Some(Failure::of(Fault::Malformed, "the stream ended before its last event"));
    }
    let (asked, found) = (&cell.placement.model.0, reading.model.as_deref()?);
    let differs = bare_model(asked) != bare_model(found);
    let text =
        || format!("`{asked}` was asked and `{found}` answered: what it costs is not what is measured");
    differs.then(|| Failure::of(Fault::WrongModel, &text()))
}

/// A model's name without the path before it and the version behind it: `preview`, `001`, `09-2025`.
fn bare_model(name: &str) -> &str {
    let mut bare = name.rsplit('/').next().unwrap_or(name);
    while let Some((front, last)) = bare.rsplit_once('-') {
        let dated = last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_digit());
        if !dated && !matches!(last, "preview" | "exp" | "latest") {
            break;
        }
        bare = front;
    }
    bare
}

fn is_stream(body: &str) -> bool {
    body.trim_start().starts_with("data:") || body.contains("\ndata:")
}

/// An observation with its classes and its price.
pub fn answered(cell: &Cell, observation: Observation) -> Answered {
    let (tokens, anomalies) = observation.classes();
    let hidden = observation.usage.is_none() || anomalies.iter().any(|anomaly| anomaly.hides_cost());
    let billed = (!hidden).then(|| cell.billed_at_most(&tokens));
    Answered { observation, tokens, billed }
}

fn observation_of(attempt: &Attempt<'_>) -> Observation {
    let cell = attempt.cell;
    let sizes = picture_sizes(cell, attempt.request);
    Observation {
        schema: OBSERVATION_SCHEMA.into(),
        at: Some(attempt.at.into()),
        backend: Some(cell.placement.endpoint.backend()),
        location: cell.placement.endpoint.location().map(ToString::to_string),
        model: cell.placement.model.to_string(),
        shape: ObservedShape {
            input_images: u32::try_from(sizes.len()).ok(),
            input_pixels: sizes,
            output_size: cell.makes_images.then_some(cell.shape.output_size),
            thinking_level: cell.shape.thinking_level,
            media_resolution: cell.shape.media_resolution,
        },
        attempt: attempt.attempt,
        prompt_id: Some(cell.route.clone()),
        kind: attempt.kind,
        ..NOT_TOLD
    }
}

/// Sizes of the pictures of one request of a cell.
fn picture_sizes(cell: &Cell, request: u64) -> Vec<String> {
    let at = request as usize % cell.pictures.len().max(1);
    cell.pictures.get(at).into_iter().flatten().map(ToString::to_string).collect()
}

/// The JSON objects of a body or a stream.
fn chunks_of(body: &str) -> Vec<Value> {
    let texts: Vec<&str> = if is_stream(body) {
        body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect()
    } else {
        vec![body]
    };
    let values = texts.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
    values
        .flat_map(|value| match value {
            Value::Array(list) => list,
            one => vec![one],
        })
        .collect()
}

/// The usage of a body, or the last one of a stream that counts something, as sent.
fn usage_of(chunks: &[Value]) -> Option<Map<String, Value>> {
    let all: Vec<&Map<String, Value>> =
        chunks.iter().filter_map(|chunk| chunk["usageMetadata"].as_object()).collect();
    let counts = |usage: &&&Map<String, Value>| usage.keys().any(|key| key.contains("oken"));
    all.iter().rev().find(counts).or(all.last()).map(|usage| (**usage).clone())
}

/// The last picture of an answer.
struct Image {
    pixels: Option<String>,
}

/// MIME type and base64 text of every picture.
fn images(chunks: &[Value]) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    let parts = chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array());
    parts.flatten().filter_map(|part| {
        let data = &part["inlineData"];
        let mime = data["mimeType"].as_str().filter(|mime| mime.starts_with("image/"))?;
        Some((mime, data["data"].as_str()?))
    })
}

/// Base64 characters from which a picture's size is read; headers are far shorter.
const HEADER_CHARACTERS: usize = 256 * 1024;

fn last_image(chunks: &[Value]) -> Option<Image> {
    let (_, data) = images(chunks).next_back()?;
    let head = data.get(..data.len().min(HEADER_CHARACTERS) / 4 * 4)?;
    let bytes = STANDARD.decode(head).ok();
    let size = bytes.and_then(|bytes| imagesize::blob_size(&bytes).ok());
    Some(Image { pixels: size.map(|size| format!("{}x{}", size.width, size.height)) })
}

/// Bytes of all pictures: three quarters of their base64 characters.
fn images_bytes(chunks: &[Value]) -> u64 {
    images(chunks).map(|(_, data)| (data.trim_end_matches('=').len() as u64) * 3 / 4).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_a_model_is_that_model_and_a_sister_is_not() {
        for (asked, found) in [
            ("gemini-3-pro-image", "gemini-3-pro-image-preview"),
            ("gemini-2.5-flash-image", "models/gemini-2.5-flash-image-001"),
            ("gemini-2.5-flash", "publishers/google/models/gemini-2.5-flash-preview-09-2025"),
        ] {
            assert_eq!(bare_model(asked), bare_model(found));
        }
        for (asked, found) in [
            ("gemini-3.1-flash", "gemini-3.1-flash-image"),
            ("gemini-3.1-flash", "gemini-3.1-flash-lite"),
            ("imagen-4", "imagen-3"),
            ("gemini-nano-banana-2.1", "gemini-nano-banana-2"),
        ] {
            assert_ne!(bare_model(asked), bare_model(found));
        }
    }
}
