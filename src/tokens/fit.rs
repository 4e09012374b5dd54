//! From observations to what a token profile learns: cells of whole answers, and the rules checked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use super::{
    aggregated::{design_effect, fit_aggregates},
    profile::{Answer, Cell, RequestKind, TokenProfile},
};
use crate::{
    calendar::moment,
    model::{Backend, Grade, ImageSize, ModelId, Pixels, TokenClass},
    prices::PriceBook,
    usage::{AGGREGATE_ABOVE, Aggregates, Anomaly, Attempt, Metric, Observation, RecordKind},
};

/// What was learned from a set of observations.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Fitted {
    /// Cells by backend, model and kind.
    pub cells: Vec<FittedCell>,
    /// Input-image rules held against answers.
    pub rules: Vec<RuleCheck>,
    /// Observations that were left out, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Anomalies seen, by code.
    pub anomalies: BTreeMap<String, u64>,
    /// Observations in all.
    pub observations: u64,
}

/// One learned cell.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FittedCell {
    /// The backend.
    pub backend: Backend,
    /// The model.
    pub model: ModelId,
    /// What its answers took.
    pub cell: Cell,
    /// Answers of the log that the cell stands for; more than it lists where a log is long, or where answers of
    /// one hour resemble each other.
    pub rows: u64,
}

/// Whether a rule gives the image tokens that answers reported.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RuleCheck {
    /// The backend.
    pub backend: Backend,
    /// The model.
    pub model: ModelId,
    /// Answers that agree.
    pub agree: u64,
    /// What the others reported: images, reported tokens, tokens by the rule.
    pub differ: Vec<(String, u64, u64)>,
    /// Tokens per image of every answer, ascending.
    pub per_image: Vec<f64>,
}

/// Learns cells for the image models and checks the input-image rules of all.
///
/// Only measured and rehearsed records teach; approximate ones and fixtures are counted as left out. The
/// order of the observations does not matter. `source` is the key under which the profiles name them. More than
/// [`AGGREGATE_ABOVE`] are learned from their aggregates, as a log that came in that form is; fewer are thinned
/// where answers of one hour resemble each other.
pub fn fit(
    observations: &[Observation],
    book: &PriceBook,
    profiles: &BTreeMap<(Backend, ModelId), TokenProfile>,
    source: &str,
) -> Fitted {
    if observations.len() as u64 > AGGREGATE_ABOVE {
        return fit_many(observations, book, profiles, source);
    }
    let (aggregates, _) = aggregated(observations);
    let mut fitted = Fitted { observations: observations.len() as u64, ..Fitted::default() };
    let mut cells: BTreeMap<(Backend, ModelId, RequestKind), Cell> = BTreeMap::new();
    let mut rules: BTreeMap<(Backend, ModelId), RuleCheck> = BTreeMap::new();
    for observation in observations {
        let (tokens, anomalies) = observation.classes();
        for anomaly in &anomalies {
            *fitted.anomalies.entry(code(anomaly)).or_default() += 1;
        }
        let (backend, model) = match teaches(observation, book) {
            Ok(found) => found,
            Err(reason) => {
                *fitted.left_out.entry(reason.into()).or_default() += 1;
                continue;
            }
        };
        let Some(profile) = profiles.get(&(backend, model.clone())) else {
            *fitted.left_out.entry(format!("no profile of {model} on {backend}")).or_default() += 1;
            continue;
        };
        // Images read from the cache are images all the same.
        let reported = tokens[TokenClass::InputImage] + tokens[TokenClass::CachedInputImage];
        check_rule(observation, profile, reported, &mut rules);
        if profile.output_image.is_none() {
            *fitted.left_out.entry("text model: only its input rule is checked".into()).or_default() += 1;
            continue;
        }
        if let Err(reason) = learn(observation, profile, source, &mut cells) {
            *fitted.left_out.entry(reason.into()).or_default() += 1;
        }
    }
    fitted.rules = rules.into_values().collect();
    fitted.cells = cells
        .into_iter()
        .filter(|(_, cell)| !cell.answers.is_empty())
        .map(|((backend, model, kind), cell)| {
            let rows = cell.answers.len() as u64;
            let effect = design_effect(&aggregates, book, (backend, &model, kind));
            FittedCell { backend, model, cell: thinned(sorted(cell), effect), rows }
        })
        .collect();
    fitted
}

/// Learns from more observations than are looked at one by one.
fn fit_many(
    observations: &[Observation],
    book: &PriceBook,
    profiles: &BTreeMap<(Backend, ModelId), TokenProfile>,
    source: &str,
) -> Fitted {
    let (aggregates, too_many) = aggregated(observations);
    let mut fitted = fit_aggregates(&aggregates, book, profiles, source);
    fitted.observations = observations.len() as u64;
    let mut leave_out = |reason: &str, n: u64| {
        if n > 0 {
            *fitted.left_out.entry(reason.into()).or_default() += n;
        }
    };
    leave_out("too many different cells", too_many);
    for observation in observations {
        match observation.kind {
            RecordKind::Fixture => leave_out("test fixture", 1),
            RecordKind::Approximate => leave_out("approximate figures", 1),
            RecordKind::Measured | RecordKind::Rehearsed => {}
        }
    }
    for anomaly in observations.iter().flat_map(|observation| observation.classes().1) {
        *fitted.anomalies.entry(code(&anomaly)).or_default() += 1;
    }
    fitted
}

/// Observations as sums, and how many found no place because there are too many different ones.
fn aggregated(observations: &[Observation]) -> (Aggregates, u64) {
    let mut aggregates = Aggregates::default();
    let mut too_many = 0;
    for observation in observations {
        let time = observation.at.as_deref().filter(|at| at.len() > 10).and_then(moment);
        let minute = time.map(|micros| micros.div_euclid(60_000_000));
        if let Some(attempt) = Attempt::of(observation, "all", minute) {
            too_many += u64::from(aggregates.add(&attempt).is_err());
        }
    }
    (aggregates, too_many)
}

/// Answers that a cell needs before it is thinned; fewer say little about how they resemble each other.
const ANSWERS_TO_THIN: usize = 30;

/// As many answers as the cell's are worth, evenly from the sorted ones.
fn thinned(mut cell: Cell, effect: f64) -> Cell {
    let count = cell.answers.len();
    let worth = ((count as f64 / effect) as usize).max(1);
    if count >= ANSWERS_TO_THIN && worth < count {
        cell.answers = (0..worth).map(|at| cell.answers[(2 * at + 1) * count / (2 * worth)]).collect();
    }
    cell
}

fn code(anomaly: &Anomaly) -> String {
    let json = serde_json::to_value(anomaly).unwrap_or_default();
    json["code"].as_str().unwrap_or("unnamed").to_string()
}

/// Backend and model of a record that may teach, or why it may not.
fn teaches(observation: &Observation, book: &PriceBook) -> Result<(Backend, ModelId), &'static str> {
    match observation.kind {
        RecordKind::Fixture => return Err("test fixture"),
        RecordKind::Approximate => return Err("approximate figures"),
        RecordKind::Measured | RecordKind::Rehearsed => {}
    }
    let backend = observation.backend.ok_or("backend not told")?;
    if observation.model.is_empty() {
        return Err("model not told");
    }
    let resolved = book.resolve(&observation.model).map_err(|_| "unknown model")?;
    Ok((backend, resolved.id))
}

fn check_rule(
    observation: &Observation,
    profile: &TokenProfile,
    reported: u64,
    rules: &mut BTreeMap<(Backend, ModelId), RuleCheck>,
) {
    let Some(table) = &profile.input_image else { return };
    let sizes = observation.input_pixels();
    let count = observation.shape.input_images.unwrap_or(0) as usize;
    let flat = matches!(table.rule, super::ImageRule::Flat { .. });
    let known = if flat { count > 0 } else { count > 0 && sizes.len() == count };
    if !known || reported == 0 {
        return;
    }
    let any = Pixels { width: 1024, height: 1024 };
    let by_rule: u64 = (0..count).map(|at| table.rule.tokens(*sizes.get(at).unwrap_or(&any))).sum();
    let key = (profile.backend, profile.model.clone());
    let check = rules.entry(key).or_insert_with(|| RuleCheck {
        backend: profile.backend,
        model: profile.model.clone(),
        agree: 0,
        differ: Vec::new(),
        per_image: Vec::new(),
    });
    check.per_image.push(reported as f64 / count as f64);
    check.per_image.sort_by(f64::total_cmp);
    if by_rule == reported {
        check.agree += 1;
    } else {
        let what = match observation.shape.input_pixels.as_slice() {
            [] => format!("{count} image(s)"),
            sizes => sizes.join(" "),
        };
        check.differ.push((what, reported, by_rule));
        check.differ.sort();
    }
}

/// Adds an answer to its cell.
fn learn(
    observation: &Observation,
    profile: &TokenProfile,
    source: &str,
    cells: &mut BTreeMap<(Backend, ModelId, RequestKind), Cell>,
) -> Result<(), &'static str> {
    let input_images = observation.shape.input_images.ok_or("kind of request not told")?;
    let kind = RequestKind::of(input_images as usize);
    let cell = cells.entry((profile.backend, profile.model.clone(), kind)).or_insert_with(|| Cell {
        kind,
        blocked: 0,
        first: None,
        last: None,
        grade: Grade::Measured,
        source: vec![source.to_string()],
        answers: Vec::new(),
        latency_seconds: Vec::new(),
        image_bytes: Vec::new(),
        image_mime: BTreeMap::new(),
    });
    if observation.kind == RecordKind::Rehearsed {
        cell.grade = Grade::Rehearsed;
    }
    // Counted as sums of many answers are, so that both teach the same.
    let Some(Attempt { key, metrics, .. }) = Attempt::of(observation, "", None) else {
        return Err("figures that are not exact");
    };
    let of = |metric: Metric| metrics[metric as usize];
    let Some(image_tokens) = key.image_tokens.filter(|tokens| *tokens > 0) else {
        // Text tokens without a picture were either blocked or lack their details.
        if of(Metric::Text).is_none_or(|text| text == 0) {
            cell.blocked += 1;
            return Err("blocked: no picture in the answer");
        }
        return Err("no image tokens itemised");
    };
    let images = images_counted(profile, observation.shape.output_size, image_tokens)
        .ok_or("image tokens are no multiple of any size's")?;
    let text = of(Metric::Text).ok_or("answer tokens not reported whole")?;
    let thinking = of(Metric::Thinking)
        .filter(|_| of(Metric::Output).is_some())
        .ok_or("thinking neither reported nor ruled out by the total")?;
    cell.answers.push(Answer { images, text, thinking });
    cell.latency_seconds.extend(observation.latency_seconds);
    cell.image_bytes.extend(observation.image_bytes);
    if let Some(mime) = &observation.image_mime {
        *cell.image_mime.entry(mime.clone()).or_default() += 1;
    }
    if let Some(at) = observation.at.as_ref() {
        let earlier = cell.first.as_ref().is_none_or(|first| at < first);
        let later = cell.last.as_ref().is_none_or(|last| at > last);
        cell.first = if earlier { Some(at.clone()) } else { cell.first.take() };
        cell.last = if later { Some(at.clone()) } else { cell.last.take() };
    }
    Ok(())
}

/// How many images the reported image tokens are, by the size asked for or the smallest that divides them.
pub(super) fn images_counted(profile: &TokenProfile, size: Option<ImageSize>, tokens: u64) -> Option<u64> {
    let made = &profile.output_image.as_ref()?.tokens;
    let asked = size.and_then(|size| made.get(&size)).copied();
    let likely = made.get(&ImageSize::OneK).copied();
    let candidates = asked.into_iter().chain(likely).chain(made.values().copied());
    candidates.filter(|each| tokens.is_multiple_of(*each)).map(|each| tokens / each).next()
}

/// In an order that does not depend on that of the observations.
fn sorted(mut cell: Cell) -> Cell {
    cell.answers.sort_by_key(|answer| (answer.images, answer.text, answer.thinking));
    cell.latency_seconds.sort_by(f64::total_cmp);
    cell.image_bytes.sort();
    cell
}

/// The text of a profile with its cells replaced by learned ones, comments kept; an input-image rule that
/// answers contradict gives way to what they reported.
///
/// # Errors
///
/// When the text is not TOML.
pub fn with_cells(
    profile: &str,
    cells: &[&Cell],
    rule: Option<&RuleCheck>,
    source: (&str, &str, &str),
) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = profile.parse()?;
    let (key, title, day) = source;
    let mut entry = Table::new();
    entry["title"] = value(title);
    entry["date"] = value(day);
    document["sources"][key] = Item::Table(entry);
    if let Some(input) = document.get_mut("input_image").and_then(Item::as_table_mut) {
        input.remove("off_rule");
        // One answer that differs takes all images of this model off the rule: they are sampled instead.
        if let Some(rule) = rule.filter(|rule| !rule.differ.is_empty()) {
            input["off_rule"] = value(rule.per_image.iter().copied().collect::<Array>());
        }
    }
    let mut tables = ArrayOfTables::new();
    for cell in cells {
        tables.push(table_of(cell));
    }
    document.remove("cell");
    if !tables.is_empty() {
        document.insert("cell", Item::ArrayOfTables(tables));
    }
    Ok(document.to_string())
}

fn table_of(cell: &Cell) -> Table {
    let mut table = Table::new();
    table["kind"] = value(cell.kind.as_str());
    table["blocked"] = value(i64::try_from(cell.blocked).unwrap_or(i64::MAX));
    for (key, day) in [("first", &cell.first), ("last", &cell.last)] {
        if let Some(day) = day {
            table[key] = value(day.as_str());
        }
    }
    table["grade"] = value(cell.grade.as_str());
    table["source"] = value(cell.source.iter().map(String::as_str).collect::<Array>());
    let mut answers = Array::new();
    for answer in &cell.answers {
        let mut row = InlineTable::new();
        for (key, count) in [("images", answer.images), ("text", answer.text), ("thinking", answer.thinking)]
        {
            row.insert(key, i64::try_from(count).unwrap_or(i64::MAX).into());
        }
        let mut row = toml_edit::Value::InlineTable(row);
        row.decor_mut().set_prefix("\n    ");
        answers.push_formatted(row);
    }
    answers.set_trailing("\n");
    answers.set_trailing_comma(true);
    table["answers"] = value(answers);
    if !cell.latency_seconds.is_empty() {
        table["latency_seconds"] = value(cell.latency_seconds.iter().copied().collect::<Array>());
    }
    if !cell.image_bytes.is_empty() {
        let bytes = cell.image_bytes.iter().map(|bytes| i64::try_from(*bytes).unwrap_or(i64::MAX));
        table["image_bytes"] = value(bytes.collect::<Array>());
    }
    if !cell.image_mime.is_empty() {
        let mut kinds = InlineTable::new();
        for (mime, answers) in &cell.image_mime {
            kinds.insert(mime, i64::try_from(*answers).unwrap_or(i64::MAX).into());
        }
        table["image_mime"] = value(kinds);
    }
    table
}
