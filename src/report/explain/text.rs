//! Explanations and lists of figures as text of at most 80 columns; only an address or a pointer may be longer.

use super::{Explanation, ShownFigure, working::value_text};
use crate::report::terminal::wrap;

/// Width of the screen.
const COLUMNS: usize = 80;

/// Before an entry, and once more before its further lines.
const INDENT: &str = "  ";

/// One number and where it comes from.
pub fn explanation_text(explanation: &Explanation) -> String {
    let mut lines = wrap(&format!("{} = {}", explanation.pointer, value_text(&explanation.value)), COLUMNS);
    lines.extend(wrap(&explanation.what, COLUMNS));
    section(&mut lines, "ARITHMETIC", &explanation.arithmetic);
    let inputs: Vec<String> =
        explanation.inputs.iter().map(|input| format!("{} = {}", input.pointer, input.value)).collect();
    section(&mut lines, "FROM", &inputs);
    section(&mut lines, "EVIDENCE", &explanation.evidence);
    section(&mut lines, "SOURCES", &explanation.sources);
    lines.join("\n") + "\n"
}

/// A heading, and below it its entries, wrapped and indented.
fn section(lines: &mut Vec<String>, heading: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    lines.extend([String::new(), heading.to_string()]);
    for entry in entries {
        for (at, line) in wrap(entry, COLUMNS - 2 * INDENT.len()).iter().enumerate() {
            let further = if at == 0 { "" } else { INDENT };
            lines.push(format!("{INDENT}{further}{line}"));
        }
    }
}

/// Section, text and pointer of figures, one a line.
pub fn figures_text(figures: &[ShownFigure]) -> String {
    let width = |of: fn(&ShownFigure) -> &str| figures.iter().map(|figure| of(figure).chars().count()).max();
    let sections = width(|figure| &figure.section).unwrap_or(0);
    let texts = width(|figure| &figure.text).unwrap_or(0);
    let line = |figure: &ShownFigure| {
        format!("{:sections$}  {:>texts$}  {}\n", figure.section, figure.text, figure.pointer)
    };
    figures.iter().map(line).collect()
}
