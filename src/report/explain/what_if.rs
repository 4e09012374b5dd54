//! Scenarios against the plan, and the bill after credits.

use super::working::{Working, exact};

/// Numbers below `/scenarios`.
pub(super) fn explain(working: &mut Working<'_>, at: &str, path: &[&str]) -> Option<f64> {
    let base = format!("/scenarios/{at}");
    let name = working.text(&format!("{base}/name")).unwrap_or(at).to_string();
    match path {
        ["result", "change", "mean"] => {
            working.define(format!(
                "Expected bill of the mean month under the scenario `{name}` less that of the plan, US dollars."
            ));
            let there = working.read(&format!("{base}/result/month/mean"))?;
            let here = working.read("/bill/month/mean")?;
            working.line(format!("{} − {}", exact(there), exact(here)));
            Some(there - here)
        }
        ["result", "change_share"] => {
            working.define(format!("That difference of the scenario `{name}` over the plan's mean month."));
            let change = working.read(&format!("{base}/result/change/mean"))?;
            let here = working.read("/bill/month/mean")?;
            working.line(format!("{} ÷ {}", exact(change), exact(here)));
            Some(change / here)
        }
        ["result", "change", _] => {
            working.define(format!(
                "Point of the difference `{name}` less plan over draws with the same random numbers, US dollars a month."
            ));
            None
        }
        ["result", "causes", _, "usd_per_month"] => {
            working.define("A cause's part of the expected difference: what swapping it alone adds, averaged over all orders (Shapley). The parts add up to the difference.");
            None
        }
        ["result", ..] => {
            working
                .define(format!("From the plan of the workload with the changes of the scenario `{name}`."));
            None
        }
        _ => None,
    }
}

/// Numbers below `/bill/net`.
pub(super) fn net(working: &mut Working<'_>, path: &[&str]) -> Option<f64> {
    match path {
        ["month", "mean"] => {
            working.define("Expected bill of the mean month after credits, US dollars.");
            let total = working.read("/bill/net/total/mean")?;
            let months = working.horizon_months()?;
            working.line(format!("total after credits {} ÷ {months} months", exact(total)));
            Some(total / months)
        }
        ["total", "mean"] => {
            working.define("Expected bill of the horizon after credits, US dollars.");
            let gross = working.read("/bill/total/mean")?;
            let credits = working.plan.pointer("/bill/net/credits")?.as_array()?.len();
            let mut left = gross;
            working.line(format!("before credits {}", exact(gross)));
            for at in 0..credits {
                let used = working.read(&format!("/bill/net/credits/{at}/used_usd"))?;
                working.line(format!("− {} of credit {}", exact(used), at + 1));
                left -= used;
            }
            Some(left)
        }
        ["probability_over_budget"] => {
            working.define(
                "Probability that what is owed of the mean month after credits is above the budget, 0 to 1.",
            );
            let budget = working.read("/workload/budget_usd_per_month")?;
            super::bill::share_of_draws_above(working, "/bill/net/draws/month/quantiles", budget)
        }
        ["draws", "month" | "by_month", ..] => {
            working.define(
                "Point of the bill after credits over the draws, each after its own credits, US dollars.",
            );
            None
        }
        ["month" | "total", _] => {
            working.define("Point of the bill after credits, each draw after its own credits, US dollars.");
            None
        }
        _ => None,
    }
}
