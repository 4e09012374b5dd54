//! Files of Cloud Monitoring's metrics, as `check` and `replay` take them.

use std::path::PathBuf;

use anyhow::Context;

use crate::{
    capacity::{PtMetrics, read_explorer_csv, read_time_series},
    diagnostics::{SourceText, read_limited},
};

/// Longest file of metrics.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// All files together: answers of the API, or CSV files under the names that Metrics Explorer gives.
pub(super) fn pt_metrics(paths: &[PathBuf]) -> anyhow::Result<PtMetrics> {
    let mut points = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let text = SourceText::from_bytes(&name, read_limited(path, BYTES_MAX)?)?.text;
        let read = match text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']) {
            true => read_time_series(&text),
            false => {
                let file =
                    path.file_name().map_or_else(|| name.clone(), |file| file.to_string_lossy().into());
                read_explorer_csv(&file, &text)
            }
        };
        points.extend(read.with_context(|| format!("cannot use {name}"))?);
    }
    Ok(PtMetrics::of(&points)?)
}
