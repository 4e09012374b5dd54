//! Base64 as clients write it, and signatures of thoughts that come back with the next turn.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use serde_json::Value;

use super::call::Route;
use crate::{
    model::Backend,
    prices::{ModelFacts, ModelKind},
};

/// Thoughts of an earlier turn that come back with their signature. On the Developer API they are part of the
/// prompt (Gemini 3 text models, 9 of 9 recorded runs), on Vertex AI they are not (8 of 8).
pub(super) fn replayed(route: &Route, facts: &ModelFacts, part: &Value) -> u64 {
    let counts = route.backend() == Backend::Developer
        && facts.kind == ModelKind::Text
        && facts.id.0.starts_with("gemini-3");
    let signature = part.get("thoughtSignature").and_then(Value::as_str).filter(|_| counts);
    signature.and_then(thoughts_behind).unwrap_or(0)
}

const SIGNED: &str = "emulated thoughts: ";

/// The signature of an answer's thoughts; the emulator's own holds their number.
pub(super) fn signature(thoughts: u64) -> String {
    BASE64_STANDARD.encode(format!("{SIGNED}{thoughts}"))
}

/// The number behind a signature; `None` when it is none of the emulator's, or is out of all proportion.
fn thoughts_behind(signature: &str) -> Option<u64> {
    let text = String::from_utf8(decode(signature)?).ok()?;
    text.strip_prefix(SIGNED)?.parse().ok().filter(|thoughts| *thoughts <= 1_000_000)
}

/// Base64 in the standard or the url-safe alphabet, padded or not.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(text).ok()
}
