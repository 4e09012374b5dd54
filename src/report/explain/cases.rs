//! The pool's money under something else: another tier of PayGo, windows at one end of their range, orders that run.

use super::{
    gsu::{gsu_hour, members},
    placement::plan_months,
    working::{Working, exact},
};

/// Numbers below `/gsu/pools/i/spill_tiers/j`.
pub(super) fn tier(working: &mut Working<'_>, pool: &str, at: &str, path: &[&str]) -> Option<f64> {
    let own = format!("{pool}/spill_tiers/{at}");
    let tier = working.text(&format!("{own}/tier"))?;
    match path {
        ["usd_per_burn"] => {
            working.define(format!("What the pool's routes cost per burn token on tier {tier}, US dollars."));
            let usd = at_tier(working, pool, tier)?;
            let planned = working.read(&format!("{pool}/paygo_usd_per_burn"))?;
            let mut own_usd = 0.0;
            for member in members(working, pool)? {
                own_usd += working.read(&format!("{}/usd_total", member.instead_of))?;
            }
            working.line(format!(
                "{} × {} on that tier ÷ {} as in the bill",
                exact(planned),
                exact(usd),
                exact(own_usd)
            ));
            (own_usd > 0.0).then_some(planned * usd / own_usd)
        }
        ["paygo_usd_per_month"] => {
            working.define(format!("The pool's routes on tier {tier} alone, US dollars in the mean month."));
            let mut usd = at_tier(working, pool, tier)?;
            let chosen = working.chosen();
            for name in working.list(&format!("{pool}/waiting")).to_vec() {
                let route = chosen.iter().find(|route| Some(route.name) == name.as_str())?;
                usd += working.read(&format!("{}/usd_total", route.base))?;
                working.line(format!("{} waits, and is paid at its own tier", route.name));
            }
            let months = working.horizon_months()?;
            working.line(format!("{} ÷ {months} months", exact(usd)));
            Some(usd / months)
        }
        ["terms", term, field] => {
            let per_burn = working.read(&format!("{own}/usd_per_burn"))?;
            let paygo = working.read(&format!("{own}/paygo_usd_per_month"))?;
            best(working, pool, &format!("{own}/terms/{term}"), term, field, (per_burn, paygo))
        }
        _ => None,
    }
}

/// US dollars of the pool's routes over the horizon at their place on a tier.
fn at_tier(working: &mut Working<'_>, pool: &str, tier: &str) -> Option<f64> {
    let mut sum = 0.0;
    for member in members(working, pool)? {
        let placements = format!("/routes/{}/placements", member.route);
        let same = |at: &usize| {
            let part = |base: &str, key: &str| working.text(&format!("{base}/placement/{key}"));
            let other = format!("{placements}/{at}");
            part(&other, "model") == part(&member.served, "model")
                && part(&other, "endpoint") == part(&member.served, "endpoint")
                && part(&other, "tier") == Some(tier)
        };
        let at = (0..working.list(&placements).len()).find(same)?;
        let usd = working.read(&format!("{placements}/{at}/usd_total"))?;
        working.line(format!("{} on {tier}: {} USD", member.name, exact(usd)));
        sum += usd;
    }
    Some(sum)
}

/// Numbers below `/gsu/pools/i/window_ends/j`.
pub(super) fn window_end(working: &mut Working<'_>, pool: &str, at: &str, path: &[&str]) -> Option<f64> {
    let own = format!("{pool}/window_ends/{at}");
    let end = working.text(&format!("{own}/end"))?;
    match path {
        ["terms", term, field] => {
            working.line(format!("every window at the {end} of its range"));
            let per_burn = working.read(&format!("{pool}/paygo_usd_per_burn"))?;
            let paygo = working.read(&format!("{pool}/paygo_usd_per_month"))?;
            best(working, pool, &format!("{own}/terms/{term}"), term, field, (per_burn, paygo))
        }
        _ => None,
    }
}

/// The best count of a term on other tables: what it leaves is a law, the rest is arithmetic.
fn best(
    working: &mut Working<'_>,
    pool: &str,
    own: &str,
    term: &str,
    field: &str,
    (usd_per_burn, paygo): (f64, f64),
) -> Option<f64> {
    let name = working.text(&format!("{own}/name"))?;
    working.define(match field {
        "break_even" => {
            format!("Share of all hours that one GSU for {name} must be busy to pay for itself here.")
        }
        "gsu" => format!("GSUs for {name} with the least fees and PayGo together here; 0 when none pays."),
        "left_usd_per_month" => {
            format!("What those GSUs for {name} leave to PayGo, US dollars in the mean month.")
        }
        "usd_per_month" => format!("Fees of those GSUs for {name} and PayGo, US dollars in the mean month."),
        "saving_usd_per_month" => {
            format!("What those GSUs for {name} save against PayGo alone here, US dollars a month.")
        }
        _ => return None,
    });
    if field == "break_even" {
        let price = gsu_hour(working, pool, term)?;
        let per_gsu = working.read(&format!("{pool}/sizing/throughput_per_gsu"))?;
        working.line(format!(
            "{} ÷ ({} a second × 3,600 s × {} USD)",
            exact(price),
            exact(per_gsu),
            exact(usd_per_burn)
        ));
        return Some(price / (per_gsu * 3600.0 * usd_per_burn));
    }
    let gsu = working.read(&format!("{own}/gsu"))?;
    if field == "gsu" {
        working.line(format!("of every count the one with the least fees and PayGo: {gsu}"));
        return Some(gsu);
    }
    if field == "left_usd_per_month" {
        working
            .line(format!("PayGo alone {} × the share that {gsu} GSU leave, month by month", exact(paygo)));
        return if gsu == 0.0 { Some(paygo) } else { None };
    }
    let left = working.read(&format!("{own}/left_usd_per_month"))?;
    let price = working.read(&format!("{pool}/terms/{term}/usd_per_gsu_month"))?;
    let usd = gsu * price + left;
    working.line(format!("{gsu} GSU × {} + {} left to PayGo = {}", exact(price), exact(left), exact(usd)));
    if field == "usd_per_month" {
        return Some(usd);
    }
    working.line(format!("PayGo alone {} − {}", exact(paygo), exact(usd)));
    Some(paygo - usd)
}

/// Numbers below `/gsu/commitments`.
pub(super) fn commitments(working: &mut Working<'_>, path: &[&str]) -> Option<f64> {
    let base = "/gsu/commitments";
    match path {
        ["month", field] => {
            working.define(meaning(field)?);
            let months: Option<Vec<f64>> = working
                .list(&format!("{base}/by_month"))
                .iter()
                .map(|month| month.get(*field)?.as_f64())
                .collect();
            let months = months.filter(|months| !months.is_empty())?;
            let sum: f64 = months.iter().sum();
            working.note(&format!("{base}/by_month/*/{field}"), format!("sum {}", exact(sum)));
            working.line(format!("{} ÷ {} months", exact(sum), months.len()));
            Some(sum / months.len() as f64)
        }
        ["by_month", at, "total_usd"] => {
            working.define(meaning("total_usd")?);
            let part = |key: &str| format!("{base}/by_month/{at}/{key}");
            let committed = working.read(&part("committed_usd"))?;
            let renewing = working.read(&part("renewing_usd"))?;
            let variable = working.read(&part("variable_usd"))?;
            working.line(format!("{} + {} + {}", exact(committed), exact(renewing), exact(variable)));
            Some(committed + renewing + variable)
        }
        ["by_month", at, field @ ("committed_usd" | "renewing_usd")] => {
            working.define(meaning(field)?);
            let at: usize = at.parse().ok()?;
            let month = *plan_months(working)?.get(at)?;
            let orders = working.list("/workload/gsu_orders").len();
            working.line(format!(
                "fees of {orders} orders for their days in {} ({} hours), credits of the book off",
                month.label(),
                f64::from(month.days()) * 24.0
            ));
            None
        }
        _ => None,
    }
}

fn meaning(field: &str) -> Option<&'static str> {
    Some(match field {
        "running_gsu" => "GSUs of orders that run already, renewals included, mean over the days.",
        "committed_usd" => {
            "Fees of orders that run already, terms that can no longer be changed, US dollars."
        }
        "renewing_usd" => "Fees of renewals of orders that run, which come unless switched off, US dollars.",
        "variable_usd" => "All routes' PayGo with the orders that run, US dollars.",
        "total_usd" => "The bill with the orders that run: committed, renewing and PayGo, US dollars.",
        "advised_usd" => "Fees of the purchases that the plan advises, US dollars.",
        "advised_variable_usd" => "All routes' PayGo with running orders and advised purchases, US dollars.",
        _ => return None,
    })
}
