//! From bytes to what was collected: blocks of whole lines on all cores, in an order that is always the same.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Reject,
    collect::{Collector, IDS_MAX, Part, Place, Stop},
    rows::{LogFormat, RouteBy, Row},
    strip::{STRIPPED_MAX, strip},
    tables,
    value::{TWICE, Unambiguous},
    vcr,
    workers::{Desk, lines},
};
use crate::{diagnostics::json_words, model::Backend, usage::read_observations};

/// Longest line, and longest document that is one piece of JSON or YAML.
pub const LINE_MAX: usize = 256 * 1024 * 1024;

/// Bytes from which a file's kind is told.
const PEEK: usize = 64 * 1024;

/// How a log is read.
#[derive(Clone, Debug)]
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
    /// Responses that are remembered, so that the same one in another file does not count again.
    pub ids_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        let route_by = RouteBy::All;
        Settings { format: None, route_by, backend: None, keep: 0, strict: false, ids_max: IDS_MAX }
    }
}

/// How far an import is; read from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of text, after decompression.
    pub bytes: AtomicU64,
    /// Rows.
    pub rows: AtomicU64,
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
    let mut part = Part::new(&file, into.is_keeping(settings));
    let kind = Kind::of(&head);
    let is_short = head.len() < PEEK;
    match (result, kind) {
        (Err(error), _) => {
            let place = Place { file: file.clone(), at: head.len() as u64, is_row: false };
            part.reject(settings, place, &ends_early(&error))?;
        }
        (Ok(_), Kind::Lines) if is_short => {
            let mut place = |at: usize| Place { file: file.clone(), at: at as u64, is_row: false };
            progress.bytes.fetch_add(head.len() as u64, Ordering::Relaxed);
            Desk::new(settings).lines(&head, &mut place, &mut part)?;
        }
        (Ok(_), Kind::Lines) => {
            return lines(std::io::Cursor::new(head).chain(input), &file, settings, progress, into);
        }
        (Ok(_), Kind::Csv) => {
            let input = std::io::Cursor::new(head).chain(input);
            tables::read_csv(input, name, settings, into, &mut part)?;
        }
        (Ok(_), kind) => {
            let input = std::io::Cursor::new(head).chain(input);
            document(kind, input, &file, settings, progress, &mut part)?;
        }
    }
    progress.rows.fetch_add(part.rows, Ordering::Relaxed);
    into.add(settings, part)
}

pub(super) fn ends_early(error: &std::io::Error) -> Reject {
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
    input: impl Read,
    file: &Arc<str>,
    settings: &Settings,
    progress: &Progress,
    into: &mut Part,
) -> Result<(), Stop> {
    let place = Place { file: file.clone(), at: 0, is_row: false };
    let mut text = Vec::new();
    match input.take(LINE_MAX as u64 + 1).read_to_end(&mut text) {
        Err(error) => return into.reject(settings, place, &ends_early(&error)),
        Ok(_) if text.len() > LINE_MAX => return into.reject(settings, place, &Reject::TooLong),
        Ok(length) => progress.bytes.fetch_add(length as u64, Ordering::Relaxed),
    };
    let text = text.as_slice();
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
                        into.row(Row { observation, route: "all".into(), minute: None, id: None }, &place)?;
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
pub(super) fn json(
    text: &[u8],
    place: &Place,
    settings: &Settings,
    into: &mut Part,
    scratch: &mut Vec<u8>,
) -> Result<(), Stop> {
    if scratch.capacity() > STRIPPED_MAX / 8 {
        *scratch = Vec::new();
    }
    scratch.clear();
    if let Err(malformed) = strip(text, scratch) {
        return into.reject(settings, place.clone(), &Reject::NotJson(malformed.to_string()));
    }
    for value in serde_json::Deserializer::from_slice(scratch).into_iter::<Unambiguous>() {
        match value {
            Ok(Unambiguous(value)) => into.value(settings, place, value)?,
            Err(error) => {
                let text = error.to_string();
                let reject = match text.strip_prefix(TWICE) {
                    Some(key) => Reject::Twice(key.split(" at line ").next().unwrap_or(key).to_string()),
                    None => Reject::NotJson(json_words(&text)),
                };
                return into.reject(settings, place.clone(), &reject);
            }
        }
    }
    Ok(())
}
