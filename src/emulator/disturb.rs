//! What faults make of an answer: a refusal instead of it, other words in it, a broken connection.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use super::{
    answer::{Body, Making},
    call::{Call, Verb},
    emulation::{Piece, Reply, Understood},
    fault::FaultKind,
    refusal::{FREE_TIER, PAID_TIER, Quota, Refusal},
};
use crate::model::Backend;

/// The name in answers of another model than the one that was asked.
const OTHER_MODEL: &str = "gemini-2.5-flash";

/// What hyper needs to send what it has before the connection breaks.
const FLUSH: Duration = Duration::from_millis(50);

/// Where a redirect leads: another name of the same host, so that clients take it for a stranger.
fn elsewhere(call: &Call) -> String {
    let host = call.header("host").unwrap_or_default().replace("127.0.0.1", "localhost");
    let host = if host.is_empty() { host } else { format!("http://{host}") };
    format!("{host}/_burndown/elsewhere")
}

/// The reply of a fault that is no answer, and whether the work is charged.
pub(super) fn refused(fault: &FaultKind, call: &Call, understood: &Understood<'_>) -> Option<(Reply, bool)> {
    let backend = understood.route.backend();
    let model = &understood.facts.id.0;
    let on_developer = backend == Backend::Developer;
    let refusal = match fault {
        FaultKind::Quota { retry_seconds } if on_developer => {
            Refusal::quota(model, &Quota { retry_seconds: Some(*retry_seconds), ..PAID_TIER })
        }
        FaultKind::FreeTier if on_developer => Refusal::quota(model, &FREE_TIER),
        FaultKind::Busy | FaultKind::Quota { .. } | FaultKind::FreeTier => Refusal::busy(backend),
        FaultKind::RetryAfter { retry_seconds } => {
            let mut reply = Reply::from(&Refusal::busy(backend));
            reply.headers.push(("retry-after".into(), format!("{:.0}", retry_seconds.ceil())));
            return Some((reply, false));
        }
        FaultKind::Internal => Refusal::internal(),
        FaultKind::Overloaded => Refusal::overloaded(),
        FaultKind::Deadline { billed } => return Some((Reply::from(&Refusal::deadline()), *billed)),
        FaultKind::TokenExpired => Refusal::no_token(true),
        FaultKind::ApiDisabled => {
            Refusal::api_disabled(backend, understood.route.project.as_deref().unwrap_or("123456789"))
        }
        FaultKind::Forbidden => Refusal::no_permission(&understood.route.resource()),
        FaultKind::Rejected => Refusal::argument("Request contains an invalid argument."),
        FaultKind::NotFound => {
            let route = &understood.route;
            Refusal::model(backend, &route.resource(), &route.version, route.verb.as_str(), false)
        }
        FaultKind::Redirect => {
            let mut reply = Reply::bytes(307, "text/html", Vec::new());
            reply.headers.push(("location".into(), elsewhere(call)));
            return Some((reply, false));
        }
        FaultKind::Reset { billed } => {
            let mut reply = Reply::bytes(200, "application/json", Vec::new());
            (reply.pieces, reply.length) = (vec![Piece::Cut], None);
            return Some((reply, *billed));
        }
        FaultKind::Html => {
            let page = "<!doctype html><title>Proxy</title><p>Please sign in again.</p>";
            return Some((Reply::bytes(200, "text/html; charset=utf-8", page.into()), true));
        }
        _ => return None,
    };
    Some((Reply::from(&refusal), false))
}

/// The body as texts in the order they are sent: one, or one for each chunk of a stream.
pub(super) fn texts(making: &Making<'_>, body: Body, fault: &Option<FaultKind>) -> Vec<String> {
    let text = |mut value: Value| {
        if let (Some(FaultKind::NoUsage), Some(object)) = (fault, value.as_object_mut()) {
            object.remove("usageMetadata");
        }
        if let (Some(FaultKind::WrongModel), Some(object)) = (fault, value.as_object_mut()) {
            object.insert("modelVersion".into(), OTHER_MODEL.into());
        }
        value.to_string()
    };
    if making.route.verb != Verb::Stream {
        return vec![text(body.whole)];
    }
    let mut chunks: Vec<String> = body.chunks.into_iter().map(text).collect();
    if matches!(fault, Some(FaultKind::CutStream)) {
        chunks.pop();
    }
    if making.is_sse {
        return chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect();
    }
    let last = chunks.len().saturating_sub(1);
    let framed = chunks.iter().enumerate().map(|(at, chunk)| {
        let (open, close) = (if at == 0 { "[" } else { ",\r\n" }, if at == last { "]" } else { "" });
        format!("{open}{chunk}{close}")
    });
    framed.collect()
}

/// A whole reply with the fault of the connection in it.
pub(super) fn disturbed(mut reply: Reply, fault: &Option<FaultKind>) -> Reply {
    let whole: Vec<u8> = reply.body().unwrap_or_default();
    match fault {
        Some(FaultKind::Dropped { after }) => {
            let kept = ((whole.len() as f64 * after.value()) as usize).min(whole.len().saturating_sub(1));
            reply.pieces = vec![Piece::Bytes(whole[..kept].to_vec()), Piece::Wait(FLUSH), Piece::Cut];
        }
        Some(FaultKind::Malformed) => {
            // Without its first colon it is no JSON any more; the one behind `data` is no part of it.
            let mut whole = whole;
            let from = if whole.starts_with(b"data:") { 5 } else { 0 };
            if let Some(colon) = whole[from..].iter().position(|byte| *byte == b':') {
                whole[from + colon] = b' ';
            }
            reply.pieces = vec![Piece::Bytes(whole)];
        }
        Some(FaultKind::Empty) => (reply.pieces, reply.length) = (vec![Piece::Bytes(Vec::new())], Some(0)),
        Some(FaultKind::GzipBomb { megabytes }) => {
            reply.headers.push(("content-encoding".into(), "gzip".into()));
            reply.pieces = vec![Piece::Bytes(bomb(*megabytes, &whole))];
            reply.length = None;
        }
        Some(FaultKind::Mislabelled) => {
            let kind = reply.headers.iter_mut().find(|(name, _)| name == "content-type");
            kind.into_iter().for_each(|(_, value)| *value = "text/plain".into());
        }
        Some(FaultKind::CutStream) if whole.starts_with(b"data:") => {}
        Some(FaultKind::Truncated | FaultKind::CutStream) => {
            reply.pieces = vec![Piece::Bytes(whole[..whole.len() / 2].to_vec())];
            reply.length = None;
        }
        Some(FaultKind::Huge { megabytes }) => {
            // Blanks before JSON, a comment before events: both are allowed.
            let is_sse = whole.starts_with(b"data:");
            let blanks = Piece::Blank(megabytes * 1024 * 1024);
            let around: [&[u8]; 2] = if is_sse { [b":", b"\r\n\r\n"] } else { [b"", b""] };
            let [open, close] = around.map(|bytes| Piece::Bytes(bytes.to_vec()));
            reply.pieces.splice(0..0, [open, blanks, close]);
            reply.length = None;
        }
        Some(FaultKind::SlowLoris { milliseconds }) => {
            let wait = Piece::Wait(Duration::from_millis(*milliseconds));
            let drops = whole.chunks(whole.len() / 50 + 1);
            reply.pieces = drops.flat_map(|drop| [wait.clone(), Piece::Bytes(drop.to_vec())]).collect();
        }
        _ => {}
    }
    reply
}

/// Blank space before an answer, packed.
fn bomb(megabytes: u64, answer: &[u8]) -> Vec<u8> {
    let blanks = vec![b' '; 1024 * 1024];
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = (0..megabytes).try_for_each(|_| packer.write_all(&blanks));
    let packed = packed.and_then(|()| packer.write_all(answer)).and_then(|()| packer.finish());
    packed.expect("nothing fails in memory")
}
