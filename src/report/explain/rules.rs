//! The rules of admission that no page tells: what each was valued by.

use super::{
    counts,
    gsu::curve_row,
    working::{Working, exact},
};

/// Numbers below `/gsu/pools/i/rules/j`.
pub(super) fn explain(working: &mut Working<'_>, pool: &str, at: &str, path: &[&str]) -> Option<f64> {
    let own = format!("{pool}/rules/{at}");
    match path {
        ["gsu"] => {
            working.define("A count of GSUs whose open rules are valued.");
            let asked = working.list(&format!("{own}/asked_by")).iter().filter_map(|by| by.as_str());
            let asked: Vec<&str> = asked.collect();
            working.line(format!("asked for by: {}", asked.join(", ")));
            working.number(&format!("{own}/gsu"))
        }
        ["left_share"] => {
            let gsu = working.read(&format!("{own}/gsu"))?;
            let row = curve_row(working, pool, gsu)?;
            counts::left(working, pool, &row.to_string())
        }
        ["envelope", end @ ("0" | "1")] => envelope(working, &own, *end == "1"),
        ["drawn", "left_share"] => {
            working.define("Share of the drawn requests' burn tokens that the curve's own rules leave.");
            let left = working.read(&format!("{own}/drawn/left_burn"))?;
            let burn = working.read(&format!("{own}/drawn/burn"))?;
            working.line(format!("{} left ÷ {} burn tokens drawn", exact(left), exact(burn)));
            Some(left / burn)
        }
        ["rules", rule, field] => {
            let rule = format!("{own}/rules/{rule}");
            let name = working.text(&format!("{rule}/rule"))?.replace('_', " ");
            value(working, pool, (&own, &rule, &name), field)
        }
        ["learned", rule, field] => {
            let rule = format!("{own}/learned/{rule}");
            let name = learned_name(working, &rule);
            rests_on(working, pool);
            value(working, pool, (&own, &rule, &name), field)
        }
        _ => None,
    }
}

/// The least or the most of the curve and all rules.
fn envelope(working: &mut Working<'_>, own: &str, most: bool) -> Option<f64> {
    let word = if most { "Highest" } else { "Lowest" };
    if !working.list(&format!("{own}/learned")).is_empty() {
        return learned_envelope(working, own, word);
    }
    working.define(format!(
        "{word} share of burn tokens that the count leaves under the curve's rules and each open rule."
    ));
    let mut end = working.read(&format!("{own}/left_share"))?;
    working.line(format!("the curve's rules leave {}", exact(end)));
    for rule in 0..working.list(&format!("{own}/rules")).len() {
        let name = working.text(&format!("{own}/rules/{rule}/rule"))?.replace('_', " ");
        let share = working.read(&format!("{own}/rules/{rule}/left_share"))?;
        working.line(format!("{name}: {}", exact(share)));
        end = if most { end.max(share) } else { end.min(share) };
    }
    Some(end)
}

/// The least or the most of the rules that production leaves possible; the ends of a window's range are those of
/// the curve, moved to the best of them.
fn learned_envelope(working: &mut Working<'_>, own: &str, word: &str) -> Option<f64> {
    working.define(format!(
        "{word} share of burn tokens that the count leaves under the rules that production does not exclude."
    ));
    let mut shares = Vec::new();
    for at in 0..working.list(&format!("{own}/learned")).len() {
        let rule = format!("{own}/learned/{at}");
        let share = working.read(&format!("{rule}/left_share"))?;
        working.line(format!("{}: {}", learned_name(working, &rule), exact(share)));
        shares.push(share);
    }
    let best = *shares.first()?;
    for at in 0..working.list(&format!("{own}/rules")).len() {
        let rule = format!("{own}/rules/{at}");
        if working.number(&format!("{rule}/drawn_left_burn")).is_none() {
            let name = working.text(&format!("{rule}/rule"))?.replace('_', " ");
            let difference = working.read(&format!("{rule}/difference"))?;
            let share = (best + difference).clamp(0.0, 1.0);
            working.line(format!("{name}: {} + {}", exact(best), exact(difference)));
            shares.push(share);
        }
    }
    let pick = if word == "Highest" { f64::max } else { f64::min };
    shares.into_iter().reduce(pick)
}

/// `mean, sliding, any, forget`.
fn learned_name(working: &Working<'_>, rule: &str) -> String {
    let part = |key: &str| working.text(&format!("{rule}/rule/{key}")).unwrap_or("?").replace('_', " ");
    ["estimate", "clock", "refund", "overrun"].map(part).join(", ")
}

/// The log that a learned rule rests on.
fn rests_on(working: &mut Working<'_>, pool: &str) {
    let text = |key: &str| working.text(&format!("{pool}/learned/{key}")).unwrap_or("?");
    let number = |key: &str| working.number(&format!("{pool}/learned/{key}")).map_or("?".into(), exact);
    let line = format!(
        "rule of admission learned from {} requests at {} GSU, {} to {}, {} of them spilled",
        number("requests"),
        number("gsu"),
        text("first"),
        text("last"),
        number("spilled")
    );
    working.evidence.push(line);
}

/// Numbers below `/gsu/pools/i/learned`.
pub(super) fn learned(working: &mut Working<'_>, pool: &str, field: &str) -> Option<f64> {
    working.define(match field {
        "requests" => "Requests of a production log that were held against every rule of admission.",
        "spilled" => "Requests of the log that no GSU served.",
        "invocations" => "Requests that Google counted in the time of the log.",
        "gsu" => "GSUs that were in force while the log was written.",
        "window_seconds" => "Their enforcement window, seconds.",
        "blocks" => "Blocks of time over which confidence was taken.",
        _ => return None,
    });
    let found = working.number(&format!("{pool}/learned/{field}"))?;
    working.line("counted by `replay --learn-rule`, read from its file, not computed");
    rests_on(working, pool);
    Some(found)
}

/// A number of the rule at `rule`, called `name`, of the envelope at `own`.
fn value(
    working: &mut Working<'_>,
    pool: &str,
    (own, rule, name): (&str, &str, &str),
    field: &str,
) -> Option<f64> {
    match field {
        "difference" => {
            working.define(format!(
                "What the rule `{name}` leaves more than the curve's rules, share of burn tokens."
            ));
            difference(working, pool, own, rule)
        }
        "left_share" => {
            working.define(format!("Share of burn tokens that the count leaves under the rule `{name}`."));
            let difference = difference(working, pool, own, rule)?;
            let curve = working.read(&format!("{own}/left_share"))?;
            working.line(format!(
                "the curve leaves {}; {} + {}, between 0 and 1",
                exact(curve),
                exact(curve),
                exact(difference)
            ));
            Some((curve + difference).clamp(0.0, 1.0))
        }
        _ => None,
    }
}

fn difference(working: &mut Working<'_>, pool: &str, own: &str, rule: &str) -> Option<f64> {
    let Some(left) = working.number(&format!("{rule}/drawn_left_burn")) else {
        return between_curves(working, pool, own, rule);
    };
    working.note(&format!("{rule}/drawn_left_burn"), exact(left));
    let base = working.read(&format!("{own}/drawn/left_burn"))?;
    let burn = working.read(&format!("{own}/drawn/burn"))?;
    let requests = working.read(&format!("{own}/drawn/requests"))?;
    let seed = working.read("/workload/seed")?;
    working.line(format!(
        "{} requests of the busiest month, drawn with seed {seed}, sent through the admission twice",
        exact(requests)
    ));
    working.line(format!(
        "({} left under it − {} under the curve's rules) ÷ {} burn tokens",
        exact(left),
        exact(base),
        exact(burn)
    ));
    Some((left - base) / burn)
}

/// A window of another length: its curve is a law of its own, not a sum.
fn between_curves(working: &mut Working<'_>, pool: &str, own: &str, rule: &str) -> Option<f64> {
    let gsu = working.read(&format!("{own}/gsu"))?;
    let per_gsu = working.read(&format!("{pool}/sizing/throughput_per_gsu"))?;
    let seconds = working.read(&format!("{rule}/window_seconds"))?;
    let planned = working.read(&format!("{own}/window_seconds"))?;
    let range: Vec<String> =
        working.list(&format!("{own}/window_range_seconds")).iter().map(ToString::to_string).collect();
    working.line(format!("the documents give a window of {} s", range.join(" to ")));
    working.line(format!(
        "quota: {gsu} GSU × {} a second × {seconds} s = {} burn tokens, in place of {planned} s",
        exact(per_gsu),
        exact(gsu * per_gsu * seconds)
    ));
    working.line("the curve was computed anew with that window, request by request or between bounds");
    let found = working.number(&format!("{rule}/difference"))?;
    working.line(format!("it leaves {} more", exact(found)));
    Some(found)
}
