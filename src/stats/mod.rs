//! Numbers only: nothing here knows what a token or a dollar is.

mod allocation;
mod bootstrap;
mod confidence;
#[cfg(test)]
mod coverage;
mod dirichlet;
mod drift;
mod lognormal;
mod order;
mod proportion;
mod quantile;
mod random;

pub use allocation::{
    Seen, Stratum, Total, for_budget, for_variance, total_of, variance_for_budget, variance_with_cap,
};
pub use bootstrap::{CAP_WEIGHT, Moments, Sample, SampleError, ScalarMoments};
pub use confidence::{BettingSequence, MeanInterval, empirical_bernstein, hedged_capital};
pub use dirichlet::{category_probabilities, draw_category_probabilities};
pub use drift::{CUSUM_ALLOWANCE, Cusum, SelfStarting, cusum_run_length, discoveries, same_law, same_shares};
pub use lognormal::{LogNormal, standard_normal_quantile};
pub use order::{quantile_ranks, values_to_bound};
pub use proportion::{Proportion, jeffreys_interval, zero_event_bound};
pub use quantile::quantile;
pub use random::generator;
