//! From the tables of a price book to one that makes sense.

use super::*;

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
