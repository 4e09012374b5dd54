//! The table of ratios: every placement over the one in the bill.

use super::{Cell, Table};
use crate::projection::{Compared, Plan};

/// Placements at the tier of the one in the bill, in total and by class; other tiers take the same tokens.
pub(super) fn ratios(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for route in &plan.ratios {
        let same_tier = route.placements.iter().filter(|row| row.placement.tier == route.reference.tier);
        for other in same_tier {
            let row = |class: &str, usd: &Compared, tokens: &Compared| {
                let mut cells = vec![
                    Cell::words(&route.route),
                    Cell::words(other.placement.to_string()),
                    Cell::words(class),
                ];
                cells.extend(numbers(usd));
                cells.extend(numbers(tokens));
                cells.extend([
                    Cell::words(tokens.grade.to_string()),
                    tokens.answers.map_or(Cell::unknown(), |n| Cell::number(n as f64, n.to_string())),
                    Cell::words(route.reference.to_string()),
                    Cell::words(usd.missing.or(tokens.missing).map_or("", |missing| missing.label())),
                ]);
                cells
            };
            rows.push(row("all", &other.usd, &other.tokens));
            rows.extend(
                other.classes.iter().map(|class| row(class.class.as_str(), &class.usd, &class.tokens)),
            );
        }
    }
    Table {
        name: "ratios",
        title: "Every placement over the one in the bill, with 90 % ranges",
        columns: vec![
            "route",
            "placement",
            "class",
            "USD ratio",
            "USD ratio p05",
            "USD ratio p95",
            "tokens ratio",
            "tokens ratio p05",
            "tokens ratio p95",
            "grade",
            "n",
            "compared with",
            "why no ratio",
        ],
        rows,
    }
}

fn numbers(compared: &Compared) -> [Cell; 3] {
    let cell = |value: f64| Cell::number(value, super::charts::short_ratio(value));
    match compared.ratio {
        Some(ratio) => [cell(ratio.mean), cell(ratio.p05), cell(ratio.p95)],
        None => [Cell::unknown(), Cell::unknown(), Cell::unknown()],
    }
}
