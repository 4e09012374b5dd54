//! The price book as a value: models, their life on each backend, dated price rows.

mod look_up;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Day, share_a_day},
    model::{
        Backend, ByClass, Endpoint, Grade, ImageSize, ModelId, Placement, Tier, TokenClass, nearest, or_list,
    },
    units::Rate,
    warning::Warning,
};

/// Days after which the book is called old: prices of this family changed several times a year.
const STALE_AFTER_DAYS: i64 = 90;

/// Where a fact was read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What the page or package is called.
    pub title: String,
    /// Where it stands.
    pub url: Option<String>,
    /// Day (or month) of the copy that was read.
    pub date: Option<String>,
    /// How far it is to be trusted.
    pub kind: Option<SourceKind>,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Google, or a copy of Google's page.
    Official,
    /// A maintained price database.
    PriceDatabase,
    /// Anyone else.
    ThirdParty,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Makes images through generateContent, billed by token.
    Image,
    /// Makes text.
    Text,
    /// Makes images, billed by image.
    Imagen,
    /// Makes speech or talks live.
    Audio,
    /// Makes video.
    Video,
    /// Makes embeddings.
    Embedding,
}

/// What does not change from day to day about a model.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// Its stable id.
    pub id: ModelId,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub kind: ModelKind,
    /// Nicknames and retired ids that mean this model.
    pub aliases: Vec<String>,
    /// Input classes it takes.
    pub inputs: Vec<TokenClass>,
    /// Output classes it makes.
    pub outputs: Vec<TokenClass>,
    /// Image sizes it makes.
    pub sizes: Vec<ImageSize>,
    /// Longest prompt, tokens.
    pub max_input_tokens: Option<u64>,
    /// Longest answer, tokens.
    pub max_output_tokens: Option<u64>,
    /// Most images in a prompt.
    pub max_input_images: Option<u32>,
    /// Family under which grounding is priced.
    pub grounding: Option<String>,
    /// Factor on all prices at locations other than `global`.
    pub non_global_factor: Option<Decimal>,
    /// First day of that factor.
    pub non_global_from: Option<Day>,
    /// Shortest prompt that is cached, tokens.
    pub cached_input_minimum_tokens: Option<u64>,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

impl ModelFacts {
    /// Its id and aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.0.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    /// The factor on its prices at an endpoint on a day.
    fn location_factor(&self, endpoint: &Endpoint, day: Day) -> Option<Decimal> {
        let location = endpoint.location()?;
        let begun = self.non_global_from.is_none_or(|from| from <= day);
        self.non_global_factor.filter(|_| begun && !location.is_global())
    }
}

/// How sure the end of a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndKind {
    /// Google names the day.
    Announced,
    /// Google says "or later".
    Earliest,
    /// Only a price database or a blog says so.
    Unconfirmed,
}

/// When and where a backend serves a model.
#[derive(Clone, Debug)]
pub struct Life {
    /// The model.
    pub model: ModelId,
    /// The backend.
    pub backend: Backend,
    /// First day with service, where known.
    pub launch: Option<Day>,
    /// First day without service, and how sure that is.
    pub end: Option<(Day, EndKind)>,
    /// What follows it.
    pub successor: Option<ModelId>,
    /// Vertex locations where it is known to be served; `us-*` stands for all regions of a kind.
    pub locations: Option<Vec<String>>,
    /// Day of the last check.
    pub checked: Day,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

impl Life {
    /// First day without service where Google announced it; other ends are only warnings.
    pub fn announced_end(&self) -> Option<Day> {
        self.end.filter(|(_, kind)| *kind == EndKind::Announced).map(|(day, _)| day)
    }

    /// Whether an endpoint's location is among the known ones; yes when none are known.
    pub fn serves(&self, endpoint: &Endpoint) -> bool {
        let (Some(known), Some(location)) = (&self.locations, endpoint.location()) else { return true };
        location.is_among(known)
    }
}

/// Another number that a source gives for one field of a row.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// The key it is another number for.
    pub field: String,
    /// That number.
    pub value: Rate,
    /// Key of the book's sources.
    pub source: Option<String>,
    /// Number of the disagreement in the book's notes.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What it is about.
    pub note: Option<String>,
}

impl Alternative {
    /// The classes its key prices, `None` when it is no price key.
    pub fn classes(&self) -> Option<Vec<TokenClass>> {
        let stem = self.field.strip_suffix("_usd_per_mtok");
        if matches!(self.field.as_str(), "cache_storage_usd_per_mtok_hour" | "usd_per_image") {
            return Some(Vec::new());
        }
        let all = |prefix: &str| {
            TokenClass::ALL.iter().copied().filter(|class| class.as_str().starts_with(prefix)).collect()
        };
        match stem? {
            "input" => Some(all("input_")),
            "cached_input" => Some(all("cached_input_")),
            "output" => Some(vec![TokenClass::OutputText, TokenClass::OutputThinking]),
            class => class.parse().ok().map(|class| vec![class]),
        }
    }
}

/// One dated price row.
#[derive(Clone, Debug)]
pub struct PriceRow {
    /// The model.
    pub model: ModelId,
    /// The backend.
    pub backend: Backend,
    /// The tier.
    pub tier: Tier,
    /// First day; `None` = back to launch.
    pub from: Option<Day>,
    /// Last day; `None` = open.
    pub until: Option<Day>,
    /// The row holds for prompts longer than this, for all tokens of the request.
    pub above_prompt_tokens: Option<u64>,
    /// US dollars per million tokens, at the global location.
    pub rates: ByClass<Option<Rate>>,
    /// US dollars per million tokens and hour of cache storage.
    pub cache_storage: Option<Rate>,
    /// US dollars per image.
    pub per_image: Option<Rate>,
    /// Day of the last check.
    pub checked: Day,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Image sizes that this tier makes, where it makes fewer than the model; empty = all.
    pub sizes: Vec<ImageSize>,
    /// What other sources say.
    pub alternatives: Vec<Alternative>,
    /// Remark.
    pub note: Option<String>,
    /// Printed somewhere, or derived.
    pub grade: Grade,
    /// File it stands in.
    pub file: String,
    /// Line it starts on.
    pub line: usize,
    /// 0 for the shipped book, higher for overlays.
    pub layer: u32,
}

impl PriceRow {
    fn holds_on(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Same model, backend, tier and prompt range on at least one common day.
    pub(super) fn contradicts(&self, other: &PriceRow) -> bool {
        self.model == other.model
            && self.backend == other.backend
            && self.tier == other.tier
            && self.above_prompt_tokens == other.above_prompt_tokens
            && share_a_day((self.from, self.until), (other.from, other.until))
    }
}

/// What search grounding costs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grounding {
    /// Family that shares it.
    pub family: String,
    /// First day or "unknown".
    pub from: String,
    /// Day of the last check.
    pub checked: Day,
    /// Free units a month.
    pub free_per_month: Option<u64>,
    /// Free units a day.
    pub free_per_day: Option<u64>,
    /// Beyond the free ones.
    pub usd_per_thousand: Rate,
    /// What is counted.
    pub unit: String,
    /// Keys of the book's sources.
    pub source: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// Prices, model life and their sources, as of the day it was checked.
#[derive(Clone, Debug)]
pub struct PriceBook {
    /// Day the book was put together.
    pub checked: Day,
    /// Where facts were read, by key.
    pub sources: BTreeMap<String, Source>,
    /// Models.
    pub models: Vec<ModelFacts>,
    /// Their life on each backend.
    pub life: Vec<Life>,
    /// Price rows.
    pub rows: Vec<PriceRow>,
    /// Grounding.
    pub grounding: Vec<Grounding>,
}

/// A model name made definite.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The stable id.
    pub id: ModelId,
    /// The name that was given, when it was an alias.
    pub alias: Option<String>,
}

/// Why there is no price.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// No such model.
    #[error("unknown model `{found}`{}", near.as_ref().map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_else(|| "; `burndown prices list` shows the known ones".into()))]
    UnknownModel {
        /// What was asked for.
        found: String,
        /// A near name.
        near: Option<String>,
    },
    /// The backend has no row at all for the model.
    #[error("{model} has no prices on {backend}, expected {}", or_list(offered))]
    NotServed {
        /// The model.
        model: ModelId,
        /// The backend.
        backend: Backend,
        /// Backends that have it.
        offered: Vec<String>,
    },
    /// The tier is not offered.
    #[error("{model} on {backend} is not offered on tier `{tier}`, expected {}", or_list(offered))]
    NotOffered {
        /// The model.
        model: ModelId,
        /// The backend.
        backend: Backend,
        /// The tier.
        tier: Tier,
        /// Tiers with prices.
        offered: Vec<String>,
    },
    /// Rows exist, but not for this day.
    #[error("no price of {placement} is known on {day}; the book's rows start on {first} ")]
    NoRowOn {
        /// Who would serve.
        placement: Placement,
        /// The day.
        day: Day,
        /// First day with a row.
        first: Day,
    },
}

/// What a placement costs on a day, for prompts of any length.
#[derive(Clone, Debug)]
pub struct Tariff<'a> {
    /// Who serves.
    pub placement: Placement,
    /// The day.
    pub day: Day,
    /// The rows that hold on that day; of those that a prompt reaches the last one counts.
    rows: Vec<&'a PriceRow>,
    /// First day with a row.
    first: Day,
    /// Factor of a non-global location, when one applies.
    factor: Option<Decimal>,
    /// A thousand searches beyond the free ones, where they have a price.
    pub(super) searches: Option<Rate>,
}

impl<'a> Tariff<'a> {
    /// The prices of a request of so many prompt tokens.
    ///
    /// Of the rows that hold the one with the highest threshold below the prompt's length counts; it prices all
    /// tokens of the request.
    ///
    /// # Errors
    ///
    /// When no row of the day holds for that length.
    pub fn prices(&self, prompt_tokens: u64) -> Result<Prices<'a>, PriceError> {
        let reached = |row: &&&PriceRow| row.above_prompt_tokens.is_none_or(|floor| prompt_tokens > floor);
        match self.rows.iter().rev().find(reached) {
            Some(row) => Ok(Prices { row, factor: self.factor }),
            None => Err(PriceError::NoRowOn {
                placement: self.placement.clone(),
                day: self.day,
                first: self.first,
            }),
        }
    }
}

/// The prices of one request: a row and the factor of its location.
#[derive(Clone, Copy, Debug)]
pub struct Prices<'a> {
    /// The row.
    pub row: &'a PriceRow,
    /// Factor of a non-global location, when one applies.
    pub factor: Option<Decimal>,
}

impl Prices<'_> {
    /// US dollars per million tokens of a class; `None` when the book has no price.
    pub fn rate(&self, class: TokenClass) -> Option<Rate> {
        self.row.rates[class].map(|rate| self.located(rate))
    }

    /// A rate of the row with the location's factor.
    pub fn located(&self, rate: Rate) -> Rate {
        self.factor.map_or(rate, |factor| rate.times(factor))
    }
}
