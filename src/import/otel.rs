//! Spans of the OpenTelemetry GenAI conventions, as OTLP JSON.
//!
//! Source: open-telemetry/opentelemetry-proto, `examples/trace.json` (the form), and
//! open-telemetry/semantic-conventions-genai (the attributes `gen_ai.*`). 64-bit numbers may be texts there.

use serde_json::{Map, Value};

use super::{
    Reject,
    google::{count, field, text},
    rows::{Found, location_in},
    vendors::{Parts, google_backend},
};
use crate::{
    calendar::moment,
    model::Backend,
    usage::{NOT_TOLD, Observation},
};

/// Whether a document is an OTLP export.
pub(super) fn is_export(value: &Value) -> bool {
    field(value, "resourceSpans").is_some_and(Value::is_array)
}

/// Whether a row is one span.
pub(super) fn is_span(row: &Value) -> bool {
    field(row, "startTimeUnixNano").is_some() && row.get("attributes").is_some()
}

/// The spans of an export.
pub(super) fn spans_of(mut value: Value) -> Vec<Value> {
    let take = |value: &mut Value, camel: &str, snake: &str| -> Vec<Value> {
        let map = value.as_object_mut();
        let list = map.and_then(|map| map.remove(camel).or_else(|| map.remove(snake)));
        match list {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    };
    let mut spans = Vec::new();
    for mut resource in take(&mut value, "resourceSpans", "resource_spans") {
        for mut scope in take(&mut resource, "scopeSpans", "scope_spans") {
            spans.extend(take(&mut scope, "spans", "spans"));
        }
    }
    spans
}

/// One span as an attempt.
///
/// The conventions count thinking within `output_tokens` where they count it at all, and have no attribute for
/// image tokens of an answer: those stay unitemised, and the usage law says so.
pub(super) fn span(row: &Value) -> Result<Found, Reject> {
    let attributes = attributes_of(row);
    let word = |name: &str| text(&attributes, name);
    let operation = word("gen_ai.operation.name");
    if operation.as_deref().is_some_and(|name| ["embeddings", "execute_tool", "invoke_agent"].contains(&name))
    {
        return Err(Reject::NotACall("a span of an embedding, a tool or an agent"));
    }
    let model = word("gen_ai.response.model").or_else(|| word("gen_ai.request.model"));
    let model = model.ok_or(Reject::NotACall("a span without gen_ai.request.model"))?;
    if !model.contains("gemini") {
        return Err(Reject::NotACall("a model of another vendor"));
    }
    let provider = word("gen_ai.provider.name").or_else(|| word("gen_ai.system")).unwrap_or_default();
    let server = word("server.address").unwrap_or_default();
    let tokens = |name: &str| count(&attributes, name);
    let parts = Parts {
        prompt: tokens("gen_ai.usage.input_tokens"),
        prompt_text: tokens("gen_ai.usage.text.input_tokens"),
        prompt_image: tokens("gen_ai.usage.image.input_tokens"),
        cached: tokens("gen_ai.usage.cache_read.input_tokens"),
        output: tokens("gen_ai.usage.output_tokens"),
        thinking: tokens("gen_ai.usage.reasoning.output_tokens"),
        ..Parts::default()
    };
    let status = tokens("http.response.status_code").and_then(|status| u16::try_from(status).ok());
    let failed = field(row, "status").and_then(|status| count(status, "code")) == Some(2);
    if parts.prompt.is_none() && parts.output.is_none() && !failed {
        return Err(Reject::NoUsage);
    }
    let nanos = |name: &str| text(row, name).as_deref().and_then(moment);
    let (start, end) = (nanos("startTimeUnixNano"), nanos("endTimeUnixNano"));
    let reasons = attributes.get("gen_ai.response.finish_reasons").and_then(Value::as_array);
    let reason = reasons.and_then(|list| list.first()?.as_str()).map(str::to_uppercase);
    let usage = parts.usage();
    let backend = google_backend(&provider).or_else(|| google_backend(&server));
    let location = [word("server.address"), word("gcp.location"), word("cloud.region")];
    let observation = Observation {
        location: if backend == Some(Backend::Vertex) { place(&location) } else { None },
        backend,
        model,
        status: status.or(if failed { None } else { Some(200) }),
        finish_reason: reason.or_else(|| failed.then(|| "failure".into())),
        usage: Some(usage).filter(|usage| !usage.is_empty()),
        latency_seconds: start.zip(end).map(|(start, end)| (end - start) as f64 / 1e6),
        ..NOT_TOLD
    };
    Ok(Found { observation, request: Some(attributes), moment: start })
}

/// `us-central1` of a host `us-central1-aiplatform.googleapis.com`, or as a region is named.
fn place(names: &[Option<String>]) -> Option<String> {
    names.iter().flatten().find_map(|name| match name.split_once("-aiplatform.") {
        Some((location, _)) => Some(location.to_string()),
        None if name.contains('.') => location_in(name).map(String::from),
        None => Some(name.clone()),
    })
}

/// `[{"key": …, "value": {"intValue": "7"}}]`, or a plain map, as one object.
fn attributes_of(row: &Value) -> Value {
    let mut map = Map::new();
    match row.get("attributes") {
        Some(Value::Array(list)) => {
            for entry in list {
                if let (Some(key), Some(value)) =
                    (entry.get("key").and_then(Value::as_str), entry.get("value"))
                {
                    map.insert(key.to_string(), plain(value));
                }
            }
        }
        Some(Value::Object(plain)) => map = plain.clone(),
        _ => {}
    }
    Value::Object(map)
}

fn plain(value: &Value) -> Value {
    for name in ["stringValue", "intValue", "doubleValue", "boolValue"] {
        if let Some(value) = field(value, name) {
            return value.clone();
        }
    }
    let list = field(value, "arrayValue").and_then(|list| list.get("values")).and_then(Value::as_array);
    list.map_or(Value::Null, |list| Value::Array(list.iter().map(plain).collect()))
}
