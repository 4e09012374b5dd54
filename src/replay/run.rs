//! A replay: batches in, what each purchase leaves to pay-as-you-go out.

use super::{
    cut::CutReplay,
    estimated::{EstimatedReplay, Reconciling},
    machine::MachineReplay,
    purchase::Purchase,
    tally::{Columns, Demand, Outcome, Tally, stretches},
    trace::{Micros, Request},
};
use crate::{
    calendar::LocalClock,
    capacity::{AdmissionError, Estimate, Overrun, Refund, WindowClock},
};

/// Most purchases times phases of one replay.
const LANES_MAX: usize = 100_000;

/// Requests that are walked through at a time: they stay in a core's own cache from one pass to the next.
const NEAR: usize = 4_096;

/// When windows start and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// One window after the other from the first request on, shifted by a share of a window in each phase.
    Fixed {
        /// Phases to average over, at least 1; the first starts a window at the first request.
        phases: u32,
    },
    /// The last window's length before each request.
    Sliding,
    /// A bucket that fills by one quota a window.
    Bucket,
}

/// How long an answer takes, which matters where an estimate has to be put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Every answer so many microseconds.
    Same(u64),
    /// As the trace says; so many microseconds where it does not.
    OfTrace(u64),
}

impl Latency {
    fn of(self, request: &Request) -> u64 {
        match self {
            Latency::Same(micros) => micros,
            Latency::OfTrace(otherwise) => request.latency.map_or(otherwise, Micros::get),
        }
    }
}

/// The rules of a replay.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// What was bought, in as many variants as wanted.
    pub purchases: Vec<Purchase>,
    /// When windows start and end.
    pub clock: Clock,
    /// What a request is admitted with.
    pub estimate: Estimate,
    /// How long an answer takes.
    pub latency: Latency,
    /// What becomes of an estimate that was too high.
    pub refund: Refund,
    /// What becomes of burn above the quota.
    pub overrun: Overrun,
    /// The clock of the hours in the result.
    pub hours: LocalClock,
    /// Walk through the state machine for each purchase even where a faster way gives the same answer.
    pub state_machine: bool,
}

/// Why a replay cannot begin.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// Nothing to replay against.
    #[error("a replay is against at least one GSU count")]
    NoPurchase,
    /// No phase, or more than a replay takes.
    #[error("GSU counts times phases are 1 to {LANES_MAX}, found {0}")]
    Lanes(usize),
    /// A purchase that cannot be.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay {
    options: ReplayOptions,
    lanes: Vec<(Purchase, u64)>,
    tallies: Vec<Tally>,
    way: Way,
    demand: Demand,
    columns: Columns,
}

#[derive(Debug)]
enum Way {
    Cut(CutReplay),
    Estimated(EstimatedReplay),
    Machine(MachineReplay),
}

impl Replay {
    /// A replay that has seen no request yet.
    ///
    /// # Errors
    ///
    /// When there is no purchase, no phase, or a purchase has no quota or window.
    pub fn new(options: ReplayOptions) -> Result<Replay, ReplayError> {
        if options.purchases.is_empty() {
            return Err(ReplayError::NoPurchase);
        }
        let phases = match options.clock {
            Clock::Fixed { phases } => phases as usize,
            Clock::Sliding | Clock::Bucket => 1,
        };
        let count = options.purchases.len().saturating_mul(phases);
        if !(1..=LANES_MAX).contains(&count) {
            return Err(ReplayError::Lanes(count));
        }
        let phase_of = |purchase: &Purchase, phase: usize| {
            purchase.window_seconds * 1_000_000 / phases as u64 * phase as u64
        };
        let lanes: Vec<(Purchase, u64)> = options
            .purchases
            .iter()
            .flat_map(|one| (0..phases).map(move |phase| (*one, phase_of(one, phase))))
            .collect();
        let way = Replay::way(&options, &lanes)?;
        let tallies = vec![Tally::default(); lanes.len()];
        let (demand, columns) = (Demand::default(), Columns::default());
        Ok(Replay { options, lanes, tallies, way, demand, columns })
    }

    fn way(options: &ReplayOptions, lanes: &[(Purchase, u64)]) -> Result<Way, ReplayError> {
        let ReplayOptions { estimate, refund, overrun, .. } = *options;
        let rules = Reconciling { estimate, refund, overrun };
        let clock = |phase_micros| match options.clock {
            Clock::Fixed { .. } => WindowClock::Fixed { phase_micros },
            Clock::Sliding => WindowClock::Sliding,
            Clock::Bucket => WindowClock::Bucket,
        };
        // The state machine also checks the purchases.
        let machine = MachineReplay::new(lanes, rules, clock)?;
        let fixed = matches!(options.clock, Clock::Fixed { .. });
        Ok(match estimate {
            _ if options.state_machine || !fixed => Way::Machine(machine),
            Estimate::Actual => Way::Cut(CutReplay::new(lanes)),
            _ => Way::Estimated(EstimatedReplay::new(lanes, rules)),
        })
    }

    /// Replays the next requests.
    ///
    /// # Panics
    ///
    /// When they are not in order of time, or earlier than those before; a [`super::TraceReader`] puts them in
    /// order.
    pub fn push(&mut self, batch: &[Request]) {
        batch.chunks(NEAR).for_each(|part| self.push_part(part));
    }

    fn push_part(&mut self, part: &[Request]) {
        let Some(first) = part.first() else { return };
        let follows = self.demand.requests == 0 || self.demand.last_micros <= first.at_micros;
        let stretches = stretches(part, &self.options.hours);
        let in_order = self.demand.push(part, &stretches, &mut self.columns);
        assert!(follows && in_order, "requests in order of time");
        let origin = self.demand.first_micros;
        let latency = |request: &Request| self.options.latency.of(request);
        match &mut self.way {
            Way::Cut(way) => way.push(part, origin, &self.columns, &stretches, &mut self.tallies),
            Way::Estimated(way) => way.push(part, origin, latency, &stretches, &mut self.tallies),
            Way::Machine(way) => way.push(part, origin, latency, &stretches, &mut self.tallies),
        }
    }

    /// What all requests were, and what each purchase left, in the order of the purchases.
    pub fn finish(mut self) -> (Demand, Vec<Outcome>) {
        match &mut self.way {
            Way::Cut(way) => way.finish(&mut self.tallies),
            Way::Estimated(way) => way.finish(&mut self.tallies),
            Way::Machine(_) => {}
        }
        let phases = self.lanes.len() / self.options.purchases.len();
        let lanes: Vec<(u64, &Tally)> =
            self.lanes.iter().map(|(_, phase)| *phase).zip(&self.tallies).collect();
        let outcomes = self.options.purchases.iter().zip(lanes.chunks(phases));
        let outcomes = outcomes.map(|(one, phases)| Outcome::of(*one, &self.demand, phases)).collect();
        (self.demand, outcomes)
    }
}
