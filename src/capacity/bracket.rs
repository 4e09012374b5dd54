//! Windows of many requests: where whole-request admission lies between the fluid and an upper bound.
//!
//! Following every request of a window of hundreds costs too much for every count. The way from the lower to
//! the upper bound hardly depends on how many requests a window holds: identical sizes lie at the upper bound,
//! sizes that differ much near the lower, since small requests fill what large ones leave. So it is measured
//! on windows of 50 requests with the same traffic at the same ratio of load to quota.

use crate::stats::{AdmissionRow, AdmissionTable, Admitted, ArrivalTail, LoadLaw, Traffic, UpperBound};

/// Mean requests of the windows on which the way is measured.
const REQUESTS: f64 = 50.0;

/// Arrivals followed there: windows of up to 12 times the quota.
const ARRIVALS: usize = 600;

/// Quotas that are measured, from a tenth of the mean load to three times the busiest.
const ANCHORS: u32 = 6;
const LOAD_PER_QUOTA_MAX: f64 = 10.0;
const QUOTA_PER_LOAD_MAX: f64 = 3.0;

/// A bracket narrower than this share says nothing.
const VISIBLE: f64 = 1e-6;

/// Without a measurement: part of the way for mixed sizes.
const UNMEASURED: f64 = 0.6;

/// Admission of windows of 50 requests: what every band's measurements share.
pub(super) struct Ruler {
    quota: f64,
    rows: Vec<(f64, AdmissionRow)>,
    identical: bool,
}

impl Ruler {
    /// For sizes of this mean.
    pub fn new(table: &AdmissionTable, mean: f64, identical: bool) -> Ruler {
        let quota = REQUESTS * mean;
        let used = table.capacities(quota).into_iter().filter(|(_, weight)| *weight > 0.0 && !identical);
        Ruler {
            quota,
            rows: used.map(|(capacity, weight)| (weight, table.row(capacity, ARRIVALS))).collect(),
            identical,
        }
    }

    /// The way for quotas from `smallest` to `largest` on windows of `seconds`; `mean` is a mean request.
    pub fn bracket(
        &self,
        (traffic, seconds): (&Traffic, f64),
        upper: UpperBound,
        mean: Admitted,
        (smallest, largest): (f64, f64),
    ) -> Bracket {
        let mut ways: Vec<(f64, Way)> = Vec::new();
        if !self.identical {
            let low = smallest.max(traffic.mean_load() * seconds / LOAD_PER_QUOTA_MAX).min(largest);
            let high = largest.min(traffic.busiest_load() * seconds * QUOTA_PER_LOAD_MAX).max(low);
            for step in 0..ANCHORS {
                let quota = low * (high / low).powf(f64::from(step) / f64::from(ANCHORS - 1));
                let way = self.measured(traffic, seconds * self.quota / quota, mean);
                ways.extend(way.map(|way| (quota.ln(), way)));
                if high / low < 1.02 {
                    break;
                }
            }
        }
        let weight = if self.identical { 1.0 } else { UNMEASURED };
        Bracket { upper, ways, unmeasured: Way { weight, requests: 1.0, second: 1.0 } }
    }

    fn measured(&self, traffic: &Traffic, length: f64, mean: Admitted) -> Option<Way> {
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
#[derive(Clone, Copy)]
struct Way {
    weight: f64,
    requests: f64,
    second: f64,
}

/// Bounds of a band, and the way between them by quota.
pub(super) struct Bracket {
    upper: UpperBound,
    /// By the logarithm of the quota, ascending.
    ways: Vec<(f64, Way)>,
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
        let way = self.way(quota.ln());
        let load = fluid + way.weight * width;
        let factor = if bound.load > 0.0 { load / bound.load } else { 1.0 };
        let left = Admitted {
            load,
            requests: bound.requests * factor * way.requests,
            second: bound.second * factor * way.second,
        };
        Bracketed { left, width }
    }

    fn way(&self, log_quota: f64) -> Way {
        let after = self.ways.partition_point(|(at, _)| *at < log_quota);
        match (after.checked_sub(1).map(|index| &self.ways[index]), self.ways.get(after)) {
            (Some((from, left)), Some((to, right))) => {
                let part = (log_quota - from) / (to - from);
                let mix = |left: f64, right: f64| left + (right - left) * part;
                Way {
                    weight: mix(left.weight, right.weight),
                    requests: mix(left.requests, right.requests),
                    second: mix(left.second, right.second),
                }
            }
            (Some((_, way)), None) | (None, Some((_, way))) => *way,
            (None, None) => self.unmeasured,
        }
    }
}
