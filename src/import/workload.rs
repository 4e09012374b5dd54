//! A workload file from a log: what was sent, how often, when.

use std::collections::{BTreeMap, BTreeSet};

use super::arrivals::ArrivalProfile;
use crate::{
    model::{Backend, Endpoint, ImageSize, Location},
    prices::{ModelKind, PriceBook},
    usage::{Aggregates, CellKey, CellStats, Metric, Tally},
    warning::Warning,
    workload::SCHEMA_LINE,
};

/// Kinds of request below this share of their route are named, not written.
const SHARE_MIN: f64 = 0.01;

/// Coverage outside of this is warned of.
const COVERAGE: std::ops::RangeInclusive<f64> = 0.9..=1.02;

/// What is known beside the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Control {
    /// Share of the requests that the logging keeps, (0, 1].
    pub sampling_rate: Option<f64>,
    /// Requests that Google counted in the same time.
    pub invocations: Option<u64>,
    /// Tokens that Google billed in the same time.
    pub billed_tokens: Option<u64>,
}

/// How much of the traffic the log holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// Share of the control total that the log accounts for, after its sampling rate; `None` without a total.
    pub share: Option<f64>,
    /// Requests that one row of the log stands for.
    pub factor: f64,
}

/// Holds the log against the control total.
///
/// A row stands for `1 / sampling rate` requests; a total that the log falls short of raises that further, since
/// what is missing was sent too. A log that holds more than the total is warned of and not scaled down.
pub fn coverage(aggregates: &Aggregates, control: &Control) -> (Coverage, Vec<Warning>) {
    let rate = control.sampling_rate.unwrap_or(1.0);
    let share = match (control.invocations, control.billed_tokens) {
        (Some(total), _) if total > 0 => Some(aggregates.attempts() as f64 / rate / total as f64),
        (_, Some(total)) if total > 0 => Some(aggregates.total_tokens() as f64 / rate / total as f64),
        _ => None,
    };
    let mut warnings = Vec::new();
    match share {
        None => warnings.push(Warning::NoControlTotal),
        Some(share) if !COVERAGE.contains(&share) => {
            warnings.push(Warning::LogCoverage { percent: (share * 100.0).round() as u64 })
        }
        Some(_) => {}
    }
    let missing = share.filter(|share| *share > 0.0).map_or(1.0, |share| (1.0 / share).max(1.0));
    (Coverage { share, factor: missing / rate }, warnings)
}

/// What tells one kind of request from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    route: String,
    model: String,
    input_images: Option<u64>,
    size: Option<ImageSize>,
}

/// Sums over the cells of a kind.
#[derive(Default)]
struct Sums {
    n: u64,
    prompt: Tally,
    prompt_image: Tally,
    cached: u128,
    text: Tally,
    places: BTreeMap<Endpoint, u64>,
}

impl Sums {
    fn add(&mut self, key: &CellKey, cell: &CellStats) {
        let add = |tally: &mut Tally, metric: Metric| {
            tally.n += cell.metric(metric).n();
            tally.sum += cell.metric(metric).sum();
        };
        self.n += cell.n;
        add(&mut self.prompt, Metric::Prompt);
        add(&mut self.prompt_image, Metric::PromptImage);
        add(&mut self.text, Metric::Text);
        self.cached += cell.metric(Metric::Cached).sum();
        let location = || key.location.as_ref()?.parse::<Location>().ok();
        let place = key.backend.map(|backend| match backend {
            Backend::Developer => Endpoint::Developer,
            Backend::Vertex => Endpoint::Vertex(location().unwrap_or(Location::Global)),
        });
        if let Some(place) = place {
            *self.places.entry(place).or_default() += cell.n;
        }
    }
}

fn mean(tally: &Tally) -> f64 {
    if tally.n == 0 { 0.0 } else { tally.sum as f64 / tally.n as f64 }
}

/// A workload file for `plan`: a route for each kind of request that makes up 1 % of its route or more.
///
/// What the log does not tell (pixel sizes of input images) is written with a remark. `None` when no kind of
/// request has a known model and a volume.
pub fn workload_text(
    aggregates: &Aggregates,
    book: &PriceBook,
    arrivals: &[ArrivalProfile],
    zone: &str,
    coverage: &Coverage,
) -> Option<String> {
    let (kinds, unknown) = kinds_of(aggregates, book);
    // Failed attempts are in the minutes, but are no requests of their own.
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, cell) in &aggregates.cells {
        *totals.entry(&key.route).or_default() += cell.n;
    }
    let mut text = format!(
        "{SCHEMA_LINE}\n# A workload for `burndown plan`, written from a log by `burndown import`.\n"
    );
    match coverage.share {
        Some(share) => {
            text += &format!(
                "# The log holds {:.1} % of the control total; volumes are scaled by {:.4}.\n",
                share * 100.0,
                coverage.factor
            )
        }
        None => {
            text += &format!(
                "# No control total was given: how much of the traffic the log holds is not known; a row counts as {:.4} request(s).\n",
                coverage.factor
            )
        }
    }
    if unknown > 0 {
        text += &format!(
            "# {unknown} attempts are of models that the price book does not know, and are not in here.\n"
        );
    }
    if zone != "UTC" {
        text += &format!("time_zone = {}\n", quoted(zone));
    }
    let mut names = BTreeSet::new();
    for (kind, sums) in &kinds {
        let share = sums.n as f64 / totals[kind.route.as_str()] as f64;
        let arrival = arrivals.iter().find(|arrival| arrival.route == kind.route);
        let per_month =
            arrival.and_then(|arrival| arrival.per_month).map(|month| month * share * coverage.factor);
        match per_month.filter(|month| *month >= 0.5 && share >= SHARE_MIN) {
            Some(per_month) => {
                text += &route_text(&name_of(kind, &mut names), kind, sums, book, arrival, per_month);
            }
            None => {
                text += &format!("\n# left out: {} of {} ({} attempts)\n", kind.model, kind.route, sums.n)
            }
        }
    }
    (!names.is_empty()).then_some(text)
}

/// The kinds of request that answered attempts show, and attempts of unknown models.
fn kinds_of(aggregates: &Aggregates, book: &PriceBook) -> (BTreeMap<Kind, Sums>, u64) {
    let mut kinds: BTreeMap<Kind, Sums> = BTreeMap::new();
    let mut unknown = 0;
    for (key, cell) in aggregates.cells.iter().filter(|(key, _)| !key.outcome.starts_with("error ")) {
        let known = book.resolve(&key.model).ok().map(|found| found.id);
        let facts = known.as_ref().and_then(|id| book.facts(id));
        let makes =
            facts.map(|facts| facts.kind).filter(|kind| matches!(kind, ModelKind::Image | ModelKind::Text));
        let (Some(model), Some(makes)) = (known, makes) else {
            unknown += cell.n;
            continue;
        };
        let size = key.size.as_ref().and_then(|size| size.parse().ok());
        let kind = Kind {
            route: key.route.clone(),
            model: model.0,
            input_images: key.input_images,
            size: size.filter(|_| makes == ModelKind::Image),
        };
        kinds.entry(kind).or_default().add(key, cell);
    }
    (kinds, unknown)
}

/// Route, model, size and images, at most the 64 letters of a name; the end tells the kinds apart.
fn name_of(kind: &Kind, names: &mut BTreeSet<String>) -> String {
    let mut name = format!("{}-{}", kind.route, kind.model);
    if let Some(size) = kind.size {
        name += &format!("-{size}");
    }
    if let Some(images) = kind.input_images {
        name += &format!("-{images}in");
    }
    let last = |name: &str| -> String {
        let letters: Vec<char> = name.chars().collect();
        letters[letters.len().saturating_sub(64)..].iter().collect::<String>().trim().to_string()
    };
    let numbered = (2..).map(|at| last(&format!("{name}-{at}")));
    let free = std::iter::once(last(&name)).chain(numbered).find(|name| !names.contains(name));
    let free = free.unwrap_or(name);
    names.insert(free.clone());
    free
}

fn route_text(
    name: &str,
    kind: &Kind,
    sums: &Sums,
    book: &PriceBook,
    arrival: Option<&ArrivalProfile>,
    per_month: f64,
) -> String {
    let places: Vec<String> = sums.places.keys().map(|place| quoted(&place.to_string())).collect();
    let images = kind.input_images.unwrap_or(0);
    let prompt = (mean(&sums.prompt) - mean(&sums.prompt_image)).max(1.0);
    let mut text = format!("\n[[route]]\nname = {}\nmodel = {}\n", quoted(name), quoted(&kind.model));
    if !places.is_empty() {
        text += &format!("placements = [{}]\n", places.join(", "));
    }
    text += &format!("prompt_tokens = {prompt:.1}\n");
    if images > 0 {
        let sizes = vec!["\"1024x1024\""; usize::try_from(images.min(100)).unwrap_or(100)].join(", ");
        text += &format!(
            "input_images = [{sizes}]     # the log's sums do not tell pixel sizes: put the real ones here\n"
        );
    }
    if let Some(size) = kind.size {
        text += &format!("output_size = \"{size}\"\n");
    }
    let is_text = book.facts(&kind.model.as_str().into()).is_some_and(|facts| facts.kind == ModelKind::Text);
    if is_text {
        text += &format!("output_text_tokens = {:.1}\n", mean(&sums.text).max(1.0));
    }
    if sums.cached > 0 && sums.prompt.sum > 0 {
        let share = (sums.cached as f64 / sums.prompt.sum as f64).min(1.0);
        text += &format!("cached_share = {share:.4}\n");
    }
    text += &format!("requests_per_month = {per_month:.0}\n");
    text + &arrival.map(arrival_text).unwrap_or_default()
}

fn arrival_text(arrival: &ArrivalProfile) -> String {
    let list = |weights: &[f64]| weights.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let mut text = format!("# from {} to {}, {} whole hours\n", arrival.first, arrival.last, arrival.hours);
    if let Some(weights) = &arrival.day_shape {
        text += &format!("day_shape = [{}]\n", list(weights));
    }
    if let Some(weights) = &arrival.week_shape {
        text += &format!("week_shape = [{}]\n", list(weights));
    }
    if let (Some(growth), Some(error)) = (arrival.growth_per_month, arrival.growth_standard_error) {
        let range =
            [growth - 1.645 * error, growth, growth + 1.645 * error].map(|value| format!("{value:.4}"));
        // Beyond this it is no trend to plan a year with.
        let sign = if (-0.5..=1.0).contains(&growth) && error < 0.2 { "" } else { "# " };
        text += &format!("{sign}growth_per_month = [{}]\n", range.join(", "));
    }
    if let Some(dispersion) = arrival.dispersion {
        text += &format!("# variance of a minute's attempts over their mean: {dispersion:.2}\n");
    }
    text
}

/// A TOML string, whatever it holds.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}
