//! Numbers only: nothing here knows what a token or a dollar is.

mod lognormal;

pub use lognormal::{LogNormal, standard_normal_quantile};
