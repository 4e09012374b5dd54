//! Parts in the variance, the purchase over the draws, what to measure next.

use super::working::{Working, exact};

/// `/drivers/k/sobol/cost/total` and its like.
pub(super) fn index(working: &mut Working<'_>, at: &str, result: &str, index: &str) -> Option<f64> {
    let name = working.text(&format!("/drivers/{at}/name"))?;
    let of = match result {
        "cost" => "the mean month of the bill",
        "gsu" => "the cheapest GSU count, all pools together",
        "regret" => "what the advised purchase costs more than the best one",
        _ => return None,
    };
    working.define(match index {
        "first" => format!("Share of the variance of {of} that would go on average if \"{name}\" were known."),
        "total" => format!(
            "Share of the variance of {of} that would stay on average if all inputs but \"{name}\" were known."
        ),
        "first_told" | "total_told" => format!(
            "Whether the 95 % interval of the index of \"{name}\" for {of} lies above 0. If not, the index is below \
             what the points can tell."
        ),
        _ => format!("Standard error of the index of \"{name}\" for {of}, from 16 blocks of the points."),
    });
    study_line(working);
    None
}

fn study_line(working: &mut Working<'_>) {
    let part = |key: &str| working.number(&format!("/variance/{key}")).map_or("?".into(), exact);
    let (points, evaluations, seed) = (part("points"), part("evaluations"), part("seed"));
    working.line(format!(
        "Jansen's estimators on {points} points of a scrambled Sobol sequence (seed {seed}), the plan worked out \
         {evaluations} times; estimates of small indices scatter around them and may lie below 0"
    ));
}

/// `/variance/…`.
pub(super) fn variance(working: &mut Working<'_>, rest: &[&str]) -> Option<f64> {
    match rest {
        ["evaluations"] => {
            working.define("Times the plan was worked out for the indices: points × (inputs + 2).");
            let points = working.read("/variance/points")?;
            let evaluations = working.number("/variance/evaluations")?;
            working.line(format!("{} points × {}", exact(points), exact(evaluations / points)));
        }
        [result, part] => {
            let part = if *part == "mean" { "Mean" } else { "Standard deviation" };
            working.define(format!("{part} of the {result} over the points of the study."));
            study_line(working);
        }
        _ => {}
    }
    None
}

/// `/outlook/…`.
pub(super) fn outlook(working: &mut Working<'_>, rest: &[&str]) -> Option<f64> {
    match rest {
        ["committed_usd_per_month"] => {
            working.define(
                "Fees of the advised purchases in the mean month, US dollars: the same in every draw.",
            );
            committed(working)
        }
        ["total", "mean"] => {
            working.define("Committed and variable dollars of the mean month, mean of the draws.");
            let fees = working.read("/outlook/committed_usd_per_month")?;
            let variable = working.read("/outlook/variable/mean")?;
            working.line(format!("{} committed + {} variable", exact(fees), exact(variable)));
            Some(fees + variable)
        }
        ["total", end @ ("p05" | "p50" | "p95")] => {
            working.define("Committed and variable dollars of the mean month; fees shift every quantile.");
            let fees = working.read("/outlook/committed_usd_per_month")?;
            let variable = working.read(&format!("/outlook/variable/{end}"))?;
            working.line(format!("{} committed + {} variable", exact(fees), exact(variable)));
            Some(fees + variable)
        }
        ["variable", ..] => {
            working.define(
                "All that is paid as it goes under the advised purchases, US dollars of the mean month, by draws.",
            );
            draws_line(working);
            None
        }
        ["regret", ..] => {
            working.define(
                "What the advised purchases cost more than the best in each draw, US dollars of the mean month.",
            );
            draws_line(working);
            working.line(
                "best: the cheapest of every count on the cheapest term, of the compared ladders, and of nothing",
            );
            None
        }
        ["pools", _, "look_up_error"] => {
            working.define(
                "Largest difference of a share of tokens from exact curves of more and less load (1.4, 1.16 and \
                 0.86 times), bigger and smaller requests (1.09, 1.03 and 0.97 times), and more and less burstiness \
                 (0.5, 0.7 and 1.4 times r).",
            );
            working.line("exact curves at up to 8 counts, each held against the look-up");
            None
        }
        [.., "cheapest", _] | ["cheapest", ..] => {
            working.define(
                "The count that is cheapest when held over the horizon on the cheapest term, by draws.",
            );
            draws_line(working);
            None
        }
        _ => None,
    }
}

fn draws_line(working: &mut Working<'_>) {
    let draws = working.number("/bill/simulation/draws").map_or("?".into(), exact);
    working.line(format!(
        "{draws} draws, the same as those of the bill: volume, growth, tokens, busy months, and bursts; what GSUs \
         leave is looked up in tables over load and burstiness"
    ));
}

/// The ladders' fees over the horizon.
fn committed(working: &mut Working<'_>) -> Option<f64> {
    let months = working.horizon_months()?;
    let mut sum = 0.0;
    for pool in 0..working.list("/gsu/pools").len() {
        let base = format!("/gsu/pools/{pool}/ladder");
        let (Some(fees), Some(beyond)) = (
            working.read(&format!("{base}/committed_usd")),
            working.read(&format!("{base}/charged_beyond_usd")),
        ) else {
            continue;
        };
        sum += fees + beyond;
    }
    working.line(format!("fees of the ladders {} ÷ {months} months", exact(sum)));
    Some(sum / months)
}

/// `/measure_next/k/…`.
pub(super) fn measurement(working: &mut Working<'_>, at: &str, field: &str) -> Option<f64> {
    let base = format!("/measure_next/{at}");
    let what = working.text(&format!("{base}/what"))?;
    match field {
        "usd_expected" | "usd_at_worst" => {
            let (each, how) = match field {
                "usd_expected" => ("usd_per_request", "expected"),
                _ => ("usd_per_request_at_worst", "at most by contract"),
            };
            working.define(format!("What measuring {what} costs {how}, US dollars."));
            let requests = working.read(&format!("{base}/requests"))?;
            let each = working.read(&format!("{base}/{each}"))?;
            working.line(format!("{} requests × {} USD", exact(requests), exact(each)));
            Some(requests * each)
        }
        "requests" => {
            working.define(format!(
                "Requests that tell {what}: so many that what stays unknown is a third of all else, at least 12 for \
                 each route."
            ));
            requests(working, &base)
        }
        "settles_usd" => {
            working.define(format!(
                "What the open questions that {what} settle move the mean month by, US dollars."
            ));
            settles(working, &base)
        }
        "narrows" => {
            working.define(format!(
                "By how much the month's 90 % range shrinks when {what} are known, a share."
            ));
            narrows(working, &base)
        }
        "range_usd" => {
            working.define("Width of the mean month's 90 % range, US dollars.");
            let (low, high) = (working.read("/bill/month/p05")?, working.read("/bill/month/p95")?);
            working.line(format!("{} − {}", exact(high), exact(low)));
            Some(high - low)
        }
        "range_usd_after" => {
            working
                .define(format!("Width of the mean month's 90 % range once {what} are known, US dollars."));
            let range = working.read(&format!("{base}/range_usd"))?;
            let narrows = working.read(&format!("{base}/narrows"))?;
            working.line(format!("{} × (1 − {})", exact(range), exact(narrows)));
            Some(range * (1.0 - narrows))
        }
        _ => None,
    }
}

/// The largest number doubled from 12 for each route that is not above what the plan says, which is the plan's own
/// number when it was found that way.
fn requests(working: &mut Working<'_>, base: &str) -> Option<f64> {
    let found = working.number(&format!("{base}/requests"))?;
    if working.text(&format!("{base}/kind")) == Some("traffic") {
        working.line("a log that exists already: nothing is sent");
        return Some(0.0);
    }
    let place = |key: &str| working.text(&format!("{base}/placement/{key}"));
    let (model, endpoint) = (place("model")?, place("endpoint")?);
    let served = |chosen: &super::working::Chosen<'_>| {
        let part = |key: &str| working.text(&format!("{}/placement/{key}", chosen.base));
        part("model") == Some(model) && part("endpoint") == Some(endpoint)
    };
    let routes = working.chosen().iter().filter(|chosen| served(chosen)).count();
    let mut requests = 12.0 * routes as f64;
    while requests > 0.0 && requests < found {
        requests *= 2.0;
    }
    working.line(format!(
        "12 × {routes} routes, doubled until what stays unknown is small: {}",
        exact(requests)
    ));
    Some(requests)
}

/// 1 − √(1 − Σ S (1 − what stays)).
fn narrows(working: &mut Working<'_>, base: &str) -> Option<f64> {
    let mut sum = 0.0;
    for at in 0..working.list(&format!("{base}/learns")).len() {
        let learned = format!("{base}/learns/{at}");
        let input = working.text(&format!("{learned}/input"))?;
        let first = working.read(&format!("{learned}/first"))?;
        let kept = working.read(&format!("{learned}/kept"))?;
        working.line(format!("{input}: S {} × (1 − {} that stays)", exact(first), exact(kept)));
        sum += first * (1.0 - kept);
    }
    working.line(format!("1 − √(1 − {})", exact(sum)));
    Some(1.0 - (1.0 - sum).max(0.0).sqrt())
}

fn settles(working: &mut Working<'_>, base: &str) -> Option<f64> {
    let mut sum = 0.0;
    for question in working.list(&format!("{base}/settles")) {
        let drivers = working.list("/drivers");
        let at = drivers.iter().position(|driver| driver.get("name") == Some(question))?;
        let low = working.read(&format!("/drivers/{at}/low_usd"))?;
        let high = working.read(&format!("/drivers/{at}/high_usd"))?;
        working.line(format!("{}: {}", question.as_str()?, exact(low.abs().max(high.abs()))));
        sum += low.abs().max(high.abs());
    }
    if working.arithmetic.is_empty() {
        working.line("no open question");
    }
    Some(sum)
}
