//! The first screen as text: at most 80 columns, headings on the left.

use super::{Block, Piece, Report};

/// Width of the screen.
pub(super) const COLUMNS: usize = 80;

/// Width of the headings' column.
const HEADING: usize = 10;

/// The first screen.
pub fn terminal(report: &Report) -> String {
    let mut lines = wrap(&report.title, COLUMNS);
    for section in &report.sections {
        let mut body = Vec::new();
        for block in &section.blocks {
            match block {
                Block::Text(pieces) => body.extend(wrap(&joined(pieces), COLUMNS - HEADING)),
                Block::Rows { header, rows } => body.extend(aligned(header, rows, COLUMNS - HEADING)),
            }
        }
        for (at, line) in body.iter().enumerate() {
            let heading = if at == 0 { section.heading } else { "" };
            lines.push(format!("{heading:HEADING$}{line}").trim_end().to_string());
        }
    }
    lines.join("\n") + "\n"
}

fn joined(pieces: &[Piece]) -> String {
    pieces.iter().map(Piece::text).collect()
}

/// Breaks at spaces, never before a percent sign; a word longer than the width stands alone.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let glued = text.replace(" %", "\u{a0}%");
    for word in glued.split(' ') {
        let extra = usize::from(!line.is_empty());
        if !line.is_empty() && line.chars().count() + extra + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines.iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

/// First column left, the others right-aligned; what does not fit of the first goes below.
fn aligned(header: &[String], rows: &[Vec<Piece>], width: usize) -> Vec<String> {
    let mut cells: Vec<Vec<String>> = Vec::new();
    if !header.is_empty() {
        cells.push(header.to_vec());
    }
    cells.extend(rows.iter().map(|row| row.iter().map(|piece| piece.text().to_string()).collect()));
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let column_width = |at: usize| {
        cells.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(column_width).collect();
    let others: usize = widths.iter().skip(1).map(|width| width + 2).sum();
    let first = widths.first().copied().unwrap_or(0).min(width.saturating_sub(others));
    let mut lines = Vec::new();
    for row in &cells {
        // A long label takes a second line rather than losing its end.
        let mut label = wrap(&row[0], first.max(1));
        let rest = if label.len() > 1 { label.split_off(1) } else { Vec::new() };
        let mut line = format!("{:first$}", label.first().map_or("", String::as_str));
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            line += &format!("  {cell:>width$}");
        }
        lines.push(line);
        lines.extend(
            rest.iter()
                .flat_map(|rest| wrap(rest, first.saturating_sub(2).max(1)))
                .map(|rest| format!("  {rest}")),
        );
    }
    lines
}

/// Left-aligned first column, the others right-aligned, two spaces between.
pub fn plain_table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (at, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[at].saturating_sub(cell.chars().count()));
            line += &if at == 0 { format!(" {cell}{pad}") } else { format!("  {pad}{cell}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// The same in at most 80 columns: captions break into words one under the other, and so does the first column
/// as far as the numbers leave no room for it. Only a word or a number too long for that goes beyond.
pub(super) fn narrow_table(rows: &[Vec<String>]) -> String {
    const LEFT: usize = 2;
    let Some((header, body)) = rows.split_first() else { return String::new() };
    let size = |text: &str| text.chars().count();
    let longest_word = |text: &str| text.split(' ').map(size).max().unwrap_or(0);
    let widths: Vec<usize> = (1..header.len())
        .map(|at| {
            let cells = body.iter().filter_map(|row| row.get(at)).map(|cell| size(cell));
            cells.chain([longest_word(&header[at])]).max().unwrap_or(0)
        })
        .collect();
    let numbers: usize = widths.iter().map(|width| width + 2).sum();
    let names = rows.iter().map(|row| size(&row[0])).max().unwrap_or(0);
    let words = rows.iter().map(|row| longest_word(&row[0])).max().unwrap_or(0);
    let first = names.min(COLUMNS.saturating_sub(LEFT + numbers)).max(words);
    let mut text = String::new();
    for row in rows {
        let is_header = std::ptr::eq(row, header);
        let wrapped = |at: usize, width: usize| {
            // Numbers never break.
            if is_header { wrap(&row[at], width) } else { vec![row[at].clone()] }
        };
        let mut name = wrap(&row[0], first.max(1));
        if name.len() > 1 {
            let rest = name.split_off(1).join(" ");
            name.extend(wrap(&rest, first.saturating_sub(2).max(1)).iter().map(|line| format!("  {line}")));
        }
        let cells: Vec<Vec<String>> =
            widths.iter().enumerate().map(|(at, width)| wrapped(at + 1, *width)).collect();
        let lines = cells.iter().map(Vec::len).chain([name.len()]).max().unwrap_or(1);
        for line in 0..lines {
            let label = name.get(line).map_or("", String::as_str);
            let mut out = format!("{}{label:first$}", " ".repeat(LEFT));
            for (cell, width) in cells.iter().zip(&widths) {
                out += &format!("  {:>width$}", cell.get(line).map_or("", String::as_str));
            }
            text += out.trim_end();
            text.push('\n');
        }
    }
    text
}
