//! The words of the field as types: backend, location, tier, token class, size, placement, grade.

use std::{
    fmt,
    ops::{Index, IndexMut},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::{Range, Share};

/// A word that is not one of the allowed ones.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("unknown {what} `{found}`, expected {}{}", or_list(expected), near(found, expected))]
pub struct UnknownWord {
    /// What kind of word was wanted, e.g. "tier".
    pub what: &'static str,
    /// What stood there.
    pub found: String,
    /// What could stand there.
    pub expected: Vec<&'static str>,
}

/// "`a`, `b` or `c`".
pub fn or_list<T: AsRef<str>>(words: &[T]) -> String {
    let ticked: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    match ticked.as_slice() {
        [] => "nothing".into(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn near(found: &str, expected: &[&'static str]) -> String {
    match nearest(found, expected.iter().copied()) {
        Some(word) => format!(" (did you mean `{word}`?)"),
        None => String::new(),
    }
}

/// The word nearest to a misspelt one, when it is near enough to be meant.
pub fn nearest<'a>(found: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    words
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&found, &word.to_lowercase()), word))
        .min()
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .map(|(_, word)| word)
}

/// A closed list of words: enum, spelling, parser, and serde through that spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All of them, in the order of the lists.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Its spelling in files and on the command line.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<$name, UnknownWord> {
                $name::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord {
                    what: $what,
                    found: text.to_string(),
                    expected: $name::ALL.iter().map(|word| word.as_str()).collect(),
                })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// Who serves the model.
    Backend, "backend", {
        /// The Gemini Developer API, `generativelanguage.googleapis.com`.
        Developer = "developer",
        /// Vertex AI, `aiplatform.googleapis.com`; since 2026-04-22 named Gemini Enterprise Agent Platform.
        Vertex = "vertex",
    }
}

words! {
    /// How a request is paid.
    Tier, "tier", {
        /// List price, best effort.
        Standard = "standard",
        /// Half price, answered within a day or three.
        Batch = "batch",
        /// Half price, may wait up to half an hour.
        Flex = "flex",
        /// 1.8 times list price, served first.
        Priority = "priority",
        /// Served by a bought GSU.
        Provisioned = "provisioned",
    }
}

words! {
    /// What is billed and burnt apart. Classes exclude each other and add up to the reported total.
    TokenClass, "token class", {
        /// Prompt text that was not read from a cache.
        InputText = "input_text",
        /// Prompt images.
        InputImage = "input_image",
        /// Prompt video.
        InputVideo = "input_video",
        /// Prompt audio.
        InputAudio = "input_audio",
        /// Prompt documents (PDF pages).
        InputDocument = "input_document",
        /// What built-in tools fed back into the prompt; priced as text (assumed).
        InputToolUse = "input_tool_use",
        /// Prompt text read from a cache.
        CachedInputText = "cached_input_text",
        /// Prompt images read from a cache.
        CachedInputImage = "cached_input_image",
        /// Prompt video read from a cache.
        CachedInputVideo = "cached_input_video",
        /// Prompt audio read from a cache.
        CachedInputAudio = "cached_input_audio",
        /// Prompt documents read from a cache.
        CachedInputDocument = "cached_input_document",
        /// Answer text, visible or not, that is not reported as thinking.
        OutputText = "output_text",
        /// Thinking.
        OutputThinking = "output_thinking",
        /// Answer images, drafts included where they are counted.
        OutputImage = "output_image",
        /// Answer audio.
        OutputAudio = "output_audio",
        /// Answer video.
        OutputVideo = "output_video",
    }
}

impl TokenClass {
    /// The class with the same modality in the cache, for an input class that can be cached.
    pub fn cached(self) -> Option<TokenClass> {
        match self {
            TokenClass::InputText => Some(TokenClass::CachedInputText),
            TokenClass::InputImage => Some(TokenClass::CachedInputImage),
            TokenClass::InputVideo => Some(TokenClass::CachedInputVideo),
            TokenClass::InputAudio => Some(TokenClass::CachedInputAudio),
            TokenClass::InputDocument => Some(TokenClass::CachedInputDocument),
            _ => None,
        }
    }

    /// Whether it counts towards the prompt (cached input included).
    pub fn is_input(self) -> bool {
        self < TokenClass::OutputText
    }

    /// The name for people: `image output`, `cached text input`.
    pub fn label(self) -> &'static str {
        match self {
            TokenClass::InputText => "text input",
            TokenClass::InputImage => "image input",
            TokenClass::InputVideo => "video input",
            TokenClass::InputAudio => "audio input",
            TokenClass::InputDocument => "document input",
            TokenClass::InputToolUse => "tool-use input",
            TokenClass::CachedInputText => "cached text input",
            TokenClass::CachedInputImage => "cached image input",
            TokenClass::CachedInputVideo => "cached video input",
            TokenClass::CachedInputAudio => "cached audio input",
            TokenClass::CachedInputDocument => "cached document input",
            TokenClass::OutputText => "text output",
            TokenClass::OutputThinking => "thinking",
            TokenClass::OutputImage => "image output",
            TokenClass::OutputAudio => "audio output",
            TokenClass::OutputVideo => "video output",
        }
    }
}

/// One value for each [`TokenClass`].
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct ByClass<T>([T; 16]);

const _: () = assert!(TokenClass::ALL.len() == 16);

impl<T> Index<TokenClass> for ByClass<T> {
    type Output = T;
    fn index(&self, class: TokenClass) -> &T {
        &self.0[class as usize]
    }
}

impl<T> IndexMut<TokenClass> for ByClass<T> {
    fn index_mut(&mut self, class: TokenClass) -> &mut T {
        &mut self.0[class as usize]
    }
}

impl<T> ByClass<T> {
    /// Each class with its value.
    pub fn iter(&self) -> impl Iterator<Item = (TokenClass, &T)> {
        TokenClass::ALL.iter().copied().zip(self.0.iter())
    }

    /// A value for each class from its class.
    pub fn from_fn(mut value: impl FnMut(TokenClass) -> T) -> ByClass<T> {
        ByClass(std::array::from_fn(|at| value(TokenClass::ALL[at])))
    }
}

impl ByClass<f64> {
    /// The sum over all classes.
    pub fn total(&self) -> f64 {
        self.0.iter().sum()
    }
}

impl ByClass<u64> {
    /// The sum over all classes, saturating.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum: u64, value| sum.saturating_add(*value))
    }

    /// The sum over input classes, cached ones included: what decides the long-context tier.
    pub fn prompt(&self) -> u64 {
        self.iter()
            .filter(|(class, _)| class.is_input())
            .fold(0, |sum: u64, (_, value)| sum.saturating_add(*value))
    }
}

impl Serialize for ByClass<f64> {
    /// A map of the classes that are not zero.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|(_, value)| **value != 0.0))
    }
}

impl Serialize for ByClass<u64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|(_, value)| **value != 0))
    }
}

impl<T: Serialize> Serialize for ByClass<Option<T>> {
    /// A map of the classes that have a value.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter_map(|(class, value)| Some((class, value.as_ref()?))))
    }
}

words! {
    /// How far a number is to be trusted, weakest last.
    Grade, "grade", {
        /// Seen in real responses; `n` and dates stand beside it.
        Measured = "measured",
        /// A source prints it.
        Documented = "documented",
        /// Nobody printed it; a default with a stated width, or derived.
        Assumed = "assumed",
        /// From the emulator; good for rehearsing only.
        Rehearsed = "rehearsed",
    }
}

words! {
    /// Output size class of an image.
    ImageSize, "image size", {
        /// About 512 × 512 pixels, also written 0.5K.
        Half = "512",
        /// About one million pixels.
        OneK = "1K",
        /// About four million pixels.
        TwoK = "2K",
        /// About sixteen million pixels.
        FourK = "4K",
    }
}

words! {
    /// How much a model is asked to think.
    ThinkingLevel, "thinking level", {
        /// As little as possible.
        Minimal = "minimal",
        /// Little.
        Low = "low",
        /// Between.
        Medium = "medium",
        /// Much.
        High = "high",
    }
}

words! {
    /// How finely input media are read.
    MediaResolution, "media resolution", {
        /// 280 tokens an image on Gemini 3.
        Low = "low",
        /// 560 tokens an image on Gemini 3.
        Medium = "medium",
        /// 1,120 tokens an image on Gemini 3.
        High = "high",
        /// 2,240 tokens an image on Gemini 3; per part only.
        UltraHigh = "ultra_high",
    }
}

/// Where on Vertex AI a model is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// The global endpoint.
    Global,
    /// The multi-region `us`.
    Us,
    /// The multi-region `eu`.
    Eu,
    /// A region such as `us-central1`.
    Region(String),
}

impl Location {
    /// Whether it is the global endpoint; all others may cost 10 % more.
    pub fn is_global(&self) -> bool {
        *self == Location::Global
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Location::Global => "global",
            Location::Us => "us",
            Location::Eu => "eu",
            Location::Region(name) => name,
        })
    }
}

impl FromStr for Location {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Location, UnknownWord> {
        match text {
            "global" => Ok(Location::Global),
            "us" => Ok(Location::Us),
            "eu" => Ok(Location::Eu),
            _ if looks_like_region(text) => Ok(Location::Region(text.to_string())),
            _ => Err(UnknownWord {
                what: "location",
                found: text.to_string(),
                expected: vec!["global", "us", "eu", "us-central1", "europe-west4"],
            }),
        }
    }
}

/// `continent-place` and a digit: `us-central1`, `northamerica-northeast2`.
fn looks_like_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let lower = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(continent), Some(place), None) => {
            let name = place.trim_end_matches(|c: char| c.is_ascii_digit());
            lower(continent) && lower(name) && name.len() < place.len()
        }
        _ => false,
    }
}

/// Backend and, on Vertex AI, location: `developer`, `vertex:global`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// The Gemini Developer API; it has no location.
    Developer,
    /// Vertex AI at a location.
    Vertex(Location),
}

impl Endpoint {
    /// The backend alone.
    pub fn backend(&self) -> Backend {
        match self {
            Endpoint::Developer => Backend::Developer,
            Endpoint::Vertex(_) => Backend::Vertex,
        }
    }

    /// The Vertex location, `None` on the Developer API.
    pub fn location(&self) -> Option<&Location> {
        match self {
            Endpoint::Developer => None,
            Endpoint::Vertex(location) => Some(location),
        }
    }

    /// The endpoint of a backend, at the global location where it has one.
    pub fn of(backend: Backend) -> Endpoint {
        match backend {
            Backend::Developer => Endpoint::Developer,
            Backend::Vertex => Endpoint::Vertex(Location::Global),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Developer => f.pad("developer"),
            Endpoint::Vertex(location) => f.pad(&format!("vertex:{location}")),
        }
    }
}

impl FromStr for Endpoint {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Endpoint, UnknownWord> {
        match text.split_once(':') {
            None if text == "developer" => Ok(Endpoint::Developer),
            None if text == "vertex" => Ok(Endpoint::Vertex(Location::Global)),
            Some(("vertex", location)) => Ok(Endpoint::Vertex(location.parse()?)),
            _ => Err(UnknownWord {
                what: "placement",
                found: text.to_string(),
                expected: vec!["developer", "vertex:global", "vertex:us", "vertex:eu", "vertex:REGION"],
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The id a backend knows a model by, e.g. `gemini-3-pro-image`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(pub String);

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for ModelId {
    fn from(id: &str) -> ModelId {
        ModelId(id.to_string())
    }
}

/// Model, endpoint and tier that could serve a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Placement {
    /// The model.
    pub model: ModelId,
    /// Where it is called.
    pub endpoint: Endpoint,
    /// How it is paid.
    pub tier: Tier,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.model, self.endpoint)?;
        match self.tier {
            Tier::Standard => Ok(()),
            tier => write!(f, " · {tier}"),
        }
    }
}

/// Width and height of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pixels {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Largest side of an input image that is believed.
const SIDE_MAX: u32 = 100_000;

/// A text that is not a pixel size.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("expected a pixel size such as `1408x768` with sides from 1 to {SIDE_MAX}, found `{0}`")]
pub struct PixelsError(String);

impl FromStr for Pixels {
    type Err = PixelsError;

    fn from_str(text: &str) -> Result<Pixels, PixelsError> {
        let side = |part: &str| part.trim().parse::<u32>().ok().filter(|side| (1..=SIDE_MAX).contains(side));
        text.split_once(['x', 'X', '×'])
            .and_then(|(width, height)| Some(Pixels { width: side(width)?, height: side(height)? }))
            .ok_or_else(|| PixelsError(text.to_string()))
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl Serialize for Pixels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What decides the tokens of a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shape {
    /// Prompt text, tokens.
    pub prompt_text: Range,
    /// Images of the prompt: for each, the sizes it may have with equal share.
    pub input_images: Vec<Vec<Pixels>>,
    /// Size asked for, on models that make images.
    pub output_size: ImageSize,
    /// Answer text, tokens.
    pub output_text: Range,
    /// Thinking level, `None` = the API's own.
    pub thinking_level: Option<ThinkingLevel>,
    /// Media resolution, `None` = the API's own.
    pub media_resolution: Option<MediaResolution>,
    /// Share of the input that is read from a cache.
    pub cached_share: Share,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_are_written_as_people_say_them() {
        for text in ["developer", "vertex:global", "vertex:eu", "vertex:us-central1"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("vertex".parse::<Endpoint>().unwrap().to_string(), "vertex:global");
        assert!("vertex:mars".parse::<Endpoint>().is_err());
        assert!("developer:eu".parse::<Endpoint>().is_err());
    }

    #[test]
    fn a_misspelt_word_gets_the_near_one() {
        assert_eq!(
            "standart".parse::<Tier>().unwrap_err().to_string(),
            "unknown tier `standart`, expected `standard`, `batch`, `flex`, `priority` or `provisioned` (did you mean `standard`?)"
        );
    }

    #[test]
    fn pixel_sizes_have_two_sensible_sides() {
        assert_eq!("1408x768".parse(), Ok(Pixels { width: 1408, height: 768 }));
        for wrong in ["1408", "0x5", "-1x5", "1e9x5", "x", "200000x10"] {
            assert!(wrong.parse::<Pixels>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_cacheable_input_has_its_cached_class() {
        let cacheable = TokenClass::ALL.iter().filter(|class| class.cached().is_some()).count();
        assert_eq!(cacheable, 5);
    }
}
