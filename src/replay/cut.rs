//! Many purchases at once when every estimate is right: windows are cut first, then whole requests are fitted.
//!
//! Requests that fit all quotas of a block need no walk: sums of burn tell how many they are. From the first one on
//! that does not, sixteen quotas are walked through side by side. Quotas below 2³⁰ units are walked in 32 bits, which is what vectors are good at.

use super::{
    purchase::Purchase,
    tally::{Columns, NARROW_MAX, Stretch, Tally},
    trace::Request,
};

/// Quotas that are walked side by side.
pub(super) const SIDE_BY_SIDE: usize = 16;

/// An integer that burn is added up in.
trait Width: Copy + Ord + std::ops::Add<Output = Self> + std::ops::Sub<Output = Self> + Into<i64> {
    const ZERO: Self;
    const ONE: Self;
    /// Fits nothing.
    const NEVER: Self;
    fn from_units(units: u64) -> Self;
}

impl Width for i32 {
    const ZERO: i32 = 0;
    const ONE: i32 = 1;
    const NEVER: i32 = -1;
    fn from_units(units: u64) -> i32 {
        units.min(NARROW_MAX + 1) as i32
    }
}

impl Width for i64 {
    const ZERO: i64 = 0;
    const ONE: i64 = 1;
    const NEVER: i64 = -1;
    fn from_units(units: u64) -> i64 {
        units.min(i64::MAX as u64 / 2) as i64
    }
}

/// All purchases of a replay without latency and with right estimates.
#[derive(Debug)]
pub(super) struct CutReplay {
    narrow: Vec<Group<i32>>,
    wide: Vec<Group<i64>>,
    /// Units of each request of the batch in 64 bits, where some quota needs them.
    wide_units: Vec<i64>,
}

/// Purchases whose windows start and end together.
#[derive(Debug)]
struct Group<W> {
    window_micros: u64,
    phase_micros: u64,
    /// First moment after the current window, counted from the first request.
    window_end: u64,
    blocks: Vec<Block<W>>,
}

/// Sixteen quotas; those without a lane fit nothing and are not counted.
#[derive(Debug)]
struct Block<W> {
    quota: [W; SIDE_BY_SIDE],
    used: [W; SIDE_BY_SIDE],
    /// Something was left in the current window.
    left: [bool; SIDE_BY_SIDE],
    lanes: Vec<usize>,
}

impl CutReplay {
    /// Lanes are pairs of a purchase and a phase; their numbers are places in the tallies.
    pub fn new(lanes: &[(Purchase, u64)]) -> CutReplay {
        let is_narrow = |purchase: &Purchase| purchase.quota_units <= NARROW_MAX;
        CutReplay {
            narrow: groups(lanes, is_narrow),
            wide: groups(lanes, |purchase| !is_narrow(purchase)),
            wide_units: Vec::new(),
        }
    }

    /// Replays a batch; times are counted from `origin`.
    pub fn push(
        &mut self,
        batch: &[Request],
        origin: i64,
        columns: &Columns,
        stretches: &[Stretch],
        tallies: &mut [Tally],
    ) {
        if !self.wide.is_empty() {
            self.wide_units.clear();
            self.wide_units.extend(batch.iter().map(|request| i64::from_units(request.units)));
        }
        let times = Times { batch, origin };
        for group in &mut self.narrow {
            group.push(times, &columns.units, &columns.sums, stretches, tallies);
        }
        for group in &mut self.wide {
            group.push(times, &self.wide_units, &columns.sums, stretches, tallies);
        }
    }

    /// Counts the windows that the trace ended in.
    pub fn finish(&mut self, tallies: &mut [Tally]) {
        self.narrow.iter_mut().for_each(|group| group.end_window(tallies));
        self.wide.iter_mut().for_each(|group| group.end_window(tallies));
    }
}

/// Arrivals of a batch, counted from the first request of the trace.
#[derive(Clone, Copy)]
struct Times<'a> {
    batch: &'a [Request],
    origin: i64,
}

impl Times<'_> {
    fn at(self, place: usize) -> u64 {
        (self.batch[place].at_micros - self.origin) as u64
    }

    /// The first place from `from` on, and not after `last`, whose arrival is not before an end; near `from` as
    /// a rule.
    fn reach(self, from: usize, last: usize, end: u64) -> usize {
        let mut step = 16;
        while from + step < last && self.at(from + step) < end {
            step *= 2;
        }
        let known = if step == 16 { from } else { from + step / 2 };
        let part = &self.batch[known..last.min(from + step + 1)];
        known + part.partition_point(|request| ((request.at_micros - self.origin) as u64) < end)
    }
}

fn groups<W: Width>(lanes: &[(Purchase, u64)], belongs: impl Fn(&Purchase) -> bool) -> Vec<Group<W>> {
    let mut sorted: Vec<usize> = (0..lanes.len()).filter(|lane| belongs(&lanes[*lane].0)).collect();
    let key = |lane: &usize| (lanes[*lane].0.window_seconds, lanes[*lane].1);
    // Similar quotas side by side: their windows are full, or not, together.
    sorted.sort_by_key(|lane| (key(lane), lanes[*lane].0.quota_units));
    let of_one_window = sorted.chunk_by(|a, b| key(a) == key(b));
    of_one_window
        .map(|members| {
            let (window_seconds, phase_micros) = key(&members[0]);
            let blocks =
                members.chunks(SIDE_BY_SIDE).map(|lanes_of_block| block(lanes, lanes_of_block)).collect();
            Group { window_micros: window_seconds * 1_000_000, phase_micros, window_end: 0, blocks }
        })
        .collect()
}

fn block<W: Width>(lanes: &[(Purchase, u64)], members: &[usize]) -> Block<W> {
    let mut quota = [W::NEVER; SIDE_BY_SIDE];
    for (quota, lane) in quota.iter_mut().zip(members) {
        *quota = W::from_units(lanes[*lane].0.quota_units);
    }
    Block { quota, used: [W::ZERO; SIDE_BY_SIDE], left: [false; SIDE_BY_SIDE], lanes: members.to_vec() }
}

impl<W: Width> Group<W> {
    fn push(
        &mut self,
        times: Times<'_>,
        units: &[W],
        sums: &[u64],
        stretches: &[Stretch],
        tallies: &mut [Tally],
    ) {
        let mut from = 0;
        for stretch in stretches {
            while from < stretch.end {
                let first = times.at(from);
                if first >= self.window_end {
                    self.end_window(tallies);
                    let ended = (first + self.window_micros - self.phase_micros) / self.window_micros;
                    self.window_end = ended * self.window_micros + self.phase_micros;
                }
                let to = times.reach(from, stretch.end, self.window_end);
                for block in &mut self.blocks {
                    block.fit(&units[from..to], &sums[from..=to], stretch.hour, tallies);
                }
                from = to;
            }
        }
    }

    fn end_window(&mut self, tallies: &mut [Tally]) {
        for block in &mut self.blocks {
            block.used = [W::ZERO; SIDE_BY_SIDE];
            for (left, lane) in block.left.iter_mut().zip(&block.lanes) {
                tallies[*lane].windows += u64::from(*left);
                *left = false;
            }
        }
    }
}

impl<W: Width> Block<W> {
    /// Fits requests of one window and hour, and counts those that do not fit. `sums` are the units before each
    /// request and after the last, counted from anywhere.
    fn fit(&mut self, units: &[W], sums: &[u64], hour: usize, tallies: &mut [Tally]) {
        let lanes = self.lanes.len();
        let room = (0..lanes).map(|at| -> i64 { (self.quota[at] - self.used[at]).into() }).min();
        // What is used never exceeds the quota.
        let room = u64::try_from(room.unwrap_or(0)).unwrap_or(0);
        let total = sums[units.len()] - sums[0];
        let fitting = if total <= room { units.len() } else { fitting(sums, room) };
        let admitted = W::from_units(sums[fitting] - sums[0]);
        self.used[..lanes].iter_mut().for_each(|used| *used = *used + admitted);
        if fitting == units.len() {
            return;
        }
        let (units, total) = (&units[fitting..], sums[units.len()] - sums[fitting]);
        let before = self.used;
        let left = if lanes == 1 {
            let mut left = [0; SIDE_BY_SIDE];
            (self.used[0], left[0]) = walk_one(units, self.quota[0], self.used[0]);
            left
        } else {
            walk(units, &self.quota, &mut self.used)
        };
        for (at, lane) in self.lanes.iter().enumerate().filter(|(at, _)| left[*at] > 0) {
            let admitted: i64 = (self.used[at] - before[at]).into();
            tallies[*lane].add(hour, left[at], total - admitted as u64);
            self.left[at] = true;
        }
    }
}

/// How many requests from the first on fit into a room one after the other, not all of them.
fn fitting(sums: &[u64], room: u64) -> usize {
    let within = |sum: &u64| sum - sums[0] <= room;
    sums[1..].partition_point(within)
}

/// Whole requests in their order, one quota: what is used then, and how many did not fit.
fn walk_one<W: Width>(units: &[W], quota: W, mut used: W) -> (W, u64) {
    let mut left = 0;
    for unit in units {
        let after = used + *unit;
        let fits = after <= quota;
        used = if fits { after } else { used };
        left += u64::from(!fits);
    }
    (used, left)
}

/// The same for sixteen quotas side by side.
fn walk<W: Width>(
    units: &[W],
    quota: &[W; SIDE_BY_SIDE],
    used: &mut [W; SIDE_BY_SIDE],
) -> [u64; SIDE_BY_SIDE] {
    let mut now = *used;
    let mut left = [W::ZERO; SIDE_BY_SIDE];
    for unit in units {
        for at in 0..SIDE_BY_SIDE {
            let after = now[at] + *unit;
            let fits = after <= quota[at];
            now[at] = if fits { after } else { now[at] };
            left[at] = left[at] + if fits { W::ZERO } else { W::ONE };
        }
    }
    *used = now;
    left.map(|count| count.into() as u64)
}
