//! The cheapest count of many, without looking at each.
//!
//! Within a window more GSUs leave less, so every count below one that was looked at leaves at least as much as that.
//! Going down from a window's largest count, the next that may still win is the largest whose fees and that rest
//! cost less than the best so far.

use std::ops::RangeInclusive;

/// The index of the cheapest count, with its US dollars; `None` when none costs less than `nothing_usd`.
///
/// `bands` are the indices of counts that share a window, `counts` ascend, and `left` is what a count leaves to pay:
/// within a band it falls. The nearer `likely` is to the cheapest, the fewer counts are looked at.
pub(super) fn cheapest(
    bands: &[RangeInclusive<usize>],
    likely: Option<usize>,
    (counts, usd_per_gsu): (&[u64], f64),
    left: impl Fn(usize) -> f64,
    nothing_usd: f64,
) -> Option<(usize, f64)> {
    let mut best = (None, nothing_usd);
    let look = |index: usize, best: &mut (Option<usize>, f64)| {
        let left = left(index);
        let usd = left + counts[index] as f64 * usd_per_gsu;
        if usd < best.1 {
            *best = (Some(index), usd);
        }
        left
    };
    if let Some(likely) = likely {
        look(likely, &mut best);
    }
    for band in bands {
        let (mut open, mut least_left) = (&counts[band.clone()], 0.0);
        loop {
            // Counts from here on cost no less.
            let limit = ((best.1 - least_left) / usd_per_gsu).ceil() as u64;
            let may_win = match open.last() {
                Some(last) if *last < limit => open.len(),
                _ => open.partition_point(|gsu| *gsu < limit),
            };
            let Some(last) = may_win.checked_sub(1) else { break };
            least_left = look(band.start() + last, &mut best);
            open = &open[..last];
        }
    }
    best.0.map(|index| (index, best.1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rand::RngExt;

    use super::*;

    /// Bands of any length in which what is left falls from a random height, in steps that may be none.
    fn table(random: &mut impl rand::Rng) -> (Vec<RangeInclusive<usize>>, Vec<f64>) {
        let (mut bands, mut left) = (Vec::new(), vec![f64::NAN]);
        for _ in 0..random.random_range(1..5) {
            let first = left.len();
            let mut height: f64 = random.random_range(20.0..100.0);
            for _ in 0..random.random_range(1..120) {
                left.push(height);
                height *= 1.0 - if random.random_bool(0.3) { 0.0 } else { random.random_range(0.0..0.2) };
            }
            bands.push(first..=left.len() - 1);
        }
        (bands, left)
    }

    #[test]
    fn the_cheapest_is_that_of_a_look_at_each_with_fewer_looks() {
        let mut random = crate::stats::generator(5, 0);
        let (mut looks, mut counts) = (0, 0);
        for _ in 0..2_000 {
            let (bands, left) = table(&mut random);
            let price: f64 = random.random_range(0.01..4.0);
            let likely = random.random_bool(0.5).then(|| random.random_range(1..left.len()));
            let gsus: Vec<u64> = (0..left.len() as u64).collect();
            let asked = Cell::new(0);
            let look = |index: usize| {
                asked.set(asked.get() + 1);
                left[index]
            };
            let found = cheapest(&bands, likely, (&gsus, price), look, 90.0);
            let usd = |index: usize| left[index] + price * index as f64;
            let least = (1..left.len()).map(usd).fold(90.0, f64::min);
            assert_eq!(found.map_or(90.0, |(_, usd)| usd), least);
            assert_eq!(found.map(|(index, _)| usd(index)), (least < 90.0).then_some(least));
            looks += asked.get();
            counts += left.len();
        }
        assert!(looks * 3 < counts, "{looks} looks at {counts} counts");
    }
}
