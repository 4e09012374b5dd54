//! Numbers only: nothing here knows what a token or a dollar is.

mod bootstrap;
#[cfg(test)]
mod coverage;
mod dirichlet;
mod log_histogram;
mod lognormal;
mod proportion;
mod quantile;
mod random;
mod shrinkage;

pub use bootstrap::{CAP_WEIGHT, Moments, Sample, SampleError, ScalarMoments};
pub use dirichlet::{category_probabilities, draw_category_probabilities};
pub use log_histogram::{BUCKET_RATIO, Bucket, LogHistogram, ZERO_BUCKET, bucket_of};
pub use lognormal::{LogNormal, standard_normal_quantile};
pub use proportion::{Proportion, jeffreys_interval, zero_event_bound};
pub use quantile::quantile;
pub use random::generator;
pub use shrinkage::{GroupMean, Shrunk, shrink};
