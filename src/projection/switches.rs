//! Known unknowns: open questions with a default, and what the bill would be under the other answer.

use std::collections::BTreeMap;

use super::{
    drivers::{Driver, DriverKind},
    measure::Measured,
    placement::plan_with,
    plan::{Inputs, RoutePlan},
};
use crate::{
    calendar::Month,
    model::TokenClass,
    prices::ModelKind,
    stats::jeffreys_interval,
    tokens::{Cell, RequestKind},
    units::TOKENS_PER_MTOK,
    workload::Route,
};

/// Change of the mean month, US dollars, by question and by what is known of it.
type Changes = BTreeMap<(String, String), f64>;

/// Every open question that touches a chosen placement.
pub(super) fn switches(inputs: &Inputs<'_>, pairs: &[(&Route, &RoutePlan)], months: &[Month]) -> Vec<Driver> {
    let count = months.len() as f64;
    let readings = other_readings(inputs, pairs, months);
    let questions =
        [other_prices(inputs, pairs, count), timed_out(inputs, pairs, count), blocked(inputs, pairs, count)];
    let mut found: Vec<Driver> = readings
        .into_iter()
        .map(|(question, change)| Driver {
            settled_at: place_of(&question.0, pairs),
            ..driver(question, change)
        })
        .collect();
    found.extend(questions.into_iter().flatten().map(|(question, change)| driver(question, change)));
    found
}

fn driver((name, note): (String, String), change: f64) -> Driver {
    Driver {
        name,
        from_to: note,
        low_usd: change.min(0.0),
        high_usd: change.max(0.0),
        kind: DriverKind::Switch,
        sobol: None,
        settled_at: None,
    }
}

/// The placement that a question names at its end.
fn place_of(name: &str, pairs: &[(&Route, &RoutePlan)]) -> Option<Measured> {
    let places = pairs.iter().map(|(_, plan)| &plan.chosen().placement);
    let mut named = places.filter(|place| name.ends_with(&format!("? {} {}", place.model, place.endpoint)));
    named.next().map(|place| Measured { model: place.model.clone(), endpoint: place.endpoint.clone() })
}

/// Known unknowns of the token profiles: the bill under the other reading.
fn other_readings(inputs: &Inputs<'_>, pairs: &[(&Route, &RoutePlan)], months: &[Month]) -> Changes {
    let mut found = Changes::new();
    for (route, plan) in pairs {
        let chosen = plan.chosen();
        let key = (chosen.placement.endpoint.backend(), chosen.placement.model.clone());
        let Some(profile) = inputs.tokens.get(&key) else { continue };
        for (switch, note, other) in profile.alternatives() {
            let there = plan_with(inputs, route, chosen.placement.clone(), months, Some(&other));
            let change = there.usd_per_month - chosen.usd_per_month;
            let name = format!("{}? {} {}", switch.replace('-', " "), key.1, chosen.placement.endpoint);
            *found.entry((name, note)).or_default() += change;
        }
    }
    found
}

/// Prices on which sources disagree: the bill at the other price.
fn other_prices(inputs: &Inputs<'_>, pairs: &[(&Route, &RoutePlan)], months: f64) -> Changes {
    let mut found = Changes::new();
    for (_, plan) in pairs {
        let chosen = plan.chosen();
        let Some(request) = &chosen.per_request else { continue };
        let requests: f64 = chosen.months.iter().map(|spend| spend.requests).sum();
        for used in &chosen.rows {
            let row = inputs.prices.rows.iter().find(|row| row.line == used.line && row.file == used.file);
            for other in row.into_iter().flat_map(|row| &row.alternatives) {
                let Some(row) = row else { continue };
                let change: f64 = other
                    .classes()
                    .into_iter()
                    .flatten()
                    .filter_map(|class| {
                        let tokens = request.tokens[class].as_ref()?.mean;
                        let difference = other.value.to_f64() - row.rates[class]?.to_f64();
                        Some(tokens * difference / TOKENS_PER_MTOK as f64)
                    })
                    .sum();
                let name = format!("{} of {}", other.field, chosen.placement);
                let note = other.note.clone().unwrap_or_default();
                *found.entry((name, note)).or_default() += change * requests / months;
            }
        }
    }
    found
}

/// Share of attempts that time out where no answer was measured.
///
/// Source: one production service on the image models, which reported 3 to 8 %; nothing else was found.
const TIMED_OUT_SHARE: f64 = 0.055;

/// Share of answers without the picture where no answer was seen; no published rate was found.
const BLOCKED_SHARE: f64 = 0.03;

/// Answers from which a measured share takes the place of an assumed one.
const ANSWERS_FOR_A_SHARE: usize = 10;

/// Is an attempt that the caller gave up on billed? The plan says no: nobody documents it. If it is, every
/// attempt that ran out of time costs what an answer costs.
fn timed_out(inputs: &Inputs<'_>, pairs: &[(&Route, &RoutePlan)], months: f64) -> Changes {
    let mut found = Changes::new();
    for (route, plan) in pairs {
        let Some(chosen) = image_maker(inputs, plan) else { continue };
        let (share, known) = timed_out_share(route, cell_of(inputs, route, plan));
        let attempts = f64::from(route.max_attempts.unwrap_or(1));
        // Attempts made, 1 + s + s² + …, each of which times out with probability s.
        let made = (1.0 - share.powf(attempts)) / (1.0 - share);
        let name = format!("time-outs billed? {chosen}");
        *found.entry((name, known)).or_default() += plan.chosen().usd_total / months * made * share;
    }
    found
}

/// The share of attempts longer than the caller waits, and how it is known.
fn timed_out_share(route: &Route, cell: Option<&Cell>) -> (f64, String) {
    let latencies = cell.map(|cell| cell.latency_seconds.as_slice()).unwrap_or_default();
    match route.timeout_seconds {
        Some(timeout) if latencies.len() >= ANSWERS_FOR_A_SHARE => {
            let late = latencies.iter().filter(|seconds| **seconds > timeout).count() as u64;
            let share = jeffreys_interval(late, latencies.len() as u64, 0.9).mean;
            let n = latencies.len();
            (share, format!("{:.1} % of {n} answers took longer than {timeout} s", share * 100.0))
        }
        _ => (TIMED_OUT_SHARE, format!("{:.1} % of attempts, assumed", TIMED_OUT_SHARE * 100.0)),
    }
}

/// Are the prompt and the thoughts of a blocked answer billed? The plan says yes; its pictures are documented
/// as free, and the plan counts them all the same until a share was measured.
fn blocked(inputs: &Inputs<'_>, pairs: &[(&Route, &RoutePlan)], months: f64) -> Changes {
    let mut found = Changes::new();
    for (route, plan) in pairs {
        let (Some(chosen), Some(request)) = (image_maker(inputs, plan), &plan.chosen().per_request) else {
            continue;
        };
        let (share, known) = match cell_of(inputs, route, plan) {
            Some(cell) if cell.answers.len() >= ANSWERS_FOR_A_SHARE => {
                let answers = cell.answers.len() as u64 + cell.blocked;
                let share = jeffreys_interval(cell.blocked, answers, 0.9).mean;
                (share, format!("{} of {answers} answers were blocked", cell.blocked))
            }
            _ => (BLOCKED_SHARE, format!("{:.0} % of answers blocked, assumed", BLOCKED_SHARE * 100.0)),
        };
        let prompt_and_thoughts: f64 = request
            .usd
            .iter()
            .filter(|(class, _)| class.is_input() || *class == TokenClass::OutputThinking)
            .map(|(_, usd)| *usd)
            .sum();
        let requests: f64 = plan.chosen().months.iter().map(|spend| spend.requests).sum();
        let name = format!("blocked prompts and thoughts billed? {chosen}");
        *found.entry((name, known)).or_default() -= share * prompt_and_thoughts * requests / months;
    }
    found
}

/// `gemini-3-pro-image vertex:global` when the chosen placement makes images.
fn image_maker(inputs: &Inputs<'_>, plan: &RoutePlan) -> Option<String> {
    let placement = &plan.chosen().placement;
    let makes = inputs.prices.facts(&placement.model)?.kind == ModelKind::Image;
    makes.then(|| format!("{} {}", placement.model, placement.endpoint))
}

fn cell_of<'a>(inputs: &Inputs<'a>, route: &Route, plan: &RoutePlan) -> Option<&'a Cell> {
    let placement = &plan.chosen().placement;
    let profile = inputs.tokens.get(&(placement.endpoint.backend(), placement.model.clone()))?;
    profile.cell(RequestKind::of(route.shape.input_images.len()))
}
