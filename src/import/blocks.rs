//! A text in blocks of whole lines, so that several cores can read it and none of it is held for long.

use std::io::Read;

use super::pipeline::LINE_MAX;

/// Bytes that are handed to one core at a time; a longer line is a block of its own.
const BLOCK: usize = 1024 * 1024;

/// What stands in a block, and the byte that it begins at.
#[derive(Debug)]
pub(super) enum Block {
    /// Whole lines, in the buffer.
    Lines { at: u64 },
    /// A line of more than [`LINE_MAX`].
    TooLong { at: u64 },
    /// The log cannot be read on.
    Ended { at: u64, error: std::io::Error },
}

/// Cuts a text into blocks of whole lines.
pub(super) struct Cutter<R> {
    input: R,
    /// The line that the last block ended within.
    rest: Vec<u8>,
    at: u64,
    skipping: bool,
    ended: bool,
    error: Option<std::io::Error>,
}

impl<R: Read> Cutter<R> {
    pub fn new(input: R) -> Cutter<R> {
        Cutter { input, rest: Vec::new(), at: 0, skipping: false, ended: false, error: None }
    }

    /// Puts the next block into `text`; `None` at the end.
    pub fn next(&mut self, text: &mut Vec<u8>) -> Option<Block> {
        if text.capacity() > 32 * BLOCK {
            *text = Vec::new();
        }
        text.clear();
        text.append(&mut self.rest);
        while !self.ended {
            let before = text.len();
            text.reserve(BLOCK + 64);
            match (&mut self.input).take(BLOCK as u64).read_to_end(text) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => (self.ended, self.error) = (true, Some(error)),
            }
            let from = if self.skipping { self.pass_over(text) } else { before };
            if !self.skipping
                && let Some(block) = self.whole_lines(text, from)
            {
                return Some(block);
            }
        }
        let error = self.error.take()?;
        Some(Block::Ended { at: self.at, error })
    }

    /// The rest of a line that was too long goes by unread; gives where the next line begins.
    fn pass_over(&mut self, text: &mut Vec<u8>) -> usize {
        let end = memchr::memchr(b'\n', text).map(|at| at + 1);
        self.skipping = end.is_none();
        self.at += text.drain(..end.unwrap_or(text.len())).len() as u64;
        0
    }

    fn whole_lines(&mut self, text: &mut Vec<u8>, before: usize) -> Option<Block> {
        let at = self.at;
        let newline = memchr::memrchr(b'\n', &text[before.min(text.len())..]);
        let end = match newline {
            // A line that is cut off is no line, unless the text ends there in good order.
            _ if self.ended && self.error.is_none() => text.len(),
            Some(newline) => before + newline + 1,
            None if text.len() > LINE_MAX => {
                self.at += text.len() as u64;
                self.skipping = true;
                text.clear();
                return Some(Block::TooLong { at });
            }
            None => return None,
        };
        self.rest.extend_from_slice(&text[end..]);
        text.truncate(end);
        self.at += end as u64;
        (end > 0).then_some(Block::Lines { at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_put_together_are_the_text() {
        let long = "x".repeat(3 * BLOCK + 17);
        for text in
            ["", "\n", "a", "a\nb", "a\n\nb\n", &format!("a\n{long}\nb\n{long}"), &"ab\n".repeat(BLOCK)]
        {
            let mut cutter = Cutter::new(text.as_bytes());
            let (mut found, mut buffer) = (Vec::new(), Vec::new());
            while let Some(block) = cutter.next(&mut buffer) {
                let Block::Lines { at } = block else { panic!("{block:?}") };
                assert_eq!(at, found.len() as u64);
                found.extend_from_slice(&buffer);
                assert!(buffer.ends_with(b"\n") || found.len() == text.len());
            }
            assert!(found == text.as_bytes());
        }
    }
}
