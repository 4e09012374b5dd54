//! The share of trials in which something happens: failures, retries, cache hits.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF};

/// Jeffreys' prior for a proportion is Beta(½, ½).
const PRIOR: f64 = 0.5;

/// A proportion estimated from counts: a share in `[0, 1]` with a credible interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// Posterior mean, `(k + ½) / (n + 1)`.
    pub mean: f64,
    /// Posterior probability that the share lies between `low` and `high`.
    pub level: f64,
    /// Lower end, equal tails; 0 when the event never happened.
    pub low: f64,
    /// Upper end, equal tails; 1 when the event always happened.
    pub high: f64,
}

/// Jeffreys interval for the probability of an event seen `events` times in `trials` trials.
///
/// The posterior is Beta(k + ½, n − k + ½); the ends are its `(1 − level)/2` and `(1 + level)/2`
/// quantiles, except that `low` is 0 for k = 0 and `high` is 1 for k = n, the usual convention,
/// without which the interval would exclude the value most likely to be true.
/// No trials give the mean ½ and the interval `[0, 1]`.
///
/// # Panics
///
/// When `events > trials` or `level` is not strictly between 0 and 1.
///
/// Source: Brown, Cai & DasGupta (2001), "Interval Estimation for a Binomial Proportion".
///
/// ```
/// # use burndown::stats::jeffreys_interval;
/// let retries = jeffreys_interval(1, 20, 0.95);
/// assert!((retries.low - 0.0054).abs() < 1e-4 && (retries.high - 0.2108).abs() < 1e-4);
/// ```
pub fn jeffreys_interval(events: u64, trials: u64, level: f64) -> Proportion {
    assert!(events <= trials, "{events} events in {trials} trials");
    assert!(0.0 < level && level < 1.0, "a level lies strictly between 0 and 1, found {level}");
    let (happened, did_not) = (events as f64 + PRIOR, (trials - events) as f64 + PRIOR);
    let posterior = Beta::new(happened, did_not).expect("both shapes are at least one half");
    let tail = (1.0 - level) / 2.0;
    Proportion {
        mean: happened / (happened + did_not),
        level,
        low: if events == 0 { 0.0 } else { posterior.inverse_cdf(tail) },
        high: if events == trials { 1.0 } else { posterior.inverse_cdf(1.0 - tail) },
    }
}

/// Upper bound of the probability of an event that never happened in `trials` trials.
///
/// One-sided, exact: the share `1 − (1 − level)^(1/n)`, at which n trials without the event still
/// have probability `1 − level`. Without trials it is 1. The "rule of three" 3/n approximates it
/// for the level 0.95.
///
/// # Panics
///
/// When `level` is not strictly between 0 and 1.
///
/// Source: Clopper & Pearson (1934), "The Use of Confidence or Fiducial Limits".
///
/// ```
/// # use burndown::stats::zero_event_bound;
/// // 59 requests without a failure: at most 5 % fail.
/// assert!((zero_event_bound(59, 0.95) - 0.0495).abs() < 1e-4);
/// ```
pub fn zero_event_bound(trials: u64, level: f64) -> f64 {
    assert!(0.0 < level && level < 1.0, "a level lies strictly between 0 and 1, found {level}");
    -((1.0 - level).ln() / trials as f64).exp_m1()
}

/// P(at most `events` in `trials` trials) when each has probability `share`.
///
/// # Panics
///
/// When `share` is not in `[0, 1]`.
///
/// ```
/// # use burndown::stats::binomial_at_most;
/// // Three of four inside a range that should hold nine times out of ten: 1 − 0.9⁴.
/// assert!((binomial_at_most(3, 4, 0.9) - 0.3439).abs() < 1e-12);
/// ```
pub fn binomial_at_most(events: u64, trials: u64, share: f64) -> f64 {
    assert!((0.0..=1.0).contains(&share), "a share lies between 0 and 1, found {share}");
    if events >= trials {
        return 1.0;
    }
    Binomial::new(share, trials).expect("a share and a count").cdf(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the beta quantiles by bisection on Lentz's continued fraction at 40 digits.
    #[track_caller]
    fn check(events: u64, trials: u64, low: f64, high: f64) {
        let found = jeffreys_interval(events, trials, 0.95);
        assert!((found.low - low).abs() < 1e-9, "low {} instead of {low}", found.low);
        assert!((found.high - high).abs() < 1e-9, "high {} instead of {high}", found.high);
    }

    #[test]
    fn the_interval_has_the_beta_quantiles() {
        check(0, 10, 0.0, 0.217_196_267_509);
        check(1, 20, 0.005_449_032_581, 0.210_818_636_249);
        check(5, 10, 0.223_528_670_253, 0.776_471_329_747);
        check(10, 10, 0.782_803_732_491, 1.0);
        check(3, 1_000, 0.000_845_634_802, 0.007_984_367_358);
        check(0, 5_000, 0.0, 0.000_502_237_335);
        check(40, 100_000, 0.000_290_007_311, 0.000_538_878_267);
    }

    #[test]
    fn the_mean_counts_half_an_event_of_each_kind_more() {
        assert_eq!(jeffreys_interval(0, 9, 0.9).mean, 0.05);
        assert_eq!(jeffreys_interval(0, 0, 0.9), Proportion { mean: 0.5, level: 0.9, low: 0.0, high: 1.0 });
    }

    #[test]
    fn no_failure_in_59_and_299_trials_bounds_the_share() {
        assert!((zero_event_bound(59, 0.95) - 0.049_507_609_9).abs() < 1e-10);
        assert!((zero_event_bound(299, 0.95) - 0.009_969_146_8).abs() < 1e-10);
        assert_eq!(zero_event_bound(0, 0.95), 1.0);
    }

    #[test]
    #[should_panic(expected = "5 events in 4 trials")]
    fn more_events_than_trials_is_a_mistake() {
        jeffreys_interval(5, 4, 0.9);
    }

    /// By hand: sums of C(n, k) p^k (1 − p)^(n − k).
    #[test]
    fn few_hits_have_their_binomial_probability() {
        assert!((binomial_at_most(0, 3, 0.9) - 0.001).abs() < 1e-12);
        assert!((binomial_at_most(1, 3, 0.9) - 0.028).abs() < 1e-12);
        assert!((binomial_at_most(2, 4, 0.5) - 11.0 / 16.0).abs() < 1e-12);
        assert_eq!(binomial_at_most(4, 4, 0.9), 1.0);
        assert_eq!(binomial_at_most(0, 0, 0.9), 1.0);
    }
}
