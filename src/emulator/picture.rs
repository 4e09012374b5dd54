//! Pictures of the right size that cost nothing to make: one shade of grey, as PNG or JPEG.

use std::io::Write;

use flate2::{Compression, Crc, write::ZlibEncoder};

use crate::model::{ImageSize, Pixels};

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Format {
    Png,
    Jpeg,
}

impl Format {
    pub(super) fn mime(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
        }
    }
}

/// A grey picture of a size. Decoders read it like any other; it is a few kilobytes.
pub(super) fn grey(size: Pixels, format: Format) -> Vec<u8> {
    match format {
        Format::Png => png(size),
        Format::Jpeg => jpeg(size),
    }
}

/// One bit a pixel, all zero: black, which compresses best.
fn png(size: Pixels) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend(size.width.to_be_bytes());
    header.extend(size.height.to_be_bytes());
    // Bit depth 1, greyscale, deflate, no filter method but 0, not interlaced.
    header.extend([1, 0, 0, 0, 0]);
    chunk(&mut bytes, b"IHDR", &header);
    let row = vec![0; 1 + size.width.div_ceil(8) as usize];
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    let written = (0..size.height).try_for_each(|_| rows.write_all(&row)).and_then(|()| rows.finish());
    chunk(&mut bytes, b"IDAT", &written.expect("writing into memory does not fail"));
    chunk(&mut bytes, b"IEND", b"");
    bytes
}

fn chunk(bytes: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    bytes.extend((data.len() as u32).to_be_bytes());
    bytes.extend(kind);
    bytes.extend(data);
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(data);
    bytes.extend(sum.sum().to_be_bytes());
}

/// A baseline JPEG whose blocks are all alike: a DC difference of 0 and the end of the block, one bit each.
///
/// Source: ITU-T T.81, annex B (markers) and annex F (baseline coding).
fn jpeg(size: Pixels) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    // Quantisation table 0, all ones.
    bytes.extend([0xff, 0xdb, 0, 67, 0]);
    bytes.extend([1; 64]);
    let side = |pixels: u32| (pixels.min(u32::from(u16::MAX)) as u16).to_be_bytes();
    bytes.extend([0xff, 0xc0, 0, 11, 8]);
    bytes.extend(side(size.height));
    bytes.extend(side(size.width));
    bytes.extend([1, 1, 0x11, 0]);
    // Two Huffman tables (DC 0, AC 0) with one code of one bit: the symbol 0.
    for class in [0x00, 0x10] {
        bytes.extend([0xff, 0xc4, 0, 20, class, 1]);
        bytes.extend([0; 15]);
        bytes.push(0);
    }
    bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    let blocks = u64::from(size.width.div_ceil(8)) * u64::from(size.height.div_ceil(8));
    let bits = blocks * 2;
    bytes.extend(vec![0; (bits / 8) as usize]);
    match bits % 8 {
        0 => {}
        used => bytes.push(0xff >> used),
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// Sides of a 1K picture by aspect ratio. The first ten are of the image page of the Gemini API; 1:4 is as
/// answers had it (js-genai 1682), and the three other extreme ones follow the same area.
const RATIOS: &[(&str, u32, u32)] = &[
    ("1:1", 1024, 1024),
    ("2:3", 848, 1264),
    ("3:2", 1264, 848),
    ("3:4", 896, 1200),
    ("4:3", 1200, 896),
    ("4:5", 928, 1152),
    ("5:4", 1152, 928),
    ("9:16", 768, 1376),
    ("16:9", 1376, 768),
    ("21:9", 1584, 672),
    ("1:4", 512, 2064),
    ("4:1", 2064, 512),
    ("1:8", 368, 2944),
    ("8:1", 2944, 368),
];

/// The same of gemini-2.5-flash-image, where it differs.
const RATIOS_25: &[(&str, u32, u32)] = &[
    ("2:3", 832, 1248),
    ("3:2", 1248, 832),
    ("3:4", 864, 1184),
    ("4:3", 1184, 864),
    ("4:5", 896, 1152),
    ("5:4", 1152, 896),
    ("9:16", 768, 1344),
    ("16:9", 1344, 768),
    ("21:9", 1536, 672),
];

/// Whether a model takes an aspect ratio: ten of them all, the four extreme ones the Flash models from 3.1 on.
pub(super) fn takes_ratio(model: &str, ratio: &str) -> bool {
    let at = RATIOS.iter().position(|(name, ..)| *name == ratio);
    at.is_some_and(|at| at < 10 || model.starts_with("gemini-3.1-flash") || model.contains("banana-2.1"))
}

/// Pixels of an answer's picture. Without a ratio it takes the one nearest to the first picture of the prompt.
pub(super) fn pixels(model: &str, ratio: Option<&str>, first: Option<Pixels>, size: ImageSize) -> Pixels {
    let of_model = |wanted: &str| {
        let older = RATIOS_25.iter().filter(|_| model.starts_with("gemini-2.5"));
        older.chain(RATIOS).find(|(name, ..)| *name == wanted).copied()
    };
    let nearest = || {
        let first = first.unwrap_or(Pixels { width: 1, height: 1 });
        let slant = |width: u32, height: u32| (f64::from(width) / f64::from(height)).ln();
        let wanted = slant(first.width, first.height);
        let far = |row: &&(&str, u32, u32)| (slant(row.1, row.2) - wanted).abs();
        let taken = RATIOS.iter().filter(|row| takes_ratio(model, row.0));
        taken.min_by(|a, b| far(a).total_cmp(&far(b))).map_or("1:1", |row| row.0)
    };
    let (_, width, height) = of_model(ratio.unwrap_or_else(nearest)).unwrap_or(RATIOS[0]);
    let scaled = |side: u32| match size {
        ImageSize::Half => side / 2,
        ImageSize::OneK => side,
        ImageSize::TwoK => side * 2,
        ImageSize::FourK => side * 4,
    };
    Pixels { width: scaled(width), height: scaled(height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_the_size_they_say() {
        for format in [Format::Png, Format::Jpeg] {
            for size in ["1024x1024", "1376x768", "9x17", "4096x4096", "1x1"] {
                let size: Pixels = size.parse().unwrap();
                let bytes = grey(size, format);
                let read = imagesize::blob_size(&bytes).unwrap();
                assert_eq!((read.width as u32, read.height as u32), (size.width, size.height));
                assert!(bytes.len() < 80_000, "{} bytes", bytes.len());
            }
        }
    }

    #[test]
    fn sizes_follow_model_ratio_and_class() {
        let check = |model: &str, ratio: Option<&str>, first: Option<&str>, size, expected: &str| {
            let first = first.map(|size| size.parse().unwrap());
            assert_eq!(pixels(model, ratio, first, size).to_string(), expected);
        };
        check("gemini-3-pro-image", Some("16:9"), None, ImageSize::TwoK, "2752x1536");
        check("gemini-2.5-flash-image", Some("16:9"), None, ImageSize::OneK, "1344x768");
        check("gemini-3-pro-image", None, None, ImageSize::FourK, "4096x4096");
        check("gemini-3-pro-image", None, Some("1408x768"), ImageSize::OneK, "1376x768");
        check("gemini-3.1-flash-image", Some("1:4"), None, ImageSize::TwoK, "1024x4128");
        assert!(!takes_ratio("gemini-3-pro-image", "1:8"));
    }
}
