//! Joins workload, books and token profiles into a [`Plan`]: pure, seeded, offline.
//!
//! Same input, same bytes: the day is an input, and nothing here reads a clock, a file or a network.

pub mod backtest;
mod bill;
pub mod check;
pub mod diff;
mod drivers;
mod gsu;
mod placement;
mod plan;
mod pricing;
pub mod reconcile;
mod saved;
mod switches;

pub use bill::{Bill, Spread};
pub use drivers::Driver;
pub use gsu::{GsuPlan, GsuPool, TermVerdict};
pub use placement::{MonthSpend, PerRequest, PlacementPlan, RowUsed, Seen, Status};
pub use plan::{ClassShare, Inputs, Limits, Plan, ProjectError, RoutePlan, project};
pub use saved::{SavedPlan, SavedPlanError, SavedSpread, SavedWarning};
