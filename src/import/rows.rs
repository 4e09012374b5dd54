//! From parsed JSON to rows, from a row to an observation.

use std::{
    fmt,
    hash::{DefaultHasher, Hasher},
    str::FromStr,
};

use serde_json::{Map, Value};

use super::{
    Reject,
    google::{field, observe, text},
    otel, vcr, vendors,
};
use crate::{
    calendar::{moment, moment_text},
    diagnostics::from_json_value,
    model::{Backend, UnknownWord},
    usage::{AGGREGATE_SCHEMA, LATENCY_SECONDS_MAX, OBSERVATION_SCHEMA, Observation},
};

/// A kind of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogFormat {
    /// Bodies of generateContent and lists of their chunks; rows of `request` and `response` as batch jobs write
    /// them; any row that holds a body in one of its fields.
    Response,
    /// Vertex AI request-response logging, exported from BigQuery.
    Vertex,
    /// The table `LiteLLM_SpendLogs` of the LiteLLM proxy.
    LiteLlm,
    /// Observations of Langfuse: its API, its blob export, its ClickHouse table.
    Langfuse,
    /// Requests of Helicone, as its query API gives them.
    Helicone,
    /// OTLP JSON with spans of the GenAI semantic conventions.
    Otel,
    /// Exported logs of Google AI Studio. No public text names the export's fields; a row is searched for the
    /// request and the response that it holds, and both are taken as the Developer API's.
    AiStudio,
    /// Cassettes of VCR and VCR.py, YAML or JSON.
    Vcr,
    /// `burndown.observation/1`, or the CSV of published usage.
    Observation,
    /// `burndown.aggregate/1`.
    Aggregate,
}

impl LogFormat {
    /// All of them.
    pub const ALL: [LogFormat; 10] = [
        LogFormat::Response,
        LogFormat::Vertex,
        LogFormat::LiteLlm,
        LogFormat::Langfuse,
        LogFormat::Helicone,
        LogFormat::Otel,
        LogFormat::AiStudio,
        LogFormat::Vcr,
        LogFormat::Observation,
        LogFormat::Aggregate,
    ];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Response => "response",
            LogFormat::Vertex => "vertex",
            LogFormat::LiteLlm => "litellm",
            LogFormat::Langfuse => "langfuse",
            LogFormat::Helicone => "helicone",
            LogFormat::Otel => "otel",
            LogFormat::AiStudio => "ai-studio",
            LogFormat::Vcr => "vcr",
            LogFormat::Observation => "observation",
            LogFormat::Aggregate => "aggregate",
        }
    }

    /// The format of a row by the fields that only it has; `None` when none fits.
    pub fn of(row: &Value) -> Option<LogFormat> {
        let has = |name: &str| row.get(name).is_some();
        let schema = row.get("schema").and_then(Value::as_str);
        if schema == Some(AGGREGATE_SCHEMA) {
            return Some(LogFormat::Aggregate);
        }
        if schema == Some(OBSERVATION_SCHEMA) {
            return Some(LogFormat::Observation);
        }
        if has("full_response") || has("response_payload") || (has("logging_time") && has("api_method")) {
            return Some(LogFormat::Vertex);
        }
        if has("startTime") && has("call_type") && (has("prompt_tokens") || has("custom_llm_provider")) {
            return Some(LogFormat::LiteLlm);
        }
        let by_name = [
            (has("traceId") || has("trace_id"), vendors::is_langfuse(row), LogFormat::Langfuse),
            (has("request_created_at"), has("request_id"), LogFormat::Helicone),
            (otel::is_span(row), true, LogFormat::Otel),
            (has("request") && has("response"), vcr::is_interaction(row), LogFormat::Vcr),
        ];
        let found = by_name.iter().find(|(first, second, _)| *first && *second);
        found.map(|(.., format)| *format).or_else(|| find_body(row, 0).map(|_| LogFormat::Response))
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LogFormat {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<LogFormat, UnknownWord> {
        LogFormat::ALL.into_iter().find(|format| format.as_str() == word).ok_or_else(|| UnknownWord {
            what: "log format",
            found: word.to_string(),
            expected: LogFormat::ALL.map(LogFormat::as_str).to_vec(),
        })
    }
}

/// What names the route of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RouteBy {
    /// One route, named `all`.
    #[default]
    All,
    /// The model.
    Model,
    /// The output size asked for.
    Size,
    /// A field by its path, looked up in the request first, then in the row: `labels.feature`.
    Path(Vec<String>),
}

/// The route of rows that do not have the field.
pub(super) const UNLABELLED: &str = "unlabelled";

/// Longest name of a route, letters.
pub(super) const ROUTE_MAX: usize = 64;

impl FromStr for RouteBy {
    type Err = String;

    fn from_str(text: &str) -> Result<RouteBy, String> {
        match text {
            "model" => Ok(RouteBy::Model),
            "size" => Ok(RouteBy::Size),
            path => {
                let parts: Vec<String> = path.split('.').map(String::from).collect();
                let plain = |part: &String| {
                    !part.is_empty()
                        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
                };
                if parts.iter().all(plain) && parts.len() <= 8 {
                    Ok(RouteBy::Path(parts))
                } else {
                    Err(format!(
                        "expected `model`, `size` or a path such as `labels.feature`, found `{path}`"
                    ))
                }
            }
        }
    }
}

impl RouteBy {
    /// The route of a row.
    fn of(&self, found: &Found, row: &Value) -> String {
        let name = match self {
            RouteBy::All => return "all".into(),
            RouteBy::Model => Some(last_part(&found.observation.model).to_string()),
            RouteBy::Size => found.observation.shape.output_size.map(|size| size.to_string()),
            RouteBy::Path(path) => {
                let below = |from: &Value| {
                    // Attributes of spans have dots in their names.
                    let nested = path.iter().try_fold(from, |value, part| value.get(part));
                    let place = nested.or_else(|| from.get(path.join(".")))?;
                    match place {
                        Value::String(text) => Some(text.clone()),
                        Value::Number(number) => Some(number.to_string()),
                        Value::Bool(flag) => Some(flag.to_string()),
                        _ => None,
                    }
                };
                found.request.as_ref().and_then(below).or_else(|| below(row))
            }
        };
        let name = name.unwrap_or_default();
        let name: String =
            name.trim().chars().filter(|letter| !letter.is_control()).take(ROUTE_MAX).collect();
        if name.is_empty() { UNLABELLED.into() } else { name }
    }
}

/// What a row held.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The attempt.
    pub observation: Observation,
    /// The request, where the log kept it.
    pub request: Option<Value>,
    /// Microseconds since 1970 in UTC.
    pub moment: Option<i64>,
}

/// A row as it counts.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub observation: Observation,
    pub route: String,
    pub minute: Option<i64>,
    /// What tells the same response in another export.
    pub id: Option<u128>,
}

/// What one piece of JSON holds: rows, or a row of an aggregate.
pub(super) enum Piece {
    /// An attempt, or why it is none.
    Attempt(Result<Box<Row>, Reject>),
    /// A row of an aggregate.
    Aggregate(Map<String, Value>),
}

/// The rows of one piece of JSON: a list's elements, a document's entries, a body as it is.
pub(super) fn pieces(
    value: Value,
    format: Option<LogFormat>,
    route_by: &RouteBy,
    backend: Option<Backend>,
) -> Vec<Piece> {
    let rows = expand(value);
    let pieces = rows.into_iter().map(|row| {
        if format.is_none_or(|format| format == LogFormat::Aggregate)
            && row.get("schema").and_then(Value::as_str) == Some(AGGREGATE_SCHEMA)
            && let Value::Object(map) = row
        {
            return Piece::Aggregate(map);
        }
        Piece::Attempt(attempt(row, format, route_by, backend).map(Box::new))
    });
    pieces.collect()
}

fn attempt(
    row: Value,
    format: Option<LogFormat>,
    route_by: &RouteBy,
    backend: Option<Backend>,
) -> Result<Row, Reject> {
    let format = format.or_else(|| LogFormat::of(&row)).ok_or(Reject::UnknownFormat)?;
    let mut found = match format {
        LogFormat::Response | LogFormat::AiStudio => pair(&row)?,
        LogFormat::Vertex => vertex(&row)?,
        LogFormat::LiteLlm => vendors::litellm(&row)?,
        LogFormat::Langfuse => vendors::langfuse(&row)?,
        LogFormat::Helicone => vendors::helicone(&row)?,
        LogFormat::Otel => otel::span(&row)?,
        LogFormat::Vcr => vcr::interaction(&row)?,
        LogFormat::Observation => own(&row)?,
        LogFormat::Aggregate => return Err(Reject::UnknownFormat),
    };
    if format == LogFormat::AiStudio {
        found.observation.backend = Some(Backend::Developer);
    }
    let route = route_by.of(&found, &row);
    let Found { mut observation, moment, .. } = found;
    observation.schema = OBSERVATION_SCHEMA.into();
    observation.backend = backend.or(observation.backend);
    if let Some(text) = moment.and_then(moment_text) {
        observation.at = Some(text);
    }
    // Clocks that were set back tell nothing.
    observation.latency_seconds =
        observation.latency_seconds.filter(|seconds| (0.0..=LATENCY_SECONDS_MAX).contains(seconds));
    if format != LogFormat::Observation {
        observation.note = (*route_by != RouteBy::All).then(|| format!("route={route}"));
    }
    let minute = moment.map(|micros| micros.div_euclid(60_000_000));
    Ok(Row { observation, route, minute, id: id_of(&row, format) })
}

/// What tells a response when it is exported twice: its own id, else that of the log's row.
fn id_of(row: &Value, format: LogFormat) -> Option<u128> {
    let first = |body: &Value| match body {
        Value::Array(chunks) => text(chunks.first()?, "responseId"),
        body => text(body, "responseId"),
    };
    let of_row = |kind, name| text(row, name).map(|id| identity(kind, &id));
    let response = match format {
        LogFormat::Vertex => column(row, "full_response", "response_payload"),
        LogFormat::Response | LogFormat::AiStudio | LogFormat::Vcr => find_body(row, 0),
        LogFormat::LiteLlm
        | LogFormat::Helicone
        | LogFormat::Langfuse
        | LogFormat::Otel
        | LogFormat::Aggregate
        | LogFormat::Observation => None,
    };
    if let Some(id) = response.and_then(first) {
        return Some(identity("response", &id));
    }
    match format {
        LogFormat::Vertex => of_row("vertex", "request_id"),
        LogFormat::LiteLlm => of_row("litellm", "request_id"),
        LogFormat::Helicone => of_row("helicone", "request_id"),
        LogFormat::Langfuse => of_row("langfuse", "id"),
        LogFormat::Otel => {
            let span = [text(row, "traceId")?, text(row, "spanId")?].join("/");
            Some(identity("otel", &span))
        }
        LogFormat::Response
        | LogFormat::AiStudio
        | LogFormat::Vcr
        | LogFormat::Aggregate
        | LogFormat::Observation => None,
    }
}

/// A line of `burndown.observation/1`; its route stands in the note where an import put it.
fn own(row: &Value) -> Result<Found, Reject> {
    let observation: Observation = from_json_value(row).map_err(|error| Reject::Broken(error.to_string()))?;
    let route = observation.note.as_ref().and_then(|note| note.strip_prefix("route="));
    let request = route.map(|route| serde_json::json!({ "labels": { "route": route } }));
    let moment = observation.at.as_deref().filter(|at| at.len() > 10).and_then(moment);
    Ok(Found { observation, request, moment })
}

/// Any row that holds a body: bare, beside its request, or somewhere in its fields.
fn pair(row: &Value) -> Result<Found, Reject> {
    let body = find_body(row, 0).ok_or(Reject::NoUsage)?;
    let request = find_request(row, 0);
    let observation = observe(body.clone(), request)?;
    let times = ["createTime", "logging_time", "timestamp", "created_at", "createdAt", "time"];
    let first = body.as_array().and_then(|chunks| chunks.first()).unwrap_or(body);
    let time = times.iter().find_map(|name| text(first, name).or_else(|| text(row, name)));
    Ok(Found { observation, request: request.cloned(), moment: time.as_deref().and_then(moment) })
}

/// How deep in a row a body may lie.
const BODY_DEPTH: usize = 4;

fn is_body(value: &Value) -> bool {
    let error = || {
        field(value, "error").is_some_and(|error| error.get("code").is_some_and(Value::is_number))
            && field(value, "response").is_none()
    };
    let usage = || field(value, "promptTokenCount").is_some() || field(value, "totalTokenCount").is_some();
    let known = ["usageMetadata", "candidates", "promptFeedback"];
    known.iter().any(|name| field(value, name).is_some())
        || field(value, "usage").is_some_and(|usage| field(usage, "totalInputTokens").is_some())
        || usage()
        || error()
}

/// A body within a row; the chunks of a stream are one.
pub(super) fn find_body(value: &Value, depth: usize) -> Option<&Value> {
    if is_body(value) {
        return Some(value);
    }
    match value {
        Value::Array(chunks) if chunks.first().is_some_and(is_body) => Some(value),
        Value::Object(map) if depth < BODY_DEPTH => {
            // What stands under `response` is meant before anything else that looks like a body.
            let names = ["response", "response_body", "responseBody", "body"];
            let named = names.iter().filter_map(|name| map.get(*name));
            named.chain(map.values()).find_map(|inner| find_body(inner, depth + 1))
        }
        _ => None,
    }
}

/// A request within a row.
pub(super) fn find_request(value: &Value, depth: usize) -> Option<&Value> {
    if field(value, "contents").is_some() {
        return Some(value);
    }
    match value {
        Value::Object(map) if depth < BODY_DEPTH => {
            map.values().find_map(|inner| find_request(inner, depth + 1))
        }
        _ => None,
    }
}

/// A row of Vertex AI's request-response logging.
///
/// Columns: `logging_time`, `model`, `endpoint`, `api_method`, `full_request`, `full_response` (JSON or text),
/// `request_payload`, `response_payload` (repeated texts), `metadata.request_latency` in milliseconds.
/// Source: Vertex AI, "Log requests and responses", and the queries that public repositories run on the table.
fn vertex(row: &Value) -> Result<Found, Reject> {
    let response = column(row, "full_response", "response_payload").ok_or(Reject::NoUsage)?;
    let request = column(row, "full_request", "request_payload").and_then(find_request_in);
    let mut observation = observe(response.clone(), request)?;
    observation.backend = Some(Backend::Vertex);
    observation.model = text(row, "model").unwrap_or(observation.model);
    let endpoint = [text(row, "endpoint"), text(row, "model")];
    observation.location = endpoint.iter().flatten().find_map(|name| location_in(name)).map(String::from);
    let metadata = field(row, "metadata");
    let latency = metadata.and_then(|metadata| super::google::number(metadata, "request_latency"));
    observation.latency_seconds = latency.map(|milliseconds| milliseconds / 1000.0);
    let time = text(row, "logging_time").as_deref().and_then(moment);
    Ok(Found { observation, request: request.cloned(), moment: time })
}

/// A column of JSON, or the one of repeated texts that older logs have in its place.
fn column<'a>(row: &'a Value, full: &str, payload: &str) -> Option<&'a Value> {
    let listed = || field(row, payload).filter(|list| list.as_array().is_none_or(|list| !list.is_empty()));
    field(row, full).or_else(listed)
}

/// A repeated payload holds the request as its first element.
fn find_request_in(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(parts) => parts.iter().find(|part| part.is_object()),
        other => Some(other),
    }
}

/// `us-central1` of `projects/p/locations/us-central1/publishers/…`.
pub(super) fn location_in(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once("locations/")?;
    rest.split('/').next().filter(|location| !location.is_empty())
}

/// The last part of a longer name: `gemini-2.5-pro` of `publishers/google/models/gemini-2.5-pro`.
pub(super) fn last_part(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// An id as 128 bits; ids of different kinds never meet.
pub(super) fn identity(kind: &str, id: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(kind.as_bytes());
        hasher.write_u8(0);
        hasher.write(id.as_bytes());
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// The rows of a piece of JSON.
fn expand(value: Value) -> Vec<Value> {
    if otel::is_export(&value) {
        return otel::spans_of(value);
    }
    match value {
        Value::Array(items) if items.first().is_some_and(is_body) => streams(items),
        Value::Array(items) => items.into_iter().flat_map(expand).collect(),
        Value::Object(mut map) => {
            let lists = ["interactions", "http_interactions", "data", "observations", "logs"];
            let name = lists.into_iter().find(|name| {
                map.get(*name).and_then(Value::as_array).is_some_and(|list| list.iter().all(Value::is_object))
                    && !map.contains_key("response")
            });
            match name.and_then(|name| map.remove(name)) {
                Some(Value::Array(items)) => items,
                _ => vec![Value::Object(map)],
            }
        }
        other => vec![other],
    }
}

/// A list of bodies: each stream's chunks together, told by `responseId` or by where an answer finishes.
fn streams(items: Vec<Value>) -> Vec<Value> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut last: Option<(Option<String>, bool)> = None;
    for item in items {
        let id = text(&item, "responseId");
        let finished = || {
            let reason = field(&item, "candidates")?.as_array()?.first()?;
            field(reason, "finishReason").map(|_| ())
        };
        let finished = finished().is_some();
        let same = last.as_ref().is_some_and(|(before, ended)| match (before, &id) {
            (Some(before), Some(id)) => before == id,
            _ => !ended,
        });
        match rows.last_mut().filter(|_| same) {
            Some(chunks) => chunks.push(item),
            None => rows.push(vec![item]),
        }
        last = Some((id, finished));
    }
    let one =
        |mut chunks: Vec<Value>| if chunks.len() == 1 { chunks.remove(0) } else { Value::Array(chunks) };
    rows.into_iter().map(one).collect()
}
