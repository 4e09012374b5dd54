//! Numbers only: nothing here knows what a token or a dollar is.

mod allocation;
mod bootstrap;
mod confidence;
#[cfg(test)]
mod coverage;
mod dirichlet;
mod dispersion;
mod drift;
mod flow;
#[cfg(test)]
mod flow_tests;
mod log_histogram;
mod lognormal;
mod order;
mod proportion;
mod quantile;
mod random;
mod shapley;
mod shrinkage;
mod sobol;
mod spend;
mod window;

pub use allocation::{
    Seen, Stratum, Total, for_budget, for_variance, total_of, variance_for_budget, variance_with_cap,
};
pub use bootstrap::{CAP_WEIGHT, Moments, Sample, SampleError, ScalarMoments};
pub use confidence::{BettingSequence, MeanInterval, empirical_bernstein, hedged_capital};
pub use dirichlet::{category_probabilities, draw_category_probabilities};
pub use dispersion::{Cells, Dispersion, Modulation, fit_modulation};
pub use drift::{CUSUM_ALLOWANCE, Cusum, SelfStarting, cusum_run_length, discoveries, same_law, same_shares};
pub use flow::{Cover, Covering, FlowError, cheapest_covering, lower_convex_envelope};
pub use log_histogram::{BUCKET_RATIO, Bucket, LogHistogram, ZERO_BUCKET, bucket_of};
pub use lognormal::{LogNormal, standard_normal_quantile, two_sided_p_value};
pub use order::{quantile_ranks, values_to_bound};
pub use proportion::{Proportion, binomial_at_most, jeffreys_interval, zero_event_bound};
pub use quantile::quantile;
pub use random::generator;
pub use shapley::shapley;
pub use shrinkage::{GroupMean, Shrunk, shrink};
pub use sobol::{Sensitivity, SobolIndex, sensitivity, sensitivity_by_change};
pub use spend::{SpendCell, SpendVariance};
pub use window::{
    AdmissionRow, AdmissionTable, Admitted, ArrivalTail, CountLaw, Excess, LoadLaw, Mark, Marks, Stream,
    Traffic, TranslatedGamma, UpperBound, WindowError,
};
