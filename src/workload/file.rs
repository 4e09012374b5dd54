//! What stands in a workload file.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use toml::Spanned;

use super::scenario::{ScenarioFile, scenarios};
use crate::{
    calendar::Day,
    diagnostics::{BadFile, SourceText},
    model::{Endpoint, ImageSize, MediaResolution, Pixels, ThinkingLevel, Tier},
    units::{Growth, Range, Rate, Share},
};

/// What every complaint about this file starts with.
pub(super) const TITLE: &str = "cannot use this workload";

/// Most routes of one workload.
pub(super) const ROUTES_MAX: usize = 10_000;

/// A workload file as written, its places kept for complaints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFile {
    pub(super) schema: Option<Spanned<String>>,
    pub(super) name: Option<Spanned<String>>,
    #[serde(rename = "description")]
    pub(super) _description: Option<String>,
    pub(super) as_of: Option<Day>,
    pub(super) start: Option<Spanned<Day>>,
    pub(super) horizon_months: Option<Spanned<u32>>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) budget_usd_per_month: Option<Spanned<Rate>>,
    pub(super) currency: Option<Spanned<String>>,
    pub(super) price_factor: Option<RawPriceFactors>,
    pub(super) credits: Option<Spanned<Vec<RawCredit>>>,
    pub(super) developer_tier: Option<Spanned<u32>>,
    pub(super) gsu_orders: Option<Spanned<Vec<RawOrder>>>,
    pub(super) seed: Option<u64>,
    #[serde(default)]
    pub(super) route: Vec<Spanned<RawRoute>>,
    #[serde(rename = "scenario")]
    pub(super) _scenario: Option<IgnoredAny>,
    /// The scenarios, each laid over this file.
    #[serde(skip)]
    pub(super) scenarios: Vec<ScenarioFile>,
}

/// Factors on prices, by kind of price.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPriceFactors {
    pub tokens: Option<Spanned<f64>>,
    pub gsu_hours: Option<Spanned<f64>>,
}

/// A credit on the bill.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredit {
    pub usd: Rate,
    pub from: Option<Day>,
    pub until: Option<Day>,
    pub note: Option<String>,
}

/// An existing order of provisioned throughput.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOrder {
    pub model: Spanned<String>,
    pub location: Option<Spanned<String>>,
    pub count: Spanned<u64>,
    pub term: Spanned<String>,
    pub start: Day,
    #[serde(default)]
    pub auto_renew: bool,
}

/// One kind of request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    pub name: Spanned<String>,
    pub model: Option<Spanned<String>>,
    pub models: Option<Spanned<Vec<Spanned<String>>>>,
    pub placements: Option<Spanned<Vec<Endpoint>>>,
    pub tier: Option<Spanned<Tier>>,
    pub spill_tier: Option<Spanned<Tier>>,
    pub prompt: Option<Spanned<String>>,
    pub prompt_file: Option<Spanned<String>>,
    pub prompt_tokens: Option<Spanned<Range>>,
    pub input_images: Option<Vec<Spanned<String>>>,
    pub output_size: Option<Spanned<ImageSize>>,
    pub output_text_tokens: Option<Spanned<Range>>,
    pub thinking_level: Option<ThinkingLevel>,
    pub media_resolution: Option<MediaResolution>,
    pub cached_share: Option<Share>,
    pub requests_per_month: Option<Spanned<Range>>,
    pub requests_per_day: Option<Spanned<Range>>,
    pub requests_total: Option<Spanned<Range>>,
    pub between: Option<Spanned<Vec<Day>>>,
    pub accepted_images_per_month: Option<Spanned<Range>>,
    pub tries_per_accepted: Option<Spanned<Range>>,
    pub growth_per_month: Option<Growth>,
    pub launch: Option<Day>,
    pub end: Option<Spanned<Day>>,
    pub day_shape: Option<Spanned<DayShape>>,
    pub week_shape: Option<Spanned<Vec<f64>>>,
    pub peak_requests_per_minute: Option<Spanned<f64>>,
    pub burstiness: Option<RawBurstiness>,
    pub timeout_seconds: Option<Spanned<f64>>,
    pub max_attempts: Option<Spanned<u32>>,
    pub max_wait_hours: Option<Spanned<f64>>,
    pub throttled_share_max: Option<Share>,
}

/// How requests come in bursts around the hours of the day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { cv = 0.35, correlation_seconds = 60 }")]
pub(super) struct RawBurstiness {
    pub cv: Spanned<f64>,
    pub correlation_seconds: Option<Spanned<f64>>,
}

/// How a day's requests spread over its hours.
#[derive(Debug, Clone, PartialEq)]
pub enum DayShape {
    /// A name: `flat`, `office`, `evening`.
    Named(String),
    /// 24 weights, midnight first.
    Hours(Vec<f64>),
}

impl<'de> Deserialize<'de> for DayShape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<DayShape, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = DayShape;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"flat\", \"office\", \"evening\" or 24 numbers")
            }

            fn visit_str<E>(self, text: &str) -> Result<DayShape, E> {
                Ok(DayShape::Named(text.to_string()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<DayShape, A::Error> {
                let mut hours = Vec::new();
                while let Some(hour) = seq.next_element()? {
                    hours.push(hour);
                }
                Ok(DayShape::Hours(hours))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The prompt and the pictures of a route as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Materials {
    /// The route.
    pub route: String,
    /// The prompt.
    pub prompt: Option<String>,
    /// Or the file that holds it.
    pub prompt_file: Option<String>,
    /// Sizes in words, paths or patterns, one for each picture of a request.
    pub input_images: Vec<String>,
}

/// A file that a workload refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutsideFile {
    /// What is wanted of it.
    pub kind: OutsideKind,
    /// Path or glob as written, relative to the workload file.
    pub pattern: String,
}

/// What is wanted of an outside file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutsideKind {
    /// Its text, as a prompt.
    Prompt,
    /// The pixel sizes of the images that match.
    Images,
}

/// What outside files hold, by pattern; an error text where one could not be read.
#[derive(Clone, Debug, Default)]
pub struct OutsideFiles {
    /// Prompt texts.
    pub prompts: BTreeMap<String, Result<String, String>>,
    /// Sizes of the matching images.
    pub images: BTreeMap<String, Result<Vec<Pixels>, String>>,
}

impl WorkloadFile {
    /// Reads the form of a workload file; what its keys mean is checked by [`super::Workload::resolve`].
    ///
    /// # Errors
    ///
    /// When the text is not TOML, has a key that is not known or a value of the wrong kind; the message
    /// shows the place.
    pub fn parse(source: &SourceText) -> Result<WorkloadFile, BadFile> {
        let mut file: WorkloadFile =
            toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
        if let Some(schema) = &file.schema
            && schema.as_ref() != "burndown.workload/1"
        {
            return Err(source.complaint(schema.span(), TITLE, "expected `burndown.workload/1`", None));
        }
        if file.route.is_empty() {
            return Err(BadFile(format!(
                "{TITLE}\n --> {}\n  it has no [[route]]; a route names a model and a number of requests\n\nhint: `burndown init` writes one to start from",
                source.name
            )));
        }
        if file.route.len() > ROUTES_MAX {
            let found = format!("{} routes, expected at most {ROUTES_MAX}", file.route.len());
            return Err(source.complaint(file.route[ROUTES_MAX].span(), TITLE, &found, None));
        }
        file.scenarios = scenarios(source)?;
        Ok(file)
    }

    /// What each route's requests are made of as written, in the order of the routes.
    pub fn materials(&self) -> Vec<Materials> {
        let text = |field: &Option<Spanned<String>>| field.as_ref().map(|text| text.as_ref().clone());
        let routes = self.route.iter().map(Spanned::as_ref);
        let materials = routes.map(|route| Materials {
            route: route.name.as_ref().trim().to_string(),
            prompt: text(&route.prompt),
            prompt_file: text(&route.prompt_file),
            input_images: route.input_images.iter().flatten().map(|image| image.as_ref().clone()).collect(),
        });
        materials.collect()
    }

    /// The files it refers to; whoever may read files reads them.
    pub fn outside_files(&self) -> Vec<OutsideFile> {
        let mut files = Vec::new();
        let of_scenarios = self.scenarios.iter().flat_map(|scenario| &scenario.file.route);
        for route in self.route.iter().chain(of_scenarios) {
            let route = route.as_ref();
            if let Some(prompt) = &route.prompt_file {
                files.push(OutsideFile { kind: OutsideKind::Prompt, pattern: prompt.as_ref().clone() });
            }
            for image in route.input_images.iter().flatten() {
                if sizes_in_words(image.as_ref()).is_none() {
                    files.push(OutsideFile { kind: OutsideKind::Images, pattern: image.as_ref().clone() });
                }
            }
        }
        files.sort();
        files.dedup();
        files
    }
}

/// `1408x768`, or `1408x768 or 5632x3072` for an image that has one of these sizes; `None` for a path.
pub fn sizes_in_words(text: &str) -> Option<Vec<Pixels>> {
    text.split(" or ").map(|size| size.trim().parse().ok()).collect()
}
