//! The file format of the price book: what TOML holds, checked into [`PriceBook`].

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

impl PriceBook {
    /// Reads a price book.
    ///
    /// # Errors
    ///
    /// When the text is no such book, names an unknown source or model, or holds rows that contradict
    /// each other; the message shows the place.
    pub fn parse(source: &SourceText) -> Result<PriceBook, BadFile> {
        let raw: RawBook =
            toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
        if raw.schema.as_ref() != SCHEMA {
            let found = format!("expected `{SCHEMA}`");
            return Err(source.complaint(raw.schema.span(), TITLE, &found, None));
        }
        if raw.currency.as_ref() != "USD" {
            return Err(source.complaint(raw.currency.span(), TITLE, "prices are in USD", None));
        }
        let mut book = PriceBook {
            checked: raw.checked,
            sources: raw.sources,
            models: Vec::new(),
            life: Vec::new(),
            rows: Vec::new(),
            grounding: Vec::new(),
        };
        let checker = Checker { source };
        for model in raw.model {
            let span = model.span();
            let facts = model_facts(model.into_inner());
            checker.sources_known(&book, &facts.source, &span)?;
            checker.names_unique(&book, &facts, &span)?;
            book.models.push(facts);
        }
        for life in raw.life {
            let span = life.span();
            let life = checker.life(&book, life.into_inner(), &span)?;
            book.life.push(life);
        }
        for price in raw.price {
            let span = price.span();
            let row = checker.row(&book, price.into_inner(), &span)?;
            book.rows.push(row);
        }
        for grounding in raw.grounding {
            let span = grounding.span();
            let grounding = grounding.into_inner();
            checker.sources_known(&book, &grounding.source, &span)?;
            book.grounding.push(grounding);
        }
        Ok(book)
    }
}

fn model_facts(raw: RawModel) -> ModelFacts {
    ModelFacts {
        id: raw.id,
        name: raw.name,
        kind: raw.kind,
        aliases: raw.aliases,
        inputs: raw.inputs.iter().filter_map(|modality| input_class(*modality)).collect(),
        outputs: raw.outputs.iter().filter_map(|modality| output_class(*modality)).collect(),
        sizes: raw.sizes,
        max_input_tokens: raw.max_input_tokens,
        max_output_tokens: raw.max_output_tokens,
        max_input_images: raw.max_input_images,
        grounding: raw.grounding,
        non_global_factor: raw.non_global_factor.map(Factor::value),
        non_global_from: raw.non_global_from,
        cached_input_minimum_tokens: raw.cached_input_minimum_tokens,
        source: raw.source,
        note: raw.note,
    }
}

fn input_class(modality: Modality) -> Option<TokenClass> {
    match modality {
        Modality::Text => Some(TokenClass::InputText),
        Modality::Image => Some(TokenClass::InputImage),
        Modality::Video => Some(TokenClass::InputVideo),
        Modality::Audio => Some(TokenClass::InputAudio),
        Modality::Document => Some(TokenClass::InputDocument),
        Modality::Thinking => None,
    }
}

fn output_class(modality: Modality) -> Option<TokenClass> {
    match modality {
        Modality::Text => Some(TokenClass::OutputText),
        Modality::Thinking => Some(TokenClass::OutputThinking),
        Modality::Image => Some(TokenClass::OutputImage),
        Modality::Video => Some(TokenClass::OutputVideo),
        Modality::Audio => Some(TokenClass::OutputAudio),
        Modality::Document => None,
    }
}

/// The checks that need to say where in the file.
struct Checker<'a> {
    source: &'a SourceText,
}

type Span = std::ops::Range<usize>;

impl Checker<'_> {
    fn fail(&self, span: &Span, found: String, hint: Option<&str>) -> BadFile {
        self.source.complaint(span.clone(), TITLE, &found, hint)
    }

    fn sources_known(&self, book: &PriceBook, keys: &[String], span: &Span) -> Result<(), BadFile> {
        if keys.is_empty() {
            let hint = "every fact names where it was read: source = [\"…\"]";
            return Err(self.fail(span, "this row has no source".into(), Some(hint)));
        }
        for key in keys {
            if !book.sources.contains_key(key) {
                let near = nearest(key, book.sources.keys().map(String::as_str));
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let found = format!("source `{key}` is not in [sources]");
                return Err(self.fail(span, found, hint.as_deref()));
            }
        }
        Ok(())
    }

    fn names_unique(&self, book: &PriceBook, facts: &ModelFacts, span: &Span) -> Result<(), BadFile> {
        for name in facts.names() {
            if let Some(other) = book.models.iter().find(|model| model.names().any(|taken| taken == name)) {
                let found = format!("`{name}` already names {}", other.id);
                return Err(self.fail(span, found, None));
            }
        }
        Ok(())
    }

    fn model_known(&self, book: &PriceBook, id: &ModelId, span: &Span) -> Result<(), BadFile> {
        if book.facts(id).is_some() {
            return Ok(());
        }
        let near = nearest(&id.0, book.models.iter().map(|model| model.id.0.as_str()));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        Err(self.fail(span, format!("model `{id}` has no [[model]] entry"), hint.as_deref()))
    }

    fn life(&self, book: &PriceBook, raw: RawLife, span: &Span) -> Result<Life, BadFile> {
        self.model_known(book, &raw.model, span)?;
        self.sources_known(book, &raw.source, span)?;
        if let Some(successor) = &raw.successor {
            self.model_known(book, successor, span)?;
        }
        if let (Some(launch), Some(end)) = (raw.launch, raw.end)
            && end < launch
        {
            return Err(self.fail(span, format!("ends on {end}, before its launch on {launch}"), None));
        }
        if raw.end.is_some() != raw.end_is.is_some() {
            return Err(self.fail(span, "`end` and `end_is` go together".into(), None));
        }
        if book.life(&raw.model, raw.backend).is_some() {
            let found = format!("a second life of {} on {}", raw.model, raw.backend);
            return Err(self.fail(span, found, None));
        }
        Ok(Life {
            model: raw.model,
            backend: raw.backend,
            launch: raw.launch,
            end: raw.end.zip(raw.end_is),
            successor: raw.successor,
            locations: raw.locations,
            checked: raw.checked,
            source: raw.source,
            note: raw.note,
        })
    }

    fn row(&self, book: &PriceBook, raw: RawPrice, span: &Span) -> Result<PriceRow, BadFile> {
        self.model_known(book, &raw.model, span)?;
        self.sources_known(book, &raw.source, span)?;
        if raw.tier == Tier::Provisioned {
            let found = "provisioned throughput is priced by the hour, in the capacity book".to_string();
            return Err(self.fail(span, found, None));
        }
        let facts = book.facts(&raw.model).expect("checked above");
        let row = PriceRow {
            rates: rates_of(&raw, facts),
            model: raw.model,
            backend: raw.backend,
            tier: raw.tier,
            from: raw.from.0,
            until: raw.until,
            above_prompt_tokens: raw.above_prompt_tokens,
            checked: raw.checked,
            source: raw.source,
            cache_storage: raw.cache_storage_usd_per_mtok_hour,
            per_image: raw.usd_per_image,
            sizes: raw.sizes,
            alternatives: raw.alternatives,
            note: raw.note,
            grade: raw.grade,
            file: self.source.name.clone(),
            line: self.source.line_of(span.start),
            layer: 0,
        };
        self.row_consistent(book, &row, span)?;
        Ok(row)
    }

    fn row_consistent(&self, book: &PriceBook, row: &PriceRow, span: &Span) -> Result<(), BadFile> {
        if row.rates.iter().all(|(_, rate)| rate.is_none()) && row.per_image.is_none() {
            return Err(self.fail(span, "this row has no price".into(), None));
        }
        if let (Some(from), Some(until)) = (row.from, row.until)
            && until < from
        {
            return Err(self.fail(span, format!("until {until} is before from {from}"), None));
        }
        if let Some(other) = book.rows.iter().find(|other| other.contradicts(row)) {
            let found = format!(
                "contradicts line {}: {} {} {} has two prices on the same day",
                other.line, row.model, row.backend, row.tier
            );
            let hint = "end the older row with `until` on the day before the newer one's `from`";
            return Err(self.fail(span, found, Some(hint)));
        }
        for alternative in &row.alternatives {
            if let Some(key) = &alternative.source
                && !book.sources.contains_key(key)
            {
                return Err(self.fail(span, format!("source `{key}` is not in [sources]"), None));
            }
            if alternative.classes().is_none() {
                let found = format!("an alternative for `{}`, which is no price key", alternative.field);
                return Err(self.fail(span, found, None));
            }
        }
        Ok(())
    }
}

/// Spreads the keys over the classes the model takes and makes.
///
/// Documents (PDF pages) are billed at the image rate and tool use at the text rate, unless the row
/// says otherwise; thinking costs what text output costs.
fn rates_of(raw: &RawPrice, facts: &ModelFacts) -> ByClass<Option<Rate>> {
    let takes = |class: TokenClass| facts.inputs.contains(&class);
    let input =
        |class: TokenClass, own: Option<Rate>| own.or(raw.input_usd_per_mtok.filter(|_| takes(class)));
    let cached =
        |class: TokenClass, own: Option<Rate>| own.or(raw.cached_input_usd_per_mtok.filter(|_| takes(class)));
    let text = input(TokenClass::InputText, raw.input_text_usd_per_mtok);
    let image = input(TokenClass::InputImage, raw.input_image_usd_per_mtok);
    let cached_image = cached(TokenClass::InputImage, raw.cached_input_image_usd_per_mtok);
    ByClass::from_fn(|class| match class {
        TokenClass::InputText | TokenClass::InputToolUse => text,
        TokenClass::InputImage => image,
        TokenClass::InputVideo => input(TokenClass::InputVideo, raw.input_video_usd_per_mtok),
        TokenClass::InputAudio => input(TokenClass::InputAudio, raw.input_audio_usd_per_mtok),
        TokenClass::InputDocument => raw.input_document_usd_per_mtok.or(image),
        TokenClass::CachedInputText => cached(TokenClass::InputText, raw.cached_input_text_usd_per_mtok),
        TokenClass::CachedInputImage => cached_image,
        TokenClass::CachedInputVideo => cached(TokenClass::InputVideo, raw.cached_input_video_usd_per_mtok),
        TokenClass::CachedInputAudio => cached(TokenClass::InputAudio, raw.cached_input_audio_usd_per_mtok),
        TokenClass::CachedInputDocument => raw.cached_input_document_usd_per_mtok.or(cached_image),
        TokenClass::OutputText => raw.output_text_usd_per_mtok.or(raw.output_usd_per_mtok),
        TokenClass::OutputThinking => raw.output_thinking_usd_per_mtok.or(raw.output_usd_per_mtok),
        TokenClass::OutputImage => raw.output_image_usd_per_mtok,
        TokenClass::OutputAudio => raw.output_audio_usd_per_mtok,
        TokenClass::OutputVideo => raw.output_video_usd_per_mtok,
    })
}

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
