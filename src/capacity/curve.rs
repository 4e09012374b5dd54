//! What every GSU count leaves to PayGo.
//!
//! Quota is enforced per window, and the window shrinks as the count grows: the curve is a saw-tooth, on which
//! more GSUs can leave more. So every count is computed, from zero to three times the busiest hour's mean.
//! Requests are admitted whole. See [`crate::stats::LoadLaw`] and [`crate::stats::AdmissionTable`].

use schemars::JsonSchema;
use serde::Serialize;

use super::{Throughput, Window, pool::Pool};
use crate::{
    model::ModelId,
    stats::{Traffic, WindowError},
};

/// Why there is no curve.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CurveError {
    /// The book has no enforcement windows.
    #[error("the capacity book has no enforcement windows for {0}, so what its quota admits is unknown")]
    NoWindows(ModelId),
    /// More GSUs than anyone can buy.
    #[error("the busiest hour takes {0:.0} GSUs, more than 1e9: are the rates and tokens per request right?")]
    TooMany(f64),
    /// Rates or sizes that make no law.
    #[error(transparent)]
    Traffic(#[from] WindowError),
}

/// Shares of the traffic that provisioned throughput does not admit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LeftShares {
    /// Of burn tokens.
    pub tokens: f64,
    /// Of requests.
    pub requests: f64,
    /// Of the windows: those with at least one request that is not admitted.
    pub windows: f64,
    /// Of the second value of requests (dollars); `None` when no request has one.
    pub dollars: Option<f64>,
}

/// How a point was computed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Method {
    /// Request by request.
    Exact,
    /// Between two bounds; exact for identical sizes.
    Bracket {
        /// Upper less lower bound of the share of tokens.
        width: f64,
    },
}

/// What one GSU count leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CurvePoint {
    /// The count.
    pub gsu: u64,
    /// Its enforcement window; `None` at 0.
    pub window: Option<Window>,
    /// Burn tokens that a window admits.
    pub quota: f64,
    /// What is left to PayGo.
    pub left: LeftShares,
    /// Share of requests bigger than the quota, which are always left.
    pub too_large: f64,
    /// How it was computed.
    pub method: Method,
}

/// All counts of one pool.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Curve {
    /// Burn tokens a second of one GSU.
    pub tokens_per_second_per_gsu: f64,
    /// Mean load in GSUs, before rounding.
    pub mean_gsu: f64,
    /// Mean load of the busiest cell in GSUs.
    pub busiest_gsu: f64,
    /// Google's formula on the mean load: rounded up to the increment, at least the minimum.
    pub google_gsu: u64,
    /// The smallest count by which in a month of 730 hours less than one window is expected to leave anything;
    /// looked for up to 12 times the busiest cell, `None` when even that leaves more.
    pub peak_window_gsu: Option<u64>,
    /// Distance of the counts listed in the last band; the book's increment unless the load is huge.
    pub last_stride: u64,
    /// Zero and every count that can be bought, ascending, up to three times the busiest cell.
    pub points: Vec<CurvePoint>,
}

/// Two neighbouring counts of which the larger leaves more tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Rise {
    /// The smaller count.
    pub from_gsu: u64,
    /// The larger.
    pub to_gsu: u64,
    /// Share of tokens that the smaller leaves.
    pub left_before: f64,
    /// Share of tokens that the larger leaves.
    pub left_after: f64,
}

/// Which share a size is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShareOf {
    /// Burn tokens.
    Tokens,
    /// Requests.
    Requests,
    /// Windows with anything left.
    Windows,
    /// Dollars.
    Dollars,
}

/// The curve of a pool over all GSU counts.
///
/// `traffic` has rates in requests a second for each cell (an hour of the week, say) and sizes in burn tokens,
/// with the PayGo dollars of such a request as second value. Laws of sizes are compressed to 64 sizes.
///
/// Counts run from 0 to three times the busiest cell's mean, and at least to the minimum. Where these are more
/// than 100,000, the last band lists every `last_stride`-th; there the window is fixed and what is left falls
/// with the count. Windows that hold at most 30 mean requests are exact; above, the share lies between the
/// fluid's and an upper bound: at the upper for identical sizes, else as far from the lower as in windows of 50
/// requests at the same ratio of load to quota, which are followed exactly.
/// Streams of different sizes are pooled for admission, and the pool's share is moved by what the true mix
/// changes in the fluid's. That is right for tokens; shares of requests and dollars move with tokens, so where
/// small and large requests come at opposite hours the share of requests is up to 0.1 too high.
///
/// # Errors
///
/// When the book has no windows for the model or the load is beyond 1e9 GSUs.
pub fn curve(row: &Throughput, traffic: &Traffic) -> Result<Curve, CurveError> {
    Pool::new(row, traffic)?.curve()
}

impl Curve {
    /// The point of a count; `None` when the curve does not list it.
    pub fn point(&self, gsu: u64) -> Option<&CurvePoint> {
        let index = self.points.binary_search_by_key(&gsu, |point| point.gsu).ok()?;
        Some(&self.points[index])
    }

    /// The smallest count that leaves at most this share; `None` when none of the curve does.
    /// Larger counts may leave more: see [`Curve::rises`].
    pub fn smallest(&self, of: ShareOf, at_most: f64) -> Option<&CurvePoint> {
        self.points.iter().find(|point| point.left.share(of).is_some_and(|share| share <= at_most))
    }

    /// Where one step more leaves more tokens, by more than the two brackets may be wrong.
    pub fn rises(&self) -> Vec<Rise> {
        let pairs = self.points.windows(2);
        let rising = pairs.filter(|pair| {
            let doubt = (pair[0].method.width() + pair[1].method.width()) / 4.0;
            pair[1].left.tokens > pair[0].left.tokens + doubt + 1e-9
        });
        let rise = |pair: &[CurvePoint]| Rise {
            from_gsu: pair[0].gsu,
            to_gsu: pair[1].gsu,
            left_before: pair[0].left.tokens,
            left_after: pair[1].left.tokens,
        };
        rising.map(rise).collect()
    }

    /// Counts that are worth stopping at: of every band that another follows, the smallest count that leaves as
    /// few tokens as any of the band. It is the last that gains room for another whole request.
    pub fn sweet_spots(&self) -> Vec<u64> {
        let bands = self.points.chunk_by(|a, b| a.window == b.window);
        let last = self.points.last().map(|point| point.gsu);
        let mut spots = Vec::new();
        for band in bands.filter(|band| band[0].gsu > 0 && band.last().map(|point| point.gsu) != last) {
            let least = band.iter().map(|point| point.left.tokens).fold(f64::INFINITY, f64::min);
            let first = band.iter().find(|point| point.left.tokens <= least * (1.0 + 1e-9) + 1e-12);
            spots.extend(first.map(|point| point.gsu));
        }
        spots
    }
}

impl LeftShares {
    /// One of the shares; `None` for dollars where no request has any.
    pub fn share(&self, of: ShareOf) -> Option<f64> {
        match of {
            ShareOf::Tokens => Some(self.tokens),
            ShareOf::Requests => Some(self.requests),
            ShareOf::Windows => Some(self.windows),
            ShareOf::Dollars => self.dollars,
        }
    }
}

impl Method {
    /// Upper less lower bound; 0 when exact.
    pub fn width(self) -> f64 {
        match self {
            Method::Exact => 0.0,
            Method::Bracket { width } => width,
        }
    }
}
