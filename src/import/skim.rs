//! A walk over one line of JSON that builds nothing: it hands out what is asked for and passes over the rest.
//!
//! It is only ever sure of what is plain. Whatever is not (a key that stands twice, a spelling that is rare, an
//! escape where a word is expected, a number that is no whole one), it gives up, and the line is read whole by
//! the parser. So what it accepts, the parser accepts too, with the same content.

use super::{
    scan::end_of_string,
    strip::{self, KEPT_MAX, KEY_MAX},
};

/// Deeper than this the parser decides.
const DEPTH_MAX: u32 = 64;

/// Keys of one object that are held against each other.
const KEYS_MAX: usize = 64;

/// One text under the walk. Every method gives `None` where the parser is to decide.
pub(super) struct Skim<'t> {
    text: &'t [u8],
    at: usize,
    /// Keys of the objects around, for finding those that stand twice.
    keys: Vec<&'t [u8]>,
    depth: u32,
    /// A key that ends the walk wherever it stands.
    pub stop_at: &'static [u8],
    /// Bytes of strings that the parser would not see.
    pub passed_over: usize,
}

impl<'t> Skim<'t> {
    pub fn new(text: &'t [u8], stop_at: &'static [u8]) -> Skim<'t> {
        Skim { text, at: 0, keys: Vec::with_capacity(32), depth: 0, stop_at, passed_over: 0 }
    }

    /// Whether nothing but white space is left.
    pub fn ends(&mut self) -> Option<()> {
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    /// First byte of the next value, as a place.
    pub fn start(&mut self) -> Option<usize> {
        self.peek().map(|_| self.at)
    }

    /// Byte that is read next.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What was read since a byte.
    pub fn since(&self, from: usize) -> &'t [u8] {
        &self.text[from..self.at]
    }

    /// First byte of the next value.
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// An object; `each` is called before each value and must consume it.
    pub fn object(&mut self, mut each: impl FnMut(&mut Self, &'t [u8]) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let outer = self.keys.len();
        if self.peek()? == b'}' {
            self.at += 1;
        } else {
            loop {
                let key = self.key(outer)?;
                each(self, key)?;
                match self.peek()? {
                    b',' => self.at += 1,
                    b'}' => break self.at += 1,
                    _ => return None,
                }
            }
        }
        self.keys.truncate(outer);
        self.depth -= 1;
        Some(())
    }

    fn key(&mut self, outer: usize) -> Option<&'t [u8]> {
        let key = self.string()?;
        let known = &self.keys[outer..];
        let odd = key.len() > KEY_MAX || !is_plain(key) || key == self.stop_at;
        if odd || known.len() >= KEYS_MAX || known.contains(&key) {
            return None;
        }
        self.keys.push(key);
        self.take(b':')?;
        Some(key)
    }

    /// A list; `each` is called before each element and must consume it.
    pub fn list(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        if self.peek()? == b']' {
            self.at += 1;
        } else {
            loop {
                each(self)?;
                match self.peek()? {
                    b',' => self.at += 1,
                    b']' => break self.at += 1,
                    _ => return None,
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    /// A string's text as written, unchecked.
    pub fn string(&mut self) -> Option<&'t [u8]> {
        self.take(b'"')?;
        let end = end_of_string(self.text, self.at)?;
        let text = &self.text[self.at..end];
        self.at = end + 1;
        Some(text)
    }

    /// A string that is plain ASCII and not long.
    pub fn word(&mut self) -> Option<&'t str> {
        let text = self.string()?;
        if text.len() > KEPT_MAX || !is_plain(text) || strip::looks_like_json(text) {
            return None;
        }
        std::str::from_utf8(text).ok()
    }

    /// A whole number as the parser takes it, a text that says one, or `null`.
    pub fn count(&mut self) -> Option<Option<u64>> {
        let digits = match self.peek()? {
            b'"' => self.word()?.as_bytes(),
            b'n' => return self.literal(b"null").map(|()| None),
            _ => self.number()?,
        };
        let is_whole = !digits.is_empty() && digits.len() <= 12 && digits.iter().all(u8::is_ascii_digit);
        // Up to twelve digits; a larger number, or another spelling of one, is for the parser.
        is_whole.then(|| Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))))
    }

    /// The text of a number.
    pub fn number(&mut self) -> Option<&'t [u8]> {
        self.space();
        let rest = &self.text[self.at..];
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().position(|byte| !part(byte)).unwrap_or(rest.len());
        let number = &rest[..length];
        let plain = length <= 18
            && number.iter().all(u8::is_ascii_digit)
            && (length == 1 || number.first().is_some_and(|digit| *digit != b'0'));
        if !plain && serde_json::from_slice::<serde_json::Value>(number).is_err() {
            return None;
        }
        self.at += length;
        Some(number)
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// Passes over a value that belongs to a key; it is checked as the parser would check what is left of it.
    pub fn skip(&mut self, key: &[u8]) -> Option<()> {
        match self.peek()? {
            b'"' => {
                let text = self.string()?;
                self.check(text, strip::is_bulk(key))
            }
            b'{' => self.object(|skim, key| skim.skip(key)),
            b'[' => self.list(Skim::skip_element),
            b'n' => self.literal(b"null"),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            _ => self.number().map(|_| ()),
        }
    }

    /// An element of a list has no key of its own, and which one it counts to depends on what went before.
    pub fn skip_element(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => {
                let text = self.string()?;
                if text.len() > KEPT_MAX { None } else { self.check(text, false) }
            }
            _ => self.skip(b""),
        }
    }

    fn check(&mut self, text: &'t [u8], bulk: bool) -> Option<()> {
        if !bulk && strip::looks_like_json(text) {
            return None;
        }
        if text.len() > KEPT_MAX {
            self.passed_over += text.len();
            return Some(());
        }
        is_string(text).then_some(())
    }
}

/// Printable ASCII without an escape.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
}

/// Whether the parser takes it for the text of a string.
fn is_string(text: &[u8]) -> bool {
    is_plain(text) || {
        let quoted = [b"\"", text, b"\""].concat();
        serde_json::from_slice::<String>(&quoted).is_ok()
    }
}
