//! A text in blocks of whole lines, so that several cores can read it and none of it is held for long.

use std::{io::Read, sync::mpsc::SyncSender};

use super::pipeline::LINE_MAX;

/// Bytes that are handed to one core at a time; a longer line is a block of its own.
const BLOCK: usize = 4 * 1024 * 1024;

/// Whole lines, or what became of a line that is too long or cut off.
pub(super) enum Block {
    /// Whole lines, and the byte that they begin at.
    Lines { at: u64, text: Vec<u8> },
    /// A line of more than [`LINE_MAX`].
    TooLong { at: u64 },
    /// The log cannot be read on.
    Ended { at: u64, error: std::io::Error },
}

/// Cuts a text into blocks of whole lines until it ends or nobody listens any more.
pub(super) fn cut(mut input: impl Read, sender: &SyncSender<Block>) {
    let (mut held, mut start, mut skipping) = (Vec::new(), 0_u64, false);
    loop {
        let before = held.len();
        let read = (&mut input).take(BLOCK as u64).read_to_end(&mut held);
        if skipping {
            // The rest of a line that was too long goes by unread.
            let end = memchr::memchr(b'\n', &held).map(|at| at + 1);
            skipping = end.is_none();
            start += held.drain(..end.unwrap_or(held.len())).len() as u64;
        }
        let at_end = matches!(read, Ok(0));
        let newline = memchr::memrchr(b'\n', &held[before.min(held.len())..]);
        let end = if at_end { held.len() } else { newline.map_or(0, |at| before.min(held.len()) + at + 1) };
        let mut blocks = Vec::new();
        if end > 0 {
            let rest = held.split_off(end);
            blocks.push(Block::Lines { at: start, text: std::mem::replace(&mut held, rest) });
            start += end as u64;
        }
        if held.len() > LINE_MAX {
            blocks.push(Block::TooLong { at: start });
            start += held.len() as u64;
            (held, skipping) = (Vec::new(), true);
        }
        let ended = at_end || read.is_err();
        if let Err(error) = read {
            blocks.push(Block::Ended { at: start, error });
        }
        if blocks.into_iter().any(|block| sender.send(block).is_err()) || ended {
            return;
        }
    }
}
