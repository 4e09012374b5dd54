//! Logs of proxies and observability services: LiteLLM, Langfuse, Helicone.

use serde_json::{Map, Value};

use super::{
    Reject,
    google::{count, field, number, observe, shape_of, text},
    rows::{Found, find_body, find_request},
};
use crate::{
    calendar::moment,
    model::Backend,
    usage::{NOT_TOLD, Observation, ObservedShape},
};

/// Token counts as these services write them, to be said in Google's words.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Prompt, cached tokens included.
    pub prompt: Option<u64>,
    pub prompt_text: Option<u64>,
    pub prompt_image: Option<u64>,
    pub prompt_audio: Option<u64>,
    pub cached: Option<u64>,
    /// Answer; whether thinking is part of it is told by the total.
    pub output: Option<u64>,
    pub output_text: Option<u64>,
    pub output_image: Option<u64>,
    pub output_audio: Option<u64>,
    pub thinking: Option<u64>,
    pub total: Option<u64>,
}

impl Parts {
    /// The same as a usage object.
    ///
    /// Thinking is taken out of the answer unless the total shows that it stands beside it. An answer smaller
    /// than its thinking cannot contain it either.
    pub fn usage(&self) -> Map<String, Value> {
        let (output, thinking) = (self.output, self.thinking.unwrap_or(0));
        let beside = self.total.zip(self.prompt).zip(output).is_some_and(|((total, prompt), output)| {
            thinking > 0 && total == prompt.saturating_add(output).saturating_add(thinking)
        });
        let candidates = output.map(|output| match beside {
            true => output,
            false => output.checked_sub(thinking).unwrap_or(output),
        });
        let mut usage = Map::new();
        let counts = [
            ("promptTokenCount", self.prompt),
            ("cachedContentTokenCount", self.cached.filter(|cached| *cached > 0)),
            ("candidatesTokenCount", candidates),
            ("thoughtsTokenCount", self.thinking),
            ("totalTokenCount", self.total),
        ];
        for (name, tokens) in counts {
            if let Some(tokens) = tokens {
                usage.insert(name.into(), tokens.into());
            }
        }
        let lists = [
            ("promptTokensDetails", [self.prompt_text, self.prompt_image, self.prompt_audio]),
            ("candidatesTokensDetails", [self.output_text, self.output_image, self.output_audio]),
        ];
        for (name, tokens) in lists {
            let entries =
                ["TEXT", "IMAGE", "AUDIO"].iter().zip(tokens).filter(|(_, tokens)| tokens.is_some());
            let entries: Vec<Value> = entries
                .map(|(modality, tokens)| serde_json::json!({ "modality": modality, "tokenCount": tokens }))
                .collect();
            if !entries.is_empty() {
                usage.insert(name.into(), Value::Array(entries));
            }
        }
        usage
    }
}

/// Why a row without a Gemini model is none of ours.
fn other_model(model: &str) -> &'static str {
    if model.is_empty() { "a row that names no model" } else { "a model of another vendor" }
}

/// The backend that a provider's name means; `None` when it means both or none.
pub(super) fn google_backend(name: &str) -> Option<Backend> {
    let name = name.to_lowercase();
    if ["vertex", "aiplatform"].iter().any(|part| name.contains(part)) {
        return Some(Backend::Vertex);
    }
    let developer = ["gemini", "generativelanguage", "google_ai_studio", "google-ai-studio"];
    developer.iter().any(|part| name.contains(part)).then_some(Backend::Developer)
}

/// A row of `LiteLLM_SpendLogs`.
///
/// Columns: `call_type`, `model`, `custom_llm_provider`, `prompt_tokens`, `completion_tokens`, `total_tokens`,
/// `startTime`, `endTime`, `status`, `metadata.usage_object`, `messages`, `response`. `completion_tokens` includes
/// thinking. Source: BerriAI/litellm, `schema.prisma` and the spend-log tests (`metadata.usage_object`).
pub(super) fn litellm(row: &Value) -> Result<Found, Reject> {
    let provider = text(row, "custom_llm_provider").unwrap_or_default();
    let model = text(row, "model").unwrap_or_default();
    if !model.contains("gemini") {
        return Err(Reject::NotACall(other_model(&model)));
    }
    let call = text(row, "call_type").unwrap_or_default();
    if call.contains("embedding") || call.contains("token_count") {
        return Err(Reject::NotACall("an embedding or a token count"));
    }
    let metadata = field(row, "metadata");
    let response = field(row, "response");
    let usage = metadata
        .and_then(|metadata| metadata.get("usage_object"))
        .filter(|usage| usage.is_object())
        .or_else(|| response.and_then(|response| response.get("usage")).filter(|usage| usage.is_object()))
        .unwrap_or(row);
    let answer = |name: &str| count(field(usage, "completion_tokens_details")?, name);
    let prompt = |name: &str| count(field(usage, "prompt_tokens_details")?, name);
    let either = |name: &str| count(usage, name).or_else(|| count(row, name));
    let parts = Parts {
        prompt: either("prompt_tokens"),
        prompt_text: prompt("text_tokens"),
        prompt_image: prompt("image_tokens"),
        prompt_audio: prompt("audio_tokens"),
        cached: prompt("cached_tokens").or_else(|| count(usage, "cache_read_input_tokens")),
        output: either("completion_tokens"),
        output_text: answer("text_tokens"),
        output_image: answer("image_tokens"),
        output_audio: answer("audio_tokens"),
        thinking: answer("reasoning_tokens"),
        total: either("total_tokens"),
    };
    let failed = text(row, "status").is_some_and(|status| status == "failure");
    if parts.prompt.is_none() && parts.output.is_none() && !failed {
        return Err(Reject::NoUsage);
    }
    let code = || count(field(metadata?, "error_information")?, "error_code");
    let (start, end) = (text(row, "startTime"), text(row, "endTime"));
    let (start, end) = (start.as_deref().and_then(moment), end.as_deref().and_then(moment));
    let milliseconds = number(row, "request_duration_ms");
    let between = || Some((end? - start?) as f64 / 1e6);
    let observation = Observation {
        backend: google_backend(&provider).or_else(|| google_backend(model.split('/').next()?)),
        model: model.clone(),
        shape: ObservedShape { input_images: images_of_messages(row), ..ObservedShape::default() },
        status: if failed { code().and_then(|code| u16::try_from(code).ok()) } else { Some(200) },
        finish_reason: finish_of_choices(response).or_else(|| failed.then(|| "failure".into())),
        usage: if failed { None } else { Some(parts.usage()) },
        latency_seconds: milliseconds.map(|milliseconds| milliseconds / 1000.0).or_else(between),
        ..NOT_TOLD
    };
    Ok(Found { observation, request: field(row, "proxy_server_request").cloned(), moment: start })
}

/// The finish reason of an answer in OpenAI's form, in Google's words where it has one.
fn finish_of_choices(response: Option<&Value>) -> Option<String> {
    let reason = text(field(response?, "choices")?.as_array()?.first()?, "finish_reason")?;
    Some(match reason.as_str() {
        "stop" => "STOP".into(),
        "length" => "MAX_TOKENS".into(),
        "content_filter" => "SAFETY".into(),
        other => other.to_uppercase(),
    })
}

/// Images in messages of OpenAI's form; `None` where the log did not keep them.
fn images_of_messages(row: &Value) -> Option<u32> {
    let request = field(row, "proxy_server_request");
    let messages = field(row, "messages")
        .filter(|messages| messages.as_array().is_some_and(|list| !list.is_empty()))
        .or_else(|| request.and_then(|request| field(request, "messages")))?;
    let contents = messages.as_array()?.iter().filter_map(|message| message.get("content")?.as_array());
    let images = contents.flatten().filter(|part| part.get("image_url").is_some());
    u32::try_from(images.count()).ok()
}

/// Whether a row is one of Langfuse's observations.
pub(super) fn is_langfuse(row: &Value) -> bool {
    let usage = ["usageDetails", "usage_details", "usage"].iter().any(|name| row.get(*name).is_some());
    row.get("type").is_some() && (usage || row.get("startTime").is_some() || row.get("start_time").is_some())
}

/// An observation of Langfuse.
///
/// Fields: `type`, `model` (`providedModelName`, `provided_model_name`), `startTime`, `endTime`, `usageDetails`
/// with keys that begin with `input` and `output` and a `total`, `input`, `output`, `metadata`, `level`.
/// Source: Langfuse, public API `Observation` and "Blob storage export field reference".
pub(super) fn langfuse(row: &Value) -> Result<Found, Reject> {
    if text(row, "type").is_some_and(|kind| kind != "GENERATION") {
        return Err(Reject::NotACall("an observation that is no generation"));
    }
    let names = ["model", "providedModelName", "modelId"];
    let model = names.iter().find_map(|name| text(row, name)).unwrap_or_default();
    if !model.contains("gemini") {
        return Err(Reject::NotACall(other_model(&model)));
    }
    let usage = field(row, "usageDetails").or_else(|| field(row, "usage"));
    let failed = text(row, "level").is_some_and(|level| level == "ERROR");
    let parts = usage.map(langfuse_parts);
    if parts.as_ref().is_none_or(|parts| parts.prompt.is_none() && parts.output.is_none()) && !failed {
        return Err(Reject::NoUsage);
    }
    let metadata = field(row, "metadata");
    let (start, end) = (text(row, "startTime"), text(row, "endTime"));
    let (start, end) = (start.as_deref().and_then(moment), end.as_deref().and_then(moment));
    let request = field(row, "input").and_then(|input| find_request(input, 0));
    let words = metadata.map(Value::to_string).unwrap_or_default();
    let backend = metadata.and_then(|_| match words.contains("vertex") || words.contains("aiplatform") {
        true => Some(Backend::Vertex),
        false => words.contains("generativelanguage").then_some(Backend::Developer),
    });
    let observation = Observation {
        backend,
        model,
        shape: request.map(shape_of).unwrap_or_default(),
        status: (!failed).then_some(200),
        finish_reason: failed.then(|| "failure".into()),
        usage: parts.map(|parts| parts.usage()),
        latency_seconds: start.zip(end).map(|(start, end)| (end - start) as f64 / 1e6),
        ..NOT_TOLD
    };
    Ok(Found { observation, request: metadata.cloned(), moment: start })
}

/// Langfuse's keys: those that begin with `input` exclude each other when their sum with the outputs is the
/// total; the plain `input` then lacks the cached and the image tokens that stand beside it.
fn langfuse_parts(usage: &Value) -> Parts {
    let empty = Map::new();
    let map = usage.as_object().unwrap_or(&empty);
    let sum = |wanted: &dyn Fn(&str) -> bool| -> Option<u64> {
        let found: Vec<u64> =
            map.keys().filter(|key| wanted(key)).filter_map(|key| count(usage, key)).collect();
        (!found.is_empty()).then(|| found.iter().fold(0, |sum: u64, tokens| sum.saturating_add(*tokens)))
    };
    let is = |key: &str, side: &str| key.starts_with(side);
    let of = |side: &'static str, word: &'static str| {
        sum(&move |key: &str| key.starts_with(side) && key.contains(word))
    };
    let total = count(usage, "total");
    let inputs = sum(&|key| is(key, "input"));
    let outputs = sum(&|key| is(key, "output"));
    let apart = total.is_some() && total == inputs.map(|inputs| inputs.saturating_add(outputs.unwrap_or(0)));
    let thinking = of("output", "reasoning");
    Parts {
        prompt: if apart { inputs } else { count(usage, "input") },
        prompt_image: of("input", "image"),
        cached: of("input", "cache"),
        output: if apart { outputs } else { count(usage, "output") },
        output_image: of("output", "image"),
        thinking,
        total,
        ..Parts::default()
    }
}

/// A request of Helicone.
///
/// Fields: `request_id`, `request_created_at`, `request_path`, `request_body`, `request_model`,
/// `response_status`, `response_body`, `provider`, `delay_ms`, `prompt_tokens`, `completion_tokens`,
/// `reasoning_tokens`, `total_tokens`, `request_properties`. Source: Helicone, REST reference, `HeliconeRequest`.
pub(super) fn helicone(row: &Value) -> Result<Found, Reject> {
    let names = ["responseModel", "requestModel", "modelOverride", "model"];
    let model = names.iter().find_map(|name| text(row, name)).unwrap_or_default();
    let path = text(row, "requestPath").unwrap_or_default();
    if !model.contains("gemini") && !path.contains("models/gemini") {
        return Err(Reject::NotACall(other_model(&model)));
    }
    let request = field(row, "requestBody").and_then(|body| find_request(body, 0));
    let body = field(row, "responseBody").and_then(|body| find_body(body, 0));
    let mut observation = match body {
        Some(body) => observe(body.clone(), request)?,
        None => Observation { usage: helicone_usage(row), ..NOT_TOLD },
    };
    let status = count(row, "responseStatus").and_then(|status| u16::try_from(status).ok());
    observation.status = status.filter(|status| *status > 0).or(observation.status);
    if observation.usage.is_none() && observation.status.is_none_or(|status| status == 200) {
        return Err(Reject::NoUsage);
    }
    let provider = text(row, "provider").unwrap_or_default();
    observation.backend = google_backend(&path).or_else(|| google_backend(&provider)).or(observation.backend);
    if observation.model.is_empty() {
        observation.model = model;
    }
    observation.location = super::rows::location_in(&path).map(String::from);
    observation.latency_seconds = number(row, "delayMs").map(|milliseconds| milliseconds / 1000.0);
    let time = text(row, "requestCreatedAt").as_deref().and_then(moment);
    let request = request.or_else(|| field(row, "requestProperties"));
    Ok(Found { observation, request: request.cloned(), moment: time })
}

fn helicone_usage(row: &Value) -> Option<Map<String, Value>> {
    let parts = Parts {
        prompt: count(row, "promptTokens"),
        cached: count(row, "promptCacheReadTokens"),
        prompt_audio: count(row, "promptAudioTokens").filter(|tokens| *tokens > 0),
        output: count(row, "completionTokens"),
        output_audio: count(row, "completionAudioTokens").filter(|tokens| *tokens > 0),
        thinking: count(row, "reasoningTokens"),
        total: count(row, "totalTokens"),
        ..Parts::default()
    };
    (parts.prompt.is_some() || parts.output.is_some()).then(|| parts.usage())
}
