//! The difference of two plans as text and Markdown.

use super::{
    format::{figure, money_small, money_whole, percent, signed_amounts},
    sheet::Sheet,
};
use crate::{
    model::{ModelId, Placement, Tier},
    projection::{
        SavedSpread, SavedWarning,
        diff::{AssumptionChange, Cause, Diff, Part, RouteDiff, Side, TokenChange},
    },
};

/// Longest name of a plan that is shown.
const NAME_LETTERS: usize = 48;

/// Longest value of a key that is shown.
const VALUE_LETTERS: usize = 160;

/// Warnings of a kind that are shown.
const WARNINGS_SHOWN: usize = 5;

/// For a terminal.
pub fn diff_text(diff: &Diff) -> String {
    sheet(diff).terminal()
}

/// For a pull request.
pub fn diff_markdown(diff: &Diff) -> String {
    sheet(diff).markdown()
}

fn sheet(diff: &Diff) -> Sheet {
    let mut sheet = Sheet { title: title(diff), ..Sheet::default() };
    if diff.is_empty() {
        sheet.text("Nothing changed.");
        return sheet;
    }
    sheet.text(bill(diff));
    sheet.table(causes(diff));
    sheet.table(routes(diff));
    sheet.list("Placements in the bill that changed", diff.routes.iter().filter_map(moved).collect());
    sheet.table(tokens(diff));
    sheet.table(prices(diff));
    sheet.table(gsus(diff));
    sheet.list("What the workloads say differently", diff.assumptions.iter().map(assumption).collect());
    sheet.list("New warnings", sentences(&diff.warnings_new));
    sheet.list("Warnings gone", sentences(&diff.warnings_gone));
    sheet.list("Notes", diff.notes.clone());
    sheet
}

/// The first few warnings; all stand in the JSON.
fn sentences(warnings: &[SavedWarning]) -> Vec<String> {
    let mut entries: Vec<String> =
        warnings.iter().take(WARNINGS_SHOWN).map(|warning| warning.message.clone()).collect();
    if warnings.len() > WARNINGS_SHOWN {
        entries.push(format!("{} more with --json", warnings.len() - WARNINGS_SHOWN));
    }
    entries
}

fn title(diff: &Diff) -> String {
    let (a, b) = (&diff.before, &diff.after);
    let names =
        if a.name == b.name { a.name.clone() } else { format!("{} → {}", short(&a.name), short(&b.name)) };
    let months = |side: &Side| format!("{} to {}", side.horizon[0], side.horizon[1]);
    let when = if a.horizon == b.horizon { months(a) } else { format!("{} → {}", months(a), months(b)) };
    format!("{names} · {when}")
}

/// The end of a long path, which tells more than its beginning.
fn short(name: &str) -> String {
    let letters = name.chars().count();
    if letters <= NAME_LETTERS {
        return name.to_string();
    }
    format!("…{}", name.chars().skip(letters - NAME_LETTERS).collect::<String>())
}

fn bill(diff: &Diff) -> String {
    let (a, b) = (&diff.before, &diff.after);
    let range = |month: &SavedSpread| format!("{} to {}", money_whole(month.p05), money_whole(month.p95));
    let at_least = |side: &Side| if side.complete { "" } else { "at least " };
    let share = diff.change_share.map(|share| format!(", {}", signed_percent(share))).unwrap_or_default();
    let change = signed_amounts(&[diff.change_usd_per_month]).remove(0);
    format!(
        "{}{} → {}{} a month ({change}{share}); 90 % range {} → {}; {} → {} a request",
        at_least(a),
        money_whole(a.month.mean),
        at_least(b),
        money_whole(b.month.mean),
        range(&a.month),
        range(&b.month),
        money_small(a.usd_per_request),
        money_small(b.usd_per_request),
    )
}

fn signed_percent(share: f64) -> String {
    let text = percent(share.abs());
    match share {
        share if share < 0.0 => format!("-{text}"),
        share if share > 0.0 => format!("+{text}"),
        _ => text,
    }
}

fn head(captions: &[&str]) -> Vec<String> {
    captions.iter().map(ToString::to_string).collect()
}

/// The parts and their sum, rounded so that what is shown adds up.
fn causes(diff: &Diff) -> Vec<Vec<String>> {
    let mut rows = vec![head(&["cause", "$ a month"])];
    if diff.causes.is_empty() {
        return rows;
    }
    let parts: Vec<f64> = diff.causes.iter().map(|part| part.usd_per_month).collect();
    let mut shown = signed_amounts(&parts);
    let total = shown.pop().expect("the sum stands last");
    for (part, amount) in diff.causes.iter().zip(shown) {
        rows.push(vec![label(part.cause, &diff.routes).into(), amount]);
    }
    rows.push(vec!["all".into(), total]);
    rows
}

/// A cause's name; where every route that moved took another model, the model is named for it.
fn label(cause: Cause, routes: &[RouteDiff]) -> &'static str {
    let placed = |route: &RouteDiff| Some((route.before.clone()?, route.after.clone()?));
    let moved: Vec<(Placement, Placement)> =
        routes.iter().filter_map(placed).filter(|(before, after)| before != after).collect();
    let models = !moved.is_empty() && moved.iter().all(|(before, after)| before.model != after.model);
    match cause {
        Cause::PlacementTokens if models => "other model's tokens",
        Cause::PlacementPrices if models => "other model's prices",
        cause => cause.label(),
    }
}

fn routes(diff: &Diff) -> Vec<Vec<String>> {
    let mut rows = vec![head(&["route", "before", "after", "$ a month", "mostly"])];
    let changes: Vec<f64> = diff.routes.iter().map(|route| route.change_usd_per_month).collect();
    for (route, change) in diff.routes.iter().zip(signed_amounts(&changes)) {
        rows.push(vec![
            route.route.clone(),
            route.before.as_ref().map_or("–".into(), |_| money_whole(route.usd_before)),
            route.after.as_ref().map_or("–".into(), |_| money_whole(route.usd_after)),
            change,
            mostly(&route.causes)
                .map_or("–".into(), |cause| label(cause, std::slice::from_ref(route)).to_string()),
        ]);
    }
    rows
}

fn mostly(parts: &[Part]) -> Option<Cause> {
    parts.iter().max_by(|a, b| a.usd_per_month.abs().total_cmp(&b.usd_per_month.abs())).map(|part| part.cause)
}

fn moved(route: &RouteDiff) -> Option<String> {
    let (before, after) = (route.before.as_ref()?, route.after.as_ref()?);
    (before != after).then(|| format!("{}: {} → {}", route.route, place(before), place(after)))
}

/// `3-pro-image vertex:global`.
fn place(placement: &Placement) -> String {
    let tier = match placement.tier {
        Tier::Standard => String::new(),
        tier => format!(" {tier}"),
    };
    format!("{} {}{tier}", short_model(&placement.model), placement.endpoint)
}

fn short_model(model: &ModelId) -> &str {
    model.0.strip_prefix("gemini-").unwrap_or(&model.0)
}

fn tokens(diff: &Diff) -> Vec<Vec<String>> {
    let mut rows = vec![head(&["tokens a request", "before", "after", "why", "by chance?"])];
    let compared = diff.tokens.iter().filter(|change| change.p_value.is_some()).count();
    for change in &diff.tokens {
        rows.push(vec![
            format!("{} {}", change.route, change.class.label()),
            figure(change.before),
            figure(change.after),
            why(change, &diff.routes).into(),
            chance(change, compared),
        ]);
    }
    rows
}

fn why(change: &TokenChange, routes: &[RouteDiff]) -> &'static str {
    let own = routes.iter().find(|route| route.route == change.route);
    match change.cause {
        Cause::Assumptions => "asked for",
        Cause::Tokens => "profile",
        _ if own.is_some_and(|route| {
            label(change.cause, std::slice::from_ref(route)) != change.cause.label()
        }) =>
        {
            "model"
        }
        _ => "placement",
    }
}

/// The p-value is shown as it is judged: times the number of comparisons (Bonferroni).
fn chance(change: &TokenChange, compared: usize) -> String {
    let judged = change.p_value.map(|p| (p * compared as f64).min(1.0));
    match (judged, change.beyond_chance) {
        (Some(p), Some(true)) => format!("no (p {})", p_value(p)),
        (Some(p), _) => format!("may be (p {})", p_value(p)),
        (None, _) if change.cause == Cause::Assumptions => "–".into(),
        (None, _) => "no error stated".into(),
    }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

fn prices(diff: &Diff) -> Vec<Vec<String>> {
    let mut rows = vec![head(&["price, USD per million tokens", "before", "after", "change"])];
    for change in &diff.prices {
        rows.push(vec![
            format!("{} {}", place(&change.placement), change.class.label()),
            figure(change.before_usd_per_mtok),
            figure(change.after_usd_per_mtok),
            match change.before_usd_per_mtok {
                0.0 => "–".into(),
                before => signed_percent(change.after_usd_per_mtok / before - 1.0),
            },
        ]);
    }
    rows
}

fn gsus(diff: &Diff) -> Vec<Vec<String>> {
    let mut rows = vec![head(&["GSUs by Google's form", "before", "after"])];
    let count = |gsu: Option<u64>| gsu.map_or("–".into(), |gsu| gsu.to_string());
    for change in &diff.gsu {
        let pool = format!("{} {}", short_model(&change.model), change.endpoint);
        rows.push(vec![pool, count(change.before), count(change.after)]);
    }
    rows
}

fn assumption(change: &AssumptionChange) -> String {
    let value = |value: &Option<String>| match value {
        Some(value) if value.chars().count() > VALUE_LETTERS => {
            format!("{}…", value.chars().take(VALUE_LETTERS).collect::<String>())
        }
        Some(value) => value.clone(),
        None => "not said".into(),
    };
    let whose = change.route.as_ref().map(|route| format!("{route}: ")).unwrap_or_default();
    format!("{whose}{} {} → {}", change.key, value(&change.before), value(&change.after))
}
