//! Logs that exist already, read into observations and aggregates.
//!
//! ```text
//! bytes ─ blocks of whole lines ─┬─ strip (no pictures, no texts) ─ rows ─ one observation each ─┬─ observations
//!                                └─ one walk without a tree, where rows are plain ───────────────┴─ aggregates
//! ```
//!
//! A row is recognised by its fields ([`LogFormat`]), read by the module of its origin, and counted. Rows that
//! cannot be read are counted by reason with the places of the first ([`LeftOut`]), and never guessed at.
//! Nothing here opens a file: readers come from outside, and so does the clock.

mod arrivals;
mod blocks;
mod collect;
mod dialect;
mod google;
mod otel;
mod pipeline;
mod quick;
mod rows;
mod scan;
mod skim;
mod sql;
mod strip;
mod tables;
mod value;
mod vcr;
mod vendors;
mod wire;
mod workers;
mod workload;

pub use arrivals::{ArrivalProfile, arrival_profile, counts_per_minute};
pub use collect::{Collected, Collector, IDS_MAX, LeftOut, Place, Stop};
pub use pipeline::{LINE_MAX, Progress, Settings, read_log};
pub use rows::{LogFormat, RouteBy};
pub use sql::{BadTable, Engine, LogSize, Query, query};
pub use strip::{Malformed, STRIPPED_MAX, strip};
pub use tables::read_parquet;
pub use workload::{Control, Coverage, coverage, workload_text};

/// Why a row is left out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Reject {
    /// Not JSON, or JSON that ends too early.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// A key stands twice in one object, so that a guess would decide which counts.
    #[error("key stands twice: {0}")]
    Twice(String),
    /// Longer than [`LINE_MAX`].
    #[error("line longer than {} MB", LINE_MAX / 1024 / 1024)]
    TooLong,
    /// None of the known formats.
    #[error("no known format: neither a response nor a row of a known log")]
    UnknownFormat,
    /// A row of its format, but without usage, answer or error.
    #[error("no usage, answer or error in the row")]
    NoUsage,
    /// A row of an aggregate that cannot be added.
    #[error("no aggregate: {0}")]
    Aggregate(String),
    /// A row of a CSV or Parquet file that cannot be read.
    #[error("broken row: {0}")]
    Broken(String),
    /// Something else than a call to a Gemini model: a span of a tool, an embedding, another vendor.
    #[error("not a call to a Gemini model: {0}")]
    NotACall(&'static str),
}

impl Reject {
    /// Whether the row is broken, not merely about something else; `--strict` stops at the first such.
    pub fn is_broken(&self) -> bool {
        !matches!(self, Reject::NotACall(_))
    }

    /// The reason without what varies from row to row.
    pub fn reason(&self) -> String {
        match self {
            Reject::NotJson(problem) => {
                let kind = problem.split(" at line ").next().unwrap_or(problem);
                format!("not JSON: {kind}")
            }
            Reject::Twice(_) => "a key stands twice".into(),
            Reject::Broken(_) => "broken row".into(),
            other => other.to_string(),
        }
    }
}
