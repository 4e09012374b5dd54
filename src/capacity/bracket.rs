//! Windows of many requests: where whole-request admission lies between the fluid and an upper bound.
//!
//! Following every request of a window of hundreds costs too much for every count. The way from the lower to
//! the upper bound hardly depends on how many requests a window holds: identical sizes lie at the upper bound,
//! sizes that differ much near the lower, since small requests fill what large ones leave. So it is measured
//! on windows of 50 requests with the same traffic at the same ratio of load to quota.

use rayon::prelude::*;

use crate::stats::{AdmissionRow, AdmissionTable, Admitted, ArrivalTail, LoadLaw, Traffic, UpperBound};

/// Mean requests of the windows on which the way is measured.
const REQUESTS: f64 = 50.0;

/// Arrivals followed there: windows of up to 12 times the quota.
const ARRIVALS: usize = 600;

/// What is measured: ratios of load to quota this far apart in their logarithm, up to ten times the quota and down
/// to a third of it in the busiest cell.
const SPACING: f64 = 0.5;
const LOAD_PER_QUOTA_MAX: f64 = 10.0;
const QUOTA_PER_LOAD_MAX: f64 = 3.0;

/// A bracket narrower than this share says nothing.
const VISIBLE: f64 = 1e-6;

/// Without a measurement: part of the way for mixed sizes.
const UNMEASURED: f64 = 0.6;

/// Admission of windows of 50 requests: what all measurements share.
pub(super) struct Ruler {
    quota: f64,
    rows: Vec<(f64, AdmissionRow)>,
    /// A mean request.
    mean: Admitted,
    identical: bool,
}

impl Ruler {
    /// For sizes of this mean.
    pub fn new(table: &AdmissionTable, mean: Admitted, identical: bool) -> Ruler {
        let quota = REQUESTS * mean.load;
        let used = table.capacities(quota).into_iter().filter(|(_, weight)| *weight > 0.0 && !identical);
        let rows = used.map(|(capacity, weight)| (weight, table.row(capacity, ARRIVALS))).collect();
        Ruler { quota, rows, mean, identical }
    }

    /// The way for ratios of mean load to quota between two; one for all windows and loads of this traffic, since
    /// only the ratio tells. What is known of the same traffic and sizes is not measured again.
    pub fn ways(&self, traffic: &Traffic, (lowest, highest): (f64, f64), known: Option<&Ways>) -> Ways {
        if self.identical {
            return Ways::default();
        }
        let known = known.map_or(&[][..], |ways| &ways.listed);
        let peak = traffic.busiest_load() / traffic.mean_load();
        // Nodes lie at multiples of the spacing, so that other windows and loads find the same ones.
        let node = |ratio: f64| ratio.ln() / SPACING;
        let first = node(lowest).floor().max(node(1.0 / (peak * QUOTA_PER_LOAD_MAX)).ceil());
        let last = node(highest).ceil().min(node(LOAD_PER_QUOTA_MAX).floor());
        // Beyond both ends the nearest node speaks.
        let first = first.min(last);
        let measured = |step: i32| {
            let log_ratio = f64::from(step) * SPACING;
            if let Some(same) = known.iter().find(|(at, _)| *at == log_ratio) {
                return Some(*same);
            }
            let length = log_ratio.exp() * self.quota / traffic.mean_load();
            Some((log_ratio, self.measured(traffic, length)?))
        };
        Ways { listed: (first as i32..=last as i32).into_par_iter().filter_map(measured).collect() }
    }

    /// Bounds of windows with this mean load.
    pub fn bracket(&self, ways: &Ways, upper: UpperBound, load: f64) -> Bracket {
        let weight = if self.identical { 1.0 } else { UNMEASURED };
        let unmeasured = Way { weight, requests: 1.0, second: 1.0 };
        Bracket { upper, ways: ways.clone(), log_load: load.ln(), unmeasured }
    }

    fn measured(&self, traffic: &Traffic, length: f64) -> Option<Way> {
        let mean = self.mean;
        let law = LoadLaw::new(traffic, length, self.quota);
        let upper = law.upper_bound(traffic, length).left(self.quota);
        let width = upper.load - law.excess(self.quota);
        if width < VISIBLE * law.mean() {
            return None;
        }
        let tail = ArrivalTail::new(traffic, length, ARRIVALS);
        let mut admitted = Admitted::default();
        for (weight, row) in &self.rows {
            admitted.add(*weight, row.admitted(&tail));
        }
        let offered = traffic.mean_rate() * length;
        let left = |mean: f64, admitted: f64| (offered * mean - admitted).max(0.0);
        let load = left(mean.load, admitted.load);
        let ratio =
            |left: f64, bound: f64| if bound > 0.0 { left / bound / (load / upper.load) } else { 1.0 };
        Some(Way {
            weight: ((load - law.excess(self.quota)) / width).clamp(0.0, 1.0),
            requests: ratio(left(1.0, admitted.requests), upper.requests),
            second: ratio(left(mean.second, admitted.second), upper.second),
        })
    }
}

/// Where between the bounds, and how other shares shrink when the share of load shrinks by a factor.
#[derive(Clone, Copy, Debug)]
struct Way {
    weight: f64,
    requests: f64,
    second: f64,
}

/// The way by the logarithm of load over quota, ascending; only where a measurement says something.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    listed: Vec<(f64, Way)>,
}

/// Bounds of a band, and the way between them by quota.
pub(super) struct Bracket {
    upper: UpperBound,
    ways: Ways,
    /// Logarithm of the windows' mean load.
    log_load: f64,
    unmeasured: Way,
}

/// What is left of a window's offer.
pub(super) struct Bracketed {
    /// The value taken.
    pub left: Admitted,
    /// Upper less lower bound of the load left.
    pub width: f64,
}

impl Bracket {
    /// Left above a quota per window, given the fluid's excess.
    pub fn left(&self, quota: f64, fluid: f64) -> Bracketed {
        let bound = self.upper.left(quota);
        let width = (bound.load - fluid).max(0.0);
        let way = self.ways.at(self.log_load - quota.ln()).unwrap_or(self.unmeasured);
        let load = fluid + way.weight * width;
        let factor = if bound.load > 0.0 { load / bound.load } else { 1.0 };
        let left = Admitted {
            load,
            requests: bound.requests * factor * way.requests,
            second: bound.second * factor * way.second,
        };
        Bracketed { left, width }
    }
}

impl Ways {
    /// Straight between measurements; `None` without any.
    fn at(&self, log_ratio: f64) -> Option<Way> {
        let after = self.listed.partition_point(|(at, _)| *at < log_ratio);
        match (after.checked_sub(1).map(|index| &self.listed[index]), self.listed.get(after)) {
            (Some((from, left)), Some((to, right))) => {
                let part = (log_ratio - from) / (to - from);
                let mix = |left: f64, right: f64| left + (right - left) * part;
                Some(Way {
                    weight: mix(left.weight, right.weight),
                    requests: mix(left.requests, right.requests),
                    second: mix(left.second, right.second),
                })
            }
            (Some((_, way)), None) | (None, Some((_, way))) => Some(*way),
            (None, None) => None,
        }
    }
}
