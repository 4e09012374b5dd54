//! What many attempts took, as sums that merge: from shards, engines and days in any order.

use std::collections::BTreeMap;

use super::observation::{LATENCY_SECONDS_MAX, Observation, RecordKind};
use crate::{
    model::{Backend, Grade},
    stats::LogHistogram,
};

/// Rows above which a log is learned from aggregates, whichever way it came.
pub const AGGREGATE_ABOVE: u64 = 5_000;

/// Most different cells of one log; more means that it is routed by something like a user's name.
pub const CELLS_MAX: usize = 100_000;

/// Most different minutes of all routes together: ten routes over two years.
pub const MINUTES_MAX: usize = 10_000_000;

/// Counts above this are not believed and count as absent: a context holds a million tokens.
pub const METRIC_MAX: u64 = 1_000_000_000;

/// What attempts have in common; whatever is not told is `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    /// The route that the row was mapped to.
    pub route: String,
    /// [`Grade::Measured`], or [`Grade::Rehearsed`] for rows of the emulator.
    pub grade: Grade,
    /// Who answered.
    pub backend: Option<Backend>,
    /// Vertex location.
    pub location: Option<String>,
    /// Model id, the last part of a longer name.
    pub model: String,
    /// `trafficType` or `serviceTier` as reported.
    pub traffic: Option<String>,
    /// Output size asked for, as written.
    pub size: Option<String>,
    /// Images of the prompt.
    pub input_images: Option<u64>,
    /// Finish or block reason; `error 429` for a failed attempt, `none` when nothing tells.
    pub outcome: String,
    /// Images in the answer.
    pub images: Option<u64>,
    /// Image tokens itemised in the answer.
    pub image_tokens: Option<u64>,
}

/// A number of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// `promptTokenCount`.
    Prompt,
    /// Image tokens of the prompt's details.
    PromptImage,
    /// `cachedContentTokenCount`.
    Cached,
    /// `toolUsePromptTokenCount`.
    ToolUse,
    /// `candidatesTokenCount`.
    Candidates,
    /// `totalTokenCount`.
    Total,
    /// Candidates that are not itemised as image, audio or video.
    Text,
    /// `thoughtsTokenCount`; 0 where it is absent and the total leaves nothing for it.
    Thinking,
    /// Text and thinking together, where both are known.
    Output,
    /// Latency in whole milliseconds, rounded down.
    LatencyMs,
}

impl Metric {
    /// All of them, in the order of the enum.
    pub const ALL: [Metric; 10] = [
        Metric::Prompt,
        Metric::PromptImage,
        Metric::Cached,
        Metric::ToolUse,
        Metric::Candidates,
        Metric::Total,
        Metric::Text,
        Metric::Thinking,
        Metric::Output,
        Metric::LatencyMs,
    ];

    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Metric::Prompt => "prompt",
            Metric::PromptImage => "prompt_image",
            Metric::Cached => "cached",
            Metric::ToolUse => "tool_use",
            Metric::Candidates => "candidates",
            Metric::Total => "total",
            Metric::Text => "text",
            Metric::Thinking => "thinking",
            Metric::Output => "output",
            Metric::LatencyMs => "latency_ms",
        }
    }
}

/// The numbers of one attempt by [`Metric`]; `None` where the row does not tell.
pub type Metrics = [Option<u64>; Metric::ALL.len()];

/// Products of two metrics that are summed, for what goes together.
pub const PRODUCTS: [(&str, Metric, Metric); 3] = [
    ("prompt*text", Metric::Prompt, Metric::Text),
    ("prompt*thinking", Metric::Prompt, Metric::Thinking),
    ("text*thinking", Metric::Text, Metric::Thinking),
];

/// A sum with the number of rows that it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows.
    pub n: u64,
    /// Their sum.
    pub sum: u128,
}

/// One cell: rows, a histogram for each metric, sums of products.
///
/// A metric is absent from `n − histogram.n()` of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellStats {
    /// Rows.
    pub n: u64,
    /// By metric.
    pub metrics: [LogHistogram; Metric::ALL.len()],
    /// In the order of [`PRODUCTS`].
    pub products: [Tally; PRODUCTS.len()],
}

impl CellStats {
    /// The histogram of a metric.
    pub fn metric(&self, metric: Metric) -> &LogHistogram {
        &self.metrics[metric as usize]
    }

    /// Counts the numbers of one row.
    pub(super) fn count(&mut self, metrics: &Metrics) {
        self.n += 1;
        for (histogram, value) in self.metrics.iter_mut().zip(metrics) {
            value.iter().for_each(|value| histogram.add(*value));
        }
        for (tally, (_, a, b)) in self.products.iter_mut().zip(PRODUCTS) {
            if let (Some(a), Some(b)) = (metrics[a as usize], metrics[b as usize]) {
                tally.n += 1;
                tally.sum += u128::from(a) * u128::from(b);
            }
        }
    }

    /// Rows that do not tell a metric.
    pub fn absent(&self, metric: Metric) -> u64 {
        self.n.saturating_sub(self.metric(metric).n())
    }
}

/// Whose rows are summed by the hour, for how far answers of one hour resemble each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourKey {
    /// The route.
    pub route: String,
    /// Who answered.
    pub backend: Option<Backend>,
    /// Model id.
    pub model: String,
    /// Images of the prompt.
    pub input_images: Option<u64>,
    /// Hours since 1970 in UTC.
    pub hour: i64,
}

/// Many attempts as mergeable sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregates {
    /// By cell.
    pub cells: BTreeMap<CellKey, CellStats>,
    /// [`Metric::Output`] of answers with an image or of text models, by hour.
    pub hours: BTreeMap<HourKey, Tally>,
    /// Attempts by route and minute since 1970 in UTC.
    pub minutes: BTreeMap<(String, i64), u64>,
}

/// Why aggregates grow no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// More than [`CELLS_MAX`].
    #[error(
        "more than {CELLS_MAX} different cells (route, model, size, outcome …); hint: route by something with fewer values"
    )]
    Cells,
    /// More than [`MINUTES_MAX`].
    #[error("more than {MINUTES_MAX} different minutes; hint: route by something with fewer values")]
    Minutes,
}

/// One attempt as it counts: its cell, its minute, its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The cell.
    pub key: CellKey,
    /// Minutes since 1970 in UTC.
    pub minute: Option<i64>,
    /// By metric; `None` where the row does not tell.
    pub metrics: Metrics,
}

impl Attempt {
    /// What an observation counts as; `None` for records that teach nothing (approximate figures, fixtures).
    ///
    /// `minute` is that of the answer, since an observation's own time may be a day alone.
    pub fn of(observation: &Observation, route: &str, minute: Option<i64>) -> Option<Attempt> {
        let grade = match observation.kind {
            RecordKind::Measured => Grade::Measured,
            RecordKind::Rehearsed => Grade::Rehearsed,
            RecordKind::Approximate | RecordKind::Fixture => return None,
        };
        let (counts, _) = observation.counts();
        let itemised = |words: &[&str], details: &[(String, u64)]| -> u64 {
            let listed = details.iter().filter(|(modality, _)| words.contains(&modality.as_str()));
            listed.fold(0, |sum: u64, (_, tokens)| sum.saturating_add(*tokens))
        };
        let some_details = |details: &[(String, u64)]| (!details.is_empty()).then_some(());
        let image_tokens = some_details(&counts.candidates_details)
            .map(|()| itemised(&["IMAGE"], &counts.candidates_details));
        let figures = Figures {
            prompt: counts.prompt,
            prompt_image: some_details(&counts.prompt_details)
                .map(|()| itemised(&["IMAGE"], &counts.prompt_details)),
            cached: counts.cached,
            tool_use: counts.tool_use,
            candidates: counts.candidates,
            itemised: itemised(&["IMAGE", "AUDIO", "VIDEO"], &counts.candidates_details),
            thoughts: counts.thoughts,
            total: counts.total,
            latency_seconds: observation.latency_seconds,
        };
        Some(Attempt {
            key: CellKey {
                route: route.to_string(),
                grade,
                backend: observation.backend,
                location: observation.location.clone(),
                model: last_part(&observation.model).to_string(),
                traffic: observation.traffic(),
                size: observation.shape.output_size.map(|size| size.to_string()),
                input_images: observation.shape.input_images.map(u64::from),
                outcome: outcome(observation),
                images: observation.image_parts,
                image_tokens,
            },
            minute,
            metrics: figures.metrics(),
        })
    }
}

/// What a row tells in numbers, before it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// `promptTokenCount`.
    pub prompt: Option<u64>,
    /// Image tokens of the prompt's details; `None` without details.
    pub prompt_image: Option<u64>,
    /// `cachedContentTokenCount`.
    pub cached: Option<u64>,
    /// `toolUsePromptTokenCount`.
    pub tool_use: Option<u64>,
    /// `candidatesTokenCount`.
    pub candidates: Option<u64>,
    /// Image, audio and video tokens of the answer's details.
    pub itemised: u64,
    /// `thoughtsTokenCount`.
    pub thoughts: Option<u64>,
    /// `totalTokenCount`.
    pub total: Option<u64>,
    /// Latency.
    pub latency_seconds: Option<f64>,
}

impl Figures {
    /// The metrics that they come to.
    pub fn metrics(&self) -> Metrics {
        let text = self.candidates.map(|tokens| tokens.saturating_sub(self.itemised));
        let parts = [self.prompt, self.candidates, self.tool_use];
        let without_thoughts: u64 = parts.iter().flatten().fold(0, |sum, part| sum.saturating_add(*part));
        let ruled_out = self.candidates.is_some() && self.total == Some(without_thoughts);
        let thinking = self.thoughts.or(ruled_out.then_some(0));
        let latency = self.latency_seconds.filter(|seconds| (0.0..=LATENCY_SECONDS_MAX).contains(seconds));
        let metrics = [
            self.prompt,
            self.prompt_image,
            self.cached,
            self.tool_use,
            self.candidates,
            self.total,
            text,
            thinking,
            text.zip(thinking).map(|(text, thinking)| text.saturating_add(thinking)),
            // By whole microseconds, so that 11.226 s is 11,226 ms and not a thousandth less.
            latency.map(|seconds| (seconds * 1e6).round() as u64 / 1000),
        ];
        metrics.map(|value| value.filter(|value| *value <= METRIC_MAX))
    }
}

/// `gemini-2.5-pro` of `publishers/google/models/gemini-2.5-pro`.
fn last_part(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

fn outcome(observation: &Observation) -> String {
    match (&observation.finish_reason, observation.status) {
        (Some(reason), _) => reason.clone(),
        (None, Some(status)) if status != 200 => format!("error {status}"),
        (None, _) => "none".into(),
    }
}

impl Aggregates {
    /// Counts one attempt.
    ///
    /// # Errors
    ///
    /// When there are too many different cells or minutes.
    pub fn add(&mut self, attempt: &Attempt) -> Result<(), TooMany> {
        let (key, metrics) = (&attempt.key, &attempt.metrics);
        if let Some(minute) = attempt.minute {
            *self.minutes.entry((key.route.clone(), minute)).or_default() += 1;
            if let Some(output) = metrics[Metric::Output as usize] {
                let hour = HourKey {
                    route: key.route.clone(),
                    backend: key.backend,
                    model: key.model.clone(),
                    input_images: key.input_images,
                    hour: minute.div_euclid(60),
                };
                let tally = self.hours.entry(hour).or_default();
                tally.n += 1;
                tally.sum += u128::from(output);
            }
        }
        if !self.cells.contains_key(key) {
            if self.cells.len() >= CELLS_MAX {
                return Err(TooMany::Cells);
            }
            self.cells.insert(key.clone(), CellStats::default());
        }
        self.cells.get_mut(key).expect("inserted above").count(metrics);
        self.within_limits()
    }

    /// Adds what another log holds; the order does not matter.
    ///
    /// # Errors
    ///
    /// When there are too many different cells or minutes.
    pub fn merge(&mut self, other: &Aggregates) -> Result<(), TooMany> {
        for (key, theirs) in &other.cells {
            let cell = self.cells.entry(key.clone()).or_default();
            cell.n += theirs.n;
            for (histogram, other) in cell.metrics.iter_mut().zip(&theirs.metrics) {
                histogram.merge(other);
            }
            for (tally, other) in cell.products.iter_mut().zip(&theirs.products) {
                tally.n += other.n;
                tally.sum += other.sum;
            }
        }
        for (key, theirs) in &other.hours {
            let tally = self.hours.entry(key.clone()).or_default();
            tally.n += theirs.n;
            tally.sum += theirs.sum;
        }
        for (key, n) in &other.minutes {
            *self.minutes.entry(key.clone()).or_default() += n;
        }
        self.within_limits()
    }

    fn within_limits(&self) -> Result<(), TooMany> {
        match (self.cells.len() > CELLS_MAX, self.minutes.len() > MINUTES_MAX) {
            (true, _) => Err(TooMany::Cells),
            (false, true) => Err(TooMany::Minutes),
            (false, false) => Ok(()),
        }
    }

    /// Attempts in all.
    pub fn attempts(&self) -> u64 {
        self.cells.values().map(|cell| cell.n).sum()
    }

    /// Attempts of each route by traffic type or tier as reported: what provisioned throughput admitted and
    /// what went to pay-as-you-go.
    pub fn by_traffic(&self) -> BTreeMap<(String, String, Option<String>), u64> {
        let mut counts = BTreeMap::new();
        for (key, cell) in &self.cells {
            let of = (key.route.clone(), key.model.clone(), key.traffic.clone());
            *counts.entry(of).or_default() += cell.n;
        }
        counts
    }

    /// Tokens that Google's own counters would show: totals as reported.
    pub fn total_tokens(&self) -> u128 {
        self.cells.values().map(|cell| cell.metric(Metric::Total).sum()).sum()
    }
}
