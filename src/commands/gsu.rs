//! `gsu`: Google's form and its answer, from a workload or from numbers.

use std::path::Path;

use anyhow::{Context, bail};
use rust_decimal::Decimal;

use super::{Done, library::Library, output, plan::plan_for};
use crate::{
    calendar::Day,
    capacity::{Query, Sizing, size},
    cli::{Answer, GsuArgs, GsuFormat, GsuNumbers, TokenFlags},
    model::{Backend, ByClass, Endpoint, Location, ModelId, TokenClass},
    report::{GsuAnswer, Report, gsu_forms, markdown, terminal},
    warning::Warning,
};

pub(super) fn run(args: &GsuArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    match (&args.workload, &args.numbers) {
        (Some(workload), _) => of_workload(workload, args.format, &args.answer, overlay),
        (None, Some(numbers)) => of_numbers(numbers, &args.tokens, args.format, &args.answer, overlay),
        (None, None) => bail!("expected a workload, or --model and --qps"),
    }
}

/// The form of every pool of a workload.
fn of_workload(
    workload: &str,
    format: GsuFormat,
    options: &Answer,
    overlay: Option<&Path>,
) -> anyhow::Result<Done> {
    let plan = plan_for(workload, options.on, overlay)?;
    let forms = gsu_forms(&plan)?;
    output::strict(options, &forms.warnings)?;
    if options.json {
        output::print_json(&forms)?;
        return Ok(Done::Fine);
    }
    let pages =
        |page: fn(&Report) -> String| forms.pages().iter().map(page).collect::<Vec<String>>().join("\n");
    match format {
        GsuFormat::Text => output::print(&pages(terminal))?,
        GsuFormat::Markdown => output::print(&pages(markdown))?,
        GsuFormat::Csv => output::print(&forms.csv())?,
    }
    for line in &plan.workload.resolutions {
        output::say(line);
    }
    output::warn_first(&forms.warnings);
    Ok(Done::Fine)
}

fn of_numbers(
    args: &GsuNumbers,
    given: &TokenFlags,
    format: GsuFormat,
    options: &Answer,
    overlay: Option<&Path>,
) -> anyhow::Result<Done> {
    let library = Library::load(overlay)?;
    let day = options.on.unwrap_or_else(Day::today_utc);
    let mut resolved = Vec::new();
    let model = match library.prices.resolve(&args.model) {
        Ok(found) => {
            if let Some(alias) = found.alias {
                resolved.push(format!("{alias} = {}", found.id));
            }
            found.id
        }
        // A model may have throughput and no price.
        Err(_) if library.capacity.throughput.iter().any(|row| row.model.0 == args.model) => {
            ModelId(args.model.clone())
        }
        Err(error) => return Err(error.into()),
    };
    let endpoint = Endpoint::Vertex(args.location.clone());
    let mut tokens = ByClass::default();
    for (class, value) in &given.given {
        tokens[*class] = *value;
    }
    tokens_of_sizes(args, &library, &model, &mut tokens, &mut resolved)?;
    let query =
        Query { model: model.clone(), queries_per_second: args.qps, tokens, cached_share: args.cached_share };
    let sizing = size(&library.capacity, &query, day, args.location.is_global())?;
    let mut warnings = sizing.warnings.clone();
    warnings.extend(library.prices.life_warnings(&model, &endpoint, day, day.plus_days(1)));
    warnings.extend(library.prices.stale(day));
    warnings.extend(throughput_location(&library, &model, day, &args.location));
    let answer = answer(args, day, sizing, resolved, warnings);
    output::strict(options, &answer.warnings)?;
    if options.json {
        output::print_json(&answer)?;
    } else {
        match format {
            GsuFormat::Text => output::print(&answer.text())?,
            GsuFormat::Markdown => output::print(&answer.markdown())?,
            GsuFormat::Csv => output::print(&answer.csv())?,
        }
        output::warn(&answer.warnings);
    }
    Ok(Done::Fine)
}

/// Pixels and sizes instead of tokens, by the model's token profile on Vertex (PT is sold there alone).
fn tokens_of_sizes(
    args: &GsuNumbers,
    library: &Library,
    model: &ModelId,
    tokens: &mut ByClass<Decimal>,
    resolved: &mut Vec<String>,
) -> anyhow::Result<()> {
    if args.input_image_px.is_empty() && args.output_size.is_none() {
        return Ok(());
    }
    let profile = library
        .tokens
        .get(&(Backend::Vertex, model.clone()))
        .with_context(|| format!("no token profile for {model} on vertex: give tokens instead of sizes"))?;
    if profile.cells.iter().any(|cell| cell.grade == crate::model::Grade::Rehearsed) {
        bail!(
            "the token profile of {model} was rehearsed against the emulator, and GSUs are real money\n\nhint: leave --profiles away, or calibrate against the real backends"
        );
    }
    if !args.input_image_px.is_empty() {
        let table = profile
            .input_image
            .as_ref()
            .with_context(|| format!("the token profile of {model} has no rule for input images"))?;
        let sum: u64 = args.input_image_px.iter().map(|size| table.rule.tokens(*size)).sum();
        tokens[TokenClass::InputImage] = Decimal::from(sum);
        resolved.push(format!(
            "{} input image(s) = {sum} tokens ({})",
            args.input_image_px.len(),
            table.evidence().grade
        ));
    }
    if let Some(size) = args.output_size {
        let made = profile.output_image.as_ref().map(|table| &table.tokens);
        let Some(count) = made.and_then(|made| made.get(&size)) else {
            let sizes: Vec<&str> = made.into_iter().flatten().map(|(size, _)| size.as_str()).collect();
            bail!(
                "{model} makes no {size} images{}",
                if sizes.is_empty() {
                    String::new()
                } else {
                    format!(", expected {}", crate::model::or_list(&sizes))
                }
            );
        };
        tokens[TokenClass::OutputImage] = Decimal::from(*count);
        resolved.push(format!("output size {size} = {count} tokens"));
    }
    Ok(())
}

fn throughput_location(library: &Library, model: &ModelId, day: Day, location: &Location) -> Option<Warning> {
    let known = library.capacity.throughput(model, day, 0.0)?.locations.as_ref()?;
    (!location.is_among(known)).then(|| Warning::ThroughputLocationUnknown {
        model: model.clone(),
        location: location.to_string(),
        known: known.join(", "),
    })
}

fn answer(
    args: &GsuNumbers,
    day: Day,
    sizing: Sizing,
    resolved: Vec<String>,
    warnings: Vec<Warning>,
) -> GsuAnswer {
    GsuAnswer {
        schema: "burndown.gsu/1",
        model: sizing.model,
        location: args.location.to_string(),
        on: day,
        resolved,
        queries_per_second: args.qps,
        burn_lines: sizing.lines,
        burn_per_request: sizing.burn_per_request,
        throughput_per_second: sizing.throughput_per_second,
        throughput_per_gsu: sizing.throughput_per_gsu,
        gsu_exact: sizing.gsu_exact.round_dp(6),
        gsu: sizing.gsu,
        window_seconds: sizing.window.map(|window| window.seconds),
        quota_per_window: sizing.quota_per_window,
        whole_requests_per_window: sizing.whole_requests_per_window,
        terms: sizing.terms,
        warnings,
    }
}
