//! Bodies of answers: parts, usage fields present or absent as each backend has them, chunks of a stream.

use std::sync::Arc;

use rand::{Rng, RngExt};
use serde_json::{Map, Value, json};

use super::{asked::Asked, call::Route, law::Law, picture, signature::signature};
use crate::{
    calendar::Day,
    model::{Backend, ByClass, Pixels, Tier, TokenClass},
    prices::{ModelFacts, ModelKind},
    tokens::Answer,
};

/// Gives the base64 of a picture of a size.
pub(super) type Pictures<'a> = &'a mut dyn FnMut(Pixels, picture::Format) -> Arc<str>;

/// Everything an answer is made of.
pub(super) struct Making<'a> {
    pub route: &'a Route,
    pub facts: &'a ModelFacts,
    pub asked: &'a Asked,
    pub law: &'a Law,
    pub tier: Tier,
    pub day: Day,
    pub number: u64,
    /// A stream of server-sent events; else a stream is a JSON array.
    pub is_sse: bool,
}

/// How an answer ended, and what it counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ending {
    pub counts: Answer,
    /// A finish reason, or a block reason behind `PROMPT:`.
    pub reason: String,
    /// Whether there is content.
    pub content: bool,
}

impl Ending {
    /// The answer that was drawn, cut where the request's own limit cuts it.
    pub(super) fn of(drawn: Answer, asked: &Asked, per_image: u64) -> Ending {
        let whole = Ending { counts: drawn, reason: "STOP".into(), content: true };
        let Some(cap) = asked.max_output_tokens else { return whole };
        if drawn.thinking + drawn.text + drawn.images * per_image <= cap {
            return whole;
        }
        let thinking = drawn.thinking.min(cap);
        let images = match per_image {
            0 => 0,
            each => drawn.images.min((cap - thinking) / each),
        };
        let text = drawn.text.min(cap - thinking - images * per_image);
        let counts = Answer { images, text, thinking };
        Ending { counts, reason: "MAX_TOKENS".into(), content: images + text > 0 }
    }

    /// An answer without what was asked for. After `IMAGE_SAFETY` and `SAFETY` the thoughts are counted (as on the
    /// Developer API with the Pro model); after every other reason the prompt alone is.
    pub(super) fn blocked(drawn: Answer, reason: &str) -> Ending {
        let thinking = if matches!(reason, "IMAGE_SAFETY" | "SAFETY") { drawn.thinking } else { 0 };
        let counts = Answer { images: 0, text: 0, thinking };
        Ending { counts, reason: reason.to_string(), content: false }
    }

    pub(super) fn is_blocked(&self) -> bool {
        !matches!(self.reason.as_str(), "STOP" | "MAX_TOKENS")
    }

    /// Tokens by class. A prompt that Model Armor stopped is not counted at all.
    pub(super) fn tokens(&self, law: &Law) -> ByClass<u64> {
        let mut tokens = ByClass::default();
        if self.reason == "PROMPT:MODEL_ARMOR" {
            return tokens;
        }
        tokens[TokenClass::InputText] = law.prompt_text;
        tokens[TokenClass::InputImage] = law.prompt_images;
        tokens[TokenClass::OutputImage] = self.counts.images * law.per_image;
        tokens[TokenClass::OutputText] = self.counts.text;
        tokens[TokenClass::OutputThinking] = self.counts.thinking;
        tokens
    }
}

/// A body and the same as chunks of a stream.
pub(super) struct Body {
    pub whole: Value,
    pub chunks: Vec<Value>,
}

impl Making<'_> {
    fn is_developer(&self) -> bool {
        self.route.backend() == Backend::Developer
    }

    fn is_model(&self, id: &str) -> bool {
        self.facts.id.0 == id
    }

    /// The body of an answer.
    pub(super) fn body(&self, ending: &Ending, random: &mut impl Rng, picture: Pictures<'_>) -> Body {
        let id = self.response_id(random);
        let usage = self.usage(ending);
        if let Some(reason) = ending.reason.strip_prefix("PROMPT:") {
            let mut feedback = json!({ "blockReason": reason });
            if reason == "MODEL_ARMOR" {
                feedback["blockReasonMessage"] = json!("Blocked by Model Armor Floor Setting.");
            }
            let whole = self.envelope(&id, None, Some(feedback), Some(usage));
            return Body { chunks: vec![whole.clone()], whole };
        }
        let parts = if ending.content { self.parts(ending, random, picture) } else { Vec::new() };
        let candidate = |parts: Option<Vec<Value>>, finish: Option<&str>| {
            let mut candidate = Map::new();
            if let Some(parts) = parts {
                candidate.insert("content".into(), json!({"parts": parts, "role": "model"}));
            }
            if let Some(finish) = finish {
                candidate.insert("finishReason".into(), json!(finish));
                candidate
                    .extend(finish_message(finish).map(|text| ("finishMessage".to_string(), json!(text))));
            }
            if self.is_developer() {
                candidate.insert("index".into(), json!(0));
            }
            Value::Object(candidate)
        };
        let finish = ending.reason.as_str();
        let content = ending.content.then(|| parts.clone());
        let whole = self.envelope(&id, Some(candidate(content, Some(finish))), None, Some(usage.clone()));
        let count = parts.len();
        let mut chunks: Vec<Value> = Vec::new();
        for (at, part) in parts.into_iter().enumerate().take(count.saturating_sub(1)) {
            let early = self.early_usage(ending, at + 1, count);
            chunks.push(self.envelope(&id, Some(candidate(Some(vec![part]), None)), None, Some(early)));
        }
        let last = whole["candidates"][0]["content"]["parts"].as_array().and_then(|parts| parts.last());
        let last = last.cloned().map(|part| vec![part]);
        chunks.push(self.envelope(&id, Some(candidate(last, Some(finish))), None, Some(usage)));
        Body { whole, chunks }
    }

    fn envelope(
        &self,
        id: &str,
        candidate: Option<Value>,
        feedback: Option<Value>,
        usage: Option<Value>,
    ) -> Value {
        let mut body = Map::new();
        body.extend(candidate.map(|candidate| ("candidates".to_string(), json!([candidate]))));
        body.extend(feedback.map(|feedback| ("promptFeedback".to_string(), feedback)));
        body.extend(usage.map(|usage| ("usageMetadata".to_string(), usage)));
        body.insert("modelVersion".into(), json!(self.facts.id.0));
        if !self.is_developer() {
            body.insert("createTime".into(), json!(self.create_time()));
        }
        body.insert("responseId".into(), json!(id));
        Value::Object(body)
    }

    /// The emulator has no clock: requests come a second apart from noon on.
    fn create_time(&self) -> String {
        let second = (12 * 3600 + self.number) % 86_400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{}T{hour:02}:{minute:02}:{second:02}.000000Z", self.day)
    }

    fn response_id(&self, random: &mut impl Rng) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        (0..23).map(|_| char::from(LETTERS[random.random_range(0..64)])).collect()
    }

    fn parts(&self, ending: &Ending, random: &mut impl Rng, picture: Pictures<'_>) -> Vec<Value> {
        let counts = ending.counts;
        let format = self.format();
        let first = self.asked.images.first().map(|(size, _)| *size);
        let size = picture::pixels(&self.facts.id.0, self.asked.ratio.as_deref(), first, self.law.size);
        let mut image = |thought: bool| {
            let mut part =
                json!({"inlineData": {"mimeType": format.mime(), "data": &*picture(size, format)}});
            if thought {
                part["thought"] = json!(true);
            } else if self.facts.outputs.contains(&TokenClass::OutputThinking) {
                part["thoughtSignature"] = json!(signature(counts.thinking));
            }
            part
        };
        let (thoughts, drafts) = self.thought_parts(counts, random);
        let mut parts: Vec<Value> = (1..=thoughts)
            .map(|at| json!({"text": format!("**Step {at}**\n\nI look at the request once more."), "thought": true}))
            .collect();
        // Drafts come among the thoughts, the last one just before the answer.
        for at in 0..drafts {
            parts.insert(parts.len() - at * parts.len() / (drafts + 1), image(true));
        }
        if counts.text > 0 && self.shows_text() {
            parts.push(json!({"text": words(counts.text)}));
            if self.law.per_image == 0 && self.facts.id.0.starts_with("gemini-3") && counts.thinking > 0 {
                parts.last_mut().expect("just pushed")["thoughtSignature"] =
                    json!(signature(counts.thinking));
            }
        }
        parts.extend((0..counts.images).map(|_| image(false)));
        if parts.is_empty() {
            parts.push(json!({"text": words(counts.text.max(1))}));
        }
        parts
    }

    /// Parts flagged as thoughts: texts, and drafts that the usage does not count.
    ///
    /// gemini-3.1-flash-image on Vertex AI answers with 18 to 20 parts whatever `includeThoughts` says
    /// (python-genai 2239); its twin on the Developer API shows none even when asked.
    fn thought_parts(&self, counts: Answer, random: &mut impl Rng) -> (usize, usize) {
        let asked = self.asked.include_thoughts;
        if self.is_model("gemini-3.1-flash-image") {
            if self.is_developer() || counts.images == 0 {
                return (0, 0);
            }
            let (parts, drafts) = (random.random_range(18..=20), random.random_range(1..=2));
            let others = counts.images as usize + usize::from(counts.text > 0) + drafts;
            return (parts - others.min(parts), drafts);
        }
        let shown = match self.route.backend() {
            Backend::Developer => asked == Some(true),
            Backend::Vertex => {
                asked != Some(false) && (self.facts.kind == ModelKind::Image || asked.is_some())
            }
        };
        (if shown && counts.thinking > 0 { 2 } else { 0 }, 0)
    }

    /// On the Developer API the text tokens of Gemini 3 image models have no part: they stay inside the count.
    fn shows_text(&self) -> bool {
        let hides = self.is_developer()
            && self.facts.kind == ModelKind::Image
            && self.facts.outputs.contains(&TokenClass::OutputThinking);
        !hides
    }

    /// The Developer API sends JPEG from the Gemini 3 image models; elsewhere PNG unless asked for.
    fn format(&self) -> picture::Format {
        let usual = match (self.route.backend(), self.facts.id.0.starts_with("gemini-2.5")) {
            (Backend::Developer, false) => picture::Format::Jpeg,
            _ => picture::Format::Png,
        };
        self.asked.format.unwrap_or(usual)
    }

    fn usage(&self, ending: &Ending) -> Value {
        let mut usage = Map::new();
        let tokens = ending.tokens(self.law);
        let sum = |classes: &[TokenClass]| classes.iter().map(|class| tokens[*class]).sum::<u64>();
        let prompt = sum(&[TokenClass::InputText, TokenClass::InputImage]);
        let candidates = sum(&[TokenClass::OutputText, TokenClass::OutputImage]);
        if prompt > 0 {
            // An empty part-level mediaResolution loses the prompt's count (python-genai 2224).
            let counted = !(self.is_developer() && self.asked.bare_resolution);
            if counted {
                usage.insert("promptTokenCount".into(), json!(prompt));
            }
            match ending.reason.as_str() {
                "IMAGE_SAFETY" if self.is_developer() => Some(candidates),
                // Refusals of this kind repeat the thoughts as the answer (6 of 6 measured by a reseller).
                "SAFETY" if self.is_developer() => Some(tokens[TokenClass::OutputThinking]),
                _ => Some(candidates).filter(|count| *count > 0),
            }
            .into_iter()
            .for_each(|count| drop(usage.insert("candidatesTokenCount".into(), json!(count))));
            usage.insert("totalTokenCount".into(), json!(tokens.total()));
            if counted {
                usage.insert("promptTokensDetails".into(), self.prompt_details());
            }
            usage.extend(
                self.candidates_details(&tokens).map(|list| ("candidatesTokensDetails".to_string(), list)),
            );
            let thoughts = tokens[TokenClass::OutputThinking];
            if thoughts > 0 {
                usage.insert("thoughtsTokenCount".into(), json!(thoughts));
            }
        }
        self.tier_field(&mut usage);
        Value::Object(usage)
    }

    fn prompt_details(&self) -> Value {
        let mut list = vec![json!({"modality": "TEXT", "tokenCount": self.law.prompt_text})];
        if self.law.prompt_images > 0 {
            list.push(json!({"modality": "IMAGE", "tokenCount": self.law.prompt_images}));
        }
        Value::Array(list)
    }

    /// On the Developer API images alone are itemised, and text of models before Gemini 3.
    fn candidates_details(&self, tokens: &ByClass<u64>) -> Option<Value> {
        let (text, image) = (tokens[TokenClass::OutputText], tokens[TokenClass::OutputImage]);
        let mut list = Vec::new();
        let old = ["gemini-1.", "gemini-2.0"].iter().any(|old| self.facts.id.0.starts_with(old));
        if text > 0 && (!self.is_developer() || old) {
            list.push(json!({"modality": "TEXT", "tokenCount": text}));
        }
        if image > 0 {
            list.push(json!({"modality": "IMAGE", "tokenCount": image}));
        }
        (!list.is_empty()).then_some(Value::Array(list))
    }

    fn tier_field(&self, usage: &mut Map<String, Value>) {
        match self.route.backend() {
            Backend::Developer => usage.insert("serviceTier".into(), json!(self.tier.as_str())),
            Backend::Vertex => usage.insert("trafficType".into(), json!(traffic_type(self.tier))),
        };
    }

    /// The usage of a chunk before the last: on Vertex AI the traffic type alone, on the Developer API counts
    /// that grow.
    fn early_usage(&self, ending: &Ending, at: usize, of: usize) -> Value {
        let mut usage = Map::new();
        if self.is_developer() {
            let prompt = self.law.prompt_text + self.law.prompt_images;
            let thoughts = ending.counts.thinking * at as u64 / of as u64;
            usage.insert("promptTokenCount".into(), json!(prompt));
            usage.insert("totalTokenCount".into(), json!(prompt + thoughts));
            usage.insert("promptTokensDetails".into(), self.prompt_details());
            if thoughts > 0 {
                usage.insert("thoughtsTokenCount".into(), json!(thoughts));
            }
        }
        self.tier_field(&mut usage);
        Value::Object(usage)
    }
}

/// Google's word for how a request was paid.
pub(super) fn traffic_type(tier: Tier) -> &'static str {
    match tier {
        Tier::Standard | Tier::Batch => "ON_DEMAND",
        Tier::Flex => "ON_DEMAND_FLEX",
        Tier::Priority => "ON_DEMAND_PRIORITY",
        Tier::Provisioned => "PROVISIONED_THROUGHPUT",
    }
}

fn finish_message(reason: &str) -> Option<&'static str> {
    match reason {
        "IMAGE_SAFETY" => Some(
            "Unable to show the generated image. All images were filtered out because they violated the usage guidelines. You will not be charged for blocked images. Try rephrasing the prompt.",
        ),
        "IMAGE_PROHIBITED_CONTENT" => Some(
            "Unable to show the generated image because it may violate the usage guidelines. Support code: 11030041.",
        ),
        _ => None,
    }
}

/// Filler of about so many tokens, at most some kilobytes.
fn words(tokens: u64) -> String {
    vec!["grey"; tokens.clamp(1, 1000) as usize].join(" ")
}
