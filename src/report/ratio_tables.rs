//! The table of ratios: every placement over the one in the bill.

use super::{Cell, Table, located};
use crate::projection::{Compared, Plan};

/// Where the numbers stand below their placement or class.
const FIELDS: [&str; 11] = [
    "",
    "",
    "",
    "usd/ratio/mean",
    "usd/ratio/p05",
    "usd/ratio/p95",
    "tokens/ratio/mean",
    "tokens/ratio/p05",
    "tokens/ratio/p95",
    "",
    "tokens/answers",
];

/// Placements at the tier of the one in the bill, in total and by class; other tiers take the same tokens.
pub(super) fn ratios(plan: &Plan) -> Table {
    let mut rows = Vec::new();
    for (route_at, route) in plan.ratios.iter().enumerate() {
        let placements = route.placements.iter().enumerate();
        let same_tier = placements.filter(|(_, row)| row.placement.tier == route.reference.tier);
        for (at, other) in same_tier {
            let base = format!("/ratios/{route_at}/placements/{at}");
            let row = |base: &str, class: &str, usd: &Compared, tokens: &Compared| {
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
                located(cells, base, &FIELDS)
            };
            rows.push(row(&base, "all", &other.usd, &other.tokens));
            rows.extend(other.classes.iter().enumerate().map(|(at, class)| {
                row(&format!("{base}/classes/{at}"), class.class.as_str(), &class.usd, &class.tokens)
            }));
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
