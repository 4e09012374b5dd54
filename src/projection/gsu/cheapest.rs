//! The cheapest count of many, without looking at each.
//!
//! Within a window more GSUs leave less and cost more, so a stretch of counts costs at least the fees of its first
//! and what its last leaves. Stretches that cannot win are passed over; the others are halved.

use std::ops::RangeInclusive;

/// The index of the cheapest count, with its US dollars; `None` when none costs less than `nothing_usd`.
///
/// `bands` are the indices of counts that share a window, `fees` what a count costs, and `left` what it leaves to
/// pay: within a band the one rises and the other falls.
pub(super) fn cheapest(
    bands: &[RangeInclusive<usize>],
    fees: impl Fn(usize) -> f64,
    left: impl Fn(usize) -> f64,
    nothing_usd: f64,
) -> Option<(usize, f64)> {
    let mut search = Search { fees, left, best: None, least_usd: nothing_usd };
    // Ends of all bands first: the lower the best that is known, the more is passed over.
    let mut known: Vec<[(usize, f64); 2]> = Vec::with_capacity(bands.len());
    for band in bands {
        if (search.fees)(*band.start()) < search.least_usd {
            known.push([*band.start(), *band.end()].map(|end| search.compare(end)));
        }
    }
    known.iter().for_each(|[first, last]| search.between(*first, *last));
    search.best.map(|index| (index, search.least_usd))
}

struct Search<F, L> {
    fees: F,
    left: L,
    best: Option<usize>,
    least_usd: f64,
}

impl<F: Fn(usize) -> f64, L: Fn(usize) -> f64> Search<F, L> {
    /// Takes a count when it is cheaper than the best so far; gives what it leaves.
    fn compare(&mut self, index: usize) -> (usize, f64) {
        let left = (self.left)(index);
        let usd = left + (self.fees)(index);
        if usd < self.least_usd {
            (self.best, self.least_usd) = (Some(index), usd);
        }
        (index, left)
    }

    /// The counts between two that are known with what they leave; the half that may be cheaper first.
    fn between(&mut self, first: (usize, f64), last: (usize, f64)) {
        if last.0 - first.0 < 2 || self.least(first, last) >= self.least_usd {
            return;
        }
        let middle = self.compare(usize::midpoint(first.0, last.0));
        let mut halves = [(first, middle), (middle, last)];
        if self.least(middle, last) < self.least(first, middle) {
            halves.reverse();
        }
        halves.into_iter().for_each(|(first, last)| self.between(first, last));
    }

    /// What a count between two costs at least.
    fn least(&self, first: (usize, f64), last: (usize, f64)) -> f64 {
        (self.fees)(first.0 + 1) + last.1
    }
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
            let asked = Cell::new(0);
            let look = |index: usize| {
                asked.set(asked.get() + 1);
                left[index]
            };
            let found = cheapest(&bands, |index| price * index as f64, look, 90.0);
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
