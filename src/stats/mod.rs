//! Numbers only: nothing here knows what a token or a dollar is.

mod bootstrap;
#[cfg(test)]
mod coverage;
mod dirichlet;
mod dispersion;
mod lognormal;
mod proportion;
mod quantile;
mod random;

pub use bootstrap::{CAP_WEIGHT, Moments, Sample, SampleError, ScalarMoments};
pub use dirichlet::{category_probabilities, draw_category_probabilities};
pub use dispersion::{Cells, Dispersion, Modulation, fit_modulation};
pub use lognormal::{LogNormal, standard_normal_quantile};
pub use proportion::{Proportion, jeffreys_interval, zero_event_bound};
pub use quantile::quantile;
pub use random::generator;
