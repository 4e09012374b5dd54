//! Quantiles of a sample.

/// The `p`-quantile of a sample, linearly interpolated between order statistics.
///
/// Hyndman and Fan's definition 7, NumPy's default: rank `p * (n - 1)`, counted from 0.
/// `p` is a share in `[0, 1]`. `None` when `sorted` is empty.
///
/// # Panics
///
/// When `p` is outside `[0, 1]`.
///
/// Source: Hyndman & Fan (1996), "Sample Quantiles in Statistical Packages".
///
/// ```
/// # use burndown::stats::quantile;
/// assert_eq!(quantile(&[100.0, 200.0, 400.0], 0.75), Some(300.0));
/// ```
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    assert!((0.0..=1.0).contains(&p), "p = {p}");
    let last = sorted.len().checked_sub(1)?;
    let rank = p * last as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (rank - below as f64) * (sorted[above] - sorted[below]))
}
