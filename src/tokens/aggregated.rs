//! Learning from aggregates: few answers that stand for many, as many as the log is worth.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::{
    fit::{Fitted, FittedCell, RuleCheck, images_counted},
    profile::{Answer, Cell, RequestKind, TokenProfile},
    rule::ImageRule,
};
use crate::{
    calendar::moment_text,
    model::{Backend, Grade, ImageSize, ModelId, Pixels},
    prices::PriceBook,
    stats::{LogHistogram, ZERO_BUCKET, generator},
    usage::{Aggregates, CellKey, CellStats, Metric, Tally},
};

/// Answers that a learned cell lists at most. At 400 the mean is known to a twentieth of the spread of one answer,
/// far better than next month's volume; more would only make the file long.
pub const ANSWERS_MAX: u64 = 400;

/// Seed of the pairing of text and thinking; any would do, a fixed one gives the same file every time.
const PAIRING_SEED: u64 = 20_261_121;

/// Learns cells for the image models and checks flat input-image rules, as [`super::fit`] does from single
/// observations.
///
/// Rules by pixel sizes cannot be checked, since aggregates have none.
pub fn fit_aggregates(
    aggregates: &Aggregates,
    book: &PriceBook,
    profiles: &BTreeMap<(Backend, ModelId), TokenProfile>,
    source: &str,
) -> Fitted {
    let mut fitted = Fitted { observations: aggregates.attempts(), ..Fitted::default() };
    let mut groups: BTreeMap<(Backend, ModelId, RequestKind), Group> = BTreeMap::new();
    let mut rules: BTreeMap<(Backend, ModelId), RuleCheck> = BTreeMap::new();
    for (key, cell) in &aggregates.cells {
        let mut leave_out = |reason: String, n: u64| {
            if n > 0 {
                *fitted.left_out.entry(reason).or_default() += n;
            }
        };
        let (backend, model) = match placed(key.backend, &key.model, book) {
            Ok(found) => found,
            Err(reason) => {
                leave_out(reason.into(), cell.n);
                continue;
            }
        };
        let Some(profile) = profiles.get(&(backend, model.clone())) else {
            leave_out(format!("no profile of {model} on {backend}"), cell.n);
            continue;
        };
        check_flat_rule(key, cell, profile, &mut rules);
        if profile.output_image.is_none() {
            leave_out("text model: only its input rule is checked".into(), cell.n);
            continue;
        }
        let Some(input_images) = key.input_images else {
            leave_out("kind of request not told".into(), cell.n);
            continue;
        };
        let kind = RequestKind::of(usize::try_from(input_images).unwrap_or(usize::MAX));
        let group = groups.entry((backend, model, kind)).or_default();
        for (reason, n) in group.learn(key, cell, profile) {
            leave_out(reason.into(), n);
        }
    }
    fitted.rules = rules.into_values().collect();
    for ((backend, model, kind), group) in groups.into_iter().filter(|(_, group)| group.answers() > 0) {
        let effect = design_effect(aggregates, book, (backend, &model, kind));
        let mut cell = group.cell(kind, effect, source);
        (cell.first, cell.last) = days(aggregates, book, (backend, &model, kind));
        let rows = group.answers();
        fitted.cells.push(FittedCell { backend, model, cell, rows });
    }
    fitted
}

/// Backend and model of a cell, or why it teaches nothing.
fn placed(
    backend: Option<Backend>,
    model: &str,
    book: &PriceBook,
) -> Result<(Backend, ModelId), &'static str> {
    let backend = backend.ok_or("backend not told")?;
    if model.is_empty() {
        return Err("model not told");
    }
    Ok((backend, book.resolve(model).map_err(|_| "unknown model")?.id))
}

/// Holds what answers reported for their input images against a rule of so many tokens for each.
fn check_flat_rule(
    key: &CellKey,
    cell: &CellStats,
    profile: &TokenProfile,
    rules: &mut BTreeMap<(Backend, ModelId), RuleCheck>,
) {
    let Some(table) = &profile.input_image else { return };
    let (ImageRule::Flat { .. }, Some(images @ 1..)) = (&table.rule, key.input_images) else { return };
    let any = Pixels { width: 1024, height: 1024 };
    let by_rule = images * table.rule.tokens(any);
    for (at, bucket) in cell.metric(Metric::PromptImage).buckets() {
        if at == ZERO_BUCKET {
            continue;
        }
        let (backend, model) = (profile.backend, profile.model.clone());
        let check = rules.entry((backend, model.clone())).or_insert_with(|| RuleCheck {
            backend,
            model,
            agree: 0,
            differ: Vec::new(),
            per_image: Vec::new(),
        });
        let mean = (bucket.sum / u128::from(bucket.n)) as u64;
        check.per_image.push(mean as f64 / images as f64);
        check.per_image.sort_by(f64::total_cmp);
        if (bucket.low, bucket.high) == (by_rule, by_rule) {
            check.agree += bucket.n;
        } else {
            check.differ.push((format!("{} × {images} image(s)", bucket.n), mean, by_rule));
            check.differ.sort();
        }
    }
}

/// Answers to one kind of request, by the images in them.
#[derive(Default)]
struct Group {
    blocked: u64,
    rehearsed: bool,
    by_images: BTreeMap<u64, Together>,
    latency: LogHistogram,
}

/// Text and thinking of the answers with the same number of images.
#[derive(Default)]
struct Together {
    n: u64,
    text: LogHistogram,
    thinking: LogHistogram,
    product: Tally,
}

impl Group {
    fn answers(&self) -> u64 {
        self.by_images.values().map(|together| together.n).sum()
    }

    /// Adds a cell; gives what of it teaches nothing, and why.
    fn learn(&mut self, key: &CellKey, cell: &CellStats, profile: &TokenProfile) -> Vec<(&'static str, u64)> {
        let (text, thinking) = (cell.metric(Metric::Text), cell.metric(Metric::Thinking));
        let Some(tokens) = key.image_tokens.filter(|tokens| *tokens > 0) else {
            // Text tokens without a picture were either blocked or lack their details.
            let some: u64 = text.buckets().filter(|(at, _)| *at != ZERO_BUCKET).map(|(_, b)| b.n).sum();
            let blocked = cell.n.saturating_sub(some);
            self.blocked += blocked;
            return vec![("blocked: no picture in the answer", blocked), ("no image tokens itemised", some)];
        };
        let size = key.size.as_ref().and_then(|size| size.parse::<ImageSize>().ok());
        let Some(images) = images_counted(profile, size, tokens) else {
            return vec![("image tokens are no multiple of any size's", cell.n)];
        };
        let whole = cell.metric(Metric::Output).n();
        let no_text = cell.absent(Metric::Text);
        let left = vec![
            ("answer tokens not reported whole", no_text),
            (
                "thinking neither reported nor ruled out by the total",
                cell.n - whole - no_text.min(cell.n - whole),
            ),
        ];
        if whole == 0 {
            return left;
        }
        self.rehearsed |= key.grade == Grade::Rehearsed;
        self.latency.merge(cell.metric(Metric::LatencyMs));
        let together = self.by_images.entry(images).or_default();
        together.n += whole;
        together.text.merge(text);
        together.thinking.merge(thinking);
        let product = cell.products[2];
        together.product.n += product.n;
        together.product.sum += product.sum;
        left
    }

    /// The cell: as many answers as the log's rows are worth, shared out by the number of images.
    fn cell(&self, kind: RequestKind, effect: f64, source: &str) -> Cell {
        let worth = (self.answers() as f64 / effect).floor() as u64;
        let count = worth.clamp(1, ANSWERS_MAX.min(self.answers()));
        let mut answers = Vec::new();
        for (images, count) in shares(&self.by_images, count) {
            answers.extend(self.by_images[&images].answers(images, count));
        }
        answers.sort_by_key(|answer| (answer.images, answer.text, answer.thinking));
        let seconds = self.latency.slices(self.latency.n().min(ANSWERS_MAX / 4) as usize);
        Cell {
            kind,
            blocked: self.blocked,
            first: None,
            last: None,
            grade: if self.rehearsed { Grade::Rehearsed } else { Grade::Measured },
            source: vec![source.to_string()],
            answers,
            latency_seconds: seconds.iter().map(|milliseconds| milliseconds.round() / 1000.0).collect(),
            image_bytes: Vec::new(),
            image_mime: BTreeMap::new(),
        }
    }
}

/// `count` places shared out in proportion to the answers, largest remainders first.
fn shares(by_images: &BTreeMap<u64, Together>, count: u64) -> Vec<(u64, u64)> {
    let total: u64 = by_images.values().map(|together| together.n).sum();
    let exact = |n: u64| u128::from(n) * u128::from(count);
    let mut shares: Vec<(u64, u64, u128)> = by_images
        .iter()
        .map(|(images, together)| {
            let exact = exact(together.n);
            (*images, (exact / u128::from(total)) as u64, exact % u128::from(total))
        })
        .collect();
    let given: u64 = shares.iter().map(|(_, whole, _)| whole).sum();
    shares.sort_by_key(|(images, _, rest)| (std::cmp::Reverse(*rest), *images));
    for share in shares.iter_mut().take((count - given) as usize) {
        share.1 += 1;
    }
    shares.into_iter().filter(|(_, count, _)| *count > 0).map(|(images, count, _)| (images, count)).collect()
}

impl Together {
    /// `count` answers with the same means, the same spread but for a bucket's width, and text and thinking that
    /// go together as they did.
    fn answers(&self, images: u64, count: u64) -> Vec<Answer> {
        let (text, thinking) = (self.text.slices(count as usize), self.thinking.slices(count as usize));
        let order = paired(&text, &thinking, self.correlation(), images);
        let thinking: Vec<f64> = order.iter().map(|at| thinking[*at]).collect();
        let pairs = whole(&text).into_iter().zip(whole(&thinking));
        pairs.map(|(text, thinking)| Answer { images, text, thinking }).collect()
    }

    /// Correlation of text and thinking; 0 where one of them never varies.
    fn correlation(&self) -> f64 {
        let moments = |histogram: &LogHistogram| Some((histogram.mean()?, histogram.variance()?.sqrt()));
        let (Some((a, sa)), Some((b, sb))) = (moments(&self.text), moments(&self.thinking)) else {
            return 0.0;
        };
        if self.product.n == 0 || sa * sb <= 0.0 {
            return 0.0;
        }
        ((self.product.sum as f64 / self.product.n as f64 - a * b) / (sa * sb)).clamp(-1.0, 1.0)
    }
}

/// Which thinking goes with which text: a share of them in rank order (or against it), so that the correlation is
/// met, the others at random.
fn paired(text: &[f64], thinking: &[f64], correlation: f64, stream: u64) -> Vec<usize> {
    let count = text.len();
    let rank = |at: usize| if correlation < 0.0 { count - 1 - at } else { at };
    let sum = |list: &[f64]| list.iter().sum::<f64>() / count as f64;
    let (a, b) = (sum(text), sum(thinking));
    let covariance = |order: &dyn Fn(usize) -> usize| -> f64 {
        (0..count).map(|at| (text[at] - a) * (thinking[order(at)] - b)).sum()
    };
    let spread = |list: &[f64], mean: f64| list.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let full = covariance(&rank) / (spread(text, a) * spread(thinking, b)).sqrt();
    let share = if full.is_finite() && full != 0.0 { (correlation / full).clamp(0.0, 1.0) } else { 0.0 };
    let in_rank = |at: usize| (((at + 1) as f64) * share).floor() > ((at as f64) * share).floor();
    let free: Vec<usize> = (0..count).filter(|at| !in_rank(*at)).collect();
    let mut shuffled: Vec<usize> = free.iter().map(|at| rank(*at)).collect();
    shuffled.shuffle(&mut generator(PAIRING_SEED, stream));
    let mut order: Vec<usize> = (0..count).map(rank).collect();
    for (at, to) in free.iter().zip(shuffled) {
        order[*at] = to;
    }
    order
}

/// Rounded so that the sum is the rounded sum.
fn whole(values: &[f64]) -> Vec<u64> {
    let (mut sum, mut given) = (0.0, 0_u64);
    let next = |value: &f64| {
        sum += value;
        let part = (sum.round() as u64).saturating_sub(given);
        given += part;
        part
    };
    values.iter().map(next).collect()
}

/// Whose hours count for a cell.
type Whose<'a> = (Backend, &'a ModelId, RequestKind);

fn hours<'a>(
    aggregates: &'a Aggregates,
    book: &'a PriceBook,
    (backend, model, kind): Whose<'a>,
) -> impl Iterator<Item = (i64, Tally)> + 'a {
    let ours = move |key: &crate::usage::HourKey| {
        placed(key.backend, &key.model, book).is_ok_and(|found| found == (backend, model.clone()))
            && key.input_images.map(|images| RequestKind::of(images as usize)) == Some(kind)
    };
    aggregates.hours.iter().filter(move |(key, _)| ours(key)).map(|(key, tally)| (key.hour, *tally))
}

/// How many answers of this log are worth one independent answer, at least 1.
///
/// Answers of one hour resemble each other (one user's session, one campaign), so the mean is known worse than
/// n of them promise. The variance of the mean is taken from hours as blocks, `Σ (S_b − n_b m)² / N²`, and
/// divided by that of independent answers, `s² / N`. The tokens are text and thinking together, which is what
/// varies.
///
/// Source: Kish (1965), "Survey Sampling", the design effect of clusters.
pub fn design_effect(aggregates: &Aggregates, book: &PriceBook, whose: Whose<'_>) -> f64 {
    let mut blocks: BTreeMap<i64, Tally> = BTreeMap::new();
    for (hour, tally) in hours(aggregates, book, whose) {
        let block = blocks.entry(hour).or_default();
        block.n += tally.n;
        block.sum += tally.sum;
    }
    let mut output = LogHistogram::default();
    let (backend, model, kind) = whose;
    for (key, cell) in &aggregates.cells {
        let ours = placed(key.backend, &key.model, book).is_ok_and(|found| found == (backend, model.clone()));
        if ours && key.input_images.map(|images| RequestKind::of(images as usize)) == Some(kind) {
            output.merge(cell.metric(Metric::Output));
        }
    }
    let n: u64 = blocks.values().map(|block| block.n).sum();
    let variance = output.variance().unwrap_or(0.0);
    if blocks.len() < 2 || variance <= 0.0 {
        return 1.0;
    }
    let mean = blocks.values().map(|block| block.sum).sum::<u128>() as f64 / n as f64;
    let between = |block: &Tally| (block.sum as f64 - block.n as f64 * mean).powi(2);
    let factor = blocks.len() as f64 / (blocks.len() - 1) as f64;
    (factor * blocks.values().map(between).sum::<f64>() / (n as f64 * variance)).max(1.0)
}

/// First and last day of the hours of a cell.
fn days(aggregates: &Aggregates, book: &PriceBook, whose: Whose<'_>) -> (Option<String>, Option<String>) {
    let day = |hour: Option<i64>| Some(moment_text(hour?.checked_mul(3_600_000_000)?)?[..10].to_string());
    let all: Vec<i64> = hours(aggregates, book, whose).map(|(hour, _)| hour).collect();
    (day(all.iter().min().copied()), day(all.iter().max().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2,000 answers whose text and thinking share a part.
    fn together(sign: f64) -> Together {
        use rand::Rng;
        let mut random = generator(1, 0);
        let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let mut found = Together { n: 2_000, ..Together::default() };
        for _ in 0..2_000 {
            let (shared, own, other) = (uniform(), uniform(), uniform());
            let text = (100.0 + 300.0 * (shared + 0.5 * own)).round() as u64;
            let thinking = (1_000.0 + 500.0 * sign * (shared + 0.5 * other)).round() as u64;
            found.text.add(text);
            found.thinking.add(thinking);
            found.product.n += 1;
            found.product.sum += u128::from(text) * u128::from(thinking);
        }
        found
    }

    #[test]
    fn the_answers_that_stand_for_many_keep_mean_spread_and_correlation() {
        for sign in [1.0, -1.0] {
            let together = together(sign);
            let answers = together.answers(1, 400);
            let mut again = Together { n: 400, ..Together::default() };
            for answer in &answers {
                again.text.add(answer.text);
                again.thinking.add(answer.thinking);
                again.product.n += 1;
                again.product.sum += u128::from(answer.text) * u128::from(answer.thinking);
            }
            for (found, expected) in [(&again.text, &together.text), (&again.thinking, &together.thinking)] {
                let (a, b) = (found.mean().unwrap(), expected.mean().unwrap());
                assert!((a - b).abs() <= 0.5 / 400.0 + 1e-9, "mean {a} for {b}");
                let (a, b) = (found.variance().unwrap(), expected.variance().unwrap());
                assert!((a / b - 1.0).abs() < 0.03, "variance {a} for {b}");
            }
            let (a, b) = (again.correlation(), together.correlation());
            assert!(b * sign > 0.7 && (a - b).abs() < 0.06, "correlation {a} for {b}");
        }
    }

    #[test]
    fn places_are_shared_out_by_largest_remainder() {
        let of = |n: u64| Together { n, ..Together::default() };
        let groups = BTreeMap::from([(1, of(700)), (2, of(290)), (4, of(10))]);
        assert_eq!(shares(&groups, 100), [(1, 70), (2, 29), (4, 1)]);
        let three: u64 = shares(&groups, 3).iter().map(|(_, count)| count).sum();
        assert_eq!(three, 3);
    }
}
