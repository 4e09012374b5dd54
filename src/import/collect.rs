//! What is collected of the rows: sums, observations, what was left out, and which responses were met before.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{
    Reject,
    pipeline::Settings,
    quick::QuickRow,
    rows::{Piece, Row, pieces},
};
use crate::usage::{
    Aggregates, Attempt, BadAggregate, Metrics, Observation, Tallies, TooMany, add_aggregate_row,
};

/// Places that are kept for each reason.
const PLACES: usize = 3;

/// Responses that are remembered by their ids; beyond, new ones are not looked for again.
///
/// 16 bytes each and as much again for their table: some 300 MB at most.
pub const IDS_MAX: usize = 10_000_000;

/// Said of rows that were read before.
const AGAIN: &str = "the same response again, told by its id";

/// Said of streams that were logged a chunk a line.
const CHUNKS: &str = "a stream's chunk on a line of its own; hint: write a stream's chunks as one list";

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
    /// Rows beyond [`IDS_MAX`] different ids: whether these were logged twice is not known.
    pub not_looked_for: u64,
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

/// Which responses were met.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    seen: HashSet<u128>,
    not_looked_for: u64,
}

impl Ids {
    /// Whether it is met for the first time, as far as that is remembered.
    fn is_new(&mut self, id: u128, most: usize) -> bool {
        if self.seen.len() < most {
            return self.seen.insert(id);
        }
        let known = self.seen.contains(&id);
        self.not_looked_for += u64::from(!known);
        !known
    }
}

/// A row that was read but does not count yet.
#[derive(Clone, Debug)]
struct Pending {
    at: u64,
    is_row: bool,
    id: Option<u128>,
    finished: bool,
    counted: Option<(u32, Option<i64>, Metrics)>,
    observation: Option<Box<Observation>>,
}

/// Rows of one part of the logs, read on one core.
#[derive(Clone, Debug)]
pub(super) struct Part {
    file: Arc<str>,
    tallies: Tallies,
    sums: Aggregates,
    pub rows: u64,
    left_out: BTreeMap<String, LeftOut>,
    pending: Vec<Pending>,
    /// `None` when single rows are not wanted any more.
    pub kept: Option<Vec<Observation>>,
}

impl Part {
    pub fn new(file: &Arc<str>, keeping: bool) -> Part {
        Part {
            file: file.clone(),
            tallies: Tallies::default(),
            sums: Aggregates::default(),
            rows: 0,
            left_out: BTreeMap::new(),
            pending: Vec::new(),
            kept: keeping.then(Vec::new),
        }
    }

    /// Reads one piece of JSON.
    pub fn value(&mut self, settings: &Settings, place: &Place, value: Value) -> Result<(), Stop> {
        for piece in pieces(value, settings.format, &settings.route_by, settings.backend) {
            match piece {
                Piece::Attempt(Ok(row)) => self.row(*row, place)?,
                Piece::Attempt(Err(reject)) => self.reject(settings, place.clone(), &reject)?,
                Piece::Aggregate(map) => self.aggregate(settings, &map, place)?,
            }
        }
        Ok(())
    }

    /// A row that needed no tree.
    pub fn quick(&mut self, row: &QuickRow<'_>, at: u64) -> Result<(), Stop> {
        let cell = self.tallies.cell(&row.key)?;
        self.rows += 1;
        self.pending.push(Pending {
            at,
            is_row: false,
            id: row.id,
            finished: row.finished,
            counted: Some((cell, row.minute, row.metrics)),
            observation: None,
        });
        Ok(())
    }

    /// A row that was parsed.
    pub fn row(&mut self, row: Row, place: &Place) -> Result<(), Stop> {
        let Row { observation, route, minute, id } = row;
        self.rows += 1;
        let counted = match Attempt::of(&observation, &route, minute) {
            Some(attempt) => {
                Some((self.tallies.cell(&(&attempt.key).into())?, attempt.minute, attempt.metrics))
            }
            None => {
                self.note("approximate figures or a fixture: teaches nothing", place.clone(), false);
                None
            }
        };
        let finished = observation.finish_reason.is_some() || observation.status != Some(200);
        let observation = self.kept.is_some().then(|| Box::new(observation));
        let (at, is_row) = (place.at, place.is_row);
        self.pending.push(Pending { at, is_row, id, finished, counted, observation });
        Ok(())
    }

    fn aggregate(
        &mut self,
        settings: &Settings,
        row: &Map<String, Value>,
        place: &Place,
    ) -> Result<(), Stop> {
        match add_aggregate_row(&mut self.sums, row) {
            Ok(attempts) => {
                self.rows += attempts;
                // An aggregate has no observations to go with it.
                self.kept = None;
                Ok(())
            }
            Err(BadAggregate::TooMany(too_many)) => Err(too_many.into()),
            Err(error) => self.reject(settings, place.clone(), &Reject::Aggregate(error.to_string())),
        }
    }

    /// Counts a row that is left out.
    pub fn reject(&mut self, settings: &Settings, place: Place, reject: &Reject) -> Result<(), Stop> {
        if settings.strict && reject.is_broken() {
            return Err(Stop::Broken { place, reject: reject.clone() });
        }
        self.rows += 1;
        self.note(&reject.reason(), place, reject.is_broken());
        Ok(())
    }

    fn note(&mut self, reason: &str, place: Place, broken: bool) {
        let left = self.left_out.entry(reason.to_string()).or_default();
        left.n += 1;
        left.broken |= broken;
        left.first.push(place);
        left.keep_first();
    }

    /// Leaves out what was met before; parts must come here in the order of the logs.
    pub fn settle(&mut self, ids: &mut Ids, settings: &Settings) {
        let mut open: HashMap<u128, usize> = HashMap::new();
        for at in 0..self.pending.len() {
            let (id, finished) = (self.pending[at].id, self.pending[at].finished);
            let Some(id) = id else { continue };
            if ids.is_new(id, settings.ids_max) {
                if !finished {
                    open.insert(id, at);
                }
                continue;
            }
            match open.get(&id).copied() {
                // An answer that had not ended, and goes on: neither of its lines tells what it took.
                Some(first) => {
                    if self.pending[first].counted.is_some() {
                        self.drop_row(first, CHUNKS, true);
                    }
                    self.drop_row(at, CHUNKS, true);
                }
                None => self.drop_row(at, AGAIN, false),
            }
        }
    }

    fn drop_row(&mut self, at: usize, reason: &str, broken: bool) {
        let row = &mut self.pending[at];
        (row.counted, row.observation) = (None, None);
        let place = Place { file: self.file.clone(), at: row.at, is_row: row.is_row };
        self.note(reason, place, broken);
    }

    /// Rows that wait.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Counts what is left.
    pub fn count(&mut self) -> Result<(), Stop> {
        for row in self.pending.drain(..) {
            if let Some((cell, minute, metrics)) = row.counted {
                self.tallies.add(cell, minute, &metrics)?;
            }
            if let (Some(kept), Some(observation)) = (&mut self.kept, row.observation) {
                kept.push(*observation);
            }
        }
        Ok(())
    }
}

/// Collects rows.
#[derive(Clone, Debug)]
pub struct Collector {
    found: Collected,
    pub(super) ids: Ids,
}

impl Default for Collector {
    fn default() -> Collector {
        let found = Collected { observations: Some(Vec::new()), ..Collected::default() };
        Collector { found, ids: Ids::default() }
    }
}

impl Collector {
    /// What was collected.
    pub fn finish(self) -> Collected {
        Collected { not_looked_for: self.ids.not_looked_for, ..self.found }
    }

    /// Whether single rows are still wanted.
    pub(super) fn is_keeping(&self, settings: &Settings) -> bool {
        settings.keep > 0 && self.found.observations.is_some()
    }

    /// Single rows that are kept.
    pub(super) fn kept(&self) -> u64 {
        self.found.observations.as_ref().map_or(0, |kept| kept.len() as u64)
    }

    /// Counts the rows that a part holds so far; nobody else reads beside it.
    pub(super) fn count(&mut self, settings: &Settings, part: &mut Part) -> Result<(), Stop> {
        part.settle(&mut self.ids, settings);
        part.count()?;
        if part.kept.as_ref().is_some_and(|kept| kept.len() as u64 > settings.keep) {
            part.kept = None;
        }
        Ok(())
    }

    /// Adds a part that nobody else reads beside.
    pub(super) fn add(&mut self, settings: &Settings, mut part: Part) -> Result<(), Stop> {
        self.count(settings, &mut part)?;
        self.merge(settings, part)
    }

    /// Adds what another core counted.
    pub(super) fn merge(&mut self, settings: &Settings, part: Part) -> Result<(), Stop> {
        let found = &mut self.found;
        found.aggregates.merge(&part.sums)?;
        found.aggregates.merge(&part.tallies.into_aggregates())?;
        found.rows += part.rows;
        match part.kept {
            Some(more) => self.keep(settings, more),
            None => self.found.observations = None,
        }
        for (reason, theirs) in part.left_out {
            let left = self.found.left_out.entry(reason).or_default();
            left.n += theirs.n;
            left.broken |= theirs.broken;
            left.first.extend(theirs.first);
            left.keep_first();
        }
        Ok(())
    }

    /// Keeps single rows, as long as they are not too many.
    pub(super) fn keep(&mut self, settings: &Settings, more: Vec<Observation>) {
        if let Some(kept) = &mut self.found.observations {
            kept.extend(more);
            if kept.len() as u64 > settings.keep {
                self.found.observations = None;
            }
        }
    }
}
