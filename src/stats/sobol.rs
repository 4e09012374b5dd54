//! Which input moves an output: Sobol's first-order and total indices by Jansen's estimators.
//!
//! Inputs are independent and uniform; whoever calls turns them into laws by their quantile functions. Points
//! are Sobol's sequence with Owen's scrambling, so that 2,048 of them do what pseudo-random ones do by tens of
//! thousands.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use sobol_burley::{NUM_DIMENSIONS, sample};

/// Points are split into so many blocks, whose scatter gives the standard errors.
const BLOCKS: u32 = 16;

/// From the seed of a sequence to that of the next: the golden ratio's bits, which meet no small seed again.
const SEED_STEP: u32 = 0x9e37_79b9;

/// Points that are handed on together; a block is a whole number of them or less than one.
const BATCH: u32 = 16;

/// Longest sequence that the library has.
const POINTS_MAX: u32 = 1 << 16;

/// What one input has to do with the variance of one output.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SobolIndex {
    /// First-order index: the share of the variance that would go on average if this input were known.
    pub first: f64,
    /// Total index: the share that would stay on average if all inputs but this one were known.
    pub total: f64,
    /// Standard error of `first`.
    pub first_error: f64,
    /// Standard error of `total`.
    pub total_error: f64,
    /// Whether the 95 % interval of `first` lies above zero; else it is below what the points can tell, and the
    /// estimate itself may lie below zero.
    pub first_told: bool,
    /// The same of `total`.
    pub total_told: bool,
}

/// Half of a 95 % interval in standard errors.
const HALF_95: f64 = 1.96;

impl SobolIndex {
    fn of((first, first_error): (f64, f64), (total, total_error): (f64, f64)) -> SobolIndex {
        let told = |index: f64, error: f64| index > HALF_95 * error;
        SobolIndex {
            first,
            total,
            first_error,
            total_error,
            first_told: told(first, first_error),
            total_told: told(total, total_error),
        }
    }

    /// Half the width of the 95 % interval of `first`.
    pub fn first_half_width(&self) -> f64 {
        HALF_95 * self.first_error
    }

    /// The same of `total`.
    pub fn total_half_width(&self) -> f64 {
        HALF_95 * self.total_error
    }
}

/// One output over all points, and its inputs' indices.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// Mean of the output.
    pub mean: f64,
    /// Its standard deviation.
    pub standard_deviation: f64,
    /// One index for each input; `None` when the output does not vary, so that there is nothing to share.
    pub indices: Option<Vec<SobolIndex>>,
}

/// Sums over a block of points, in the order of outputs.
struct Block<const OUTPUTS: usize> {
    sum: [f64; OUTPUTS],
    squares: [f64; OUTPUTS],
    /// By input: Σ (f(B) − f(A with Bᵢ))².
    first: Vec<[f64; OUTPUTS]>,
    /// By input: Σ (f(A) − f(A with Bᵢ))².
    total: Vec<[f64; OUTPUTS]>,
}

/// The indices of every input for each of the model's outputs, by `points · (inputs + 2)` evaluations.
///
/// `model` gets one number strictly between 0 and 1 for each input. With two independent sets of points A and B,
/// and A with its i-th column from B,
///
/// Sᵢ = 1 − Σ (f(B) − f(A_Bᵢ))² / (2 N V),  STᵢ = Σ (f(A) − f(A_Bᵢ))² / (2 N V),
///
/// V the variance over A and B. Standard errors come from 16 blocks of the points and are on the high side, as
/// each block is a thinner sequence than the whole. The same on any number of threads.
///
/// # Panics
///
/// When `points` is not a multiple of 16 from 32 to 65,536.
///
/// Source: Jansen (1999), "Analysis of variance designs for model output"; Saltelli et al. (2010),
/// "Variance based sensitivity analysis of model output"; Owen (1995), "Randomly permuted (t,m,s)-nets";
/// Burley (2020), "Practical hash-based Owen scrambling".
///
/// ```
/// # use burndown::stats::sensitivity;
/// // 3 x + y: variances 9 to 1, no interaction.
/// let [found] = sensitivity(2, 1024, 7, |u| [3.0 * u[0] + u[1]]);
/// let indices = found.indices.unwrap();
/// assert!((indices[0].first - 0.9).abs() < 0.01 && (indices[1].total - 0.1).abs() < 0.01);
/// ```
pub fn sensitivity<const OUTPUTS: usize>(
    inputs: usize,
    points: u32,
    seed: u32,
    model: impl Fn(&[f64]) -> [f64; OUTPUTS] + Sync,
) -> [Sensitivity; OUTPUTS] {
    let each = |batch: &[Vec<f64>]| batch.iter().map(|u| model(u)).collect::<Vec<_>>();
    let whole = |batch: &[Vec<f64>]| (vec![(); batch.len()], each(batch));
    sensitivity_by_change(inputs, points, seed, whole, |_, batch, _| each(batch))
}

/// The same for a model of many parts, of which most inputs move few.
///
/// `whole` works everything out at each of a batch of points and keeps what it needs; `changed` gets that, the numbers
/// with one other input, and which one, and works out again what depends on it. It must leave what it was given as it
/// was. Batches let a part with a large table go through many points while that is at hand.
///
/// # Panics
///
/// As [`sensitivity`].
pub fn sensitivity_by_change<S, const OUTPUTS: usize>(
    inputs: usize,
    points: u32,
    seed: u32,
    whole: impl Fn(&[Vec<f64>]) -> (Vec<S>, Vec<[f64; OUTPUTS]>) + Sync,
    changed: impl Fn(&mut [S], &[Vec<f64>], usize) -> Vec<[f64; OUTPUTS]> + Sync,
) -> [Sensitivity; OUTPUTS] {
    assert!(points.is_multiple_of(BLOCKS) && (2 * BLOCKS..=POINTS_MAX).contains(&points), "points {points}");
    let each = points / BLOCKS;
    let blocks: Vec<Block<OUTPUTS>> = (0..BLOCKS)
        .into_par_iter()
        .map(|block| run(inputs, block * each..(block + 1) * each, seed, (&whole, &changed)))
        .collect();
    std::array::from_fn(|output| summed(&blocks, inputs, f64::from(points), output))
}

/// A number of the sequence, never 0: quantile functions have no end there.
///
/// The library knows 256 dimensions; those beyond are the first ones of sequences with other seeds, which are
/// independent of each other.
fn coordinate(point: u32, dimension: usize, seed: u32) -> f64 {
    let (sequence, dimension) = (dimension as u32 / NUM_DIMENSIONS, dimension as u32 % NUM_DIMENSIONS);
    let seed = seed ^ sequence.wrapping_mul(SEED_STEP);
    // The library's numbers are multiples of 2⁻²⁴ (or finer) from 0 on; half a step keeps off both ends.
    f64::from(sample(point, dimension, seed)).mul_add(1.0 - 2.0_f64.powi(-24), 2.0_f64.powi(-25))
}

fn run<S, const OUTPUTS: usize>(
    inputs: usize,
    points: std::ops::Range<u32>,
    seed: u32,
    (whole, changed): (
        &impl Fn(&[Vec<f64>]) -> (Vec<S>, Vec<[f64; OUTPUTS]>),
        &impl Fn(&mut [S], &[Vec<f64>], usize) -> Vec<[f64; OUTPUTS]>,
    ),
) -> Block<OUTPUTS> {
    let mut block = Block {
        sum: [0.0; OUTPUTS],
        squares: [0.0; OUTPUTS],
        first: vec![[0.0; OUTPUTS]; inputs],
        total: vec![[0.0; OUTPUTS]; inputs],
    };
    let end = points.end;
    for start in points.step_by(BATCH as usize) {
        let batch = |first: usize| -> Vec<Vec<f64>> {
            let point = |point| (0..inputs).map(|input| coordinate(point, first + input, seed)).collect();
            (start..end.min(start + BATCH)).map(point).collect()
        };
        let (mut a, mut b) = (batch(0), batch(inputs));
        let ((mut states, at_a), (_, at_b)) = (whole(&a), whole(&b));
        for output in 0..OUTPUTS {
            for (a, b) in at_a.iter().zip(&at_b) {
                block.sum[output] += a[output] + b[output];
                block.squares[output] += a[output].powi(2) + b[output].powi(2);
            }
        }
        let exchange = |a: &mut [Vec<f64>], b: &mut [Vec<f64>], input: usize| {
            a.iter_mut().zip(b).for_each(|(a, b)| std::mem::swap(&mut a[input], &mut b[input]));
        };
        for input in 0..inputs {
            exchange(&mut a, &mut b, input);
            let mixed = changed(&mut states, &a, input);
            exchange(&mut a, &mut b, input);
            for ((a, b), mixed) in at_a.iter().zip(&at_b).zip(mixed) {
                for output in 0..OUTPUTS {
                    block.first[input][output] += (b[output] - mixed[output]).powi(2);
                    block.total[input][output] += (a[output] - mixed[output]).powi(2);
                }
            }
        }
    }
    block
}

/// A spread of this part of the mean is rounding.
const NO_SPREAD: f64 = 1e-12;

fn summed<const OUTPUTS: usize>(
    blocks: &[Block<OUTPUTS>],
    inputs: usize,
    points: f64,
    output: usize,
) -> Sensitivity {
    let mean = blocks.iter().map(|block| block.sum[output]).sum::<f64>() / (2.0 * points);
    let squares = blocks.iter().map(|block| block.squares[output]).sum::<f64>() / (2.0 * points);
    let variance = (squares - mean * mean).max(0.0);
    let standard_deviation = variance.sqrt();
    let varies = standard_deviation > NO_SPREAD.sqrt() * mean.abs() && variance > 0.0;
    let each = points / blocks.len() as f64;
    // The estimate over all blocks, and the standard error of their mean.
    let ratio = |sum: &dyn Fn(&Block<OUTPUTS>) -> f64| {
        let shares: Vec<f64> = blocks.iter().map(|block| sum(block) / (2.0 * each * variance)).collect();
        let count = shares.len() as f64;
        let middle = shares.iter().sum::<f64>() / count;
        let scatter = shares.iter().map(|share| (share - middle).powi(2)).sum::<f64>();
        (middle, (scatter / (count * (count - 1.0))).sqrt())
    };
    let index = |input: usize| {
        let (rest, first_error) = ratio(&|block| block.first[input][output]);
        SobolIndex::of((1.0 - rest, first_error), ratio(&|block| block.total[input][output]))
    };
    let indices = varies.then(|| (0..inputs).map(index).collect());
    Sensitivity { mean, standard_deviation, indices }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{LogNormal, standard_normal_quantile};

    /// Oracle 21: the product of two independent factors of mean 1 and cv 0.1 and 0.3.
    #[test]
    fn oracle_21_a_product_of_factors_has_its_closed_form() {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/oracles.json")).unwrap();
        let case = &all["21_sobol_product"];
        let laws = [LogNormal::new(1.0, 0.1), LogNormal::new(1.0, 0.3)];
        let [found] = sensitivity(2, 2048, 1, |u| {
            [u.iter().zip(laws).map(|(u, law)| law.at_score(standard_normal_quantile(*u))).product()]
        });
        assert!((found.mean - 1.0).abs() < 1e-3, "{found:?}");
        let variance = 1.01_f64 * 1.09 - 1.0;
        assert!((found.standard_deviation / variance.sqrt() - 1.0).abs() < 0.01, "{found:?}");
        for (input, index) in found.indices.unwrap().iter().enumerate() {
            let (first, total) =
                (case["first"][input].as_f64().unwrap(), case["total"][input].as_f64().unwrap());
            println!(
                "S {:.4} ± {:.4} for {first:.4}; ST {:.4} ± {:.4} for {total:.4}",
                index.first, index.first_error, index.total, index.total_error
            );
            assert!((index.first - first).abs() < 4.0 * index.first_error, "{index:?} for {first}");
            assert!((index.total - total).abs() < 4.0 * index.total_error, "{index:?} for {total}");
            assert!(index.first_error < 0.02 && index.total_error < 0.02, "{index:?}");
            // The points are better than their blocks' scatter says.
            assert!((index.first - first).abs() < 0.01 && (index.total - total).abs() < 0.01, "{index:?}");
        }
    }

    /// (x − ½)(y − ½): neither input alone moves the mean, both together make all of the variance.
    #[test]
    fn an_interaction_is_seen_by_the_total_alone() {
        let [product, third] = sensitivity(3, 2048, 3, |u| [(u[0] - 0.5) * (u[1] - 0.5), u[2]]);
        let indices = product.indices.unwrap();
        for index in &indices[..2] {
            assert!(index.first.abs() < 0.02 && (index.total - 1.0).abs() < 0.02, "{index:?}");
            assert!(!index.first_told && index.total_told, "zero is not told from zero: {index:?}");
        }
        assert!(indices[2].total.abs() < 1e-12, "what is not in the output has no part in it");
        assert!((third.indices.unwrap()[2].first - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_constant_has_no_indices() {
        let [constant] = sensitivity(2, 32, 0, |_| [5.0]);
        assert_eq!((constant.mean, constant.standard_deviation, constant.indices), (5.0, 0.0, None));
        let [nothing] = sensitivity(0, 32, 0, |_| [5.0]);
        assert_eq!(nothing.indices, None);
    }

    #[test]
    fn no_coordinate_is_an_end_of_the_range_and_seeds_differ() {
        let all: Vec<f64> = (0..4096).map(|point| coordinate(point, 5, 9)).collect();
        assert!(all.iter().all(|u| 0.0 < *u && *u < 1.0));
        assert!((all.iter().sum::<f64>() / 4096.0 - 0.5).abs() < 1e-3);
        assert_ne!(coordinate(0, 0, 1), coordinate(0, 0, 2));
    }

    /// 300 inputs take 600 dimensions, more than the library has; each is as uniform as the others, and none is
    /// another one again.
    #[test]
    fn hundreds_of_inputs_share_the_variance() {
        let inputs = 300;
        let [found] = sensitivity_by_change(
            inputs,
            1024,
            5,
            |batch| (batch.to_vec(), batch.iter().map(|u| [u.iter().sum()]).collect()),
            |kept, batch, input| {
                let each =
                    |(kept, u): (&Vec<f64>, &Vec<f64>)| [kept.iter().sum::<f64>() - kept[input] + u[input]];
                kept.iter().zip(batch).map(each).collect()
            },
        );
        assert!((found.mean / 150.0 - 1.0).abs() < 1e-3, "{}", found.mean);
        assert!((found.standard_deviation / (300.0_f64 / 12.0).sqrt() - 1.0).abs() < 0.1, "{found:?}");
        let shares: Vec<f64> = found.indices.unwrap().iter().map(|index| index.total).collect();
        assert!(shares.iter().all(|share| (share * 300.0 - 1.0).abs() < 0.25), "{shares:?}");
        for other in [256, 512] {
            assert_ne!(coordinate(7, 0, 1), coordinate(7, other, 1));
        }
    }

    #[test]
    fn what_changes_alone_and_the_whole_agree() {
        let model = |u: &[f64]| [u[0] * u[1] + u[2].sqrt(), u[1]];
        let whole = sensitivity(3, 256, 5, model);
        let parts = sensitivity_by_change(
            3,
            256,
            5,
            |batch| {
                let kept = batch.iter().map(|u| [u[0] * u[1], u[2].sqrt()]);
                (kept.collect(), batch.iter().map(|u| model(u)).collect())
            },
            |kept, batch, input| {
                let each = |(kept, u): (&[f64; 2], &Vec<f64>)| match input {
                    2 => [kept[0] + u[2].sqrt(), u[1]],
                    _ => [u[0] * u[1] + kept[1], u[1]],
                };
                kept.iter().zip(batch).map(each).collect()
            },
        );
        assert_eq!(whole, parts);
    }

    #[test]
    fn the_order_of_threads_does_not_reach_the_indices() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sensitivity(3, 256, 5, |u| [u[0] * u[1] + u[2].sqrt()]))
        };
        assert_eq!(on(1), on(3));
    }
}
