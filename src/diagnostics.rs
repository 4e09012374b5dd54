//! One way to say "this file, this line: found that, this would be right".

mod foreign;
mod spanned;

use std::{ops::Range, path::Path};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

pub use foreign::{BadJson, csv_problem, from_json, from_json_value, json_words};
pub use spanned::Spanned;

use crate::model::nearest;

/// The text of a file with the name that people know it by.
#[derive(Clone, Debug)]
pub struct SourceText {
    /// Path as given, or `name (built in)` for an embedded one.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Longest profile that is read; a larger one is a mistake (a log, an image).
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

impl SourceText {
    /// From bytes.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8; the message names the line and the byte.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<SourceText, BadFile> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(SourceText { name: name.to_string(), text }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let bytes = error.as_bytes();
                let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(BadFile(format!(
                    "not a UTF-8 text: byte 0x{:02x} at line {line} of `{name}`; save the file as UTF-8",
                    bytes[at]
                )))
            }
        }
    }

    /// From a file on disk, at most [`FILE_BYTES_MAX`] long.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is too long or is not UTF-8.
    pub fn read(path: &Path) -> Result<SourceText, BadFile> {
        SourceText::from_bytes(&path.display().to_string(), read_limited(path, FILE_BYTES_MAX)?)
    }

    /// The line a byte stands on, counted from 1.
    pub fn line_of(&self, byte: usize) -> usize {
        memchr::memchr_iter(b'\n', &self.text.as_bytes()[..byte.min(self.text.len())]).count() + 1
    }

    /// A complaint about a place in this text.
    pub fn complaint(&self, span: Range<usize>, title: &str, found: &str, hint: Option<&str>) -> BadFile {
        let span = self.sensible(span);
        let snippet = Snippet::source(self.text.as_str())
            .path(self.name.as_str())
            .annotation(AnnotationKind::Primary.span(span).label(found));
        let group = Level::ERROR.primary_title(title).element(snippet);
        let group = match hint {
            Some(hint) => group.element(Level::HELP.with_name("hint").message(hint)),
            None => group,
        };
        let text = Renderer::plain().render(&[group]);
        BadFile(text.trim_start_matches("error: ").to_string())
    }

    /// A TOML parse error, with the near name when a key is misspelt.
    pub fn toml_complaint(&self, title: &str, error: &toml::de::Error) -> BadFile {
        let message = plain_words(error.message());
        let span = error.span().filter(|span| !span.is_empty() || span.start > 0);
        let hint =
            unknown_field_hint(&message).or_else(|| span.as_ref().and_then(|span| self.single_hint(span)));
        match span {
            Some(span) => self.complaint(span, title, &message, hint.as_deref()),
            None => {
                let hint = if self.text.trim_start().starts_with('{') {
                    "\n\nhint: this looks like JSON; the file is TOML"
                } else if self.text.trim().is_empty() {
                    "\n\nhint: there is nothing in the file"
                } else {
                    ""
                };
                BadFile(format!("{title}\n --> {}\n  {message}{hint}", self.name))
            }
        }
    }

    /// `[route]` where a list of tables is meant.
    fn single_hint(&self, span: &Range<usize>) -> Option<String> {
        let header = self.text.get(span.start..)?.strip_prefix('[')?.split([']', '\n']).next()?;
        let what = match header {
            "route" => "a route",
            "scenario" => "a scenario",
            "fault" => "a fault",
            "model" => "a model",
            "price" | "life" | "throughput" | "term" => "a row",
            "cell" => "a cell",
            "record" => "a record",
            _ => return None,
        };
        Some(format!("{what} is written with two brackets: [[{header}]]"))
    }

    /// Spans that miss the text would make the renderer panic.
    fn sensible(&self, span: Range<usize>) -> Range<usize> {
        let floor = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (floor(span.start), floor(span.end));
        // A complaint about a whole table points at its first line.
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        start..end.clamp(start, line_end.max(start))
    }
}

/// Reads a file up to a limit.
///
/// # Errors
///
/// When it cannot be read or is longer.
pub fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, BadFile> {
    use std::io::Read;
    let explain = |error: std::io::Error| BadFile(format!("cannot read `{}`: {error}", path.display()));
    no_device(path)?;
    let file = std::fs::File::open(path).map_err(explain)?;
    if file.metadata().map_err(explain)?.is_dir() {
        return Err(BadFile(format!("`{}` is a folder, expected a file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() as u64 > bytes_max {
        return Err(BadFile(format!(
            "`{}` is longer than {} MB, which no such file needs; is it the right file?",
            path.display(),
            bytes_max / 1024 / 1024
        )));
    }
    Ok(bytes)
}

/// Most values of one JSON text that is read as a whole: a year's plan of a thousand routes has a third of it.
pub const VALUES_MAX: usize = 5_000_000;

/// The commas of a text that is to become a tree of values, when they are more than [`VALUES_MAX`].
///
/// A value takes two bytes of text and some seventy of memory, so that a limit on the length alone is none on the
/// memory. Commas inside strings count, too.
pub fn too_many_values(text: &[u8]) -> Option<usize> {
    let commas = memchr::memchr_iter(b',', text).count();
    (commas > VALUES_MAX).then_some(commas)
}

/// Refuses what may never end: `/dev/zero` is no file. Pipes are taken, and so is what stands for an empty file
/// or for the program's own input.
///
/// # Errors
///
/// When the path is a device.
pub fn no_device(path: &Path) -> Result<(), BadFile> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let usual = ["/dev/null", "/dev/stdin", "/dev/fd/0"].iter().any(|known| path == Path::new(known));
        let kind = std::fs::metadata(path).map(|found| found.file_type());
        if !usual && kind.is_ok_and(|kind| kind.is_char_device() || kind.is_block_device()) {
            return Err(BadFile(format!("`{}` is a device, expected a file", path.display())));
        }
    }
    Ok(())
}

/// The parser speaks of Rust's types; people write files.
fn plain_words(message: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("a Decimal type representing a fixed-point number", "a number such as 0.25, below 1e28"),
        ("expected a sequence", "expected a list [\u{2026}]"),
        ("invalid type: sequence", "invalid type: list"),
        ("invalid type: map", "invalid type: table"),
        ("expected u32", "expected a whole number from 0"),
        ("expected u64", "expected a whole number from 0"),
        ("expected f64", "expected a number"),
        ("expected a string", "expected a text in quotes"),
        ("expected a boolean", "expected `true` or `false`"),
        ("unknown variant", "unknown value"),
        ("floating point `", "number `"),
        (" as i128", ""),
        ("expected struct RawRoute", "expected a table [[route]]"),
        ("expected struct RawPriceFactors", "expected a table { tokens = 0.9 }"),
        ("wanted exactly 1 element, more than 1 element", "expected one of the kinds, found several"),
        ("wanted exactly 1 element, found 0 elements", "expected one of the kinds, found none"),
        ("invalid float, expected `nan`", "not a value; put text in quotes"),
    ];
    WORDS.iter().fold(message.to_string(), |text, (from, to)| text.replace(from, to))
}

/// "did you mean" for serde's "unknown field `nam`, expected one of `name`, `model`".
fn unknown_field_hint(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `")?;
    let (found, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    nearest(found, known).map(|name| format!("did you mean `{name}`?"))
}

/// A complaint about a file, ready to be shown: title, place, what was found, what would be right.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct BadFile(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_shows_the_line_and_the_caret() {
        let source = SourceText { name: "w.toml".into(), text: "a = 1\nshare = 30\n".into() };
        let complaint = source.complaint(
            14..16,
            "cannot use this workload",
            "a share lies between 0 and 1",
            Some("write 0.3"),
        );
        let expected = "\
cannot use this workload
 --> w.toml:2:9
  |
2 | share = 30
  |         ^^ a share lies between 0 and 1
  |
  = hint: write 0.3";
        assert_eq!(complaint.to_string(), expected);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named_with_their_line() {
        let error = SourceText::from_bytes("x.toml", b"a = 1\nb = \"\xff\"".to_vec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a UTF-8 text: byte 0xff at line 2 of `x.toml`; save the file as UTF-8"
        );
    }

    #[test]
    fn spans_outside_the_text_do_not_panic() {
        let source = SourceText { name: "w".into(), text: "ä".into() };
        source.complaint(1..900, "t", "f", None);
    }
}
