//! Who answered and at which tier, as far as the body tells.

use serde_json::{Map, Value};

use super::{super::law::Anomaly, Told, UsageFields, fields::get, text_of};
use crate::model::{Backend, Tier};

/// Whether the usage counts what the answer holds.
pub(super) fn says_candidates(usage: UsageFields<'_>) -> bool {
    let (UsageFields::Generate(fields) | UsageFields::Interaction(fields)) = usage;
    get(fields, "candidatesTokenCount").or_else(|| get(fields, "totalOutputTokens")).is_some()
}

/// Vertex sends `trafficType` with every answer and `createTime` with most (128 of 128 recorded);
/// the Developer API sends neither, and `serviceTier` since 2026.
pub(super) fn backend_told(
    chunks: &[Map<String, Value>],
    usage: Option<UsageFields<'_>>,
) -> Option<Told<Backend>> {
    let told = |value, by: &str| Some(Told { value, by: by.to_string() });
    if usage_text(chunks, "trafficType").is_some() {
        return told(Backend::Vertex, "trafficType, which only Vertex sends");
    }
    if text_of(chunks, "createTime").is_some() {
        return told(Backend::Vertex, "createTime, which only Vertex sends");
    }
    if let Some((field, _)) = service_tier(chunks) {
        return told(Backend::Developer, &format!("{field}, which only the Developer API sends"));
    }
    // A dump of the usage alone lacks what else would tell.
    let whole_body = ["candidates", "promptFeedback", "modelVersion", "usage"];
    if !chunks.iter().any(|chunk| whole_body.iter().any(|key| get(chunk, key).is_some())) {
        return None;
    }
    match usage? {
        UsageFields::Interaction(_) => told(Backend::Developer, "the Interactions API's usage fields"),
        UsageFields::Generate(_) => {
            told(Backend::Developer, "the absence of trafficType, which Vertex always sends")
        }
    }
}

pub(super) fn tier_told(chunks: &[Map<String, Value>], anomalies: &mut Vec<Anomaly>) -> Option<Told<Tier>> {
    if let Some(value) = usage_text(chunks, "trafficType") {
        let tier = match value.rsplit('.').next().unwrap_or(&value) {
            "ON_DEMAND" => Tier::Standard,
            "ON_DEMAND_PRIORITY" => Tier::Priority,
            "ON_DEMAND_FLEX" => Tier::Flex,
            "PROVISIONED_THROUGHPUT" => Tier::Provisioned,
            "TRAFFIC_TYPE_UNSPECIFIED" => return None,
            _ => {
                anomalies.push(Anomaly::UnknownTrafficType { value });
                return None;
            }
        };
        return Some(Told { value: tier, by: format!("trafficType {value}") });
    }
    let (field, value) = service_tier(chunks)?;
    let tier = match value.rsplit('.').next().unwrap_or(&value).to_lowercase().as_str() {
        "standard" => Tier::Standard,
        "flex" => Tier::Flex,
        "priority" => Tier::Priority,
        "batch" => Tier::Batch,
        _ => {
            anomalies.push(Anomaly::UnknownServiceTier { value });
            return None;
        }
    };
    Some(Told { value: tier, by: format!("{field} {value}") })
}

/// The Developer API's tier: in the usage, at the top of an interaction, or in the header that the Python
/// SDK keeps (its usage object drops the field).
fn service_tier(chunks: &[Map<String, Value>]) -> Option<(&'static str, String)> {
    if let Some(value) = usage_text(chunks, "serviceTier").or_else(|| text_of(chunks, "serviceTier")) {
        return Some(("serviceTier", value));
    }
    let header = chunks.iter().rev().find_map(|chunk| {
        let response = get(chunk, "sdkHttpResponse")?.as_object()?;
        let headers = response.get("headers")?.as_object()?;
        headers.get("x-gemini-service-tier")?.as_str().map(str::to_string)
    });
    header.map(|value| ("header x-gemini-service-tier", value))
}

/// A text field of the usage object, from the last chunk that has it.
fn usage_text(chunks: &[Map<String, Value>], name: &str) -> Option<String> {
    let usages = chunks.iter().rev().filter_map(|chunk| get(chunk, "usageMetadata")?.as_object());
    usages.filter_map(|usage| get(usage, name)?.as_str().map(str::to_string)).next()
}
