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
mod simulate;
mod switches;

pub use bill::{Bill, ClosedForm, Spread};
pub use drivers::{Driver, DriverKind};
pub use gsu::{
    Assurance, Blended, CurveRow, Form, FormEntry, FormLoad, GsuPlan, GsuPool, HeatMap, LadderChoice, Load,
    LoadKind, OpenRule, RuleEnvelope, RuleSize, RuleValue, SizeRule, TermVerdict, Together, TogetherTerm,
    Waiting,
};
pub use placement::{MonthSpend, PerRequest, PlacementPlan, RowUsed, Seen, Status};
pub use plan::{ClassShare, Inputs, Limits, Plan, ProjectError, RoutePlan, project};
pub use saved::{SavedLeft, SavedPlan, SavedPlanError, SavedPoint, SavedSize, SavedSpread, SavedWarning};
pub use simulate::{ClassLaw, Law, RouteLaw, Simulation};
