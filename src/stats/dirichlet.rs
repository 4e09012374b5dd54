//! Probabilities of categories from counts: how many images a request brings, which tier served it.

use rand_distr::{Distribution, Gamma};
use rand_pcg::Pcg64;

/// Jeffreys' prior for a multinomial: half an observation in every category.
const PRIOR: f64 = 0.5;

/// Posterior mean probabilities of categories seen `counts` times, under a Dirichlet(½, …, ½) prior.
///
/// `(k_i + ½) / (n + m/2)` for m categories. A count of 0 is a category known to exist and not yet
/// seen (a fourth draft image, say); one that is left out has probability 0. Empty in, empty out.
///
/// Source: Jeffreys (1946), "An Invariant Form for the Prior Probability in Estimation Problems".
///
/// ```
/// # use burndown::stats::category_probabilities;
/// assert_eq!(category_probabilities(&[6, 1, 0]), [6.5 / 8.5, 1.5 / 8.5, 0.5 / 8.5]);
/// ```
pub fn category_probabilities(counts: &[u64]) -> Vec<f64> {
    normalised(counts.iter().map(|&count| count as f64 + PRIOR).collect())
}

/// One draw of the probabilities from the posterior whose mean is [`category_probabilities`].
///
/// Independent Gamma(k_i + ½) variables divided by their sum; they are positive and sum to 1.
///
/// Source: Devroye (1986), "Non-Uniform Random Variate Generation", theorem XI.4.1.
///
/// ```
/// # use burndown::stats::{draw_category_probabilities, generator};
/// let drawn = draw_category_probabilities(&[6, 1, 0], &mut generator(1, 0));
/// assert!((drawn.iter().sum::<f64>() - 1.0).abs() < 1e-12);
/// ```
pub fn draw_category_probabilities(counts: &[u64], random: &mut Pcg64) -> Vec<f64> {
    let gammas = counts.iter().map(|&count| {
        let gamma = Gamma::new(count as f64 + PRIOR, 1.0).expect("the shape is at least one half");
        gamma.sample(random)
    });
    normalised(gammas.collect())
}

fn normalised(weights: Vec<f64>) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::generator;

    /// Mean a_i/A and variance a_i(A − a_i)/(A²(A + 1)), within 5 standard errors (of the variance:
    /// its relative error is near √(3/draws) or less for these shapes, so 10 % is generous).
    #[test]
    fn draws_have_the_moments_of_the_dirichlet_law() {
        let (counts, draws) = ([6, 1, 0], 4000);
        let mut random = generator(5, 0);
        let drawn: Vec<Vec<f64>> =
            (0..draws).map(|_| draw_category_probabilities(&counts, &mut random)).collect();
        let total = 8.5;
        for (i, expected) in category_probabilities(&counts).into_iter().enumerate() {
            let mean = drawn.iter().map(|p| p[i]).sum::<f64>() / f64::from(draws);
            let variance = drawn.iter().map(|p| (p[i] - mean).powi(2)).sum::<f64>() / f64::from(draws);
            let exact = expected * (1.0 - expected) / (total + 1.0);
            assert!((mean - expected).abs() < 5.0 * (exact / f64::from(draws)).sqrt(), "mean {mean}");
            assert!((variance / exact - 1.0).abs() < 0.1, "variance {variance} instead of {exact}");
        }
    }

    #[test]
    fn no_categories_have_no_probabilities() {
        assert_eq!(category_probabilities(&[]), Vec::<f64>::new());
        assert_eq!(category_probabilities(&[0, 0]), [0.5, 0.5]);
    }
}
