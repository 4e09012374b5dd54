//! Gauss's quadrature of a weighted list of points: a few of them stand for all.
//!
//! Lanczos's method gives the recurrence of the polynomials that are orthogonal under the weights; the eigenvalues of
//! its matrix are the nodes, the squared first components of the eigenvectors their weights.
//!
//! Source: Golub & Welsch (1969), "Calculation of Gauss quadrature rules"; Gautschi (2004), "Orthogonal
//! Polynomials", section 2.2.3.3.

/// A remainder below this is rounding: the points so far tell everything.
const ROUNDING: f64 = 1e-13;

/// Sweeps for one eigenvalue at most; two or three are usual.
const SWEEPS: usize = 60;

/// At most `count` nodes, ascending, with weights above zero: the weighted mean of any polynomial of a degree below
/// 2·`count` is the same at the nodes as at the points.
///
/// `points` lie between −1 and 1; their `weights` add up to 1.
pub(super) fn nodes(points: &[f64], weights: &[f64], count: usize) -> Vec<(f64, f64)> {
    let (mut diagonal, mut beside) = recurrence(points, weights, count);
    let first = diagonalised(&mut diagonal, &mut beside);
    let mut nodes: Vec<(f64, f64)> = diagonal.into_iter().zip(first.iter().map(|part| part * part)).collect();
    nodes.sort_by(|a, b| a.0.total_cmp(&b.0));
    nodes
}

/// The same for weighted values of any range and total weight: at most `count` values, with weights of the same sum.
pub(super) fn few(listed: &[(f64, f64)], count: usize) -> Vec<(f64, f64)> {
    let ends = |(low, high): (f64, f64), (value, _): &(f64, f64)| (low.min(*value), high.max(*value));
    let (low, high) = listed.iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    let whole: f64 = listed.iter().map(|(_, weight)| weight).sum();
    let (middle, half) = (f64::midpoint(low, high), (high - low) / 2.0);
    if half == 0.0 {
        return vec![(low, whole)];
    }
    let (points, weights): (Vec<f64>, Vec<f64>) =
        listed.iter().map(|(value, weight)| ((value - middle) / half, weight / whole)).unzip();
    // Rounding neither leads beyond the ends nor leaves a node without weight.
    let back = |(point, weight): (f64, f64)| ((middle + half * point).clamp(low, high), weight * whole);
    nodes(&points, &weights, count).into_iter().map(back).filter(|(_, weight)| *weight > 0.0).collect()
}

/// Diagonal and off-diagonal of the matrix that multiplication by the point has in orthonormal polynomials.
fn recurrence(points: &[f64], weights: &[f64], count: usize) -> (Vec<f64>, Vec<f64>) {
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let (mut diagonal, mut beside) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut polynomials: Vec<Vec<f64>> = vec![weights.iter().map(|weight| weight.sqrt()).collect()];
    loop {
        let last = &polynomials[polynomials.len() - 1];
        let mut next: Vec<f64> = last.iter().zip(points).map(|(value, point)| value * point).collect();
        diagonal.push(dot(last, &next));
        if diagonal.len() == count {
            return (diagonal, beside);
        }
        // Once leaves rounding that grows from step to step; twice is enough.
        for _ in 0..2 {
            for polynomial in &polynomials {
                let part = dot(polynomial, &next);
                next.iter_mut().zip(polynomial).for_each(|(value, other)| *value -= part * other);
            }
        }
        let size = dot(&next, &next).sqrt();
        if size < ROUNDING {
            return (diagonal, beside);
        }
        next.iter_mut().for_each(|value| *value /= size);
        beside.push(size);
        polynomials.push(next);
    }
}

/// Makes a symmetric matrix of three diagonals diagonal by rotations; first components of its eigenvectors.
fn diagonalised(diagonal: &mut [f64], beside: &mut Vec<f64>) -> Vec<f64> {
    let count = diagonal.len();
    beside.resize(count, 0.0);
    let mut first = vec![0.0; count];
    first[0] = 1.0;
    for low in 0..count {
        for _ in 0..SWEEPS {
            let parted = |at: &usize| {
                beside[*at].abs() <= f64::EPSILON * (diagonal[*at].abs() + diagonal[*at + 1].abs())
            };
            let high = (low..count - 1).find(parted).unwrap_or(count - 1);
            if high == low {
                break;
            }
            sweep(&mut diagonal[low..=high], &mut beside[low..=high], &mut first[low..=high]);
        }
    }
    first
}

/// One sweep of the implicit QL method: Wilkinson's shift at the top, chased up from the bottom.
fn sweep(diagonal: &mut [f64], beside: &mut [f64], first: &mut [f64]) {
    let last = diagonal.len() - 1;
    let half = (diagonal[1] - diagonal[0]) / (2.0 * beside[0]);
    let shift = diagonal[0] - beside[0] / (half + half.hypot(1.0).copysign(half));
    let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
    let mut chased = diagonal[last] - shift;
    for at in (0..last).rev() {
        let (bulge, rest) = (sine * beside[at], cosine * beside[at]);
        let size = bulge.hypot(chased);
        beside[at + 1] = size;
        if size == 0.0 {
            // The matrix fell apart here: the next sweep takes the parts.
            diagonal[at + 1] -= moved;
            beside[last] = 0.0;
            return;
        }
        (sine, cosine) = (bulge / size, chased / size);
        let below = diagonal[at + 1] - moved;
        let turned = (diagonal[at] - below) * sine + 2.0 * cosine * rest;
        moved = sine * turned;
        diagonal[at + 1] = below + moved;
        chased = cosine * turned - rest;
        let (above, under) = (first[at], first[at + 1]);
        first[at + 1] = sine * above + cosine * under;
        first[at] = cosine * above - sine * under;
    }
    diagonal[0] -= moved;
    beside[0] = chased;
    beside[last] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(points: &[(f64, f64)], power: i32) -> f64 {
        points.iter().map(|(point, weight)| weight * point.powi(power)).sum()
    }

    /// Points as uneven as hours of the week, and their weights.
    fn hours(count: usize) -> (Vec<f64>, Vec<f64>) {
        let points = (0..count).map(|k| (k as f64 * 1.7).sin() * (1.0 - 0.3 * (k as f64 * 0.11).cos()) / 1.3);
        let weights: Vec<f64> = (0..count).map(|k| 1.0 + (k % 5) as f64).collect();
        let whole: f64 = weights.iter().sum();
        (points.collect(), weights.iter().map(|weight| weight / whole).collect())
    }

    #[test]
    fn moments_are_kept_up_to_twice_the_nodes() {
        for (count, few) in [(168, 1), (168, 6), (720, 25), (24, 23)] {
            let (points, weights) = hours(count);
            let all: Vec<(f64, f64)> = points.iter().copied().zip(weights.iter().copied()).collect();
            let nodes = nodes(&points, &weights, few);
            assert_eq!(nodes.len(), few);
            assert!(nodes.iter().all(|(node, weight)| *weight > 0.0 && (-1.0..=1.0).contains(node)));
            assert!(nodes.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let apart = |power: i32| (mean(&nodes, power) - mean(&all, power)).abs();
            for power in 0..2 * few as i32 {
                assert!(apart(power) < 1e-13, "{few} of {count}, power {power}: {}", apart(power));
            }
            assert!(few > 6 || apart(2 * few as i32) > 1e-9, "{few} of {count} are enough for more");
        }
    }

    /// Equal weights at the zeros of a Chebyshev polynomial: a rule of fewer nodes is that of the next lower one.
    #[test]
    fn nodes_of_a_known_weight_are_those_of_its_rule() {
        let zero = |k: usize, of: usize| -((2 * k + 1) as f64 * std::f64::consts::PI / (2 * of) as f64).cos();
        let points: Vec<f64> = (0..50).map(|k| zero(k, 50)).collect();
        for (k, (node, weight)) in nodes(&points, &[0.02; 50], 7).into_iter().enumerate() {
            assert!((node - zero(k, 7)).abs() < 1e-14, "{node}, expected {}", zero(k, 7));
            assert!((weight - 1.0 / 7.0).abs() < 1e-14, "{weight}");
        }
    }

    #[test]
    fn few_points_are_their_own_nodes() {
        let found = nodes(&[-0.5, 0.25, 1.0], &[0.2, 0.3, 0.5], 9);
        for ((node, weight), expected) in found.iter().zip([(-0.5, 0.2), (0.25, 0.3), (1.0, 0.5)]) {
            assert!((node - expected.0).abs() < 1e-12 && (weight - expected.1).abs() < 1e-12, "{found:?}");
        }
        assert_eq!(found.len(), 3);
    }
}
