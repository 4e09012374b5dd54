//! The detail behind the first screen.

use super::{
    Cell, Table, doubt_tables,
    format::{figure, money_small, money_whole},
    gsu_cases, gsu_tables, located, ratio_tables, scenarios,
    screen::evidence,
};
use crate::{
    model::TokenClass,
    prices::{Source, SourceKind},
    projection::{DriverKind, PlacementPlan, Plan, Status},
};

/// All tables of a plan.
pub(super) fn tables(plan: &Plan) -> Vec<Table> {
    let mut tables = vec![
        placements(plan),
        months(plan),
        tokens(plan),
        ratio_tables::ratios(plan),
        gsu_tables::form(plan),
        gsu_tables::sizes(plan),
        gsu_tables::terms(plan),
        gsu_cases::spill_tiers(plan),
        gsu_tables::orders(plan),
        gsu_cases::commitments(plan),
        gsu_tables::regret(plan),
        gsu_tables::wait(plan),
        gsu_tables::together(plan),
        gsu_cases::rules(plan),
        gsu_cases::admission(plan),
        gsu_cases::window_ends(plan),
        gsu_tables::curve(plan),
        doubt_tables::drivers(plan),
        open_questions(plan),
        doubt_tables::measure_next(plan),
        doubt_tables::outlook(plan),
        assumptions(plan),
        price_rows(plan),
        sources(plan),
    ];
    tables.extend(scenarios::table(plan));
    tables
}

pub(super) fn usd(amount: f64) -> Cell {
    Cell::number(amount, money_whole(amount))
}

pub(super) fn usd_small(amount: f64) -> Cell {
    Cell::number(amount, money_small(amount))
}

fn placements(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (route_at, route) in plan.routes.iter().enumerate() {
        for (at, placement) in route.placements.iter().enumerate() {
            let request = placement.per_request.as_ref();
            let row = vec![
                Cell::words(&route.name),
                Cell::words(placement.placement.model.to_string()),
                Cell::words(placement.placement.endpoint.to_string()),
                Cell::words(placement.placement.tier.to_string()),
                Cell::words(state(placement, at == route.chosen)),
                request.map_or(Cell::unknown(), |request| usd_small(request.usd_total)),
                match placement.status.serves() {
                    true => usd(placement.usd_per_month),
                    false => Cell::unknown(),
                },
                Cell::words(request.map(evidence).unwrap_or_else(|| "–".into())),
            ];
            let base = format!("/routes/{route_at}/placements/{at}");
            rows.push(located(row, &base, &["", "", "", "", "", "per_request/usd_total", "usd_per_month"]));
        }
    }
    Table {
        name: "placements",
        title: "Every placement that was compared",
        columns: vec![
            "route",
            "model",
            "endpoint",
            "tier",
            "state",
            "USD per request",
            "USD per month",
            "evidence",
        ],
        rows,
    }
}

fn state(placement: &PlacementPlan, chosen: bool) -> String {
    let bill = if chosen { "in the bill" } else { "served" };
    match &placement.status {
        Status::Served => bill.into(),
        Status::EndsInside { end, .. } => format!("{bill}, until {end}"),
        Status::Gone { end, successor: Some(next) } => format!("gone since {end}, successor {next}"),
        Status::Gone { end, .. } => format!("gone since {end}"),
        Status::NotYet { launch } => format!("not before {launch}"),
        Status::Impossible { reason } => reason.clone(),
    }
}

fn months(plan: &Plan) -> Table {
    let mut columns = vec!["month", "USD mean", "USD p05", "USD p50", "USD p95", "requests"];
    let classes: Vec<TokenClass> = plan.shares.iter().map(|share| share.class).collect();
    columns.extend(classes.iter().map(|class| class.as_str()));
    if plan.bill.net.is_some() {
        columns.extend(["USD of credits", "USD after credits"]);
    }
    let rows = plan
        .months
        .iter()
        .enumerate()
        .map(|(at, month)| {
            let spread = &plan.bill.by_month[at];
            let spends = || plan.routes.iter().map(|route| &route.chosen().months[at]);
            let requests: f64 = spends().map(|spend| spend.requests).sum();
            let mut row = vec![
                Cell::words(month),
                usd(spread.mean),
                usd(spread.p05),
                usd(spread.p50),
                usd(spread.p95),
                Cell::number(requests, figure(requests)),
            ];
            row.extend(classes.iter().map(|class| usd(spends().map(|spend| spend.usd[*class]).sum())));
            if let Some(net) = &plan.bill.net {
                row.extend([usd(spread.mean - net.by_month[at]), usd(net.by_month[at])]);
            }
            let fields = month_fields(plan, &classes, at);
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            located(row, &format!("/bill/by_month/{at}"), &fields)
        })
        .collect();
    Table { name: "months", title: "The bill by month; token classes in USD", columns, rows }
}

/// Where a month's numbers stand. Those of several routes are sums, which stand nowhere.
fn month_fields(plan: &Plan, classes: &[TokenClass], at: usize) -> Vec<String> {
    let mut fields: Vec<String> = ["", "mean", "p05", "p50", "p95"].map(String::from).to_vec();
    let of_route = |field: String| match plan.routes.as_slice() {
        [only] => format!("/routes/0/placements/{}/months/{at}/{field}", only.chosen),
        _ => String::new(),
    };
    fields.push(of_route("requests".into()));
    fields.extend(classes.iter().map(|class| of_route(format!("usd/{}", class.as_str()))));
    fields.extend([String::new(), format!("/bill/net/by_month/{at}")]);
    fields
}

fn tokens(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (route_at, route) in plan.routes.iter().enumerate() {
        for (at, placement) in route.placements.iter().enumerate() {
            let Some(request) = &placement.per_request else { continue };
            for (class, tokens) in request.tokens.iter() {
                let Some(tokens) = tokens else { continue };
                let n = tokens.evidence.n;
                let row = vec![
                    Cell::words(&route.name),
                    Cell::words(placement.placement.to_string()),
                    Cell::words(class.as_str()),
                    Cell::number(tokens.mean, figure(tokens.mean)),
                    Cell::number(tokens.p50, figure(tokens.p50)),
                    Cell::number(tokens.p95, figure(tokens.p95)),
                    usd_small(request.usd[class]),
                    Cell::words(tokens.evidence.grade.to_string()),
                    n.map_or(Cell::unknown(), |n| Cell::number(n as f64, n.to_string())),
                    Cell::words(tokens.evidence.source.join(" ")),
                    Cell::words(tokens.evidence.note.clone().unwrap_or_default()),
                ];
                let base = format!("/routes/{route_at}/placements/{at}/per_request");
                let [mean, p50, p95, n] = ["mean", "p50", "p95", "evidence/n"]
                    .map(|field| format!("tokens/{}/{field}", class.as_str()));
                let usd = format!("usd/{}", class.as_str());
                rows.push(located(row, &base, &["", "", "", &mean, &p50, &p95, &usd, "", &n]));
            }
        }
    }
    Table {
        name: "tokens",
        title: "Tokens of one request, by class, and how they are known",
        columns: vec![
            "route",
            "placement",
            "class",
            "tokens mean",
            "tokens p50",
            "tokens p95",
            "USD per request",
            "grade",
            "n",
            "source",
            "note",
        ],
        rows,
    }
}

fn open_questions(plan: &Plan) -> Table {
    let drivers = plan.drivers.iter().enumerate();
    let open = drivers.filter(|(_, driver)| driver.kind == DriverKind::Switch);
    let row = |(at, driver): (usize, &crate::projection::Driver)| {
        let row = vec![
            Cell::words(&driver.name),
            usd(driver.low_usd),
            usd(driver.high_usd),
            Cell::words(&driver.from_to),
        ];
        located(row, &format!("/drivers/{at}"), &["", "low_usd", "high_usd"])
    };
    Table {
        name: "open_questions",
        title: "Questions that no document answers, and what each is worth",
        columns: vec!["question", "USD per month, low", "USD per month, high", "what is known"],
        rows: open.map(row).collect(),
    }
}

fn assumptions(plan: &Plan) -> Table {
    let assumed = plan.workload.assumed.iter().map(|assumption| {
        vec![
            Cell::words(assumption.route.clone().unwrap_or_else(|| "all".into())),
            Cell::words(assumption.key),
            Cell::words(&assumption.value),
        ]
    });
    let resolved = plan
        .workload
        .resolutions
        .iter()
        .map(|line| vec![Cell::words("all"), Cell::words("model"), Cell::words(line)]);
    Table {
        name: "assumptions",
        title: "What the workload did not say and the plan assumed",
        columns: vec!["route", "key", "assumed"],
        rows: assumed.chain(resolved).collect(),
    }
}

fn price_rows(plan: &Plan) -> Table {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for placement in plan.routes.iter().flat_map(|route| &route.placements) {
        for used in &placement.rows {
            let row = vec![
                Cell::words(placement.placement.to_string()),
                Cell::words(format!("{}:{}", used.file, used.line)),
                Cell::words(used.first_used.to_string()),
                Cell::words(used.checked.to_string()),
                Cell::words(used.grade.to_string()),
                Cell::words(used.source.join(" ")),
                Cell::words(used.non_global_factor.clone().unwrap_or_else(|| "1".into())),
            ];
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    Table {
        name: "price_rows",
        title: "Price rows that were used",
        columns: vec!["placement", "row", "used from", "checked", "grade", "source", "location factor"],
        rows,
    }
}

fn sources(plan: &Plan) -> Table {
    let or_unknown = |text: &Option<String>| text.as_ref().map_or_else(Cell::unknown, Cell::words);
    let kind = |kind: SourceKind| match kind {
        SourceKind::Official => "Google",
        SourceKind::PriceDatabase => "price database",
        SourceKind::ThirdParty => "third party",
    };
    let row = |(key, source): (&String, &Source)| {
        vec![
            Cell::words(key),
            Cell::words(&source.title),
            source.kind.map_or_else(Cell::unknown, |found| Cell::words(kind(found))),
            or_unknown(&source.date),
            or_unknown(&source.url),
        ]
    };
    Table {
        name: "sources",
        title: "Where the facts behind these numbers were read",
        columns: vec!["key", "what", "whose", "copy of", "address"],
        rows: plan.sources.iter().map(row).collect(),
    }
}
