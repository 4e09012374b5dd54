//! The cheapest count of many, without looking at each.
//!
//! Within a window more GSUs leave less, so every count below one that was looked at leaves at least as much as that.
//! Going down from a window's largest count, the next that may still win is the largest whose fees and that rest
//! cost less than the best so far. Where what is left bends upwards so do the costs, and their least is found by
//! halving.

use std::ops::RangeInclusive;

/// The index of the cheapest count, with its US dollars; `None` when none costs less than `nothing_usd`.
///
/// `bands` are the indices of counts that share a window, `counts` ascend. `left` gives for a count what it leaves to
/// pay, which falls within a band, and the first count of its band from which on, up to it, that bends upwards: falls
/// ever less with every GSU. The nearer `likely` is to the cheapest, the fewer counts are looked at.
pub(super) fn cheapest(
    bands: &[RangeInclusive<usize>],
    likely: Option<usize>,
    (counts, usd_per_gsu): (&[u64], f64),
    left: impl Fn(usize) -> (f64, usize),
    nothing_usd: f64,
) -> Option<(usize, f64)> {
    let mut best = (None, nothing_usd);
    let fees = |index: usize| counts[index] as f64 * usd_per_gsu;
    let usd = |index: usize| left(index).0 + fees(index);
    let look = |index: usize, best: &mut (Option<usize>, f64)| {
        let (left, first) = left(index);
        let usd = left + fees(index);
        if usd < best.1 {
            *best = (Some(index), usd);
        }
        (left, first)
    };
    if let Some(likely) = likely {
        look(likely, &mut best);
    }
    for band in bands {
        let (mut open, mut least_left) = (&counts[band.clone()], 0.0);
        loop {
            let limit = (best.1 - least_left) / usd_per_gsu;
            let costs_less = |gsu: &u64| (*gsu as f64) < limit;
            let may_win = match open.last() {
                Some(last) if costs_less(last) => open.len(),
                _ => open.partition_point(costs_less),
            };
            let Some(last) = may_win.checked_sub(1) else { break };
            let last = band.start() + last;
            let (left, first) = look(last, &mut best);
            let mut next = last;
            least_left = left;
            if first + 1 < last && least_left + fees(first) < best.1 {
                least_left = look(first, &mut best).0;
                if usd(first + 1) < usd(first) && usd(last - 1) < usd(last) {
                    look(lowest(first, last, usd), &mut best);
                }
                next = first;
            }
            open = &open[..next - band.start()];
        }
    }
    best.0.map(|index| (index, best.1))
}

/// Where numbers that bend upwards are least.
fn lowest(mut first: usize, mut last: usize, number: impl Fn(usize) -> f64) -> usize {
    while first < last {
        let middle = usize::midpoint(first, last);
        match number(middle + 1) < number(middle) {
            true => first = middle + 1,
            false => last = middle,
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rand::RngExt;

    use super::*;

    /// Bands of any length in which what is left falls from a random height, in steps that may be none; and for each
    /// count the first of its run, in which the steps get smaller.
    fn table(random: &mut impl rand::Rng) -> (Vec<RangeInclusive<usize>>, Vec<f64>, Vec<usize>) {
        let (mut bands, mut left, mut firsts) = (Vec::new(), vec![f64::NAN], vec![0]);
        for _ in 0..random.random_range(1..5) {
            let first = left.len();
            let mut height: f64 = random.random_range(20.0..100.0);
            for _ in 0..random.random_range(1..20) {
                let run = left.len();
                let mut step = height * random.random_range(0.0..0.2);
                for _ in 0..random.random_range(1..20) {
                    left.push(height);
                    firsts.push(run);
                    step *= 1.0 - if random.random_bool(0.3) { 0.0 } else { random.random_range(0.0..0.4) };
                    height = (height - step).max(0.0);
                }
            }
            bands.push(first..=left.len() - 1);
        }
        (bands, left, firsts)
    }

    #[test]
    fn the_cheapest_is_that_of_a_look_at_each_with_fewer_looks() {
        let mut random = crate::stats::generator(5, 0);
        let mut looks = [0, 0];
        let mut counts = 0;
        for _ in 0..2_000 {
            let (bands, left, firsts) = table(&mut random);
            let price: f64 = random.random_range(0.01..4.0);
            let likely = random.random_bool(0.5).then(|| random.random_range(1..left.len()));
            let gsus: Vec<u64> = (0..left.len() as u64).collect();
            let usd = |index: usize| left[index] + price * index as f64;
            let least = (1..left.len()).map(usd).fold(90.0, f64::min);
            for (looks, knows_runs) in looks.iter_mut().zip([false, true]) {
                let asked = Cell::new(0);
                let look = |index: usize| {
                    asked.set(asked.get() + 1);
                    (left[index], if knows_runs { firsts[index] } else { index })
                };
                let found = cheapest(&bands, likely, (&gsus, price), look, 90.0);
                assert_eq!(found.map_or(90.0, |(_, usd)| usd), least);
                assert_eq!(found.map(|(index, _)| usd(index)), (least < 90.0).then_some(least));
                *looks += asked.get();
            }
            counts += left.len();
        }
        let [each, by_runs] = looks;
        assert!(each * 3 < counts && by_runs < each, "{each} looks, {by_runs} by runs, at {counts} counts");
    }
}
