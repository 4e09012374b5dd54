//! How many tokens an input image is, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Pixels;

/// No count of a rule is larger.
const COUNT_MAX: u64 = 1_000_000;

/// A structural rule from pixels to tokens.
///
/// Sources: the token page of the Gemini API for tiles and flat counts; the grid was found from recorded
/// answers and fits all ten sized samples (1:1 → 1089, 597×566 → 1088, 2:1 → 1081, 4:1 → 1056).
///
/// ```
/// # use burndown::tokens::ImageRule;
/// let square = "1024x1024".parse().unwrap();
/// assert_eq!(ImageRule::Grid { budget: 1120.0 }.tokens(square), 1089);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImageRule {
    /// The same for every image.
    Flat {
        /// Tokens of an image.
        tokens: u64,
    },
    /// Square tiles and an overview; small images take a fixed number.
    Tiles {
        /// Images with both sides up to this take `small_tokens`.
        small_side: u32,
        /// Tokens of a small image.
        small_tokens: u64,
        /// The tile's side is the shorter side divided by this, …
        unit_divisor: f64,
        /// … at least this …
        unit_min: u32,
        /// … and at most this.
        unit_max: u32,
        /// Tokens of a tile.
        tile_tokens: u64,
        /// Tiles that are added for the overview.
        overview_tiles: u64,
        /// Most tiles, overview apart.
        max_tiles: Option<u64>,
    },
    /// As many cells of the image's own aspect ratio as fit a budget.
    Grid {
        /// Most tokens.
        budget: f64,
    },
}

impl ImageRule {
    /// Tokens of one image.
    pub fn tokens(&self, image: Pixels) -> u64 {
        match *self {
            ImageRule::Flat { tokens } => tokens,
            ImageRule::Tiles { small_side, small_tokens, .. }
                if image.width <= small_side && image.height <= small_side =>
            {
                small_tokens
            }
            ImageRule::Tiles {
                unit_divisor,
                unit_min,
                unit_max,
                tile_tokens,
                overview_tiles,
                max_tiles,
                ..
            } => {
                let shorter = f64::from(image.width.min(image.height));
                let unit = ((shorter / unit_divisor).floor() as u32).clamp(unit_min, unit_max);
                let tiles = u64::from(image.width.div_ceil(unit)) * u64::from(image.height.div_ceil(unit));
                tile_tokens
                    .saturating_mul(tiles.min(max_tiles.unwrap_or(u64::MAX)).saturating_add(overview_tiles))
            }
            ImageRule::Grid { budget } => {
                let ratio = f64::from(image.width) / f64::from(image.height);
                let columns = (budget * ratio).sqrt().floor().max(1.0);
                let rows = (budget / ratio).sqrt().floor().max(1.0);
                (columns * rows).min(budget) as u64
            }
        }
    }

    /// Why the rule cannot be used, when it cannot.
    pub fn problem(&self) -> Option<&'static str> {
        let counts = match *self {
            ImageRule::Flat { tokens } => vec![tokens],
            ImageRule::Tiles { small_tokens, tile_tokens, overview_tiles, .. } => {
                vec![small_tokens, tile_tokens, overview_tiles]
            }
            ImageRule::Grid { .. } => Vec::new(),
        };
        if counts.iter().any(|count| *count > COUNT_MAX) {
            return Some("no image takes more than 1,000,000 tokens");
        }
        match self {
            ImageRule::Tiles { unit_divisor, unit_min, unit_max, .. }
                if !unit_divisor.is_normal()
                    || *unit_divisor < 0.0
                    || *unit_min == 0
                    || unit_min > unit_max =>
            {
                Some("tiles need unit_divisor above 0 and 0 < unit_min <= unit_max")
            }
            ImageRule::Grid { budget } if !(1.0..=1e6).contains(budget) => {
                Some("a grid's budget lies between 1 and 1,000,000 tokens")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: ImageRule, cases: &[(&str, u64)]) {
        for (size, tokens) in cases {
            assert_eq!(rule.tokens(size.parse().unwrap()), *tokens, "{size}");
        }
    }

    /// Sized samples of recorded answers: python-genai #1907 (700×1003) and cassettes of Gemini 2.0.
    #[test]
    fn tiles_give_the_recorded_counts() {
        let tiles = ImageRule::Tiles {
            small_side: 384,
            small_tokens: 258,
            unit_divisor: 1.5,
            unit_min: 256,
            unit_max: 768,
            tile_tokens: 258,
            overview_tiles: 1,
            max_tiles: None,
        };
        check(tiles, &[("700x1003", 1806), ("540x360", 1806), ("3008x2000", 3354), ("384x384", 258)]);
    }

    /// Sized samples of recorded answers: Gemini 3 Flash cassettes and Rokabot issue 121.
    #[test]
    fn the_grid_gives_the_recorded_counts() {
        let grid = ImageRule::Grid { budget: 1120.0 };
        check(
            grid,
            &[
                ("64x64", 1089),
                ("256x256", 1089),
                ("384x384", 1089),
                ("385x385", 1089),
                ("512x512", 1089),
                ("1024x1024", 1089),
                ("1024x512", 1081),
                ("2048x512", 1056),
                ("597x566", 1088),
                ("400x301", 1102),
                ("1408x768", 1080),
                ("5632x3072", 1080),
            ],
        );
        // Extreme ratios keep within the budget and above zero.
        check(grid, &[("100000x1", 1120), ("1x100000", 1120)]);
    }
}
