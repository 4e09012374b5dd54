//! The workload profile: what will be sent, checked once and completed with stated defaults.

mod account;
mod arrivals;
mod file;
mod request;
mod resolve;
mod scenario;
mod volume;

pub use account::{Credit, GsuOrder};
pub use file::{
    Materials, OutsideFile, OutsideFiles, OutsideKind, SCHEMA_LINE, WorkloadFile, sizes_in_words,
};
pub use resolve::{Assumption, PriceFactors, Route, Workload};
pub use scenario::{BadScenario, Scenario, scenario_text};
pub use volume::{Burst, Volume};
