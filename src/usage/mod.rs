//! The usage law: from what a backend reports to exclusive token classes, and what was odd about it.
//!
//! `totalTokenCount = prompt + candidates + thoughts + toolUsePrompt` holds on both backends (477 of
//! 477 recorded answers). Details by modality may be absent, partial or repeated; on image models of
//! the Developer API they list `IMAGE` alone, and the remainder of the candidates is text at the text
//! price. Whatever does not add up is an [`Anomaly`] by name and never absorbed in silence.

mod aggregate;
mod aggregate_rows;
mod body;
mod law;
mod observation;
mod tallies;

pub use aggregate::{
    AGGREGATE_ABOVE, Aggregates, Attempt, CELLS_MAX, CellKey, CellStats, Figures, HourKey, METRIC_MAX,
    MINUTES_MAX, Metric, Metrics, PRODUCTS, Tally, TooMany,
};
pub use aggregate_rows::{
    AGGREGATE_COLUMNS, AGGREGATE_SCHEMA, AggregateRow, BadAggregate, add_aggregate_row, aggregate_rows,
};
pub use body::{NotAResponse, Outcome, Reading, Told, read_chunks, read_response};
pub use law::{Anomaly, Counts, classes_of};
pub use observation::{
    BadRecord, LATENCY_SECONDS_MAX, NOT_TOLD, OBSERVATION_SCHEMA, Observation, ObservedShape, RecordKind,
    read_observations,
};
pub use tallies::{KeyRef, Tallies};
