//! The log-normal law through its mean and standard deviation.

use statrs::distribution::{ContinuousCDF, Normal};

/// A positive quantity with a given mean and standard deviation, taken as log-normal.
///
/// With `s² = ln(1 + (sd/mean)²)` the median is `mean · e^(−s²/2)`.
///
/// ```
/// # use burndown::stats::LogNormal;
/// let bill = LogNormal::new(1000.0, 100.0);
/// assert!((bill.quantile(0.5) - 995.04).abs() < 0.01);
/// assert!((bill.probability_above(bill.quantile(0.9)) - 0.1).abs() < 1e-9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    mean: f64,
    log_standard_deviation: f64,
}

impl LogNormal {
    /// From mean (≥ 0) and standard deviation (≥ 0). A mean of zero is the constant zero.
    ///
    /// # Panics
    ///
    /// When either is negative or not finite.
    pub fn new(mean: f64, standard_deviation: f64) -> LogNormal {
        assert!(mean.is_finite() && mean >= 0.0, "mean {mean}");
        assert!(standard_deviation.is_finite() && standard_deviation >= 0.0, "sd {standard_deviation}");
        let cv = if mean > 0.0 { standard_deviation / mean } else { 0.0 };
        LogNormal { mean, log_standard_deviation: (1.0 + cv * cv).ln().sqrt() }
    }

    /// The mean it was made from.
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// The law with a given mean and 95 % point, which is how a plan states its range; `None` when no
    /// log-normal has them (the 95 % point lies below the mean, or more than `e^(z²/2)` = 3.87 times above it).
    ///
    /// With `z` = 1.645, `ln(p95/mean) = z s − s²/2`; of the two solutions the narrower one counts.
    ///
    /// ```
    /// # use burndown::stats::LogNormal;
    /// let bill = LogNormal::new(1000.0, 100.0);
    /// let again = LogNormal::through(bill.mean(), bill.quantile(0.95)).unwrap();
    /// assert!((again.quantile(0.05) - bill.quantile(0.05)).abs() < 1e-6);
    /// ```
    pub fn through(mean: f64, p95: f64) -> Option<LogNormal> {
        if mean == 0.0 && p95 == 0.0 {
            return Some(LogNormal { mean, log_standard_deviation: 0.0 });
        }
        let z = standard_normal_quantile(0.95);
        // A certain amount may differ from its own 95 % point by rounding.
        let ratio = (p95 / mean).ln();
        let ratio = if ratio.abs() < 1e-12 { 0.0 } else { ratio };
        let inside = z * z - 2.0 * ratio;
        let possible = mean > 0.0 && mean.is_finite() && ratio >= 0.0 && inside >= 0.0;
        possible.then(|| LogNormal { mean, log_standard_deviation: z - inside.sqrt() })
    }

    /// Standard deviation over the mean.
    pub fn coefficient_of_variation(self) -> f64 {
        (self.log_standard_deviation * self.log_standard_deviation).exp_m1().sqrt()
    }

    /// The `p`-quantile, `p` in (0, 1).
    pub fn quantile(self, p: f64) -> f64 {
        self.at_score(standard_normal_quantile(p))
    }

    /// The value at a standard normal score.
    pub fn at_score(self, z: f64) -> f64 {
        let s = self.log_standard_deviation;
        self.mean * (s * z - s * s / 2.0).exp()
    }

    /// P(quantity > `level`).
    pub fn probability_above(self, level: f64) -> f64 {
        let s = self.log_standard_deviation;
        if self.mean <= 0.0 || s == 0.0 || level <= 0.0 {
            return if self.mean > level { 1.0 } else { 0.0 };
        }
        let z = ((level / self.mean).ln() + s * s / 2.0) / s;
        1.0 - Normal::standard().cdf(z)
    }
}

/// The `p`-quantile of the standard normal law, `p` in (0, 1).
pub fn standard_normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// P(|Z| ≥ |z|) of a standard normal variable: the two-sided p-value of a difference of `z` standard errors.
///
/// ```
/// # use burndown::stats::two_sided_p_value;
/// assert!((two_sided_p_value(-1.959_964) - 0.05).abs() < 1e-7);
/// ```
pub fn two_sided_p_value(z: f64) -> f64 {
    2.0 * Normal::standard().cdf(-z.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Closed form: cv = √(e^0.04 − 1) makes s exactly 0.2.
    #[test]
    fn quantiles_have_their_closed_form() {
        let s: f64 = 0.2;
        let law = LogNormal::new(100.0, 100.0 * ((s * s).exp() - 1.0).sqrt());
        assert!((law.quantile(0.95) - 100.0 * (0.2 * 1.644_853_626_951_47 - 0.02_f64).exp()).abs() < 1e-6);
        assert!((law.quantile(0.05) - 100.0 * (-0.2 * 1.644_853_626_951_47 - 0.02_f64).exp()).abs() < 1e-6);
    }

    #[test]
    fn a_certain_amount_has_no_range() {
        let law = LogNormal::new(7.0, 0.0);
        assert_eq!((law.quantile(0.05), law.quantile(0.95)), (7.0, 7.0));
        assert_eq!((law.probability_above(6.0), law.probability_above(8.0)), (1.0, 0.0));
        assert_eq!(LogNormal::new(0.0, 0.0).quantile(0.95), 0.0);
    }

    #[test]
    fn the_law_through_mean_and_95_percent_point_is_the_one_they_came_from() {
        for cv in [0.0, 0.01, 0.2, 0.7, 1.5] {
            let law = LogNormal::new(8341.0, 8341.0 * cv);
            let again = LogNormal::through(law.mean(), law.quantile(0.95)).unwrap();
            assert!((again.coefficient_of_variation() - cv).abs() < 1e-7, "{cv}");
        }
        assert_eq!(LogNormal::through(100.0, 90.0), None);
        assert_eq!(LogNormal::through(100.0, 400.0), None);
        assert_eq!(LogNormal::through(0.0, 5.0), None);
        assert_eq!(LogNormal::through(0.0, 0.0).unwrap().quantile(0.95), 0.0);
    }
}
