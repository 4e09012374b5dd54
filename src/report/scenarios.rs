//! What-ifs beside the plan: columns on the screen, rows in the table.

use super::{
    Block, Cell, Piece, Section, Table,
    format::{figure, grouped, money_small, money_whole, percent},
    located,
    screen::short,
    shown,
    tables::{usd, usd_small},
    words,
};
use crate::{
    model::{Placement, Tier},
    projection::{
        Plan, RoutePlace, ScenarioFacts, ScenarioPlan, ScenarioResult,
        diff::{Cause, Part},
    },
};

/// Width that the columns may take.
const WIDTH: usize = 70;

/// The scenarios as columns beside the plan; `None` where the workload has none.
pub(super) fn section(plan: &Plan) -> Option<Section> {
    if plan.scenarios.is_empty() {
        return None;
    }
    let base = column_of_base(plan);
    let planned = plan.scenarios.iter().enumerate();
    let columns: Vec<Column> = planned
        .filter_map(|(at, scenario)| Some(column(plan, at, scenario, scenario.result.as_ref()?)))
        .collect();
    let labels = labels(plan);
    let mut blocks = Vec::new();
    let mut rest = columns.as_slice();
    while !rest.is_empty() {
        let count = (1..=rest.len()).rev().find(|count| fits(&labels, &base, &rest[..*count])).unwrap_or(1);
        blocks.push(rows(&labels, &base, &rest[..count]));
        rest = &rest[count..];
    }
    blocks.extend(plan.scenarios.iter().map(|scenario| Block::Text(said(scenario))));
    Some(Section { heading: "WHAT IF", blocks })
}

/// One column from top to bottom; a cell is empty where the column has nothing to say.
type Column = Vec<Piece>;

/// The rows' captions. Causes without a part in any scenario have no row.
fn labels(plan: &Plan) -> Vec<String> {
    let mut labels: Vec<String> =
        ["case", "$ a month", "from (5 %)", "to (95 %)", "change", "in percent"].map(String::from).to_vec();
    labels.extend(["change from", "change to"].map(String::from));
    labels.extend(causes(plan).iter().map(|cause| format!("· {}", cause.label())));
    labels.extend(["$ a request", "cheapest, $", "GSUs to buy"].map(String::from));
    labels.extend(plan.workload.budget_usd_per_month.map(|_| "P(over budget)".to_string()));
    labels
}

/// Causes that have a part in any scenario, in their order.
fn causes(plan: &Plan) -> Vec<Cause> {
    let results = || plan.scenarios.iter().filter_map(|scenario| scenario.result.as_ref());
    let has = |cause: &Cause| results().any(|result| result.causes.iter().any(|part| part.cause == *cause));
    Cause::ALL.iter().copied().filter(has).collect()
}

fn column_of_base(plan: &Plan) -> Column {
    let month = &plan.bill.month;
    let facts = plan.facts();
    let mut column = vec![
        words("base"),
        shown(money_whole(month.mean), "/bill/month/mean"),
        shown(money_whole(month.p05), "/bill/month/p05"),
        shown(money_whole(month.p95), "/bill/month/p95"),
    ];
    column.extend(vec![words("–"); 4 + causes(plan).len()]);
    column.push(shown(money_small(plan.bill.usd_per_request), "/bill/usd_per_request"));
    column.push(match facts.cheapest.as_slice() {
        [only] => {
            let pointer = format!("/routes/0/placements/{}/usd_per_served_month", only.at);
            shown(money_whole(only.usd_per_month), pointer)
        }
        places => words(money_whole(sum(places))),
    });
    column.push(words(gsus(&facts)));
    let over = plan.bill.probability_over_budget;
    column.extend(over.map(|over| shown(percent(over), "/bill/probability_over_budget")));
    column
}

fn column(plan: &Plan, at: usize, scenario: &ScenarioPlan, result: &ScenarioResult) -> Column {
    let base = format!("/scenarios/{at}/result");
    let signed = |usd: f64, pointer: String| shown(signed(usd), pointer);
    let mut column = vec![
        words(&scenario.name),
        shown(money_whole(result.month.mean), format!("{base}/month/mean")),
        shown(money_whole(result.month.p05), format!("{base}/month/p05")),
        shown(money_whole(result.month.p95), format!("{base}/month/p95")),
        signed(result.change.mean, format!("{base}/change/mean")),
        match result.change_share {
            Some(share) => shown(signed_percent(share), format!("{base}/change_share")),
            None => words("–"),
        },
        signed(result.change.p05, format!("{base}/change/p05")),
        signed(result.change.p95, format!("{base}/change/p95")),
    ];
    for cause in causes(plan) {
        let found = result.causes.iter().enumerate().find(|(_, part)| part.cause == cause);
        column.push(match found {
            Some((part, found)) => signed(found.usd_per_month, format!("{base}/causes/{part}/usd_per_month")),
            None => words("–"),
        });
    }
    column.push(shown(money_small(result.usd_per_request), format!("{base}/usd_per_request")));
    column.push(match result.facts.cheapest.as_slice() {
        [only] => shown(money_whole(only.usd_per_month), format!("{base}/facts/cheapest/0/usd_per_month")),
        places => words(money_whole(sum(places))),
    });
    column.push(words(gsus(&result.facts)));
    let over = result.probability_over_budget;
    let over =
        over.map_or(words("–"), |over| shown(percent(over), format!("{base}/probability_over_budget")));
    column.extend(plan.workload.budget_usd_per_month.map(|_| over));
    column
}

fn signed(usd: f64) -> String {
    let text = money_whole(usd);
    if usd > 0.0 { format!("+{text}") } else { text }
}

fn signed_percent(share: f64) -> String {
    let text = percent(share.abs());
    match share {
        share if share < 0.0 => format!("-{text}"),
        share if share > 0.0 => format!("+{text}"),
        _ => text,
    }
}

fn sum(places: &[RoutePlace]) -> f64 {
    places.iter().map(|place| place.usd_per_month).sum()
}

fn gsus(facts: &ScenarioFacts) -> String {
    grouped(facts.gsu.iter().map(|advice| advice.gsu).sum())
}

fn fits(labels: &[String], base: &Column, columns: &[Column]) -> bool {
    let width = |cells: &Column| cells.iter().map(|cell| cell.text().chars().count()).max().unwrap_or(0);
    let label = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    label + std::iter::once(base).chain(columns).map(|column| width(column) + 2).sum::<usize>() <= WIDTH
}

fn rows(labels: &[String], base: &Column, columns: &[Column]) -> Block {
    let row = |(at, label): (usize, &String)| -> Vec<Piece> {
        let cells = std::iter::once(base).chain(columns).map(|column| column[at].clone());
        std::iter::once(words(label)).chain(cells).collect()
    };
    let mut rows = labels.iter().enumerate().map(row);
    let header = rows.next().unwrap_or_default();
    let header = header.iter().map(|piece| piece.text().to_string()).collect();
    Block::Rows { header, rows: rows.collect() }
}

/// What a scenario changes, where that is served, what would be cheapest, what is new.
fn said(scenario: &ScenarioPlan) -> Vec<Piece> {
    let only = scenario.route.as_ref().map(|route| format!(" on {route}")).unwrap_or_default();
    let mut text = format!("{}: {}{only}", scenario.name, scenario.changes.join(", "));
    if let Some(refused) = &scenario.refused {
        let lines: Vec<&str> = refused.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        return vec![words(format!("{text}; cannot be planned: {}", lines.join(" ")))];
    }
    let Some(result) = &scenario.result else { return vec![words(text)] };
    if !result.complete {
        text += "; at least, since something has no price";
    }
    match (result.facts.in_the_bill.as_slice(), result.facts.cheapest.as_slice()) {
        ([only], [best]) => {
            text += &format!("; on {}", label(&only.placement));
            if only.at != best.at {
                text += &format!(", cheapest {}", label(&best.placement));
            }
        }
        (routes, best) => {
            let cheaper = routes.iter().zip(best).filter(|(now, best)| now.at != best.at).count();
            text += &format!("; {cheaper} of {} routes would be cheaper elsewhere", routes.len());
        }
    }
    text += &format!("; dearer in {} of the draws", percent(result.probability_dearer));
    let bought: Vec<String> = result.facts.gsu.iter().filter_map(bought).collect();
    if !bought.is_empty() {
        text += &format!("; buy {}", bought.join(", "));
    }
    match result.warnings_new.len() {
        0 => {}
        1 => text += &format!("; warning: {}", result.warnings_new[0]),
        more => text += &format!("; {more} new warnings, first: {}", result.warnings_new[0]),
    }
    vec![words(text)]
}

fn bought(advice: &crate::projection::Advice) -> Option<String> {
    let term = advice.term.as_ref()?;
    Some(format!("{} GSU of {} for {term}", grouped(advice.gsu), short(&advice.model.0)))
}

/// `3-pro-image vertex:global flex`.
pub(super) fn label(placement: &Placement) -> String {
    let tier = if placement.tier == Tier::Standard { String::new() } else { format!(" {}", placement.tier) };
    format!("{} {}{tier}", short(&placement.model.0), placement.endpoint)
}

/// One row a scenario, the plan first; `None` where the workload has none.
pub(super) fn table(plan: &Plan) -> Option<Table> {
    if plan.scenarios.is_empty() {
        return None;
    }
    let mut columns = vec!["scenario", "changes", "USD a month", "USD p05", "USD p95", "change USD"];
    columns.extend(["change p05", "change p95", "change share", "P(dearer)"]);
    columns.extend(Cause::ALL.iter().map(|cause| cause.label()));
    columns.extend(["USD a request", "in the bill", "cheapest", "cheapest USD a month", "GSUs to buy"]);
    columns.extend(["GSUs by Google's form", "new warnings"]);
    let rows = std::iter::once(row_of_base(plan)).chain(plan.scenarios.iter().enumerate().map(row)).collect();
    Some(Table { name: "scenarios", title: "What if: scenarios beside the plan", columns, rows })
}

fn row_of_base(plan: &Plan) -> Vec<Cell> {
    let month = &plan.bill.month;
    let mut row = vec![Cell::words("base"), Cell::words("")];
    row.extend([usd(month.mean), usd(month.p05), usd(month.p95)]);
    row.extend(vec![Cell::unknown(); 5 + Cause::ALL.len()]);
    row.push(usd_small(plan.bill.usd_per_request));
    row.extend(fact_cells(&plan.facts()));
    row.push(Cell::words(""));
    let mut fields = vec!["", "", "month/mean", "month/p05", "month/p95"];
    fields.extend(vec![""; 5 + Cause::ALL.len()]);
    fields.push("usd_per_request");
    located(row, "/bill", &fields)
}

fn row((at, scenario): (usize, &ScenarioPlan)) -> Vec<Cell> {
    let only = scenario.route.as_ref().map(|route| format!(" ({route})")).unwrap_or_default();
    let mut row = vec![Cell::words(&scenario.name), Cell::words(scenario.changes.join(", ") + &only)];
    let Some(result) = &scenario.result else {
        row.extend(vec![Cell::unknown(); 14 + Cause::ALL.len()]);
        row.push(Cell::words(scenario.refused.clone().unwrap_or_default().replace('\n', " ")));
        return row;
    };
    let change = &result.change;
    row.extend([usd(result.month.mean), usd(result.month.p05), usd(result.month.p95)]);
    row.extend([usd(change.mean), usd(change.p05), usd(change.p95)]);
    row.push(result.change_share.map_or(Cell::unknown(), share));
    row.push(share(result.probability_dearer));
    let part = |cause: &Cause| result.causes.iter().find(|part| part.cause == *cause);
    let cell = |part: Option<&Part>| usd(part.map_or(0.0, |part| part.usd_per_month));
    row.extend(Cause::ALL.iter().map(|cause| cell(part(cause))));
    row.push(usd_small(result.usd_per_request));
    row.extend(fact_cells(&result.facts));
    let warnings: Vec<String> = result.warnings_new.iter().map(ToString::to_string).collect();
    row.push(Cell::words(warnings.join("; ")));
    let mut fields: Vec<String> =
        ["", "", "month/mean", "month/p05", "month/p95", "change/mean", "change/p05"]
            .into_iter()
            .chain(["change/p95", "change_share", "probability_dearer"])
            .map(String::from)
            .collect();
    fields.extend(Cause::ALL.iter().map(|cause| {
        let place = result.causes.iter().position(|part| part.cause == *cause);
        place.map_or_else(String::new, |place| format!("causes/{place}/usd_per_month"))
    }));
    fields.push("usd_per_request".into());
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    located(row, &format!("/scenarios/{at}/result"), &fields)
}

fn share(share: f64) -> Cell {
    Cell::number(share, percent(share))
}

fn fact_cells(facts: &ScenarioFacts) -> [Cell; 5] {
    let places = |places: &[RoutePlace]| match places {
        [only] => label(&only.placement),
        places => {
            let named = places.iter().map(|place| format!("{}: {}", place.route, label(&place.placement)));
            named.collect::<Vec<String>>().join("; ")
        }
    };
    let total = |of: fn(&crate::projection::Advice) -> u64| {
        let gsu = facts.gsu.iter().map(of).sum::<u64>() as f64;
        Cell::number(gsu, figure(gsu))
    };
    [
        Cell::words(places(&facts.in_the_bill)),
        Cell::words(places(&facts.cheapest)),
        usd(sum(&facts.cheapest)),
        total(|advice| advice.gsu),
        total(|advice| advice.form_gsu),
    ]
}
