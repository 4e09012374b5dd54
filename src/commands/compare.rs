//! `compare`: every placement of a workload, side by side.

use std::path::Path;

use super::{Done, output, plan::plan_for};
use crate::{cli::CompareArgs, report::compare};

pub(super) fn run(args: &CompareArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let plan = plan_for(&args.workload, args.answer.on, overlay)?;
    output::strict(&args.answer, &plan.warnings)?;
    let comparison = compare(&plan);
    if args.answer.json {
        output::print_json(&comparison)?;
    } else {
        output::print(&comparison.text(&plan))?;
        output::warn(&plan.warnings);
    }
    Ok(Done::Fine)
}
