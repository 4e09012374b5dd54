//! What order statistics say about a quantile, without a law.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Values needed until the largest one is an upper bound of the `p`-quantile at a level: `⌈ln(1 − level)/ln p⌉`.
///
/// Source: Wilks (1941), "Determination of Sample Sizes for Setting Tolerance Limits".
///
/// ```
/// # use burndown::stats::values_to_bound;
/// assert_eq!((values_to_bound(0.95, 0.95), values_to_bound(0.99, 0.95)), (59, 299));
/// ```
pub fn values_to_bound(p: f64, level: f64) -> u64 {
    ((1.0 - level).ln() / p.ln()).ceil() as u64
}

/// Ranks (counted from 1) of the order statistics between which the `p`-quantile lies at a level, equal tails.
///
/// `None` when so few values cannot bound it on both sides.
///
/// Source: Conover (1999), "Practical Nonparametric Statistics", section 3.2.
///
/// ```
/// # use burndown::stats::quantile_ranks;
/// assert_eq!(quantile_ranks(1000, 0.95, 0.95), Some((936, 964)));
/// assert_eq!(quantile_ranks(20, 0.95, 0.95), None);
/// ```
pub fn quantile_ranks(values: u64, p: f64, level: f64) -> Option<(u64, u64)> {
    let law = Binomial::new(p, values).ok()?;
    let tail = (1.0 - level) / 2.0;
    // The largest rank whose value lies above the quantile with at most the tail's probability.
    let low = (1..=values).take_while(|rank| law.cdf(rank - 1) <= tail).last()?;
    let high = (1..=values).find(|rank| law.cdf(rank - 1) >= 1.0 - tail)?;
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::zero_event_bound;

    #[test]
    fn counts_and_ranks_agree_with_the_reference() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/oracles.json")).unwrap();
        let expected = &all["18_quantile_counts"];
        assert_eq!(expected["wilks_95_95"], values_to_bound(0.95, 0.95));
        assert_eq!(expected["wilks_99_95"], values_to_bound(0.99, 0.95));
        let (low, high) = quantile_ranks(1000, 0.95, 0.95).unwrap();
        assert_eq!(expected["ranks_n1000_p95"], serde_json::json!([low, high]));
        for trials in [59, 299] {
            let found = zero_event_bound(trials, 0.95);
            let expected = expected[format!("zero_failures_{trials}")].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-12, "{trials}: {found}");
        }
    }
}
