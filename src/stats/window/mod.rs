//! The law of the load that arrives in one window, and what a fixed quota per window admits of it.
//!
//! Requests arrive at a rate that differs by cell (an hour of the week); each brings a random size. Nothing
//! is carried from one window to the next, so mean losses need only the law of one window, averaged over the
//! cells. That law has a closed transform: with φ the transform of the sizes, the load of a cell with mean
//! count λ has e^{λ(φ−1)} for Poisson counts. Averaging these over the cells and one inverse fast Fourier
//! transform give the law, and two running sums give `E[(L − c)+]` for every quota c ([`LoadLaw`]).
//!
//! Requests are admitted whole or not at all, which loses more than a fluid would: [`AdmissionTable`] follows
//! the quota in use from arrival to arrival, exactly.
//!
//! Sources: Embrechts & Frei (2009), "Panjer recursion versus FFT for compound distributions"; Grübel &
//! Hermesmeier (1999), "Computation of compound distributions I: aliasing errors and exponential tilting";
//! Panjer (1981), "Recursive evaluation of a family of compound distributions" (in the tests).

mod admission;
mod counts;
mod gamma;
mod gauss;
mod lanes;
mod lattice;
mod law;
mod marks;
#[cfg(test)]
mod panjer;
mod points;
mod traffic;
mod transform;

pub use admission::{AdmissionRow, AdmissionTable, Admitted, ArrivalTail};
pub use counts::CountLaw;
pub use gamma::{Excess, TranslatedGamma};
pub use law::{LoadLaw, UpperBound};
pub use marks::{Mark, Marks};
pub use traffic::{Stream, Traffic};

/// Numbers that make no law.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WindowError {
    /// A law of sizes without a size.
    #[error("a law of request sizes needs at least one size of positive weight")]
    NoMarks,
    /// A number that is negative, infinite or not a number.
    #[error("{what} must be {expected}, found {found}")]
    OutOfBounds {
        /// Which number.
        what: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
    /// A stream whose rates do not fit the cells.
    #[error("a stream has {found} rates, expected one for each of the {expected} cells")]
    RatesPerCell {
        /// Number of cells.
        expected: usize,
        /// Number of rates.
        found: usize,
    },
    /// Nobody sends anything.
    #[error("no traffic: every rate is zero, so there is no load to size for")]
    NoTraffic,
}

/// `found` when it satisfies the bound, the error otherwise.
fn within(what: &'static str, expected: &'static str, found: f64, ok: bool) -> Result<f64, WindowError> {
    if ok && found.is_finite() { Ok(found) } else { Err(WindowError::OutOfBounds { what, expected, found }) }
}
