//! The variance of a month's spend by the delta method.

use schemars::JsonSchema;
use serde::Serialize;

/// Requests of one kind in a month, and what is known of their cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpendCell {
    /// Expected requests.
    pub requests: f64,
    /// Mean cost of one.
    pub mean: f64,
    /// Standard deviation of the cost of one.
    pub deviation: f64,
    /// Answers that the mean was learned from; infinite where it is certain.
    pub answers: f64,
    /// Coefficient of variation of this cell's share of the volume.
    pub mix_cv: f64,
}

/// Parts of the variance of a month's spend, in squared money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SpendVariance {
    /// Mean costs learned from few answers: Σ (n s)²/answers.
    pub calibration: f64,
    /// A volume that errs the same way everywhere: (cv Σ n m)².
    pub volume: f64,
    /// Shares of the cells: Σ (cv n m)².
    pub mix: f64,
    /// Chance inside the month, Poisson requests of differing cost: Σ n (m² + s²).
    pub within_month: f64,
}

impl SpendVariance {
    /// Of independent cells with one uncertain volume.
    ///
    /// ```
    /// # use burndown::stats::{SpendCell, SpendVariance};
    /// let cell = SpendCell { requests: 100.0, mean: 2.0, deviation: 1.0, answers: 25.0, mix_cv: 0.0 };
    /// let variance = SpendVariance::of(&[cell], 0.1);
    /// assert_eq!((variance.calibration, variance.within_month), (400.0, 500.0));
    /// assert!((variance.total() - 1_300.0).abs() < 1e-9);
    /// ```
    pub fn of(cells: &[SpendCell], volume_cv: f64) -> SpendVariance {
        let sum = |of: &dyn Fn(&SpendCell) -> f64| cells.iter().map(of).sum::<f64>();
        let total = sum(&|cell| cell.requests * cell.mean);
        SpendVariance {
            calibration: sum(&|cell| (cell.requests * cell.deviation).powi(2) / cell.answers),
            volume: (volume_cv * total).powi(2),
            mix: sum(&|cell| (cell.mix_cv * cell.requests * cell.mean).powi(2)),
            within_month: sum(&|cell| cell.requests * (cell.mean.powi(2) + cell.deviation.powi(2))),
        }
    }

    /// All parts together.
    pub fn total(self) -> f64 {
        self.calibration + self.volume + self.mix + self.within_month
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle 24: a million cheap requests, fifty thousand dear and varied ones, volume cv 0.15.
    #[test]
    fn oracle_24_the_parts_of_a_spend_add_up() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/oracles.json")).unwrap();
        let case = &all["24_spend_delta"];
        let cell = |requests: f64, mean: f64, deviation: f64, answers: f64| SpendCell {
            requests,
            mean,
            deviation,
            answers,
            mix_cv: 0.0,
        };
        let cells = [cell(1e6, 0.04, 0.001, 40.0), cell(5e4, 0.6, 0.9, 60.0)];
        let variance = SpendVariance::of(&cells, 0.15);
        let parts = [
            ("calibration", variance.calibration),
            ("volume", variance.volume),
            ("mix", variance.mix),
            ("within_month", variance.within_month),
        ];
        for (name, found) in parts {
            let expected = case["parts"][name].as_f64().unwrap();
            assert!((found - expected).abs() <= 1e-9 * expected, "{name}: {found} for {expected}");
        }
        let total: f64 = cells.iter().map(|cell| cell.requests * cell.mean).sum();
        assert_eq!(total, case["total"].as_f64().unwrap());
        assert!((variance.total().sqrt() - case["sd"].as_f64().unwrap()).abs() < 1e-6);
    }
}
