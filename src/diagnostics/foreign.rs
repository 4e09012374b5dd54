//! What the parsers of JSON and CSV complain of, in plain words with the key or the column.

use std::fmt;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// Letters of a text that are shown where it cannot be read.
const SHOWN: usize = 24;

/// What is wrong with a JSON text.
#[derive(Clone, Debug, PartialEq)]
pub struct BadJson {
    /// The way to the value, `bill.month.mean`; `None` when the text is no JSON, or the whole is meant.
    pub key: Option<String>,
    /// What was found and expected.
    pub problem: String,
    /// Line and column (byte), counted from 1; `None` for a value that was read before.
    pub place: Option<(usize, usize)>,
}

impl fmt::Display for BadJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "`{key}`: ")?;
        }
        f.write_str(&self.problem)?;
        match self.place {
            Some((1, column)) => write!(f, " at column {column}"),
            Some((line, column)) => write!(f, " at line {line}, column {column}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BadJson {}

impl BadJson {
    fn of(text: &str, path: &serde_path_to_error::Path, error: &serde_json::Error) -> BadJson {
        let place = Some((error.line(), error.column())).filter(|(line, _)| *line > 0);
        let told = error.to_string();
        let told = told.split(" at line ").next().unwrap_or(&told);
        if text.trim().is_empty() {
            return BadJson { key: None, problem: "there is nothing in it".into(), place: None };
        }
        let mut problem = json_words(told);
        if error.is_syntax()
            && let Some(found) = place.and_then(|place| found_at(text, place))
        {
            problem += &format!(", found `{found}`");
        }
        if text.trim_start().starts_with('<') {
            problem += " (this looks like HTML)";
        }
        let key = path.iter().next().filter(|_| error.is_data()).map(|_| path.to_string());
        BadJson { key, problem, place }
    }
}

/// Reads a JSON text as a value of a type.
///
/// # Errors
///
/// When it is no JSON, or has a key too few or of another kind; the key is named.
///
/// ```
/// # use burndown::diagnostics::from_json;
/// #[derive(Debug, serde::Deserialize)]
/// struct Row {
///     tokens: u64,
/// }
/// let bad = from_json::<Row>(r#"{"tokens": "ten"}"#).unwrap_err();
/// assert_eq!(
///     bad.to_string(),
///     "`tokens`: invalid type: string \"ten\", expected a whole number from 0 at column 16"
/// );
/// ```
pub fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, BadJson> {
    serde_json::from_str(text).map_err(|error| {
        // The first reading was quick; this one remembers the way to the key.
        let again = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_str(text));
        match again {
            Err(told) => BadJson::of(text, told.path(), told.inner()),
            Ok(_) => BadJson::of(text, &serde_path_to_error::Track::new().path(), &error),
        }
    })
}

/// The same from JSON that was parsed before; there is no place then.
///
/// # Errors
///
/// When a key is missing or of another kind.
pub fn from_json_value<T: DeserializeOwned>(value: &Value) -> Result<T, BadJson> {
    T::deserialize(value).map_err(|error| match serde_path_to_error::deserialize::<_, T>(value) {
        Err(told) => BadJson::of("{}", told.path(), told.inner()),
        Ok(_) => BadJson { key: None, problem: json_words(&error.to_string()), place: None },
    })
}

/// The letters from a place on, without what a terminal would obey.
fn found_at(text: &str, (line, column): (usize, usize)) -> Option<String> {
    let line = text.split('\n').nth(line - 1)?;
    let rest = line.get(column.saturating_sub(1)..)?.trim_end();
    let shown: String = rest.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect();
    let more = if rest.chars().nth(SHOWN).is_some() { "\u{2026}" } else { "" };
    (!shown.is_empty()).then(|| shown + more)
}

/// `serde_json` speaks of Rust's types; people write files.
pub fn json_words(message: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("EOF while parsing a value", "the text ends where a value is expected"),
        ("EOF while parsing a string", "the text ends inside a string"),
        ("EOF while parsing a list", "the text ends inside a list"),
        ("EOF while parsing an object", "the text ends inside an object"),
        ("expected ident", "expected `true`, `false` or `null`"),
        ("expected value", "expected a value"),
        ("key must be a string", "expected a key in double quotes"),
        ("trailing characters", "expected the end of the JSON"),
        ("trailing comma", "a comma with nothing after it"),
        ("recursion limit exceeded", "nested more than 127 deep"),
        ("invalid unicode code point", "a letter that is not UTF-8"),
        ("unexpected end of hex escape", "half of a pair of \\u escapes"),
        ("lone leading surrogate in hex escape", "half of a pair of \\u escapes"),
        ("control character (\\u0000-\\u001F) found while parsing a string", "a line break inside a string"),
        ("invalid type: sequence", "invalid type: list"),
        ("invalid type: map", "invalid type: object"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("expected a string or map", "expected a text"),
        ("expected a string", "expected a text"),
        ("expected a boolean", "expected `true` or `false`"),
        ("unknown variant", "unknown value"),
        ("a Decimal type representing a fixed-point number", "a number such as 0.25, below 1e28"),
        ("floating point `", "number `"),
        ("duplicate field", "two keys"),
    ];
    const WHOLE: [&str; 5] =
        ["expected u8", "expected u16", "expected u32", "expected u64", "expected usize"];
    let mut text = WORDS.iter().fold(message.to_string(), |text, (from, to)| text.replace(from, to));
    for kind in WHOLE {
        text = text.replace(kind, "expected a whole number from 0");
    }
    text =
        text.replace("expected i64", "expected a whole number").replace("expected f64", "expected a number");
    match text.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected an object"),
        None => text,
    }
}

/// What is wrong with a row of a CSV file, with the name of its column where one is meant.
pub fn csv_problem(
    error: &csv::Error,
    header: &csv::StringRecord,
    row: Option<&csv::StringRecord>,
) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("found {len} cells, expected {expected_len} as in the first line")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8 text; save the file as UTF-8".into(),
        csv::ErrorKind::Deserialize { err, .. } => {
            let expected = match err.kind() {
                csv::DeserializeErrorKind::ParseInt(_) => "expected a whole number from 0".to_string(),
                csv::DeserializeErrorKind::ParseFloat(_) => "expected a number".to_string(),
                csv::DeserializeErrorKind::Message(told) => {
                    return json_words(told).replace("missing field", "no column");
                }
                other => other.to_string(),
            };
            let at = err.field().and_then(|at| usize::try_from(at).ok());
            let column = at.and_then(|at| header.get(at)).map(|name| format!(" in `{name}`"));
            let found = at.and_then(|at| row?.get(at)).map(|cell| format!(", found `{cell}`"));
            format!("{expected}{}{}", column.unwrap_or_default(), found.unwrap_or_default())
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        #[derive(Debug, Deserialize)]
        struct Row {
            _a: Inner,
        }
        #[derive(Debug, Deserialize)]
        struct Inner {
            _b: Vec<u16>,
        }
        assert_eq!(from_json::<Row>(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn the_key_is_named_and_the_place() {
        check(
            r#"{"_a": {"_b": [1, -2]}}"#,
            "`_a._b[1]`: invalid value: integer `-2`, expected a whole number from 0 at column 20",
        );
        check("{\n\"_a\": [7]}", "`_a[0]`: invalid type: integer `7`, expected a list at line 2, column 8");
    }

    #[test]
    fn text_that_is_no_json_is_shown() {
        check("hello", "expected a value, found `hello` at column 1");
        check(" \n", "there is nothing in it");
        check("{\"_a\": ", "the text ends where a value is expected at column 7");
        check("<html>", "expected a value, found `<html>` (this looks like HTML) at column 1");
        check(r#"{"_a": {"_b": []}} {}"#, "expected the end of the JSON, found `{}` at column 20");
    }
}
