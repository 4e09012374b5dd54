//! Real traces through the admission of provisioned throughput, request by request, for many GSU counts.
//!
//! A trace is read as a stream in batches, so that ten million rows take the memory of a hundred thousand.
//! Three ways lead to the same answer: windows cut first (right estimates, fixed clock), all quotas side by
//! side (estimates and latency, fixed clock), and the state machine of [`crate::capacity`] for each purchase
//! (any clock). Tests hold them to each other.

mod arrivals;
mod burn;
mod cut;
mod estimated;
mod learn;
mod machine;
mod purchase;
mod rows;
mod run;
mod snippet;
mod tally;
mod trace;

pub use arrivals::{ArrivalPattern, Arrivals, TooLong};
pub use burn::{Burn, BurnError, BurnRates, UNITS_MAX};
pub use learn::{
    AdmissionLog, LearnError, LearnOptions, Learning, LogNotes, LoggedTime, Misfit, Score, Sighting, Verdict,
    learn,
};
pub use purchase::{
    GSU_MAX, Purchase, PurchaseError, QuotaSource, WINDOW_SECONDS_MAX, assumed_windows, purchases,
};
pub use rows::TraceFormat;
pub use run::{Clock, Latency, Replay, ReplayError, ReplayOptions};
pub use snippet::{SnippetFacts, workload_snippet};
pub use tally::{Demand, HOURS, Mean, Outcome};
pub use trace::{BATCH, Micros, Request, TraceError, TraceNotes, TraceReader};
