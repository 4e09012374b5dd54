//! `drift`: new observations against the token profiles.

use std::path::Path;

use anyhow::Context;

use super::{Done, library::Library, output};
use crate::{
    calendar::Day,
    cli::DriftArgs,
    diagnostics::{SourceText, read_limited},
    report::{
        format::{figure, money_whole},
        plain_table,
    },
    tokens::{CellDrift, Drift, Signal, drift},
    usage::read_observations,
};

/// Longest file of observations.
const OBSERVATIONS_BYTES_MAX: u64 = 1024 * 1024 * 1024;

pub(super) fn run(args: &DriftArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let library = Library::load(overlay)?;
    let mut observations = Vec::new();
    for path in &args.observations {
        let name = path.display().to_string();
        let text = SourceText::from_bytes(&name, read_limited(path, OBSERVATIONS_BYTES_MAX)?)?;
        observations.extend(read_observations(&text.text).with_context(|| format!("cannot use {name}"))?);
    }
    // A chart follows time; records without a time keep their place in the file.
    observations.sort_by(|a, b| a.at.cmp(&b.at));
    let day = args.answer.on.unwrap_or_else(Day::today_utc);
    let found = drift(&observations, &library.prices, &library.tokens, day);
    if args.answer.json {
        output::print_json(&found)?;
    } else {
        output::print(&text(&found))?;
    }
    let drifted = found.cells.iter().any(|cell| !cell.signals.is_empty());
    if found.cells.is_empty() {
        anyhow::ensure!(!args.answer.strict, "nothing to compare, and --strict allows no silence");
    }
    Ok(if drifted { Done::CheckFailed } else { Done::Fine })
}

fn text(found: &Drift) -> String {
    let mut rows = vec![["cell", "known", "new", "verdict", "anew for ±5 %"].map(String::from).to_vec()];
    for cell in &found.cells {
        rows.push(vec![
            name(cell),
            cell.known.to_string(),
            cell.new.to_string(),
            if cell.signals.is_empty() { "holds".into() } else { "drifted".into() },
            cell.recalibration_usd.map_or("–".into(), money_whole),
        ]);
    }
    let mut text = plain_table(&rows);
    for cell in found.cells.iter().filter(|cell| !cell.signals.is_empty()) {
        text += &format!("\n{}\n", name(cell));
        for signal in &cell.signals {
            text += &format!("  {}\n", sentence(signal));
        }
    }
    for (cell, answers) in &found.unknown_cells {
        text += &format!("\n{cell}: {answers} new answers, fewer than 8 known: nothing to compare with\n");
    }
    for (reason, count) in &found.left_out {
        text += &format!("left out: {count} {reason}\n");
    }
    if let Some(cell) = found.cells.iter().find(|cell| !cell.signals.is_empty()) {
        text += &format!(
            "\nnext: burndown calibrate WORKLOAD --placement {} --model {}\n",
            crate::model::Endpoint::of(cell.backend),
            cell.model
        );
    }
    text
}

fn name(cell: &CellDrift) -> String {
    format!("{} {} {}", cell.backend, cell.model, cell.kind.as_str())
}

fn sentence(signal: &Signal) -> String {
    match signal {
        Signal::UnknownAtom { what, value, times } => {
            format!("{what}: {value} was never seen before, now in {times} answer(s)")
        }
        Signal::Shift { what, after, before, now } => format!(
            "{what}: the mean moved from {} to {}; noticed after {after} answers",
            figure(*before),
            figure(*now)
        ),
        Signal::NewLaw { what, p } => format!("{what}: another law than before (p = {p:.2e})"),
    }
}
