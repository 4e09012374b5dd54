//! Many purchases at once when every estimate is right: windows are cut first, then whole requests are fitted.
//!
//! A window whose requests all fit needs no walk through them; in the others, sixteen quotas are walked
//! through side by side. Quotas below 2³⁰ units are walked in 32 bits, which is what vectors are good at.

use super::{
    purchase::Purchase,
    tally::{Stretch, Tally},
    trace::Request,
};

/// Quotas that are walked side by side.
pub(super) const SIDE_BY_SIDE: usize = 16;

/// Largest quota that is counted in 32 bits. A larger request fits none of them, and one more unit than that
/// still adds up inside 32 bits.
const NARROW_MAX: u64 = (1 << 30) - 1;

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
    narrow_units: Vec<i32>,
    wide_units: Vec<i64>,
    times: Vec<u64>,
    /// Sums of units before each request of the batch.
    sums: Vec<u64>,
}

/// Purchases whose windows start and end together.
#[derive(Debug)]
struct Group<W> {
    window_micros: u64,
    phase_micros: u64,
    /// First moment after the current window.
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
            narrow_units: Vec::new(),
            wide_units: Vec::new(),
            times: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// Replays a batch; times are counted from `origin`.
    pub fn push(&mut self, batch: &[Request], origin: i64, stretches: &[Stretch], tallies: &mut [Tally]) {
        self.times.clear();
        self.sums.clear();
        self.sums.push(0);
        let mut sum = 0;
        for request in batch {
            self.times.push((request.at_micros - origin) as u64);
            sum += request.units;
            self.sums.push(sum);
        }
        if !self.narrow.is_empty() {
            widths(&mut self.narrow_units, batch);
        }
        if !self.wide.is_empty() {
            widths(&mut self.wide_units, batch);
        }
        for group in &mut self.narrow {
            group.push(&self.times, &self.narrow_units, &self.sums, stretches, tallies);
        }
        for group in &mut self.wide {
            group.push(&self.times, &self.wide_units, &self.sums, stretches, tallies);
        }
    }

    /// Counts the windows that the trace ended in.
    pub fn finish(&mut self, tallies: &mut [Tally]) {
        self.narrow.iter_mut().for_each(|group| group.end_window(tallies));
        self.wide.iter_mut().for_each(|group| group.end_window(tallies));
    }
}

fn widths<W: Width>(units: &mut Vec<W>, batch: &[Request]) {
    units.clear();
    units.extend(batch.iter().map(|request| W::from_units(request.units)));
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
        times: &[u64],
        units: &[W],
        sums: &[u64],
        stretches: &[Stretch],
        tallies: &mut [Tally],
    ) {
        let mut from = 0;
        for stretch in stretches {
            while from < stretch.end {
                if times[from] >= self.window_end {
                    self.end_window(tallies);
                    let ended = (times[from] + self.window_micros - self.phase_micros) / self.window_micros;
                    self.window_end = ended * self.window_micros + self.phase_micros;
                }
                let to = from + reach(&times[from..stretch.end], self.window_end);
                let total = sums[to] - sums[from];
                for block in &mut self.blocks {
                    block.fit(&units[from..to], total, stretch.hour, tallies);
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

/// How many of the times lie before an end; near the start as a rule.
fn reach(times: &[u64], end: u64) -> usize {
    let mut step = 16;
    while step < times.len() && times[step] < end {
        step *= 2;
    }
    let from = if step == 16 { 0 } else { step / 2 };
    from + times[from..times.len().min(step + 1)].partition_point(|time| *time < end)
}

impl<W: Width> Block<W> {
    /// Fits requests of one window and hour, `total` units in all, and counts those that do not fit.
    fn fit(&mut self, units: &[W], total: u64, hour: usize, tallies: &mut [Tally]) {
        let lanes = self.lanes.len();
        let room = |at: usize| -> i64 { (self.quota[at] - self.used[at]).into() };
        let fits_whole = i64::try_from(total).is_ok_and(|total| (0..lanes).all(|at| total <= room(at)));
        if fits_whole {
            let total = W::from_units(total);
            self.used[..lanes].iter_mut().for_each(|used| *used = *used + total);
            return;
        }
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
