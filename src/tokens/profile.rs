//! The file format of a token profile.

mod checked;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::ImageRule;
use crate::{
    calendar::Day,
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Backend, Grade, ImageSize, MediaResolution, ModelId, ThinkingLevel},
    prices::Source,
    schema::described_as,
    units::Range,
};

const SCHEMA: &str = "burndown.tokens/1";
const TITLE: &str = "cannot use this token profile";

/// How a number is known.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Seen, printed, or assumed.
    pub grade: Grade,
    /// Answers it rests on.
    pub n: Option<u64>,
    /// Keys of the profile's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// What one model takes on one backend.
#[derive(Clone, Debug)]
pub struct TokenProfile {
    /// The model.
    pub model: ModelId,
    /// The backend.
    pub backend: Backend,
    /// Day of the last check.
    pub checked: Day,
    /// Where facts were read.
    pub sources: BTreeMap<String, Source>,
    /// Tokens of an input image.
    pub input_image: Option<InputImage>,
    /// Tokens of an output image.
    pub output_image: Option<OutputImage>,
    /// Images counted per answer, drafts included.
    pub images_per_answer: Option<ImagesPerAnswer>,
    /// Text tokens that come along unasked.
    pub output_text: Option<Amount>,
    /// Thinking by level.
    pub output_thinking: Option<Thinking>,
    /// What real answers took, by kind of request.
    pub cells: Vec<Cell>,
    /// What this backend refuses or does differently.
    pub behaviours: Vec<Behaviour>,
}

/// Something a backend refuses or does differently from the other.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// In a sentence.
    pub text: String,
    /// Keys of the profile's sources.
    pub source: Vec<String>,
}

/// A kind of request that answers are learned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// A picture from words alone.
    TextToImage,
    /// A picture from words and one picture.
    Edit,
    /// A picture from words and several pictures.
    SeveralReferences,
}

impl RequestKind {
    /// The kind of a request with so many images in its prompt.
    pub fn of(input_images: usize) -> RequestKind {
        match input_images {
            0 => RequestKind::TextToImage,
            1 => RequestKind::Edit,
            _ => RequestKind::SeveralReferences,
        }
    }

    /// Its spelling in files.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestKind::TextToImage => "text_to_image",
            RequestKind::Edit => "edit",
            RequestKind::SeveralReferences => "several_references",
        }
    }
}

/// What real answers to one kind of request took: whole vectors, so that what goes together stays together.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Kind of request.
    pub kind: RequestKind,
    /// Answers without the picture that was asked for.
    pub blocked: u64,
    /// First day (or month) of the answers, where known.
    pub first: Option<String>,
    /// Last day (or month).
    pub last: Option<String>,
    /// From real answers, or from the emulator.
    pub grade: Grade,
    /// Keys of the profile's sources.
    pub source: Vec<String>,
    /// The answers.
    pub answers: Vec<Answer>,
    /// Seconds until the answer was whole, ascending.
    #[serde(default)]
    pub latency_seconds: Vec<f64>,
    /// Bytes of the answers' images, ascending.
    #[serde(default)]
    pub image_bytes: Vec<u64>,
    /// Kinds of picture files and in how many answers: `image/png`.
    #[serde(default)]
    pub image_mime: BTreeMap<String, u64>,
}

/// One answer's output: images counted in the usage (drafts included), text beside them, thinking.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Images counted: image tokens divided by those of one image of its size.
    pub images: u64,
    /// Text tokens, itemised or not.
    pub text: u64,
    /// Thinking tokens; 0 when none were reported.
    pub thinking: u64,
}

/// Tokens of an input image.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputImage {
    /// At the API's own resolution.
    pub rule: ImageRule,
    /// At a resolution that is asked for.
    #[serde(default)]
    pub by_resolution: BTreeMap<MediaResolution, ImageRule>,
    /// The backend answers 400 to a resolution.
    #[serde(default)]
    pub refuses_resolution: bool,
    /// Tokens per image that answers reported, where one of them contradicted the rule: these count then.
    #[serde(default)]
    pub off_rule: Vec<f64>,
    /// How it is known.
    grade: Grade,
    /// Answers it rests on; needed when measured.
    n: Option<u64>,
    /// Keys of the profile's sources.
    source: Vec<String>,
    /// A remark; needed when assumed.
    note: Option<String>,
    /// Other rules that may be the billed one.
    #[serde(default, rename = "alternative")]
    pub alternatives: Vec<RuleAlternative>,
}

/// Another rule that may be the billed one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleAlternative {
    /// Name of the known unknown.
    pub switch: String,
    /// The other rule.
    pub rule: ImageRule,
    /// What speaks for it.
    pub note: String,
    /// Keys of the profile's sources.
    pub source: Vec<String>,
}

/// Tokens of an output image by size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputImage {
    /// Tokens of each size the model makes.
    pub tokens: BTreeMap<ImageSize, u64>,
    /// How it is known.
    grade: Grade,
    /// Answers it rests on; needed when measured.
    n: Option<u64>,
    /// Keys of the profile's sources.
    source: Vec<String>,
    /// A remark; needed when assumed.
    note: Option<String>,
    /// Other counts that may be the billed ones.
    #[serde(default, rename = "alternative")]
    pub alternatives: Vec<SizeAlternative>,
}

/// Another count of some sizes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeAlternative {
    /// Name of the known unknown.
    pub switch: String,
    /// The sizes that differ.
    pub tokens: BTreeMap<ImageSize, u64>,
    /// What speaks for it.
    pub note: String,
    /// Keys of the profile's sources.
    pub source: Vec<String>,
}

/// Images counted per answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImagesPerAnswer {
    /// Without an image in the prompt.
    pub text_to_image: Range,
    /// With one or more.
    pub edit: Range,
    /// How it is known.
    grade: Grade,
    /// Answers it rests on; needed when measured.
    n: Option<u64>,
    /// Keys of the profile's sources.
    source: Vec<String>,
    /// A remark; needed when assumed.
    note: Option<String>,
    /// Other counts that may be the billed ones.
    #[serde(default, rename = "alternative")]
    pub alternatives: Vec<CountAlternative>,
}

/// Another count of images per answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountAlternative {
    /// Name of the known unknown.
    pub switch: String,
    /// Without an image in the prompt.
    pub text_to_image: Option<Range>,
    /// With one or more.
    pub edit: Option<Range>,
    /// What speaks for it.
    pub note: String,
    /// Keys of the profile's sources.
    pub source: Vec<String>,
}

/// A number of tokens per answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Tokens.
    pub tokens: Range,
    /// How it is known.
    grade: Grade,
    /// Answers it rests on; needed when measured.
    n: Option<u64>,
    /// Keys of the profile's sources.
    source: Vec<String>,
    /// A remark; needed when assumed.
    note: Option<String>,
}

/// Thinking tokens by level.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thinking {
    /// At the API's own level.
    pub default: Range,
    /// Tokens at `minimal`.
    minimal: Option<Range>,
    /// Tokens at `low`.
    low: Option<Range>,
    /// Tokens at `medium`.
    medium: Option<Range>,
    /// Tokens at `high`.
    high: Option<Range>,
    /// How it is known.
    grade: Grade,
    /// Answers it rests on; needed when measured.
    n: Option<u64>,
    /// Keys of the profile's sources.
    source: Vec<String>,
    /// A remark; needed when assumed.
    note: Option<String>,
}

impl Thinking {
    /// Tokens at a level; `None` when the profile does not know the level.
    pub fn at(&self, level: ThinkingLevel) -> Option<Range> {
        match level {
            ThinkingLevel::Minimal => self.minimal,
            ThinkingLevel::Low => self.low,
            ThinkingLevel::Medium => self.medium,
            ThinkingLevel::High => self.high,
        }
    }
}

/// Gives each table its evidence.
macro_rules! evidence {
    ($($table:ident),+) => {$(
        impl $table {
            /// How it is known.
            pub fn evidence(&self) -> Evidence {
                Evidence {
                    grade: self.grade,
                    n: self.n,
                    source: self.source.clone(),
                    note: self.note.clone(),
                }
            }
        }
    )+};
}
evidence!(InputImage, OutputImage, ImagesPerAnswer, Amount, Thinking);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.tokens/1"))]
    schema: Spanned<String>,
    /// The model.
    model: ModelId,
    /// The backend.
    backend: Backend,
    /// Day of the last check.
    checked: Day,
    /// Where facts were read, by key.
    #[serde(default)]
    sources: BTreeMap<String, Source>,
    /// Tokens of an input image.
    input_image: Option<Spanned<InputImage>>,
    /// Tokens of an output image.
    output_image: Option<Spanned<OutputImage>>,
    /// Images counted per answer, drafts included.
    images_per_answer: Option<Spanned<ImagesPerAnswer>>,
    /// Text tokens that come along unasked.
    output_text: Option<Spanned<Amount>>,
    /// Thinking tokens by level.
    output_thinking: Option<Spanned<Thinking>>,
    /// What real answers took, by kind of request.
    #[serde(default, rename = "cell")]
    cells: Vec<Spanned<Cell>>,
    /// What this backend refuses or does differently.
    #[serde(default, rename = "behaviour")]
    behaviours: Vec<Spanned<Behaviour>>,
}

described_as!(TokenProfile, RawProfile);

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<RawProfile>();
        check::<InputImage>();
        check::<OutputImage>();
        check::<ImagesPerAnswer>();
        check::<Amount>();
        check::<Thinking>();
        check::<Cell>();
        check::<Answer>();
        check::<Behaviour>();
        check::<RuleAlternative>();
        check::<SizeAlternative>();
        check::<CountAlternative>();
    }
}
