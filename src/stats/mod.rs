//! Numbers only: nothing here knows what a token or a dollar is.

mod bootstrap;
#[cfg(test)]
mod coverage;
mod dirichlet;
mod lognormal;
mod proportion;
mod quantile;
mod random;
mod shapley;
mod shrinkage;

pub use bootstrap::{CAP_WEIGHT, Moments, Sample, SampleError, ScalarMoments};
pub use dirichlet::{category_probabilities, draw_category_probabilities};
pub use lognormal::{LogNormal, standard_normal_quantile, two_sided_p_value};
pub use proportion::{Proportion, binomial_at_most, jeffreys_interval, zero_event_bound};
pub use quantile::quantile;
pub use random::generator;
pub use shapley::shapley;
pub use shrinkage::{GroupMean, Shrunk, shrink};
