//! What decides the tokens of a request.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{ImageSize, MediaResolution, ThinkingLevel};
use crate::{
    schema::described,
    units::{Range, Share},
};

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

described!(Pixels, "Pixels", {
    "description": "Width and height in pixels: `1408x768`.",
    "type": "string",
    "pattern": "^ *[0-9]+ *[xX×] *[0-9]+ *$"
});

/// What decides the tokens of a request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
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
