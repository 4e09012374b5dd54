//! `gsu`: Google's form and its answer, from a workload or from numbers.

use std::path::Path;

use anyhow::{Context, bail};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Done, library::Library, output, plan::plan_for};
use crate::{
    calendar::Day,
    capacity::{Query, Sizing, size},
    cli::{Answer, Format, GsuArgs, GsuNumbers, TokenFlags},
    model::{Backend, ByClass, Endpoint, Location, ModelId, TokenClass},
    report::{
        format::{decimal_grouped, grouped, money_whole},
        gsu_forms, markdown, plain_table, terminal,
    },
    warning::Warning,
};

/// What `gsu` answers.
#[derive(Debug, Serialize)]
struct GsuAnswer {
    schema: &'static str,
    model: ModelId,
    location: String,
    on: Day,
    resolved: Vec<String>,
    queries_per_second: Decimal,
    burn_lines: Vec<crate::capacity::BurnLine>,
    burn_per_request: Decimal,
    throughput_per_second: Decimal,
    throughput_per_gsu: Decimal,
    gsu_exact: Decimal,
    gsu: u64,
    window_seconds: Option<u64>,
    quota_per_window: Option<Decimal>,
    whole_requests_per_window: Option<u64>,
    terms: Vec<crate::capacity::TermPrice>,
    warnings: Vec<Warning>,
}

pub(super) fn run(args: &GsuArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    match (&args.workload, &args.numbers) {
        (Some(workload), _) => of_workload(workload, args.format, &args.answer, overlay),
        (None, Some(_)) if args.format != Format::Text => {
            bail!("--format markdown is for the form of a workload; from numbers, take text or --json")
        }
        (None, Some(numbers)) => of_numbers(numbers, &args.tokens, &args.answer, overlay),
        (None, None) => bail!("expected a workload, or --model and --qps"),
    }
}

/// The form of every pool of a workload.
fn of_workload(
    workload: &str,
    format: Format,
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
    let page = match format {
        Format::Text => terminal,
        Format::Markdown => markdown,
    };
    let pages: Vec<String> = forms.pages().iter().map(page).collect();
    output::print(&pages.join("\n"))?;
    for line in &plan.workload.resolutions {
        output::say(line);
    }
    output::warn_first(&forms.warnings);
    Ok(Done::Fine)
}

fn of_numbers(
    args: &GsuNumbers,
    given: &TokenFlags,
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
        output::print(&text(&answer))?;
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

fn text(answer: &GsuAnswer) -> String {
    let mut text = format!("{} · vertex:{} · {}\n", answer.model, answer.location, answer.on);
    for line in &answer.resolved {
        text += &format!("  {line}\n");
    }
    text.push('\n');
    let mut rows = vec![["class", "tokens/query", "burndown", "burn"].map(String::from).to_vec()];
    for line in &answer.burn_lines {
        rows.push(vec![
            line.class.label().into(),
            decimal_grouped(line.tokens),
            format!("× {}", line.rate.normalize()),
            decimal_grouped(line.burn),
        ]);
    }
    let total = decimal_grouped(answer.burn_per_request);
    rows.push(vec!["burn per request".into(), String::new(), String::new(), total]);
    text += &plain_table(&rows);
    text += &format!(
        "\n  × {} queries/s = {} burn tokens/s\n  ÷ {} per GSU = {} → {} GSU\n",
        answer.queries_per_second.normalize(),
        decimal_grouped(answer.throughput_per_second),
        decimal_grouped(answer.throughput_per_gsu),
        answer.gsu_exact.round_dp(2).normalize(),
        grouped(answer.gsu),
    );
    if let (Some(seconds), Some(quota)) = (answer.window_seconds, answer.quota_per_window) {
        let whole = answer.whole_requests_per_window.unwrap_or(0);
        text += &format!(
            "  enforced over {seconds} s: {} burn tokens, {} whole requests of this size\n",
            decimal_grouped(quota),
            grouped(whole)
        );
    }
    text += "\n";
    let mut rows = vec![["term", "USD/GSU-hour", "USD/month", "USD bound"].map(String::from).to_vec()];
    for term in &answer.terms {
        rows.push(vec![
            term.name.clone(),
            term.usd_per_gsu_hour.to_string(),
            money_whole(term.usd_per_month.to_f64()),
            money_whole(term.usd_per_term.to_f64()),
        ]);
    }
    text += &plain_table(&rows);
    text + "\n  This is the form's own answer: mean load, nothing kept for peaks. A month has 730 hours;\n  \"bound\" cannot be cancelled.\n"
}
