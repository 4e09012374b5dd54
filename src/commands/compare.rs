//! `compare`: every placement of a workload, side by side.

use std::path::Path;

use super::{Done, output, plan::plan_for};
use crate::{
    cli::{CompareArgs, GsuFormat},
    report::compare,
};

pub(super) fn run(args: &CompareArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let plan = plan_for(&args.workload, args.answer.on, overlay)?;
    output::strict(&args.answer, &plan.warnings)?;
    let comparison = compare(&plan);
    if args.answer.json {
        output::print_json(&comparison)?;
    } else {
        match args.format {
            GsuFormat::Text => output::print(&comparison.text(&plan))?,
            GsuFormat::Markdown => output::print(&comparison.markdown())?,
            GsuFormat::Csv => output::print(&comparison.csv())?,
        }
        output::warn(&plan.warnings);
    }
    Ok(Done::Fine)
}
