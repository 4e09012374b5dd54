//! Cassettes: HTTP exchanges that tests recorded, by VCR (Ruby) and VCR.py, in YAML or JSON.
//!
//! Source: kevin1024/vcrpy (`interactions` with `request.uri`, `request.body`, `response.status.code`,
//! `response.body.string`), vcr/vcr (`http_interactions`, `recorded_at`), and pydantic/pydantic-ai, whose
//! cassettes hold `parsed_body` in place of the body's text.

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Number, Value};

use super::{
    Reject,
    google::{field, observe, text},
    rows::{Found, find_body, find_request, location_in},
    vendors::google_backend,
};
use crate::calendar::moment;

/// Deepest nesting of a cassette that is read.
const DEPTH_MAX: usize = 100;

/// Whether a row is one exchange of a cassette.
pub(super) fn is_interaction(row: &Value) -> bool {
    row.get("request").is_some_and(|request| request.get("uri").is_some_and(Value::is_string))
}

/// One exchange as an attempt.
pub(super) fn interaction(row: &Value) -> Result<Found, Reject> {
    let (Some(request), Some(response)) = (field(row, "request"), field(row, "response")) else {
        return Err(Reject::NoUsage);
    };
    let uri = text(request, "uri").unwrap_or_default();
    if google_backend(&uri).is_none() || !uri.to_lowercase().contains("generatecontent") {
        return Err(Reject::NotACall("another address than generateContent of Google"));
    }
    let asked = find_request(request, 0);
    let body = find_body(response, 0);
    let status = field(response, "status").and_then(|status| super::google::count(status, "code"));
    let status = status.and_then(|code| u16::try_from(code).ok());
    let mut observation = match body {
        Some(body) => observe(body.clone(), asked)?,
        None if status.is_some_and(|code| code >= 400) => crate::usage::NOT_TOLD,
        None => return Err(Reject::NoUsage),
    };
    observation.status = status.or(observation.status);
    observation.backend = google_backend(&uri);
    observation.location = location_in(&uri).map(String::from);
    let named = uri.split("/models/").nth(1).and_then(|rest| rest.split([':', '?', '/']).next());
    if observation.model.is_empty() {
        observation.model = named.unwrap_or_default().to_string();
    }
    observation.latency_seconds = server_time(response);
    let time = text(row, "recorded_at").or_else(|| body.and_then(|body| text(body, "createTime")));
    Ok(Found { observation, request: asked.cloned(), moment: time.as_deref().and_then(moment) })
}

/// The server's own time, seconds, from the Developer API's header `server-timing: gfet4t7; dur=5634`.
fn server_time(response: &Value) -> Option<f64> {
    let headers = field(response, "headers")?.as_object()?;
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("server-timing"))?;
    let line = match value {
        Value::Array(lines) => lines.first()?.as_str()?,
        other => other.as_str()?,
    };
    let milliseconds: f64 = line.split("dur=").nth(1)?.split([',', ';']).next()?.trim().parse().ok()?;
    Some(milliseconds / 1000.0)
}

/// A YAML document as JSON.
///
/// # Errors
///
/// When it is not YAML, is nested too deeply, or uses aliases (which can make a small file large).
pub(super) fn from_yaml(text: &str) -> Result<Value, Reject> {
    let broken = |problem: String| Reject::Broken(format!("YAML: {problem}"));
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| broken(error.to_string()))?;
        let done = match event {
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                None
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop() {
                Some(Open::Map(map, _)) => Some(Value::Object(map)),
                Some(Open::List(list)) => Some(Value::Array(list)),
                None => None,
            },
            Event::Scalar(text, style, ..) => {
                let plain = style == saphyr_parser::ScalarStyle::Plain;
                Some(if plain { scalar(&text) } else { Value::String(text.into_owned()) })
            }
            Event::Alias(_) => return Err(broken("aliases are not read".into())),
            _ => None,
        };
        if open.len() > DEPTH_MAX {
            return Err(broken(format!("nested more than {DEPTH_MAX} deep")));
        }
        let Some(value) = done else { continue };
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(map, key)) => match key.take() {
                None => *key = Some(value.as_str().map_or_else(|| value.to_string(), String::from)),
                Some(name) if map.contains_key(&name) => return Err(Reject::Twice(format!("`{name}`"))),
                Some(name) => {
                    map.insert(name, value);
                }
            },
        }
    }
    Err(broken("no document".into()))
}

/// A mapping with the key that waits for its value, or a list.
enum Open {
    Map(Map<String, Value>, Option<String>),
    List(Vec<Value>),
}

/// A plain scalar: null, a flag, a number, else a text.
fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => {
                let number = text.parse::<f64>().ok().and_then(Number::from_f64);
                number.filter(|_| text.contains('.')).map_or_else(|| text.into(), Value::Number)
            }
        },
    }
}
