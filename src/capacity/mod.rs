//! The capacity book and the arithmetic of Generative AI Scale Units (GSUs).
//!
//! A GSU is a number of burn tokens a second; each token class burns at its own rate. Google's form
//! multiplies mean tokens per query by their rates and by queries a second, and rounds up. What quota a
//! purchase gives is that rate times an enforcement window whose length depends on the GSU count.

mod admission;
mod book;
mod bracket;
mod commitment;
mod curve;
mod family;
mod ladder;
mod learned;
mod monitoring;
mod pool;
mod regret;
mod share_columns;
mod share_table;
mod sizing;
mod window;

pub use admission::{
    Admission, AdmissionError, AdmissionRules, Estimate, EstimateRule, Outcome, Overrun, Refund, RequestType,
    Ticket, WindowClock,
};
pub use book::{CapacityBook, Credit, DeveloperTier, FormField, OrderRules, Period, Term, Throughput};
pub use commitment::{
    CommitmentError, CountCost, Deferrable, Offer, Pool, SingleTerm, best_single, break_even_use, pooled,
    usd_per_avoided_throttle, with_deferrable,
};
pub use curve::{Curve, CurveError, CurvePoint, LeftShares, Method, Rise, ShareOf, curve};
pub use family::{AtLoad, CurveFamily, Probe};
pub use ladder::{
    Bound, CostPeriod, DemandScenario, Ladder, LadderError, LadderInput, LadderRegret, Level, PeriodCost,
    Purchase, PurchaseKind, RunningOrder, RunningPart, SinglePlan, StandingCost, Tail, ladder, ladder_regret,
    standing,
};
pub use learned::{EstimateKind, ExcludedRule, LearnedRule, PossibleRule, PtRule, WindowKind};
pub use monitoring::{
    Invocations, MetricsError, PtMetric, PtMetrics, PtPoint, PtStep, read_explorer_csv, read_time_series,
};
pub use regret::{Candidate, Outlook, Regret, Scenario, WaitOrBuy, regret, wait_or_buy};
pub use share_table::{Amounts, Grid, Left, Place, ShareTable};
pub use sizing::{BurnLine, Query, Sizing, SizingError, TermPrice, size, term_prices};
pub use window::{Window, WindowEnd, WindowRange};
