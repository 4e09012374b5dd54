//! The file format of the price book: what TOML holds, checked into [`PriceBook`].

mod checked;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::book::{
    Alternative, EndKind, Grounding, Life, ModelFacts, ModelKind, PriceBook, PriceRow, Source,
};
use crate::{
    calendar::Day,
    diagnostics::{BadFile, SourceText, Spanned},
    model::{Backend, ByClass, Grade, ImageSize, ModelId, Tier, TokenClass, nearest},
    schema::{described, described_as},
    units::{Factor, Rate},
};

/// The one version of the format.
const SCHEMA: &str = "burndown.prices/1";

/// What every complaint about this file starts with.
const TITLE: &str = "cannot use this price book";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawBook {
    /// Version of the format.
    #[schemars(extend("const" = "burndown.prices/1"))]
    schema: Spanned<String>,
    /// Day the book was put together.
    checked: Day,
    /// Prices are in US dollars.
    #[schemars(extend("const" = "USD"))]
    currency: Spanned<String>,
    /// Where facts were read, by key.
    #[serde(default)]
    sources: BTreeMap<String, Source>,
    /// What does not change from day to day about a model.
    #[serde(default)]
    model: Vec<Spanned<RawModel>>,
    /// When and where a backend serves a model.
    #[serde(default)]
    life: Vec<Spanned<RawLife>>,
    /// Dated prices of a model on a backend and tier.
    #[serde(default)]
    price: Vec<Spanned<RawPrice>>,
    /// Prices of searches.
    #[serde(default)]
    grounding: Vec<Spanned<Grounding>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawModel {
    /// Its stable id.
    id: ModelId,
    /// Its name for people.
    name: String,
    /// What it is for.
    kind: ModelKind,
    /// Nicknames and retired ids that mean this model.
    #[serde(default)]
    aliases: Vec<String>,
    /// What it takes.
    inputs: Vec<Modality>,
    /// What it makes.
    outputs: Vec<Modality>,
    /// Image sizes it makes.
    #[serde(default)]
    sizes: Vec<ImageSize>,
    /// Longest prompt, tokens.
    max_input_tokens: Option<u64>,
    /// Longest answer, tokens.
    max_output_tokens: Option<u64>,
    /// Most images in a prompt.
    max_input_images: Option<u32>,
    /// Family under which grounding is priced.
    grounding: Option<String>,
    /// Factor on all prices at locations other than `global`.
    non_global_factor: Option<Factor>,
    /// First day of that factor.
    non_global_from: Option<Day>,
    /// Shortest prompt that is cached, tokens.
    cached_input_minimum_tokens: Option<u64>,
    /// Keys of the book's sources.
    source: Vec<String>,
    /// A remark.
    note: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Modality {
    Text,
    Thinking,
    Image,
    Video,
    Audio,
    Document,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawLife {
    /// The model.
    model: ModelId,
    /// The backend.
    backend: Backend,
    /// First day with service, where known.
    launch: Option<Day>,
    /// First day without service.
    end: Option<Day>,
    /// How sure that day is.
    end_is: Option<EndKind>,
    /// What follows it.
    successor: Option<ModelId>,
    /// Vertex locations where it is known to be served; `us-*` stands for all regions of a kind.
    locations: Option<Vec<String>>,
    /// Day of the last check.
    checked: Day,
    /// Keys of the book's sources.
    source: Vec<String>,
    /// A remark.
    note: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    /// The model.
    model: ModelId,
    /// The backend.
    backend: Backend,
    /// The tier.
    tier: Tier,
    /// First day.
    from: Since,
    /// Last day; default: open.
    until: Option<Day>,
    /// Holds for prompts longer than this, tokens.
    above_prompt_tokens: Option<u64>,
    /// Day of the last check.
    checked: Day,
    /// Keys of the book's sources.
    source: Vec<String>,
    /// Input of every class that has no key of its own, US dollars per million tokens.
    input_usd_per_mtok: Option<Rate>,
    /// Input, text: US dollars per million tokens.
    input_text_usd_per_mtok: Option<Rate>,
    /// Input, image: US dollars per million tokens.
    input_image_usd_per_mtok: Option<Rate>,
    /// Input, video: US dollars per million tokens.
    input_video_usd_per_mtok: Option<Rate>,
    /// Input, audio: US dollars per million tokens.
    input_audio_usd_per_mtok: Option<Rate>,
    /// Input, document: US dollars per million tokens.
    input_document_usd_per_mtok: Option<Rate>,
    /// Cached input of every class that has no key of its own, US dollars per million tokens.
    cached_input_usd_per_mtok: Option<Rate>,
    /// Cached input, text: US dollars per million tokens.
    cached_input_text_usd_per_mtok: Option<Rate>,
    /// Cached input, image: US dollars per million tokens.
    cached_input_image_usd_per_mtok: Option<Rate>,
    /// Cached input, video: US dollars per million tokens.
    cached_input_video_usd_per_mtok: Option<Rate>,
    /// Cached input, audio: US dollars per million tokens.
    cached_input_audio_usd_per_mtok: Option<Rate>,
    /// Cached input, document: US dollars per million tokens.
    cached_input_document_usd_per_mtok: Option<Rate>,
    /// Output of every class that has no key of its own, US dollars per million tokens.
    output_usd_per_mtok: Option<Rate>,
    /// Output, text: US dollars per million tokens.
    output_text_usd_per_mtok: Option<Rate>,
    /// Output, thinking: US dollars per million tokens.
    output_thinking_usd_per_mtok: Option<Rate>,
    /// Output, image: US dollars per million tokens.
    output_image_usd_per_mtok: Option<Rate>,
    /// Output, audio: US dollars per million tokens.
    output_audio_usd_per_mtok: Option<Rate>,
    /// Output, video: US dollars per million tokens.
    output_video_usd_per_mtok: Option<Rate>,
    /// Cache storage, US dollars per million tokens and hour.
    cache_storage_usd_per_mtok_hour: Option<Rate>,
    /// US dollars per image.
    usd_per_image: Option<Rate>,
    /// Image sizes it holds for; default: all.
    #[serde(default)]
    sizes: Vec<ImageSize>,
    /// Other numbers that a source gives for one of its keys.
    #[serde(default)]
    alternatives: Vec<Alternative>,
    /// A remark.
    note: Option<String>,
    /// How it is known; default documented.
    #[serde(default = "documented")]
    grade: Grade,
}

fn documented() -> Grade {
    Grade::Documented
}

/// A first day, or `"unknown"`: valid back to launch.
#[derive(Clone, Copy)]
struct Since(Option<Day>);

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Since, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "unknown" {
            return Ok(Since(None));
        }
        text.parse().map(|day| Since(Some(day))).map_err(de::Error::custom)
    }
}

described!(Since, "Since", {
    "description": "A first day, or `unknown`: valid back to launch.",
    "type": "string",
    "pattern": "^(unknown|(20[0-9][0-9]|2100)-[0-9]{2}-[0-9]{2})$"
});
described_as!(PriceBook, RawBook);

#[cfg(test)]
mod schema_tests {
    use super::*;
    use crate::schema::keys::check;

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        check::<RawBook>();
        check::<RawModel>();
        check::<RawLife>();
        check::<RawPrice>();
        check::<Alternative>();
        check::<Grounding>();
        check::<Source>();
    }
}
