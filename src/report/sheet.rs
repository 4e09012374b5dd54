//! A short answer of text, tables and lists, drawn for a terminal or as Markdown.

use super::{
    markdown::{escaped, row, rule},
    terminal::{plain_table, wrap},
};

/// Width of a terminal line of text.
const COLUMNS: usize = 80;

/// Title and blocks, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// A part of a sheet.
#[derive(Clone, Debug)]
pub(super) enum Block {
    /// A paragraph.
    Text(String),
    /// A table; the first row is its header, and stands left as its caption.
    Table(Vec<Vec<String>>),
    /// A caption and entries.
    List(&'static str, Vec<String>),
}

impl Sheet {
    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Left out when it has no row below its header.
    pub(super) fn table(&mut self, rows: Vec<Vec<String>>) {
        if rows.len() > 1 {
            self.blocks.push(Block::Table(rows));
        }
    }

    /// Left out when it is empty.
    pub(super) fn list(&mut self, caption: &'static str, entries: Vec<String>) {
        if !entries.is_empty() {
            self.blocks.push(Block::List(caption, entries));
        }
    }

    /// For a terminal.
    pub(super) fn terminal(&self) -> String {
        let mut text = wrap(&self.title, COLUMNS).join("\n") + "\n";
        for block in &self.blocks {
            text.push('\n');
            match block {
                Block::Text(paragraph) => text += &(wrap(paragraph, COLUMNS).join("\n") + "\n"),
                Block::Table(rows) => text += &plain_table(rows),
                Block::List(caption, entries) => {
                    text += &format!("{caption}\n");
                    for entry in entries {
                        let lines = wrap(entry, COLUMNS - 4);
                        text += &format!("  {}\n", lines.join("\n    "));
                    }
                }
            }
        }
        text
    }

    /// For a ticket or a pull request: long lists are folded away.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("### {}\n", escaped(&self.title));
        for block in &self.blocks {
            text.push('\n');
            match block {
                Block::Text(paragraph) => text += &(escaped(paragraph) + "\n"),
                Block::Table(rows) => {
                    text += &row(rows[0].iter().cloned());
                    text += &rule(rows[0].len());
                    for cells in &rows[1..] {
                        let missing = rows[0].len().saturating_sub(cells.len());
                        text +=
                            &row(cells.iter().cloned().chain(std::iter::repeat_n(String::new(), missing)));
                    }
                }
                Block::List(caption, entries) => {
                    text += &format!("<details><summary>{}</summary>\n\n", escaped(caption));
                    for entry in entries {
                        text += &format!("- {}\n", escaped(entry));
                    }
                    text += "\n</details>\n";
                }
            }
        }
        text
    }
}
