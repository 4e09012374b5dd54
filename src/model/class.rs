//! Token classes, and one value for each.

use std::{
    borrow::Cow,
    fmt,
    ops::{Index, IndexMut},
    str::FromStr,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::words::{UnknownWord, words};

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

/// A map of classes, as [`ByClass`] is written: those that are not there are zero or have no value.
macro_rules! by_class {
    (($($generics:tt)*) $type:ty, $value:ty) => {
        impl $($generics)* JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                format!("ByClassOf{}", <$value>::schema_name()).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let value = generator.subschema_for::<$value>();
                let classes: serde_json::Map<String, serde_json::Value> =
                    TokenClass::ALL.iter().map(|class| (class.to_string(), value.clone().to_value())).collect();
                json_schema!({
                    "description": "By token class; a class that is not there is zero, or has no value.",
                    "type": "object",
                    "properties": classes,
                    "additionalProperties": false
                })
            }
        }
    };
}
by_class!(() ByClass<f64>, f64);
by_class!(() ByClass<u64>, u64);
by_class!((<T: JsonSchema>) ByClass<Option<T>>, T);
