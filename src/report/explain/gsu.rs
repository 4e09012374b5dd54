//! Provisioned throughput: Google's form line by line, and what a term could save.

use super::{
    bill::class_label,
    cases, counts,
    placement::plan_months,
    rules, sheet,
    working::{Working, exact},
};
use crate::units::HOURS_PER_MONTH;

/// Numbers below `/gsu/pools/i`.
pub(super) fn explain(working: &mut Working<'_>, pool: &str, path: &[&str]) -> Option<f64> {
    let pool = format!("/gsu/pools/{pool}");
    let found = match path {
        ["sizing", rest @ ..] => sizing(working, &pool, rest),
        ["paygo_usd_per_month"] => paygo_per_month(working, &pool),
        ["paygo_usd_per_burn"] => paygo_per_burn(working, &pool),
        ["terms", at, field] => term(working, &pool, at, field),
        ["sizes", at, rest @ ..] => counts::size(working, &pool, at, rest),
        ["curve", at, "gsu"] => {
            working.define("A number of GSUs that can be bought.");
            let gsu = working.number(&format!("{pool}/curve/{at}/gsu"))?;
            working.line(format!("counts are listed from 0 up: {gsu}"));
            Some(gsu)
        }
        ["curve", at, "left", "tokens"] => counts::left(working, &pool, at),
        ["curve", at, "paygo_usd_per_month"] => counts::curve_paygo(working, &pool, at),
        ["rules", at, rest @ ..] => rules::explain(working, &pool, at, rest),
        ["learned", field] => rules::learned(working, &pool, field),
        ["form", rest @ ..] => sheet::explain(working, &pool, rest),
        ["spill_tiers", at, rest @ ..] => cases::tier(working, &pool, at, rest),
        ["window_ends", at, rest @ ..] => cases::window_end(working, &pool, at, rest),
        ["ladder", "saving_usd"] => counts::ladder_saving(working, &pool),
        ["regret", "saving_usd", at] => counts::regret_saving(working, &pool, at),
        ["ladder", "purchases", at, "usd"] => counts::purchase(working, &pool, at),
        ["ladder", "purchases", at, "gsu"] => counts::purchase_gsu(working, &pool, at),
        _ => None,
    };
    if !working.arithmetic.is_empty() {
        let checked = working.text("/capacity_checked").unwrap_or("?");
        let keys = working.cite(&format!("{pool}/source"));
        let model = working.text(&format!("{pool}/model")).unwrap_or("?");
        working
            .evidence
            .push(format!("capacity book, put together {checked}: throughput of {model}, terms{keys}"));
    }
    found
}

fn sizing(working: &mut Working<'_>, pool: &str, path: &[&str]) -> Option<f64> {
    let at = format!("{pool}/sizing");
    match path {
        ["lines", line, "burn"] => burn_line(working, &format!("{at}/lines/{line}")),
        ["burn_per_request"] => {
            working.define("Burn tokens of one mean request: tokens × burndown rate, summed.");
            burn_per_request(working, &at)
        }
        ["throughput_per_second"] => {
            working.define("Burn tokens a second that the busiest month's mean load takes.");
            burn_per_second(working, pool)
        }
        ["throughput_per_gsu"] => {
            working.define("Burn tokens a second that one GSU carries, from the capacity book.");
            working.line("a fact of the capacity book, not computed");
            None
        }
        ["gsu_exact"] => {
            working.define("GSUs that the busiest month's mean load takes, before rounding.");
            gsu_exact(working, pool)
        }
        ["gsu"] => {
            working.define("GSUs that Google's form answers for the busiest month's mean load.");
            let exact_count = gsu_exact(working, pool)?;
            working.line(format!("rounded up: {} → {}", exact(exact_count), exact(exact_count.ceil())));
            Some(exact_count.ceil())
        }
        ["quota_per_window"] => quota(working, &at),
        ["whole_requests_per_window"] => {
            working.define("Whole requests of mean size that an enforcement window admits.");
            let quota = working.read(&format!("{at}/quota_per_window"))?;
            let burn = working.read(&format!("{at}/burn_per_request"))?;
            working.line(format!("{} ÷ {}, rounded down", exact(quota), exact(burn)));
            Some((quota / burn).floor())
        }
        ["terms", term, field @ ("usd_per_month" | "usd_per_term")] => {
            form_price(working, &at, &format!("{at}/terms/{term}"), field)
        }
        _ => None,
    }
}

fn burn_line(working: &mut Working<'_>, line: &str) -> Option<f64> {
    let label = class_label(working.text(&format!("{line}/class"))?);
    working.define(format!("Burn tokens of the {label} of one mean request."));
    let tokens = working.read(&format!("{line}/tokens"))?;
    let rate = working.read(&format!("{line}/rate"))?;
    working.line(format!("{} tokens × {} burn tokens each", exact(tokens), exact(rate)));
    Some(tokens * rate)
}

fn burn_per_request(working: &mut Working<'_>, at: &str) -> Option<f64> {
    let mut sum = 0.0;
    for line in 0..working.list(&format!("{at}/lines")).len() {
        let line = format!("{at}/lines/{line}");
        let label = class_label(working.text(&format!("{line}/class"))?);
        let tokens = working.read(&format!("{line}/tokens"))?;
        let rate = working.read(&format!("{line}/rate"))?;
        working.line(format!("{label}: {} × {} = {}", exact(tokens), exact(rate), exact(tokens * rate)));
        sum += tokens * rate;
    }
    working.line(format!("burn per request: {}", exact(sum)));
    Some(sum)
}

/// A route in the pool: where GSUs would serve it, and what it costs otherwise.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) route: usize,
    pub(super) served: String,
    pub(super) instead_of: String,
}

pub(super) fn members(working: &Working<'_>, pool: &str) -> Option<Vec<Member>> {
    let names = working.list(&format!("{pool}/routes"));
    let chosen = working.chosen();
    let member = |name: &serde_json::Value| {
        let route = chosen.iter().find(|route| Some(route.name) == name.as_str())?;
        let tier = working.text(&format!("{}/placement/tier", route.base));
        let same = |base: &String| {
            let state = working.text(&format!("{base}/status/state"));
            let part = |key: &str| working.text(&format!("{base}/placement/{key}"));
            matches!(state, Some("served" | "ends_inside"))
                && part("model") == working.text(&format!("{pool}/model"))
                && part("endpoint") == working.text(&format!("{pool}/endpoint"))
                && part("tier") == tier
        };
        let placements = working.list(&format!("/routes/{}/placements", route.route)).len();
        let served =
            (0..placements).map(|at| format!("/routes/{}/placements/{at}", route.route)).find(same)?;
        let (name, instead_of) = (route.name.to_string(), route.base.clone());
        Some(Member { name, route: route.route, served, instead_of })
    };
    names.iter().map(member).collect()
}

/// Requests of the pool by month.
fn requests(working: &mut Working<'_>, pool: &str) -> Option<Vec<f64>> {
    let mut sums: Vec<f64> = Vec::new();
    for member in members(working, pool)? {
        let requests = working.months(&member.served, "requests")?;
        sums.resize(requests.len(), 0.0);
        sums.iter_mut().zip(requests).for_each(|(sum, requests)| *sum += requests);
    }
    Some(sums)
}

/// US dollars of the pool's routes over the horizon, as they are served in the bill.
fn paygo_total(working: &mut Working<'_>, pool: &str) -> Option<f64> {
    let mut sum = 0.0;
    for member in members(working, pool)? {
        sum += working.read(&format!("{}/usd_total", member.instead_of))?;
    }
    Some(sum)
}

fn burn_per_second(working: &mut Working<'_>, pool: &str) -> Option<f64> {
    let at = format!("{pool}/sizing");
    let label = working.text(&format!("{pool}/month"))?;
    let months = plan_months(working)?;
    let busiest = months.iter().position(|month| month.label() == label)?;
    let requests = *requests(working, pool)?.get(busiest)?;
    let seconds = f64::from(months[busiest].days()) * 86_400.0;
    let burn = burn_per_request(working, &at)?;
    working.line(format!(
        "{} requests in {label} ÷ {} s = {} a second",
        exact(requests),
        exact(seconds),
        exact(requests / seconds)
    ));
    let per_second = burn * requests / seconds;
    working.line(format!("× {} = {} burn tokens a second", exact(burn), exact(per_second)));
    Some(per_second)
}

pub(super) fn gsu_exact(working: &mut Working<'_>, pool: &str) -> Option<f64> {
    let per_second = burn_per_second(working, pool)?;
    let per_gsu = working.read(&format!("{pool}/sizing/throughput_per_gsu"))?;
    let count = per_second / per_gsu;
    working.line(format!("÷ {} a second per GSU = {} GSU", exact(per_gsu), exact(count)));
    Some(count)
}

fn quota(working: &mut Working<'_>, at: &str) -> Option<f64> {
    working.define("Burn tokens that an enforcement window admits at the form's count of GSUs.");
    let gsu = working.read(&format!("{at}/gsu"))?;
    let per_gsu = working.read(&format!("{at}/throughput_per_gsu"))?;
    let seconds = working.read(&format!("{at}/window/seconds"))?;
    working.line(format!("{gsu} GSU × {} a second × {seconds} s", exact(per_gsu)));
    Some(gsu * per_gsu * seconds)
}

fn form_price(working: &mut Working<'_>, at: &str, term: &str, field: &str) -> Option<f64> {
    let name = working.text(&format!("{term}/name"))?;
    let hours = if field == "usd_per_month" {
        HOURS_PER_MONTH
    } else {
        term_hours(working.text(&format!("{term}/term"))?)
    };
    working.define(match field {
        "usd_per_month" => {
            format!("List price of the form's GSUs for {name}, US dollars a month of 730 hours.")
        }
        _ => format!("List price of the form's GSUs for the whole term of {name}, US dollars."),
    });
    let gsu = working.read(&format!("{at}/gsu"))?;
    let per_hour = working.read(&format!("{term}/usd_per_gsu_hour"))?;
    working.line(format!("{gsu} GSU × {} USD a GSU-hour × {hours} hours", exact(per_hour)));
    Some(gsu * per_hour * hours)
}

/// Hours of a term: a week of 168, months of 730.
fn term_hours(id: &str) -> f64 {
    match id {
        "1-week" => 168.0,
        "3-months" => 3.0 * HOURS_PER_MONTH,
        "1-year" => 12.0 * HOURS_PER_MONTH,
        _ => HOURS_PER_MONTH,
    }
}

fn paygo_per_month(working: &mut Working<'_>, pool: &str) -> Option<f64> {
    working.define("What the pool's routes cost in the bill, US dollars in the mean month.");
    let mut total = paygo_total(working, pool)?;
    let chosen = working.chosen();
    for name in working.list(&format!("{pool}/waiting")).to_vec() {
        let route = chosen.iter().find(|route| Some(route.name) == name.as_str())?;
        total += working.read(&format!("{}/usd_total", route.base))?;
        working.line(format!("{} waits, and is paid at its own tier", route.name));
    }
    let months = working.horizon_months()?;
    working.line(format!("{} ÷ {months} months", exact(total)));
    Some(total / months)
}

fn paygo_per_burn(working: &mut Working<'_>, pool: &str) -> Option<f64> {
    working.define("What the pool's routes cost in the bill per burn token, US dollars.");
    let total = paygo_total(working, pool)?;
    let requests: f64 = requests(working, pool)?.iter().sum();
    let burn = working.read(&format!("{pool}/sizing/burn_per_request"))?;
    let price = total / (requests * burn);
    working.line(format!(
        "{} ÷ ({} requests × {} burn tokens) = {} USD per burn token",
        exact(total),
        exact(requests),
        exact(burn),
        exact(price)
    ));
    (requests * burn > 0.0).then_some(price)
}

fn term(working: &mut Working<'_>, pool: &str, at: &str, field: &str) -> Option<f64> {
    let own = format!("{pool}/terms/{at}");
    let name = working.text(&format!("{own}/name"))?;
    working.define(match field {
        "usd_per_gsu_hour" => format!("Price of one GSU-hour for {name}, US dollars."),
        "usd_per_gsu_month" => format!("Price of one GSU for {name} in the mean month, US dollars."),
        "break_even" => format!("Share of all hours that one GSU for {name} must be busy to pay for itself."),
        "form_usd_per_month" => format!("Fees of the form's GSUs for {name}, US dollars in the mean month."),
        "form_total_usd_per_month" => {
            format!("Fees of the form's GSUs for {name} and what they leave to PayGo, US dollars a month.")
        }
        "bound_usd" => format!("What the cheapest GSUs bind for {name}, US dollars; it cannot be cancelled."),
        "gsu" => format!("GSUs for {name} with the least fees and PayGo together; 0 when none pays."),
        "usd_per_month" => format!("Fees of those GSUs for {name} and PayGo, US dollars in the mean month."),
        "saving_usd_per_month" => {
            format!("What those GSUs for {name} save against PayGo alone, US dollars a month.")
        }
        "first_gsu_usd_per_month" => {
            format!("What the best purchase for {name} costs above PayGo alone, US dollars a month.")
        }
        _ => return None,
    });
    let price = gsu_hour(working, pool, at)?;
    match field {
        "usd_per_gsu_hour" => Some(price),
        "break_even" => {
            let value = full_hour(working, pool)?;
            working.line(format!("{} ÷ {}", exact(price), exact(value)));
            Some(price / value)
        }
        "bound_usd" => {
            let gsu = working.read(&format!("{own}/gsu"))?;
            let hours = term_hours(working.text(&format!("{own}/term"))?);
            working.line(format!("{gsu} GSU × {} × {} hours of the term", exact(price), exact(hours)));
            Some(gsu * price * hours)
        }
        _ => monthly(working, pool, field, price),
    }
}

/// A GSU-month, and what counts of the curve come to.
fn monthly(working: &mut Working<'_>, pool: &str, field: &str, price: f64) -> Option<f64> {
    let months = plan_months(working)?;
    let hours = months.iter().map(|month| f64::from(month.days()) * 24.0).sum::<f64>() / months.len() as f64;
    let per_month = price * hours;
    working.line(format!("× {} hours of the mean month = {}", exact(hours), exact(per_month)));
    if field == "usd_per_gsu_month" {
        return Some(per_month);
    }
    let paygo = working.read(&format!("{pool}/paygo_usd_per_month"))?;
    if field.starts_with("form") {
        let gsu = working.read(&format!("{pool}/sizing/gsu"))?;
        let fees = gsu * per_month;
        working.line(format!("{gsu} GSU × {} = {}", exact(per_month), exact(fees)));
        if field == "form_usd_per_month" {
            return Some(fees);
        }
        let row = curve_row(working, pool, gsu)?;
        return Some(fees + working.read(&format!("{pool}/curve/{row}/paygo_usd_per_month"))?);
    }
    let costs = |working: &Working<'_>| -> Vec<(f64, f64)> {
        let rows = working.list(&format!("{pool}/curve")).iter();
        rows.filter_map(|row| {
            let gsu = row.get("gsu")?.as_f64()?;
            Some((gsu, gsu * per_month + row.get("paygo_usd_per_month")?.as_f64()?))
        })
        .collect()
    };
    let costs = costs(working);
    let least = |from: usize| costs.iter().skip(from).copied().min_by(|a, b| a.1.total_cmp(&b.1));
    let (gsu, usd) = least(0)?;
    working.line(format!(
        "least of {} counts: GSU × {} + what the count leaves to PayGo: {gsu} GSU, {}",
        costs.len(),
        exact(per_month),
        exact(usd)
    ));
    match field {
        "gsu" => Some(gsu),
        "usd_per_month" => Some(usd),
        "saving_usd_per_month" => {
            working.line(format!("PayGo alone {} − {}", exact(paygo), exact(usd)));
            Some(paygo - usd)
        }
        _ => {
            let (gsu, usd) = least(1)?;
            working.line(format!("least above 0 GSU: {gsu} GSU, {} − {}", exact(usd), exact(paygo)));
            Some(usd - paygo)
        }
    }
}

/// Which row of the curve a count stands in.
pub(super) fn curve_row(working: &Working<'_>, pool: &str, gsu: f64) -> Option<usize> {
    working.list(&format!("{pool}/curve")).iter().position(|row| row["gsu"].as_f64() == Some(gsu))
}

/// Price of a GSU-hour: the list's, at the location, times what was negotiated.
pub(super) fn gsu_hour(working: &mut Working<'_>, pool: &str, at: &str) -> Option<f64> {
    let list = working.read(&format!("{pool}/sizing/terms/{at}/usd_per_gsu_hour"))?;
    let negotiated = working.number("/workload/price_factors/gsu_hours")?;
    if negotiated != 1.0 {
        working.note("/workload/price_factors/gsu_hours", exact(negotiated));
        working.line(format!(
            "a GSU-hour: {} × {} negotiated = {}",
            exact(list),
            exact(negotiated),
            exact(list * negotiated)
        ));
    } else {
        working.line(format!("a GSU-hour: {} USD", exact(list)));
    }
    Some(list * negotiated)
}

/// What the burn tokens of one GSU-hour at full use cost otherwise.
fn full_hour(working: &mut Working<'_>, pool: &str) -> Option<f64> {
    let per_gsu = working.read(&format!("{pool}/sizing/throughput_per_gsu"))?;
    let per_burn = working.read(&format!("{pool}/paygo_usd_per_burn"))?;
    let value = per_gsu * 3600.0 * per_burn;
    working.line(format!(
        "at full use it replaces {} × 3,600 s × {} = {} USD",
        exact(per_gsu),
        exact(per_burn),
        exact(value)
    ));
    Some(value)
}
