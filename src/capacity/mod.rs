//! The capacity book and the arithmetic of Generative AI Scale Units (GSUs).
//!
//! A GSU is a number of burn tokens a second; each token class burns at its own rate. Google's form
//! multiplies mean tokens per query by their rates and by queries a second, and rounds up. What quota a
//! purchase gives is that rate times an enforcement window whose length depends on the GSU count.

mod admission;
mod book;
mod sizing;

pub use admission::{
    Admission, AdmissionError, AdmissionRules, Estimate, EstimateRule, Outcome, Overrun, Refund, RequestType,
    Ticket, WindowClock,
};
pub use book::{
    CapacityBook, Credit, DeveloperTier, FormField, OrderRules, Period, Term, Throughput, Window,
};
pub use sizing::{BurnLine, Query, Sizing, SizingError, TermPrice, size, term_prices};
