//! The course of a calibration in the output folder: picture and numbers.

use std::path::Path;

use anyhow::Context;

use crate::{
    calibrate::{Campaign, Entry, convergence},
    commands::plan::{PNG_SCALE, write_whole},
    report::{charts::to_png, convergence_picture, convergence_table, csv},
    units::Usd,
};

/// Writes `convergence.svg`, `.png` and `.csv`; gives their paths.
pub(super) fn write(
    folder: &Path,
    campaign: &Campaign,
    budget: Usd,
    entries: &[Entry],
) -> anyhow::Result<Vec<String>> {
    let found = convergence(campaign, budget, entries);
    let mut files = vec![("convergence.csv", csv(&convergence_table(&found)).into_bytes())];
    if let Some(chart) = convergence_picture(&found).context("cannot draw the course of the calibration")? {
        files.push(("convergence.png", to_png(&chart.svg, PNG_SCALE)?));
        files.push(("convergence.svg", chart.svg.into_bytes()));
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        write_whole(&path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        written.push(path.display().to_string());
    }
    Ok(written)
}
