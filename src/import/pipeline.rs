//! From bytes to what was collected: blocks of whole lines on all cores, in an order that is always the same.

use std::{
    collections::BTreeMap,
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
};

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::{
    Reject,
    blocks::{Block, cut},
    rows::{LogFormat, Piece, RouteBy, pieces},
    strip::{STRIPPED_MAX, strip},
    tables,
    value::{TWICE, Unambiguous},
    vcr,
};
use crate::{
    model::Backend,
    usage::{Aggregates, Attempt, BadAggregate, Observation, TooMany, add_aggregate_row, read_observations},
};

/// Longest line, and longest document that is one piece of JSON or YAML.
pub const LINE_MAX: usize = 256 * 1024 * 1024;

/// Bytes from which a file's kind is told.
const PEEK: usize = 64 * 1024;

/// Places that are kept for each reason.
const PLACES: usize = 3;

/// How a log is read.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Its format; `None` = told row by row.
    pub format: Option<LogFormat>,
    /// What names a row's route.
    pub route_by: RouteBy,
    /// Who answered, where the user knows better than the rows.
    pub backend: Option<Backend>,
    /// Observations are kept up to this number; beyond, only the aggregates are.
    pub keep: u64,
    /// Stop at the first row that cannot be read.
    pub strict: bool,
}

/// How far an import is; read from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of text, after decompression.
    pub bytes: AtomicU64,
    /// Rows.
    pub rows: AtomicU64,
}

/// Where in a file something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the file.
    pub file: Arc<str>,
    /// Byte of the text, or row.
    pub at: u64,
    /// Whether `at` is a row, as in CSV and Parquet files.
    pub is_row: bool,
}

impl Place {
    pub(super) fn row(file: &str, at: u64) -> Place {
        Place { file: file.into(), at, is_row: true }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = if self.is_row { "row" } else { "byte" };
        write!(f, "{} {unit} {}", self.file, self.at)
    }
}

/// Rows that were left out for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub n: u64,
    /// The first of them.
    pub first: Vec<Place>,
    /// Whether they are broken, not merely about something else.
    pub broken: bool,
}

impl LeftOut {
    fn keep_first(&mut self) {
        self.first.sort();
        self.first.dedup();
        self.first.truncate(PLACES);
    }
}

/// What was read from any number of logs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// Everything that counts, as sums.
    pub aggregates: Aggregates,
    /// The observations with their routes; `None` once there were more than [`Settings::keep`].
    pub observations: Option<Vec<Observation>>,
    /// Rows left out, by reason.
    pub left_out: BTreeMap<String, LeftOut>,
    /// Rows read, those left out included; a row of an aggregate counts as the attempts that it stands for.
    pub rows: u64,
}

/// Why reading ends before the logs do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Stop {
    /// A row that cannot be read, and none is tolerated.
    #[error("{place}: {reject}; without --strict it is counted and left out")]
    Broken {
        /// Where.
        place: Place,
        /// Why.
        reject: Reject,
    },
    /// Too many cells or minutes.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// Collects rows.
#[derive(Clone, Debug)]
pub struct Collector(Collected);

impl Default for Collector {
    fn default() -> Collector {
        Collector(Collected { observations: Some(Vec::new()), ..Collected::default() })
    }
}

impl Collector {
    /// What was collected.
    pub fn finish(self) -> Collected {
        self.0
    }

    /// Adds one piece of JSON.
    pub(super) fn value(&mut self, settings: &Settings, place: Place, value: Value) -> Result<(), Stop> {
        for piece in pieces(value, settings.format, &settings.route_by, settings.backend) {
            match piece {
                Piece::Attempt(Ok(row)) => {
                    self.attempt(settings, row.observation, &row.route, row.minute, &place)?;
                }
                Piece::Attempt(Err(reject)) => self.reject(settings, place.clone(), &reject)?,
                Piece::Aggregate(map) => {
                    self.aggregate(settings, &map, &place)?;
                }
            }
        }
        Ok(())
    }

    fn aggregate(
        &mut self,
        settings: &Settings,
        row: &Map<String, Value>,
        place: &Place,
    ) -> Result<(), Stop> {
        match add_aggregate_row(&mut self.0.aggregates, row) {
            Ok(attempts) => {
                self.0.rows += attempts;
                // An aggregate has no observations to go with it.
                self.0.observations = None;
                Ok(())
            }
            Err(BadAggregate::TooMany(too_many)) => Err(too_many.into()),
            Err(error) => self.reject(settings, place.clone(), &Reject::Aggregate(error.to_string())),
        }
    }

    fn attempt(
        &mut self,
        settings: &Settings,
        observation: Observation,
        route: &str,
        minute: Option<i64>,
        place: &Place,
    ) -> Result<(), Stop> {
        self.0.rows += 1;
        match Attempt::of(&observation, route, minute) {
            Some(attempt) => self.0.aggregates.add(&attempt)?,
            None => self.note("approximate figures or a fixture: teaches nothing", place, false),
        }
        self.keep(settings, [observation]);
        Ok(())
    }

    fn keep(&mut self, settings: &Settings, more: impl IntoIterator<Item = Observation>) {
        if let Some(kept) = &mut self.0.observations {
            kept.extend(more);
            if kept.len() as u64 > settings.keep {
                self.0.observations = None;
            }
        }
    }

    /// Counts a row that is left out.
    pub(super) fn reject(&mut self, settings: &Settings, place: Place, reject: &Reject) -> Result<(), Stop> {
        if settings.strict && reject.is_broken() {
            return Err(Stop::Broken { place, reject: reject.clone() });
        }
        self.0.rows += 1;
        self.note(&reject.reason(), &place, reject.is_broken());
        Ok(())
    }

    fn note(&mut self, reason: &str, place: &Place, broken: bool) {
        let left = self.0.left_out.entry(reason.to_string()).or_default();
        left.n += 1;
        left.broken |= broken;
        left.first.push(place.clone());
        left.keep_first();
    }

    /// Adds what another part of the logs held; parts come in their order.
    fn merge(&mut self, settings: &Settings, other: Collector) -> Result<(), Stop> {
        let other = other.0;
        self.0.aggregates.merge(&other.aggregates)?;
        self.0.rows += other.rows;
        match other.observations {
            Some(more) => self.keep(settings, more),
            None => self.0.observations = None,
        }
        for (reason, theirs) in other.left_out {
            let left = self.0.left_out.entry(reason).or_default();
            left.n += theirs.n;
            left.broken |= theirs.broken;
            left.first.extend(theirs.first);
            left.keep_first();
        }
        Ok(())
    }
}

/// Reads one decompressed log, whatever its kind: lines of JSON, one document, server-sent events, YAML, CSV.
///
/// Memory is bounded by a few blocks for each core and the longest line ([`LINE_MAX`]).
///
/// # Errors
///
/// [`Stop`] when the settings do not tolerate a broken row, or too many different cells came together. A log
/// that ends early is a broken row, and what was read before it counts.
pub fn read_log(
    mut input: impl Read + Send,
    name: &str,
    settings: &Settings,
    progress: &Progress,
    into: &mut Collector,
) -> Result<(), Stop> {
    let mut head = Vec::new();
    let result = (&mut input).take(PEEK as u64).read_to_end(&mut head);
    let file: Arc<str> = name.into();
    if let Err(error) = result {
        let place = Place { file, at: head.len() as u64, is_row: false };
        return into.reject(settings, place, &ends_early(&error));
    }
    progress.bytes.fetch_add(head.len() as u64, Ordering::Relaxed);
    let kind = Kind::of(&head);
    let input = std::io::Cursor::new(head).chain(input);
    match kind {
        Kind::Lines => lines(input, &file, settings, progress, into),
        Kind::Csv => tables::read_csv(input, name, settings, into),
        Kind::Published | Kind::Document | Kind::Events | Kind::Yaml => {
            let start = Place { file: file.clone(), at: 0, is_row: false };
            let mut text = Vec::new();
            match input.take(LINE_MAX as u64 + 1).read_to_end(&mut text) {
                Err(error) => return into.reject(settings, start, &ends_early(&error)),
                Ok(_) if text.len() > LINE_MAX => return into.reject(settings, start, &Reject::TooLong),
                Ok(length) => progress.bytes.fetch_add(length as u64, Ordering::Relaxed),
            };
            document(kind, &text, start, settings, into)
        }
    }
}

fn ends_early(error: &std::io::Error) -> Reject {
    Reject::Broken(format!("the log ends early: {error}"))
}

/// How a log is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Lines,
    Document,
    Events,
    Yaml,
    Csv,
    Published,
}

impl Kind {
    fn of(head: &[u8]) -> Kind {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        let is_whole = line.len() < head.len();
        if head.starts_with(b"data:") || head.starts_with(b"event:") {
            return Kind::Events;
        }
        if matches!(head.first(), Some(b'{' | b'[')) {
            // A document over several lines breaks its first one after a bracket or a comma.
            let open = matches!(line.last(), Some(b'{' | b'[' | b','));
            return if is_whole && open { Kind::Document } else { Kind::Lines };
        }
        let yaml = [&b"interactions:"[..], b"---", b"http_interactions:"];
        let later = memchr::memmem::find(head, b"\ninteractions:").is_some();
        if yaml.iter().any(|start| head.starts_with(start)) || later {
            return Kind::Yaml;
        }
        match (line.starts_with(b"repo,path_or_url,"), line.contains(&b',')) {
            (true, _) => Kind::Published,
            (false, true) => Kind::Csv,
            (false, false) => Kind::Lines,
        }
    }
}

/// A log that is one piece.
fn document(
    kind: Kind,
    text: &[u8],
    place: Place,
    settings: &Settings,
    into: &mut Collector,
) -> Result<(), Stop> {
    match kind {
        Kind::Events => {
            let events = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
            let events: Vec<&[u8]> =
                events.map(<[u8]>::trim_ascii).filter(|event| event.starts_with(b"{")).collect();
            let list = [b"[", events.join(&b',').as_slice(), b"]"].concat();
            json(&list, &place, settings, into, &mut Vec::new())
        }
        Kind::Yaml => {
            let read = std::str::from_utf8(text).map_err(|_| Reject::Broken("YAML: not UTF-8".into()));
            match read.and_then(vcr::from_yaml) {
                Ok(value) => json(value.to_string().as_bytes(), &place, settings, into, &mut Vec::new()),
                Err(reject) => into.reject(settings, place, &reject),
            }
        }
        Kind::Published => {
            let read = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_string());
            match read.and_then(|text| read_observations(text).map_err(|error| error.to_string())) {
                Ok(observations) => {
                    for observation in observations {
                        into.attempt(settings, observation, "all", None, &place)?;
                    }
                    Ok(())
                }
                Err(problem) => into.reject(settings, place, &Reject::Broken(problem)),
            }
        }
        Kind::Document | Kind::Lines | Kind::Csv => json(text, &place, settings, into, &mut Vec::new()),
    }
}

/// The values of one line or document.
fn json(
    text: &[u8],
    place: &Place,
    settings: &Settings,
    into: &mut Collector,
    scratch: &mut Vec<u8>,
) -> Result<(), Stop> {
    scratch.clear();
    if let Err(malformed) = strip(text, scratch) {
        return into.reject(settings, place.clone(), &Reject::NotJson(malformed.to_string()));
    }
    for value in serde_json::Deserializer::from_slice(scratch).into_iter::<Unambiguous>() {
        match value {
            Ok(Unambiguous(value)) => into.value(settings, place.clone(), value)?,
            Err(error) => {
                let text = error.to_string();
                let reject = match text.strip_prefix(TWICE) {
                    Some(key) => Reject::Twice(key.split(" at line ").next().unwrap_or(key).to_string()),
                    None => Reject::NotJson(text),
                };
                return into.reject(settings, place.clone(), &reject);
            }
        }
    }
    Ok(())
}

fn lines(
    input: impl Read + Send,
    file: &Arc<str>,
    settings: &Settings,
    progress: &Progress,
    into: &mut Collector,
) -> Result<(), Stop> {
    let at_once = rayon::current_num_threads().max(1) * 2;
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(at_once);
        scope.spawn(move || cut(input, &sender));
        collect(&receiver, at_once, file, settings, progress, into)
    })
}

/// Takes blocks as they come, reads several at once, and adds them in their order.
fn collect(
    receiver: &Receiver<Block>,
    at_once: usize,
    file: &Arc<str>,
    settings: &Settings,
    progress: &Progress,
    into: &mut Collector,
) -> Result<(), Stop> {
    while let Ok(first) = receiver.recv() {
        let mut blocks = vec![first];
        blocks.extend(receiver.try_iter().take(at_once - 1));
        let keep = into.0.observations.is_some();
        let parts: Vec<Result<Collector, Stop>> =
            blocks.into_par_iter().map(|block| part(block, file, settings, progress, keep)).collect();
        for part in parts {
            into.merge(settings, part?)?;
        }
    }
    Ok(())
}

fn part(
    block: Block,
    file: &Arc<str>,
    settings: &Settings,
    progress: &Progress,
    keep: bool,
) -> Result<Collector, Stop> {
    let mut found = Collector::default();
    if !keep {
        found.0.observations = None;
    }
    let place = |at: u64| Place { file: file.clone(), at, is_row: false };
    match block {
        Block::TooLong { at } => found.reject(settings, place(at), &Reject::TooLong)?,
        Block::Ended { at, error } => found.reject(settings, place(at), &ends_early(&error))?,
        Block::Lines { at, text } => {
            let mut scratch = Vec::new();
            let mut start = 0;
            let ends = memchr::memchr_iter(b'\n', &text).map(|end| end + 1).chain([text.len()]);
            for end in ends {
                let line = text[start..end].trim_ascii();
                let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
                if !line.is_empty() {
                    json(line, &place(at + start as u64), settings, &mut found, &mut scratch)?;
                }
                start = end;
                if scratch.capacity() > STRIPPED_MAX / 8 {
                    scratch = Vec::new();
                }
            }
            progress.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
        }
    }
    progress.rows.fetch_add(found.0.rows, Ordering::Relaxed);
    Ok(found)
}
