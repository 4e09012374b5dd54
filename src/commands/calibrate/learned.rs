//! From observations to profiles in the output folder.

use std::path::Path;

use anyhow::Context;

use super::Job;
use crate::{
    cli::CalibrateArgs,
    commands::{files::write_whole, fit::write_profiles},
    tokens::fit,
    usage::Observation,
};

/// Key of the calibration among a profile's sources.
const SOURCE: &str = "CALIBRATION";

/// Writes the profiles that the observations teach, and the observations beside them; gives their paths.
pub(super) fn write(
    args: &CalibrateArgs,
    overlay: Option<&Path>,
    job: &Job,
    observations: &[Observation],
) -> anyhow::Result<Vec<String>> {
    let Some(folder) = &args.out else { return Ok(Vec::new()) };
    let fitted = fit(observations, &job.library.prices, &job.library.tokens, SOURCE);
    let title = if args.emulator {
        format!("rehearsal of {} against the emulator; no real answers", job.workload.name)
    } else {
        format!("calibration of {}: own requests", job.workload.name)
    };
    let day = job.day.to_string();
    let mut written = write_profiles(&fitted, folder, overlay, Some(&job.library), (SOURCE, &title, &day))?;
    let mut lines = String::new();
    for observation in observations {
        lines += &serde_json::to_string(observation)?;
        lines.push('\n');
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let path = folder.join("observations.jsonl");
    write_whole(&path, lines.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
    written.push(path.display().to_string());
    Ok(written)
}
