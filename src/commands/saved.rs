//! Plans as arguments: a plan.json, a report folder, standard input, or a workload that is planned first.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use super::plan::plan_for;
use crate::{
    calendar::Day,
    diagnostics::{SourceText, VALUES_MAX, read_limited, too_many_values},
    projection::SavedPlan,
    report::{Report, plan_file},
};

/// Longest plan that is read; sixty months of twenty routes take about 30 MB.
const PLAN_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// When a plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// Before: it was read from a file.
    Before,
    /// Now: from a workload.
    Now,
}

/// The plan that an argument names, as far as the comparing verbs read it.
pub(super) fn saved_plan(what: &str, on: Option<Day>, overlay: Option<&Path>) -> anyhow::Result<SavedPlan> {
    let (value, _) = plan_value(what, on, overlay)?;
    SavedPlan::read(&value).with_context(|| format!("cannot use {} as a plan", plan_name(what)))
}

/// What people call the argument.
pub(super) fn plan_name(what: &str) -> &str {
    if what == "-" { "standard input" } else { what }
}

/// The plan that an argument names, as its file reads.
pub(super) fn plan_value(
    what: &str,
    on: Option<Day>,
    overlay: Option<&Path>,
) -> anyhow::Result<(Value, Made)> {
    let mut path = Path::new(what).to_path_buf();
    let (name, bytes) = if what == "-" {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::io::stdin()
            .take(PLAN_BYTES_MAX)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        ("standard input".to_string(), bytes)
    } else {
        if path.is_dir() {
            path.push("plan.json");
            if !path.is_file() {
                bail!(
                    "no plan.json in the folder `{what}`\n\nhint: `burndown plan WORKLOAD --out DIR` writes one"
                );
            }
        }
        if !path.is_file() {
            return planned(what, on, overlay);
        }
        (path.display().to_string(), read_limited(&path, PLAN_BYTES_MAX)?)
    };
    let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_json && what != "-" && path.extension().is_none_or(|extension| extension != "json") {
        return planned(what, on, overlay);
    }
    let source = SourceText::from_bytes(&name, bytes)?;
    if let Some(found) = too_many_values(source.text.as_bytes()) {
        bail!("cannot use {name} as a plan: it holds {found} values, a plan at most {VALUES_MAX}");
    }
    let plan = serde_json::from_str(&source.text).with_context(|| format!("cannot use {name} as a plan"))?;
    Ok((plan, Made::Before))
}

/// The plan of a workload, as its file would read.
fn planned(what: &str, on: Option<Day>, overlay: Option<&Path>) -> anyhow::Result<(Value, Made)> {
    let plan = plan_for(what, on, overlay)?;
    Ok((serde_json::to_value(plan_file(&plan, &Report::of(&plan)))?, Made::Now))
}
