//! The first screen and the tables as Markdown, for a ticket or a pull request.

use super::{Block, Cell, Piece, Report, Table};

/// Tables that a comment has room for; `--out` writes all.
const SHORT_TABLES: [&str; 3] = ["scenarios", "placements", "assumptions"];

/// Longest of them, in rows.
const SHORT_ROWS: usize = 40;

/// The first screen for a comment of a pull request, what it rests on folded away; far below the 65,536 letters
/// that such a comment may have.
pub fn short_markdown(report: &Report) -> String {
    let mut text = screen(report);
    for table in report.tables.iter().filter(|table| SHORT_TABLES.contains(&table.name)) {
        let more = table.rows.len().saturating_sub(SHORT_ROWS);
        let rows = table.rows.iter().take(SHORT_ROWS).cloned().collect();
        let note = if more == 0 { String::new() } else { format!("\n{more} more rows in the report\n") };
        let short = one_table(&Table { rows, columns: table.columns.clone(), ..*table });
        text += &format!("\n<details><summary>{}</summary>\n\n{short}{note}\n</details>\n", table.title);
    }
    let warnings: Vec<String> =
        report.warnings.iter().map(|warning| format!("- {}\n", escaped(warning))).collect();
    if !warnings.is_empty() {
        let count = warnings.len();
        let shown = warnings[..count.min(SHORT_ROWS)].concat();
        text += &format!("\n<details><summary>{count} warnings</summary>\n\n{shown}\n</details>\n");
    }
    text
}

/// The whole report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut text = screen(report);
    for table in &report.tables {
        text +=
            &format!("\n<details><summary>{}</summary>\n\n{}\n</details>\n", table.title, one_table(table));
    }
    if !report.warnings.is_empty() {
        text += "\n**Warnings**\n\n";
        for warning in &report.warnings {
            text += &format!("- {}\n", escaped(warning));
        }
    }
    text
}

/// The title and the first screen.
fn screen(report: &Report) -> String {
    let mut text = format!("# {}\n", escaped(&report.title));
    for section in &report.sections {
        text += &format!("\n**{}**\n", section.heading);
        for block in &section.blocks {
            text.push('\n');
            match block {
                Block::Text(pieces) => {
                    let joined: String = pieces.iter().map(Piece::text).collect();
                    text += &escaped(&joined);
                    text.push('\n');
                }
                Block::Rows { header, rows } => {
                    text += &row(header.iter().cloned());
                    text += &rule(header.len());
                    for cells in rows {
                        text += &row(cells.iter().map(|piece| piece.text().to_string()));
                    }
                }
            }
        }
    }
    text
}

/// A table alone.
pub(super) fn one_table(table: &Table) -> String {
    let mut text = row(table.columns.iter().map(|caption| caption.to_string()));
    text += &rule(table.columns.len());
    for cells in &table.rows {
        text += &row(cells.iter().map(|cell: &Cell| cell.text.clone()));
    }
    text
}

pub(super) fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.map(|cell| escaped(&cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

pub(super) fn rule(columns: usize) -> String {
    let mut cells = vec!["---:"; columns];
    if let Some(first) = cells.first_mut() {
        *first = ":---";
    }
    format!("| {} |\n", cells.join(" | "))
}

/// What Markdown or HTML would read as a sign is kept as a letter.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '*' | '_' | '`' | '[' | ']' | '#' | '\\' => out.extend(['\\', letter]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}
