//! What a decision costs when demand turns out otherwise, and what it is worth to wait.

use schemars::JsonSchema;
use serde::Serialize;

use super::commitment::{CommitmentError, cheapest, check_table, same_length};

/// One way demand may turn out, with the cost of every candidate decision.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Its probability, or any number in proportion to it; 0 or more.
    pub weight: f64,
    /// Total US dollars of each candidate, in one order in all scenarios: GSU counts, or whole plans.
    pub usd: Vec<f64>,
}

/// A candidate over all scenarios.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Candidate {
    /// Weighted mean cost, US dollars.
    pub expected_usd: f64,
    /// What it costs above the best candidate of each scenario, US dollars.
    pub regret_usd: Vec<f64>,
    /// The largest of these.
    pub worst_regret_usd: f64,
}

/// How candidates compare when demand is not known.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Regret {
    /// Names of the scenarios.
    pub scenarios: Vec<String>,
    /// The best candidate of each scenario.
    pub best: Vec<usize>,
    /// The candidate of least expected cost.
    pub cheapest: usize,
    /// The candidate whose worst regret is least; it needs no weights.
    pub minimax: usize,
    /// What knowing the scenario beforehand would save on average, US dollars: the expected value of perfect
    /// information.
    pub perfect_information_usd: f64,
    /// Every candidate.
    pub candidates: Vec<Candidate>,
}

/// Compares candidates over scenarios: the cheapest on average, the one of least worst regret, and what it
/// would be worth to know.
///
/// Of equal candidates the first wins; list the one that binds least first.
///
/// # Errors
///
/// When there is no scenario, scenarios differ in their number of candidates, a cost is no amount of money,
/// or the weights are none.
///
/// Source: Savage (1951), "The Theory of Statistical Decision"; Raiffa & Schlaifer (1961), "Applied
/// Statistical Decision Theory".
///
/// ```
/// # use burndown::capacity::{Scenario, regret};
/// let scenario = |name: &str, usd: [f64; 3]| Scenario { name: name.into(), weight: 1.0, usd: usd.to_vec() };
/// let half = scenario("half", [50.0, 60.0, 80.0]);
/// let twice = scenario("twice", [200.0, 170.0, 160.0]);
/// let result = regret(&[half, twice]).unwrap();
/// assert_eq!((result.cheapest, result.minimax), (1, 1));
/// assert_eq!(result.perfect_information_usd, 10.0);
/// ```
pub fn regret(scenarios: &[Scenario]) -> Result<Regret, CommitmentError> {
    let first = scenarios.first().ok_or(CommitmentError::NoScenario)?;
    for scenario in scenarios {
        check_table(&scenario.usd)?;
        same_length(first.usd.len(), scenario.usd.len())?;
    }
    let weights = shares(scenarios.iter().map(|scenario| scenario.weight))?;
    let best: Vec<usize> = scenarios.iter().map(|s| cheapest(s.usd.iter().copied())).collect();
    let candidate = |at: usize| {
        let mean = scenarios.iter().zip(&weights).map(|(scenario, weight)| weight * scenario.usd[at]).sum();
        let above =
            scenarios.iter().zip(&best).map(|(scenario, best)| scenario.usd[at] - scenario.usd[*best]);
        let regret_usd: Vec<f64> = above.collect();
        let worst_regret_usd = regret_usd.iter().copied().fold(0.0, f64::max);
        Candidate { expected_usd: mean, regret_usd, worst_regret_usd }
    };
    let candidates: Vec<Candidate> = (0..first.usd.len()).map(candidate).collect();
    let cheapest_at = cheapest(candidates.iter().map(|candidate| candidate.expected_usd));
    let regrets = candidates[cheapest_at].regret_usd.iter().zip(&weights);
    Ok(Regret {
        scenarios: scenarios.iter().map(|scenario| scenario.name.clone()).collect(),
        best,
        cheapest: cheapest_at,
        minimax: cheapest(candidates.iter().map(|candidate| candidate.worst_regret_usd)),
        perfect_information_usd: regrets.map(|(regret, weight)| regret * weight).sum(),
        candidates,
    })
}

/// One way demand may turn out, before and after a delay.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// Its probability, or any number in proportion to it; 0 or more.
    pub weight: f64,
    /// Total US dollars (commitment and PayGo) during the delay, by GSU count from 0.
    pub during_usd: Vec<f64>,
    /// Total US dollars after the delay until the end of the horizon, by GSU count from 0.
    pub after_usd: Vec<f64>,
}

/// Buying now against waiting until demand is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WaitOrBuy {
    /// The cheapest count to buy now on average; 0 when none pays.
    pub gsu: u64,
    /// Expected US dollars over the horizon when that count is bought now.
    pub buy_usd: f64,
    /// Expected US dollars when the purchase waits: nothing during the delay, the best count after it.
    pub wait_usd: f64,
    /// What the delay itself costs: the saving that is missed while waiting, US dollars; negative when
    /// nothing is missed.
    pub delay_usd: f64,
    /// What is gained by choosing the count once demand is known, US dollars.
    pub knowing_usd: f64,
    /// Dollars that cannot be cancelled and stay free while waiting.
    pub kept_free_usd: f64,
}

impl WaitOrBuy {
    /// Whether waiting costs less on average than buying now.
    pub fn should_wait(&self) -> bool {
        self.wait_usd < self.buy_usd
    }
}

/// Buy now, or wait (a month, say) until demand is known?
///
/// Waiting misses the saving of the delay and gains the choice of the count: `wait − buy = delay − knowing`.
/// It assumes that the scenario shows itself during the delay and that the same purchase can be had after it.
/// `bound_usd_per_gsu` is the fee of one GSU for the whole term.
///
/// # Errors
///
/// When there is no outlook, tables differ in length, a cost is no amount of money, or weights are none.
pub fn wait_or_buy(outlooks: &[Outlook], bound_usd_per_gsu: f64) -> Result<WaitOrBuy, CommitmentError> {
    let first = outlooks.first().ok_or(CommitmentError::NoScenario)?;
    super::commitment::positive("the price of a GSU over its term", bound_usd_per_gsu)?;
    for outlook in outlooks {
        check_table(&outlook.during_usd)?;
        check_table(&outlook.after_usd)?;
        same_length(first.during_usd.len(), outlook.during_usd.len())?;
        same_length(first.during_usd.len(), outlook.after_usd.len())?;
    }
    let weights = shares(outlooks.iter().map(|outlook| outlook.weight))?;
    let mean = |usd: &dyn Fn(&Outlook) -> f64| {
        outlooks.iter().zip(&weights).map(|(outlook, weight)| weight * usd(outlook)).sum::<f64>()
    };
    let during = |gsu: usize| mean(&|outlook| outlook.during_usd[gsu]);
    let after = |gsu: usize| mean(&|outlook| outlook.after_usd[gsu]);
    let gsu = cheapest((0..first.during_usd.len()).map(|gsu| during(gsu) + after(gsu)));
    let best_after = mean(&|outlook| outlook.after_usd.iter().copied().fold(f64::INFINITY, f64::min));
    Ok(WaitOrBuy {
        gsu: gsu as u64,
        buy_usd: during(gsu) + after(gsu),
        wait_usd: during(0) + best_after,
        delay_usd: during(0) - during(gsu),
        knowing_usd: after(gsu) - best_after,
        kept_free_usd: gsu as f64 * bound_usd_per_gsu,
    })
}

/// Weights that add up to 1.
pub(super) fn shares(weights: impl Iterator<Item = f64>) -> Result<Vec<f64>, CommitmentError> {
    let weights: Vec<f64> = weights.collect();
    if let Some(scenario) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
        return Err(CommitmentError::BadWeight { scenario, found: weights[scenario] });
    }
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 || !sum.is_finite() {
        return Err(CommitmentError::BadWeight { scenario: 0, found: weights[0] });
    }
    Ok(weights.iter().map(|weight| weight / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(name: &str, weight: f64, usd: &[f64]) -> Scenario {
        Scenario { name: name.into(), weight, usd: usd.to_vec() }
    }

    /// Costs of 0, 1, 2, 3 GSUs at half, the same and twice the demand: 3 a GSU, PayGo 5 per unit of load.
    fn three() -> [Scenario; 3] {
        let usd = |load: f64| -> Vec<f64> {
            (0..4).map(|g| 3.0 * f64::from(g) + 5.0 * (load - f64::from(g)).max(0.0)).collect()
        };
        [
            scenario("half", 1.0, &usd(1.0)),
            scenario("same", 2.0, &usd(2.0)),
            scenario("twice", 1.0, &usd(4.0)),
        ]
    }

    #[test]
    fn the_cheapest_and_the_least_regretted_count_differ() {
        let result = regret(&three()).unwrap();
        assert_eq!(result.best, [1, 2, 3]);
        assert_eq!(result.cheapest, 2);
        // Worst regrets by hand: 0 GSUs 6, 1 GSU 4, 2 GSUs 3 (half), 3 GSUs 6 (half).
        let worst: Vec<f64> = result.candidates.iter().map(|candidate| candidate.worst_regret_usd).collect();
        assert_eq!(worst, [6.0, 4.0, 3.0, 6.0]);
        assert_eq!(result.minimax, 2);
        assert_eq!(result.perfect_information_usd, (3.0 + 0.0 + 2.0) / 4.0);
        let rare = [scenario("a", 9.0, &[10.0, 11.0]), scenario("b", 1.0, &[15.0, 11.0])];
        let result = regret(&rare).unwrap();
        assert_eq!((result.cheapest, result.minimax), (0, 1), "a rare case weighs little, but hurts");
    }

    #[test]
    fn one_scenario_leaves_nothing_to_regret() {
        let result = regret(&three()[1..2]).unwrap();
        assert_eq!((result.cheapest, result.minimax, result.perfect_information_usd), (2, 2, 0.0));
    }

    #[test]
    fn scenarios_that_do_not_fit_are_refused() {
        assert_eq!(regret(&[]), Err(CommitmentError::NoScenario));
        let differ = [scenario("a", 1.0, &[1.0]), scenario("b", 1.0, &[1.0, 2.0])];
        assert_eq!(regret(&differ), Err(CommitmentError::LengthsDiffer { expected: 1, found: 2 }));
        for weight in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
            let error = regret(&[scenario("a", weight, &[1.0])]).unwrap_err();
            assert!(matches!(error, CommitmentError::BadWeight { scenario: 0, .. }), "{error}");
        }
    }

    #[test]
    fn waiting_misses_a_saving_and_gains_a_choice() {
        let outlook = |load: f64| {
            let month = |g: f64| 3.0 * g + 5.0 * (load - g).max(0.0);
            let during_usd: Vec<f64> = (0..5).map(|g| month(f64::from(g))).collect();
            let after_usd = during_usd.iter().map(|usd| 11.0 * usd).collect();
            Outlook { weight: 1.0, during_usd, after_usd }
        };
        let sure = wait_or_buy(&[outlook(2.0)], 36.0).unwrap();
        assert_eq!((sure.gsu, sure.delay_usd, sure.knowing_usd, sure.kept_free_usd), (2, 4.0, 0.0, 72.0));
        assert!(!sure.should_wait(), "nothing is learned");
        let unsure = wait_or_buy(&[outlook(0.0), outlook(4.0)], 36.0).unwrap();
        assert_eq!((unsure.gsu, unsure.buy_usd, unsure.wait_usd), (0, 120.0, 76.0));
        assert!(unsure.should_wait());
        for case in [sure, unsure] {
            let difference = case.wait_usd - case.buy_usd;
            assert!((difference - (case.delay_usd - case.knowing_usd)).abs() < 1e-9);
        }
        assert!(wait_or_buy(&[], 36.0).is_err());
    }
}
