//! Which section, chart and table stands in which part of the page.

use crate::report::{Cell, PoolView, Report, Section, Table, charts::Chart};

/// A part of the page: a tab where the script runs, a chapter elsewhere.
pub(super) struct Part<'a> {
    /// Fragment of its address.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it says, for who knows neither tokens nor GSUs.
    pub lead: &'static str,
    pub sections: Vec<&'a Section>,
    pub pools: &'a [PoolView],
    pub charts: Vec<&'a Chart>,
    pub tables: Vec<TableView<'a>>,
    pub warnings: &'a [String],
}

/// Ids, names and leads, in the order of the page.
const PARTS: [(&str, &str, &str); 6] = [
    ("overview", "Overview", "The plan on one screen."),
    (
        "spend",
        "Spend",
        "What the chosen placements cost by month. The range holds nine months in ten; models are paid per token, \
         and answers cost more than questions.",
    ),
    (
        "backends",
        "Backends",
        "The same requests on every backend, model and tier that could serve them. The same model takes other \
         token counts on another backend.",
    ),
    (
        "capacity",
        "Capacity",
        "A GSU is a unit of throughput that is reserved at Google for a term and paid whether used or not. What \
         it cannot admit is left to PayGo, the price per token.",
    ),
    (
        "uncertainty",
        "Uncertainty",
        "What could make these numbers wrong, in US dollars a month: uncertain inputs, and questions that no \
         document answers.",
    ),
    (
        "evidence",
        "Evidence",
        "What the numbers rest on: warnings, assumptions, the price rows that were used, and where they were read.",
    ),
];

/// All parts; every chart and table stands in exactly one.
pub(super) fn parts<'a>(report: &'a Report, charts: &'a [Chart]) -> Vec<Part<'a>> {
    let homeless = report.tables.iter().find(|table| part_of_table(table.name).is_none());
    debug_assert!(
        homeless.is_none(),
        "no part of the page for the table {:?}",
        homeless.map(|table| table.name)
    );
    let part = |(id, name, lead)| Part {
        id,
        name,
        lead,
        sections: if id == "overview" { report.sections.iter().collect() } else { Vec::new() },
        pools: if id == "capacity" { &report.pools } else { &[] },
        charts: charts.iter().filter(|chart| part_of_chart(&chart.name).unwrap_or(ELSEWHERE) == id).collect(),
        tables: report
            .tables
            .iter()
            .filter(|table| part_of_table(table.name).unwrap_or(ELSEWHERE) == id)
            .map(|table| TableView { table, sources: source_keys(report) })
            .collect(),
        warnings: if id == "evidence" { &report.warnings } else { &[] },
    };
    PARTS.map(part).into_iter().collect()
}

/// Where a chart or table stands that has no part of its own.
const ELSEWHERE: &str = "evidence";

/// The part of a chart, by the first word of its name; `None` for one that was given none.
fn part_of_chart(name: &str) -> Option<&'static str> {
    match name.split('-').next()? {
        "monthly" => Some("spend"),
        "cost" | "backend" | "token" | "tokens" => Some("backends"),
        "gsu" | "load" | "spill" | "left" => Some("capacity"),
        "drivers" | "driver" | "calibration" | "convergence" => Some("uncertainty"),
        _ => None,
    }
}

/// The part of a table, by the first word of its name; `None` for one that was given none.
fn part_of_table(name: &str) -> Option<&'static str> {
    match name.split('_').next()? {
        "months" => Some("spend"),
        "placements" | "tokens" | "backends" | "ratios" => Some("backends"),
        "gsu" => Some("capacity"),
        "drivers" | "open" | "measure" | "outlook" | "scenarios" => Some("uncertainty"),
        "assumptions" | "price" | "sources" => Some("evidence"),
        _ => None,
    }
}

/// Letters of a cell that is never broken: a day has ten, the id of a model some more.
const UNBROKEN: usize = 22;

/// Letters from which on a cell is a sentence, which wants a wider column.
const SENTENCE: usize = 50;

/// A table as the page draws it.
pub(super) struct TableView<'a> {
    pub table: &'a Table,
    /// Keys that the table of sources explains.
    sources: Vec<&'a str>,
}

fn source_keys(report: &Report) -> Vec<&str> {
    let tables = report.tables.iter().filter(|table| table.name == SOURCES);
    tables.flat_map(|table| &table.rows).filter_map(|row| Some(row.first()?.text.as_str())).collect()
}

/// The table that says what each key of a source stands for.
pub(in crate::report) const SOURCES: &str = "sources";

/// A piece of a cell: words, or a link.
pub(super) struct Linked<'a> {
    pub text: &'a str,
    pub href: Option<String>,
}

impl<'a> TableView<'a> {
    /// Whether the numbers of a column are set to the right.
    pub fn align(&self, column: &usize) -> &'static str {
        let mut cells = self.table.rows.iter().filter_map(|row| row.get(*column));
        if cells.any(|cell| cell.number.is_some()) { "n" } else { "" }
    }

    /// Numbers and what stands for one stand right; short words, dates among them, stay on one line; sentences
    /// have room.
    pub fn class(&self, cell: &Cell, column: &usize) -> Option<&'static str> {
        let letters = cell.text.chars().count();
        let no_number = *cell == Cell::unknown() && self.align(column) == "n";
        match letters {
            _ if cell.number.is_some() || no_number => Some("n"),
            ..=UNBROKEN => Some("w"),
            SENTENCE.. => Some("t"),
            _ => None,
        }
    }

    /// Where a source's row can be found.
    pub fn row_id(&self, row: &[Cell]) -> Option<String> {
        let key = row.first().filter(|_| self.table.name == SOURCES)?;
        Some(fragment(&key.text))
    }

    /// The words of a cell: keys of sources lead to the table of sources, addresses to where they point.
    pub fn linked(&self, cell: &'a Cell, column: &usize) -> Vec<Linked<'a>> {
        let plain = |text: &'a str| Linked { text, href: None };
        match self.table.columns.get(*column) {
            Some(&"source") => cell
                .text
                .split(' ')
                .map(|key| Linked {
                    text: key,
                    href: self.sources.contains(&key).then(|| format!("#{}", fragment(key))),
                })
                .collect(),
            // A profile of the user's own may hold any address: only those of the web become links.
            Some(&"address") if cell.text.starts_with("https://") || cell.text.starts_with("http://") => {
                vec![Linked { text: &cell.text, href: Some(cell.text.clone()) }]
            }
            _ => vec![plain(&cell.text)],
        }
    }
}

/// The id of a source's row; what is no letter, digit, `-`, `_` or `.` becomes its number.
fn fragment(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let code = |c: char| if plain(c) { c.to_string() } else { format!("~{:x}", u32::from(c)) };
    format!("source-{}", key.chars().map(code).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::charts::examples::examples;

    #[test]
    fn every_chart_was_given_its_part() {
        for (example, chart) in examples() {
            assert!(
                part_of_chart(&chart.name).is_some(),
                "{example}: {} has no part of the page",
                chart.name
            );
        }
    }
}
