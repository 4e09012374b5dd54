//! Named what-ifs: the workload with some of its keys changed.
//!
//! A `[[scenario]]` holds a name and the keys that it changes, those of a route or some of the workload's own. It
//! is laid over the file as written, before anything is checked, so that a what-if goes through the same checks
//! as the workload and a complaint shows the place of the key that is wrong.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, de::IntoDeserializer};
use toml::de::{DeTable, DeValue};

use super::{
    file::{RawRoute, TITLE, WorkloadFile},
    resolve::Workload,
};
use crate::{
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Backend, Endpoint, nearest, or_list},
};

/// Most scenarios of one workload.
const SCENARIOS_MAX: usize = 20;

/// Largest factor on the volume.
const FACTOR_MAX: f64 = 1_000.0;

/// Keys that a scenario alone has.
const OWN_KEYS: [&str; 4] = ["name", "route", "backend", "volume_factor"];

/// Keys of the workload that a scenario may change; any other is taken as a route's.
const WORKLOAD_KEYS: [&str; 6] =
    ["start", "horizon_months", "price_factor", "budget_usd_per_month", "developer_tier", "credits"];

/// Keys of which a route has one: setting one takes the others away.
const PROMPTS: [&str; 3] = ["prompt", "prompt_file", "prompt_tokens"];
const VOLUMES: [&str; 4] =
    ["requests_per_month", "requests_per_day", "requests_total", "accepted_images_per_month"];

/// A what-if, complete and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The only route that it changes; `None` = every route.
    pub route: Option<String>,
    /// What it changes, as written: `output_size = 2K`.
    pub changes: Vec<String>,
    /// The workload with these changes.
    pub workload: Workload,
}

/// A what-if as written, laid over its workload.
#[derive(Debug)]
pub(super) struct ScenarioFile {
    pub name: String,
    pub route: Option<String>,
    pub changes: Vec<String>,
    pub file: WorkloadFile,
}

/// The keys that a scenario alone has.
#[derive(Debug, Deserialize, JsonSchema)]
struct RawScenario {
    /// Its name, once in a workload.
    name: Option<Spanned<String>>,
    /// The only route that it changes; default: every route.
    route: Option<Spanned<String>>,
    /// Keeps the placements of this backend alone.
    backend: Option<Spanned<Backend>>,
    /// Factor on the volume.
    #[schemars(range(max = 1000))]
    volume_factor: Option<Spanned<f64>>,
}

/// A table `[[scenario]]` for the schema: its own keys, a route's, and some of the workload's.
pub(super) struct ScenarioTable;

impl JsonSchema for ScenarioTable {
    fn schema_name() -> Cow<'static, str> {
        "Scenario".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut keys = serde_json::Map::new();
        for (table, only) in [
            (RawScenario::json_schema(generator), None),
            (WorkloadFile::json_schema(generator), Some(WORKLOAD_KEYS)),
            (RawRoute::json_schema(generator), None),
        ] {
            let Some(properties) = table.get("properties").and_then(|keys| keys.as_object()) else {
                continue;
            };
            for (key, value) in
                properties.iter().filter(|(key, _)| only.is_none_or(|only| only.contains(&key.as_str())))
            {
                keys.entry(key).or_insert_with(|| value.clone());
            }
        }
        json_schema!({
            "description": "A what-if: a name and the keys that it changes, those of a route or of the workload.",
            "type": "object",
            "properties": keys,
            "required": ["name"],
            "additionalProperties": false
        })
    }
}

/// The scenarios of a workload file, each laid over it.
///
/// # Errors
///
/// When one has no name or one that stands already, changes nothing or a route that is not there, or has a key
/// that is not known or a value of the wrong kind; the message shows the place.
pub(super) fn scenarios(source: &SourceText) -> Result<Vec<ScenarioFile>, BadFile> {
    let fail = |span: std::ops::Range<usize>, found: &str| Err(source.complaint(span, TITLE, found, None));
    let root =
        DeTable::parse(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?.into_inner();
    let Some(list) = root.get("scenario") else { return Ok(Vec::new()) };
    let Some(tables) = list.get_ref().as_array() else {
        return fail(list.span(), "a scenario is written with two brackets: [[scenario]]");
    };
    if tables.len() > SCENARIOS_MAX {
        return fail(
            tables[SCENARIOS_MAX].span(),
            &format!("{} scenarios, expected at most {SCENARIOS_MAX}", tables.len()),
        );
    }
    let mut found: Vec<ScenarioFile> = Vec::new();
    for table in tables {
        let Some(keys) = table.get_ref().as_table() else {
            return fail(table.span(), "expected a table [[scenario]]");
        };
        let scenario = laid_over(source, &root, keys, table.span())?;
        if found.iter().any(|other| other.name == scenario.name) {
            return fail(table.span(), &format!("a second scenario named `{}`", scenario.name));
        }
        found.push(scenario);
    }
    Ok(found)
}

/// Checks scenarios as their workload was. They keep its seed: common random numbers, so that what differs is the
/// scenario and not chance.
///
/// # Errors
///
/// The first complaint, with the name of its scenario.
pub(super) fn planned(
    list: Vec<ScenarioFile>,
    seed: u64,
    resolve: impl Fn(WorkloadFile) -> Result<Workload, BadFile>,
) -> Result<Vec<Scenario>, BadFile> {
    let one = |scenario: ScenarioFile| {
        let ScenarioFile { name, route, changes, file } = scenario;
        let workload = resolve(file)
            .map_err(|bad| BadFile(format!("{bad}\n\nnote: with the changes of the scenario `{name}`")))?;
        Ok(Scenario { name, route, changes, workload: Workload { seed, ..workload } })
    };
    list.into_iter().map(one).collect()
}

fn laid_over(
    source: &SourceText,
    root: &DeTable<'_>,
    keys: &DeTable<'_>,
    span: std::ops::Range<usize>,
) -> Result<ScenarioFile, BadFile> {
    let complain = |span: std::ops::Range<usize>, found: &str| source.complaint(span, TITLE, found, None);
    let own: DeTable<'_> = keys
        .iter()
        .filter(|(key, _)| OWN_KEYS.contains(&key.get_ref().as_ref()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let own = RawScenario::deserialize(toml::Spanned::new(span.clone(), own).into_deserializer())
        .map_err(|error| source.toml_complaint(TITLE, &error))?;
    let Some(name) = &own.name else { return Err(complain(span, "a scenario has a `name`")) };
    if name.as_ref().trim().is_empty() || name.as_ref().chars().count() > 24 || name.as_ref() == "base" {
        return Err(complain(name.span(), "a scenario's name has 1 to 24 characters and is not `base`"));
    }
    if name.as_ref().chars().any(char::is_control) {
        return Err(complain(name.span(), "a scenario's name is made of printable characters"));
    }
    let merged = merged(source, root, keys, own.route.as_ref())?;
    let mut file =
        WorkloadFile::deserialize(toml::Deserializer::from(toml::Spanned::new(span.clone(), merged)))
            .map_err(|error| misspelt(source, &error))?;
    let only = |route: &RawRoute| own.route.as_ref().is_none_or(|only| only.as_ref() == route.name.as_ref());
    for route in file.route.iter_mut().map(Spanned::get_mut).filter(|route| only(route)) {
        own.apply(route).map_err(|(span, found)| complain(span, &found))?;
    }
    let changes = changes(source, keys);
    if changes.is_empty() {
        return Err(complain(
            span,
            "this scenario changes nothing; add a key of a route, e.g. `output_size`",
        ));
    }
    let route = own.route.map(Spanned::into_inner);
    Ok(ScenarioFile { name: name.as_ref().trim().to_string(), route, changes, file })
}

/// The file's tables with the scenario's keys in place of theirs.
fn merged<'a>(
    source: &SourceText,
    root: &DeTable<'a>,
    keys: &DeTable<'a>,
    only: Option<&Spanned<String>>,
) -> Result<DeTable<'a>, BadFile> {
    let mut merged = root.clone();
    merged.remove("scenario");
    let changed = || keys.iter().filter(|(key, _)| !OWN_KEYS.contains(&key.get_ref().as_ref()));
    for (key, value) in changed().filter(|(key, _)| WORKLOAD_KEYS.contains(&key.get_ref().as_ref())) {
        merged.insert(key.clone(), value.clone());
    }
    let Some(DeValue::Array(routes)) = merged.get_mut("route").map(toml::Spanned::get_mut) else {
        return Ok(merged);
    };
    let mut names = Vec::new();
    let mut meant = false;
    for route in routes.iter_mut() {
        let DeValue::Table(table) = route.get_mut() else { continue };
        let name = table.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default().to_string();
        if only.is_some_and(|only| *only.as_ref() != name) {
            names.push(name);
            continue;
        }
        meant = true;
        for (key, value) in changed() {
            let word = key.get_ref().as_ref();
            if !WORKLOAD_KEYS.contains(&word) {
                take_rivals(table, keys, word);
                table.insert(key.clone(), value.clone());
            }
        }
    }
    match only {
        Some(only) if !meant => {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let near = nearest(only.as_ref(), known.iter().copied());
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let found = format!("no route `{}`, expected {}", only.as_ref(), or_list(&known));
            Err(source.complaint(only.span(), TITLE, &found, hint.as_deref()))
        }
        _ => Ok(merged),
    }
}

/// Takes away what cannot stand beside a key: another prompt, another number of requests.
fn take_rivals(table: &mut DeTable<'_>, keys: &DeTable<'_>, word: &str) {
    let mut rivals: Vec<&str> = Vec::new();
    if PROMPTS.contains(&word) {
        rivals.extend(PROMPTS);
    }
    if VOLUMES.contains(&word) {
        rivals.extend(VOLUMES);
        rivals.extend((word != "requests_total").then_some("between"));
        rivals.extend((word != "accepted_images_per_month").then_some("tries_per_accepted"));
    }
    // What the scenario sets itself stays, so that two at once are complained of.
    for rival in rivals.iter().filter(|rival| !keys.contains_key(**rival)) {
        table.remove(*rival);
    }
}

impl RawScenario {
    /// The keys that no route has.
    fn apply(&self, route: &mut RawRoute) -> Result<(), (std::ops::Range<usize>, String)> {
        if let Some(backend) = &self.backend {
            let wanted = *backend.as_ref();
            let mut places = route
                .placements
                .take()
                .map_or_else(|| vec![Endpoint::of(wanted)], |places| places.into_inner());
            places.retain(|place| place.backend() == wanted);
            if places.is_empty() {
                let found = format!("route `{}` has no placement on {wanted}", route.name.as_ref());
                return Err((backend.span(), found));
            }
            route.placements = Some(Spanned::new(backend.span(), places));
        }
        if let Some(factor) = &self.volume_factor {
            let times = *factor.as_ref();
            if !(times > 0.0 && times <= FACTOR_MAX) {
                let found = format!(
                    "expected a factor on the volume (2 is twice the requests), above 0 and at most {FACTOR_MAX}, found {times}"
                );
                return Err((factor.span(), found));
            }
            let numbers = [
                &mut route.requests_per_month,
                &mut route.requests_per_day,
                &mut route.requests_total,
                &mut route.accepted_images_per_month,
            ];
            for range in numbers.into_iter().flatten() {
                *range.get_mut() = range.as_ref().times(times);
            }
            if let Some(peak) = &mut route.peak_requests_per_minute {
                *peak.get_mut() *= times;
            }
        }
        Ok(())
    }
}

/// What a scenario changes, in the order of the file.
fn changes(source: &SourceText, keys: &DeTable<'_>) -> Vec<String> {
    let mut found: Vec<(usize, String)> = keys
        .iter()
        .filter(|(key, _)| !["name", "route"].contains(&key.get_ref().as_ref()))
        .flat_map(|(key, value)| in_words(source, key.get_ref(), key.span().start, value))
        .collect();
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

/// `output_size = 2K`; a table of dotted keys by each of them.
fn in_words(
    source: &SourceText,
    key: &str,
    start: usize,
    value: &toml::Spanned<DeValue<'_>>,
) -> Vec<(usize, String)> {
    let written = source.text.get(value.span()).unwrap_or_default();
    if let Some(table) = value.get_ref().as_table().filter(|_| !written.starts_with('{')) {
        let below = table.iter().flat_map(|(inner, value)| {
            in_words(source, &format!("{key}.{}", inner.get_ref()), inner.span().start, value)
        });
        return below.collect();
    }
    let words: Vec<&str> = written.split_whitespace().collect();
    let text = words.join(" ");
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let bare = bare.filter(|bare| !bare.contains('"')).unwrap_or(&text);
    vec![(start, format!("{key} = {bare}"))]
}

/// A key that no route has may be a misspelt one of the scenario or the workload.
fn misspelt(source: &SourceText, error: &toml::de::Error) -> BadFile {
    let unknown = error.message().strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    let known = || OWN_KEYS.into_iter().chain(WORKLOAD_KEYS);
    let near = unknown.and_then(|(found, _)| Some((found, nearest(found, known())?)));
    match (near, error.span()) {
        (Some((found, near)), Some(span)) => {
            let hint = format!("did you mean `{near}`?");
            source.complaint(span, TITLE, &format!("unknown key `{found}` of a scenario"), Some(&hint))
        }
        _ => source.toml_complaint(TITLE, error),
    }
}

/// Why a what-if of the command line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use the scenario `{text}`: {problem}\n\nhint: a scenario reads `NAME: KEY=VALUE, KEY=VALUE`, e.g. `2k: output_size=2K`"
)]
pub struct BadScenario {
    /// As written.
    pub text: String,
    /// What is wrong.
    pub problem: String,
}

/// `2k: output_size=2K, volume_factor=1.5` as the `[[scenario]]` that a file would hold. Values are TOML; a word
/// that is none is taken as a text, alone and in a list.
///
/// # Errors
///
/// When there is no name, no key, or a key without a value.
///
/// ```
/// # use burndown::workload::scenario_text;
/// assert_eq!(
///     scenario_text("2k: output_size=2K, volume_factor=1.5").unwrap(),
///     "\n[[scenario]]\nname = \"2k\"\noutput_size = \"2K\"\nvolume_factor = 1.5\n",
/// );
/// ```
pub fn scenario_text(text: &str) -> Result<String, BadScenario> {
    let bad = |problem: String| BadScenario { text: text.to_string(), problem };
    let Some((name, rest)) = text.split_once(':') else {
        return Err(bad("it has no `:` between its name and its keys".into()));
    };
    let quoted = |text: &str| toml::Value::String(text.to_string()).to_string();
    let mut table = format!("\n[[scenario]]\nname = {}\n", quoted(name.trim()));
    for pair in pieces(rest).iter().map(|pair| pair.trim()).filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(bad(format!("`{pair}` is no KEY=VALUE")));
        };
        let (key, value) = (key.trim(), value.trim());
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        if key.is_empty() || !key.chars().all(plain) {
            return Err(bad(format!("`{key}` is no key")));
        }
        if value.is_empty() {
            return Err(bad(format!("`{key}` has no value")));
        }
        table += &format!("{key} = {}\n", as_toml(value));
    }
    Ok(table)
}

/// A value as TOML writes it.
fn as_toml(value: &str) -> String {
    let is_one = |text: &str| {
        let parsed: Result<toml::Table, _> = format!("x = {text}").parse();
        !text.contains(['\n', '\r', '#']) && parsed.is_ok_and(|table| table.len() == 1)
    };
    if is_one(value) {
        return value.to_string();
    }
    match value.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => {
            let items: Vec<String> = pieces(inner).iter().map(|item| as_toml(item.trim())).collect();
            format!("[{}]", items.join(", "))
        }
        None => toml::Value::String(value.to_string()).to_string(),
    }
}

/// Cuts at commas outside of brackets and quotes.
fn pieces(text: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) => quote = Some(open).filter(|open| *open != letter),
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, ',') if depth <= 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::keys::{of_parser, of_schema};

    #[test]
    fn the_schema_of_a_scenario_has_its_own_keys_and_those_that_it_may_change() {
        let mut known = of_parser::<RawRoute>();
        known.extend(OWN_KEYS.into_iter().chain(WORKLOAD_KEYS).map(str::to_string));
        assert_eq!(of_schema::<ScenarioTable>(), known);
        assert!(WORKLOAD_KEYS.iter().all(|key| of_parser::<WorkloadFile>().contains(*key)));
    }
}
