//! The first screen of a plan: what a person reads before anything else.

use super::{
    Block, Piece, Section, captions,
    format::{figure, grouped, money_small, money_whole, percent},
    gsu_lines, shown, words,
};
use crate::{
    model::{Grade, ModelId, Placement, Tier},
    prices::EndKind,
    projection::{Bill, MeasureKind, Measurement, PerRequest, PlacementPlan, Plan, RoutePlan, Status},
};

/// Rows of the placement list on the first screen.
const PLACEMENTS_SHOWN: usize = 6;

/// Drivers on the first screen.
const DRIVERS_SHOWN: usize = 4;

/// One line that names workload, volume and horizon.
pub(super) fn title(plan: &Plan) -> String {
    let months = plan.months.len() as f64;
    let (first, last) = (&plan.months[0], &plan.months[plan.months.len() - 1]);
    format!(
        "{} · {} requests a month · {first} to {last}",
        plan.workload.name,
        figure(plan.bill.requests_total / months),
    )
}

/// The sections, in the order they are read.
pub(super) fn sections(plan: &Plan) -> Vec<Section> {
    let mut sections = Vec::new();
    if plan.warnings.iter().any(|warning| warning.code() == "rehearsed") {
        let banner = "tokens come from the emulator's play answers: nothing here is a forecast";
        sections.push(Section { heading: "REHEARSED", blocks: vec![Block::Text(vec![words(banner)])] });
    }
    sections.extend([
        Section { heading: "BILL", blocks: bill(plan) },
        Section { heading: "GSU", blocks: vec![Block::Text(gsu_lines::verdict(plan))] },
        Section { heading: "WHERE", blocks: places(plan) },
        Section { heading: "WHY", blocks: vec![Block::Text(why(plan))] },
        Section { heading: "GSU CHECK", blocks: gsu_lines::check(plan) },
        Section { heading: "WRONG BY", blocks: wrong_by(plan) },
        Section { heading: "LIMITS", blocks: vec![Block::Text(limits(plan))] },
        Section { heading: "NEXT", blocks: vec![Block::Text(next(plan))] },
    ]);
    sections
}

fn bill(plan: &Plan) -> Vec<Block> {
    let bill = &plan.bill;
    let at_least = if bill.complete { "" } else { "at least " };
    let mut first = with_orders(plan, at_least);
    let at_least = if first.is_empty() { at_least } else { "" };
    first.extend([
        words(at_least),
        shown(money_whole(bill.month.mean), "/bill/month/mean"),
        words(" a month (90 % range "),
        shown(money_whole(bill.month.p05), "/bill/month/p05"),
        words(" to "),
        shown(money_whole(bill.month.p95), "/bill/month/p95"),
        words("), "),
        shown(money_whole(bill.total.mean), "/bill/total/mean"),
        words(format!(" in {} months", plan.months.len())),
    ]);
    first.extend(course(plan));
    first.extend(over_budget(plan));
    first.extend(after_credits(bill));
    first.extend(a_request(plan));
    vec![Block::Text(first)]
}

/// From the first month to the last, where they lie apart.
fn course(plan: &Plan) -> Vec<Piece> {
    let months = &plan.bill.by_month;
    let last = months.len() - 1;
    let (start, end) = (months[0].mean, months[last].mean);
    if (end - start).abs() <= 0.2 * plan.bill.month.mean {
        return Vec::new();
    }
    vec![
        words("; from "),
        shown(money_whole(start), "/bill/by_month/0/mean"),
        words(" to "),
        shown(money_whole(end), format!("/bill/by_month/{last}/mean")),
    ]
}

fn over_budget(plan: &Plan) -> Vec<Piece> {
    let budget = plan.workload.budget_usd_per_month.zip(plan.bill.probability_over_budget);
    let Some((budget, over)) = budget else { return Vec::new() };
    vec![
        words("; over the budget of "),
        shown(money_whole(budget), "/workload/budget_usd_per_month"),
        words(" with probability "),
        shown(percent(over), "/bill/probability_over_budget"),
    ]
}

fn after_credits(bill: &Bill) -> Vec<Piece> {
    let Some(net) = &bill.net else { return Vec::new() };
    let mut text = vec![
        words("; credits leave "),
        shown(money_whole(net.month.mean), "/bill/net/month/mean"),
        words(" a month to pay ("),
        shown(money_whole(net.month.p05), "/bill/net/month/p05"),
        words(" to "),
        shown(money_whole(net.month.p95), "/bill/net/month/p95"),
        words(")"),
    ];
    if let Some(over) = net.probability_over_budget {
        text.push(words(", over the budget with probability "));
        text.push(shown(percent(over), "/bill/net/probability_over_budget"));
    }
    text
}

/// Where it is served, and what a request costs.
fn a_request(plan: &Plan) -> Vec<Piece> {
    let mut text = match plan.routes.as_slice() {
        [only] => vec![words(format!(", on {}; ", only.chosen().placement))],
        routes => vec![words(format!("; {} routes, each where it is cheapest; ", routes.len()))],
    };
    text.push(shown(money_small(plan.bill.usd_per_request), "/bill/usd_per_request"));
    text.push(words(" a request"));
    if let (Some(sheet), [only]) = (plan.bill.sheet_usd_per_request, plan.routes.as_slice()) {
        let size = plan.workload.routes.iter().find(|route| route.name == only.name);
        let size = size.map(|route| route.shape.output_size.as_str()).unwrap_or_default();
        text.push(words(", where the price sheet says "));
        text.push(shown(money_small(sheet), "/bill/sheet_usd_per_request"));
        text.push(words(format!(" for one {size} image")));
    }
    text
}

/// The month with the orders of provisioned throughput that run already, where any does.
fn with_orders(plan: &Plan, at_least: &str) -> Vec<Piece> {
    let commitments = &plan.gsu.commitments;
    if !commitments.orders_run {
        return Vec::new();
    }
    let month = |field: &str| format!("/gsu/commitments/month/{field}");
    let mut pieces = vec![
        words(at_least),
        shown(money_whole(commitments.month.total_usd), month("total_usd")),
        words(" a month with the GSU orders that run: "),
        shown(money_whole(commitments.month.committed_usd), month("committed_usd")),
        words(" committed, "),
    ];
    if commitments.month.renewing_usd > 0.0 {
        pieces.extend([
            shown(money_whole(commitments.month.renewing_usd), month("renewing_usd")),
            words(" renewing unless switched off, "),
        ]);
    }
    pieces.extend([
        shown(money_whole(commitments.month.variable_usd), month("variable_usd")),
        words(" PayGo; by PayGo alone "),
    ]);
    pieces
}

/// Heads of the first column of WHERE: one route and several, all rows shown and not.
pub(super) const PLACEMENTS: &str = "placement (* in the bill)";
pub(super) const PLACEMENTS_AND_MORE: &str = "placement (* in bill; more in report)";
pub(super) const IN_THE_BILL: &str = "placement in the bill";
pub(super) const IN_THE_BILL_AND_MORE: &str = "placement in the bill (more in report)";

/// Routes that the first screen always names, each of them.
const FEW_ROUTES: std::ops::RangeInclusive<usize> = 2..=4;

/// Whether every route has its row on the first screen.
pub(super) fn has_few_routes(plan: &Plan) -> bool {
    FEW_ROUTES.contains(&plan.routes.len())
}

fn places(plan: &Plan) -> Vec<Block> {
    let mut rows = Vec::new();
    let first_column = if plan.routes.len() == 1 { PLACEMENTS } else { IN_THE_BILL };
    let mut picks: Vec<(usize, usize, String)> = match plan.routes.as_slice() {
        [only] => pick_of_one(plan, only).into_iter().map(|(at, label)| (0, at, label)).collect(),
        routes => routes
            .iter()
            .enumerate()
            .map(|(at, route)| (at, route.chosen, format!("{}: {}", route.name, label(route.chosen()))))
            .collect(),
    };
    if plan.routes.len() > 1 {
        // The dearest first, so that what finds no room is what matters least.
        let usd = |at: usize| plan.routes[at].chosen().usd_per_served_month;
        picks.sort_by(|a, b| usd(b.0).total_cmp(&usd(a.0)));
    }
    let mut rest = gone(plan);
    // A few routes are all shown, whatever else is left out.
    let few = if has_few_routes(plan) { plan.routes.len() } else { 0 };
    let room = PLACEMENTS_SHOWN.saturating_sub(rest.len().div_ceil(2)).max(few);
    let left_out = picks.len().saturating_sub(room);
    for (route_at, at, label) in picks.into_iter().take(room) {
        let plan = &plan.routes[route_at].placements[at];
        let pointer = format!("/routes/{route_at}/placements/{at}");
        let Some(request) = &plan.per_request else { continue };
        rows.push(vec![
            words(label),
            shown(money_small(request.usd_total), format!("{pointer}/per_request/usd_total")),
            shown(money_whole(plan.usd_per_served_month), format!("{pointer}/usd_per_served_month")),
            words(evidence_short(request)),
        ]);
    }
    let mut blocks =
        vec![Block::Rows { header: captions([first_column, "$/request", "$/month", "evidence"]), rows }];
    if left_out > 0 {
        rest.push(format!("{left_out} more in the report"));
    }
    if !rest.is_empty() {
        blocks.push(Block::Text(vec![words(rest.join("; "))]));
    }
    blocks
}

/// The family name is on every id and would not fit.
pub(super) fn short(model: &str) -> &str {
    model.strip_prefix("gemini-").unwrap_or(model)
}

/// `3-pro-image vertex:global batch`.
pub(super) fn label(plan: &PlacementPlan) -> String {
    let Placement { model, endpoint, tier } = &plan.placement;
    let mut text = format!("{} {endpoint}", short(&model.0));
    if *tier != Tier::Standard {
        text += &format!(" {tier}");
    }
    text
}

/// For one route: the chosen placement, today's model elsewhere, its half-price tiers, then each compared
/// model where it is cheapest.
fn pick_of_one(plan: &Plan, route: &RoutePlan) -> Vec<(usize, String)> {
    let workload_route = plan.workload.routes.iter().find(|other| other.name == route.name);
    let tier = workload_route.map_or(Tier::Standard, |route| route.tier);
    let today = &route.chosen().placement.model;
    let serves = |plan: &PlacementPlan| plan.status.serves() && plan.per_request.is_some();
    let all = || route.placements.iter().enumerate().filter(|(_, plan)| serves(plan));
    let mut picks = vec![(route.chosen, format!("{} *", label(route.chosen())))];
    for (at, plan) in all().filter(|(at, plan)| {
        *at != route.chosen && plan.placement.model == *today && plan.placement.tier == tier
    }) {
        picks.push((at, label(plan)));
    }
    let cheapest = |waiting: Tier| {
        let of_tier = all().filter(|(at, plan)| {
            *at != route.chosen && plan.placement.model == *today && plan.placement.tier == waiting
        });
        of_tier.min_by(|a, b| a.1.usd_total.total_cmp(&b.1.usd_total))
    };
    match (cheapest(Tier::Flex), cheapest(Tier::Batch)) {
        (Some((at, flex)), Some((_, batch)))
            if flex.usd_total == batch.usd_total && flex.placement.endpoint == batch.placement.endpoint =>
        {
            picks.push((at, format!("{}/batch", label(flex))));
        }
        (flex, batch) => picks.extend(flex.into_iter().chain(batch).map(|(at, plan)| (at, label(plan)))),
    }
    let mut others: Vec<&ModelId> = Vec::new();
    for (_, plan) in all() {
        if plan.placement.model != *today && !others.contains(&&plan.placement.model) {
            others.push(&plan.placement.model);
        }
    }
    for model in others {
        let of_model =
            all().filter(|(_, plan)| plan.placement.model == *model && plan.placement.tier == tier);
        if let Some((at, plan)) = of_model.min_by(|a, b| a.1.usd_total.total_cmp(&b.1.usd_total)) {
            picks.push((at, label(plan)));
        }
    }
    picks
}

/// `gone: 2.5-flash-image developer since 2026-10-02 (next nano-banana-2.1)`, each placement once.
fn gone(plan: &Plan) -> Vec<String> {
    let mut by_successor: Vec<(Option<&ModelId>, Vec<String>)> = Vec::new();
    let mut ending = Vec::new();
    for placement in plan.routes.iter().flat_map(|route| &route.placements) {
        let place = format!("{} {}", short(&placement.placement.model.0), placement.placement.endpoint);
        match &placement.status {
            Status::EndsInside { end, .. } => ending.push(format!("{place} ends {end}")),
            Status::Gone { end, successor } => {
                let text = format!("{place} since {end}");
                match by_successor.iter_mut().find(|(next, _)| *next == successor.as_ref()) {
                    Some((_, list)) => list.push(text),
                    None => by_successor.push((successor.as_ref(), vec![text])),
                }
            }
            _ => {}
        }
    }
    let mut lines = Vec::new();
    for (successor, mut places) in by_successor {
        places.dedup();
        let next = successor.map(|model| format!(" (next {})", short(&model.0))).unwrap_or_default();
        lines.push(format!("gone: {}{next}", places.join(", ")));
    }
    ending.dedup();
    lines.extend(ending);
    lines
}

/// What stands behind a placement, in two words: answers seen of this kind, or the grade.
fn evidence_short(request: &PerRequest) -> String {
    let makes_images = request.sheet_usd_per_image.is_some();
    match (&request.seen, request.grade, request.answers) {
        (_, Grade::Rehearsed, _) => "rehearsed".into(),
        (Some(seen), _, _) if seen.answers == 1 => "1 answer: weak".into(),
        (Some(seen), _, _) => format!("{} answers", seen.answers),
        (None, _, _) if makes_images => "none seen".into(),
        (None, Grade::Measured, Some(1)) => "1 answer: weak".into(),
        (None, Grade::Measured, Some(n)) => format!("{n} answers"),
        (None, grade, _) => grade.to_string(),
    }
}

/// Grade of the classes that cost, and answers seen.
pub(super) fn evidence(request: &PerRequest) -> String {
    match (request.grade, request.answers) {
        (Grade::Measured, Some(n)) => format!("measured, n={n}"),
        (grade, _) => format!("{grade}, {}", evidence_short(request)),
    }
}

fn why(plan: &Plan) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let small = |share: f64| share < 0.01;
    for (at, share) in plan.shares.iter().enumerate().filter(|(_, share)| !small(share.share)) {
        if !pieces.is_empty() {
            pieces.push(words(", "));
        }
        pieces.push(words(format!("{} ", share.class.label())));
        pieces.push(shown(percent(share.share), format!("/shares/{at}/share")));
    }
    let rest: Vec<&str> =
        plan.shares.iter().filter(|share| small(share.share)).map(|share| share.class.label()).collect();
    if !rest.is_empty() {
        pieces.push(words(format!("; below 1 %: {}, which would not move the bill", rest.join(" and "))));
    }
    if pieces.is_empty() {
        pieces.push(words("no spend inside the horizon"));
    }
    pieces
}

fn wrong_by(plan: &Plan) -> Vec<Block> {
    let signed = |usd: f64| {
        if usd == 0.0 {
            "$0".to_string()
        } else if usd > 0.0 {
            format!("+{}", money_whole(usd))
        } else {
            money_whole(usd)
        }
    };
    let row = |(at, driver): (usize, &crate::projection::Driver)| {
        vec![
            words(driver.name.replace(" gemini-", " ")),
            shown(signed(driver.low_usd), format!("/drivers/{at}/low_usd")),
            shown(signed(driver.high_usd), format!("/drivers/{at}/high_usd")),
        ]
    };
    let rows = plan.drivers.iter().enumerate().take(DRIVERS_SHOWN).map(row).collect();
    let header = captions(["input (P10, P90) or open question, $ a month", "low", "high"]);
    vec![Block::Rows { header, rows }]
}

fn limits(plan: &Plan) -> Vec<Piece> {
    let limits = &plan.limits;
    let mut pieces = vec![
        words("peak "),
        shown(figure(limits.peak_requests_per_minute), "/limits/peak_requests_per_minute"),
        words(" requests a minute"),
    ];
    if limits.developer_usd_per_month_max > 0.0 {
        match limits.developer_tier_needed {
            Some(tier) => pieces.extend([
                words("; needs Developer spend tier "),
                shown(tier.to_string(), "/limits/developer_tier_needed"),
            ]),
            None => pieces.extend([
                words("; "),
                shown(
                    money_whole(limits.developer_usd_per_10_minutes_max),
                    "/limits/developer_usd_per_10_minutes_max",
                ),
                words(" in ten minutes is above every Developer spend tier"),
            ]),
        }
    }
    if !limits.no_paygo_promise.is_empty() {
        pieces.push(words("; no PayGo throughput is promised for image models"));
    }
    let mut ends: Vec<(String, Vec<&str>)> = Vec::new();
    for end in &limits.ends {
        let when = match end.kind {
            EndKind::Announced => format!("ends {}", end.end),
            EndKind::Earliest => format!("may end from {}", end.end),
            EndKind::Unconfirmed => format!("may end {} (unconfirmed)", end.end),
        };
        match ends.iter_mut().find(|(other, _)| *other == when) {
            Some((_, models)) => models.push(short(&end.model.0)),
            None => ends.push((when, vec![short(&end.model.0)])),
        }
    }
    for (when, mut models) in ends {
        models.dedup();
        pieces.push(words(format!("; {} {when}", models.join(", "))));
    }
    pieces.push(words("; GSU orders take up to 10 business days"));
    pieces
}

/// The measurement that settles and narrows most, its price, and the best of the other kind.
fn next(plan: &Plan) -> Vec<Piece> {
    let first = plan.measure_next.first().map(|first| first.kind);
    let other = |measurement: &&Measurement| Some(measurement.kind) != first && measurement.narrows > 0.005;
    let places = [0].into_iter().chain(plan.measure_next.iter().position(|m| other(&m)));
    measurements(plan, places)
}

/// The first of them alone, where the screen has no room for the other.
pub(super) fn next_in_short(plan: &Plan) -> Vec<Piece> {
    measurements(plan, [0].into_iter())
}

fn measurements(plan: &Plan, places: impl Iterator<Item = usize>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for at in places {
        let Some(measurement) = plan.measure_next.get(at) else { continue };
        let is_first = pieces.is_empty();
        if !is_first {
            pieces.push(words("; then "));
        }
        pieces.extend(match measurement.kind {
            MeasureKind::Calibration => calibration(measurement, at),
            MeasureKind::Traffic => log(measurement, at, is_first),
        });
    }
    if pieces.is_empty() {
        pieces.push(words("check the bill of last month against this one: burndown reconcile BILLING.csv"));
    }
    pieces
}

fn narrows(measurement: &Measurement, at: usize) -> Vec<Piece> {
    vec![
        words("narrows the range by "),
        shown(percent(measurement.narrows), format!("/measure_next/{at}/narrows")),
    ]
}

/// `burndown calibrate …: 12 requests on Vertex, $1.67 (at most $40), …`.
fn calibration(measurement: &Measurement, at: usize) -> Vec<Piece> {
    let base = format!("/measure_next/{at}");
    let mut pieces = vec![
        words("burndown calibrate WORKLOAD --from-plan PLAN: "),
        shown(grouped(measurement.requests), format!("{base}/requests")),
        words(" requests, "),
        shown(money_whole(measurement.usd_expected), format!("{base}/usd_expected")),
        words(" (at most "),
        shown(money_whole(measurement.usd_at_worst), format!("{base}/usd_at_worst")),
        words("), "),
    ];
    if measurement.settles_usd > 0.0 {
        let question = if measurement.settles.len() == 1 { "a question" } else { "questions" };
        pieces.push(words(format!("settles {question} of ")));
        pieces.push(shown(money_whole(measurement.settles_usd), format!("{base}/settles_usd")));
    }
    if measurement.narrows > 0.005 {
        if measurement.settles_usd > 0.0 {
            pieces.push(words(", "));
        }
        pieces.extend(narrows(measurement, at));
    }
    pieces
}

/// `requests a month, from a month's log (burndown import LOGS, free), narrows the range by 28 %`; after another
/// measurement in fewer words.
fn log(measurement: &Measurement, at: usize, is_first: bool) -> Vec<Piece> {
    let text = match is_first {
        true => format!("{} (burndown import LOGS, free), ", measurement.what),
        false => "burndown import LOGS (a month's log, free) ".to_string(),
    };
    let mut pieces = vec![words(text)];
    pieces.extend(narrows(measurement, at));
    pieces
}
