//! What Google's own bodies tell: a generateContent request and its answer, as recorded or logged.

use serde_json::{Map, Value};

use super::{Reject, strip::PICTURE_MARK};
use crate::{
    model::{ImageSize, MediaResolution, Pixels, ThinkingLevel},
    usage::{NOT_TOLD, NotAResponse, Observation, ObservedShape, read_chunks},
};

/// An observation of an answer and, where it was kept, its request.
///
/// `body` is a body, a list of stream chunks, or an error body; an error is an observation with a status and
/// without usage.
pub(super) fn observe(body: Value, request: Option<&Value>) -> Result<Observation, Reject> {
    let pictures = pictures_of_answer(&body);
    let chunks = match body {
        Value::Array(chunks) => chunks,
        other => vec![other],
    };
    let shape = request.map(shape_of).unwrap_or_default();
    let mut observation = Observation { shape, ..NOT_TOLD };
    observation.model = request.and_then(|request| text(request, "model")).unwrap_or_default();
    match read_chunks(chunks) {
        Ok((reading, usage)) => {
            observation.backend = reading.backend.map(|told| told.value);
            observation.model = reading.model.unwrap_or(observation.model);
            observation.at = reading.day.map(|day| day.to_string());
            observation.status = Some(200);
            observation.finish_reason = reading.finish_reason;
            observation.image_parts = Some(reading.image_parts);
            observation.usage = usage;
            if let Some(last) = pictures.last() {
                observation.received_pixels = last.pixels.map(|pixels| pixels.to_string());
                observation.image_mime = Some(last.mime.clone());
                observation.image_bytes = pictures.iter().map(|picture| picture.bytes).sum();
            }
            Ok(observation)
        }
        Err(NotAResponse::ErrorAnswer { code, .. }) => {
            observation.status = Some(u16::try_from(code).map_err(|_| Reject::NoUsage)?);
            Ok(observation)
        }
        Err(NotAResponse::NotJson(problem)) => Err(Reject::NotJson(problem)),
        Err(NotAResponse::NoUsage) => Err(Reject::NoUsage),
    }
}

/// What a request asks for.
pub(super) fn shape_of(request: &Value) -> ObservedShape {
    let mut pictures = Vec::new();
    let contents = field(request, "contents");
    if let Some(contents) = contents {
        collect_pictures(contents, &mut pictures);
    }
    let config = field(request, "generationConfig").or_else(|| field(request, "config"));
    let below = |outer: &str, inner: &str| text(field(config?, outer)?, inner);
    let size = below("imageConfig", "imageSize").and_then(|size| size.parse::<ImageSize>().ok());
    let level = below("thinkingConfig", "thinkingLevel");
    let resolution = config.and_then(|config| text(config, "mediaResolution"));
    ObservedShape {
        input_images: contents.and_then(|_| u32::try_from(pictures.len()).ok()),
        input_pixels: pictures.iter().filter_map(|picture| Some(picture.pixels?.to_string())).collect(),
        output_size: size,
        thinking_level: level.and_then(|level| level.to_lowercase().parse::<ThinkingLevel>().ok()),
        media_resolution: resolution.and_then(|word| {
            word.trim_start_matches("MEDIA_RESOLUTION_").to_lowercase().parse::<MediaResolution>().ok()
        }),
    }
}

/// A picture of a request or an answer.
struct Picture {
    mime: String,
    /// Known for inline pictures.
    bytes: Option<u64>,
    /// Known when its header tells.
    pixels: Option<Pixels>,
}

fn pictures_of_answer(body: &Value) -> Vec<Picture> {
    let mut pictures = Vec::new();
    let bodies = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
    for body in bodies {
        if let Some(candidates) = field(body, "candidates") {
            collect_pictures(candidates, &mut pictures);
        }
    }
    pictures
}

/// Every object below that has an image's MIME type.
fn collect_pictures(value: &Value, found: &mut Vec<Picture>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect_pictures(value, found)),
        Value::Object(map) => match text(value, "mimeType").filter(|mime| mime.starts_with("image/")) {
            Some(mime) => found.push(picture(mime, map)),
            None => map.values().for_each(|value| collect_pictures(value, found)),
        },
        _ => {}
    }
}

fn picture(mime: String, map: &Map<String, Value>) -> Picture {
    let data = map.get("data").and_then(Value::as_str);
    let (length, head) = match data.and_then(|data| data.strip_prefix(PICTURE_MARK)?.split_once(':')) {
        Some((length, head)) => (length.parse::<u64>().ok(), Some(head)),
        None => (data.map(|data| data.len() as u64), data),
    };
    let pixels = head.and_then(|head| {
        let size = imagesize::blob_size(&from_base64(head)).ok()?;
        format!("{}x{}", size.width, size.height).parse().ok()
    });
    Picture { mime, bytes: length.map(|length| length / 4 * 3), pixels }
}

/// The bytes of base64, of either alphabet, as far as it goes.
fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

/// A field by its camelCase name or its snake_case spelling; `null` is absent.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    let found = map.get(name).or_else(|| {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        map.get(&snake)
    });
    found.filter(|value| !value.is_null())
}

/// A field that is a text, or a number as text.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    match field(value, name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A field that is a number, or a text that says one.
pub(super) fn number(value: &Value, name: &str) -> Option<f64> {
    match field(value, name)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// A field that is a count.
pub(super) fn count(value: &Value, name: &str) -> Option<u64> {
    let number = number(value, name)?;
    (number >= 0.0 && number.fract() == 0.0 && number <= 1e12).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::strip::strip;

    /// The first 33 bytes of a PNG of 1408 × 768 pixels, then enough to be cut.
    fn png() -> String {
        let head = "iVBORw0KGgoAAAANSUhEUgAABYAAAAMACAIAAAA=".trim_end_matches('=');
        format!("{head}{}", "A".repeat(4_000))
    }

    #[test]
    fn the_picture_of_an_answer_tells_its_size_and_kind() {
        let data = png();
        let body = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{data}"}}}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":5,"candidatesTokenCount":1120,"totalTokenCount":1125,"trafficType":"ON_DEMAND"}},"modelVersion":"gemini-3-pro-image"}}"#
        );
        let mut out = Vec::new();
        strip(body.as_bytes(), &mut out).unwrap();
        for text in [body.as_bytes(), &out] {
            let found = observe(serde_json::from_slice(text).unwrap(), None).unwrap();
            assert_eq!(found.received_pixels.as_deref(), Some("1408x768"));
            assert_eq!((found.image_parts, found.image_mime.as_deref()), (Some(1), Some("image/png")));
            assert_eq!(found.image_bytes, Some(data.len() as u64 / 4 * 3));
            assert_eq!(found.model, "gemini-3-pro-image");
        }
    }

    #[test]
    fn a_request_tells_its_shape_in_either_spelling() {
        let camel = r#"{"contents":[{"role":"user","parts":[{"text":"x"},{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAABYAAAAMACAIAAAA"}},{"fileData":{"mimeType":"image/jpeg","fileUri":"gs://b/a.jpg"}},{"fileData":{"mimeType":"application/pdf"}}]}],"generationConfig":{"imageConfig":{"imageSize":"2K","imageOutputOptions":{"mimeType":"image/png"}},"thinkingConfig":{"include_thoughts":true,"thinkingLevel":"HIGH"},"mediaResolution":"MEDIA_RESOLUTION_LOW"}}"#;
        let snake = camel
            .replace("inlineData", "inline_data")
            .replace("mimeType", "mime_type")
            .replace("generationConfig", "generation_config")
            .replace("imageConfig", "image_config")
            .replace("imageSize", "image_size")
            .replace("thinkingConfig", "thinking_config")
            .replace("thinkingLevel", "thinking_level")
            .replace("mediaResolution", "media_resolution");
        for request in [camel, &snake] {
            let shape = shape_of(&serde_json::from_str(request).unwrap());
            assert_eq!(shape.input_images, Some(2), "{request}");
            assert_eq!(shape.input_pixels, ["1408x768"]);
            assert_eq!(shape.output_size, Some(ImageSize::TwoK));
            assert_eq!(shape.thinking_level, Some(ThinkingLevel::High));
            assert_eq!(shape.media_resolution, Some(MediaResolution::Low));
        }
        assert_eq!(shape_of(&serde_json::json!({})).input_images, None);
    }

    #[test]
    fn an_error_is_an_observation_without_usage() {
        let body =
            serde_json::json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}});
        let found = observe(body, None).unwrap();
        assert_eq!((found.status, found.usage, found.image_parts), (Some(429), None, None));
        assert!(matches!(observe(serde_json::json!({"a": 1}), None), Err(Reject::NoUsage)));
    }
}
