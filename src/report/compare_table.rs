//! `compare` as one table, for spreadsheets and for tickets.

use super::{
    Cell, Comparison, Interval, Row, Table,
    csv::csv,
    format::{figure, money_small, money_whole, percent},
    markdown::{escaped, one_table},
};
use crate::model::TokenClass;

impl Comparison {
    /// Every placement of every route, a row each: dollars, ratios and tokens with their 90 % ranges.
    pub fn table(&self) -> Table {
        let rows =
            || self.routes.iter().flat_map(|route| route.rows.iter().map(move |row| (&route.route, row)));
        let accepted = rows().any(|(_, row)| row.usd_per_accepted.is_some());
        let taken = |class: &TokenClass| {
            rows().any(|(_, row)| row.tokens.as_ref().is_some_and(|tokens| tokens[*class] > 0.0))
        };
        let classes: Vec<TokenClass> = TokenClass::ALL.iter().copied().filter(taken).collect();
        let mut columns = vec!["route", "model", "endpoint", "tier", "remark"];
        columns.extend(["USD per request", "USD per request p05", "USD per request p95"]);
        columns.extend(accepted.then_some("USD per accepted image"));
        columns.extend(["USD per month", "cost ratio", "cost ratio p05", "cost ratio p95"]);
        columns.extend(["undecided", "tokens ratio", "tokens ratio p05", "tokens ratio p95"]);
        columns.extend(classes.iter().map(|class| class.as_str()));
        columns.extend(["evidence", "blocked"]);
        Table {
            name: "compare",
            title: "Every placement that can serve a route, over the one in the bill",
            columns,
            rows: rows().map(|(route, row)| cells(route, row, accepted, &classes)).collect(),
        }
    }

    /// The table and the remarks as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}: every placement\n\n", escaped(&self.workload));
        for route in &self.routes {
            text += &format!(
                "- {}: compared with {}\n",
                escaped(&route.route),
                escaped(&route.today.to_string())
            );
        }
        text += &format!("\n{}\n", one_table(&self.table()));
        for remark in &self.remarks {
            text += &format!("- {}\n", escaped(remark));
        }
        text
    }

    /// The table as CSV, numbers unrounded.
    pub fn csv(&self) -> String {
        csv(&self.table())
    }
}

fn cells(route: &str, row: &Row, accepted: bool, classes: &[TokenClass]) -> Vec<Cell> {
    let place = &row.placement;
    let mut cells = vec![
        Cell::words(route),
        Cell::words(place.model.to_string()),
        Cell::words(place.endpoint.to_string()),
        Cell::words(place.tier.to_string()),
        Cell::words(row.remark.clone().unwrap_or_default()),
    ];
    let number = |value: Option<f64>, text: fn(f64) -> String| {
        value.map_or_else(Cell::unknown, |value| Cell::number(value, text(value)))
    };
    let range = |range: Option<Interval>, text: fn(f64) -> String| {
        [range.map(|of| of.mean), range.map(|of| of.p05), range.map(|of| of.p95)]
            .map(|value| number(value, text))
    };
    cells.extend(range(row.usd_per_request, money_small));
    if accepted {
        cells.push(number(row.usd_per_accepted, money_small));
    }
    cells.push(number(row.usd_per_month, money_whole));
    cells.extend(range(row.ratio, super::charts::short_ratio));
    cells.push(Cell::words(if row.undecided { "~" } else { "" }));
    cells.extend(range(row.tokens_ratio, super::charts::short_ratio));
    cells
        .extend(classes.iter().map(|class| number(row.tokens.as_ref().map(|tokens| tokens[*class]), figure)));
    cells.push(Cell::words(&row.evidence));
    // A share is known where answers of this kind were seen.
    let blocked = row.seen.as_ref().filter(|seen| seen.blocked + seen.answers > 0);
    let share = blocked.map(|seen| seen.blocked as f64 / (seen.blocked + seen.answers) as f64);
    cells.push(number(share, percent));
    cells
}
