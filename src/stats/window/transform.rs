//! Transforms of the load of a window, averaged over cells.

use realfft::num_complex::Complex64;
use wide::f64x4;

use super::{
    CountLaw,
    lanes::{LANES, Lanes, Product},
    points::{Points, points},
    traffic::Cell,
};

/// Frequencies worked on together.
const CHUNK: usize = 64;

/// Σ over cells of weight × `E[z^load]`, at every frequency.
///
/// `cells` hold mean counts of a window, one for each stream; `laws` the streams' laws of counts; `spectra`
/// each stream's φ − 1, φ the transform of its sizes. Values e^−`negligible` times smaller than the largest are
/// taken as zero.
pub(super) fn averaged(
    cells: &[Cell],
    laws: &[CountLaw],
    spectra: Vec<Vec<Complex64>>,
    negligible: f64,
) -> Vec<Complex64> {
    over_points(&points(cells, laws), (cells, laws), spectra, negligible)
}

/// The same in every cell.
#[cfg(test)]
pub(super) fn averaged_directly(
    cells: &[Cell],
    laws: &[CountLaw],
    spectra: Vec<Vec<Complex64>>,
    negligible: f64,
) -> Vec<Complex64> {
    over_points(&Points::Listed(cells.to_vec()), (cells, laws), spectra, negligible)
}

fn over_points(
    points: &Points,
    (cells, laws): (&[Cell], &[CountLaw]),
    mut spectra: Vec<Vec<Complex64>>,
    negligible: f64,
) -> Vec<Complex64> {
    for (law, spectrum) in laws.iter().zip(&mut spectra).filter(|(law, _)| law.is_exponential()) {
        spectrum.iter_mut().for_each(|s| *s = law.exponent(*s));
    }
    let least: Vec<f64> = (0..laws.len())
        .map(|stream| cells.iter().map(|cell| cell.rates[stream]).fold(f64::INFINITY, f64::min))
        .collect();
    let count = spectra[0].len();
    let sizes = log_sizes(laws, &least, &spectra);
    let least_size = sizes[0] - negligible;
    let kept: Vec<usize> = (0..count).filter(|frequency| sizes[*frequency] > least_size).collect();
    let streams = Streams::new(laws, least_size);
    let mut result = vec![Complex64::ZERO; count];
    for chunk in kept.chunks(CHUNK) {
        let values = match points {
            Points::Listed(cells) => listed(cells, &streams, &spectra, chunk, least_size),
            Points::Squares { weights, first, spacing, fractions } => {
                let exponent = |f: &usize| fractions.iter().zip(&spectra).map(|(a, s)| a * s[*f]).sum();
                let exponents: Vec<Complex64> = chunk.iter().map(exponent).collect();
                squares(weights, *first, *spacing, &exponents, least_size)
            }
        };
        chunk.iter().zip(values).for_each(|(frequency, value)| result[*frequency] = value);
    }
    result
}

/// ln |`E[z^load]`| at these mean counts, by frequency; it falls as any mean grows.
fn log_sizes(laws: &[CountLaw], means: &[f64], spectra: &[Vec<Complex64>]) -> Vec<f64> {
    let count = spectra[0].len();
    let mut sizes = Vec::with_capacity(count + LANES);
    for first in (0..count).step_by(LANES) {
        let of = |((law, mean), spectrum): ((&CountLaw, &f64), &Vec<Complex64>)| {
            let values = Lanes::gather(spectrum[first..].iter().copied());
            match law {
                CountLaw::NegativeBinomial { shape } => {
                    values.short_of_one(mean / shape).log_sizes() * -*shape
                }
                _ => values.re() * *mean,
            }
        };
        let sum = laws.iter().zip(means).zip(spectra).map(of).fold(f64x4::ZERO, |sum, log| sum + log);
        sizes.extend(sum.to_array());
    }
    sizes.truncate(count);
    sizes
}

/// Streams whose counts are alike.
struct Streams {
    alike: Vec<Alike>,
    /// Those whose transforms are exponentials.
    exponential: Vec<usize>,
}

/// Streams of negative binomial counts of one shape.
struct Alike {
    shape: f64,
    streams: Vec<usize>,
    /// A product of so large a square has a negligible power.
    square_max: f64,
}

impl Streams {
    fn new(laws: &[CountLaw], least_size: f64) -> Streams {
        let (mut alike, mut exponential): (Vec<Alike>, _) = (Vec::new(), Vec::new());
        for (stream, law) in laws.iter().enumerate() {
            let CountLaw::NegativeBinomial { shape } = *law else {
                exponential.push(stream);
                continue;
            };
            match alike.iter_mut().find(|other| other.shape == shape) {
                Some(other) => other.streams.push(stream),
                None => {
                    let square_max = (-2.0 * least_size / shape).exp();
                    alike.push(Alike { shape, streams: vec![stream], square_max });
                }
            }
        }
        Streams { alike, exponential }
    }

    /// The transform of a cell; `None` where it is negligible at all four frequencies. No stream's part of it is
    /// above 1 in size.
    fn transform(&self, rates: &[f64], spectra: &[Lanes], least_size: f64) -> Option<Lanes> {
        let mut result = None;
        let mut times =
            |factor: Lanes| result = Some(result.map_or(factor, |sofar: Lanes| sofar.times(factor)));
        for Alike { shape, streams, square_max } in &self.alike {
            let mut product = Product::ONE;
            streams.iter().for_each(|s| product.times(spectra[*s].short_of_one(rates[*s] / shape)));
            if product.is_beyond(*square_max) {
                return None;
            }
            times(product.inverse_power(*shape));
        }
        if !self.exponential.is_empty() {
            let mut exponent = Lanes::ZERO;
            self.exponential.iter().for_each(|stream| exponent.add(rates[*stream], spectra[*stream]));
            if exponent.is_below(least_size) {
                return None;
            }
            times(exponent.exp());
        }
        result
    }
}

fn listed(
    cells: &[Cell],
    streams: &Streams,
    spectra: &[Vec<Complex64>],
    chunk: &[usize],
    least_size: f64,
) -> Vec<Complex64> {
    // Where every stream's rate rises from cell to cell, what is negligible stays so.
    let no_less = |pair: &[Cell]| pair[0].rates.iter().zip(&pair[1].rates).all(|(rate, next)| rate <= next);
    let rising = cells.windows(2).all(no_less);
    let mut sums = Vec::with_capacity(chunk.len());
    for frequencies in chunk.chunks(LANES) {
        let of_stream = |spectrum: &Vec<Complex64>| Lanes::gather(frequencies.iter().map(|f| spectrum[*f]));
        let spectra: Vec<Lanes> = spectra.iter().map(of_stream).collect();
        let mut sum = Lanes::ZERO;
        for cell in cells {
            match streams.transform(&cell.rates, &spectra, least_size) {
                Some(value) => sum.add(cell.weight, value),
                None if rising => break,
                None => {}
            }
        }
        sums.extend(sum.scatter().into_iter().take(frequencies.len()));
    }
    sums
}

/// Σ wₖ e^{(first + k·spacing)² E}: from node to node the factor itself grows by a constant factor, so each
/// step is two complex multiplications. All factors are at most 1 in size, so rounding does not grow.
fn squares(
    weights: &[f64],
    first: f64,
    spacing: f64,
    exponents: &[Complex64],
    least_size: f64,
) -> Vec<Complex64> {
    let highest = exponents.iter().map(|e| e.re).fold(f64::NEG_INFINITY, f64::max);
    let part = |factor: f64, f: fn(Complex64) -> f64| -> Vec<f64> {
        exponents.iter().map(|e| f((factor * e).exp())).collect()
    };
    let (re, im) = (|z: Complex64| z.re, |z: Complex64| z.im);
    let (start, step) = (first * first, spacing * (2.0 * first + spacing));
    let bend = 2.0 * spacing * spacing;
    let (mut value_re, mut value_im) = (part(start, re), part(start, im));
    let (mut factor_re, mut factor_im) = (part(step, re), part(step, im));
    let (bend_re, bend_im) = (part(bend, re), part(bend, im));
    let count = exponents.len();
    let (mut sum_re, mut sum_im) = (vec![0.0; count], vec![0.0; count]);
    for (node, weight) in weights.iter().enumerate() {
        if (first + spacing * node as f64).powi(2) * highest < least_size {
            break;
        }
        for i in 0..count {
            sum_re[i] += weight * value_re[i];
            sum_im[i] += weight * value_im[i];
            let next = value_re[i] * factor_re[i] - value_im[i] * factor_im[i];
            value_im[i] = value_re[i] * factor_im[i] + value_im[i] * factor_re[i];
            value_re[i] = next;
            let next = factor_re[i] * bend_re[i] - factor_im[i] * bend_im[i];
            factor_im[i] = factor_re[i] * bend_im[i] + factor_im[i] * bend_re[i];
            factor_re[i] = next;
        }
    }
    sum_re.into_iter().zip(sum_im).map(|(re, im)| Complex64::new(re, im)).collect()
}
