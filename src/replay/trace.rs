//! Traces as a stream: lines in, batches of requests in order of time out, in bounded memory.

use std::{
    io::{self, BufRead, BufReader, Read},
    num::NonZeroU64,
};

use flate2::bufread::MultiGzDecoder;

use super::{
    burn::{BurnRates, UNITS_MAX},
    rows::{LeftOut, Line, RowReader, TraceFormat},
};
use crate::model::ByClass;

/// Requests of one batch, except the last, which holds what is left; a row may stand this far from its place
/// in time and is still put there.
pub const BATCH: usize = 65_536;

/// Longest line.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Unreadable rows are tolerated, and counted, up to this share.
const BAD_SHARE_MAX: f64 = 0.01;

/// Fewer unreadable rows than this in a row of good ones are no pattern: one torn last line must pass.
const BAD_ALWAYS_TOLERATED: u64 = 1;

/// One request of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Arrival, microseconds since 1970 or since the trace's own zero.
    pub at_micros: i64,
    /// Burn of its input, in units.
    pub input_units: u64,
    /// Burn of all of it, in units.
    pub units: u64,
    /// Time to the complete answer, where the trace has it.
    pub latency: Option<Micros>,
}

/// A length of time of 0 microseconds or more. An unknown one takes no room of its own, so that a request is
/// 32 bytes long: replaying one quota is bound by reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Micros(NonZeroU64);

impl Micros {
    /// That many microseconds, at most 2⁶⁴ − 2.
    pub fn new(micros: u64) -> Micros {
        Micros(NonZeroU64::MIN.saturating_add(micros))
    }

    /// How many microseconds these are.
    pub fn get(self) -> u64 {
        self.0.get() - 1
    }
}

/// What was seen on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceNotes {
    /// Rows read, header not counted.
    pub rows: u64,
    /// Requests among them.
    pub requests: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// The first of them, with its line.
    pub first_unreadable: Option<(u64, String)>,
    /// Rows of requests that failed; nothing is known of their tokens.
    pub failed: u64,
    /// Observations of other models.
    pub other_models: u64,
    /// Requests that stood behind a later one.
    pub out_of_order: u64,
    /// Requests from the emulator.
    pub rehearsed: u64,
    /// Tokens by class, saturating.
    pub tokens: ByClass<u64>,
    /// Tokens that no rate burns.
    pub without_rate: ByClass<u64>,
}

/// Why a trace cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The stream broke.
    #[error("cannot read {name} after line {line}: {source}")]
    Read {
        /// The trace.
        name: String,
        /// Lines read before.
        line: u64,
        /// What the stream said.
        source: io::Error,
    },
    /// Nothing in it.
    #[error("{name} is empty: a trace has a header or a first request")]
    Empty {
        /// The trace.
        name: String,
    },
    /// Not a trace, or not of the kind asked for.
    #[error(
        "{name}: {found}\n\nhint: read are {}; --format names one",
        TraceFormat::ALL.map(TraceFormat::as_str).join(", ")
    )]
    UnknownFormat {
        /// The trace.
        name: String,
        /// What was found.
        found: String,
    },
    /// A line no trace has.
    #[error("{name}:{line}: longer than {} MB, which no row is", LINE_BYTES_MAX / 1024 / 1024)]
    LongLine {
        /// The trace.
        name: String,
        /// Its number.
        line: u64,
    },
    /// Too many rows that cannot be read.
    #[error("{name}:{line}: {problem}; {unreadable} of {rows} rows so far cannot be read")]
    Unreadable {
        /// The trace.
        name: String,
        /// The first of them.
        line: u64,
        /// What is wrong with it.
        problem: String,
        /// How many.
        unreadable: u64,
        /// Of how many.
        rows: u64,
    },
    /// A request far behind its place.
    #[error(
        "{name}:{line}: this request is {seconds:.3} s earlier than one {BATCH} or more rows before it; sort the trace by time"
    )]
    OutOfOrder {
        /// The trace.
        name: String,
        /// The line.
        line: u64,
        /// How much earlier.
        seconds: f64,
    },
    /// Rows, and none of them a request.
    #[error(
        "{name} holds no request to replay: {rows} rows, {failed} of them failed, {other_models} of other models"
    )]
    NoRequest {
        /// The trace.
        name: String,
        /// Rows read.
        rows: u64,
        /// Failed ones.
        failed: u64,
        /// Of other models.
        other_models: u64,
    },
}

/// A trace that is being read.
pub struct TraceReader<'a> {
    name: String,
    source: Box<dyn BufRead + 'a>,
    rows: RowReader,
    rates: &'a BurnRates,
    wanted: Box<dyn Fn(&str) -> bool + 'a>,
    notes: TraceNotes,
    line: u64,
    text: Vec<u8>,
    ended: bool,
    /// Requests read and not handed out, each with its line.
    held: Vec<(Request, u64)>,
    latest: i64,
    handed_out: i64,
}

impl std::fmt::Debug for TraceReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceReader")
            .field("name", &self.name)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl<'a> TraceReader<'a> {
    /// Opens a trace, gzip or plain; the first line shows its format unless one is asked for.
    ///
    /// `wanted` tells of an observation's model whether its requests are to be replayed.
    ///
    /// # Errors
    ///
    /// When the stream breaks, is empty, or begins like no format that is known.
    pub fn open(
        name: &str,
        source: impl Read + 'a,
        asked: Option<TraceFormat>,
        rates: &'a BurnRates,
        wanted: impl Fn(&str) -> bool + 'a,
    ) -> Result<TraceReader<'a>, TraceError> {
        let mut plain = BufReader::with_capacity(1 << 16, source);
        let broken = |source| TraceError::Read { name: name.to_string(), line: 0, source };
        let zipped = plain.fill_buf().map_err(broken)?.starts_with(&[0x1f, 0x8b]);
        let source: Box<dyn BufRead + 'a> = if zipped {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        let rows = RowReader::of_first_line("", Some(TraceFormat::Observations));
        let rows = rows.map_err(|found| TraceError::UnknownFormat { name: name.to_string(), found })?;
        let mut reader = TraceReader {
            name: name.to_string(),
            source,
            rows,
            rates,
            wanted: Box::new(wanted),
            notes: TraceNotes::default(),
            line: 0,
            text: Vec::new(),
            ended: false,
            held: Vec::with_capacity(2 * BATCH),
            latest: i64::MIN,
            handed_out: i64::MIN,
        };
        reader.start(asked)?;
        Ok(reader)
    }

    /// Its format.
    pub fn format(&self) -> TraceFormat {
        self.rows.format
    }

    /// What was seen so far; complete after the last batch.
    pub fn notes(&self) -> &TraceNotes {
        &self.notes
    }

    /// The next requests in order of time; `false` when there are no more.
    ///
    /// # Errors
    ///
    /// When the stream breaks, too many rows cannot be read, a request lies too far behind its place, or the
    /// trace ends without any request.
    pub fn next_batch(&mut self, batch: &mut Vec<Request>) -> Result<bool, TraceError> {
        batch.clear();
        while !self.ended && self.held.len() < 2 * BATCH {
            self.read_row()?;
        }
        if self.ended && self.notes.requests == 0 {
            let TraceNotes { rows, failed, other_models, .. } = self.notes;
            self.too_many_unreadable(true)?;
            return Err(TraceError::NoRequest { name: self.name.clone(), rows, failed, other_models });
        }
        if !self.held.is_sorted_by_key(|(request, _)| request.at_micros) {
            self.held.sort_by_key(|(request, _)| request.at_micros);
        }
        if let Some((first, line)) = self.held.first()
            && first.at_micros < self.handed_out
        {
            let seconds = (self.handed_out - first.at_micros) as f64 / 1e6;
            return Err(TraceError::OutOfOrder { name: self.name.clone(), line: *line, seconds });
        }
        let ready = if self.ended { self.held.len() } else { BATCH };
        batch.extend(self.held.drain(..ready).map(|(request, _)| request));
        self.handed_out = batch.last().map_or(self.handed_out, |last| last.at_micros);
        Ok(!batch.is_empty())
    }

    /// Reads up to the first line that is not blank, and the row in it unless it is a header.
    fn start(&mut self, asked: Option<TraceFormat>) -> Result<(), TraceError> {
        loop {
            if !self.read_line()? {
                return Err(TraceError::Empty { name: self.name.clone() });
            }
            if !self.text.trim_ascii().is_empty() {
                break;
            }
        }
        let first = String::from_utf8_lossy(&self.text).into_owned();
        self.rows = RowReader::of_first_line(&first, asked)
            .map_err(|found| TraceError::UnknownFormat { name: self.name.clone(), found })?;
        if !self.rows.has_header() {
            self.take_row()?;
        }
        Ok(())
    }

    fn read_row(&mut self) -> Result<(), TraceError> {
        if !self.read_line()? {
            self.ended = true;
            return self.too_many_unreadable(true);
        }
        self.take_row()
    }

    /// The next line into `text`; `false` at the end.
    fn read_line(&mut self) -> Result<bool, TraceError> {
        self.text.clear();
        let read = (&mut self.source).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut self.text);
        let read =
            read.map_err(|source| TraceError::Read { name: self.name.clone(), line: self.line, source })?;
        if read > 0 {
            self.line += 1;
        }
        if read as u64 > LINE_BYTES_MAX {
            return Err(TraceError::LongLine { name: self.name.clone(), line: self.line });
        }
        Ok(read > 0)
    }

    /// The row in `text`, blank lines passed over.
    fn take_row(&mut self) -> Result<(), TraceError> {
        let text = self.text.trim_ascii();
        if text.is_empty() {
            return Ok(());
        }
        self.notes.rows += 1;
        let line = match std::str::from_utf8(text) {
            Ok(text) => self.rows.read(text.trim_start_matches('\u{feff}'), &*self.wanted),
            Err(_) => Err("it is not UTF-8 text".to_string()),
        };
        let problem = match line {
            Ok(Line::LeftOut(LeftOut::Failed)) => {
                self.notes.failed += 1;
                return Ok(());
            }
            Ok(Line::LeftOut(LeftOut::OtherModel)) => {
                self.notes.other_models += 1;
                return Ok(());
            }
            Ok(Line::Request(row)) => match self.rates.burn(&row.tokens, &mut self.notes.without_rate) {
                Some(burn) => {
                    self.notes.rehearsed += u64::from(row.rehearsed);
                    for (class, tokens) in row.tokens.iter().filter(|(_, tokens)| **tokens > 0) {
                        self.notes.tokens[class] = self.notes.tokens[class].saturating_add(*tokens);
                    }
                    self.hold(Request {
                        at_micros: row.at_micros,
                        input_units: burn.input,
                        units: burn.total,
                        latency: row.latency_micros.map(Micros::new),
                    });
                    return Ok(());
                }
                None => format!("a request burns at most {UNITS_MAX:e} units"),
            },
            Err(problem) => problem,
        };
        self.notes.unreadable += 1;
        self.notes.first_unreadable.get_or_insert((self.line, problem));
        self.too_many_unreadable(false)
    }

    fn hold(&mut self, request: Request) {
        self.notes.requests += 1;
        self.notes.out_of_order += u64::from(request.at_micros < self.latest);
        self.latest = self.latest.max(request.at_micros);
        self.held.push((request, self.line));
    }

    /// At the end, and on the way once there are enough rows to judge by.
    fn too_many_unreadable(&self, at_end: bool) -> Result<(), TraceError> {
        let TraceNotes { rows, unreadable, .. } = self.notes;
        let tolerated = unreadable <= BAD_ALWAYS_TOLERATED && self.notes.requests > 0
            || (unreadable as f64) <= BAD_SHARE_MAX * rows as f64;
        let judged = at_end || unreadable > 1_000;
        match &self.notes.first_unreadable {
            Some((line, problem)) if judged && !tolerated => Err(TraceError::Unreadable {
                name: self.name.clone(),
                line: *line,
                problem: problem.clone(),
                unreadable,
                rows,
            }),
            _ => Ok(()),
        }
    }
}
