//! From reported counts to exclusive classes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{ByClass, TokenClass};

/// The usage fields of one answer as reported; absent stays absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Counts {
    /// `promptTokenCount`; cached tokens are part of it.
    pub prompt: Option<u64>,
    /// `promptTokensDetails`, in the order reported, repeats kept.
    pub prompt_details: Vec<(String, u64)>,
    /// `cachedContentTokenCount`.
    pub cached: Option<u64>,
    /// `cacheTokensDetails`.
    pub cached_details: Vec<(String, u64)>,
    /// `toolUsePromptTokenCount`; not part of the prompt count.
    pub tool_use: Option<u64>,
    /// `candidatesTokenCount`; thoughts are not part of it.
    pub candidates: Option<u64>,
    /// `candidatesTokensDetails`.
    pub candidates_details: Vec<(String, u64)>,
    /// `thoughtsTokenCount`.
    pub thoughts: Option<u64>,
    /// `totalTokenCount`.
    pub total: Option<u64>,
}

/// Something odd about reported usage, by name. `Display` says what was made of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error, JsonSchema)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Anomaly {
    /// No usage at all.
    #[error("no usage is reported")]
    UsageAbsent,
    /// The prompt count is missing; derived from the total where there is one.
    #[error("the prompt count is missing{}", match derived { Some(tokens) => format!("; {tokens} tokens follow from what else is reported"), None => "; what the prompt costs is not known".into() })]
    PromptMissing {
        /// What the total leaves for the prompt.
        derived: Option<u64>,
    },
    /// The answer's count is missing, but its details are there.
    #[error("the answer count is missing; its details add up to {itemised} tokens, there may be more")]
    AnswerCountMissing {
        /// Sum of the details.
        itemised: u64,
    },
    /// Details cover less than the prompt count.
    #[error("{tokens} prompt tokens have no modality; they are counted as text")]
    PromptPartlyItemised {
        /// The remainder.
        tokens: u64,
    },
    /// An image answer whose details list less than the candidates count.
    #[error("{tokens} answer tokens have no modality; they are counted as text")]
    OutputPartlyItemised {
        /// The remainder.
        tokens: u64,
    },
    /// An image answer without details: image tokens cannot be told from text.
    #[error(
        "the answer holds {image_parts} image(s) but no modality details: its {tokens} tokens cannot be told apart and are counted as text, so the cost is at least what is shown"
    )]
    OutputDetailsAbsent {
        /// Images in the answer.
        image_parts: u64,
        /// Candidates tokens.
        tokens: u64,
    },
    /// A modality stands more than once; the entries were summed.
    #[error("modality {modality} is listed {times} times in the {part} details; the entries are summed")]
    RepeatedModality {
        /// "prompt", "cache" or "answer".
        part: &'static str,
        /// As reported.
        modality: String,
        /// Entries.
        times: u64,
    },
    /// Details exceed the count they belong to.
    #[error("the {part} details add up to {details}, more than the count of {count}; the count is taken")]
    DetailsExceedCount {
        /// "prompt", "cache" or "answer".
        part: &'static str,
        /// Sum of the details.
        details: u64,
        /// The count.
        count: u64,
    },
    /// More cached tokens than prompt tokens.
    #[error("{cached} cached tokens are more than the prompt's {prompt}; the prompt count is taken")]
    CacheExceedsPrompt {
        /// Cached count.
        cached: u64,
        /// Prompt count.
        prompt: u64,
    },
    /// The reported total is not the sum of its parts.
    #[error("the total is {reported}, its parts add up to {sum}; the parts are taken")]
    TotalMismatch {
        /// `totalTokenCount`.
        reported: u64,
        /// Prompt + candidates + thoughts + tool use.
        sum: u64,
    },
    /// Candidates repeat the thoughts (seen on refusals); they are counted once.
    #[error("the {tokens} thinking tokens are reported again as the answer; they are counted once")]
    ThoughtsInsideCandidates {
        /// Thinking tokens.
        tokens: u64,
    },
    /// A modality this program does not know.
    #[error("unknown modality {modality} in the {part} details ({tokens} tokens); counted as text")]
    UnknownModality {
        /// "prompt", "cache" or "answer".
        part: &'static str,
        /// As reported.
        modality: String,
        /// Tokens.
        tokens: u64,
    },
    /// A usage field this program does not know; kept, not interpreted.
    #[error("unknown usage field {field}; it is not part of the cost shown")]
    UnknownField {
        /// Its name.
        field: String,
    },
    /// A traffic type this program does not know.
    #[error("unknown traffic type {value}; the tier is not known from the answer")]
    UnknownTrafficType {
        /// As reported.
        value: String,
    },
    /// A service tier this program does not know.
    #[error("unknown service tier {value}; the tier is not known from the answer")]
    UnknownServiceTier {
        /// As reported.
        value: String,
    },
    /// A count that is not a whole number from 0 up.
    #[error("{field} is `{value}`, expected a whole number; it is treated as missing")]
    NotACount {
        /// The field.
        field: String,
        /// As reported.
        value: String,
    },
    /// The picture has not the size that was asked for.
    #[error("a {asked} image was asked for, {received} pixels came back")]
    SizeDiffers {
        /// Size class asked for.
        asked: String,
        /// Pixels received.
        received: String,
    },
    /// More images came back than one.
    #[error(
        "{parts} images came back, {flagged} of them flagged as thoughts; the image tokens reported cover {covered}"
    )]
    SeveralImages {
        /// Image parts.
        parts: u64,
        /// Of these, with `thought: true`.
        flagged: u64,
        /// What the image tokens say, in words.
        covered: String,
    },
}

impl Anomaly {
    /// Whether some of the cost is unknown, so that a total is only a lower bound.
    pub fn hides_cost(&self) -> bool {
        matches!(
            self,
            Anomaly::UsageAbsent
                | Anomaly::PromptMissing { derived: None }
                | Anomaly::AnswerCountMissing { .. }
                | Anomaly::OutputDetailsAbsent { .. }
                | Anomaly::UnknownModality { .. }
                | Anomaly::NotACount { .. }
        )
    }
}

/// Exclusive classes of reported counts, and what was odd.
///
/// `image_parts` is the number of images in the answer; it decides whether missing details matter.
/// The classes add up to prompt + candidates + thoughts + tool use (candidates counted once where
/// they repeat the thoughts).
pub fn classes_of(counts: &Counts, image_parts: u64) -> (ByClass<u64>, Vec<Anomaly>) {
    let mut anomalies = Vec::new();
    let mut tokens = ByClass::default();
    prompt_classes(counts, &mut tokens, &mut anomalies);
    cache_classes(counts, &mut tokens, &mut anomalies);
    tokens[TokenClass::InputToolUse] = counts.tool_use.unwrap_or(0);
    output_classes(counts, image_parts, &mut tokens, &mut anomalies);
    check_total(counts, &tokens, &mut anomalies);
    (tokens, anomalies)
}

fn prompt_classes(counts: &Counts, tokens: &mut ByClass<u64>, anomalies: &mut Vec<Anomaly>) {
    let prompt = counts.prompt.unwrap_or_else(|| {
        let others = [counts.candidates, counts.thoughts, counts.tool_use];
        let known: u64 = others.iter().flatten().fold(0, |sum: u64, part| sum.saturating_add(*part));
        let itemised = Some(sum_of(&counts.prompt_details)).filter(|sum| *sum > 0);
        let derived = counts.total.and_then(|total| total.checked_sub(known)).or(itemised);
        anomalies.push(Anomaly::PromptMissing { derived });
        derived.unwrap_or(0)
    });
    let details = sum_details("prompt", &counts.prompt_details, input_class, prompt, tokens, anomalies);
    let remainder = prompt - details;
    tokens[TokenClass::InputText] += remainder;
    if remainder > 0 && details > 0 {
        anomalies.push(Anomaly::PromptPartlyItemised { tokens: remainder });
    }
}

fn sum_of(details: &[(String, u64)]) -> u64 {
    details.iter().fold(0, |sum: u64, (_, tokens)| sum.saturating_add(*tokens))
}

/// Moves cached tokens from their input class to the cached one.
fn cache_classes(counts: &Counts, tokens: &mut ByClass<u64>, anomalies: &mut Vec<Anomaly>) {
    let Some(mut cached) = counts.cached else { return };
    let prompt = tokens.prompt();
    if cached > prompt {
        anomalies.push(Anomaly::CacheExceedsPrompt { cached, prompt });
        cached = prompt;
    }
    let mut wanted = ByClass::default();
    let itemised = sum_details("cache", &counts.cached_details, input_class, cached, &mut wanted, anomalies);
    // What has no modality is taken from text first, then from whatever the prompt holds.
    wanted[TokenClass::InputText] += cached - itemised;
    let mut missing = 0;
    for class in TokenClass::ALL.iter().copied() {
        let Some(cached_class) = class.cached() else { continue };
        let moved = wanted[class].min(tokens[class]);
        missing += wanted[class] - moved;
        tokens[class] -= moved;
        tokens[cached_class] += moved;
    }
    for class in TokenClass::ALL.iter().copied() {
        let Some(cached_class) = class.cached() else { continue };
        let moved = missing.min(tokens[class]);
        missing -= moved;
        tokens[class] -= moved;
        tokens[cached_class] += moved;
    }
}

fn output_classes(
    counts: &Counts,
    image_parts: u64,
    tokens: &mut ByClass<u64>,
    anomalies: &mut Vec<Anomaly>,
) {
    let thoughts = counts.thoughts.unwrap_or(0);
    tokens[TokenClass::OutputThinking] = thoughts;
    let itemised = sum_of(&counts.candidates_details);
    if counts.candidates.is_none() && itemised > 0 {
        anomalies.push(Anomaly::AnswerCountMissing { itemised });
    }
    let mut candidates = counts.candidates.unwrap_or(itemised);
    if thoughts_repeated(counts) {
        anomalies.push(Anomaly::ThoughtsInsideCandidates { tokens: thoughts });
        candidates -= thoughts;
    }
    let details =
        sum_details("answer", &counts.candidates_details, output_class, candidates, tokens, anomalies);
    let remainder = candidates - details;
    tokens[TokenClass::OutputText] += remainder;
    if remainder == 0 {
        return;
    }
    if details > 0 {
        anomalies.push(Anomaly::OutputPartlyItemised { tokens: remainder });
    } else if image_parts > 0 {
        anomalies.push(Anomaly::OutputDetailsAbsent { image_parts, tokens: remainder });
    }
}

/// On some refusals candidates equal the thoughts and the total counts them once.
fn thoughts_repeated(counts: &Counts) -> bool {
    let (Some(candidates), Some(thoughts), Some(total)) = (counts.candidates, counts.thoughts, counts.total)
    else {
        return false;
    };
    let prompt = counts.prompt.unwrap_or(0).saturating_add(counts.tool_use.unwrap_or(0));
    thoughts > 0 && candidates >= thoughts && total == prompt.saturating_add(candidates)
}

fn check_total(counts: &Counts, tokens: &ByClass<u64>, anomalies: &mut Vec<Anomaly>) {
    let Some(reported) = counts.total else { return };
    let sum = tokens.total();
    if reported != sum {
        anomalies.push(Anomaly::TotalMismatch { reported, sum });
    }
}

/// Adds details to their classes, at most `count` in all; gives what was added.
fn sum_details(
    part: &'static str,
    details: &[(String, u64)],
    class_of: fn(&str) -> Option<TokenClass>,
    count: u64,
    tokens: &mut ByClass<u64>,
    anomalies: &mut Vec<Anomaly>,
) -> u64 {
    note_repeats(part, details, anomalies);
    let sum = sum_of(details);
    if sum > count {
        anomalies.push(Anomaly::DetailsExceedCount { part, details: sum, count });
    }
    let mut left = count;
    for (modality, reported) in details {
        let added = left.min(*reported);
        match class_of(modality) {
            Some(class) => tokens[class] += added,
            None => {
                anomalies.push(Anomaly::UnknownModality { part, modality: modality.clone(), tokens: added });
                tokens[class_of("TEXT").expect("text is a class of every part")] += added;
            }
        }
        left -= added;
    }
    count - left
}

fn note_repeats(part: &'static str, details: &[(String, u64)], anomalies: &mut Vec<Anomaly>) {
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for (modality, _) in details {
        *times.entry(modality).or_default() += 1;
    }
    for (modality, times) in times.into_iter().filter(|(_, times)| *times > 1) {
        anomalies.push(Anomaly::RepeatedModality { part, modality: modality.into(), times });
    }
}

/// The input class of a modality name, `None` when it is not known.
fn input_class(modality: &str) -> Option<TokenClass> {
    match modality {
        "TEXT" => Some(TokenClass::InputText),
        "IMAGE" => Some(TokenClass::InputImage),
        "VIDEO" => Some(TokenClass::InputVideo),
        "AUDIO" => Some(TokenClass::InputAudio),
        "DOCUMENT" => Some(TokenClass::InputDocument),
        _ => None,
    }
}

/// The output class of a modality name, `None` when it is not known.
fn output_class(modality: &str) -> Option<TokenClass> {
    match modality {
        "TEXT" => Some(TokenClass::OutputText),
        "IMAGE" => Some(TokenClass::OutputImage),
        "AUDIO" => Some(TokenClass::OutputAudio),
        "VIDEO" => Some(TokenClass::OutputVideo),
        _ => None,
    }
}
