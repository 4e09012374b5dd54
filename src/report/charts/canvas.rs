//! The picture: its frame, its heading, its text and its colours.
//!
//! All lengths are nominal pixels. The SVG is drawn on a grid ten times as fine, because the drawing library
//! rounds coordinates to whole numbers and lines would get kinks.

use std::sync::Once;

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
    style::{
        FontStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{Chart, ChartError};

/// Usual height of a wide chart in pixels.
pub(super) const HEIGHT: f64 = 560.0;
/// Usual height of the plot of a narrow chart in pixels.
pub(super) const NARROW_PLOT: f64 = 230.0;

/// How wide a picture is. A narrow one is for the screen of a telephone: the same marks and the same letters,
/// with the texts above and below the plot that a wide one has beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    Wide,
    Narrow,
}

impl Breadth {
    /// Width of the picture in pixels.
    pub(super) fn width(self) -> f64 {
        if self.is_narrow() { 360.0 } else { 1000.0 }
    }

    /// Distance of text from the border of the picture, in pixels.
    pub(super) fn margin(self) -> f64 {
        if self.is_narrow() { 14.0 } else { 24.0 }
    }

    /// Where text ends at the right, in pixels.
    pub(super) fn right(self) -> f64 {
        self.width() - self.margin()
    }

    /// Room between both margins, in pixels.
    pub(super) fn inner(self) -> f64 {
        self.right() - self.margin()
    }

    /// Labels longer than this many pixels are cut, with an ellipsis.
    pub(super) fn longest_label(self) -> f64 {
        if self.is_narrow() { self.inner() - 24.0 } else { 400.0 }
    }

    pub(super) fn is_narrow(self) -> bool {
        self == Breadth::Narrow
    }
}

/// Draws a chart at both breadths; name and words are those of the wide one.
pub(super) fn at_both_breadths(
    draw: impl Fn(Breadth) -> Result<Chart, ChartError>,
) -> Result<Chart, ChartError> {
    let wide = draw(Breadth::Wide)?;
    Ok(Chart { narrow: draw(Breadth::Narrow)?.svg, ..wide })
}

/// Family name of the embedded font.
pub(super) const FONT_FAMILY: &str = "Inter";
/// Inter 400, reduced to Latin (`fonts/README.md`).
pub(super) const FONT_REGULAR: &[u8] = include_bytes!("fonts/Inter-Regular.ttf");
/// Inter 600, reduced likewise.
pub(super) const FONT_SEMI_BOLD: &[u8] = include_bytes!("fonts/Inter-SemiBold.ttf");

// The palette of Okabe and Ito, distinguishable with colour-vision deficiencies
// (https://jfly.uni-koeln.de/color/).
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
pub(super) const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
pub(super) const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
pub(super) const VERMILLION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
pub(super) const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
pub(super) const YELLOW: RGBColor = RGBColor(0xF0, 0xE4, 0x42);
/// Stands for the palette's black, and is the colour of text.
pub(super) const INK: RGBColor = RGBColor(0x21, 0x25, 0x29);
/// Subtitle, axes and remarks; 5.9 to 1 against white.
pub(super) const GREY: RGBColor = RGBColor(0x5F, 0x66, 0x6D);
/// Lines without a label, and one token class.
pub(super) const PALE_GREY: RGBColor = RGBColor(0xB4, 0xB9, 0xBE);
/// Edges of the range: blue, halfway to white.
pub(super) const RANGE: RGBColor = RGBColor(0x80, 0xB9, 0xD9);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xE3, 0xE6, 0xE9);

/// Fine units in a pixel.
const FINE: f64 = 10.0;

/// The whole picture.
pub(super) type Area<'svg> = DrawingArea<SVGBackend<'svg>, Shift>;
/// The part of it that has axes.
pub(super) type Plot<'area, 'svg> =
    ChartContext<'area, SVGBackend<'svg>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// How a text looks. `size` is the em in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
}

/// Labels in the plot.
pub(super) const LABEL: Face = Face { size: 13.0, bold: false, colour: INK };
/// Labels that stand out.
pub(super) const BOLD_LABEL: Face = Face { bold: true, ..LABEL };
/// Axes and remarks.
pub(super) const FAINT_LABEL: Face = Face { size: 12.5, bold: false, colour: GREY };

/// A rectangle in pixels from the upper left corner of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// Title and subtitle, broken into lines of the picture's width.
pub(super) struct Heading {
    title: Vec<String>,
    subtitle: Vec<String>,
    breadth: Breadth,
}

/// Draws a picture of the given height and adds what makes it accessible.
pub(super) fn draw_picture(
    breadth: Breadth,
    name: &str,
    title: &str,
    alt: String,
    height: f64,
    draw: impl FnOnce(&Area) -> Result<(), ChartError>,
) -> Result<Chart, ChartError> {
    let mut raw = String::new();
    let width = breadth.width();
    let size = (fine(width) as u32, fine(height) as u32);
    {
        let area = SVGBackend::with_string(&mut raw, size).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    // White space inside a text element would be drawn. It cannot be part of a label: those are escaped and
    // hold no line break.
    let raw = raw.replace("\">\n", "\">").replace("\n</text>", "</text>");
    let body = raw.split_once('>').map_or("", |(_, body)| body);
    let family = format!("font-family=\"{FONT_FAMILY}\"");
    let families = format!("font-family=\"{FONT_FAMILY}, Helvetica, Arial, sans-serif\"");
    let body = body.replace(&family, &families);
    let (spoken_title, spoken_alt) = (escape(title), escape(&alt));
    let svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{spoken_alt}\" \
         stroke-linejoin=\"round\">\n<title>{spoken_title}</title>\n<desc>{spoken_alt}</desc>\n{body}",
        size.0, size.1
    );
    Ok(Chart { name: name.to_owned(), title: title.to_owned(), alt, svg, narrow: String::new() })
}

/// Breaks title and subtitle into at most two lines each; of a narrow picture into more.
pub(super) fn lay_out_heading(title: &str, subtitle: &str, breadth: Breadth) -> Heading {
    let (titles, subtitles) = if breadth.is_narrow() { (5, 8) } else { (2, 2) };
    let (title_look, subtitle_look) = looks(breadth);
    Heading {
        title: break_lines(title, title_look.face, titles, breadth.inner()),
        subtitle: break_lines(subtitle, subtitle_look.face, subtitles, breadth.inner()),
        breadth,
    }
}

/// Where the heading ends, in pixels from the top.
pub(super) fn heading_bottom(heading: &Heading) -> f64 {
    let (title, subtitle) = looks(heading.breadth);
    let lines = heading.title.len() as f64 * title.leading;
    heading.breadth.margin() + lines + heading.subtitle.len() as f64 * subtitle.leading
}

/// A subtitle that ends with a note of at most half a wide line. The note is never cut off.
pub(super) fn with_note(subtitle: &str, note: &str, breadth: Breadth) -> String {
    // What remains of the lines is enough for the note.
    let lines = if breadth.is_narrow() { 3.5 } else { 1.5 };
    let (_, look) = looks(breadth);
    match (subtitle, note) {
        (subtitle, "") => subtitle.to_owned(),
        ("", note) => note.to_owned(),
        _ => format!("{} · {note}", shorten(subtitle, lines * breadth.width(), look.face)),
    }
}

pub(super) fn draw_heading(area: &Area, heading: &Heading) -> Result<(), ChartError> {
    let (title, subtitle) = looks(heading.breadth);
    let top = heading.breadth.margin();
    let top = write_lines(area, &heading.title, (heading.breadth.margin(), top), title)?;
    write_lines(area, &heading.subtitle, (heading.breadth.margin(), top), subtitle)?;
    Ok(())
}

/// A face and the distance between its lines, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) face: Face,
    pub(super) leading: f64,
}

/// Remarks of several lines.
pub(super) const FAINT_LINES: Look = Look { face: FAINT_LABEL, leading: 17.0 };

/// Writes lines under each other from a corner, in pixels; returns where they end.
pub(super) fn write_lines(
    area: &Area,
    lines: &[String],
    (left, top): (f64, f64),
    look: Look,
) -> Result<f64, ChartError> {
    for (index, line) in lines.iter().enumerate() {
        let centre = top + look.leading * (index as f64 + 0.5);
        write_text(area, line, (left, centre), HPos::Left, look.face)?;
    }
    Ok(top + look.leading * lines.len() as f64)
}

/// Writes one line of text. `place` is its anchor: left end, centre or right end, at half its height.
pub(super) fn write_text(
    area: &Area,
    text: &str,
    place: (f64, f64),
    anchor: HPos,
    face: Face,
) -> Result<(), ChartError> {
    let style = TextStyle::from(font(face)).color(&face.colour).pos(Pos::new(anchor, VPos::Center));
    area.draw_text(text, &style, (fine(place.0), fine(place.1)))?;
    Ok(())
}

/// A plot inside the picture whose axes run from zero to `x_top` and `y_top`.
pub(super) fn plot_in<'area, 'svg>(
    inner: &'area Area<'svg>,
    x_top: f64,
    y_top: f64,
) -> Result<Plot<'area, 'svg>, ChartError> {
    plot_between(inner, x_top, 0.0, y_top)
}

/// A plot inside the picture whose axes run from zero to `x_top` and from `y_bottom` to `y_top`.
pub(super) fn plot_between<'area, 'svg>(
    inner: &'area Area<'svg>,
    x_top: f64,
    y_bottom: f64,
    y_top: f64,
) -> Result<Plot<'area, 'svg>, ChartError> {
    Ok(ChartBuilder::on(inner).build_cartesian_2d(0.0..x_top, y_bottom..y_top)?)
}

/// The part of the picture inside `bounds`.
pub(super) fn part_of<'svg>(area: &Area<'svg>, bounds: Bounds) -> Area<'svg> {
    let corner = (fine(bounds.left), fine(bounds.top));
    let width = fine(bounds.right - bounds.left);
    area.clone().shrink(corner, (width, fine(bounds.bottom - bounds.top)))
}

/// A point of the plot, in pixels of the picture.
pub(super) fn place_of(plot: &Plot, x: f64, y: f64) -> (f64, f64) {
    let (x, y) = plot.backend_coord(&(x, y));
    (f64::from(x) / FINE, f64::from(y) / FINE)
}

/// A point of the picture, in the units of the drawing library.
pub(super) fn at(x: f64, y: f64) -> (i32, i32) {
    (fine(x), fine(y))
}

/// A length in the units of the drawing library.
pub(super) fn fine(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

/// A line of the given width in pixels.
pub(super) fn stroke(colour: RGBColor, pixels: f64) -> ShapeStyle {
    ShapeStyle::from(colour).stroke_width(fine(pixels) as u32)
}

/// Width of a line of text in pixels.
///
/// Letters that the embedded font has not are drawn by another one: Chinese and the like are an em wide there,
/// pictures a little more; marks of direction have no width.
pub(super) fn text_width(text: &str, face: Face) -> f64 {
    let mut others = 0.0;
    let own: String = text
        .chars()
        .filter(|letter| {
            let ems = match letter {
                '\u{200b}'..='\u{200f}' | '\u{2066}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
                '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' => 1.0,
                '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3fffd}' => 1.0,
                '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}' => 1.4,
                _ => return true,
            };
            others += ems * face.size;
            false
        })
        .collect();
    let (width, _) =
        font(face).box_size(&own).expect("the embedded font is registered before it is asked for");
    f64::from(width) / FINE * MEASURED_TO_DRAWN + others
}

/// The text, or as much of its beginning as fits into `pixels` together with an ellipsis.
pub(super) fn shorten(text: &str, pixels: f64, face: Face) -> String {
    if text_width(text, face) <= pixels {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while kept.pop().is_some() {
        let shortened = format!("{}…", kept.trim_end());
        if text_width(&shortened, face) <= pixels {
            return shortened;
        }
    }
    "…".to_owned()
}

/// A text in one line: white space becomes single blanks, characters that XML or a line cannot hold are dropped.
pub(super) fn one_line(text: &str) -> String {
    let drawable = |letter: &char| {
        let invisible = matches!(letter, '\u{ad}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        letter.is_whitespace() || !(letter.is_control() || invisible)
    };
    let kept: String = text.chars().filter(drawable).collect();
    left_to_right(&kept.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Closes words that read from right to left with a mark of direction, so that they do not turn around the
/// numbers and names behind them (Unicode Standard Annex 9, U+200E).
fn left_to_right(text: &str) -> String {
    const MARK: char = '\u{200e}';
    let turns = |letter: char| matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}');
    let mut marked = String::with_capacity(text.len());
    let letters: Vec<char> = text.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        marked.push(*letter);
        if !turns(*letter) {
            continue;
        }
        let next = letters[at + 1..].iter().copied().find(|next| *next != ' ');
        if next.is_some_and(|next| !turns(next) && next != MARK) {
            marked.push(MARK);
        }
    }
    marked
}

/// Relative luminance of a colour, from 0 to 1 (WCAG 2.2, "relative luminance").
pub(super) fn luminance(colour: RGBColor) -> f64 {
    let linear = |channel: u8| match f64::from(channel) / 255.0 {
        dark @ ..=0.040_45 => dark / 12.92,
        light => ((light + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
}

/// Contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").
pub(super) fn contrast(one: RGBColor, other: RGBColor) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// How title and subtitle look.
fn looks(breadth: Breadth) -> (Look, Look) {
    let (title, subtitle) =
        if breadth.is_narrow() { ((16.0, 21.0), (13.0, 18.0)) } else { ((20.0, 27.0), (14.0, 20.0)) };
    let look =
        |(size, leading): (f64, f64), bold, colour| Look { face: Face { size, bold, colour }, leading };
    (look(title, true, INK), look(subtitle, false, GREY))
}

/// The drawing library writes a font size into SVG as size / 1.24, but measures it as ascent plus descent,
/// which in Inter are 1.21 em.
const MEASURED_TO_DRAWN: f64 = (1984.0 + 494.0) / 2048.0 / 1.24;

fn font(face: Face) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // The library falls back to `sans-serif`, which does not exist without system fonts.
        for family in [FONT_FAMILY, "sans-serif"] {
            let regular = register_font(family, FontStyle::Normal, FONT_REGULAR);
            let bold = register_font(family, FontStyle::Bold, FONT_SEMI_BOLD);
            assert!(regular.is_ok() && bold.is_ok(), "an embedded font is broken");
        }
    });
    let style = match face.bold {
        true => FontStyle::Bold,
        false => FontStyle::Normal,
    };
    // Not `into_font().style(…)`: that keeps the metrics of the regular face.
    FontDesc::new(FontFamily::Name(FONT_FAMILY), face.size * 1.24 * FINE, style)
}

/// Breaks a text between words into lines of at most `width` pixels; the last line is cut if it must be.
pub(super) fn break_lines(text: &str, face: Face, most: usize, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|longer| text_width(longer, face) <= width) {
            Some(longer) => {
                lines.pop();
                lines.push(longer);
            }
            None => lines.push(word.to_owned()),
        }
    }
    if lines.len() > most {
        let rest = lines.split_off(most - 1);
        lines.push(rest.join(" "));
    }
    lines.iter().map(|line| shorten(line, width, face)).collect()
}

/// Text as the content of an element or of an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for ChartError {
    fn from(error: DrawingAreaErrorKind<E>) -> ChartError {
        ChartError::Drawing(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_right_to_left_do_not_turn_what_follows_them() {
        assert_eq!(one_line("صور المنتجات: 3-pro"), "صور المنتجات\u{200e}: 3-pro");
        assert_eq!(one_line("a 3 b"), "a 3 b");
        let once = one_line("צילום 3");
        assert_eq!(one_line(&once), once, "cleaning twice adds nothing");
    }

    #[test]
    fn letters_of_other_fonts_are_as_wide_as_those() {
        let width = |text: &str| text_width(text, LABEL);
        assert!((width("商品") - 2.0 * LABEL.size).abs() < 1e-9);
        assert!((width("a商") - width("a") - LABEL.size).abs() < 1e-9);
        assert_eq!(width("\u{200e}"), 0.0);
    }
}
