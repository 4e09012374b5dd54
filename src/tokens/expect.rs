//! From a request's shape and a profile to expected tokens by class.

use schemars::JsonSchema;
use serde::Serialize;

use super::profile::{Answer, Cell, Evidence, RequestKind, TokenProfile};
use crate::{
    model::{ByClass, Endpoint, Grade, Shape, TokenClass},
    prices::ModelKind,
    stats::{GroupMean, Sample, category_probabilities, quantile, shrink},
    units::Range,
    warning::Warning,
};

/// Tokens of one class in one request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClassTokens {
    /// Expected tokens.
    pub mean: f64,
    /// How far the mean itself may be off, one standard error.
    pub standard_error: f64,
    /// 5 % of requests take fewer, as far as known.
    pub p05: f64,
    /// The middle request.
    pub p50: f64,
    /// 5 % of requests take more.
    pub p95: f64,
    /// How it is known.
    pub evidence: Evidence,
}

/// Tokens of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedTokens {
    /// By class; `None` where the request has none.
    pub classes: ByClass<Option<ClassTokens>>,
    /// Images counted per answer; 0 on models that make none.
    pub images_per_answer: f64,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// Answers below which a measured number is called weak.
const ANSWERS_FOR_TRUST: u64 = 10;

/// What a request of this shape takes of a model according to a profile.
///
/// `None` when the model makes images but the profile has no tokens for the size.
pub fn expect(
    profile: &TokenProfile,
    shape: &Shape,
    makes: ModelKind,
    endpoint: &Endpoint,
) -> Option<ExpectedTokens> {
    let mut warnings = Vec::new();
    let mut classes = ByClass::default();
    let stated = |note: &str| Evidence {
        grade: Grade::Assumed,
        n: None,
        source: vec!["workload".into()],
        note: Some(note.to_string()),
    };
    let prompt = uncertain(shape.prompt_text, stated("from the workload"));
    classes[TokenClass::InputText] = Some(prompt).filter(|tokens| tokens.mean > 0.0);
    classes[TokenClass::InputImage] = input_images(profile, shape, endpoint, &mut warnings);
    let mut images_per_answer = 0.0;
    if makes == ModelKind::Image {
        let kind = RequestKind::of(shape.input_images.len());
        if profile.cell(kind).is_none() {
            let (model, endpoint, kind) = (profile.model.clone(), endpoint.clone(), kind.as_str());
            warnings.push(Warning::NoneSeen { model, endpoint, kind });
        }
        if profile.cell(kind).is_some_and(|cell| cell.grade == Grade::Rehearsed) {
            let (model, endpoint) = (profile.model.clone(), endpoint.clone());
            warnings.push(Warning::Rehearsed { model, endpoint });
        }
        let images = output_images(profile, shape, endpoint, &mut warnings)?;
        images_per_answer = images.1;
        classes[TokenClass::OutputImage] = Some(images.0);
    }
    classes[TokenClass::OutputText] = output_text(profile, shape, stated("from the workload"));
    classes[TokenClass::OutputThinking] = thinking(profile, shape, endpoint, &mut warnings);
    warnings.extend(weak_evidence(profile, endpoint, &classes));
    Some(ExpectedTokens { classes, images_per_answer, warnings })
}

/// A range that says how uncertain the mean itself is.
fn uncertain(range: Range, evidence: Evidence) -> ClassTokens {
    ClassTokens {
        mean: range.mean(),
        standard_error: range.standard_deviation(),
        p05: range.p05,
        p50: range.likely,
        p95: range.p95,
        evidence,
    }
}

/// A range of requests: measured on n answers its mean is known √n times better.
fn per_request(range: Range, evidence: Evidence) -> ClassTokens {
    let answers = match evidence.grade {
        Grade::Measured => evidence.n.unwrap_or(1).max(1),
        _ => 1,
    };
    let mut tokens = uncertain(range, evidence);
    tokens.standard_error /= (answers as f64).sqrt();
    tokens
}

fn input_images(
    profile: &TokenProfile,
    shape: &Shape,
    endpoint: &Endpoint,
    warnings: &mut Vec<Warning>,
) -> Option<ClassTokens> {
    if shape.input_images.is_empty() {
        return None;
    }
    let table = profile.input_image.as_ref()?;
    let mut rule = table.rule;
    if let Some(asked) = shape.media_resolution {
        let (model, endpoint) = (profile.model.clone(), endpoint.clone());
        match table.by_resolution.get(&asked) {
            _ if table.refuses_resolution => {
                warnings.push(Warning::ResolutionRefused { model, endpoint, asked });
            }
            Some(other) => rule = *other,
            None => warnings.push(Warning::ResolutionUnknown { model, endpoint, asked }),
        }
    }
    if !table.off_rule.is_empty() {
        warnings.push(Warning::RuleContradicted {
            model: profile.model.clone(),
            endpoint: endpoint.clone(),
            answers: table.off_rule.len() as u64,
        });
        let count = shape.input_images.len() as f64;
        let evidence = Evidence {
            grade: Grade::Measured,
            n: Some(table.off_rule.len() as u64),
            note: Some("answers contradict the rule; what they reported counts".into()),
            ..table.evidence()
        };
        return Some(sampled(table.off_rule.iter().map(|tokens| tokens * count).collect(), evidence));
    }
    let (mut low, mut mean, mut high) = (0.0, 0.0, 0.0);
    for sizes in &shape.input_images {
        let tokens: Vec<f64> = sizes.iter().map(|size| rule.tokens(*size) as f64).collect();
        mean += tokens.iter().sum::<f64>() / tokens.len() as f64;
        low += tokens.iter().copied().fold(f64::INFINITY, f64::min);
        high += tokens.iter().copied().fold(0.0, f64::max);
    }
    Some(ClassTokens {
        mean,
        standard_error: 0.0,
        p05: low,
        p50: mean,
        p95: high,
        evidence: table.evidence(),
    })
}

/// Answers a cell needs before its own text and thinking count; below, the profile's pooled ranges do.
const ANSWERS_FOR_A_CELL: usize = 3;

/// The cell of the request's kind, when it has answers enough and the API's own thinking level is asked for.
pub fn own_cell<'a>(profile: &'a TokenProfile, shape: &Shape) -> Option<&'a Cell> {
    let cell = profile.cell(RequestKind::of(shape.input_images.len()))?;
    (cell.answers.len() >= ANSWERS_FOR_A_CELL && shape.thinking_level.is_none()).then_some(cell)
}

fn output_images(
    profile: &TokenProfile,
    shape: &Shape,
    endpoint: &Endpoint,
    warnings: &mut Vec<Warning>,
) -> Option<(ClassTokens, f64)> {
    let table = profile.output_image.as_ref()?;
    let per_image = *table.tokens.get(&shape.output_size)? as f64;
    let images = profile.images_per_answer.as_ref();
    let count = count_of(profile, shape);
    let mut evidence = table.evidence();
    if let Some(images) = images {
        let counted = images.evidence();
        evidence.grade = evidence.grade.max(counted.grade);
        evidence.note = counted.note.or(evidence.note);
    }
    let cell = profile.cell(RequestKind::of(shape.input_images.len()));
    let Some(cell) = cell.filter(|cell| contradicts(cell, count)) else {
        return Some((per_request(count.times(per_image), evidence), count.mean()));
    };
    let (mean, standard_error) = images_learned(&cell.answers);
    warnings.push(Warning::ImagesVary {
        model: profile.model.clone(),
        endpoint: endpoint.clone(),
        kind: cell.kind.as_str(),
        seen: counts_in_words(&cell.answers),
    });
    let of = |answer: &Answer| answer.images as f64 * per_image;
    let mut tokens = spread_of(cell, of);
    tokens.mean = mean * per_image;
    tokens.standard_error = standard_error * per_image;
    Some((tokens, mean))
}

/// Images per answer by the profile's rule.
pub(super) fn count_of(profile: &TokenProfile, shape: &Shape) -> Range {
    match &profile.images_per_answer {
        Some(images) if shape.input_images.is_empty() => images.text_to_image,
        Some(images) => images.edit,
        None => Range::exact(1.0),
    }
}

/// An answer that the rule did not foresee takes the cell off the rule.
pub(super) fn contradicts(cell: &Cell, rule: Range) -> bool {
    rule.is_exact() && cell.answers.iter().any(|answer| answer.images as f64 != rule.likely)
}

/// Posterior mean and standard deviation of the mean number of images: Dirichlet(½) over the counts that were
/// seen, and one.
fn images_learned(answers: &[Answer]) -> (f64, f64) {
    let mut counts: Vec<u64> = answers.iter().map(|answer| answer.images).chain([1]).collect();
    counts.sort();
    counts.dedup();
    let times = |count: &u64| answers.iter().filter(|answer| answer.images == *count).count() as u64;
    let shares = category_probabilities(&counts.iter().map(times).collect::<Vec<_>>());
    let weighted = |value: &dyn Fn(f64) -> f64| -> f64 {
        counts.iter().zip(&shares).map(|(count, share)| share * value(*count as f64)).sum()
    };
    let mean = weighted(&|count| count);
    let variance = weighted(&|count| (count - mean).powi(2));
    // The shapes of the posterior add up to the answers and one half for each count.
    let shapes = answers.len() as f64 + 0.5 * counts.len() as f64;
    (mean, (variance / (shapes + 1.0)).sqrt())
}

/// `1 image × 3, 2 images × 1`.
pub fn counts_in_words(answers: &[Answer]) -> String {
    let mut counts: Vec<u64> = answers.iter().map(|answer| answer.images).collect();
    counts.dedup();
    let times = |count: u64| answers.iter().filter(|answer| answer.images == count).count();
    let words = |count: u64| format!("{count} image{} × {}", if count == 1 { "" } else { "s" }, times(count));
    counts.iter().map(|count| words(*count)).collect::<Vec<_>>().join(", ")
}

/// Mean, its standard error by the Bayesian bootstrap with the cap atom, and the middle of what was seen.
///
/// The point is the plain mean of the answers; the atom widens the error alone: a heavy tail that few answers
/// do not show is not taken for certain that it is not there.
fn spread_of(cell: &Cell, of: impl Fn(&Answer) -> f64) -> ClassTokens {
    let evidence = Evidence {
        grade: cell.grade,
        n: Some(cell.answers.len() as u64),
        source: cell.source.clone(),
        note: Some(format!("{} answers to {} requests", cell.answers.len(), cell.kind.as_str())),
    };
    sampled(cell.answers.iter().map(of).collect(), evidence)
}

/// Answers from which a cell stands on its own, whatever other kinds of request showed.
const ANSWERS_TO_STAND_ALONE: usize = 30;

/// The same, a small cell's mean drawn toward what the model's other kinds of request showed.
fn borrowing(profile: &TokenProfile, cell: &Cell, of: impl Fn(&Answer) -> f64) -> ClassTokens {
    let factor = borrowed(profile, cell, &of);
    let mut tokens = spread_of(cell, of);
    tokens.mean *= factor;
    tokens.standard_error *= factor;
    if factor != 1.0 {
        let note = tokens.evidence.note.unwrap_or_default();
        tokens.evidence.note =
            Some(format!("{note}; mean × {factor:.3}, drawn toward the model's other kinds of request"));
    }
    tokens
}

/// Factor on a small cell's mean: its logarithm shrunk toward those of the model's other cells.
///
/// The variance of each log-mean is cv²/n, with the cv pooled over all cells: a few rows do not know their
/// own. 1 where the cell is large, alone, or has nothing of the class.
pub fn borrowed(profile: &TokenProfile, cell: &Cell, of: &impl Fn(&Answer) -> f64) -> f64 {
    if cell.answers.len() >= ANSWERS_TO_STAND_ALONE {
        return 1.0;
    }
    let mean = |cell: &Cell| cell.answers.iter().map(of).sum::<f64>() / cell.answers.len() as f64;
    let with_some: Vec<&Cell> = profile.cells.iter().filter(|other| mean(other) > 0.0).collect();
    let (mut squares, mut freedom) = (0.0, 0.0);
    for other in &with_some {
        let mean = mean(other);
        squares += other.answers.iter().map(|answer| (of(answer) / mean - 1.0).powi(2)).sum::<f64>();
        freedom += other.answers.len() as f64 - 1.0;
    }
    let Some(at) = with_some.iter().position(|other| other.kind == cell.kind) else { return 1.0 };
    if with_some.len() < 2 || freedom <= 0.0 || squares <= 0.0 {
        return 1.0;
    }
    let variance = |cell: &Cell| squares / freedom / cell.answers.len() as f64;
    let groups: Vec<GroupMean> =
        with_some.iter().map(|cell| GroupMean { mean: mean(cell).ln(), variance: variance(cell) }).collect();
    (shrink(&groups).groups[at].mean - groups[at].mean).exp()
}

fn sampled(mut values: Vec<f64>, evidence: Evidence) -> ClassTokens {
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let rows: Vec<Vec<f64>> = values.iter().map(|value| vec![*value]).collect();
    let sample = Sample::new(&rows).expect("a sample has values, and tokens are quantities");
    let moments = sample.posterior_mean_with_cap(&sample.cap(&[None]));
    let at = |p: f64| quantile(&values, p).unwrap_or(mean);
    ClassTokens {
        mean,
        standard_error: moments.standard_error[0],
        p05: at(0.05),
        p50: at(0.5),
        p95: at(0.95),
        evidence,
    }
}

fn output_text(profile: &TokenProfile, shape: &Shape, stated: Evidence) -> Option<ClassTokens> {
    let asked = uncertain(shape.output_text, stated);
    let hidden = match (own_cell(profile, shape), &profile.output_text) {
        (Some(cell), _) => borrowing(profile, cell, |answer| answer.text as f64),
        (None, Some(table)) => per_request(table.tokens, table.evidence()),
        (None, None) => return Some(asked).filter(|tokens| tokens.mean > 0.0),
    };
    Some(ClassTokens {
        mean: asked.mean + hidden.mean,
        standard_error: asked.standard_error.hypot(hidden.standard_error),
        p05: asked.p05 + hidden.p05,
        p50: asked.p50 + hidden.p50,
        p95: asked.p95 + hidden.p95,
        evidence: hidden.evidence,
    })
    .filter(|tokens| tokens.mean > 0.0)
}

fn thinking(
    profile: &TokenProfile,
    shape: &Shape,
    endpoint: &Endpoint,
    warnings: &mut Vec<Warning>,
) -> Option<ClassTokens> {
    if let Some(cell) = own_cell(profile, shape) {
        let tokens = borrowing(profile, cell, |answer| answer.thinking as f64);
        return Some(tokens).filter(|tokens| tokens.mean > 0.0);
    }
    let table = profile.output_thinking.as_ref()?;
    let mut range = table.default;
    if let Some(asked) = shape.thinking_level {
        match table.at(asked) {
            Some(other) => range = other,
            None => warnings.push(Warning::ThinkingLevelUnknown {
                model: profile.model.clone(),
                endpoint: endpoint.clone(),
                asked,
            }),
        }
    }
    Some(per_request(range, table.evidence())).filter(|tokens| tokens.mean > 0.0)
}

/// A warning for each class of the answer that rests on few answers or none.
fn weak_evidence(
    profile: &TokenProfile,
    endpoint: &Endpoint,
    classes: &ByClass<Option<ClassTokens>>,
) -> Vec<Warning> {
    let learned = classes.iter().filter_map(|(class, tokens)| Some((class, tokens.as_ref()?)));
    let weak =
        learned.filter(|(_, tokens)| tokens.evidence.source != ["workload"]).filter(
            |(_, tokens)| match tokens.evidence.grade {
                Grade::Measured => tokens.evidence.n.unwrap_or(0) < ANSWERS_FOR_TRUST,
                Grade::Documented => false,
                Grade::Assumed | Grade::Rehearsed => true,
            },
        );
    weak.map(|(class, tokens)| Warning::WeakEvidence {
        model: profile.model.clone(),
        endpoint: endpoint.clone(),
        class,
        grade: tokens.evidence.grade,
        n: tokens.evidence.n,
    })
    .collect()
}
