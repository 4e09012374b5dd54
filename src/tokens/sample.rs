//! The answers an expectation rests on, as tokens of one request.

use super::{
    expect::{contradicts, count_of, own_cell},
    profile::{RequestKind, TokenProfile},
};
use crate::model::{Shape, TokenClass};

/// Tokens of a class in each answer that [`crate::tokens::expect`] rests on, unsorted; `None` where a rule or a
/// range stands for them.
///
/// A small cell's mean may be drawn toward other kinds of request; its answers are as they were seen.
pub fn sampled_tokens(profile: &TokenProfile, shape: &Shape, class: TokenClass) -> Option<Vec<f64>> {
    let kind = RequestKind::of(shape.input_images.len());
    let own = own_cell(profile, shape).filter(|_| profile.output_image.is_some());
    match class {
        TokenClass::OutputText if shape.output_text.is_exact() => {
            let asked = shape.output_text.mean();
            Some(own?.answers.iter().map(|answer| asked + answer.text as f64).collect())
        }
        TokenClass::OutputThinking => {
            Some(own?.answers.iter().map(|answer| answer.thinking as f64).collect())
        }
        TokenClass::OutputImage => {
            let per_image = *profile.output_image.as_ref()?.tokens.get(&shape.output_size)? as f64;
            let cell = profile.cell(kind).filter(|cell| contradicts(cell, count_of(profile, shape)))?;
            Some(cell.answers.iter().map(|answer| answer.images as f64 * per_image).collect())
        }
        TokenClass::InputImage => {
            let seen = &profile.input_image.as_ref()?.off_rule;
            let images = shape.input_images.len() as f64;
            let counts = !seen.is_empty() && images > 0.0;
            counts.then(|| seen.iter().map(|tokens| tokens * images).collect())
        }
        _ => None,
    }
}

/// Output tokens of each whole answer of the request's kind: images at the size asked for, text and thinking.
/// `None` where none was seen or the model makes no such image.
pub fn whole_answers(profile: &TokenProfile, shape: &Shape) -> Option<Vec<f64>> {
    let per_image = *profile.output_image.as_ref()?.tokens.get(&shape.output_size)?;
    let cell = profile.cell(RequestKind::of(shape.input_images.len()))?;
    let answers = cell.answers.iter();
    let tokens = answers.map(|answer| (answer.images * per_image + answer.text + answer.thinking) as f64);
    Some(tokens.map(|tokens| tokens + shape.output_text.mean()).collect())
}
