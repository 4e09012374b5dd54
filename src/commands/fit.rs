//! `fit`: observations to token profiles.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;

use super::{Done, files::write_files, library::Library, output};
use crate::report::plain_table;
use crate::{
    calendar::Day,
    cli::FitArgs,
    diagnostics::{SourceText, read_limited},
    model::{Backend, ModelId},
    tokens::{Cell, Fitted, FittedCell, RuleCheck, fit, fit_aggregates, with_cells},
    usage::{AGGREGATE_SCHEMA, Aggregates, Attempt, Observation, add_aggregate_row, read_observations},
};

/// Longest file of observations.
const OBSERVATIONS_BYTES_MAX: u64 = 1024 * 1024 * 1024;

pub(super) fn run(args: &FitArgs, overlay: Option<&Path>) -> anyhow::Result<Done> {
    let library = Library::load(overlay)?;
    let mut observations: Vec<Observation> = Vec::new();
    let mut aggregates = Aggregates::default();
    for path in &args.observations {
        let name = path.display().to_string();
        let text = SourceText::from_bytes(&name, read_limited(path, OBSERVATIONS_BYTES_MAX)?)?;
        if is_aggregate(&text.text) {
            add_aggregates(&mut aggregates, &text.text).with_context(|| format!("cannot use {name}"))?;
            continue;
        }
        let found = read_observations(&text.text).with_context(|| format!("cannot use {name}"))?;
        observations.extend(found);
    }
    let fitted = if aggregates.cells.is_empty() {
        fit(&observations, &library.prices, &library.tokens, &args.source)
    } else {
        for observation in &observations {
            if let Some(attempt) = Attempt::of(observation, "all", None) {
                aggregates.add(&attempt)?;
            }
        }
        fit_aggregates(&aggregates, &library.prices, &library.tokens, &args.source)
    };
    if args.answer.strict && fitted.rules.iter().any(|rule| !rule.differ.is_empty()) {
        anyhow::bail!("an input-image rule differs from what answers reported, and --strict allows none");
    }
    let mut written = Vec::new();
    if let Some(folder) = &args.out {
        let day = args.answer.on.unwrap_or_else(Day::today_utc).to_string();
        written = write_profiles(&fitted, folder, overlay, None, (&args.source, &args.title, &day))?;
    }
    if args.answer.json {
        output::print_json(&fitted)?;
    } else {
        output::print(&text(&fitted))?;
    }
    for path in &written {
        output::say(&format!("wrote {path}"));
    }
    Ok(Done::Fine)
}

/// Writes a profile for everything that was learned; gives the paths.
///
/// `kept` holds profiles whose cells of other kinds of request stay beside the new ones.
pub(super) fn write_profiles(
    fitted: &Fitted,
    folder: &Path,
    overlay: Option<&Path>,
    kept: Option<&Library>,
    source: (&str, &str, &str),
) -> anyhow::Result<Vec<String>> {
    write_files(folder, &profile_texts(fitted, overlay, kept, source)?)
}

/// `12`, or `400 of 1000000` where a long log stands as fewer answers.
fn answers_of(found: &FittedCell) -> String {
    let listed = found.cell.answers.len() as u64;
    if listed == found.rows { listed.to_string() } else { format!("{listed} of {}", found.rows) }
}

/// Whether a file holds sums, not single observations.
fn is_aggregate(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.contains(AGGREGATE_SCHEMA))
}

/// Adds the lines of a shard.
fn add_aggregates(aggregates: &mut Aggregates, text: &str) -> anyhow::Result<()> {
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).with_context(|| format!("line {}", at + 1))?;
        add_aggregate_row(aggregates, &row).with_context(|| format!("line {}", at + 1))?;
    }
    Ok(())
}

/// Path within the folder and text of every profile that learned something.
pub(super) fn profile_texts(
    fitted: &Fitted,
    overlay: Option<&Path>,
    kept: Option<&Library>,
    source: (&str, &str, &str),
) -> anyhow::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for (backend, model, mut cells, rule) in by_profile(fitted) {
        let base = Library::token_profile_text(overlay, backend, &model)?;
        let known = kept.and_then(|library| library.tokens.get(&(backend, model.clone())));
        let others: Vec<&Cell> = known.into_iter().flat_map(|profile| &profile.cells).collect();
        let fresh: Vec<_> = cells.iter().map(|cell| cell.kind).collect();
        cells.extend(others.into_iter().filter(|cell| !fresh.contains(&cell.kind)));
        cells.sort_by_key(|cell| cell.kind);
        let text = with_cells(&base.text, &cells, rule, source)
            .with_context(|| format!("cannot use {}", base.name))?;
        texts.push((format!("tokens/{backend}/{model}.toml"), text));
    }
    Ok(texts)
}

/// What one profile learns: its cells, and its rule where answers contradict it.
type Learned<'a> = (Backend, ModelId, Vec<&'a Cell>, Option<&'a RuleCheck>);

/// Cells and contradicted rules of each profile together.
fn by_profile(fitted: &Fitted) -> Vec<Learned<'_>> {
    let mut profiles: BTreeMap<(Backend, ModelId), Vec<&Cell>> = BTreeMap::new();
    for found in &fitted.cells {
        profiles.entry((found.backend, found.model.clone())).or_default().push(&found.cell);
    }
    for rule in fitted.rules.iter().filter(|rule| !rule.differ.is_empty()) {
        profiles.entry((rule.backend, rule.model.clone())).or_default();
    }
    let rule_of = |backend: Backend, model: &ModelId| {
        fitted.rules.iter().find(|rule| rule.backend == backend && rule.model == *model)
    };
    profiles
        .into_iter()
        .map(|((backend, model), cells)| {
            let rule = rule_of(backend, &model);
            (backend, model, cells, rule)
        })
        .collect()
}

/// The cells, the rules held against answers, what was left out.
pub(super) fn text(fitted: &Fitted) -> String {
    let mut text = format!("{} observations\n\n", fitted.observations);
    let header = ["cell", "answers", "images", "text", "thinking", "blocked", "from", "to"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for found in &fitted.cells {
        let cell = &found.cell;
        let mean = |of: fn(&crate::tokens::Answer) -> u64| {
            let sum: u64 = cell.answers.iter().map(of).sum();
            crate::report::format::figure(sum as f64 / cell.answers.len() as f64)
        };
        rows.push(vec![
            format!("{} {} {}", found.backend, found.model, cell.kind.as_str()),
            answers_of(found),
            mean(|answer| answer.images),
            mean(|answer| answer.text),
            mean(|answer| answer.thinking),
            cell.blocked.to_string(),
            cell.first.clone().unwrap_or_else(|| "–".into()),
            cell.last.clone().unwrap_or_else(|| "–".into()),
        ]);
    }
    text += &plain_table(&rows);
    text += "\ninput-image rules against answers\n";
    for rule in &fitted.rules {
        let total = rule.agree + rule.differ.len() as u64;
        text += &format!("  {} {}: {} of {total} agree\n", rule.backend, rule.model, rule.agree);
        for (what, reported, by_rule) in &rule.differ {
            text += &format!("    {what}: reported {reported}, by the rule {by_rule}\n");
        }
    }
    for (title, counts) in [("left out", &fitted.left_out), ("anomalies", &fitted.anomalies)] {
        text += &format!("\n{title}\n");
        for (reason, count) in counts {
            text += &format!("  {count:>5}  {reason}\n");
        }
    }
    text
}
