//! From the tables of a token profile to one that makes sense.

use super::*;

impl TokenProfile {
    /// Reads a token profile.
    ///
    /// # Errors
    ///
    /// When the text is no such profile, a table names an unknown source, is measured without a number of
    /// answers, or is assumed without a reason; the message shows the place.
    pub fn parse(source: &SourceText) -> Result<TokenProfile, BadFile> {
        let raw: RawProfile =
            toml::from_str(&source.text).map_err(|error| source.toml_complaint(TITLE, &error))?;
        if raw.schema.as_ref() != SCHEMA {
            let found = format!("expected `{SCHEMA}`");
            return Err(source.complaint(raw.schema.span(), TITLE, &found, None));
        }
        let sources = raw.sources;
        // Each table with what is wrong with it.
        let tables = [
            raw.input_image.as_ref().map(|t| (t.span(), t.as_ref().evidence(), input_problem(t.as_ref()))),
            raw.output_image.as_ref().map(|t| (t.span(), t.as_ref().evidence(), output_problem(t.as_ref()))),
            raw.images_per_answer
                .as_ref()
                .map(|t| (t.span(), t.as_ref().evidence(), images_problem(t.as_ref()))),
            raw.output_text.as_ref().map(|t| (t.span(), t.as_ref().evidence(), None)),
            raw.output_thinking.as_ref().map(|t| (t.span(), t.as_ref().evidence(), None)),
        ];
        for (span, evidence, own) in tables.into_iter().flatten() {
            if let Some(found) = problem(&sources, &evidence).or(own.map(str::to_string)) {
                return Err(source.complaint(span, TITLE, &found, None));
            }
        }
        let mut cells: Vec<Cell> = Vec::new();
        for cell in raw.cells {
            let span = cell.span();
            let cell = cell.into_inner();
            if let Some(found) = cell_problem(&cell, &cells, &sources) {
                return Err(source.complaint(span, TITLE, &found, None));
            }
            cells.push(cell);
        }
        for behaviour in &raw.behaviours {
            let known = |key: &String| sources.contains_key(key);
            if !behaviour.as_ref().source.iter().all(known) || behaviour.as_ref().source.is_empty() {
                let found = "a behaviour names its source from [sources]";
                return Err(source.complaint(behaviour.span(), TITLE, found, None));
            }
        }
        Ok(TokenProfile {
            behaviours: raw.behaviours.into_iter().map(Spanned::into_inner).collect(),
            cells,
            model: raw.model,
            backend: raw.backend,
            checked: raw.checked,
            input_image: raw.input_image.map(Spanned::into_inner),
            output_image: raw.output_image.map(Spanned::into_inner),
            images_per_answer: raw.images_per_answer.map(Spanned::into_inner),
            output_text: raw.output_text.map(Spanned::into_inner),
            output_thinking: raw.output_thinking.map(Spanned::into_inner),
            sources,
        })
    }

    /// The cell of a kind of request, where answers were seen.
    pub fn cell(&self, kind: RequestKind) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.kind == kind)
    }

    /// The known unknowns of this profile: name of the switch, what speaks for the other reading, and the
    /// profile as it would be then.
    pub fn alternatives(&self) -> Vec<(String, String, TokenProfile)> {
        let mut list = Vec::new();
        for other in self.input_image.iter().flat_map(|image| &image.alternatives) {
            let mut profile = self.clone();
            if let Some(image) = &mut profile.input_image {
                image.rule = other.rule;
                image.off_rule = Vec::new();
            }
            list.push((other.switch.clone(), other.note.clone(), profile));
        }
        for other in self.output_image.iter().flat_map(|image| &image.alternatives) {
            let mut profile = self.clone();
            if let Some(image) = &mut profile.output_image {
                image.tokens.extend(other.tokens.clone());
            }
            list.push((other.switch.clone(), other.note.clone(), profile));
        }
        for other in self.images_per_answer.iter().flat_map(|images| &images.alternatives) {
            let mut profile = self.clone();
            if let Some(images) = &mut profile.images_per_answer {
                images.text_to_image = other.text_to_image.unwrap_or(images.text_to_image);
                images.edit = other.edit.unwrap_or(images.edit);
            }
            // What answers showed stands against this reading; under it, the reading counts.
            for cell in &mut profile.cells {
                let count = match (&profile.images_per_answer, cell.kind) {
                    (Some(images), RequestKind::TextToImage) => images.text_to_image,
                    (Some(images), _) => images.edit,
                    (None, _) => Range::exact(1.0),
                };
                cell.answers.iter_mut().for_each(|answer| answer.images = count.likely.round() as u64);
            }
            list.push((other.switch.clone(), other.note.clone(), profile));
        }
        list
    }
}

fn input_problem(image: &InputImage) -> Option<&'static str> {
    if !image.off_rule.iter().all(|tokens| (1.0..=1e6).contains(tokens)) {
        return Some("off_rule holds tokens per image, 1 to 1,000,000 each");
    }
    let others = image.by_resolution.values().chain(image.alternatives.iter().map(|other| &other.rule));
    others.chain([&image.rule]).find_map(ImageRule::problem)
}

fn output_problem(image: &OutputImage) -> Option<&'static str> {
    let believable = image.tokens.values().all(|tokens| (1..=1_000_000).contains(tokens));
    (!believable).then_some("an image of the answer takes 1 to 1,000,000 tokens")
}

fn images_problem(images: &ImagesPerAnswer) -> Option<&'static str> {
    let believable = |count: Range| count.p05 >= 1.0 && count.p95 <= 100.0;
    let all = believable(images.text_to_image) && believable(images.edit);
    (!all).then_some("an answer holds 1 to 100 images")
}

fn cell_problem(cell: &Cell, others: &[Cell], sources: &BTreeMap<String, Source>) -> Option<String> {
    if cell.answers.is_empty() {
        return Some("a cell without answers says nothing; leave it away".into());
    }
    if others.iter().any(|other| other.kind == cell.kind) {
        return Some(format!("a second cell for {}", cell.kind.as_str()));
    }
    if cell.source.is_empty() {
        return Some("this cell has no source".into());
    }
    if let Some(key) = cell.source.iter().find(|key| !sources.contains_key(*key)) {
        return Some(format!("source `{key}` is not in [sources]"));
    }
    let seconds = cell.latency_seconds.iter().all(|seconds| (0.0..1e6).contains(seconds));
    (!seconds).then(|| "latency_seconds lie between 0 and 1,000,000".into())
}

fn problem(sources: &BTreeMap<String, Source>, evidence: &Evidence) -> Option<String> {
    if evidence.source.is_empty() {
        return Some("this table has no source".into());
    }
    if let Some(key) = evidence.source.iter().find(|key| !sources.contains_key(*key)) {
        return Some(format!("source `{key}` is not in [sources]"));
    }
    match evidence.grade {
        Grade::Measured if evidence.n.is_none() => Some("measured, but of how many answers? add `n`".into()),
        Grade::Assumed if evidence.note.is_none() => Some("assumed, but why? add `note`".into()),
        _ => None,
    }
}
