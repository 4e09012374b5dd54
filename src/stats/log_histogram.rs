//! Histograms over logarithmic buckets: they merge exactly, and every engine makes the same ones.

/// Ratio of a bucket's upper edge to its lower one.
pub const BUCKET_RATIO: f64 = 1.02;

/// The bucket of zero; every other value has a bucket from 0 up.
pub const ZERO_BUCKET: i32 = -1;

/// The bucket of a value: `floor(ln v / ln 1.02)`, and [`ZERO_BUCKET`] for zero.
///
/// The formula is written so because BigQuery, Spark and DuckDB compute the same one, so that an aggregate
/// made there adds up with one made here.
///
/// ```
/// # use burndown::stats::bucket_of;
/// assert_eq!((bucket_of(0), bucket_of(1), bucket_of(1120)), (-1, 0, 354));
/// ```
pub fn bucket_of(value: u64) -> i32 {
    if value == 0 { ZERO_BUCKET } else { ((value as f64).ln() / BUCKET_RATIO.ln()).floor() as i32 }
}

/// What fell into one bucket, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Values.
    pub n: u64,
    /// Their sum.
    pub sum: u128,
    /// The sum of their squares.
    pub sum_squares: u128,
    /// The smallest.
    pub low: u64,
    /// The largest.
    pub high: u64,
}

impl Bucket {
    fn of(value: u64) -> Bucket {
        let wide = u128::from(value);
        Bucket { n: 1, sum: wide, sum_squares: wide * wide, low: value, high: value }
    }

    fn merge(&mut self, other: &Bucket) {
        if self.n == 0 {
            *self = *other;
        } else if other.n > 0 {
            self.n += other.n;
            self.sum += other.sum;
            self.sum_squares += other.sum_squares;
            self.low = self.low.min(other.low);
            self.high = self.high.max(other.high);
        }
    }
}

/// Whole numbers by bucket, with exact counts, sums, sums of squares and extremes.
///
/// Merging is exact and does not depend on the order, since everything is an integer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogHistogram {
    /// Ascending; a sorted list, since a log adds to the same few hundred buckets millions of times.
    buckets: Vec<(i32, Bucket)>,
}

impl LogHistogram {
    /// Counts one value.
    pub fn add(&mut self, value: u64) {
        self.merge_bucket(bucket_of(value), &Bucket::of(value));
    }

    /// Adds what another histogram holds.
    pub fn merge(&mut self, other: &LogHistogram) {
        for (at, bucket) in &other.buckets {
            self.merge_bucket(*at, bucket);
        }
    }

    /// Adds one bucket of another histogram.
    pub fn merge_bucket(&mut self, at: i32, bucket: &Bucket) {
        match self.buckets.binary_search_by_key(&at, |(at, _)| *at) {
            Ok(found) => self.buckets[found].1.merge(bucket),
            Err(place) => self.buckets.insert(place, (at, *bucket)),
        }
    }

    /// The buckets, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, &Bucket)> {
        self.buckets.iter().map(|(at, bucket)| (*at, bucket))
    }

    fn values(&self) -> impl DoubleEndedIterator<Item = &Bucket> {
        self.buckets.iter().map(|(_, bucket)| bucket)
    }

    /// Values counted.
    pub fn n(&self) -> u64 {
        self.values().map(|bucket| bucket.n).sum()
    }

    /// Their exact sum.
    pub fn sum(&self) -> u128 {
        self.values().map(|bucket| bucket.sum).sum()
    }

    /// The exact sum of their squares.
    pub fn sum_squares(&self) -> u128 {
        self.values().map(|bucket| bucket.sum_squares).sum()
    }

    /// Arithmetic mean; `None` when nothing was counted.
    pub fn mean(&self) -> Option<f64> {
        let n = self.n();
        (n > 0).then(|| self.sum() as f64 / n as f64)
    }

    /// Variance with the divisor n; `None` when nothing was counted.
    pub fn variance(&self) -> Option<f64> {
        let (n, sum) = (u128::from(self.n()), self.sum());
        // n·Σv² − (Σv)² is a whole number, so nothing cancels.
        let spread = (n.checked_mul(self.sum_squares())?).saturating_sub(sum.checked_mul(sum)?);
        (n > 0).then(|| spread as f64 / (n as f64 * n as f64))
    }

    /// The smallest value.
    pub fn low(&self) -> Option<u64> {
        self.values().next().map(|bucket| bucket.low)
    }

    /// The largest value.
    pub fn high(&self) -> Option<u64> {
        self.values().next_back().map(|bucket| bucket.high)
    }

    /// The `p`-quantile, at most one bucket (2 %) off and exact where a bucket holds one value.
    ///
    /// Values of a bucket are taken as evenly spread between its smallest and its largest. `p` is a share in
    /// [0, 1]; `None` when nothing was counted.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let rank = p.clamp(0.0, 1.0) * (self.n().checked_sub(1)?) as f64;
        let mut before = 0;
        for bucket in self.values() {
            let within = rank - before as f64;
            if within <= (bucket.n - 1) as f64 || before + bucket.n == self.n() {
                let (low, high) = (bucket.low as f64, bucket.high as f64);
                let steps = (bucket.n - 1).max(1) as f64;
                return Some(low + (high - low) * (within.max(0.0) / steps).min(1.0));
            }
            before += bucket.n;
        }
        None
    }

    /// `count` values that stand for all: the means of as many slices of equal share, ascending.
    ///
    /// Their mean is that of the histogram but for rounding in the last place. Empty when nothing was counted.
    pub fn slices(&self, count: usize) -> Vec<f64> {
        let (n, count) = (self.n() as f64, count as f64);
        let share = n / count;
        let mut means = Vec::new();
        let (mut taken, mut total) = (0.0, 0.0);
        for bucket in self.values() {
            let mut left = bucket.n as f64;
            let mean = bucket.sum as f64 / left;
            while taken + left >= share * (1.0 - 1e-12) && (means.len() as f64) < count - 1.0 {
                let part = share - taken;
                means.push((total + part * mean) / share);
                left -= part;
                (taken, total) = (0.0, 0.0);
            }
            let left = left.max(0.0);
            taken += left;
            total += left * mean;
        }
        if n > 0.0 {
            means.push(if taken > 0.0 { total / taken } else { 0.0 });
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> LogHistogram {
        let mut histogram = LogHistogram::default();
        values.iter().for_each(|value| histogram.add(*value));
        histogram
    }

    #[test]
    fn merging_in_any_order_gives_the_same_histogram() {
        let (a, b) = (of(&[0, 1, 5, 1120, 999_999]), of(&[5, 5, 0, 7]));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!(ab, ba);
        assert_eq!(ab, of(&[7, 0, 999_999, 5, 5, 5, 1, 0, 1120]));
        assert_eq!((ab.n(), ab.sum(), ab.low(), ab.high()), (9, 1_001_142, Some(0), Some(999_999)));
    }

    #[test]
    fn mean_and_variance_are_those_of_the_values() {
        let histogram = of(&[1, 2, 3, 10]);
        assert_eq!((histogram.mean(), histogram.variance()), (Some(4.0), Some(12.5)));
        assert_eq!((of(&[]).mean(), of(&[]).variance(), of(&[]).quantile(0.5)), (None, None, None));
    }

    #[test]
    fn quantiles_lie_within_a_bucket_of_the_exact_ones() {
        let values: Vec<u64> = (1..=10_000).map(|at| at * at).collect();
        let histogram = of(&values);
        for p in [0.0, 0.05, 0.5, 0.95, 0.99, 1.0] {
            let exact = values[(p * 9_999.0_f64).round() as usize] as f64;
            let found = histogram.quantile(p).unwrap();
            assert!((found / exact - 1.0).abs() < 0.02, "{p}: {found} for {exact}");
        }
        assert_eq!(of(&[1120; 50]).quantile(0.3), Some(1120.0));
    }

    #[test]
    fn slices_keep_the_mean() {
        let histogram = of(&(0..1_000).map(|at| at * 7).collect::<Vec<_>>());
        for count in [1, 3, 40, 400] {
            let slices = histogram.slices(count);
            assert_eq!(slices.len(), count);
            let mean = slices.iter().sum::<f64>() / count as f64;
            assert!((mean / histogram.mean().unwrap() - 1.0).abs() < 1e-9, "{count}: {mean}");
            assert!(slices.is_sorted());
        }
    }

    /// Edges of buckets are never whole numbers beyond 1, so no rounding mode decides.
    #[test]
    fn buckets_never_fall() {
        let mut last = bucket_of(0);
        for value in 1..100_000 {
            let at = bucket_of(value);
            assert!(at >= last, "{value}");
            last = at;
        }
        assert_eq!(bucket_of(1_000_000_000), 1046);
    }
}
