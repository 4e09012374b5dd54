//! What stands in a workload file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, de::IgnoredAny};

use super::scenario::{ScenarioFile, scenarios};
use crate::{
    calendar::Day,
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Endpoint, ImageSize, MediaResolution, Pixels, ThinkingLevel, Tier},
    schema::described,
    units::{Growth, Range, Rate, Share},
};

/// What every complaint about this file starts with.
pub(super) const TITLE: &str = "cannot use this workload";

/// First line of a workload that is written: where an editor that knows TOML finds the schema, once
/// `burndown schema workload --out schema` has put it beside the file. Relative, so that no network is needed.
pub const SCHEMA_LINE: &str = "#:schema ./schema/workload.json";

/// Most routes of one workload.
pub(super) const ROUTES_MAX: usize = 10_000;

/// A workload file as written, its places kept for complaints.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["route"]))]
#[serde(deny_unknown_fields)]
pub struct WorkloadFile {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.workload/1"))]
    pub(super) schema: Option<Spanned<String>>,
    /// Name in reports; default: that of the file.
    pub(super) name: Option<Spanned<String>>,
    /// A remark; nothing reads it.
    #[serde(rename = "description")]
    pub(super) _description: Option<String>,
    /// Day on which the books are read; default: today.
    pub(super) as_of: Option<Day>,
    /// First day of the horizon; default: first of next month.
    pub(super) start: Option<Spanned<Day>>,
    /// Length of the horizon, months; default 12.
    #[schemars(range(min = 1, max = 60))]
    pub(super) horizon_months: Option<Spanned<u32>>,
    /// IANA name, `Europe/Berlin`, in which day and week shapes count; default UTC.
    pub(super) time_zone: Option<Spanned<String>>,
    /// Budget, US dollars a month.
    pub(super) budget_usd_per_month: Option<Spanned<Rate>>,
    /// The books are in US dollars.
    #[schemars(extend("const" = "USD"))]
    pub(super) currency: Option<Spanned<String>>,
    /// Factors on list prices, for negotiated ones.
    pub(super) price_factor: Option<RawPriceFactors>,
    /// Credits on the bill.
    pub(super) credits: Option<Spanned<Vec<RawCredit>>>,
    /// Spend tier of the account on the Developer API.
    #[schemars(range(min = 1, max = 3))]
    pub(super) developer_tier: Option<Spanned<u32>>,
    /// Orders of provisioned throughput that exist already.
    pub(super) gsu_orders: Option<Spanned<Vec<RawOrder>>>,
    /// Seed of what is drawn at random.
    pub(super) seed: Option<u64>,
    /// Kinds of request.
    #[schemars(length(min = 1, max = 10_000))]
    #[serde(default)]
    pub(super) route: Vec<Spanned<RawRoute>>,
    /// What-ifs beside the plan: a name and the keys that change.
    #[schemars(with = "Option<Vec<super::scenario::ScenarioTable>>", length(max = 20))]
    #[serde(rename = "scenario")]
    pub(super) _scenario: Option<IgnoredAny>,
    /// The scenarios, each laid over this file.
    #[serde(skip)]
    pub(super) scenarios: Vec<ScenarioFile>,
}

/// Factors on prices, by kind of price.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPriceFactors {
    /// On prices of tokens; 0.9 is 10 % off.
    pub tokens: Option<Spanned<f64>>,
    /// On prices of GSU-hours; 0.9 is 10 % off.
    pub gsu_hours: Option<Spanned<f64>>,
}

/// A credit on the bill.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredit {
    /// US dollars.
    pub usd: Rate,
    /// First day; default: already.
    pub from: Option<Day>,
    /// Last day; default: until it is used up.
    pub until: Option<Day>,
    /// A remark.
    pub note: Option<String>,
}

/// An existing order of provisioned throughput.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOrder {
    /// Model id or alias.
    pub model: Spanned<String>,
    /// Vertex location; default `global`.
    pub location: Option<Spanned<String>>,
    /// GSUs.
    #[schemars(range(min = 1))]
    pub count: Spanned<u64>,
    /// Term of the order.
    #[schemars(extend("enum" = ["1-week", "1-month", "3-months", "1-year"]))]
    pub term: Spanned<String>,
    /// First day of its first term.
    pub start: Day,
    /// Whether it renews itself.
    #[serde(default)]
    pub auto_renew: bool,
}

/// One kind of request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    /// Name, once in a workload.
    pub name: Spanned<String>,
    /// Model id or alias; or `models`.
    pub model: Option<Spanned<String>>,
    /// Model ids or aliases: the first is today's, the others are compared.
    #[schemars(length(min = 1))]
    pub models: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who may serve it; default: every placement that serves the model.
    #[schemars(length(min = 1))]
    pub placements: Option<Spanned<Vec<Endpoint>>>,
    /// How its requests are paid; default `standard`.
    pub tier: Option<Spanned<Tier>>,
    /// How requests are paid that GSUs leave to PayGo; default: the route's tier.
    pub spill_tier: Option<Spanned<Tier>>,
    /// Prompt text; or `prompt_file`, or `prompt_tokens`.
    pub prompt: Option<Spanned<String>>,
    /// File that holds the prompt, relative to this one.
    pub prompt_file: Option<Spanned<String>>,
    /// Tokens of the prompt.
    pub prompt_tokens: Option<Spanned<Range>>,
    /// Images of a request: pixel sizes (`1408x768`, or `1408x768 or 5632x3072`), files or patterns.
    pub input_images: Option<Vec<Spanned<String>>>,
    /// Size asked for; default 1K on models that make images.
    pub output_size: Option<Spanned<ImageSize>>,
    /// Text tokens of an answer.
    pub output_text_tokens: Option<Spanned<Range>>,
    /// Thinking level asked for; default: the API's own.
    pub thinking_level: Option<ThinkingLevel>,
    /// Resolution of input images asked for; default: the API's own.
    pub media_resolution: Option<MediaResolution>,
    /// Share of the prompt that is read from the cache; default 0.
    pub cached_share: Option<Share>,
    /// Requests a month.
    pub requests_per_month: Option<Spanned<Range>>,
    /// Requests a day; or per month, or in all.
    pub requests_per_day: Option<Spanned<Range>>,
    /// Requests in all, with `between`.
    pub requests_total: Option<Spanned<Range>>,
    /// First and last day of `requests_total`.
    #[schemars(length(min = 2, max = 2))]
    pub between: Option<Spanned<Vec<Day>>>,
    /// Images a month that somebody accepts, with `tries_per_accepted`.
    pub accepted_images_per_month: Option<Spanned<Range>>,
    /// Requests per accepted image.
    pub tries_per_accepted: Option<Spanned<Range>>,
    /// Relative growth per month; default 0.
    pub growth_per_month: Option<Growth>,
    /// First day with traffic.
    pub launch: Option<Day>,
    /// Last day with traffic.
    pub end: Option<Spanned<Day>>,
    /// How a day's requests spread over its hours; default: a swing of ±50 %.
    pub day_shape: Option<Spanned<DayShape>>,
    /// Seven weights, Monday first; default: what `day_shape` says.
    #[schemars(length(min = 7, max = 7), inner(range(min = 0)))]
    pub week_shape: Option<Spanned<Vec<f64>>>,
    /// Requests of the busiest minute, where it is known.
    pub peak_requests_per_minute: Option<Spanned<f64>>,
    /// Bursts around the hourly rate; default cv 0.35.
    pub burstiness: Option<RawBurstiness>,
    /// Seconds after which the caller gives up an attempt.
    pub timeout_seconds: Option<Spanned<f64>>,
    /// Attempts that a request takes at most, the first included.
    pub max_attempts: Option<Spanned<u32>>,
    /// How long an answer may take: 0.5 allows flex, 72 batch; default 0.
    pub max_wait_hours: Option<Spanned<f64>>,
    /// Most requests that may be refused, a share.
    pub throttled_share_max: Option<Share>,
}

/// How requests come in bursts around the hours of the day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as { cv = 0.35, correlation_seconds = 60 }")]
pub(super) struct RawBurstiness {
    /// Coefficient of variation of the rate around its hourly mean.
    pub cv: Spanned<f64>,
    /// Seconds over which bursts hang together.
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

described!(DayShape, "DayShape", {
    "description": "How a day's requests spread over its hours: a name, or 24 weights, midnight first.",
    "anyOf": [
        { "type": "string", "enum": ["flat", "office", "evening"] },
        { "type": "array", "items": { "type": "number", "minimum": 0 }, "minItems": 24, "maxItems": 24 }
    ]
});

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<WorkloadFile>();
        check::<RawPriceFactors>();
        check::<RawCredit>();
        check::<RawOrder>();
        check::<RawRoute>();
        check::<RawBurstiness>();
    }
}
