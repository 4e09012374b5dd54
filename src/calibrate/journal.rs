//! The journal of a calibration: every dollar before it is spent, every answer before it counts.
//!
//! JSON lines. A reservation is on disk before its request is sent; an answer and what it costs are one line,
//! so that a crash leaves either both or the reservation alone, which then counts as spent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use crate::{
    diagnostics::from_json,
    units::Usd,
    usage::{Observation, RecordKind},
};

/// Version of the format.
pub const JOURNAL_SCHEMA: &str = "burndown.calibration/1";

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// The first line, and one more for every resumption.
    Start {
        /// [`JOURNAL_SCHEMA`].
        schema: String,
        /// Name of the workload.
        workload: String,
        /// Time.
        at: String,
        /// What may be spent in all.
        budget_usd: Usd,
        /// Real backends, or the emulator.
        kind: RecordKind,
        /// Seed of what is random.
        seed: u64,
    },
    /// A request is about to be sent; its worst price is set aside.
    Reserve {
        /// Number of the attempt in this journal.
        id: u64,
        /// Key of the cell.
        cell: String,
        /// Number of the request within the cell.
        request: u64,
        /// Counted from 1 within the request.
        attempt: u32,
        /// US dollars set aside.
        usd: Usd,
    },
    /// An answer came; its cost replaces the reservation.
    Answer {
        /// The attempt.
        id: u64,
        /// US dollars it may be billed at most.
        usd: Usd,
        /// What is kept of it.
        observation: Box<Observation>,
    },
    /// No answer came.
    Failed {
        /// The attempt.
        id: u64,
        /// US dollars it may be billed: 0, or the reservation where that is not known.
        usd: Usd,
        /// What went wrong.
        fault: Fault,
        /// HTTP status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The server's message, shortened.
        message: String,
    },
    /// The run ended.
    Stop {
        /// Why.
        why: String,
        /// Time.
        at: String,
    },
}

/// Why a journal cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadJournal {
    /// A line is no entry.
    #[error(
        "line {line} is not an entry of a calibration journal: {problem}\n\nhint: a journal is only appended to; was it changed by hand?"
    )]
    Line {
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// More is lost at its end than the one line that was being written.
    #[error(
        "its last {bytes} bytes are no lines, more than one entry takes: the disk lost entries that had been written, and what they cost is not known\n\nhint: cut them off (`truncate -s {whole} FILE`) and lower --budget-usd by what the bill says, or begin another --journal"
    )]
    Lost {
        /// Bytes without a line.
        bytes: usize,
        /// Bytes before them.
        whole: usize,
    },
    /// It starts with something else.
    #[error(
        "expected a first line with schema `{JOURNAL_SCHEMA}`\n\nhint: --journal names the calibration.jsonl of a run"
    )]
    NotAJournal,
}

/// A journal as read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadJournal {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// Bytes that are whole lines; what follows is the line that was being written when the power went.
    pub whole_bytes: usize,
}

/// An entry takes no more bytes than this, or than the longest one so far.
const ENTRY_BYTES: usize = 2048;

/// Reads a journal; an unfinished last line is left out and can be cut off at `whole_bytes`.
///
/// Each line is on disk before anything relies on it, so the last one alone can be torn: cut short, zeros where
/// its block was not written, or a wreck with a line feed behind it. A reservation that is torn was never sent;
/// an answer that is torn leaves its reservation, which counts as spent.
///
/// # Errors
///
/// When a whole line is no entry, the first one is no start, or more than one line is lost at the end.
pub fn read_journal(bytes: &[u8]) -> Result<ReadJournal, BadJournal> {
    let (mut entries, mut whole_bytes, mut longest) = (Vec::new(), 0, ENTRY_BYTES);
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(text) = line.strip_suffix(b"\n") else { break };
        if !text.iter().all(u8::is_ascii_whitespace) {
            match serde_json::from_slice(text) {
                Ok(entry) => entries.push(entry),
                // A torn line is no JSON; JSON that is no entry was written so by somebody.
                Err(error) if !error.is_data() && no_entry_in(&bytes[whole_bytes..]) => break,
                Err(_) => return Err(BadJournal::Line { line: at + 1, problem: no_entry(text) }),
            }
        }
        longest = longest.max(line.len());
        whole_bytes += line.len();
    }
    let lost = bytes.len() - whole_bytes;
    if lost > longest {
        return Err(BadJournal::Lost { bytes: lost, whole: whole_bytes });
    }
    match entries.first() {
        // What begins otherwise than a journal does was never one; it must not be cut off to make room for one.
        None if !could_be_torn_start(bytes) => Err(BadJournal::NotAJournal),
        None => Ok(ReadJournal { entries, whole_bytes }),
        Some(Entry::Start { schema, .. }) if schema == JOURNAL_SCHEMA => {
            Ok(ReadJournal { entries, whole_bytes })
        }
        Some(_) => Err(BadJournal::NotAJournal),
    }
}

/// Whether a first line was cut short, or its block never written.
fn could_be_torn_start(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let written = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let start = b"{\"entry\":\"start\"";
    bytes[..written].iter().zip(start).all(|(found, expected)| found == expected)
}

fn no_entry_in(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').all(|line| serde_json::from_slice::<Entry>(line).is_err())
}

/// Why a line is no entry.
fn no_entry(line: &[u8]) -> String {
    match std::str::from_utf8(line) {
        Err(_) => "not UTF-8 text".into(),
        Ok(text) => from_json::<Entry>(text).err().map_or_else(String::new, |error| error.to_string()),
    }
}

/// The observations of a journal, in the order of their answers.
pub fn observations_of(entries: &[Entry]) -> Vec<Observation> {
    let answers = entries.iter().filter_map(|entry| match entry {
        Entry::Answer { observation, .. } => Some(observation.as_ref().clone()),
        _ => None,
    });
    answers.collect()
}
