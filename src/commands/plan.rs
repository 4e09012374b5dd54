//! `plan`: from a workload file to the first screen and the report folder.

use std::path::Path;

use anyhow::Context;

use super::{Done, files::write_files, library::Library, output};
use crate::{
    calendar::Day,
    cli::{PlanArgs, PlanFormat},
    diagnostics::{FILE_BYTES_MAX, SourceText, read_limited},
    model::{Pixels, nearest},
    projection::{Plan, project},
    report::{
        FocusOf, Report, advises_orders, charts::to_png, csv, focus, html, markdown, memo_markdown,
        memo_text, pictures, plan_file, short_markdown, terminal,
    },
    workload::{OutsideFiles, OutsideKind, Workload, WorkloadFile, scenario_text},
};

/// PNGs are drawn at twice the nominal size, for screens and paper alike.
pub(super) const PNG_SCALE: f32 = 2.0;

/// Most images one pattern may match.
const IMAGES_MAX: usize = 10_000;

pub(super) fn run(args: &PlanArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let plan = plan_with(&args.workload, &args.scenario, args.answer.on, overlay)?;
    output::strict(&args.answer, &plan.warnings)?;
    let report = Report::of(&plan);
    if let Some(folder) = &args.out {
        write_report(folder, &plan, &report)?;
    }
    if args.answer.json {
        output::print_json(&plan_file(&plan, &report))?;
        return Ok(Done::Fine);
    }
    match args.format {
        PlanFormat::Text => output::print(&terminal(&report))?,
        PlanFormat::Markdown => output::print(&short_markdown(&report))?,
        PlanFormat::Memo => output::print(&memo_text(&plan))?,
        PlanFormat::MemoMarkdown => output::print(&memo_markdown(&plan))?,
        PlanFormat::Focus => output::print(&focus(&plan, FocusOf::Bill))?,
        PlanFormat::FocusWithOrders => output::print(&focus(&plan, FocusOf::WithOrders))?,
    }
    for line in &plan.workload.resolutions {
        output::say(line);
    }
    output::warn_first(&plan.warnings);
    if let Some(folder) = &args.out {
        output::say(&format!("report: {}", folder.join("report.html").display()));
    }
    Ok(Done::Fine)
}

/// The plan of a workload file, a shipped one, or standard input.
pub(super) fn plan_for(workload: &str, on: Option<Day>, overlay: Option<&Path>) -> anyhow::Result<Plan> {
    plan_with(workload, &[], on, overlay)
}

/// The same with what-ifs of the command line: those that are written out, and names of those in the file.
fn plan_with(
    workload: &str,
    what_ifs: &[String],
    on: Option<Day>,
    overlay: Option<&Path>,
) -> anyhow::Result<Plan> {
    let library = Library::load(overlay)?;
    let (source, folder) = Library::workload(workload, overlay)?;
    let today = on.unwrap_or_else(Day::today_utc);
    let resolved = |source: &SourceText| -> anyhow::Result<Workload> {
        let file = WorkloadFile::parse(source)?;
        let outside = read_outside(&file, &folder);
        Ok(Workload::resolve(file, source, &library.prices, today, &outside)?)
    };
    let mut workload = resolved(&source)?;
    let (written, named): (Vec<&String>, Vec<&String>) =
        what_ifs.iter().partition(|text| text.contains([':', '=']));
    if !written.is_empty() {
        let mut longer =
            SourceText { name: format!("{} with --scenario", source.name), text: source.text.clone() };
        for text in written {
            longer.text += &scenario_text(text)?;
        }
        workload.scenarios = resolved(&longer)?.scenarios;
    }
    keep_named(&mut workload, &named, what_ifs)?;
    let plan = project(&library.inputs(&workload));
    plan.with_context(|| format!("cannot plan {}", source.name))
}

/// Where names are given, the file's other scenarios are left out.
fn keep_named(workload: &mut Workload, named: &[&String], what_ifs: &[String]) -> anyhow::Result<()> {
    if named.is_empty() {
        return Ok(());
    }
    let known: Vec<String> = workload.scenarios.iter().map(|scenario| scenario.name.clone()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if let Some(wrong) = named.iter().find(|name| !known.contains(&name.as_str())) {
        let near = nearest(wrong, known.iter().copied());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        anyhow::bail!(
            "no scenario `{wrong}` in the workload\n\nhint: {near}one is written out as `NAME: KEY=VALUE`"
        );
    }
    let written = |name: &String| {
        what_ifs.iter().any(|text| text.split_once(':').is_some_and(|(written, _)| written.trim() == name))
    };
    workload.scenarios.retain(|scenario| named.contains(&&scenario.name) || written(&scenario.name));
    Ok(())
}

/// Reads the prompts and the image sizes a workload refers to.
pub(super) fn read_outside(file: &WorkloadFile, folder: &Path) -> OutsideFiles {
    let mut outside = OutsideFiles::default();
    for wanted in file.outside_files() {
        let path = folder.join(&wanted.pattern);
        match wanted.kind {
            OutsideKind::Prompt => {
                outside.prompts.insert(wanted.pattern, read_prompt(&path));
            }
            OutsideKind::Images => {
                let sizes = image_sizes(&path.to_string_lossy(), &wanted.pattern);
                outside.images.insert(wanted.pattern, sizes);
            }
        }
    }
    outside
}

fn read_prompt(path: &Path) -> Result<String, String> {
    let bytes = read_limited(path, FILE_BYTES_MAX).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| format!("`{}` is not a UTF-8 text", path.display()))
}

/// Sizes of the images that match a path or a pattern, in the order of their names.
fn image_sizes(pattern: &str, as_written: &str) -> Result<Vec<Pixels>, String> {
    let looks_like_path = as_written.contains(['/', '\\', '.', '*', '?']);
    if !looks_like_path {
        return Err(format!(
            "expected a pixel size such as `1408x768` or an image file, found `{as_written}`"
        ));
    }
    let paths = glob::glob(pattern).map_err(|error| format!("not a pattern: {error}"))?;
    let mut sizes = Vec::new();
    for path in paths {
        let path = path.map_err(|error| error.to_string())?;
        let size = imagesize::size(&path)
            .map_err(|error| format!("cannot read the size of `{}`: {error}", path.display()))?;
        let (width, height) =
            (u32::try_from(size.width).unwrap_or(0), u32::try_from(size.height).unwrap_or(0));
        sizes.push(
            format!("{width}x{height}").parse().map_err(|error| format!("`{}`: {error}", path.display()))?,
        );
        if sizes.len() > IMAGES_MAX {
            return Err(format!("more than {IMAGES_MAX} images match"));
        }
    }
    if sizes.is_empty() {
        return Err(format!("no image matches `{as_written}`"));
    }
    Ok(sizes)
}

/// Everything is made in memory first: when something fails, nothing is written half.
fn write_report(folder: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let charts = pictures(plan).context("cannot draw the charts")?;
    let mut files: Vec<(String, Vec<u8>)> = vec![
        ("plan.json".into(), serde_json::to_string_pretty(&plan_file(plan, report))?.into_bytes()),
        ("report.md".into(), markdown(report).into_bytes()),
        ("report.txt".into(), terminal(report).into_bytes()),
        ("report.html".into(), html(report, &charts)?.into_bytes()),
        ("memo.txt".into(), memo_text(plan).into_bytes()),
        ("memo.md".into(), memo_markdown(plan).into_bytes()),
        ("focus.csv".into(), focus(plan, FocusOf::Bill).into_bytes()),
    ];
    if advises_orders(plan) {
        files.push(("focus_with_orders.csv".into(), focus(plan, FocusOf::WithOrders).into_bytes()));
    }
    for chart in &charts {
        files.push((format!("{}.svg", chart.name), chart.svg.clone().into_bytes()));
        files.push((format!("{}.png", chart.name), to_png(&chart.svg, PNG_SCALE)?));
    }
    for table in &report.tables {
        files.push((format!("{}.csv", table.name), csv(table).into_bytes()));
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    if let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).is_dir()) {
        anyhow::bail!("`{}` is a folder, expected a place for a file", folder.join(name).display());
    }
    write_files(folder, &files)?;
    Ok(())
}
