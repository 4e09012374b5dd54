//! How much counts of arrivals vary beyond chance: index of dispersion, and the modulation that explains it.
//!
//! A Poisson stream whose rate is modulated by a stationary factor of mean 1, coefficient of variation `cv` and
//! autocorrelation e^(−t/τ) has over windows of length W the index of dispersion of counts
//!
//! ```text
//! IDC(W) = 1 + 2 cv² rate τ [1 − (1 − e^(−W/τ)) τ/W]
//! ```
//!
//! and the counts of a window are close to negative binomial with `r(W) = rate W / (IDC(W) − 1)`.
//!
//! Source: Cox & Isham (1980), "Point Processes", on doubly stochastic Poisson processes; Fano (1947) for the
//! ratio of variance to mean.

/// Grid and refinement of the search for the correlation time.
const GRID: usize = 240;
const REFINEMENTS: usize = 60;

/// Shortest correlation time that is looked for, as a share of the shortest window.
const SHORTEST: f64 = 0.1;

/// The share of cv² that windows of length W keep when the modulation has the correlation time τ, `x = W/τ`:
/// 1 for x = 0, falling to 2/x.
fn kept(x: f64) -> f64 {
    if x < 1e-3 {
        // Series, since the closed form loses its digits here.
        return 1.0 - x / 3.0 + x * x / 12.0;
    }
    2.0 / x * (1.0 + (-x).exp_m1() / x)
}

/// A modulation of the rate of arrivals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modulation {
    /// Coefficient of variation of the rate around its profile.
    pub cv: f64,
    /// Correlation time, seconds; `None` = infinite: the rate keeps its factor for as long as any window.
    pub correlation_seconds: Option<f64>,
}

impl Modulation {
    /// Index of dispersion of counts over windows of so many seconds at a mean rate per second.
    ///
    /// ```
    /// # use burndown::stats::Modulation;
    /// let steady = Modulation { cv: 0.5, correlation_seconds: None };
    /// assert_eq!(steady.dispersion(4.0, 10.0), 1.0 + 0.25 * 40.0);
    /// ```
    pub fn dispersion(&self, rate: f64, window_seconds: f64) -> f64 {
        1.0 + self.window_cv2(window_seconds) * rate * window_seconds
    }

    /// Shape r of the negative binomial (or gamma) law of a window's counts; infinite without modulation,
    /// where counts are Poisson.
    pub fn shape(&self, window_seconds: f64) -> f64 {
        1.0 / self.window_cv2(window_seconds)
    }

    /// Squared coefficient of variation of the mean rate over a window.
    fn window_cv2(&self, window_seconds: f64) -> f64 {
        let kept = self.correlation_seconds.map_or(1.0, |tau| kept(window_seconds / tau));
        self.cv * self.cv * kept
    }
}

/// A measured index of dispersion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dispersion {
    /// Length of the windows, seconds.
    pub window_seconds: f64,
    /// Variance of the counts inside cells over their mean, pooled.
    pub index: f64,
    /// Windows in one stretch of a cell.
    pub windows_per_stretch: u32,
}

/// The cells within which dispersion was measured; what varies more slowly than a cell is not in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cells {
    /// Length of a stretch, seconds.
    pub stretch_seconds: f64,
    /// Stretches that make up one cell: 1, or the days whose same hours belong together.
    pub stretches: u32,
    /// Request-weighted mean rate per second: Σ rate² / Σ rate over the cells.
    pub rate: f64,
}

/// Least squares on ln(IDC − 1) over the windows.
///
/// Within a cell of k windows the pooled variance misses what moves the whole cell: the model that is fitted
/// says so, `k/(k−1) · [x(W) − x(stretch)/k]` with x(W) = W times the share of cv² that W keeps. Windows with
/// an index of 1 or less show no excess and are left out; `None` when fewer than two are left.
///
/// Correlation times are looked for up to the length of a stretch, or, where cells have several stretches,
/// up to ten times that; at that bound they are infinite.
pub fn fit_modulation(measured: &[Dispersion], cells: &Cells) -> Option<Modulation> {
    let excess: Vec<&Dispersion> =
        measured.iter().filter(|point| point.index > 1.0 && point.index.is_finite()).collect();
    let shortest = excess.iter().map(|point| point.window_seconds).fold(f64::INFINITY, f64::min);
    let rate_is_good = cells.rate > 0.0 && cells.rate.is_finite();
    if excess.len() < 2 || !rate_is_good {
        return None;
    }
    let several = cells.stretches > 1;
    let longest = cells.stretch_seconds * if several { 10.0 } else { 1.0 };
    let (low, high) = ((shortest * SHORTEST).ln(), longest.ln());
    let at = |ln_tau: f64| residual(&excess, cells, ln_tau.exp());
    let step = (high - low) / GRID as f64;
    let best =
        (0..=GRID).map(|place| low + step * place as f64).min_by(|a, b| at(*a).0.total_cmp(&at(*b).0))?;
    let (mut from, mut to) = ((best - step).max(low), (best + step).min(high));
    for _ in 0..REFINEMENTS {
        let (third, two_thirds) = (from + (to - from) / 3.0, to - (to - from) / 3.0);
        if at(third).0 <= at(two_thirds).0 { to = two_thirds } else { from = third }
    }
    let ln_tau = (from + to) / 2.0;
    let at_bound = several && high - ln_tau < 1e-3;
    let cv = (at(ln_tau).1 / cells.rate).sqrt();
    Some(Modulation { cv, correlation_seconds: (!at_bound).then(|| ln_tau.exp()) })
}

/// Sum of squares at a correlation time, and the best cv² × rate there.
fn residual(measured: &[&Dispersion], cells: &Cells, tau: f64) -> (f64, f64) {
    let spread = |seconds: f64| seconds * kept(seconds / tau);
    let whole = spread(cells.stretch_seconds);
    let logs: Vec<f64> = measured
        .iter()
        .map(|point| {
            let windows = f64::from(point.windows_per_stretch) * f64::from(cells.stretches);
            let seen = windows / (windows - 1.0) * (spread(point.window_seconds) - whole / windows);
            (point.index - 1.0).ln() - seen.max(f64::MIN_POSITIVE).ln()
        })
        .collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    (logs.iter().map(|log| (log - mean) * (log - mean)).sum(), mean.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_kept_has_no_step_where_the_series_ends() {
        assert!((kept(0.999e-3) - kept(1.001e-3)).abs() < 1e-6);
        assert_eq!(kept(0.0), 1.0);
        assert!((kept(1e6) - 2e-6).abs() < 1e-11);
    }

    /// Without an excess there is nothing to explain; shape and dispersion are those of Poisson counts.
    #[test]
    fn poisson_counts_have_no_modulation() {
        let cells = Cells { stretch_seconds: 1200.0, stretches: 1, rate: 5.0 };
        let point =
            |seconds: f64| Dispersion { window_seconds: seconds, index: 0.99, windows_per_stretch: 40 };
        assert_eq!(fit_modulation(&[point(1.0), point(10.0), point(30.0)], &cells), None);
        let none = Modulation { cv: 0.0, correlation_seconds: Some(10.0) };
        assert_eq!((none.dispersion(5.0, 30.0), none.shape(30.0)), (1.0, f64::INFINITY));
    }

    /// Exact indices, cells included, give back exactly what they were made of.
    #[test]
    fn exact_indices_give_back_their_modulation() {
        for (stretches, tau) in [(1, 47.4), (1, 5.0), (14, 300.0), (14, 5_000.0)] {
            let truth = Modulation { cv: 0.35, correlation_seconds: Some(tau) };
            let cells = Cells { stretch_seconds: 3600.0, stretches, rate: 4.0 };
            let measured: Vec<Dispersion> = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]
                .iter()
                .map(|seconds| {
                    let windows = 3600.0 / seconds * f64::from(stretches);
                    // Variance of a window less that of the cell's mean, times k/(k−1).
                    let cell = truth.dispersion(4.0, 3600.0) / windows;
                    let index = windows / (windows - 1.0) * (truth.dispersion(4.0, *seconds) - cell);
                    let windows_per_stretch = (3600.0 / seconds) as u32;
                    Dispersion { window_seconds: *seconds, index, windows_per_stretch }
                })
                .collect();
            let fitted = fit_modulation(&measured, &cells).unwrap();
            assert!((fitted.cv - 0.35).abs() < 1e-3, "{fitted:?}");
            let found = fitted.correlation_seconds.unwrap();
            assert!((found / tau - 1.0).abs() < 1e-2, "{fitted:?}");
        }
    }
}
