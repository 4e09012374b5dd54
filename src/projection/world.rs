//! One way everything may turn out, as factors on what the plan expects.

use crate::model::ByClass;

/// Standard deviation of the logarithm of the shape of a window's counts where nobody stated how requests
/// bunch: 90 % between about half and twice the default, r = 4 to 16.
///
/// Assumed; it spans what logs of image services and of conversations show around their hours.
pub(super) const BURST_LOG_DEVIATION: f64 = 0.4;

/// One draw of everything that is not known.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// In the order of the workload's routes.
    pub routes: Vec<RouteWorld>,
    /// A busy or quiet month: factor on its requests.
    pub busy: f64,
    /// Logarithm of the factor on the shape of a window's counts.
    pub log_shape: f64,
}

/// One route's factors.
#[derive(Clone, Debug)]
pub(super) struct RouteWorld {
    /// On its requests.
    pub volume: f64,
    /// On its requests, again for each month since the start.
    pub growth: f64,
    /// On the mean tokens of a request.
    pub tokens: ByClass<f64>,
}

impl RouteWorld {
    /// Factor on the requests of a month, counted from 0.
    pub fn traffic(&self, month: usize) -> f64 {
        self.volume * self.growth.powi(month as i32)
    }
}
