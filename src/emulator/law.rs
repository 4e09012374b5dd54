//! By which law an answer's tokens fall, what is drawn from it, and what it takes on average.

use rand::{Rng, RngExt};
use serde::Serialize;

use super::{asked::Asked, behaviour::ModelBehaviour, call::Route};
use crate::{
    model::{Backend, ByClass, ImageSize, MediaResolution, TokenClass},
    prices::{ModelFacts, ModelKind},
    tokens::{Answer, RequestKind, TokenProfile},
    units::Range,
};

/// What one request takes on average by the emulator's own law; nothing is estimated here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// Mean tokens over all answers, blocked ones among them.
    pub tokens: ByClass<f64>,
    /// Mean tokens of an answer that is not blocked.
    pub answered: ByClass<f64>,
    /// Mean tokens of a blocked answer.
    pub blocked: ByClass<f64>,
    /// Share of requests that are blocked.
    pub blocked_share: f64,
}

/// Answers of a cell below which text and thinking come from the profile's ranges.
const ANSWERS_FOR_A_CELL: usize = 3;

/// What a text model writes when neither behaviour nor profile says; tokens.
const TEXT_ANSWER: [f64; 3] = [20.0, 150.0, 600.0];

/// The law of one request.
#[derive(Clone, Debug)]
pub(super) struct Law {
    /// Text of the prompt, tokens.
    pub prompt_text: u64,
    /// Pictures of the prompt, tokens.
    pub prompt_images: u64,
    /// Tokens of one picture of the answer; 0 on models that make none.
    pub per_image: u64,
    /// Size class of the answer's pictures.
    pub size: ImageSize,
    /// Share of requests that are blocked.
    pub blocked_share: f64,
    output: Output,
}

/// How the answer's counts fall.
#[derive(Clone, Debug)]
enum Output {
    /// Whole answers that were seen, each as likely as the others.
    Seen(Vec<Answer>),
    /// Each count by itself.
    Apart { images: Vec<(u64, f64)>, text: Range, thinking: Range },
}

impl Law {
    /// The law of a request; `None` when the profile has no tokens for a picture of the size.
    pub(super) fn of(
        route: &Route,
        facts: &ModelFacts,
        profile: Option<&TokenProfile>,
        own: Option<&ModelBehaviour>,
        asked: &Asked,
    ) -> Option<Law> {
        let makes_images = facts.kind == ModelKind::Image && !asked.wants_text_alone;
        let size = size_made(route, facts, own, asked);
        let per_image = match (makes_images, profile.and_then(|profile| profile.output_image.as_ref())) {
            (true, Some(table)) => *table.tokens.get(&size)?,
            (true, None) => return None,
            (false, _) => 0,
        };
        let extra = u64::from(route.backend() == Backend::Developer);
        let blocked_share =
            own.and_then(|own| own.blocked_share).unwrap_or_else(|| blocked_in(profile, asked));
        Some(Law {
            prompt_text: asked.text_tokens + asked.replayed_thoughts + extra,
            prompt_images: asked.images.iter().map(|image| image_tokens(profile, own, asked, *image)).sum(),
            per_image,
            size,
            blocked_share,
            output: output(profile, own, asked, makes_images),
        })
    }

    /// The means.
    pub(super) fn expected(&self) -> Expected {
        let mut blocked = ByClass::default();
        blocked[TokenClass::InputText] = self.prompt_text as f64;
        blocked[TokenClass::InputImage] = self.prompt_images as f64;
        let mut answered = blocked;
        let (images, text, thinking) = match &self.output {
            Output::Seen(answers) => {
                let mean = |of: fn(&Answer) -> u64| {
                    answers.iter().map(|answer| of(answer) as f64).sum::<f64>() / answers.len() as f64
                };
                (mean(|answer| answer.images), mean(|answer| answer.text), mean(|answer| answer.thinking))
            }
            Output::Apart { images, text, thinking } => {
                let weights: f64 = images.iter().map(|(_, weight)| weight).sum();
                let images =
                    images.iter().map(|(count, weight)| *count as f64 * weight).sum::<f64>() / weights;
                (images, Bent::of(*text).mean(), Bent::of(*thinking).mean())
            }
        };
        answered[TokenClass::OutputImage] = images * self.per_image as f64;
        answered[TokenClass::OutputText] = text;
        answered[TokenClass::OutputThinking] = thinking;
        // A blocked picture was thought about.
        blocked[TokenClass::OutputThinking] = thinking;
        let share = self.blocked_share;
        let tokens = ByClass::from_fn(|class| (1.0 - share) * answered[class] + share * blocked[class]);
        Expected { tokens, answered, blocked, blocked_share: share }
    }

    /// One answer's counts.
    pub(super) fn draw(&self, random: &mut impl Rng) -> Answer {
        match &self.output {
            Output::Seen(answers) => answers[random.random_range(0..answers.len())],
            Output::Apart { images, text, thinking } => Answer {
                images: weighted(images, random),
                text: Bent::of(*text).draw(random),
                thinking: Bent::of(*thinking).draw(random),
            },
        }
    }
}

/// The size a model makes: what was asked for where it listens, else 1K.
///
/// The stable gemini-3.1-flash-image on Vertex AI makes 1K whatever is asked for (js-genai 1682).
fn size_made(route: &Route, facts: &ModelFacts, own: Option<&ModelBehaviour>, asked: &Asked) -> ImageSize {
    let deaf = route.backend() == Backend::Vertex && facts.id.0 == "gemini-3.1-flash-image";
    let listens = own.and_then(|own| own.honours_image_size).unwrap_or(!deaf);
    let usual = if facts.sizes.contains(&ImageSize::OneK) || facts.sizes.is_empty() {
        ImageSize::OneK
    } else {
        facts.sizes[0]
    };
    asked.size.filter(|_| listens).unwrap_or(usual)
}

fn image_tokens(
    profile: Option<&TokenProfile>,
    own: Option<&ModelBehaviour>,
    asked: &Asked,
    (size, level): (crate::model::Pixels, Option<MediaResolution>),
) -> u64 {
    if let Some(tokens) = own.and_then(|own| own.input_image_tokens) {
        return tokens;
    }
    let Some(table) = profile.and_then(|profile| profile.input_image.as_ref()) else { return 258 };
    let rule = level.or(asked.resolution).and_then(|level| table.by_resolution.get(&level));
    rule.unwrap_or(&table.rule).tokens(size)
}

fn blocked_in(profile: Option<&TokenProfile>, asked: &Asked) -> f64 {
    let cell = profile.and_then(|profile| profile.cell(RequestKind::of(asked.images.len())));
    let Some(cell) = cell else { return 0.0 };
    cell.blocked as f64 / (cell.blocked + cell.answers.len() as u64).max(1) as f64
}

fn output(
    profile: Option<&TokenProfile>,
    own: Option<&ModelBehaviour>,
    asked: &Asked,
    makes_images: bool,
) -> Output {
    let cell = profile.and_then(|profile| profile.cell(RequestKind::of(asked.images.len())));
    let cell = cell.filter(|cell| !cell.answers.is_empty());
    let overridden = own.is_some_and(ModelBehaviour::changes_output);
    if let Some(cell) = cell.filter(|cell| cell.answers.len() >= ANSWERS_FOR_A_CELL)
        && makes_images
        && !overridden
        && asked.level.is_none()
    {
        return Output::Seen(cell.answers.clone());
    }
    let images = match (own.and_then(|own| own.images.clone()), cell) {
        _ if !makes_images => vec![(0, 1.0)],
        (Some(weights), _) => weights,
        (None, Some(cell)) => cell.answers.iter().map(|answer| (answer.images, 1.0)).collect(),
        (None, None) => {
            let table = profile.and_then(|profile| profile.images_per_answer.as_ref());
            let range =
                table.map(|table| if asked.images.is_empty() { table.text_to_image } else { table.edit });
            vec![(range.map_or(1, |range| range.likely.round() as u64), 1.0)]
        }
    };
    let text = own.and_then(|own| own.text).or_else(|| {
        let table = profile.and_then(|profile| profile.output_text.as_ref());
        table.map(|table| table.tokens)
    });
    let usual = if makes_images { [0.0; 3] } else { TEXT_ANSWER };
    let thinking = profile.and_then(|profile| profile.output_thinking.as_ref());
    let by_level =
        thinking.map(|table| asked.level.and_then(|level| table.at(level)).unwrap_or(table.default));
    Output::Apart {
        images,
        text: text.unwrap_or_else(|| Range::try_from(usual).expect("three numbers ascend")),
        thinking: own.and_then(|own| own.thinking).or(by_level).unwrap_or(Range::exact(0.0)),
    }
}

fn weighted(images: &[(u64, f64)], random: &mut impl Rng) -> u64 {
    let total: f64 = images.iter().map(|(_, weight)| weight).sum();
    let mut at = random.random::<f64>() * total;
    for (count, weight) in images {
        at -= weight;
        if at < 0.0 {
            return *count;
        }
    }
    images.last().map_or(1, |(count, _)| *count)
}

/// A range as a law: its quantiles joined by straight lines, the ends as steep as their neighbours.
struct Bent([(f64, f64); 5]);

impl Bent {
    fn of(range: Range) -> Bent {
        let Range { p05, likely, p95 } = range;
        let low = (p05 - (likely - p05) / 9.0).max(0.0);
        let high = p95 + (p95 - likely) / 9.0;
        Bent([(0.0, low), (0.05, p05), (0.5, likely), (0.95, p95), (1.0, high)])
    }

    /// The area under the quantiles.
    fn mean(&self) -> f64 {
        self.0.windows(2).map(|ends| (ends[1].0 - ends[0].0) * (ends[0].1 + ends[1].1) / 2.0).sum()
    }

    /// A whole number whose mean is exactly that of the law: a fraction is rounded up as often as it is large.
    fn draw(&self, random: &mut impl Rng) -> u64 {
        let at: f64 = random.random();
        let up: f64 = random.random();
        let ends = self.0.windows(2).find(|ends| at <= ends[1].0).unwrap_or(&self.0[3..]);
        let part = (at - ends[0].0) / (ends[1].0 - ends[0].0);
        (ends[0].1 + part * (ends[1].1 - ends[0].1) + up).floor() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::generator;

    /// 40,000 draws of a skewed range: the mean within five standard errors, every value inside the ends.
    #[test]
    fn what_is_drawn_has_the_stated_mean() {
        for range in [[106.0, 208.0, 748.0], [0.0, 0.0, 25.0], [7.0, 7.0, 7.0], [0.3, 0.5, 0.9]] {
            let bent = Bent::of(Range::try_from(range).unwrap());
            let mut random = generator(11, 0);
            let draws: Vec<f64> = (0..40_000).map(|_| bent.draw(&mut random) as f64).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            let error = (variance / draws.len() as f64).sqrt();
            assert!((mean - bent.mean()).abs() <= 5.0 * error + 1e-9, "{range:?}: {mean} {}", bent.mean());
            assert!(draws.iter().all(|x| *x <= bent.0[4].1.ceil()), "{range:?}");
        }
    }
}
