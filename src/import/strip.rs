//! A row of JSON without the bulk that nobody reads: pictures in base64, long texts.
//!
//! A response may be 25 MB on one line, nearly all of it one picture. The scanner jumps from quote to quote, so
//! that such a string costs one search for its end, and copies what is left, some hundred bytes, for the
//! parser. A string that itself holds JSON (`full_response` as text, a CSV cell) is unwrapped in the same way and
//! stands in the result as the object it is.

use memchr::memchr;

use super::scan::end_of_string;

/// Longest string that is kept whole, bytes as written.
pub(super) const KEPT_MAX: usize = 256;

/// Longest key.
pub(super) const KEY_MAX: usize = 1024;

/// Bytes of a picture that are kept: its header, from which size and kind are read.
const PICTURE_HEAD: usize = 1024;

/// JSON within strings within JSON is unwrapped so often.
const NESTING_MAX: u8 = 3;

/// What is left of one row at most; more is no log of answers.
pub const STRIPPED_MAX: usize = 64 * 1024 * 1024;

/// Keys whose long strings are bulk whatever they hold.
const BULK: &[&str] =
    &["text", "thoughtSignature", "thought_signature", "content", "reasoning_content", "arguments"];

/// Keys of base64.
const PICTURES: &[&str] = &["data", "b64_json"];

/// What a picture's place is taken by: this, the length of its base64, `:`, its first bytes.
pub const PICTURE_MARK: &str = "picture:";

/// Why a text cannot be stripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends inside a string.
    #[error("ends inside a string")]
    Unterminated,
    /// A key of more than 1,024 bytes.
    #[error("a key of more than {KEY_MAX} bytes")]
    LongKey,
    /// More than [`STRIPPED_MAX`] bytes are left.
    #[error("more than {} MB without its pictures and texts", STRIPPED_MAX / 1024 / 1024)]
    TooLarge,
}

/// Appends `text` to `out` without its bulk.
///
/// What is no JSON stays no JSON: only strings change, and the parser judges the rest.
///
/// # Errors
///
/// When the text ends inside a string, or too much is left.
pub fn strip(text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    Scanner { text, at: 0, key: None, nesting: 0 }.run(out)
}

/// Whether a key's long strings are bulk.
pub(super) fn is_bulk(key: &[u8]) -> bool {
    BULK.iter().any(|name| name.as_bytes() == key)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// The last key, quotes excluded; elements of a list belong to it too.
    key: Option<&'a [u8]>,
    nesting: u8,
}

impl<'a> Scanner<'a> {
    fn run(mut self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        while let Some(quote) = memchr(b'"', &self.text[self.at..]) {
            let start = self.at + quote + 1;
            out.extend_from_slice(&self.text[self.at..start]);
            let end = end_of_string(self.text, start).ok_or(Malformed::Unterminated)?;
            self.at = end + 1;
            let string = &self.text[start..end];
            if self.is_key() {
                if string.len() > KEY_MAX {
                    return Err(Malformed::LongKey);
                }
                self.key = Some(string);
                out.extend_from_slice(string);
                out.push(b'"');
            } else {
                self.value(string, out);
            }
            if out.len() > STRIPPED_MAX {
                return Err(Malformed::TooLarge);
            }
        }
        if out.len() + (self.text.len() - self.at) > STRIPPED_MAX {
            return Err(Malformed::TooLarge);
        }
        out.extend_from_slice(&self.text[self.at..]);
        Ok(())
    }

    /// Whether a colon follows.
    fn is_key(&self) -> bool {
        let rest = &self.text[self.at..];
        rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
    }

    /// A string that is a value; its opening quote stands in `out` already.
    fn value(&self, string: &[u8], out: &mut Vec<u8>) {
        let bulk = self.key.is_some_and(is_bulk);
        if !bulk && self.nesting < NESTING_MAX && looks_like_json(string) && self.unwrap(string, out) {
            return;
        }
        if string.len() <= KEPT_MAX {
            out.extend_from_slice(string);
        } else if !bulk && self.key.is_some_and(|key| PICTURES.iter().any(|name| name.as_bytes() == key)) {
            out.extend_from_slice(PICTURE_MARK.as_bytes());
            out.extend_from_slice(string.len().to_string().as_bytes());
            out.push(b':');
            let head = string[..PICTURE_HEAD.min(string.len())].iter();
            out.extend(head.take_while(|byte| is_base64(**byte)));
        } else if !bulk {
            // A long text keeps its beginning, up to the first escape or letter that is not ASCII.
            out.extend(string[..64].iter().take_while(|byte| byte.is_ascii_graphic() && **byte != b'\\'));
        }
        out.push(b'"');
    }

    /// Puts the JSON that a string holds in its place; `false` and nothing changed when it holds none.
    fn unwrap(&self, string: &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        // The opening quote goes.
        out.truncate(before - 1);
        let Some(inner) = unescape(string) else {
            out.push(b'"');
            return false;
        };
        let scanner = Scanner { text: &inner, at: 0, key: self.key, nesting: self.nesting + 1 };
        let from = out.len();
        let done = match events(&inner) {
            Some(list) => strip_events(&list, self.nesting + 1, out),
            None => scanner.run(out).is_ok(),
        };
        if done && serde_json::from_slice::<serde::de::IgnoredAny>(&out[from..]).is_ok() {
            return true;
        }
        out.truncate(from);
        out.push(b'"');
        false
    }
}

/// An object or a list as text, or server-sent events.
pub(super) fn looks_like_json(string: &[u8]) -> bool {
    let first = string.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[')) || string.starts_with(b"data: {") || string.starts_with(b"data:{")
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// The payloads of server-sent events.
fn events(text: &[u8]) -> Option<Vec<&[u8]>> {
    if !text.starts_with(b"data:") {
        return None;
    }
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
    Some(lines.map(<[u8]>::trim_ascii).filter(|data| data.starts_with(b"{")).collect())
}

fn strip_events(list: &[&[u8]], nesting: u8, out: &mut Vec<u8>) -> bool {
    out.push(b'[');
    for (at, text) in list.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if (Scanner { text, at: 0, key: None, nesting }).run(out).is_err() {
            return false;
        }
    }
    out.push(b']');
    true
}

/// The text of a JSON string; `None` when an escape is none.
pub(super) fn unescape(string: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(string.len());
    unescape_into(string, &mut text).then_some(text)
}

/// Appends the text of a JSON string; `false` when an escape is none.
pub(super) fn unescape_into(string: &[u8], text: &mut Vec<u8>) -> bool {
    let mut at = 0;
    while let Some(found) = next_backslash(string, at, text) {
        let Some(used) = unescape_one(&string[found..], text) else { return false };
        at = found + used;
    }
    true
}

/// Copies up to the next backslash, and gives its place.
///
/// Escapes are dense in JSON within JSON, so eight bytes at a time beat a search that is set up anew for each.
fn next_backslash(string: &[u8], from: usize, text: &mut Vec<u8>) -> Option<usize> {
    let mut at = from;
    while let Some(eight) = string[at..].first_chunk::<8>() {
        let low = u64::from_le_bytes(*eight) ^ 0x5c5c_5c5c_5c5c_5c5c;
        let zeros = low.wrapping_sub(0x0101_0101_0101_0101) & !low & 0x8080_8080_8080_8080;
        if zeros != 0 {
            // The lowest mark is always right; those above it may be a borrow's.
            let before = (zeros.trailing_zeros() / 8) as usize;
            text.extend_from_slice(&eight[..before]);
            return Some(at + before);
        }
        text.extend_from_slice(eight);
        at += 8;
    }
    let rest = &string[at..];
    let before = memchr(b'\\', rest);
    text.extend_from_slice(&rest[..before.unwrap_or(rest.len())]);
    before.map(|before| at + before)
}

/// Appends what the escape at the beginning stands for, and gives the bytes it takes.
fn unescape_one(rest: &[u8], text: &mut Vec<u8>) -> Option<usize> {
    let byte = match rest.get(1)? {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        plain @ (b'"' | b'\\' | b'/') => *plain,
        b'u' => {
            let (letter, used) = unicode(rest)?;
            text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(used);
        }
        _ => return None,
    };
    text.push(byte);
    Some(2)
}

/// The letter of `\u….`, of two of them for a surrogate pair, and the bytes they take.
fn unicode(rest: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = rest.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    };
    let high = unit(0)?;
    if let Some(letter) = char::from_u32(high) {
        return Some((letter, 6));
    }
    let low = unit(6).filter(|low| (0xdc00..0xe000).contains(low) && high < 0xdc00)?;
    Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut out = Vec::new();
        strip(text.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn short_strings_and_structure_stay() {
        for text in
            [r#"{"a":[1,{"b":"c\"d"}],"e" : null}"#, "", "   ", "[[[", "\"\u{e9}\"", r#"{"text":"short"}"#]
        {
            check(text, text);
        }
    }

    #[test]
    fn a_picture_is_its_length_and_its_head() {
        let data = "A".repeat(5_000);
        check(
            &format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{data}"}},"n":1}}"#),
            &format!(
                r#"{{"inlineData":{{"mimeType":"image/png","data":"picture:5000:{}"}},"n":1}}"#,
                "A".repeat(1024)
            ),
        );
    }

    #[test]
    fn long_texts_leave_their_beginning_or_nothing() {
        let long = format!("word{}", "\\n".repeat(200));
        check(&format!(r#"{{"text":"{long}","uri":"{long}"}}"#), r#"{"text":"","uri":"word"}"#);
    }

    /// Every escape of one letter, and 200,000 texts of escapes good and bad, beside a full parser.
    #[test]
    fn escapes_stand_for_what_a_parser_takes_them_for() {
        #[track_caller]
        fn same(text: &[u8]) {
            let quoted = [b"\"", text, b"\""].concat();
            let expected = serde_json::from_slice::<String>(&quoted).ok().map(String::into_bytes);
            assert_eq!(unescape(text), expected, "{}", String::from_utf8_lossy(text));
        }
        for letter in (b' '..=b'~').filter(|letter| *letter != b'"') {
            same(&[b'\\', letter, b'x', b'y']);
        }
        same(br#"\""#);
        let pieces = [
            "n", "\\n", "\\t", "\\\\", "\\/", "\\u00e9", "\\ud83d", "\\ude00", "\\u+123", "\\u12", "\\x", "e",
        ];
        let mut random = crate::stats::generator(11, 0);
        for _ in 0..200_000 {
            let count = random.random_range(1..6);
            let text: String = (0..count).map(|_| pieces[random.random_range(0..pieces.len())]).collect();
            same(text.as_bytes());
        }
    }

    #[test]
    fn json_in_a_string_is_unwrapped_pictures_and_all() {
        let data = "B".repeat(2_000);
        let inner =
            format!(r#"{{"usageMetadata":{{"promptTokenCount":7}},"data":"{data}","t":"é\n\ud83d\ude00"}}"#);
        let outer = serde_json::json!({ "full_response": inner }).to_string();
        let mut out = Vec::new();
        strip(outer.as_bytes(), &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["full_response"]["usageMetadata"]["promptTokenCount"], 7);
        assert_eq!(value["full_response"]["t"], "é\n😀");
        assert!(value["full_response"]["data"].as_str().unwrap().starts_with("picture:2000:BBB"));
    }

    #[test]
    fn events_in_a_string_are_a_list_of_chunks() {
        let body = "data: {\"a\":1}\r\n\r\ndata: {\"a\":2}\n\ndata: [DONE]\n";
        check(&serde_json::json!({ "string": body }).to_string(), r#"{"string":[{"a":1},{"a":2}]}"#);
    }

    #[test]
    fn what_only_looks_like_json_stays_text() {
        check(r#"{"a":"{not json}","b":"[1, 2"}"#, r#"{"a":"{not json}","b":"[1, 2"}"#);
        // A model's own answer is never taken for the row's fields.
        check(r#"{"text":"{\"usageMetadata\":1}"}"#, r#"{"text":"{\"usageMetadata\":1}"}"#);
    }

    #[test]
    fn an_end_inside_a_string_is_an_error() {
        for text in [r#"{"a"#, r#"{"a":"b\"#, r#"{"a":"\""#] {
            assert_eq!(strip(text.as_bytes(), &mut Vec::new()), Err(Malformed::Unterminated), "{text}");
        }
        let key = format!("{{\"{}\":1}}", "k".repeat(2_000));
        assert_eq!(strip(key.as_bytes(), &mut Vec::new()), Err(Malformed::LongKey));
    }
}
