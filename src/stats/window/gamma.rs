//! The translated gamma law: a stand-in with the same mean, variance and skewness.

use statrs::function::gamma::{gamma_ur, ln_gamma};

use super::CountLaw;

/// A gamma law moved along the axis so that three moments fit.
///
/// Its `E[(X − c)+]` takes one incomplete gamma function. For compound Poisson loads of 5 requests it is within
/// 0.003 of the mean load, of 20 within 0.0003.
///
/// Source: Dufresne & Niederhauser (1997); Daykin, Pentikäinen & Pesonen (1994), "Practical Risk Theory".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TranslatedGamma {
    mean: f64,
    deviation: f64,
    /// Shape 4/skewness², infinite for the normal law.
    shape: f64,
    /// ln Γ(shape + 1).
    log_gamma: f64,
}

/// Above this shape the law is normal to six digits, and the incomplete gamma function slow.
const NORMAL_SHAPE: f64 = 1e6;

impl TranslatedGamma {
    /// From mean, variance (above zero) and third central moment (at least zero).
    ///
    /// # Panics
    ///
    /// When the variance is not above zero or the third moment is negative.
    pub fn new(mean: f64, variance: f64, third: f64) -> TranslatedGamma {
        assert!(variance > 0.0 && third >= 0.0, "variance {variance}, third moment {third}");
        let shape = 4.0 * variance.powi(3) / (third * third);
        let shape = if shape < NORMAL_SHAPE { shape } else { f64::INFINITY };
        let log_gamma = if shape.is_finite() { ln_gamma(shape + 1.0) } else { 0.0 };
        TranslatedGamma { mean, deviation: variance.sqrt(), shape, log_gamma }
    }

    /// The load of a window with mean count `count` and sizes of moments `m` = (E J, E J², E J³).
    ///
    /// # Panics
    ///
    /// When the count or a moment is not above zero.
    pub fn of_load(counts: CountLaw, count: f64, m: [f64; 3]) -> TranslatedGamma {
        // Factorial cumulants of the counts: count, b, t.
        let (b, t) = match counts.lasting() {
            CountLaw::Poisson | CountLaw::Modulated(_) => (0.0, 0.0),
            CountLaw::NegativeBinomial { shape } => {
                (count * count / shape, 2.0 * count.powi(3) / (shape * shape))
            }
            CountLaw::ConstantDispersion { dispersion } => {
                (count * (dispersion - 1.0), 2.0 * count * (dispersion - 1.0).powi(2))
            }
        };
        let variance = count * m[1] + b * m[0] * m[0];
        let third = count * m[2] + 3.0 * b * m[0] * m[1] + t * m[0].powi(3);
        TranslatedGamma::new(count * m[0], variance, third)
    }

    /// `E[(X − level)+]` and P(X > level).
    pub fn excess(&self, level: f64) -> Excess {
        let z = (level - self.mean) / self.deviation;
        if self.shape.is_infinite() {
            let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let above = 0.5 * statrs::function::erf::erfc(z / std::f64::consts::SQRT_2);
            return Excess { mean: (self.deviation * (density - z * above)).max(0.0), probability: above };
        }
        // X = mean + deviation·(G − shape)/√shape with G gamma of that shape.
        let root = self.shape.sqrt();
        let x = self.shape + z * root;
        if x <= 0.0 {
            return Excess { mean: self.mean - level, probability: 1.0 };
        }
        let above = gamma_ur(self.shape, x);
        // E[(G − x)+] = shape·Q(shape+1, x) − x·Q(shape, x), Q(s+1, x) = Q(s, x) + xˢ e^{−x}/Γ(s+1).
        let step = (self.shape * x.ln() - x - self.log_gamma).exp();
        let excess = (self.shape - x) * above + self.shape * step;
        Excess { mean: (self.deviation / root * excess).max(0.0), probability: above }
    }
}

/// What lies above a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excess {
    /// `E[(X − level)+]`.
    pub mean: f64,
    /// P(X > level).
    pub probability: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exponential sizes in geometric number, no translation needed for a plain exponential law:
    /// mean m, variance m², third central moment 2m³; `E[(X − c)+]` = m·e^{−c/m}.
    #[test]
    fn an_exponential_law_is_a_gamma_law() {
        let law = TranslatedGamma::new(3.0, 9.0, 54.0);
        for level in [0.5, 3.0, 20.0_f64] {
            assert!((law.excess(level).mean - 3.0 * (-level / 3.0).exp()).abs() < 1e-12, "{level}");
        }
        assert_eq!(law.excess(-1.0).mean, 4.0);
    }

    #[test]
    fn little_skewness_is_the_normal_law() {
        let (normal, gamma) = (TranslatedGamma::new(5.0, 4.0, 0.0), TranslatedGamma::new(5.0, 4.0, 0.02));
        assert!((normal.excess(5.0).mean - 2.0 / (2.0 * std::f64::consts::PI).sqrt()).abs() < 1e-12);
        for level in [1.0, 5.0, 9.0] {
            assert!((normal.excess(level).mean - gamma.excess(level).mean).abs() < 1e-3, "{level}");
        }
    }

    #[test]
    fn moments_of_a_load_are_those_of_its_counts_and_sizes() {
        let law = TranslatedGamma::of_load(CountLaw::NegativeBinomial { shape: 3.0 }, 12.0, [1.9, 4.9, 14.7]);
        assert!((law.mean - 22.8).abs() < 1e-12 && (law.deviation.powi(2) - 232.08).abs() < 1e-9);
    }
}
