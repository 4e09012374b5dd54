//! What else differs: tokens with their significance, prices, what the workloads say, GSUs, warnings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{AssumptionChange, Cause, GsuChange, PriceChange, TokenChange, parts};
use crate::{
    model::{Endpoint, ModelId, Placement, TokenClass},
    projection::saved::{SavedPlan, SavedRoute, SavedTokens, SavedWarning},
    stats::two_sided_p_value,
    units::TOKENS_PER_MTOK,
};

/// A difference with a smaller p-value is called beyond chance, divided by the number of p-values.
const LEVEL: f64 = 0.05;

/// Relative differences below this are rounding.
const SAME: f64 = 1e-9;

fn differs(a: f64, b: f64) -> bool {
    (a - b).abs() > SAME * a.abs().max(b.abs())
}

/// Mean tokens that differ on the placements in the bill, with their significance.
pub(super) fn tokens(a: &SavedPlan, b: &SavedPlan) -> Vec<TokenChange> {
    let mut changes = Vec::new();
    for after in &b.routes {
        let Some(before) = a.route(&after.name) else { continue };
        let pair = parts::Pair::new((a, before), (b, after));
        for class in TokenClass::ALL {
            changes.extend(token_change(&pair, before, after, *class));
        }
    }
    let asked = changes.iter().filter(|change| change.p_value.is_some()).count().max(1) as f64;
    for change in &mut changes {
        change.beyond_chance = change.p_value.map(|p| p < LEVEL / asked);
    }
    changes
}

fn token_change(
    pair: &parts::Pair<'_>,
    before: &SavedRoute,
    after: &SavedRoute,
    class: TokenClass,
) -> Option<TokenChange> {
    let of = |route: &SavedRoute| -> Option<SavedTokens> {
        route.chosen().per_request.as_ref()?.tokens.get(&class).cloned()
    };
    let (was, is) = (of(before), of(after));
    let mean = |tokens: &Option<SavedTokens>| tokens.as_ref().map_or(0.0, |tokens| tokens.mean);
    let error = |tokens: &Option<SavedTokens>| tokens.as_ref().map_or(0.0, |tokens| tokens.standard_error);
    if !differs(mean(&was), mean(&is)) {
        return None;
    }
    let moved = before.chosen().placement.get() != after.chosen().placement.get();
    let cause = match pair.cause_of_tokens(class) {
        Cause::Tokens if moved => Cause::PlacementTokens,
        cause => cause,
    };
    let standard_error = error(&was).hypot(error(&is));
    let by_chance = cause != Cause::Assumptions && standard_error > 0.0;
    Some(TokenChange {
        route: after.name.clone(),
        class,
        before: mean(&was),
        after: mean(&is),
        standard_error,
        cause,
        p_value: by_chance.then(|| two_sided_p_value((mean(&is) - mean(&was)) / standard_error)),
        beyond_chance: None,
    })
}

/// Prices that differ on a placement of the bill that both plans know.
pub(super) fn prices(a: &SavedPlan, b: &SavedPlan) -> Vec<PriceChange> {
    let mut found: BTreeMap<(Placement, TokenClass), (f64, f64)> = BTreeMap::new();
    for after in &b.routes {
        let Some(before) = a.route(&after.name) else { continue };
        for place in [before.chosen().placement.get(), after.chosen().placement.get()] {
            let (Some(was), Some(is)) = (before.on(&place), after.on(&place)) else { continue };
            for class in TokenClass::ALL {
                let uses = |plan: &crate::projection::saved::SavedPlacement| {
                    plan.per_request.as_ref().is_some_and(|request| request.tokens.contains_key(class))
                };
                let prices =
                    parts::price_per_token(a, was, *class).zip(parts::price_per_token(b, is, *class));
                if let Some((was, is)) = prices.filter(|(x, y)| differs(*x, *y) && (uses(was) || uses(is))) {
                    found.insert((place.clone(), *class), (was, is));
                }
            }
        }
    }
    let per_mtok = TOKENS_PER_MTOK as f64;
    found
        .into_iter()
        .map(|((placement, class), (was, is))| PriceChange {
            placement,
            class,
            before_usd_per_mtok: was * per_mtok,
            after_usd_per_mtok: is * per_mtok,
        })
        .collect()
}

/// What the two workloads say differently, key by key; a route that only one of them has is named by the
/// causes.
pub(super) fn assumptions(a: &SavedPlan, b: &SavedPlan) -> Vec<AssumptionChange> {
    let mut changes = Vec::new();
    let (before, after) = (said(a), said(b));
    let keys: BTreeSet<&(Option<String>, String)> = before.keys().chain(after.keys()).collect();
    let in_both = |key: &(Option<String>, String)| {
        key.0.as_ref().is_none_or(|route| a.route(route).is_some() && b.route(route).is_some())
    };
    for key in keys.into_iter().filter(|key| in_both(key)) {
        let (was, is) = (before.get(key), after.get(key));
        if was != is {
            changes.push(AssumptionChange {
                route: key.0.clone(),
                key: key.1.clone(),
                before: was.cloned(),
                after: is.cloned(),
            });
        }
    }
    changes
}

type Said = BTreeMap<(Option<String>, String), String>;

/// Everything a resolved workload says, in words.
fn said(plan: &SavedPlan) -> Said {
    let workload = &plan.workload;
    let mut said = Said::new();
    let mut say = |key: &str, value: String| said.insert((None, key.to_string()), value);
    say("start", workload.start.to_string());
    say("horizon_months", workload.horizon_months.to_string());
    say("as_of", workload.as_of.to_string());
    say("prices_checked", plan.prices_checked.to_string());
    say("price_factor.tokens", workload.price_factors.tokens.to_string());
    if let Some(budget) = workload.budget_usd_per_month {
        say("budget_usd_per_month", budget.to_string());
    }
    if !workload.credits.is_empty() {
        say("credits", in_words(&Value::Array(workload.credits.clone())));
    }
    for route in &workload.routes {
        let name = route.get("name").and_then(Value::as_str).unwrap_or_default();
        flatten(name, "", route, &mut said);
    }
    for assumed in &workload.assumed {
        // A default that another key shows already would stand there twice.
        let path = format!(".{}", assumed.key);
        let shown = |(route, key): &(Option<String>, String)| {
            *route == assumed.route && (*key == assumed.key || key.ends_with(&path))
        };
        if !said.keys().any(shown) {
            said.insert((assumed.route.clone(), assumed.key.clone()), assumed.value.clone());
        }
    }
    said
}

/// Objects key by key, ranges and lists as a whole.
fn flatten(route: &str, path: &str, fields: &Map<String, Value>, said: &mut Said) {
    for (key, value) in fields.iter().filter(|(key, _)| *key != "name") {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Object(range) if range.contains_key("likely") => {
                said.insert((Some(route.to_string()), path), range_in_words(range));
            }
            Value::Object(below) => flatten(route, &path, below, said),
            Value::Null => {}
            value => {
                said.insert((Some(route.to_string()), path), in_words(value));
            }
        }
    }
}

/// Texts without quotes, lists in brackets, whole numbers without a point.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or(number.to_string(), |number| number.to_string()),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(in_words).collect();
            format!("[{}]", values.join(", "))
        }
        value => value.to_string(),
    }
}

/// `[p5, likely, p95]`, or one number when all are the same.
fn range_in_words(range: &Map<String, Value>) -> String {
    let points: Vec<String> =
        ["p05", "likely", "p95"].iter().filter_map(|key| range.get(*key)).map(in_words).collect();
    if points.iter().all(|point| *point == points[0]) {
        return points[0].clone();
    }
    format!("[{}]", points.join(", "))
}

/// GSUs by Google's form that differ.
pub(super) fn gsus(a: &SavedPlan, b: &SavedPlan) -> Vec<GsuChange> {
    let of = |plan: &SavedPlan| -> BTreeMap<(ModelId, Endpoint), u64> {
        let pools = plan.gsu.iter().flat_map(|gsu| &gsu.pools);
        pools
            .filter_map(|pool| Some(((pool.model.clone(), pool.endpoint.clone()), pool.sizing?.gsu)))
            .collect()
    };
    let (before, after) = (of(a), of(b));
    let keys: BTreeSet<&(ModelId, Endpoint)> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .filter(|key| before.get(key) != after.get(key))
        .map(|key| GsuChange {
            model: key.0.clone(),
            endpoint: key.1.clone(),
            before: before.get(key).copied(),
            after: after.get(key).copied(),
        })
        .collect()
}

/// Warnings that only one of the two has: new ones, gone ones.
pub(super) fn warnings(a: &SavedPlan, b: &SavedPlan) -> (Vec<SavedWarning>, Vec<SavedWarning>) {
    let only = |here: &SavedPlan, there: &SavedPlan| -> Vec<SavedWarning> {
        here.warnings.iter().filter(|warning| !there.warnings.contains(warning)).cloned().collect()
    };
    (only(b, a), only(a, b))
}
