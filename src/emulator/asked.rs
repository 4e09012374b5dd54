//! What a request body asks for, in either spelling of its keys, and what the backends refuse in it.

use serde_json::{Map, Value};

use super::{
    call::Route,
    picture::{Format, takes_ratio},
    refusal::Refusal,
    signature::{decode, replayed},
};
use crate::{
    model::{Backend, ImageSize, MediaResolution, Pixels, ThinkingLevel},
    prices::{ModelFacts, ModelKind},
};

/// A request as understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    /// Tokens of everything written, as Vertex AI counts them; the Developer API counts one more.
    pub text_tokens: u64,
    /// Thoughts of earlier turns that count in the prompt.
    pub replayed_thoughts: u64,
    /// Characters of everything written.
    pub characters: u64,
    /// Pictures of the prompt with the resolution their part asks for.
    pub images: Vec<(Pixels, Option<MediaResolution>)>,
    /// A part with an empty `mediaResolution` is there.
    pub bare_resolution: bool,
    pub ratio: Option<String>,
    /// `None` when nothing, or nothing known, is asked for.
    pub size: Option<ImageSize>,
    pub resolution: Option<MediaResolution>,
    pub level: Option<ThinkingLevel>,
    pub include_thoughts: Option<bool>,
    pub wants_text_alone: bool,
    pub max_output_tokens: Option<u64>,
    /// `serviceTier` of the body.
    pub service_tier: Option<String>,
    pub format: Option<Format>,
}

/// Reads and checks the body of a call to a model.
pub(super) fn read(route: &Route, facts: &ModelFacts, body: &[u8]) -> Result<Asked, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|error| Refusal::not_json(&error.to_string()))?;
    let mut body = camel(body);
    // The Developer API's countTokens takes a whole request, too.
    if let Some(inner) = body.get_mut("generateContentRequest").map(Value::take) {
        body = inner;
    }
    let Value::Object(body) = body else {
        return Err(Refusal::not_json("Root element must be a message."));
    };
    known_names(&body, "", top_names(route.backend()))?;
    let mut asked = Asked {
        service_tier: body.get("serviceTier").and_then(Value::as_str).map(str::to_lowercase),
        ..Asked::default()
    };
    contents(route, facts, &body, &mut asked)?;
    if let Some(config) = body.get("generationConfig").and_then(Value::as_object) {
        generation(route, facts, config, &mut asked)?;
    }
    Ok(asked)
}

const TOP: &[&str] = &[
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "labels",
    "model",
    "serviceTier",
];
const TOP_DEVELOPER: &[&str] = &["store"];
const TOP_VERTEX: &[&str] = &["modelArmorConfig", "instances"];
const GENERATION: &[&str] = &[
    "candidateCount",
    "stopSequences",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
    "responseFormat",
];
const GENERATION_DEVELOPER: &[&str] = &["enableEnhancedCivicAnswers"];
/// The last two are taken and ignored: a reported call had them there and got a 1K picture (js-genai 1461).
const GENERATION_VERTEX: &[&str] =
    &["routingConfig", "modelSelectionConfig", "audioTimestamp", "aspectRatio", "imageSize"];
const THINKING: &[&str] = &["includeThoughts", "thinkingBudget", "thinkingLevel"];
const IMAGE: &[&str] = &["aspectRatio", "imageSize"];
const IMAGE_VERTEX: &[&str] = &["imageOutputOptions", "personGeneration", "prominentPeople"];

fn top_names(backend: Backend) -> [&'static [&'static str]; 2] {
    match backend {
        Backend::Developer => [TOP, TOP_DEVELOPER],
        Backend::Vertex => [TOP, TOP_VERTEX],
    }
}

fn known_names(object: &Map<String, Value>, at: &str, known: [&[&str]; 2]) -> Result<(), Refusal> {
    match object.keys().find(|name| !known.iter().any(|list| list.contains(&name.as_str()))) {
        Some(name) => Err(Refusal::unknown_name(name, at)),
        None => Ok(()),
    }
}

/// Keys in camelCase, whichever spelling came; below keys whose content is the caller's own nothing changes.
fn camel(value: Value) -> Value {
    const CALLERS_OWN: &[&str] =
        &["labels", "args", "response", "responseSchema", "responseJsonSchema", "parameters"];
    match value {
        Value::Object(object) => {
            let renamed = object.into_iter().map(|(key, value)| {
                let key = camel_word(&key);
                let value = if CALLERS_OWN.contains(&key.as_str()) { value } else { camel(value) };
                (key, value)
            });
            Value::Object(renamed.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(camel).collect()),
        other => other,
    }
}

fn camel_word(word: &str) -> String {
    let mut parts = word.split('_');
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

fn contents(
    route: &Route,
    facts: &ModelFacts,
    body: &Map<String, Value>,
    asked: &mut Asked,
) -> Result<(), Refusal> {
    let no_contents = || Refusal::argument("* GenerateContentRequest.contents: contents is not specified\n");
    // A single content stands for a list of one.
    let list = match body.get("contents") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    };
    if list.is_empty() {
        return Err(no_contents());
    }
    for (at, content) in list.iter().enumerate() {
        let role = content.get("role").and_then(Value::as_str);
        match (route.backend(), role) {
            (_, Some("user" | "model" | "function")) | (Backend::Developer, None) => {}
            _ => return Err(Refusal::role()),
        }
        for (part_at, part) in parts_of(content).into_iter().enumerate() {
            read_part(route, facts, part, &format!("contents[{at}].parts[{part_at}]"), asked)?;
        }
    }
    if let Some(system) = body.get("systemInstruction") {
        parts_of(system).into_iter().filter_map(text_of).for_each(|text| asked.add_text(text));
    }
    if let Some(tools) = body.get("tools") {
        asked.add_text(&tools.to_string());
    }
    match facts.max_input_images {
        Some(most) if asked.images.len() > most as usize => Err(Refusal::argument(format!(
            "The number of images in the request ({}) exceeds the maximum of {most} for this model.",
            asked.images.len()
        ))),
        _ => Ok(()),
    }
}

fn parts_of(content: &Value) -> Vec<&Value> {
    match content.get("parts") {
        Some(Value::Array(parts)) => parts.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}

fn text_of(part: &Value) -> Option<&str> {
    part.get("text").and_then(Value::as_str)
}

impl Asked {
    fn add_text(&mut self, text: &str) {
        self.text_tokens += text_tokens(text);
        self.characters += text.chars().filter(|letter| !letter.is_whitespace()).count() as u64;
    }
}

/// Tokens of a text: one for every five letters begun of a word, one for every other sign.
///
/// The rule agrees with the two prompts whose counts were published for Vertex AI ("Hello, how are you?" 6,
/// "Generate an image of an axolotl." 9); it is no tokenizer.
fn text_tokens(text: &str) -> u64 {
    let mut tokens = 0;
    let mut letters = 0u64;
    for sign in text.chars() {
        if sign.is_alphanumeric() {
            letters += 1;
            continue;
        }
        tokens += letters.div_ceil(5);
        letters = 0;
        tokens += u64::from(!sign.is_whitespace());
    }
    tokens + letters.div_ceil(5)
}

fn read_part(
    route: &Route,
    facts: &ModelFacts,
    part: &Value,
    at: &str,
    asked: &mut Asked,
) -> Result<(), Refusal> {
    let resolution = part_resolution(route, facts, part, at, asked)?;
    if let Some(text) = text_of(part) {
        asked.add_text(text);
        asked.replayed_thoughts += replayed(route, facts, part);
    } else if let Some(inline) = part.get("inlineData") {
        asked.images.push((inline_image(facts, inline)?, resolution));
    } else if let Some(file) = part.get("fileData") {
        // A picture elsewhere is not fetched; it counts as a square of 1K.
        if !mime_of(file).starts_with("image/") {
            return Err(Refusal::argument(format!("Unsupported MIME type: {}", mime_of(file))));
        }
        asked.images.push((Pixels { width: 1024, height: 1024 }, resolution));
    } else if let Some(other) = part.get("functionCall").or(part.get("functionResponse")) {
        asked.add_text(&other.to_string());
    } else {
        return Err(Refusal::argument(format!(
            "* GenerateContentRequest.{at}.data: required oneof field 'data' must have one initialized field\n"
        )));
    }
    Ok(())
}

fn mime_of(data: &Value) -> &str {
    data.get("mimeType").and_then(Value::as_str).unwrap_or_default()
}

/// Pixels of a picture sent along. Pictures of 8 pixels and less were answered so (Pro, Developer API).
fn inline_image(facts: &ModelFacts, inline: &Value) -> Result<Pixels, Refusal> {
    let unreadable = || {
        Refusal::argument(
            "Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
        )
    };
    let mime = mime_of(inline);
    if !mime.starts_with("image/") {
        return Err(Refusal::argument(format!("Unsupported MIME type: {mime}")));
    }
    let data = inline.get("data").and_then(Value::as_str).ok_or_else(unreadable)?;
    let bytes = decode(data).ok_or_else(|| {
        Refusal::argument(
            "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed",
        )
    })?;
    let size = imagesize::blob_size(&bytes).map_err(|_| unreadable())?;
    // The same bounds as for sizes in files.
    let size: Pixels = format!("{}x{}", size.width, size.height).parse().map_err(|_| unreadable())?;
    if facts.kind == ModelKind::Image && size.width.max(size.height) <= 8 {
        return Err(unreadable());
    }
    Ok(size)
}

fn part_resolution(
    route: &Route,
    facts: &ModelFacts,
    part: &Value,
    at: &str,
    asked: &mut Asked,
) -> Result<Option<MediaResolution>, Refusal> {
    let Some(value) = part.get("mediaResolution") else { return Ok(None) };
    let Some(object) = value.as_object() else {
        return Err(Refusal::invalid_value(&format!("{at}.media_resolution"), "type", &value.to_string()));
    };
    if object.is_empty() {
        asked.bare_resolution = true;
        return Ok(None);
    }
    // Google's page of 2026-06 asks for v1beta (before that v1alpha) on the Developer API.
    if route.backend() == Backend::Developer && route.version == "v1" {
        return Err(Refusal::unknown_name("mediaResolution", at));
    }
    if ["gemini-2", "gemini-1"].iter().any(|old| facts.id.0.starts_with(old)) {
        return Err(Refusal::argument("Per part media resolution is not supported for this Model."));
    }
    let level = object.get("level").and_then(Value::as_str).unwrap_or_default();
    resolution_of(level).map(Some).ok_or_else(|| {
        Refusal::invalid_value(
            &format!("{at}.media_resolution.level"),
            "type.googleapis.com/google.ai.generativelanguage.v1beta.Part.MediaResolution.Level",
            level,
        )
    })
}

fn resolution_of(word: &str) -> Option<MediaResolution> {
    match word.strip_prefix("MEDIA_RESOLUTION_")? {
        "LOW" => Some(MediaResolution::Low),
        "MEDIUM" => Some(MediaResolution::Medium),
        "HIGH" => Some(MediaResolution::High),
        "ULTRA_HIGH" => Some(MediaResolution::UltraHigh),
        _ => None,
    }
}

fn generation(
    route: &Route,
    facts: &ModelFacts,
    config: &Map<String, Value>,
    asked: &mut Asked,
) -> Result<(), Refusal> {
    let own = match route.backend() {
        Backend::Developer => GENERATION_DEVELOPER,
        Backend::Vertex => GENERATION_VERTEX,
    };
    known_names(config, "generation_config", [GENERATION, own])?;
    if config.get("candidateCount").and_then(Value::as_u64).is_some_and(|count| count != 1) {
        return Err(Refusal::argument("Multiple candidates is not enabled for this model"));
    }
    asked.max_output_tokens = config.get("maxOutputTokens").and_then(Value::as_u64);
    let modalities = config.get("responseModalities").and_then(Value::as_array);
    let is_text = |word: &Value| word.as_str().is_some_and(|word| word.eq_ignore_ascii_case("TEXT"));
    asked.wants_text_alone = modalities.is_some_and(|list| !list.is_empty() && list.iter().all(is_text));
    if let Some(word) = config.get("mediaResolution").and_then(Value::as_str) {
        let level = resolution_of(word).filter(|level| *level != MediaResolution::UltraHigh);
        asked.resolution = Some(level.ok_or_else(|| {
            let kind =
                "type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.MediaResolution";
            Refusal::invalid_value("generation_config.media_resolution", kind, word)
        })?);
    }
    if let Some(thinking) = config.get("thinkingConfig").and_then(Value::as_object) {
        thinking_config(facts, thinking, asked)?;
    }
    let newer = config.get("responseFormat").and_then(|format| format.get("image"));
    if let Some(image) = config.get("imageConfig").or(newer).and_then(Value::as_object) {
        image_config(route, facts, image, asked)?;
    }
    Ok(())
}

fn thinking_config(
    facts: &ModelFacts,
    config: &Map<String, Value>,
    asked: &mut Asked,
) -> Result<(), Refusal> {
    known_names(config, "generation_config.thinking_config", [THINKING, &[]])?;
    if facts.kind == ModelKind::Image && !facts.outputs.contains(&crate::model::TokenClass::OutputThinking) {
        return Err(Refusal::argument("Thinking is not enabled for this model."));
    }
    asked.include_thoughts = config.get("includeThoughts").and_then(Value::as_bool);
    let Some(word) = config.get("thinkingLevel").and_then(Value::as_str) else { return Ok(()) };
    let level = word.to_lowercase();
    if level == "thinking_level_unspecified" {
        return Ok(());
    }
    let level = level.parse().map_err(|_| {
        let kind = "type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig.ThinkingLevel";
        Refusal::invalid_value("generation_config.thinking_config.thinking_level", kind, word)
    })?;
    asked.level = Some(level);
    match allowed_levels(&facts.id.0) {
        Some(allowed) if !allowed.contains(&level) => {
            let words: Vec<&str> = allowed.iter().map(|level| level.as_str()).collect();
            Err(Refusal::argument(format!(
                "Thinking level {} is not supported for this model. Allowed values are: {}",
                level.as_str().to_uppercase(),
                words.join(", ")
            )))
        }
        _ => Ok(()),
    }
}

/// The levels of a model that refuses others. The Pro image model takes any, with no measurable effect.
fn allowed_levels(model: &str) -> Option<&'static [ThinkingLevel]> {
    match model {
        "gemini-3.1-flash-image" | "gemini-3.1-flash-lite-image" => {
            Some(&[ThinkingLevel::Minimal, ThinkingLevel::High])
        }
        "gemini-nano-banana-2.1" => {
            Some(&[ThinkingLevel::Minimal, ThinkingLevel::Medium, ThinkingLevel::High])
        }
        _ => None,
    }
}

fn image_config(
    route: &Route,
    facts: &ModelFacts,
    config: &Map<String, Value>,
    asked: &mut Asked,
) -> Result<(), Refusal> {
    let own = match route.backend() {
        Backend::Developer => &[],
        Backend::Vertex => IMAGE_VERTEX,
    };
    known_names(config, "generation_config.image_config", [IMAGE, own])?;
    let at = "generation_config.image_config";
    if let Some(ratio) = config.get("aspectRatio").and_then(Value::as_str) {
        if !takes_ratio(&facts.id.0, ratio) {
            return Err(Refusal::invalid_value(&format!("{at}.aspect_ratio"), "TYPE_STRING", ratio));
        }
        asked.ratio = Some(ratio.to_string());
    }
    if let Some(word) = config.get("imageSize").and_then(Value::as_str) {
        asked.size = image_size(facts, word)
            .map_err(|()| Refusal::invalid_value(&format!("{at}.image_size"), "TYPE_STRING", word))?;
    }
    let options = config.get("imageOutputOptions").map(mime_of);
    asked.format = options
        .filter(|mime| *mime == "image/jpeg")
        .map(|_| Format::Jpeg)
        .or(options.filter(|mime| *mime == "image/png").map(|_| Format::Png));
    Ok(())
}

/// A size word: refused with a small k (the documentation asks for the large one), ignored when it is
/// `512px` (python-genai 2110) or when the model has one size only.
fn image_size(facts: &ModelFacts, word: &str) -> Result<Option<ImageSize>, ()> {
    if word == "512px" || facts.sizes.len() == 1 {
        return Ok(None);
    }
    match word.parse::<ImageSize>() {
        Ok(size) if facts.sizes.contains(&size) => Ok(Some(size)),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_published_prompts_have_their_counts() {
        assert_eq!(text_tokens("Hello, how are you?"), 6);
        assert_eq!(text_tokens("Generate an image of an axolotl."), 9);
    }

    #[test]
    fn both_spellings_and_both_alphabets_are_read() {
        let body = serde_json::json!({"generation_config": {"image_config": {"image_size": "2K"}}, "labels": {"a_b": "c"}});
        let expected = serde_json::json!({"generationConfig": {"imageConfig": {"imageSize": "2K"}}, "labels": {"a_b": "c"}});
        assert_eq!(camel(body), expected);
        assert_eq!(decode("-_8="), decode("+/8"));
    }
}
