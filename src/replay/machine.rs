//! Any clock, any rule: each purchase walks through the admission state machine, request by request.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::{
    estimated::Reconciling,
    purchase::Purchase,
    tally::{Stretch, Tally},
    trace::Request,
};
use crate::capacity::{Admission, AdmissionError, AdmissionRules, Outcome, RequestType, Ticket, WindowClock};

/// All purchases of a replay, each with its own state.
#[derive(Debug)]
pub(super) struct MachineReplay {
    rules: Reconciling,
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    admission: Admission,
    open: BinaryHeap<Open>,
    number: u64,
    window_micros: u64,
    phase_micros: u64,
    /// Last window in which something was left; windows of sliding clocks and buckets are those that a fixed
    /// clock would have.
    left_in: Option<u64>,
}

/// An answer under way; the earliest is the greatest, as the heap wants it.
#[derive(Debug)]
struct Open {
    done: u64,
    number: u64,
    actual: u64,
    ticket: Ticket,
}

impl PartialEq for Open {
    fn eq(&self, other: &Open) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Open) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    fn cmp(&self, other: &Open) -> Ordering {
        (other.done, other.number).cmp(&(self.done, self.number))
    }
}

impl MachineReplay {
    /// One state machine for each lane; `clock` gives the clock of a phase.
    pub fn new(
        lanes: &[(Purchase, u64)],
        rules: Reconciling,
        clock: impl Fn(u64) -> WindowClock,
    ) -> Result<MachineReplay, AdmissionError> {
        let lane = |(purchase, phase_micros): &(Purchase, u64)| {
            let window_micros = purchase.window_seconds * 1_000_000;
            let admission = Admission::new(AdmissionRules {
                quota: purchase.quota_units,
                window_micros,
                clock: clock(*phase_micros),
                refund: rules.refund,
                overrun: rules.overrun,
            })?;
            let (open, phase_micros) = (BinaryHeap::new(), *phase_micros);
            Ok(Lane { admission, open, number: 0, window_micros, phase_micros, left_in: None })
        };
        Ok(MachineReplay { rules, lanes: lanes.iter().map(lane).collect::<Result<_, AdmissionError>>()? })
    }

    /// Replays a batch; times are counted from `origin`, latencies by `latency_micros`.
    pub fn push(
        &mut self,
        batch: &[Request],
        origin: i64,
        latency_micros: impl Fn(&Request) -> u64,
        stretches: &[Stretch],
        tallies: &mut [Tally],
    ) {
        for (lane, tally) in self.lanes.iter_mut().zip(tallies) {
            let mut from = 0;
            for stretch in stretches {
                for request in &batch[from..stretch.end] {
                    let at = (request.at_micros - origin) as u64;
                    let estimate = self.rules.estimate.of(request.input_units, request.units);
                    if !lane.replay(at, estimate, request.units, latency_micros(request)) {
                        tally.add(stretch.hour, 1, request.units);
                        tally.windows += u64::from(lane.is_first_left_in_window(at));
                    }
                }
                from = stretch.end;
            }
        }
    }
}

impl Lane {
    fn replay(&mut self, at: u64, estimate: u64, actual: u64, latency: u64) -> bool {
        while self.open.peek().is_some_and(|open| open.done <= at) {
            let Some(open) = self.open.pop() else { break };
            self.admission.complete(open.ticket, open.done, open.actual);
        }
        match self.admission.arrive(at, estimate, RequestType::Unset) {
            Outcome::Provisioned(ticket) => {
                self.open.push(Open {
                    done: at.saturating_add(latency),
                    number: self.number,
                    actual,
                    ticket,
                });
                self.number += 1;
                true
            }
            Outcome::PayGo | Outcome::Refused => false,
        }
    }

    fn is_first_left_in_window(&mut self, at: u64) -> bool {
        let window = Some((at + self.window_micros - self.phase_micros) / self.window_micros);
        std::mem::replace(&mut self.left_in, window) != window
    }
}
