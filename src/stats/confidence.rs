//! Confidence sequences: intervals for a mean that hold at every sample size at once.
//!
//! A fixed-size interval that is looked at after every batch covers less than it says. These do not: the
//! probability that the mean ever leaves them is at most α, however often one looks and whenever one stops.
//! Observations lie in `[0, 1]`.
//!
//! Source: Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by betting".

/// An interval of means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Running mean and variance as a bettor may know them: from the past alone, with one made-up observation.
#[derive(Clone, Copy, Debug)]
struct Past {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Past {
    /// The made-up observation has mean ½ and variance ¼.
    const NONE: Past = Past { count: 0.0, sum: 0.5, squares: 0.25 };

    fn mean(self) -> f64 {
        self.sum / (self.count + 1.0)
    }

    fn variance(self) -> f64 {
        self.squares / (self.count + 1.0)
    }

    fn with(self, x: f64) -> Past {
        let next = Past { count: self.count + 1.0, sum: self.sum + x, squares: self.squares };
        Past { squares: next.squares + (x - next.mean()).powi(2), ..next }
    }

    /// The predictable bet for the next observation, before it is cut to what may be bet.
    fn bet(self, alpha: f64) -> f64 {
        let t = self.count + 1.0;
        (2.0 * (2.0 / alpha).ln() / (self.variance() * t * (1.0 + t).ln())).sqrt()
    }
}

/// The empirical-Bernstein confidence sequence after all of `values`, ends intersected over time.
///
/// `values` lie in `[0, 1]`, `alpha` in (0, 1). Without values it is `[0, 1]`.
///
/// ```
/// # use burndown::stats::empirical_bernstein;
/// let values: Vec<f64> = (0..100).map(|at| if at % 2 == 0 { 0.25 } else { 0.75 }).collect();
/// let interval = empirical_bernstein(&values, 0.05);
/// assert!((interval.low - 0.4008946618).abs() < 1e-9 && (interval.high - 0.5973323752).abs() < 1e-9);
/// ```
pub fn empirical_bernstein(values: &[f64], alpha: f64) -> MeanInterval {
    let mut past = Past::NONE;
    let (mut weights, mut weighted, mut spread) = (0.0, 0.0, 0.0);
    let mut interval = MeanInterval { low: 0.0, high: 1.0 };
    for x in values {
        let bet = past.bet(alpha).min(0.5);
        let psi = (-(1.0 - bet).ln() - bet) / 4.0;
        spread += 4.0 * (x - past.mean()).powi(2) * psi;
        weights += bet;
        weighted += bet * x;
        past = past.with(*x);
        let (centre, half) = (weighted / weights, ((2.0 / alpha).ln() + spread) / weights);
        interval.low = interval.low.max(centre - half);
        interval.high = interval.high.min(centre + half);
    }
    interval
}

/// The hedged-capital betting interval on a grid of means, bets cut at half of what would ruin.
///
/// A mean stays while neither bettor has ever multiplied the money by 2/α; the ends are one cell further out.
pub fn hedged_capital(values: &[f64], alpha: f64, grid: usize) -> MeanInterval {
    let mut past = Past::NONE;
    let mut means: Vec<Bets> = (0..=grid).map(|at| Bets::on(at as f64 / grid as f64)).collect();
    let limit = (2.0 / alpha).ln();
    for x in values {
        let bet = past.bet(alpha);
        for mean in &mut means {
            mean.place(*x, bet.min(0.5 / mean.mean), bet.min(0.5 / (1.0 - mean.mean)), limit);
        }
        past = past.with(*x);
    }
    surviving(&means)
}

/// Two capitals against one mean: one bets that the truth is above it, one that it is below.
#[derive(Clone, Copy, Debug)]
struct Bets {
    mean: f64,
    log_above: f64,
    log_below: f64,
    /// Ever above the limit: the mean is out for good.
    out: bool,
}

impl Bets {
    fn on(mean: f64) -> Bets {
        Bets { mean, log_above: 0.0, log_below: 0.0, out: false }
    }

    fn place(&mut self, x: f64, above: f64, below: f64, limit: f64) {
        self.log_above += (above * (x - self.mean)).max(-1.0).ln_1p();
        self.log_below += (-below * (x - self.mean)).max(-1.0).ln_1p();
        self.out |= self.log_above.max(self.log_below) >= limit;
    }
}

/// The grid points that are not out, and one cell to each side.
fn surviving(means: &[Bets]) -> MeanInterval {
    let stays = |bets: &Bets| !bets.out;
    let first = means.iter().position(stays);
    let last = means.iter().rposition(stays);
    match (first, last) {
        (Some(first), Some(last)) => MeanInterval {
            low: means[first.saturating_sub(1)].mean,
            high: means[(last + 1).min(means.len() - 1)].mean,
        },
        // Only a mean between two grid points is left; the whole range is a safe answer.
        _ => MeanInterval { low: 0.0, high: 1.0 },
    }
}

/// Grid points of [`BettingSequence`], as dense near zero as costs lie there: a request's cost is a small
/// part of the dearest possible one.
const GRID: usize = 700;

/// Smallest mean of the grid, as a share of the largest possible value.
const GRID_LOW: f64 = 1e-5;

/// A betting confidence sequence that is fed one observation at a time: approximately growth-rate-adaptive
/// bets, two capitals at α/2 for every mean of a logarithmic grid.
///
/// ```
/// # use burndown::stats::BettingSequence;
/// let mut sequence = BettingSequence::new(0.05);
/// for at in 0..400 {
///     sequence.add(if at % 2 == 0 { 0.03 } else { 0.04 });
/// }
/// let interval = sequence.interval();
/// assert!(interval.low < 0.035 && 0.035 < interval.high && interval.high - interval.low < 0.02);
/// ```
#[derive(Clone, Debug)]
pub struct BettingSequence {
    alpha: f64,
    past: Past,
    means: Vec<Bets>,
}

impl BettingSequence {
    /// Before any observation; `alpha` is the probability that the mean is ever outside.
    ///
    /// # Panics
    ///
    /// When `alpha` is not strictly between 0 and 1.
    pub fn new(alpha: f64) -> BettingSequence {
        assert!(alpha > 0.0 && alpha < 1.0, "alpha {alpha}");
        let step = -GRID_LOW.ln() / (GRID - 1) as f64;
        let inner = (0..GRID).map(|at| (GRID_LOW.ln() + step * at as f64).exp().min(1.0));
        let means = std::iter::once(0.0).chain(inner).map(Bets::on).collect();
        BettingSequence { alpha, past: Past::NONE, means }
    }

    /// Takes one observation in `[0, 1]`; what lies outside is cut to the nearest end.
    pub fn add(&mut self, x: f64) {
        let x = x.clamp(0.0, 1.0);
        let (mean, variance) = (self.past.mean(), self.past.variance());
        let limit = (2.0 / self.alpha).ln();
        for bets in &mut self.means {
            let gap = mean - bets.mean;
            let bet = gap / (variance + gap * gap);
            let above = bet.clamp(0.0, 0.9 / bets.mean.max(f64::MIN_POSITIVE));
            let below = (-bet).clamp(0.0, 0.9 / (1.0 - bets.mean).max(f64::MIN_POSITIVE));
            bets.place(x, above, below, limit);
        }
        self.past = self.past.with(x);
    }

    /// The means that are not ruled out.
    pub fn interval(&self) -> MeanInterval {
        surviving(&self.means)
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::stats::generator;

    fn quarters() -> Vec<f64> {
        (0..100).map(|at| if at % 2 == 0 { 0.25 } else { 0.75 }).collect()
    }

    fn oracle(name: &str) -> (f64, f64) {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/oracles.json")).unwrap();
        (all[name]["lo"].as_f64().unwrap(), all[name]["hi"].as_f64().unwrap())
    }

    #[test]
    fn the_empirical_bernstein_sequence_agrees_with_the_reference() {
        let (low, high) = oracle("16_eb_confidence_sequence");
        let found = empirical_bernstein(&quarters(), 0.05);
        assert!((found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn the_betting_interval_agrees_with_the_reference() {
        let (low, high) = oracle("17_betting_confidence_sequence");
        let found = hedged_capital(&quarters(), 0.05, 1000);
        assert!((found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9, "{found:?}");
    }

    /// Looked at after every one of 300 observations, the mean is outside at any time in at most 5 % of
    /// runs (400 runs: three standard errors above 5 % are 8.3 %).
    #[test]
    fn the_mean_stays_inside_however_often_one_looks() {
        let mut left = 0;
        for run in 0..400 {
            let mut random = generator(31, run);
            let mut sequence = BettingSequence::new(0.05);
            let outside = (0..300).any(|at| {
                sequence.add(if random.random::<f64>() < 0.1 { 0.12 } else { 0.034 });
                let found = sequence.interval();
                at % 10 == 9 && !(found.low..=found.high).contains(&(0.1 * 0.12 + 0.9 * 0.034))
            });
            left += u32::from(outside);
        }
        assert!(left <= 33, "{left} of 400 runs lost the mean");
    }

    #[test]
    fn nothing_seen_excludes_nothing() {
        assert_eq!(empirical_bernstein(&[], 0.05), MeanInterval { low: 0.0, high: 1.0 });
        let found = BettingSequence::new(0.05).interval();
        assert_eq!((found.low, found.high), (0.0, 1.0));
    }
}
