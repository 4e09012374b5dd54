//! The first screen and the tables as Markdown, for a ticket or a pull request.

use super::{Block, Cell, Piece, Report, Table};

/// The whole report as Markdown.
pub fn markdown(report: &Report) -> String {
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
                    // Rows without captions have their captions in the first row.
                    let named = !header.is_empty();
                    let captions = || rows.iter().flatten().take(rows.first().map_or(0, Vec::len));
                    text += &match named {
                        true => row(header.iter().map(|caption| caption.to_string())),
                        false => row(captions().map(|piece| piece.text().to_string())),
                    };
                    text += &rule(if named { header.len() } else { captions().count() });
                    for cells in rows.iter().skip(usize::from(!named)) {
                        text += &row(cells.iter().map(|piece| piece.text().to_string()));
                    }
                }
            }
        }
    }
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

fn one_table(table: &Table) -> String {
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
