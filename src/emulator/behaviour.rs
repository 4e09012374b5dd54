//! The behaviour file: how answers differ from what the token profiles say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Backend, ModelId},
    schema::described_as,
    units::{Range, Share},
};

const SCHEMA: &str = "burndown.behaviour/1";
const TITLE: &str = "cannot use this behaviour file";

/// How the emulator behaves where the token profiles leave it open. The default is what is known of the backends.
///
/// ```toml
/// schema = "burndown.behaviour/1"
/// serve_retired = true            # answer for models whose end is past; default false
/// bill_blocked = true             # prompt and thoughts of blocked answers are billed; default true
/// v1_refuses_thinking = false     # the Developer API at v1 refuses thinkingConfig, as it did in mid 2026
///
/// [[model]]
/// model = "gemini-3-pro-image"
/// backend = "developer"
/// images = { 1 = 0.7, 2 = 0.2, 5 = 0.1 }   # images counted per answer, by weight
/// text = [88, 200, 630]                    # tokens: [p5, likely, p95], or one number
/// thinking = [106, 208, 748]
/// blocked_share = 0.02
/// input_image_tokens = 258                 # each, whatever its size
/// honours_image_size = true
/// latency_seconds = [16, 20, 30]
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// Models whose end is past are served all the same.
    pub serve_retired: bool,
    /// Prompt and thoughts of blocked answers are billed. Whether Google does so is not documented.
    pub bill_blocked: bool,
    /// The Developer API at `v1` refuses `thinkingConfig`.
    pub v1_refuses_thinking: bool,
    /// Changes by backend and model.
    pub models: BTreeMap<(Backend, ModelId), ModelBehaviour>,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            serve_retired: false,
            bill_blocked: true,
            v1_refuses_thinking: false,
            models: BTreeMap::new(),
        }
    }
}

/// How one model's answers differ; what is `None` follows the token profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelBehaviour {
    /// Images counted per answer with their weights.
    pub images: Option<Vec<(u64, f64)>>,
    /// Text tokens of an answer.
    pub text: Option<Range>,
    /// Thinking tokens of an answer.
    pub thinking: Option<Range>,
    /// Share of requests that are blocked.
    pub blocked_share: Option<f64>,
    /// Tokens of a prompt's image.
    pub input_image_tokens: Option<u64>,
    /// Whether `imageSize` counts.
    pub honours_image_size: Option<bool>,
    /// Seconds until the answer is whole.
    pub latency_seconds: Option<Range>,
}

impl ModelBehaviour {
    /// Whether the answer's own counts differ from the profile.
    pub(super) fn changes_output(&self) -> bool {
        self.images.is_some() || self.text.is_some() || self.thinking.is_some()
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawBehaviour {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.behaviour/1"))]
    schema: Spanned<String>,
    /// Answer for models whose end is past; default false.
    serve_retired: Option<bool>,
    /// Bill prompt and thoughts of blocked answers; default true.
    bill_blocked: Option<bool>,
    /// The Developer API at `v1` refuses `thinkingConfig`; default false.
    v1_refuses_thinking: Option<bool>,
    /// How one model's answers differ.
    #[serde(default, rename = "model")]
    models: Vec<Spanned<RawModel>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawModel {
    /// The model.
    model: ModelId,
    /// The backend.
    backend: Backend,
    /// Images counted per answer, by weight: `{ 1 = 0.7, 2 = 0.3 }`.
    images: Option<Spanned<BTreeMap<String, f64>>>,
    /// Text tokens of an answer.
    text: Option<Range>,
    /// Thinking tokens of an answer.
    thinking: Option<Range>,
    /// Share of requests that are blocked.
    blocked_share: Option<Share>,
    /// Tokens of a prompt's image, whatever its size.
    input_image_tokens: Option<u64>,
    /// Whether `imageSize` counts.
    honours_image_size: Option<bool>,
    /// Seconds until the answer is whole.
    latency_seconds: Option<Range>,
}

/// Most tokens of a range; more is a slip.
const TOKENS_MAX: f64 = 1e6;

described_as!(Behaviour, RawBehaviour);

impl Behaviour {
    /// Reads a behaviour file.
    ///
    /// # Errors
    ///
    /// When the text is no such file or a number cannot be; the message shows the place.
    pub fn parse(source: &SourceText) -> Result<Behaviour, BadFile> {
        let raw: RawBehaviour =
            toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
        if raw.schema.as_ref() != SCHEMA {
            let found = format!("expected `{SCHEMA}`");
            return Err(source.complaint(raw.schema.span(), TITLE, &found, None));
        }
        let usual = Behaviour::default();
        let mut models = BTreeMap::new();
        for row in raw.models {
            let span = row.span();
            let row = row.into_inner();
            let key = (row.backend, row.model.clone());
            if models.contains_key(&key) {
                let found = format!("{} on {} stands twice", row.model, row.backend);
                return Err(source.complaint(span, TITLE, &found, None));
            }
            models.insert(key, model(source, row, span)?);
        }
        Ok(Behaviour {
            serve_retired: raw.serve_retired.unwrap_or(usual.serve_retired),
            bill_blocked: raw.bill_blocked.unwrap_or(usual.bill_blocked),
            v1_refuses_thinking: raw.v1_refuses_thinking.unwrap_or(usual.v1_refuses_thinking),
            models,
        })
    }
}

fn model(
    source: &SourceText,
    row: RawModel,
    span: std::ops::Range<usize>,
) -> Result<ModelBehaviour, BadFile> {
    let fail = |found: &str| Err(source.complaint(span.clone(), TITLE, found, None));
    let ranges = [row.text, row.thinking];
    if ranges.iter().flatten().any(|range| range.p95 > TOKENS_MAX)
        || row.input_image_tokens.is_some_and(|tokens| tokens as f64 > TOKENS_MAX)
    {
        return fail("text, thinking and input_image_tokens are at most 1,000,000 tokens");
    }
    if row.latency_seconds.is_some_and(|range| range.p95 > 3600.0) {
        return fail("latency_seconds are at most 3600");
    }
    let images = match row.images {
        None => None,
        Some(table) => {
            let weights: Option<Vec<(u64, f64)>> = table
                .as_ref()
                .iter()
                .map(|(count, weight)| {
                    let count = count.parse::<u64>().ok().filter(|count| (1..=100).contains(count))?;
                    (weight.is_finite() && *weight > 0.0).then_some((count, *weight))
                })
                .collect();
            match weights.filter(|weights| !weights.is_empty()) {
                Some(mut weights) => {
                    weights.sort_by_key(|(count, _)| *count);
                    Some(weights)
                }
                None => {
                    let found =
                        "expected weights above 0 by number of images, 1 to 100: { 1 = 0.9, 2 = 0.1 }";
                    return Err(source.complaint(table.span(), TITLE, found, None));
                }
            }
        }
    };
    Ok(ModelBehaviour {
        images,
        text: row.text,
        thinking: row.thinking,
        blocked_share: row.blocked_share.map(Share::value),
        input_image_tokens: row.input_image_tokens,
        honours_image_size: row.honours_image_size,
        latency_seconds: row.latency_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Behaviour, BadFile> {
        Behaviour::parse(&SourceText { name: "b.toml".into(), text: text.into() })
    }

    #[test]
    fn a_behaviour_file_is_read_and_its_mistakes_are_placed() {
        let good = "schema = \"burndown.behaviour/1\"\nserve_retired = true\n[[model]]\nmodel = \"m\"\nbackend = \"vertex\"\nimages = { 10 = 1, 2 = 3 }\nthinking = 5\n";
        let read = parse(good).unwrap();
        let model = &read.models[&(Backend::Vertex, ModelId::from("m"))];
        assert_eq!(model.images, Some(vec![(2, 3.0), (10, 1.0)]));
        assert_eq!(model.thinking, Some(Range::exact(5.0)));
        assert!(read.serve_retired && read.bill_blocked);
        let bad = good.replace("{ 10 = 1, 2 = 3 }", "{ 0 = 1 }");
        let expected = "\
cannot use this behaviour file
 --> b.toml:6:10
  |
6 | images = { 0 = 1 }
  |          ^^^^^^^^^ expected weights above 0 by number of images, 1 to 100: { 1 = 0.9, 2 = 0.1 }";
        assert_eq!(parse(&bad).unwrap_err().to_string(), expected);
        assert!(parse(&good.replace("behaviour/1", "behaviour/9")).is_err());
    }
}

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<RawBehaviour>();
        check::<RawModel>();
    }
}
