//! The words of the field as types: backend, location, tier, token class, size, placement, grade.

mod class;
mod place;
mod shape;
mod words;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use class::{ByClass, TokenClass};
pub use place::{Endpoint, Location, ModelId, Placement};
pub use shape::{Pixels, PixelsError, Shape};
pub use words::{UnknownWord, nearest, or_list};

use words::words;

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
