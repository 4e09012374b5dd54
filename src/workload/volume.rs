//! How many requests come, and how unevenly.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{calendar::Day, stats::Modulation, units::Range};

/// How much the rate of arrivals swings around its profile of the day, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Burst {
    /// Coefficient of variation of the rate; 0 = arrivals by chance alone (Poisson).
    pub cv: f64,
    /// Correlation time in seconds; `None` = longer than any window.
    pub correlation_seconds: Option<f64>,
}

impl Burst {
    /// Shape r of the negative binomial law of the requests in a window: 1/cv² where a swing outlasts the
    /// window, larger where it averages out inside it, infinite for Poisson arrivals.
    pub fn shape(self, window_seconds: f64) -> f64 {
        Modulation { cv: self.cv, correlation_seconds: self.correlation_seconds }.shape(window_seconds)
    }
}

/// How many requests a route sends.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Volume {
    /// In every month, whatever its length.
    PerMonth(Range),
    /// On every day.
    PerDay(Range),
    /// Once, spread evenly over some days.
    Total {
        /// Requests.
        requests: Range,
        /// First day.
        first: Day,
        /// First day after.
        next: Day,
    },
}

impl Volume {
    /// The range of the number, in its own unit.
    pub fn range(self) -> Range {
        match self {
            Volume::PerMonth(range) | Volume::PerDay(range) | Volume::Total { requests: range, .. } => range,
        }
    }
}
