//! The tables of provisioned throughput under something else: open rules, windows of a range, tiers of the
//! overflow, orders that run already.

use super::{Cell, Table, format::percent, located, tables::usd};
use crate::{
    capacity::{LearnedRule, WindowEnd},
    model::Grade,
    projection::{AdmissionAnswer, BestOfTerm, CommitmentMonth, GsuPool, OpenRule, Plan, RuleEnvelope},
};

/// Two columns more where a rule of admission was learned.
pub(super) fn rules(plan: &Plan) -> Table {
    let any_learned = plan.gsu.pools.iter().any(|pool| pool.learned.is_some());
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        for (rule_at, envelope) in pool.rules.iter().enumerate() {
            let mut fields: Vec<String> =
                ["", "", "gsu", "left_share", "envelope/0", "envelope/1"].map(String::from).to_vec();
            let mut row = vec![
                Cell::words(pool.model.to_string()),
                Cell::words(envelope.asked_by.join(", ")),
                Cell::number(envelope.gsu as f64, envelope.gsu.to_string()),
                share(envelope.left_share),
                share(envelope.envelope[0]),
                share(envelope.envelope[1]),
            ];
            row.extend(OpenRule::ALL.iter().map(|rule| {
                match envelope.rules.iter().find(|value| value.rule == *rule) {
                    None => dash(),
                    Some(value) if value.excluded == Some(true) => Cell::words("excluded"),
                    Some(value) => share(value.left_share),
                }
            }));
            fields.extend(OpenRule::ALL.iter().map(|rule| {
                let place = envelope.rules.iter().position(|value| value.rule == *rule);
                place.map_or_else(String::new, |place| format!("rules/{place}/left_share"))
            }));
            row.push(Cell::words(known(envelope)));
            if any_learned {
                row.push(envelope.learned_share().map_or_else(dash, share));
                row.push(Cell::words(
                    pool.learned.as_ref().map_or_else(|| "assumed".into(), LearnedRule::words),
                ));
            }
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            rows.push(located(row, &format!("/gsu/pools/{at}/rules/{rule_at}"), &fields));
        }
    }
    let mut columns = vec!["model", "asked for by", "GSUs", "left to PayGo", "at least", "at most"];
    columns.extend(OpenRule::ALL.iter().map(|rule| rule.label()));
    columns.push("valued by");
    if any_learned {
        columns.extend(["left as production shows", "rule of admission"]);
    }
    Table {
        name: "gsu_rules",
        title: "What would be left to PayGo if an undocumented rule of admission were another",
        columns,
        rows,
    }
}

/// What is taken of admission, and how that is known.
pub(super) fn admission(plan: &Plan) -> Table {
    let row = |pool: &GsuPool, answer: &AdmissionAnswer| {
        let others: Vec<&str> = answer.possible.iter().copied().filter(|one| *one != answer.taken).collect();
        vec![
            Cell::words(pool.model.to_string()),
            Cell::words(answer.question.label()),
            Cell::words(answer.taken),
            Cell::words(answer.grade.to_string()),
            Cell::words(&answer.evidence),
            if others.is_empty() { dash() } else { Cell::words(others.join(", ")) },
        ]
    };
    let of_pool = |pool: &GsuPool| -> Vec<Vec<Cell>> {
        pool.admission.iter().map(|answer| row(pool, answer)).collect()
    };
    Table {
        name: "gsu_admission",
        title: "How requests are admitted, and how that is known",
        columns: vec!["model", "question", "taken", "grade", "what it rests on", "not excluded either"],
        rows: plan.gsu.pools.iter().flat_map(of_pool).collect(),
    }
}

fn share(value: f64) -> Cell {
    Cell::number(value, percent(value))
}

fn dash() -> Cell {
    Cell::words("–")
}

fn count(gsu: u64) -> Cell {
    Cell::number(gsu as f64, gsu.to_string())
}

fn known(envelope: &RuleEnvelope) -> String {
    let drawn = match &envelope.drawn {
        Some(drawn) => {
            let latency =
                if drawn.latency_measured { "median measured" } else { "assumed where not measured" };
            format!(
                "{} requests drawn, {:.1} % left of them; answers after {:.0} s, {latency}",
                drawn.requests,
                drawn.left_share * 100.0,
                drawn.latency_seconds
            )
        }
        None => "the load is too heavy to be drawn request by request".into(),
    };
    let window = match (envelope.window_range_seconds, envelope.window_grade) {
        (Some([shortest, longest]), _) => format!(
            "; window of {} s, {shortest} to {longest} s by the curve computed anew",
            envelope.window_seconds
        ),
        (None, Grade::Assumed) => "; its window is assumed, and no range is known".into(),
        _ => String::new(),
    };
    drawn + &window
}

/// Columns of the best count of a term.
const BEST: [&str; 7] = [
    "term",
    "break-even use",
    "cheapest GSUs",
    "left to PayGo, USD per month",
    "fees and PayGo, USD per month",
    "PayGo alone, USD per month",
    "saving, USD per month",
];

/// Their cells; `base` is the term's place in `plan.json`.
fn best(term: &BestOfTerm, base: &str) -> Vec<Cell> {
    let row = vec![
        Cell::words(&term.name),
        share(term.break_even),
        count(term.gsu),
        usd(term.left_usd_per_month),
        usd(term.usd_per_month),
        usd(term.usd_per_month + term.saving_usd_per_month),
        usd(term.saving_usd_per_month),
    ];
    let fields = ["", "break_even", "gsu", "left_usd_per_month", "usd_per_month", "", "saving_usd_per_month"];
    located(row, base, &fields)
}

pub(super) fn spill_tiers(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        for (tier_at, tier) in pool.spill_tiers.iter().enumerate() {
            let own = if tier.is_workloads { " (as planned)" } else { "" };
            for (term_at, term) in tier.terms.iter().enumerate() {
                let mut row =
                    vec![Cell::words(pool.model.to_string()), Cell::words(format!("{}{own}", tier.tier))];
                let base = format!("/gsu/pools/{at}/spill_tiers/{tier_at}/terms/{term_at}");
                row.extend(best(term, &base));
                rows.push(row);
            }
        }
    }
    let mut columns = vec!["model", "PayGo tier"];
    columns.extend(BEST);
    Table {
        name: "gsu_spill_tiers",
        title: "The same purchase if all PayGo, what GSUs leave included, were of one tier; priority is the other way to buy assurance",
        columns,
        rows,
    }
}

pub(super) fn window_ends(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (at, pool) in plan.gsu.pools.iter().enumerate() {
        for (case_at, case) in pool.window_ends.iter().enumerate() {
            let lengths: Vec<String> = case
                .windows
                .iter()
                .map(|window| format!("{} s from {} GSU", window.seconds, window.from_gsu))
                .collect();
            let sizes: Vec<String> = case
                .sizes
                .iter()
                .map(|size| {
                    let gsu = size.gsu.map_or_else(|| "none".to_string(), |gsu| gsu.to_string());
                    let left = size.left_share.map(|left| format!(" ({} left)", percent(left)));
                    format!("{}: {gsu}{}", size.rule.label(), left.unwrap_or_default())
                })
                .collect();
            for (term_at, term) in case.terms.iter().enumerate() {
                let mut row = vec![
                    Cell::words(pool.model.to_string()),
                    Cell::words(match case.end {
                        WindowEnd::Shortest => "shortest",
                        WindowEnd::Longest => "longest",
                    }),
                    Cell::words(lengths.join(", ")),
                    Cell::words(sizes.join("; ")),
                ];
                let base = format!("/gsu/pools/{at}/window_ends/{case_at}/terms/{term_at}");
                row.extend(best(term, &base));
                rows.push(row);
            }
        }
    }
    let mut columns = vec!["model", "windows", "seconds", "GSUs by rule"];
    columns.extend(BEST);
    Table {
        name: "gsu_window_ends",
        title: "The same purchase at the shortest and the longest windows, where the documents give a range",
        columns,
        rows,
    }
}

pub(super) fn commitments(plan: &Plan) -> Table {
    let row = |(base, label, month): (String, &str, &CommitmentMonth)| {
        let row = vec![
            Cell::words(label),
            Cell::number(month.running_gsu, format!("{:.1}", month.running_gsu)),
            usd(month.committed_usd),
            usd(month.renewing_usd),
            usd(month.variable_usd),
            usd(month.total_usd),
            usd(month.advised_usd),
            usd(month.advised_variable_usd),
        ];
        let fields = [
            "",
            "running_gsu",
            "committed_usd",
            "renewing_usd",
            "variable_usd",
            "total_usd",
            "advised_usd",
            "advised_variable_usd",
        ];
        located(row, &format!("/gsu/commitments/{base}"), &fields)
    };
    let commitments = &plan.gsu.commitments;
    let months = plan.months.iter().zip(&commitments.by_month).enumerate();
    let months = months.map(|(at, (label, month))| (format!("by_month/{at}"), label.as_str(), month));
    Table {
        name: "gsu_commitments",
        title: "Committed and variable, expected: orders that run already, and apart from them what the plan advises",
        columns: vec![
            "month",
            "GSUs that run",
            "committed, USD",
            "renewing unless switched off, USD",
            "PayGo with them, USD",
            "bill with them, USD",
            "advised purchases, USD",
            "PayGo with committed and advised, USD",
        ],
        rows: months.map(row).chain([row(("month".into(), "mean", &commitments.month))]).collect(),
    }
}
