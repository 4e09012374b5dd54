//! `reconcile`: does the bill agree, and what explains the rest?

use std::path::Path;

use anyhow::Context;

use super::{Done, library::Library, output, saved::saved_plan};
use crate::{
    cli::{Format, ReconcileArgs},
    diagnostics::{SourceText, VALUES_MAX, read_limited, too_many_values},
    projection::reconcile::{Component, Expected, read_bill, reconcile},
    report::{reconciliation_markdown, reconciliation_text},
    usage::read_observations,
};

/// Longest bill or file of observations.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Most cells of a bill: a million rows of the console's report.
const CELLS_MAX: usize = 15_000_000;

pub(super) fn run(args: &ReconcileArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let book = Library::prices(overlay)?;
    let name = args.bill.display().to_string();
    let bill =
        read_bill(&text(&args.bill)?, args.currency_rate).with_context(|| format!("cannot use {name}"))?;
    let on = args.answer.on;
    let expected = match &args.plan {
        Some(plan) => Expected::of_plan(&saved_plan(plan, on, overlay)?, &bill.lines, on)?,
        None if args.observations.is_empty() => Expected::nothing(),
        None => {
            let mut observations = Vec::new();
            for path in &args.observations {
                let found = read_observations(&text(path)?);
                observations.extend(found.with_context(|| format!("cannot use {}", path.display()))?);
            }
            Expected::of_observations(&observations, &book)
        }
    };
    let found = reconcile(&bill, &expected, &book, on)?;
    let unknown = |component| matches!(component, Component::UnknownSkus | Component::NoPrice);
    let unknown = found.others.iter().filter(|row| unknown(row.component)).count();
    if args.answer.strict && unknown > 0 {
        anyhow::bail!("{unknown} SKU(s) not known or without a price, and --strict allows none");
    }
    if args.answer.json {
        output::print_json(&found)?;
        return Ok(Done::Fine);
    }
    match args.format {
        Format::Text => output::print(&reconciliation_text(&found))?,
        Format::Markdown => output::print(&reconciliation_markdown(&found))?,
    }
    Ok(Done::Fine)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let text = SourceText::from_bytes(&path.display().to_string(), read_limited(path, BYTES_MAX)?)?.text;
    let cells = memchr::memchr_iter(b',', text.as_bytes()).count();
    anyhow::ensure!(
        cells <= CELLS_MAX,
        "`{}` holds {cells} cells, expected at most {CELLS_MAX}\n\nhint: group the bill by SKU and day",
        path.display()
    );
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    anyhow::ensure!(
        !is_json || text.lines().all(|line| too_many_values(line.as_bytes()).is_none()),
        "`{}` holds more than {VALUES_MAX} values on one line\n\nhint: export JSON lines, or CSV",
        path.display()
    );
    Ok(text)
}
