//! How many requests a window gets, given its mean count.

use realfft::num_complex::Complex64;

use super::{super::Modulation, WindowError, within};

/// The law of the number of requests in a window whose mean is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountLaw {
    /// Many independent senders: variance = mean.
    Poisson,
    /// The rate itself wavers from window to window as a gamma variable with squared coefficient of
    /// variation 1/`shape`: variance = mean + mean²/`shape`, whatever the window's length.
    NegativeBinomial {
        /// r, above zero.
        shape: f64,
    },
    /// Variance = `dispersion` × mean at every rate (negative binomial whose shape grows with the mean).
    ConstantDispersion {
        /// D, above 1.
        dispersion: f64,
    },
    /// The rate swings with this modulation: negative binomial with a shape that depends on the window, which
    /// [`LoadLaw::new`](super::LoadLaw::new) knows. Where none is named it is that of a window that no swing ends
    /// in.
    Modulated(Modulation),
}

impl CountLaw {
    /// The law in windows of so many seconds: the same, but for a modulation that ends.
    pub fn in_windows(self, seconds: f64) -> CountLaw {
        let CountLaw::Modulated(modulation) = self else { return self };
        let shape = modulation.shape(seconds);
        if shape.is_finite() { CountLaw::NegativeBinomial { shape } } else { CountLaw::Poisson }
    }

    /// The law of a window that no swing ends in.
    pub(super) fn lasting(self) -> CountLaw {
        self.in_windows(0.0)
    }

    /// The law itself when its parameter makes sense.
    pub(super) fn checked(self) -> Result<CountLaw, WindowError> {
        match self {
            CountLaw::Poisson => {}
            CountLaw::Modulated(Modulation { cv, correlation_seconds }) => {
                within("the cv of a modulation", "at least zero and finite", cv, cv >= 0.0)?;
                let seconds = correlation_seconds.unwrap_or(1.0);
                within("a correlation time", "above zero and finite", seconds, seconds > 0.0)?;
            }
            CountLaw::NegativeBinomial { shape } => {
                within("the shape of a negative binomial law", "above zero and finite", shape, shape > 0.0)?;
            }
            CountLaw::ConstantDispersion { dispersion } => {
                within("a dispersion of counts", "above 1 and finite", dispersion, dispersion > 1.0)?;
            }
        }
        Ok(self)
    }

    /// Variance of the count at a mean.
    pub fn variance(self, mean: f64) -> f64 {
        match self.lasting() {
            CountLaw::Poisson | CountLaw::Modulated(_) => mean,
            CountLaw::NegativeBinomial { shape } => mean + mean * mean / shape,
            CountLaw::ConstantDispersion { dispersion } => mean * dispersion,
        }
    }

    /// ln `E[z^N]` with `s` = z − 1 real; infinity where it does not exist.
    pub(super) fn log_transform(self, mean: f64, s: f64) -> f64 {
        let log = |x: f64| if x > 0.0 { x.ln() } else { f64::NEG_INFINITY };
        match self.lasting() {
            CountLaw::Poisson | CountLaw::Modulated(_) => mean * s,
            CountLaw::NegativeBinomial { shape } => -shape * log(1.0 - mean * s / shape),
            CountLaw::ConstantDispersion { dispersion } => {
                -mean / (dispersion - 1.0) * log(1.0 - (dispersion - 1.0) * s)
            }
        }
    }

    /// Whether ln `E[z^N]` is the mean times something that depends on z alone.
    pub(super) fn is_exponential(self) -> bool {
        !matches!(self.lasting(), CountLaw::NegativeBinomial { .. })
    }

    /// That something, for `s` = z − 1.
    pub(super) fn exponent(self, s: Complex64) -> Complex64 {
        match self {
            CountLaw::ConstantDispersion { dispersion } => {
                -(1.0 - (dispersion - 1.0) * s).ln() / (dispersion - 1.0)
            }
            _ => s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Derivatives of the transform at z = 1 are the moments.
    #[test]
    fn the_transform_has_the_stated_variance() {
        for law in [
            CountLaw::Poisson,
            CountLaw::NegativeBinomial { shape: 3.0 },
            CountLaw::ConstantDispersion { dispersion: 4.0 },
        ] {
            let (mean, h) = (6.0, 1e-3);
            let f = |s| law.log_transform(mean, s);
            // Second derivative of ln E[z^N] at 1 is variance − mean.
            let bend = (f(h) - 2.0 * f(0.0) + f(-h)) / (h * h);
            assert!((bend + mean - law.variance(mean)).abs() < 1e-3, "{law:?} {bend}");
            let s = Complex64::new(-0.4, 0.3);
            if law.is_exponential() {
                let real = law.exponent(Complex64::new(-0.4, 0.0)) * mean;
                assert!((real.re - f(-0.4)).abs() < 1e-12 && real.im == 0.0);
                assert!(law.exponent(s).is_finite());
            }
        }
    }

    /// Rate 5.53 a second, cv 0.162, correlation time 47.4 s: index of dispersion 4.564059057 over 30 s and
    /// 6.954377487 over 60 s.
    #[test]
    fn a_modulation_that_ends_wavers_less_in_longer_windows() {
        let law = CountLaw::Modulated(Modulation { cv: 0.162, correlation_seconds: Some(47.4) });
        for (window, index) in [(30.0, 4.564_059_057), (60.0, 6.954_377_487)] {
            let mean = 5.53 * window;
            let found = law.in_windows(window).variance(mean) / mean;
            assert!((found - index).abs() < 1e-8, "{found}, expected {index}");
        }
        let lasting = CountLaw::Modulated(Modulation { cv: 0.35, correlation_seconds: None });
        assert_eq!(lasting.in_windows(5.0), lasting.in_windows(1_230.0));
        let none = CountLaw::Modulated(Modulation { cv: 0.0, correlation_seconds: None });
        assert_eq!(none.in_windows(30.0), CountLaw::Poisson);
    }

    #[test]
    fn parameters_are_checked() {
        let modulated = |cv, correlation_seconds| CountLaw::Modulated(Modulation { cv, correlation_seconds });
        assert!(modulated(-0.1, None).checked().is_err() && modulated(0.3, Some(0.0)).checked().is_err());
        assert!(modulated(0.3, Some(60.0)).checked().is_ok());
        assert!(CountLaw::NegativeBinomial { shape: 0.0 }.checked().is_err());
        assert!(CountLaw::NegativeBinomial { shape: f64::NAN }.checked().is_err());
        assert!(CountLaw::ConstantDispersion { dispersion: 1.0 }.checked().is_err());
        assert!(CountLaw::NegativeBinomial { shape: 0.1 }.checked().is_ok());
    }
}
