//! `explain`: one number of a plan back to its arithmetic, samples and sources.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::Value;

use super::{Done, output, plan::plan_for};
use crate::{
    cli::ExplainArgs,
    diagnostics::{SourceText, read_limited},
    report::{
        Found, Report, ShownFigure, explain, explanation_text, figures_text, find, plan_file, shown_figures,
    },
};

/// Longest plan that is read; sixty months of twenty routes take about 30 MB.
const PLAN_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a list of figures answers.
#[derive(Serialize)]
struct Figures {
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
    let mut path = Path::new(&args.plan).to_path_buf();
    let (name, bytes) = if args.plan == "-" {
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
                    "no plan.json in the folder `{}`\n\nhint: `burndown plan WORKLOAD --out DIR` writes one",
                    args.plan
                );
            }
        }
        if !path.is_file() {
            return planned(args, overlay);
        }
        (path.display().to_string(), read_limited(&path, PLAN_BYTES_MAX)?)
    };
    let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_json && args.plan != "-" && path.extension().is_none_or(|extension| extension != "json") {
        return planned(args, overlay);
    }
    if args.answer.on.is_some() {
        bail!("{name} is a plan already made: --on says as of which day to plan a workload");
    }
    let source = SourceText::from_bytes(&name, bytes)?;
    serde_json::from_str(&source.text).with_context(|| format!("cannot use {name} as a plan"))
}

/// The plan of a workload, as its file would read.
fn planned(args: &ExplainArgs, overlay: Option<&Path>) -> anyhow::Result<Value> {
    let plan = plan_for(&args.plan, args.answer.on, overlay)?;
    Ok(serde_json::to_value(plan_file(&plan, &Report::of(&plan)))?)
}

fn strict(args: &ExplainArgs, plan: &Value) -> anyhow::Result<()> {
    let warnings = plan.get("warnings").and_then(Value::as_array).map_or(0, Vec::len);
    if args.answer.strict && warnings > 0 {
        bail!("{warnings} warning(s) in the plan, and --strict allows none");
    }
    Ok(())
}
