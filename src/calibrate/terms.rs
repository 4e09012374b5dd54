//! What a calibration may use up, what it does next, how it ends.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{fault::Fault, sampler::Enough};
use crate::units::Usd;

/// What a calibration may use up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// US dollars in all, what is in flight at its worst price included.
    pub budget: Usd,
    /// Attempts in all.
    pub requests: u64,
    /// Seconds after which nothing more is sent.
    pub seconds: f64,
    /// Attempts at a time.
    pub concurrency: usize,
    /// US dollars in ten minutes on the Developer API; `None` = unpaced.
    pub developer_usd_per_10_minutes: Option<f64>,
}

/// An attempt to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Number in the journal.
    pub id: u64,
    /// Index of the cell.
    pub cell: usize,
    /// Counted from 0 within the cell.
    pub request: u64,
    /// Counted from 1 within the request.
    pub attempt: u32,
    /// What is set aside.
    pub usd: Usd,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write the reservation to disk, then send.
    Send(Order),
    /// Wait for an answer, or until a time.
    Wait {
        /// Seconds since the start; `None` = until an answer comes.
        until: Option<f64>,
    },
    /// Nothing is in flight and nothing more is sent.
    Done(Ending),
}

/// Why a calibration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The sampler has enough.
    Enough(Enough),
    /// The rest of the budget does not cover one more request at its worst price.
    Budget,
    /// The limit of attempts.
    Requests,
    /// The limit of time.
    Time,
    /// Somebody stopped it.
    Interrupted,
}

/// Why a calibration cannot start.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CampaignError {
    /// Nothing to sample.
    #[error("no placement of this workload can be sampled")]
    NoCells,
    /// The budget does not cover one reservation.
    #[error(
        "a budget of ${budget} does not cover one request: the dearest answer that the contract allows would cost ${least}\n\nhint: --budget-usd {least} is the least that would do; far less is spent as a rule, since an answer's real cost replaces the reservation"
    )]
    BudgetTooSmall {
        /// The budget.
        budget: Usd,
        /// Worst price of the cheapest cell.
        least: Usd,
    },
    /// A number is out of bounds.
    #[error("{what} lies between {low} and {high}, found {found}")]
    OutOfBounds {
        /// Which number.
        what: &'static str,
        /// Least.
        low: f64,
        /// Most.
        high: f64,
        /// What was given.
        found: f64,
    },
}

/// Something learned that is not a number of tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// Key of the cell.
    pub cell: String,
    /// In a sentence.
    pub text: String,
}

/// Counts that are not token statistics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Counts {
    /// Attempts sent, those of earlier runs of the journal included.
    pub sent: u64,
    /// Answers, blocked ones included.
    pub answers: u64,
    /// Attempts that failed, by fault.
    pub faults: BTreeMap<Fault, u64>,
    /// Attempts of an earlier run whose answer never reached the disk.
    pub lost_in_flight: u64,
}
