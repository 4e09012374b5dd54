//! How far the mean tokens of a request may be off, as draws: what the month's simulation is fed with.

use rand_distr::{Distribution, StandardNormal};

use super::{
    expect::{ClassTokens, borrowed, contradicts, count_of, own_cell},
    profile::{Answer, RequestKind, TokenProfile},
};
use crate::{
    model::{ByClass, Shape, TokenClass},
    stats::{LogNormal, Sample, draw_category_probabilities, generator},
};

/// What is not known of the mean tokens of one kind of request on one placement.
#[derive(Clone, Debug)]
pub struct TokenDoubt {
    /// Who errs together: equal names draw equal numbers.
    name: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// A class whose mean has a standard error: log-normal around 1.
    Law { class: TokenClass, law: LogNormal },
    /// Text and thinking of a cell's answers, drawn together.
    Cell { sample: Sample, cap: Vec<f64>, scale: [f64; 2], mean: [f64; 2], asked_text: f64 },
    /// How many images an answer counts.
    Images { counts: Vec<f64>, seen: Vec<u64>, mean: f64 },
}

const CELL_CLASSES: [TokenClass; 2] = [TokenClass::OutputText, TokenClass::OutputThinking];

impl TokenDoubt {
    /// From the profile and what is expected of it. Routes with the same `name` (one model on one backend)
    /// err in the same direction.
    pub fn of(
        name: &str,
        profile: &TokenProfile,
        shape: &Shape,
        expected: &ByClass<Option<ClassTokens>>,
    ) -> TokenDoubt {
        let mut parts = Vec::new();
        let mut covered: Vec<TokenClass> = Vec::new();
        if let Some(cell) = own_cell(profile, shape).filter(|_| shape.output_text.is_exact()) {
            let rows: Vec<Vec<f64>> =
                cell.answers.iter().map(|answer| vec![answer.text as f64, answer.thinking as f64]).collect();
            if let Ok(sample) = Sample::new(&rows) {
                let scale = [
                    borrowed(profile, cell, &|answer: &Answer| answer.text as f64),
                    borrowed(profile, cell, &|answer: &Answer| answer.thinking as f64),
                ];
                let mean = CELL_CLASSES.map(|class| mean_of(expected, class));
                let cap = sample.cap(&[None, None]);
                parts.push(Part::Cell { sample, cap, scale, mean, asked_text: shape.output_text.mean() });
                covered.extend(CELL_CLASSES);
            }
        }
        let kind = RequestKind::of(shape.input_images.len());
        let rule = count_of(profile, shape);
        if let Some(cell) = profile.cell(kind).filter(|cell| contradicts(cell, rule)) {
            let mut counts: Vec<u64> = cell.answers.iter().map(|answer| answer.images).chain([1]).collect();
            counts.sort();
            counts.dedup();
            let times = |count: &u64| cell.answers.iter().filter(|a| a.images == *count).count() as u64;
            let seen: Vec<u64> = counts.iter().map(times).collect();
            let counts: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
            let shares = crate::stats::category_probabilities(&seen);
            let mean = counts.iter().zip(shares).map(|(count, share)| count * share).sum();
            parts.push(Part::Images { counts, seen, mean });
            covered.push(TokenClass::OutputImage);
        }
        for class in TokenClass::ALL.iter().copied().filter(|class| !covered.contains(class)) {
            let (mean, error) = (mean_of(expected, class), error_of(expected, class));
            if mean > 0.0 && error > 0.0 {
                parts.push(Part::Law { class, law: LogNormal::new(1.0, error / mean) });
            }
        }
        TokenDoubt { name: format!("{name} {}", kind.as_str()), parts }
    }

    /// Who errs together.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By class, how far the atoms at the caps lift the mean of the draws above the expected mean, as a share
    /// of it.
    pub fn lift(&self) -> ByClass<f64> {
        let mut lift = ByClass::default();
        for part in &self.parts {
            let Part::Cell { sample, cap, scale, mean, asked_text } = part else { continue };
            let posterior = sample.posterior_mean_with_cap(cap).mean;
            for (at, class) in CELL_CLASSES.into_iter().enumerate().filter(|(at, _)| mean[*at] > 0.0) {
                let asked = if class == TokenClass::OutputText { *asked_text } else { 0.0 };
                lift[class] = (asked + posterior[at] * scale[at]) / mean[at] - 1.0;
            }
        }
        lift
    }

    /// One draw: by class the factor on its expected mean, 1 where nothing is in doubt. The cached part of a
    /// class moves with it; `cap_weight` is that of the extra row at the cap, in answers. Same seed and number,
    /// same factors.
    pub fn draw(&self, seed: u64, number: u64, cap_weight: f64) -> ByClass<f64> {
        let mut factors = ByClass::from_fn(|_| 1.0);
        for part in &self.parts {
            match part {
                Part::Law { class, law } => {
                    let mut random = generator(seed ^ hash(&format!("{} {class}", self.name)), number);
                    factors[*class] = law.at_score(StandardNormal.sample(&mut random));
                }
                Part::Cell { sample, cap, scale, mean, asked_text } => {
                    let mut random = generator(seed ^ hash(&format!("{} cell", self.name)), number);
                    let drawn = sample.draw_mean_weighted(cap, cap_weight, &mut random);
                    for (at, class) in CELL_CLASSES.into_iter().enumerate() {
                        let asked = if class == TokenClass::OutputText { *asked_text } else { 0.0 };
                        if mean[at] > 0.0 {
                            factors[class] = (asked + drawn[at] * scale[at]) / mean[at];
                        }
                    }
                }
                Part::Images { counts, seen, mean } => {
                    let mut random = generator(seed ^ hash(&format!("{} images", self.name)), number);
                    let shares = draw_category_probabilities(seen, &mut random);
                    let drawn: f64 = counts.iter().zip(shares).map(|(count, share)| count * share).sum();
                    factors[TokenClass::OutputImage] = drawn / mean;
                }
            }
        }
        for class in TokenClass::ALL.iter().copied() {
            if let Some(cached) = class.cached() {
                factors[cached] = factors[class];
            }
        }
        factors
    }
}

/// Expected tokens of a class, its cached part included.
fn mean_of(expected: &ByClass<Option<ClassTokens>>, class: TokenClass) -> f64 {
    with_cached(expected, class).map(|tokens| tokens.mean).sum()
}

fn error_of(expected: &ByClass<Option<ClassTokens>>, class: TokenClass) -> f64 {
    with_cached(expected, class).map(|tokens| tokens.standard_error).sum()
}

fn with_cached(
    expected: &ByClass<Option<ClassTokens>>,
    class: TokenClass,
) -> impl Iterator<Item = &ClassTokens> {
    let cached = class.cached().and_then(|cached| expected[cached].as_ref());
    expected[class].iter().chain(cached)
}

/// FNV-1a, so that a name gives the same stream on every machine.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
