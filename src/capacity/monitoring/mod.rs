//! Cloud Monitoring's metrics of provisioned throughput as a time series of burn, requests and limit.
//!
//! Read are answers of `projects.timeSeries.list` (JSON, pages one after the other) and tables that Metrics
//! Explorer saves (CSV). Cloud Monitoring leaves periods without traffic out, so a period without any point is a
//! gap and not a zero; where one series of a metric has a point, a series without one had nothing.
//!
//! Source: "Google Cloud metrics" (aiplatform.googleapis.com), "Method: projects.timeSeries.list" and "Use
//! Provisioned Throughput" in Google's documentation.

mod csv;
mod json;

use std::collections::{BTreeMap, BTreeSet};

pub use self::{csv::read_explorer_csv, json::read_time_series};

/// Shortest and longest period of a series, seconds.
const STEP_SECONDS: std::ops::RangeInclusive<i64> = 1..=86_400;

/// Most periods of one file.
const STEPS_MAX: i64 = 5_000_000;

/// A metric that is read; others tell nothing of provisioned throughput by request type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PtMetric {
    /// `consumed_token_throughput`: tokens times burndown rates.
    Burn,
    /// `model_invocation_count`.
    Invocations,
    /// `dedicated_token_limit`: burn tokens a second.
    TokenLimit,
    /// `dedicated_gsu_limit`: GSUs.
    GsuLimit,
}

impl PtMetric {
    /// All of them, each with the last part of its type and the name that Metrics Explorer shows.
    const ALL: [(PtMetric, &'static str, &'static str); 4] = [
        (PtMetric::Burn, "consumed_token_throughput", "Token Throughput"),
        (PtMetric::Invocations, "model_invocation_count", "Model invocation count"),
        (PtMetric::TokenLimit, "dedicated_token_limit", "Limit (tokens per second)"),
        (PtMetric::GsuLimit, "dedicated_gsu_limit", "Limit (GSU)"),
    ];

    /// The metric of a type such as `aiplatform.googleapis.com/publisher/online_serving/…`.
    fn of_type(name: &str) -> Option<PtMetric> {
        let last = name.rsplit('/').next().unwrap_or(name);
        PtMetric::ALL.into_iter().find(|(_, known, _)| *known == last).map(|(metric, ..)| metric)
    }

    /// Whether its points are levels, not amounts of a period.
    fn is_level(self) -> bool {
        matches!(self, PtMetric::TokenLimit | PtMetric::GsuLimit)
    }
}

/// Who paid for a request, as the label `request_type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Traffic {
    /// A GSU.
    Dedicated,
    /// Pay-as-you-go, after the purchase was full.
    Spillover,
    /// Pay-as-you-go, because it was asked for, or no GSU was bought.
    Shared,
}

impl Traffic {
    fn of_label(label: &str) -> Option<Traffic> {
        match label.to_ascii_lowercase().as_str() {
            "dedicated" => Some(Traffic::Dedicated),
            "spillover" => Some(Traffic::Spillover),
            "shared" => Some(Traffic::Shared),
            _ => None,
        }
    }
}

/// One period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PtStep {
    /// Burn tokens that GSUs served; `None` when the period has no point of burn.
    pub dedicated_burn: Option<f64>,
    /// Burn tokens left to pay-as-you-go: `spillover`, and `shared` where no spillover is told apart.
    pub left_burn: Option<f64>,
    /// Requests; `None` when the period has no point of them.
    pub requests: Option<f64>,
    /// Of them left to pay-as-you-go.
    pub left_requests: Option<f64>,
    /// Requests beside these that asked for shared traffic, where spillover is told apart.
    pub shared_requests: Option<f64>,
    /// Limit of the purchase, burn tokens a second.
    pub limit_tokens_per_second: Option<f64>,
}

/// A time series of one model at one location.
#[derive(Clone, Debug, PartialEq)]
pub struct PtMetrics {
    /// The model, as the label `model_user_id` names it; `None` where no label does.
    pub model: Option<String>,
    /// The location; `None` where no label names it.
    pub location: Option<String>,
    /// Start of the first period, microseconds since 1970.
    pub first_micros: i64,
    /// Length of a period.
    pub step_seconds: u64,
    /// Period after period.
    pub steps: Vec<PtStep>,
    /// GSUs that the metric names, the last.
    pub gsu: Option<u64>,
    /// Every count that it names, ascending.
    pub gsu_counts: Vec<u64>,
}

/// What `model_invocation_count` says of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Invocations {
    /// All requests.
    pub requests: f64,
    /// Of them those that asked for shared traffic and never met the purchase; 0 where that is not told apart.
    pub shared: f64,
}

/// Why a file gives no series.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// Neither kind of file.
    #[error(
        "{0}\n\nhint: read are answers of projects.timeSeries.list (JSON) and the CSV that Metrics Explorer saves"
    )]
    Unreadable(String),
    /// Another metric.
    #[error(
        "`{found}` tells nothing of burn by request type{}\n\nhint: metrics are {}",
        why_not(found),
        PtMetric::ALL.map(|(_, name, _)| name).join(", ")
    )]
    WrongMetric {
        /// What was found.
        found: String,
    },
    /// Several models, or locations.
    #[error("one model at one location is read at a time, found {}\n\nhint: filter by {label}", found.join(", "))]
    Mixed {
        /// The label that differs.
        label: &'static str,
        /// Its values.
        found: Vec<String>,
    },
    /// A request type that is not known.
    #[error("unknown request_type `{0}`, expected dedicated, spillover or shared")]
    RequestType(String),
    /// Points without a common grid.
    #[error("points are {found} s long or apart, expected periods of one length from 1 s to a day")]
    Periods {
        /// What was found.
        found: String,
    },
    /// A table that does not say what its numbers are.
    #[error("{0}")]
    Unit(String),
    /// More pages follow.
    #[error("the answer has a nextPageToken: more pages follow, put them behind this one")]
    MorePages,
    /// No point of burn.
    #[error("the files hold no point of consumed_token_throughput")]
    NoBurn,
}

fn why_not(found: &str) -> &'static str {
    match found.rsplit('/').next().unwrap_or(found) {
        "token_count" | "tokens" => ": its tokens are not weighted by burndown rates",
        "consumed_throughput" => ": it counts characters",
        _ => "",
    }
}

/// One point of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct PtPoint {
    metric: PtMetric,
    traffic: Option<Traffic>,
    model: Option<String>,
    location: Option<String>,
    /// Start and end of the period, microseconds since 1970; equal for a level.
    from_micros: i64,
    to_micros: i64,
    value: f64,
}

impl PtMetrics {
    /// Puts the points of any number of files on one grid.
    ///
    /// # Errors
    ///
    /// When they are of several models or locations, have no common period, or hold no burn.
    pub fn of(points: &[PtPoint]) -> Result<PtMetrics, MetricsError> {
        let model = only("model_user_id", points.iter().filter_map(|point| point.model.as_deref()))?;
        let location = only("location", points.iter().filter_map(|point| point.location.as_deref()))?;
        let amounts = || points.iter().filter(|point| !point.metric.is_level());
        if !amounts().any(|point| point.metric == PtMetric::Burn) {
            return Err(MetricsError::NoBurn);
        }
        let lengths: BTreeSet<i64> =
            amounts().map(|point| (point.to_micros - point.from_micros) / 1_000_000).collect();
        let shown = || lengths.iter().take(4).map(i64::to_string).collect::<Vec<_>>().join(" and ");
        let step = match lengths.first() {
            Some(step) if lengths.len() == 1 && STEP_SECONDS.contains(step) => *step,
            _ => return Err(MetricsError::Periods { found: shown() }),
        };
        let micros = step * 1_000_000;
        let first = amounts().map(|point| point.from_micros).min().unwrap_or(0);
        let last = amounts().map(|point| point.to_micros).max().unwrap_or(first);
        let count = (last - first + micros - 1) / micros;
        if count > STEPS_MAX {
            return Err(MetricsError::Periods {
                found: format!("{step} s, {count} of them, not at most {STEPS_MAX}:"),
            });
        }
        let mut grid = Grid { first, micros, steps: vec![PtStep::default(); count as usize] };
        let told_apart = amounts().any(|point| point.traffic == Some(Traffic::Spillover));
        amounts().for_each(|point| grid.add(point, told_apart));
        let mut gsu = BTreeMap::new();
        for point in points.iter().filter(|point| point.metric.is_level()) {
            match point.metric {
                PtMetric::GsuLimit => {
                    gsu.insert(point.to_micros, point.value);
                }
                _ => grid.limit(point),
            }
        }
        grid.carry_limit();
        let rounded = |gsu: &f64| gsu.round() as u64;
        let gsu_counts: BTreeSet<u64> = gsu.values().map(rounded).collect();
        let gsu = gsu.values().next_back().map(rounded);
        Ok(PtMetrics {
            model,
            location,
            first_micros: first,
            step_seconds: step as u64,
            steps: grid.steps,
            gsu,
            gsu_counts: gsu_counts.into_iter().collect(),
        })
    }

    /// End of the last period, microseconds since 1970.
    pub fn end_micros(&self) -> i64 {
        self.first_micros + self.steps.len() as i64 * self.step_micros()
    }

    fn step_micros(&self) -> i64 {
        self.step_seconds as i64 * 1_000_000
    }

    /// Requests from one moment to another; periods that lie partly inside count by their part. `None` where no
    /// period counts requests, or the series begins or ends more than a period away.
    pub fn invocations(&self, from_micros: i64, to_micros: i64) -> Option<Invocations> {
        let step = self.step_micros();
        let covers = self.first_micros <= from_micros.saturating_add(step)
            && to_micros <= self.end_micros().saturating_add(step);
        if !covers || self.steps.iter().all(|step| step.requests.is_none()) {
            return None;
        }
        let mut found = Invocations { requests: 0.0, shared: 0.0 };
        for (at, one) in self.steps.iter().enumerate() {
            let start = self.first_micros + at as i64 * step;
            let inside = (to_micros.min(start + step) - from_micros.max(start)).max(0) as f64 / step as f64;
            let shared = one.shared_requests.unwrap_or(0.0);
            found.requests += inside * (one.requests.unwrap_or(0.0) + shared);
            found.shared += inside * shared;
        }
        Some(found)
    }

    /// Periods without a point of burn.
    pub fn gaps(&self) -> u64 {
        self.steps.iter().filter(|step| step.dedicated_burn.is_none()).count() as u64
    }
}

/// The one value of a label.
fn only<'a>(
    label: &'static str,
    values: impl Iterator<Item = &'a str>,
) -> Result<Option<String>, MetricsError> {
    let found: BTreeSet<&str> = values.collect();
    if found.len() > 1 {
        return Err(MetricsError::Mixed { label, found: found.into_iter().map(String::from).collect() });
    }
    Ok(found.first().map(|value| value.to_string()))
}

struct Grid {
    first: i64,
    micros: i64,
    steps: Vec<PtStep>,
}

impl Grid {
    fn add(&mut self, point: &PtPoint, told_apart: bool) {
        let Ok(at) = usize::try_from((point.from_micros - self.first) / self.micros) else { return };
        let Some(step) = self.steps.get_mut(at) else { return };
        let plus = |sum: &mut Option<f64>, value: f64| *sum = Some(sum.unwrap_or(0.0) + value);
        // What asked for shared traffic never met the purchase.
        let left = match point.traffic {
            Some(Traffic::Dedicated) | None => 0.0,
            Some(Traffic::Shared) if told_apart => {
                if point.metric == PtMetric::Invocations {
                    plus(&mut step.shared_requests, point.value);
                }
                return;
            }
            Some(Traffic::Spillover | Traffic::Shared) => point.value,
        };
        if point.metric == PtMetric::Burn {
            plus(&mut step.dedicated_burn, point.value - left);
            plus(&mut step.left_burn, left);
        } else {
            plus(&mut step.requests, point.value);
            plus(&mut step.left_requests, left);
        }
    }

    fn limit(&mut self, point: &PtPoint) {
        // A level stands at the end of its period.
        let at = (point.to_micros - self.first - 1).div_euclid(self.micros);
        if let Some(step) = usize::try_from(at).ok().and_then(|at| self.steps.get_mut(at)) {
            step.limit_tokens_per_second = Some(point.value);
        }
    }

    /// A limit stands until another is told; before the first it is the first.
    fn carry_limit(&mut self) {
        let mut limit = self.steps.iter().find_map(|step| step.limit_tokens_per_second);
        for step in &mut self.steps {
            limit = step.limit_tokens_per_second.or(limit);
            step.limit_tokens_per_second = limit;
        }
    }
}
