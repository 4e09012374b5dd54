//! GSU counts: sizes by rule, what a count leaves, what the list of orders saves and binds.

use super::{
    gsu::{curve_row, gsu_exact},
    working::{Working, exact},
};
use crate::calendar::{Day, Stretch};

/// A size by rule: the smallest count of the curve that meets it.
pub(super) fn size(working: &mut Working<'_>, pool: &str, at: &str, path: &[&str]) -> Option<f64> {
    let own = format!("{pool}/sizes/{at}");
    let rule = working.text(&format!("{own}/rule"))?;
    let (share, most) = match rule {
        "five_percent" => ("tokens", 0.05),
        "one_percent" => ("tokens", 0.01),
        "one_percent_of_requests" => ("requests", 0.01),
        "one_percent_of_windows" => ("windows", 0.01),
        _ => ("", 0.0),
    };
    match path {
        ["gsu"] if rule == "google_form" => {
            working.define("GSUs by Google's form: mean load, rounded up.");
            gsu_exact(working, pool).map(f64::ceil)
        }
        ["gsu"] if !share.is_empty() => {
            working.define(format!("Smallest count that leaves at most {} % of {share}.", most * 100.0));
            let rows = working.list(&format!("{pool}/curve"));
            let meets =
                |row: &&serde_json::Value| row["left"][share].as_f64().is_some_and(|left| left <= most);
            let row = rows.iter().find(meets)?;
            let (gsu, left) = (row["gsu"].as_f64()?, row["left"][share].as_f64()?);
            working.line(format!(
                "the first count of the curve with {share} ≤ {most}: {gsu}, which leaves {}",
                exact(left)
            ));
            Some(gsu)
        }
        ["left_share"] => {
            let gsu = working.read(&format!("{own}/gsu"))?;
            let row = curve_row(working, pool, gsu)?;
            left(working, pool, &row.to_string())
        }
        ["usd_per_month", term] => {
            let name = working.text(&format!("{pool}/terms/{term}/name"))?;
            working.define(format!("Fees for {name} and PayGo at this count, US dollars in the mean month."));
            let gsu = working.read(&format!("{own}/gsu"))?;
            let price = working.read(&format!("{pool}/terms/{term}/usd_per_gsu_month"))?;
            let row = curve_row(working, pool, gsu)?;
            let paygo = working.read(&format!("{pool}/curve/{row}/paygo_usd_per_month"))?;
            working.line(format!("{gsu} GSU × {} + {} left to PayGo", exact(price), exact(paygo)));
            Some(gsu * price + paygo)
        }
        _ => None,
    }
}

/// The share that a count leaves: a law, not a sum; the lines say what it is made from.
pub(super) fn left(working: &mut Working<'_>, pool: &str, row: &str) -> Option<f64> {
    working.define(
        "Share of burn tokens that this count leaves to PayGo in the busiest month, whole requests, a quota per window.",
    );
    let at = format!("{pool}/curve/{row}");
    let gsu = working.number(&format!("{at}/gsu"))?;
    let mean = working.read(&format!("{pool}/load/mean_gsu"))?;
    let busiest = working.read(&format!("{pool}/load/busiest_gsu"))?;
    working.line(format!("load: {} GSU on average, {} in the busiest hour", exact(mean), exact(busiest)));
    match working.number(&format!("{at}/window_seconds")) {
        Some(seconds) => {
            let quota = working.read(&format!("{at}/quota"))?;
            let per_gsu = working.read(&format!("{pool}/sizing/throughput_per_gsu"))?;
            working.line(format!(
                "quota: {gsu} GSU × {} a second × {seconds} s = {} burn tokens a window",
                exact(per_gsu),
                exact(quota)
            ));
            working.line(
                "the load of a window has a negative binomial number of requests, hour by hour of the week; what \
                 exceeds the quota, request by request, is left",
            );
        }
        None => working.line("nothing bought admits nothing"),
    }
    let share = working.number(&format!("{at}/left/tokens"))?;
    working.line(format!("the curve's row for {gsu} GSU says {}", exact(share)));
    Some(share)
}

pub(super) fn curve_paygo(working: &mut Working<'_>, pool: &str, at: &str) -> Option<f64> {
    working.define("What this count leaves to PayGo, US dollars in the mean month.");
    let paygo = working.read(&format!("{pool}/paygo_usd_per_month"))?;
    working.line(format!("PayGo alone {} × the share left, month by month with its own load", exact(paygo)));
    if working.number(&format!("{pool}/curve/{at}/gsu")) == Some(0.0) { Some(paygo) } else { None }
}

pub(super) fn ladder_saving(working: &mut Working<'_>, pool: &str) -> Option<f64> {
    working.define("What the list of orders saves against PayGo alone over the horizon on the mean of the demands, US dollars.");
    let part = |working: &mut Working<'_>, key: &str| working.read(&format!("{pool}/ladder/{key}"));
    let alone = part(working, "paygo_only_usd")?;
    let fees = part(working, "committed_usd")?;
    let left = part(working, "paygo_usd")?;
    let beyond = part(working, "charged_beyond_usd")?;
    working.line(format!(
        "PayGo alone {} − fees {} − left to PayGo {} − fees after the model's end {}",
        exact(alone),
        exact(fees),
        exact(left),
        exact(beyond)
    ));
    Some(alone - fees - left - beyond)
}

pub(super) fn regret_saving(working: &mut Working<'_>, pool: &str, at: &str) -> Option<f64> {
    let at_index: usize = at.parse().ok()?;
    let scenario = working.text(&format!("{pool}/regret/regret/scenarios/{at_index}"))?;
    working.define(format!(
        "What the list of orders saves against buying nothing over the horizon if demand is {scenario}, US dollars."
    ));
    let advised = working.number(&format!("{pool}/regret/advised"))?;
    let part = |working: &mut Working<'_>, candidate: f64| {
        working.read(&format!("{pool}/regret/regret/candidates/{candidate}/regret_usd/{at_index}"))
    };
    let (nothing, bought) = (part(working, 0.0)?, part(working, advised)?);
    working.line(format!(
        "above the best choice for that demand: buying nothing {} − the list of orders {}",
        exact(nothing),
        exact(bought)
    ));
    Some(nothing - bought)
}

pub(super) fn purchase_gsu(working: &mut Working<'_>, pool: &str, at: &str) -> Option<f64> {
    working.define("GSUs of this order.");
    let gsu = working.number(&format!("{pool}/ladder/purchases/{at}/gsu"))?;
    let gap = working.read(&format!("{pool}/ladder/gap_usd"))?;
    working.line(format!(
        "{gsu}: part of the cheapest list of orders; no list saves more than {} USD on it",
        exact(gap)
    ));
    Some(gsu)
}

pub(super) fn purchase(working: &mut Working<'_>, pool: &str, at: &str) -> Option<f64> {
    working.define("What this order binds, US dollars; it cannot be cancelled.");
    let own = format!("{pool}/ladder/purchases/{at}");
    let gsu = working.read(&format!("{own}/gsu"))?;
    let price = working.read(&format!("{own}/usd_per_gsu_hour"))?;
    let day = |key: &str| working.text(&format!("{own}/{key}"))?.parse::<Day>().ok();
    let (first, next) = (day("start")?, day("end")?);
    let hours = f64::from(Stretch { first, next }.days()) * 24.0;
    working.line(format!(
        "{gsu} GSU × {} USD × {hours} hours from {first} to {next}, credits of the book off",
        exact(price)
    ));
    Some(gsu * price * hours)
}
