//! Numbers only: nothing here knows what a token or a dollar is.

mod bootstrap;
#[cfg(test)]
mod coverage;
mod dirichlet;
mod dispersion;
mod flow;
#[cfg(test)]
mod flow_tests;
mod lognormal;
mod proportion;
mod quantile;
mod random;
mod shapley;
mod shrinkage;
mod window;

pub use bootstrap::{CAP_WEIGHT, Moments, Sample, SampleError, ScalarMoments};
pub use dirichlet::{category_probabilities, draw_category_probabilities};
pub use dispersion::{Cells, Dispersion, Modulation, fit_modulation};
pub use flow::{Cover, Covering, FlowError, cheapest_covering, lower_convex_envelope};
pub use lognormal::{LogNormal, standard_normal_quantile, two_sided_p_value};
pub use proportion::{Proportion, binomial_at_most, jeffreys_interval, zero_event_bound};
pub use quantile::quantile;
pub use random::generator;
pub use shapley::shapley;
pub use shrinkage::{GroupMean, Shrunk, shrink};
pub use window::{
    AdmissionRow, AdmissionTable, Admitted, ArrivalTail, CountLaw, Excess, LoadLaw, Mark, Marks, Stream,
    Traffic, TranslatedGamma, UpperBound, WindowError,
};
