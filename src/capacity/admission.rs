//! The one admission state machine of provisioned throughput: which request a GSU serves, request by request.
//!
//! A window admits burn up to its quota, whole requests only, in the order of their arrival. When a request
//! arrives, its input is known and its output is estimated; when its answer is complete, the difference is
//! given back or taken. What the documentation leaves open is a field of [`AdmissionRules`]: the clock of
//! the window, what becomes of a late refund, and of burn above the quota.
//!
//! Times are microseconds from a common origin, burn is whole burn tokens (or a fixed fraction of one), so
//! that the same requests always give the same answer.
//!
//! Source: "Use Provisioned Throughput" and "Provisioned Throughput for Gemini image models" in Google's
//! documentation, read in July and August 2026.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Tier;

/// Largest quota and window that are taken; sums of both stay far from overflow.
const LIMIT: u64 = 1_000_000_000_000_000_000;

/// How one purchase admits requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionRules {
    /// Burn that one window admits: GSUs × burn a second of one × seconds of the window.
    pub quota: u64,
    /// Length of the window, microseconds.
    pub window_micros: u64,
    /// When a window starts and ends.
    pub clock: WindowClock,
    /// What becomes of an estimate that was too high.
    pub refund: Refund,
    /// What becomes of burn above the quota, which only an estimate that was too low brings about.
    pub overrun: Overrun,
}

/// When a window starts and ends. Documented is "the platform's clock, not aligned to requests".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowClock {
    /// One window after the other; one of them starts at the phase.
    Fixed {
        /// Start of a window, microseconds from the origin, less than a window's length.
        phase_micros: u64,
    },
    /// The last window's length before each request.
    Sliding,
    /// A bucket that holds one quota, full at first, and fills by one quota a window.
    Bucket,
}

/// When the unused part of an estimate is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refund {
    /// Whenever the answer completes, to what is in use then (never below nothing). A sliding window has
    /// nothing to give back once the request has left it.
    Any,
    /// Only when the answer completes in the window of its admission (for a bucket: within one window's
    /// length of it).
    SameWindow,
    /// Never.
    Never,
}

/// What becomes of burn above the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overrun {
    /// It ends with its window; a bucket is empty, not in debt.
    Forget,
    /// It counts against the next windows until it is paid.
    Debt,
}

/// Header `X-Vertex-AI-LLM-Request-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestType {
    /// No header: provisioned throughput first, pay-as-you-go when it is full.
    Unset,
    /// Provisioned throughput or status 429.
    Dedicated,
    /// Pay-as-you-go always.
    Shared,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A GSU serves it; the ticket goes to [`Admission::complete`] with the answer.
    Provisioned(Ticket),
    /// Left to pay-as-you-go.
    PayGo,
    /// Refused with status 429.
    Refused,
}

impl Outcome {
    /// Whether a GSU serves it.
    pub fn is_provisioned(&self) -> bool {
        matches!(self, Outcome::Provisioned(_))
    }

    /// HTTP status of the answer as far as admission decides it: 200 or 429.
    pub fn status(&self) -> u16 {
        if *self == Outcome::Refused { 429 } else { 200 }
    }

    /// `usageMetadata.trafficType` of the answer, `paygo` being the tier that spilled requests are paid by.
    ///
    /// `None` for a refusal, which has no usage, and for batch, whose traffic type is not known.
    pub fn traffic_type(&self, paygo: Tier) -> Option<&'static str> {
        match self {
            Outcome::Provisioned(_) => Some("PROVISIONED_THROUGHPUT"),
            Outcome::Refused => None,
            Outcome::PayGo => match paygo {
                Tier::Standard => Some("ON_DEMAND"),
                Tier::Priority => Some("ON_DEMAND_PRIORITY"),
                Tier::Flex => Some("ON_DEMAND_FLEX"),
                Tier::Batch | Tier::Provisioned => None,
            },
        }
    }
}

/// An admitted request until its answer is complete.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an estimate is reconciled only through `Admission::complete`"]
pub struct Ticket {
    estimate: u64,
    admitted_at: u64,
    /// Window of a fixed clock; number of the request in a sliding one.
    place: u64,
}

/// What a request is admitted with. Google documents that input is known and output estimated, not how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// Exactly what it will burn.
    Actual,
    /// Its input, and the same output burn for every request.
    Output(u64),
    /// Its input alone.
    InputOnly,
}

impl Estimate {
    /// The estimate for a request of so much input burn and so much burn in all.
    pub fn of(self, input: u64, actual: u64) -> u64 {
        match self {
            Estimate::Actual => actual,
            Estimate::Output(output) => input.saturating_add(output),
            Estimate::InputOnly => input,
        }
    }
}

/// A rule of estimation, before the traffic is known that gives its figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EstimateRule {
    /// Exactly what the request will burn.
    Actual,
    /// Input and the mean output burn of the traffic.
    Mean,
    /// Input and the largest output burn of the traffic.
    Maximum,
    /// Input and the mean output burn times a factor.
    MeanTimes(f64),
    /// Input and this output burn.
    Output(u64),
    /// Input alone.
    InputOnly,
}

impl EstimateRule {
    /// Whether it needs the output burn of the traffic.
    pub fn needs_traffic(self) -> bool {
        matches!(self, EstimateRule::Mean | EstimateRule::Maximum | EstimateRule::MeanTimes(_))
    }

    /// The estimate for traffic with this mean and this largest output burn; fractions are rounded up.
    pub fn resolve(self, mean_output: f64, largest_output: u64) -> Estimate {
        match self {
            EstimateRule::Actual => Estimate::Actual,
            EstimateRule::Mean => Estimate::Output(mean_output.ceil() as u64),
            EstimateRule::Maximum => Estimate::Output(largest_output),
            EstimateRule::MeanTimes(factor) => Estimate::Output((mean_output * factor).ceil() as u64),
            EstimateRule::Output(burn) => Estimate::Output(burn),
            EstimateRule::InputOnly => Estimate::InputOnly,
        }
    }
}

/// Rules that no purchase can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// Nothing to admit with, or more than anyone buys.
    #[error("a window's quota is 1 to 1e18 burn tokens, found {0}")]
    Quota(u64),
    /// A window without length.
    #[error("a window is 1 to 1e18 microseconds long, found {0}")]
    Window(u64),
    /// A phase outside the window.
    #[error("a phase lies within the window of {window} microseconds, found {phase}")]
    Phase {
        /// What was given.
        phase: u64,
        /// The window's length.
        window: u64,
    },
}

/// The state of one purchase: what is in use, and by the rules until when.
///
/// Calls come in the order of time; a time before the latest one counts as the latest.
///
/// ```
/// # use burndown::capacity::{Admission, AdmissionRules, Overrun, Refund, RequestType, WindowClock};
/// let rules = AdmissionRules {
///     quota: 10,
///     window_micros: 10_000_000,
///     clock: WindowClock::Fixed { phase_micros: 0 },
///     refund: Refund::Any,
///     overrun: Overrun::Forget,
/// };
/// let mut admission = Admission::new(rules).unwrap();
/// assert!(admission.arrive(0, 8, RequestType::Unset).is_provisioned());
/// assert_eq!(admission.arrive(1_000_000, 8, RequestType::Dedicated).status(), 429);
/// ```
#[derive(Clone, Debug)]
pub struct Admission {
    rules: AdmissionRules,
    now: u64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Fixed {
        phase: u64,
        /// Windows since the one that holds the origin.
        window: u64,
        used: u64,
    },
    Sliding {
        /// Admission time and burn of the requests inside the window, oldest first.
        inside: VecDeque<(u64, u64)>,
        /// Number of the first of them, counted from 0 over all.
        first: u64,
        used: u64,
    },
    /// Level in burn × microseconds of the window, so that filling stays exact.
    Bucket { level: i128 },
}

impl Admission {
    /// A purchase that nobody has used yet.
    ///
    /// # Errors
    ///
    /// When quota or window are zero or beyond 1e18, or the phase lies outside the window.
    pub fn new(rules: AdmissionRules) -> Result<Admission, AdmissionError> {
        if !(1..=LIMIT).contains(&rules.quota) {
            return Err(AdmissionError::Quota(rules.quota));
        }
        if !(1..=LIMIT).contains(&rules.window_micros) {
            return Err(AdmissionError::Window(rules.window_micros));
        }
        let state = match rules.clock {
            WindowClock::Fixed { phase_micros } if phase_micros >= rules.window_micros => {
                return Err(AdmissionError::Phase { phase: phase_micros, window: rules.window_micros });
            }
            // Time 0 lies before the phase in window 0, at a phase of 0 in window 1.
            WindowClock::Fixed { phase_micros: phase } => State::Fixed { phase, window: 0, used: 0 },
            WindowClock::Sliding => State::Sliding { inside: VecDeque::new(), first: 0, used: 0 },
            WindowClock::Bucket => State::Bucket { level: full(rules) },
        };
        Ok(Admission { rules, now: 0, state })
    }

    /// The rules it was made with.
    pub fn rules(&self) -> AdmissionRules {
        self.rules
    }

    /// A request arrives. `estimate` is the burn it is admitted with, see [`Estimate`].
    pub fn arrive(&mut self, at_micros: u64, estimate: u64, header: RequestType) -> Outcome {
        self.advance(at_micros);
        if header == RequestType::Shared {
            return Outcome::PayGo;
        }
        match self.has_room(estimate) {
            true => Outcome::Provisioned(self.ticket(estimate)),
            false if header == RequestType::Dedicated => Outcome::Refused,
            false => Outcome::PayGo,
        }
    }

    /// Whether a request that arrives at a time would be admitted; it takes nothing.
    pub fn would_admit(&mut self, at_micros: u64, estimate: u64) -> bool {
        self.advance(at_micros);
        self.has_room(estimate)
    }

    /// A request arrives that a GSU is known to have served: it takes its estimate even where these rules
    /// would not have admitted it.
    pub fn serve(&mut self, at_micros: u64, estimate: u64) -> Ticket {
        self.advance(at_micros);
        self.ticket(estimate)
    }

    fn ticket(&mut self, estimate: u64) -> Ticket {
        let place = self.put(estimate);
        Ticket { estimate, admitted_at: self.now, place }
    }

    /// The answer of an admitted request is complete and burnt `actual`: the estimate is put right.
    ///
    /// What was estimated too low is always taken at this moment; what was too high is given back as
    /// [`Refund`] says. A request that failed and is not billed burnt nothing.
    pub fn complete(&mut self, ticket: Ticket, at_micros: u64, actual: u64) {
        self.advance(at_micros);
        if actual > ticket.estimate {
            self.take(actual - ticket.estimate);
        } else if actual < ticket.estimate {
            self.give_back(&ticket, ticket.estimate - actual);
        }
    }

    /// Burn in use at a time; above the quota only after an estimate that was too low.
    pub fn used(&mut self, at_micros: u64) -> u64 {
        self.advance(at_micros);
        match &self.state {
            State::Fixed { used, .. } | State::Sliding { used, .. } => *used,
            State::Bucket { level } => {
                let missing = full(self.rules) - level;
                let window = i128::from(self.rules.window_micros);
                u64::try_from((missing + window - 1) / window).unwrap_or(u64::MAX)
            }
        }
    }

    /// Moves the clock: windows end, requests leave the sliding window, the bucket fills.
    fn advance(&mut self, at: u64) {
        let at = at.max(self.now);
        let AdmissionRules { quota, window_micros, .. } = self.rules;
        match &mut self.state {
            State::Fixed { phase, window, used } => {
                let current = at.saturating_add(window_micros - *phase) / window_micros;
                let ended = current - *window;
                if ended > 0 {
                    *used = match self.rules.overrun {
                        Overrun::Forget => 0,
                        Overrun::Debt => used.saturating_sub(quota.saturating_mul(ended)),
                    };
                    *window = current;
                }
            }
            State::Sliding { inside, first, used } => {
                while inside.front().is_some_and(|(admitted, _)| at - admitted >= window_micros) {
                    *used -= inside.pop_front().map_or(0, |(_, burn)| burn);
                    *first += 1;
                }
            }
            State::Bucket { level } => {
                let filled = i128::from(quota) * i128::from(at - self.now);
                *level = (*level + filled).min(full(self.rules));
            }
        }
        self.now = at;
    }

    /// Whether the estimate fits as a whole.
    fn has_room(&self, estimate: u64) -> bool {
        let AdmissionRules { quota, window_micros, .. } = self.rules;
        match &self.state {
            State::Fixed { used, .. } | State::Sliding { used, .. } => {
                used.checked_add(estimate).is_some_and(|after| after <= quota)
            }
            State::Bucket { level } => *level >= i128::from(estimate) * i128::from(window_micros),
        }
    }

    /// Takes the estimate; the place is what the ticket must remember.
    fn put(&mut self, estimate: u64) -> u64 {
        match &mut self.state {
            State::Fixed { window, used, .. } => {
                *used = used.saturating_add(estimate);
                *window
            }
            State::Sliding { inside, first, used } => {
                let estimate = estimate.min(u64::MAX - *used);
                *used += estimate;
                inside.push_back((self.now, estimate));
                *first + inside.len() as u64 - 1
            }
            State::Bucket { level } => {
                *level -= i128::from(estimate) * i128::from(self.rules.window_micros);
                if self.rules.overrun == Overrun::Forget {
                    *level = (*level).max(0);
                }
                0
            }
        }
    }

    /// Takes burn that no estimate announced.
    fn take(&mut self, burn: u64) {
        match &mut self.state {
            State::Fixed { used, .. } => *used = used.saturating_add(burn),
            State::Sliding { inside, used, .. } => {
                let burn = burn.min(u64::MAX - *used);
                *used += burn;
                inside.push_back((self.now, burn));
            }
            State::Bucket { level } => {
                *level -= i128::from(burn) * i128::from(self.rules.window_micros);
                if self.rules.overrun == Overrun::Forget {
                    *level = (*level).max(0);
                }
            }
        }
    }

    fn give_back(&mut self, ticket: &Ticket, burn: u64) {
        let any = match self.rules.refund {
            Refund::Never => return,
            Refund::Any => true,
            Refund::SameWindow => false,
        };
        match &mut self.state {
            State::Fixed { window, used, .. } => {
                if any || *window == ticket.place {
                    *used = used.saturating_sub(burn);
                }
            }
            State::Sliding { inside, first, used } => {
                let entry = ticket.place.checked_sub(*first).and_then(|at| inside.get_mut(at as usize));
                if let Some((_, held)) = entry {
                    let freed = burn.min(*held);
                    *held -= freed;
                    *used -= freed;
                }
            }
            State::Bucket { level } => {
                if any || self.now - ticket.admitted_at < self.rules.window_micros {
                    let filled = i128::from(burn) * i128::from(self.rules.window_micros);
                    *level = (*level + filled).min(full(self.rules));
                }
            }
        }
    }
}

/// A full bucket, in burn × microseconds.
fn full(rules: AdmissionRules) -> i128 {
    i128::from(rules.quota) * i128::from(rules.window_micros)
}
