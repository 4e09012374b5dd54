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

impl World {
    /// Everything as planned.
    pub fn planned(routes: usize) -> World {
        let route = RouteWorld { volume: 1.0, growth: 1.0, tokens: ByClass::from_fn(|_| 1.0) };
        World { routes: vec![route; routes], busy: 1.0, log_shape: 0.0 }
    }
}

impl RouteWorld {
    /// Factors on the requests of the first, second, … month.
    pub fn traffic(&self) -> impl Iterator<Item = f64> {
        std::iter::successors(Some(self.volume), |factor| Some(factor * self.growth))
    }
}
