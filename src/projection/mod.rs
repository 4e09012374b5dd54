//! Joins workload, books and token profiles into a [`Plan`]: pure, seeded, offline.
//!
//! Same input, same bytes: the day is an input, and nothing here reads a clock, a file or a network.

pub mod backtest;
mod bill;
pub mod check;
mod credits;
pub mod diff;
mod distributions;
mod drivers;
mod gsu;
mod measure;
mod outlook;
mod placement;
mod plan;
mod pricing;
mod ratios;
pub mod reconcile;
mod saved;
mod scenarios;
mod simulate;
mod switches;
mod world;

pub use bill::{Bill, ClosedForm, Spread};
pub use credits::{CreditUse, NetBill, NetDraws};
pub use distributions::{Basis, Bin, Distribution, PlacementDistributions, RouteDistributions};
pub use drivers::{Driver, DriverIndices, DriverKind, OutputSpread, VarianceStudy};
pub use gsu::{
    AdmissionAnswer, AdmissionQuestion, Assurance, BestOfTerm, Blended, CommitmentMonth, Commitments,
    CurveRow, DrawnRequests, EndSize, Form, FormEntry, FormLoad, GsuPlan, GsuPool, HeatMap, LadderChoice,
    LearnedValue, Load, LoadKind, OpenRule, RuleEnvelope, RuleSize, RuleValue, SizeRule, SpillTier,
    TermVerdict, Together, TogetherTerm, Waiting, WindowCase,
};
pub use measure::{Learned, MeasureKind, Measured, Measurement};
pub use outlook::{CountLaw, CountShare, Outlook, PoolOutlook};
pub use placement::{MonthSpend, PerRequest, PlacementPlan, RowUsed, Seen, Status};
pub use plan::{ClassShare, Inputs, Limits, Plan, ProjectError, RoutePlan, project};
pub use ratios::{ClassRatios, Compared, Missing, PlacementRatios, Ratio, RouteRatios};
pub use saved::{SavedLeft, SavedPlan, SavedPlanError, SavedPoint, SavedSize, SavedSpread, SavedWarning};
pub use scenarios::{Advice, RoutePlace, ScenarioFacts, ScenarioPlan, ScenarioResult};
pub use simulate::{ClassLaw, Law, RouteLaw, Simulation};
