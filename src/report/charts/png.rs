//! SVG to PNG, with the embedded font only.

use std::sync::{Arc, LazyLock};

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree, fontdb},
};

use super::{
    ChartError,
    canvas::{FONT_FAMILY, FONT_REGULAR, FONT_SEMI_BOLD},
};

/// Most pixels of a picture: four bytes each, so 256 MiB of memory.
const MOST_PIXELS: f64 = 67_108_864.0;

/// PNG of a chart at `scale` times its nominal size, drawn with the embedded font only.
///
/// `scale` is a factor: 2.0 makes a chart of 1000 by 560 into 2000 by 1120 pixels. Fonts of the computer are
/// never used, so the bytes do not depend on where the program runs.
///
/// # Errors
///
/// [`ChartError::Png`] when `svg` is not SVG, or the picture would have no pixel or more than 67 million.
pub fn to_png(svg: &str, scale: f32) -> Result<Vec<u8>, ChartError> {
    let tree = read_svg(svg)?;
    let width = (f64::from(tree.size().width()) * f64::from(scale)).round();
    let height = (f64::from(tree.size().height()) * f64::from(scale)).round();
    // Written as a condition to fulfil, so that a scale that is not a number fails too.
    let drawable = width >= 1.0 && height >= 1.0 && width * height <= MOST_PIXELS;
    if !drawable {
        let sentence = format!("scale {scale} gives {width} by {height} pixels");
        return Err(ChartError::Png(sentence));
    }
    let mut pixels = Pixmap::new(width as u32, height as u32)
        .ok_or_else(|| ChartError::Png(format!("no memory for {width} by {height} pixels")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| ChartError::Png(error.to_string()))
}

/// Parses a picture and lays out its text in the embedded font.
pub(super) fn read_svg(svg: &str) -> Result<Tree, ChartError> {
    static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(FONT_REGULAR.to_vec());
        fonts.load_font_data(FONT_SEMI_BOLD.to_vec());
        fonts.set_sans_serif_family(FONT_FAMILY);
        Arc::new(fonts)
    });
    let options =
        Options { font_family: FONT_FAMILY.to_owned(), fontdb: Arc::clone(&FONTS), ..Options::default() };
    Tree::from_str(svg, &options).map_err(|error| ChartError::Png(error.to_string()))
}
