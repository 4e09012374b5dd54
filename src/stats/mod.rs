//! Numbers only: nothing here knows what a token or a dollar is.

mod lognormal;
mod proportion;
mod quantile;

pub use lognormal::{LogNormal, standard_normal_quantile};
pub use proportion::jeffreys_interval;
pub use quantile::quantile;
