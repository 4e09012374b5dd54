//! Many purchases at once when estimates differ from what is burnt and answers take their time.
//!
//! Arrivals and completions happen in the same order for every purchase, so they are put in order once, and
//! each is applied to all quotas side by side. The rules are those of [`crate::capacity::Admission`] with a
//! fixed clock, quota for quota.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::{
    cut::SIDE_BY_SIDE,
    purchase::Purchase,
    tally::{Stretch, Tally},
    trace::Request,
};
use crate::capacity::{Estimate, Overrun, Refund};

/// Burn in use is counted up to here; no sum of quota and charges comes near it.
const USED_MAX: i64 = i64::MAX / 2;

/// How estimates are made and put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reconciling {
    pub estimate: Estimate,
    pub refund: Refund,
    pub overrun: Overrun,
}

/// All purchases of a replay with estimates.
#[derive(Debug)]
pub(super) struct EstimatedReplay {
    rules: Reconciling,
    groups: Vec<Group>,
    open: OpenAnswers,
    /// One block for each block of each group: what a completion adds to what is in use.
    corrections: Vec<[i64; SIDE_BY_SIDE]>,
    /// Rows of `corrections` that no open answer holds.
    free: Vec<u32>,
    blocks: usize,
}

#[derive(Debug)]
struct Group {
    window_micros: u64,
    phase_micros: u64,
    window_end: u64,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    quota: [i64; SIDE_BY_SIDE],
    used: [i64; SIDE_BY_SIDE],
    /// Requests and units left in this hour, not yet in the tallies.
    left: [i64; SIDE_BY_SIDE],
    left_units: [i64; SIDE_BY_SIDE],
    /// Requests left before this window, in the same hour.
    left_before: [i64; SIDE_BY_SIDE],
    /// Something was left in the current window and an earlier hour.
    left_earlier: [bool; SIDE_BY_SIDE],
    lanes: Vec<usize>,
}

/// An answer under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    done: u64,
    number: u64,
    arrived: u64,
    row: u32,
}

/// Answers under way in the order of their completion: a queue while they end in the order they began, a heap
/// for those that do not.
#[derive(Debug, Default)]
struct OpenAnswers {
    queue: VecDeque<Open>,
    heap: BinaryHeap<Reverse<Open>>,
    next: u64,
}

impl OpenAnswers {
    fn push(&mut self, done: u64, arrived: u64, row: u32) {
        let open = Open { done, number: self.next, arrived, row };
        self.next += 1;
        if self.queue.back().is_none_or(|last| last.done <= done) {
            self.queue.push_back(open);
        } else {
            self.heap.push(Reverse(open));
        }
    }

    fn pop_until(&mut self, at: u64) -> Option<Open> {
        let queued = self.queue.front().filter(|open| open.done <= at).copied();
        let heaped = self.heap.peek().map(|Reverse(open)| *open).filter(|open| open.done <= at);
        match (queued, heaped) {
            (Some(queued), Some(heaped)) if heaped < queued => self.heap.pop().map(|Reverse(open)| open),
            (Some(_), _) => self.queue.pop_front(),
            (None, Some(_)) => self.heap.pop().map(|Reverse(open)| open),
            (None, None) => None,
        }
    }
}

impl EstimatedReplay {
    /// Lanes are pairs of a purchase and a phase; their numbers are places in the tallies.
    pub fn new(lanes: &[(Purchase, u64)], rules: Reconciling) -> EstimatedReplay {
        let key = |lane: &usize| (lanes[*lane].0.window_seconds, lanes[*lane].1);
        let mut sorted: Vec<usize> = (0..lanes.len()).collect();
        sorted.sort_by_key(key);
        let groups: Vec<Group> = sorted
            .chunk_by(|a, b| key(a) == key(b))
            .map(|members| Group {
                window_micros: key(&members[0]).0 * 1_000_000,
                phase_micros: key(&members[0]).1,
                window_end: 0,
                blocks: members.chunks(SIDE_BY_SIDE).map(|members| Block::new(lanes, members)).collect(),
            })
            .collect();
        let blocks = groups.iter().map(|group| group.blocks.len()).sum();
        let open = OpenAnswers::default();
        EstimatedReplay { rules, groups, open, corrections: Vec::new(), free: Vec::new(), blocks }
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
        let mut from = 0;
        for stretch in stretches {
            for request in &batch[from..stretch.end] {
                let at = (request.at_micros - origin) as u64;
                while let Some(open) = self.open.pop_until(at) {
                    self.complete(open, tallies);
                }
                self.arrive(at, request, latency_micros(request), tallies);
            }
            self.groups
                .iter_mut()
                .flat_map(|group| &mut group.blocks)
                .for_each(|block| block.end_hour(stretch.hour, tallies));
            from = stretch.end;
        }
    }

    /// Counts the windows that the trace ended in.
    pub fn finish(&mut self, tallies: &mut [Tally]) {
        self.groups
            .iter_mut()
            .flat_map(|group| &mut group.blocks)
            .for_each(|block| block.end_window(tallies));
    }

    fn arrive(&mut self, at: u64, request: &Request, latency: u64, tallies: &mut [Tally]) {
        let estimate = self.rules.estimate.of(request.input_units, request.units);
        // Above every quota, and the sum with one still inside 64 bits.
        let estimate = i64::try_from(estimate).unwrap_or(i64::MAX).min(USED_MAX / 2);
        let actual = request.units as i64;
        let row = self.free.pop().unwrap_or_else(|| {
            self.corrections.resize(self.corrections.len() + self.blocks, [0; SIDE_BY_SIDE]);
            (self.corrections.len() / self.blocks - 1) as u32
        });
        let start = row as usize * self.blocks;
        let mut corrections = self.corrections[start..start + self.blocks].iter_mut();
        for group in &mut self.groups {
            group.advance(at, self.rules.overrun, tallies);
            for (block, correction) in group.blocks.iter_mut().zip(&mut corrections) {
                block.arrive(estimate, actual, correction);
            }
        }
        self.open.push(at.saturating_add(latency), at, row);
    }

    fn complete(&mut self, open: Open, tallies: &mut [Tally]) {
        let start = open.row as usize * self.blocks;
        let mut corrections = self.corrections[start..start + self.blocks].iter();
        for group in &mut self.groups {
            group.advance(open.done, self.rules.overrun, tallies);
            let gives_back = match self.rules.refund {
                Refund::Any => true,
                Refund::SameWindow => group.window_end - open.arrived <= group.window_micros,
                Refund::Never => false,
            };
            for (block, correction) in group.blocks.iter_mut().zip(&mut corrections) {
                block.complete(correction, gives_back);
            }
        }
        self.free.push(open.row);
    }
}

impl Group {
    fn advance(&mut self, at: u64, overrun: Overrun, tallies: &mut [Tally]) {
        if at < self.window_end {
            return;
        }
        let end = (at + self.window_micros - self.phase_micros) / self.window_micros * self.window_micros
            + self.phase_micros;
        // The first window begins with nothing used, whatever is passed over.
        let passed = (end - self.window_end) / self.window_micros;
        for block in &mut self.blocks {
            block.end_window(tallies);
            for (used, quota) in block.used.iter_mut().zip(&block.quota) {
                *used = match overrun {
                    Overrun::Forget => 0,
                    Overrun::Debt => {
                        let paid = (*quota).max(0).saturating_mul(i64::try_from(passed).unwrap_or(i64::MAX));
                        used.saturating_sub(paid).max(0)
                    }
                };
            }
        }
        self.window_end = end;
    }
}

impl Block {
    fn new(lanes: &[(Purchase, u64)], members: &[usize]) -> Block {
        // A quota below nothing admits nothing.
        let mut quota = [-1; SIDE_BY_SIDE];
        for (quota, lane) in quota.iter_mut().zip(members) {
            *quota = i64::try_from(lanes[*lane].0.quota_units).unwrap_or(i64::MAX).min(USED_MAX / 4);
        }
        Block {
            quota,
            used: [0; SIDE_BY_SIDE],
            left: [0; SIDE_BY_SIDE],
            left_units: [0; SIDE_BY_SIDE],
            left_before: [0; SIDE_BY_SIDE],
            left_earlier: [false; SIDE_BY_SIDE],
            lanes: members.to_vec(),
        }
    }

    fn arrive(&mut self, estimate: i64, actual: i64, correction: &mut [i64; SIDE_BY_SIDE]) {
        for (at, correction) in correction.iter_mut().enumerate() {
            let after = self.used[at] + estimate;
            let fits = after <= self.quota[at];
            self.used[at] = if fits { after } else { self.used[at] };
            *correction = if fits { actual - estimate } else { 0 };
            self.left[at] += if fits { 0 } else { 1 };
            self.left_units[at] += if fits { 0 } else { actual };
        }
    }

    fn complete(&mut self, correction: &[i64; SIDE_BY_SIDE], gives_back: bool) {
        let least = if gives_back { i64::MIN } else { 0 };
        for (used, correction) in self.used.iter_mut().zip(correction) {
            *used = (*used + (*correction).max(least)).clamp(0, USED_MAX);
        }
    }

    fn end_hour(&mut self, hour: usize, tallies: &mut [Tally]) {
        for (at, lane) in self.lanes.iter().enumerate() {
            tallies[*lane].add(hour, self.left[at] as u64, self.left_units[at] as u64);
            self.left_earlier[at] |= self.left[at] > self.left_before[at];
        }
        self.left = [0; SIDE_BY_SIDE];
        self.left_units = [0; SIDE_BY_SIDE];
        self.left_before = [0; SIDE_BY_SIDE];
    }

    fn end_window(&mut self, tallies: &mut [Tally]) {
        for (at, lane) in self.lanes.iter().enumerate() {
            let left = self.left_earlier[at] || self.left[at] > self.left_before[at];
            tallies[*lane].windows += u64::from(left);
        }
        self.left_before = self.left;
        self.left_earlier = [false; SIDE_BY_SIDE];
    }
}
