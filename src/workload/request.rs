//! What one request is made of: prompt, pictures, answer.

use super::{
    file::{RawRoute, TITLE, sizes_in_words},
    resolve::Resolver,
};
use crate::{
    diagnostics::{BadFile, Spanned},
    model::{ImageSize, ModelId, Pixels, Shape, or_list},
    units::{Range, Share},
};

/// Characters of English text per token; other scripts take a token for one to two characters.
///
/// Source: Google's token page ("about 4 characters"); the width around it is assumed.
const ASCII_CHARACTERS_PER_TOKEN: f64 = 4.0;
const OTHER_CHARACTERS_PER_TOKEN: f64 = 1.5;
const PROMPT_WIDTH: f64 = 0.3;

impl Resolver<'_> {
    pub(super) fn shape(
        &mut self,
        raw: &RawRoute,
        span: &std::ops::Range<usize>,
        route: &str,
        model: &ModelId,
        makes_images: bool,
    ) -> Result<Shape, BadFile> {
        let prompt_text = self.prompt(raw, span, route)?;
        let input_images = self.input_images(raw, model)?;
        let output_size = match &raw.output_size {
            Some(size) => {
                self.size_is_made(size, model)?;
                *size.as_ref()
            }
            None => {
                if makes_images {
                    self.assume(Some(route), "output_size", "1K");
                }
                ImageSize::OneK
            }
        };
        if raw.output_text_tokens.is_none() && !makes_images {
            let hint =
                "text models are paid by the length of their answers: output_text_tokens = [p5, likely, p95]";
            let found = "this route has no `output_text_tokens`";
            return Err(self.source.complaint(span.clone(), TITLE, found, Some(hint)));
        }
        if let Some(tokens) = &raw.output_text_tokens
            && tokens.as_ref().p95 == 0.0
            && !makes_images
        {
            return Err(self.fail(tokens.span(), "an answer of a text model has at least 1 token"));
        }
        if raw.thinking_level.is_none() {
            self.assume(Some(route), "thinking_level", "the API's own");
        }
        if raw.media_resolution.is_none() && !input_images.is_empty() {
            self.assume(Some(route), "media_resolution", "the API's own");
        }
        Ok(Shape {
            prompt_text,
            input_images,
            output_size,
            output_text: raw.output_text_tokens.as_ref().map_or(Range::exact(0.0), |tokens| *tokens.as_ref()),
            thinking_level: raw.thinking_level,
            media_resolution: raw.media_resolution,
            cached_share: raw.cached_share.unwrap_or(Share::NONE),
        })
    }

    fn prompt(
        &mut self,
        raw: &RawRoute,
        span: &std::ops::Range<usize>,
        route: &str,
    ) -> Result<Range, BadFile> {
        let given = [raw.prompt.is_some(), raw.prompt_file.is_some(), raw.prompt_tokens.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            let found = "expected exactly one of `prompt`, `prompt_file` and `prompt_tokens`";
            return Err(self.fail(span.clone(), found));
        }
        if let Some(tokens) = &raw.prompt_tokens {
            if tokens.as_ref().p95 == 0.0 {
                return Err(self.fail(tokens.span(), "a prompt has at least 1 token"));
            }
            return Ok(*tokens.as_ref());
        }
        let text = match (&raw.prompt, &raw.prompt_file) {
            (Some(prompt), _) => prompt.as_ref().clone(),
            (None, Some(file)) => match self.outside.prompts.get(file.as_ref()) {
                Some(Ok(text)) => text.clone(),
                Some(Err(problem)) => return Err(self.fail(file.span(), problem)),
                None => return Err(self.fail(file.span(), "this file was not read")),
            },
            (None, None) => unreachable!("one of three is given"),
        };
        if text.trim().is_empty() {
            let place = raw.prompt.as_ref().or(raw.prompt_file.as_ref()).map_or(span.clone(), Spanned::span);
            return Err(self.fail(place, "the prompt is empty"));
        }
        let tokens = tokens_of_text(&text);
        self.assume(
            Some(route),
            "prompt_tokens",
            format!(
                "{tokens:.0} ± {:.0} % (from the prompt's {} characters)",
                PROMPT_WIDTH * 100.0,
                text.chars().count()
            ),
        );
        Ok(Range::around(tokens, PROMPT_WIDTH))
    }

    fn input_images(&self, raw: &RawRoute, model: &ModelId) -> Result<Vec<Vec<Pixels>>, BadFile> {
        let mut images = Vec::new();
        for entry in raw.input_images.iter().flatten() {
            if let Some(sizes) = sizes_in_words(entry.as_ref()) {
                images.push(sizes);
                continue;
            }
            match self.outside.images.get(entry.as_ref()) {
                Some(Ok(sizes)) if !sizes.is_empty() => images.push(sizes.clone()),
                Some(Err(problem)) => return Err(self.fail(entry.span(), problem)),
                _ => {
                    let found = "expected a pixel size such as `1408x768`, an image file, or a pattern that matches some";
                    return Err(self.fail(entry.span(), found));
                }
            }
        }
        let max = self.book.facts(model).and_then(|facts| facts.max_input_images);
        if let (Some(max), Some(list)) = (max, &raw.input_images)
            && images.len() > max as usize
        {
            let found = format!("{model} takes at most {max} input images, found {}", images.len());
            return Err(self.fail(list[max as usize].span(), &found));
        }
        Ok(images)
    }

    fn size_is_made(&self, size: &Spanned<ImageSize>, model: &ModelId) -> Result<(), BadFile> {
        let made = self.book.facts(model).map(|facts| facts.sizes.as_slice()).unwrap_or_default();
        if made.contains(size.as_ref()) {
            return Ok(());
        }
        let names: Vec<&str> = made.iter().map(|size| size.as_str()).collect();
        let found = match names.as_slice() {
            [] => format!("{model} makes no images"),
            names => format!("{model} makes no {} images, expected {}", size.as_ref(), or_list(names)),
        };
        Err(self.fail(size.span(), &found))
    }
}

/// Tokens of a prompt by its characters, at least 1.
fn tokens_of_text(text: &str) -> f64 {
    let ascii = text.chars().filter(char::is_ascii).count() as f64;
    let other = text.chars().count() as f64 - ascii;
    (ascii / ASCII_CHARACTERS_PER_TOKEN + other / OTHER_CHARACTERS_PER_TOKEN).ceil().max(1.0)
}
