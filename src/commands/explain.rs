//! `explain`: one number of a plan back to its arithmetic, samples and sources.

use std::path::Path;

use anyhow::bail;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    Done, output,
    saved::{Made, plan_name, plan_value},
};
use crate::{
    cli::ExplainArgs,
    report::{Found, ShownFigure, explain, explanation_text, figures_text, find, shown_figures},
};

/// What a list of figures answers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Figures {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.figures/1"))]
    schema: &'static str,
    figures: Vec<ShownFigure>,
}

pub(super) fn run(args: &ExplainArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let plan = read_plan(args, overlay)?;
    let found = match &args.what {
        Some(what) => find(&plan, what)?,
        None => Found::Figures(shown_figures(&plan)?),
    };
    strict(args, &plan)?;
    match found {
        Found::Pointer(pointer) => {
            let explanation = explain(&plan, &pointer)?;
            if args.answer.json {
                output::print_json(&explanation)?;
            } else {
                output::print(&explanation_text(&explanation))?;
            }
        }
        Found::Figures(figures) if figures.is_empty() => {
            bail!(
                "this plan does not list the figures of its first screen\n\nhint: name a number by its JSON pointer, such as /bill/month/mean"
            )
        }
        Found::Figures(figures) if args.answer.json => {
            output::print_json(&Figures { schema: "burndown.figures/1", figures })?;
        }
        Found::Figures(figures) => output::print(&figures_text(&figures))?,
    }
    Ok(Done::Fine)
}

/// From a plan on standard input, a report folder, a file, or a workload that is planned first.
fn read_plan(args: &ExplainArgs, overlay: Option<&Path>) -> anyhow::Result<Value> {
    let (plan, made) = plan_value(&args.plan, args.answer.on, overlay)?;
    if made == Made::Before && args.answer.on.is_some() {
        let name = plan_name(&args.plan);
        bail!("{name} is a plan already made: --on says as of which day to plan a workload");
    }
    Ok(plan)
}

fn strict(args: &ExplainArgs, plan: &Value) -> anyhow::Result<()> {
    let warnings = plan.get("warnings").and_then(Value::as_array).map_or(0, Vec::len);
    if args.answer.strict && warnings > 0 {
        bail!("{warnings} warning(s) in the plan, and --strict allows none");
    }
    Ok(())
}
