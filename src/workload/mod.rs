//! The workload profile: what will be sent, checked once and completed with stated defaults.

mod file;
mod resolve;

pub use file::{OutsideFile, OutsideFiles, OutsideKind, WorkloadFile};
pub use resolve::{Assumption, PriceFactors, Route, Volume, Workload};
