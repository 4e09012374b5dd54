//! The course of a calibration in the output folder: picture and numbers.

use std::path::Path;

use anyhow::Context;

use crate::{
    calibrate::{Campaign, Entry, convergence},
    commands::{files::write_files, plan::PNG_SCALE},
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
    let mut files = vec![("convergence.csv".to_string(), csv(&convergence_table(&found)).into_bytes())];
    if let Some(chart) = convergence_picture(&found).context("cannot draw the course of the calibration")? {
        files.push(("convergence.png".into(), to_png(&chart.svg, PNG_SCALE)?));
        files.push(("convergence.svg".into(), chart.svg.into_bytes()));
    }
    write_files(folder, &files)
}
