//! `diff`: what changed between two plans, and why.

use std::path::Path;

use super::{Done, output, saved::saved_plan};
use crate::{
    cli::{DiffArgs, Format},
    projection::diff::diff,
    report::{diff_markdown, diff_text},
};

pub(super) fn run(args: &DiffArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    if args.before == "-" && args.after == "-" {
        anyhow::bail!("standard input holds one plan, and both were asked of it");
    }
    let before = saved_plan(&args.before, args.answer.on, overlay)?;
    let after = saved_plan(&args.after, args.answer.on, overlay)?;
    let found = diff((&args.before, &before), (&args.after, &after));
    if args.answer.strict && !found.warnings_new.is_empty() {
        for warning in &found.warnings_new {
            output::say(&format!("warning: {}", warning.message));
        }
        anyhow::bail!("{} new warning(s), and --strict allows none", found.warnings_new.len());
    }
    if args.answer.json {
        output::print_json(&found)?;
        return Ok(Done::Fine);
    }
    match args.format {
        Format::Text => output::print(&diff_text(&found))?,
        Format::Markdown => output::print(&diff_markdown(&found))?,
    }
    Ok(Done::Fine)
}
