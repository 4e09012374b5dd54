//! Pictures of the right size and type for prompts whose own pictures are not given.

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

use crate::model::Pixels;

/// Side of a square of the pattern: coarse enough to compress well, fine enough to be a picture.
const SQUARE: u32 = 48;

/// A PNG of a size: coloured squares under a slow gradient, the same bytes every time.
///
/// `None` when the size is beyond what can be drawn in memory (half a gigabyte).
pub fn synthetic_png(size: Pixels) -> Option<Vec<u8>> {
    if u64::from(size.width) * u64::from(size.height) > 128 * 1024 * 1024 {
        return None;
    }
    let mut pixmap = Pixmap::new(size.width, size.height)?;
    let shade = |at: u32, side: u32| (u64::from(at / SQUARE * SQUARE) * 160 / u64::from(side)) as u8;
    let width = size.width;
    for (at, pixel) in pixmap.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (at as u32 % width, at as u32 / width);
        // A small multiplicative hash of the square's place.
        let hash = (x / SQUARE).wrapping_mul(0x9e37_79b1) ^ (y / SQUARE).wrapping_mul(0x85eb_ca77);
        let lift = ((hash >> 24) & 0x3f) as u8;
        let (red, green) = (shade(x, size.width) + lift, shade(y, size.height) + lift);
        *pixel = PremultipliedColorU8::from_rgba(red, green, 200 - lift, 255)?;
    }
    pixmap.encode_png().ok()
}

/// Short words of about one token each.
const WORDS: [&str; 16] = [
    "a", "photo", "of", "the", "same", "product", "on", "table", "in", "soft", "light", "with", "plain",
    "wall", "and", "plant",
];

/// A prompt of about so many tokens, for workloads that give the number alone.
pub fn synthetic_prompt(tokens: u64) -> String {
    let words = (0..tokens.clamp(1, 2_000_000)).map(|at| WORDS[at as usize % WORDS.len()]);
    let mut text = String::from("Draw");
    for word in words.skip(1) {
        text.push(' ');
        text += word;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synthetic_picture_has_its_size_and_stays_small() {
        let size = Pixels { width: 1408, height: 768 };
        let png = synthetic_png(size).unwrap();
        let found = imagesize::blob_size(&png).unwrap();
        assert_eq!((found.width, found.height), (1408, 768));
        assert!(png.len() < 1_000_000, "{} bytes", png.len());
        assert_eq!(synthetic_png(size).unwrap(), png);
        assert!(synthetic_png(Pixels { width: 100_000, height: 100_000 }).is_none());
    }

    #[test]
    fn a_synthetic_prompt_has_about_its_tokens() {
        assert_eq!(synthetic_prompt(5), "Draw photo of the same");
        assert_eq!(synthetic_prompt(300).split(' ').count(), 300);
    }
}
