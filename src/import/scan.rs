//! The end of a JSON string, found 64 bytes at a time.
//!
//! Texts of answers are full of escapes, one in a dozen bytes, and a search that stops at each is slower than a
//! full parse. So quotes and backslashes of 64 bytes become two words of 64 bits, and the escaped quotes are
//! taken out with a few operations whatever their number.
//! Source: Langdale & Lemire (2019), "Parsing gigabytes of JSON per second", section 3.1.1; Keiser & Lemire's
//! later form of the same step in simdjson 3.

use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// The place of the closing quote of a string whose text begins at `start`; `None` when there is none.
pub(super) fn end_of_string(text: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut escaped) = (start, false);
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let quotes = closing(block, &mut escaped);
        if quotes != 0 {
            return Some(at + quotes.trailing_zeros() as usize);
        }
        at += BLOCK;
    }
    let rest = text.get(at..)?;
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    let quotes = closing(&block, &mut escaped);
    (quotes != 0).then(|| at + quotes.trailing_zeros() as usize)
}

/// The quotes of a block that no backslash stands before, a bit each; `escaped` says whether the block before
/// ended with such a backslash, and is told the same of this one.
fn closing(block: &[u8; BLOCK], escaped: &mut bool) -> u64 {
    let (quotes, backslashes) = quotes_and_backslashes(block);
    if backslashes == 0 && !*escaped {
        return quotes;
    }
    quotes & !after_backslash(backslashes, escaped)
}

/// The bytes that a backslash escapes: in a run of them, every second.
fn after_backslash(backslashes: u64, escaped: &mut bool) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let carried = u64::from(*escaped);
    let open = backslashes & !carried;
    let follows = (open << 1) | carried;
    // Runs that begin at an odd place: adding them to the backslashes carries each past its end.
    let odd_starts = open & !EVEN & !follows;
    let (even_runs, overflow) = odd_starts.overflowing_add(open);
    *escaped = overflow;
    (EVEN ^ (even_runs << 1)) & follows
}

/// A bit for each quote, and one for each backslash.
fn quotes_and_backslashes(block: &[u8; BLOCK]) -> (u64, u64) {
    let (quote, backslash) = (u8x16::splat(b'"'), u8x16::splat(b'\\'));
    let (mut quotes, mut backslashes) = (0, 0);
    for (at, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::from(*sixteen);
        quotes |= u64::from(bytes.simd_eq(quote).to_bitmask()) << (16 * at);
        backslashes |= u64::from(bytes.simd_eq(backslash).to_bitmask()) << (16 * at);
    }
    (quotes, backslashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::generator;
    use rand::Rng;

    /// One byte after the other.
    fn plain(text: &[u8], start: usize) -> Option<usize> {
        let mut at = start;
        loop {
            match text.get(at)? {
                b'"' => return Some(at),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    #[test]
    fn the_end_is_found_where_a_walk_byte_by_byte_finds_it() {
        let mut dice = generator(11, 0);
        for round in 0..20_000 {
            let length = dice.next_u64() as usize % 300;
            let backslashes = 1 + round % 5;
            let text: Vec<u8> = (0..length)
                .map(|_| match dice.next_u64() % 40 {
                    0 => b'"',
                    roll if roll <= backslashes * 6 => b'\\',
                    roll => (b'0' + roll as u8) ^ if round % 7 == 0 { 128 } else { 0 },
                })
                .collect();
            for start in [0, 1, length / 2, length, length + 1] {
                assert_eq!(end_of_string(&text, start), plain(&text, start), "{start} {text:?}");
            }
        }
    }
}
