//! Quantiles of a sample.

/// The `p`-quantile of a sample, linearly interpolated between order statistics.
///
/// Hyndman and Fan's definition 7, NumPy's default: rank `p * (n - 1)`, counted from 0.
/// `p` is a share in `[0, 1]`. `None` when `sorted` is empty.
///
/// # Panics
///
/// When `p` is outside `[0, 1]` or `sorted` is not ascending.
///
/// Source: Hyndman & Fan (1996), "Sample Quantiles in Statistical Packages".
///
/// ```
/// # use burndown::stats::quantile;
/// assert_eq!(quantile(&[100.0, 200.0, 400.0], 0.75), Some(300.0));
/// ```
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    assert!((0.0..=1.0).contains(&p), "a quantile is asked at a share in [0, 1], found {p}");
    assert!(sorted.is_sorted(), "the sample is not ascending: {sorted:?}");
    let last = sorted.len().checked_sub(1)?;
    let rank = p * last as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(last);
    let (low, high) = (sorted[below], sorted[above]);
    Some(low + (rank - below as f64) * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(sorted: &[f64], p: f64, expected: Option<f64>) {
        assert_eq!(quantile(sorted, p), expected);
    }

    /// By hand: rank p (n − 1), counted from 0.
    #[test]
    fn values_between_ranks_are_interpolated() {
        check(&[1.0, 2.0, 3.0, 10.0], 0.5, Some(2.5));
        check(&[1.0, 2.0, 3.0, 10.0], 0.75, Some(4.75));
        check(&[1.0, 2.0, 3.0, 10.0], 0.0, Some(1.0));
        check(&[1.0, 2.0, 3.0, 10.0], 1.0, Some(10.0));
        check(&[7.0], 0.3, Some(7.0));
        check(&[], 0.5, None);
    }

    #[test]
    #[should_panic(expected = "not ascending")]
    fn an_unsorted_sample_is_a_mistake() {
        quantile(&[2.0, 1.0], 0.5);
    }

    #[test]
    #[should_panic(expected = "not ascending")]
    fn a_sample_with_nan_is_a_mistake() {
        quantile(&[1.0, f64::NAN], 0.5);
    }

    #[test]
    #[should_panic(expected = "found 95")]
    fn a_percentage_is_not_a_share() {
        quantile(&[1.0], 95.0);
    }

    proptest! {
        #[test]
        fn a_quantile_lies_within_the_data_and_grows_with_p(
            mut values in prop::collection::vec(0.0..1e9_f64, 1..50), p in 0.0..=1.0_f64, q in 0.0..=1.0_f64
        ) {
            values.sort_by(f64::total_cmp);
            let (low, high) = (p.min(q), p.max(q));
            let (at_low, at_high) = (quantile(&values, low).unwrap(), quantile(&values, high).unwrap());
            prop_assert!(values[0] <= at_low && at_high <= values[values.len() - 1] * (1.0 + 1e-15));
            prop_assert!(at_low <= at_high * (1.0 + 1e-15));
        }
    }
}
