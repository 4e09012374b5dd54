//! Small samples borrow strength from their neighbours: normal–normal shrinkage of group means.

/// A group's mean and how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupMean {
    /// Its mean, on a scale where groups differ by addition (logarithms for positive quantities).
    pub mean: f64,
    /// Variance of that mean, above 0.
    pub variance: f64,
}

/// What the groups together say of each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// Mean over all groups, weighted by how much each says of it.
    pub common: f64,
    /// Variance between the groups, τ²; 0 when their differences are no larger than chance.
    pub between: f64,
    /// Posterior mean and variance of each group, in the order given.
    pub groups: Vec<GroupMean>,
}

/// Shrinks group means toward their common mean.
///
/// τ² is the moment estimate of DerSimonian and Laird (1986), not below 0; each group keeps the share
/// τ²/(τ² + variance) of its distance from the common mean. One group stays where it is.
///
/// # Panics
///
/// When a mean or a variance is not finite, or a variance is not above 0.
///
/// ```
/// # use burndown::stats::{GroupMean, shrink};
/// let far_apart = [GroupMean { mean: 0.0, variance: 0.01 }, GroupMean { mean: 5.0, variance: 0.01 }];
/// let close = [GroupMean { mean: 0.0, variance: 1.0 }, GroupMean { mean: 0.1, variance: 1.0 }];
/// assert!((shrink(&far_apart).groups[1].mean - 5.0).abs() < 0.01);
/// assert!((shrink(&close).groups[1].mean - 0.05).abs() < 0.01);
/// ```
pub fn shrink(groups: &[GroupMean]) -> Shrunk {
    for group in groups {
        let sound = group.mean.is_finite() && group.variance.is_finite() && group.variance > 0.0;
        assert!(sound, "a group needs a finite mean and a variance above 0, found {group:?}");
    }
    let between = between_variance(groups);
    let weight = |group: &GroupMean| 1.0 / (between + group.variance);
    let total: f64 = groups.iter().map(weight).sum();
    let common = groups.iter().map(|group| weight(group) * group.mean).sum::<f64>() / total;
    let posterior = |group: &GroupMean| {
        let kept = between / (between + group.variance);
        GroupMean {
            mean: common + kept * (group.mean - common),
            // What is left of the group's own doubt, and the doubt about the common mean it leans on.
            variance: kept * group.variance + (1.0 - kept).powi(2) / total,
        }
    };
    if groups.len() < 2 {
        let common = groups.first().map_or(f64::NAN, |group| group.mean);
        return Shrunk { common, between: 0.0, groups: groups.to_vec() };
    }
    Shrunk { common, between, groups: groups.iter().map(posterior).collect() }
}

/// DerSimonian and Laird's τ²: what Cochran's Q exceeds its degrees of freedom by.
fn between_variance(groups: &[GroupMean]) -> f64 {
    let weights: Vec<f64> = groups.iter().map(|group| 1.0 / group.variance).collect();
    let total: f64 = weights.iter().sum();
    let mean = groups.iter().zip(&weights).map(|(group, weight)| weight * group.mean).sum::<f64>() / total;
    let q: f64 =
        groups.iter().zip(&weights).map(|(group, weight)| weight * (group.mean - mean).powi(2)).sum();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    let scale = total - squares / total;
    let freedom = groups.len().saturating_sub(1) as f64;
    if scale > 0.0 { ((q - freedom) / scale).max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::{Distribution, Normal};

    use super::*;
    use crate::stats::generator;

    /// Worked by hand: weights 1 and 1, mean 1, Q = 2, scale = 2 − 2/2 = 1, τ² = 2 − 1 = 1.
    #[test]
    fn two_groups_by_hand() {
        let groups = [GroupMean { mean: 0.0, variance: 1.0 }, GroupMean { mean: 2.0, variance: 1.0 }];
        let shrunk = shrink(&groups);
        assert!((shrunk.between - 1.0).abs() < 1e-12 && (shrunk.common - 1.0).abs() < 1e-12);
        assert!((shrunk.groups[0].mean - 0.5).abs() < 1e-12 && (shrunk.groups[1].mean - 1.5).abs() < 1e-12);
        // ½ of its own variance, and a quarter of the common mean's, which is 1.
        assert!((shrunk.groups[0].variance - 0.75).abs() < 1e-12);
    }

    #[test]
    fn a_single_group_stays_where_it_is() {
        let alone = [GroupMean { mean: 3.0, variance: 2.0 }];
        assert_eq!(shrink(&alone).groups, alone);
    }

    /// 24 cells of 3 to 8 requests, between-cell deviation 0.25, within 0.8: the error of the shrunk means
    /// falls to about 0.22 where raw means have 0.36 and the common mean alone 0.26.
    #[test]
    fn shrinkage_beats_both_raw_and_pooled_means() {
        let (between, within) = (Normal::new(0.0, 0.25).unwrap(), Normal::new(0.0, 0.8).unwrap());
        let mut errors = [0.0; 3];
        let trials = 400;
        for trial in 0..trials {
            let mut random = generator(86, trial);
            let truth: Vec<f64> = (0..24).map(|_| between.sample(&mut random)).collect();
            let groups: Vec<GroupMean> = truth
                .iter()
                .map(|truth| {
                    let n = random.random_range(3..=8);
                    let sum: f64 = (0..n).map(|_| truth + within.sample(&mut random)).sum();
                    GroupMean { mean: sum / f64::from(n), variance: 0.64 / f64::from(n) }
                })
                .collect();
            let shrunk = shrink(&groups);
            for (at, truth) in truth.iter().enumerate() {
                errors[0] += (groups[at].mean - truth).powi(2);
                errors[1] += (shrunk.groups[at].mean - truth).powi(2);
                errors[2] += (shrunk.common - truth).powi(2);
            }
        }
        let [raw, shrunk, pooled] = errors.map(|sum| (sum / (24.0 * trials as f64)).sqrt());
        assert!((raw - 0.36).abs() < 0.02, "{raw}");
        assert!((shrunk - 0.22).abs() < 0.02, "{shrunk}");
        assert!(shrunk < pooled && pooled < raw, "{shrunk} {pooled} {raw}");
    }
}
