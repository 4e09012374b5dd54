//! The work behind a curve: laws for every band of counts, admission for every capacity, then the points.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rust_decimal::prelude::ToPrimitive;

use super::{
    Throughput, Window,
    bracket::{Bracket, Bracketed, Ruler, Ways},
    curve::{Curve, CurveError, CurvePoint, LeftShares, Method},
};
use crate::stats::{AdmissionRow, AdmissionTable, Admitted, ArrivalTail, LoadLaw, Marks, Traffic};

/// Up to so many mean requests per window admission is followed request by request.
pub(super) const EXACT_REQUESTS: f64 = 30.0;

/// Arrivals of one window that are followed.
const ARRIVALS_MAX: usize = 4096;

/// Sizes that a stream's law is compressed to.
const SIZES_MAX: usize = 64;

/// Counts go up to so many times the busiest hour's mean load.
const HEADROOM: f64 = 3.0;

/// The count that no window exceeds is looked for up to so many times it.
const PEAK_HEADROOM: f64 = 12.0;

/// Seconds of a month of 730 hours.
const MONTH_SECONDS: f64 = 730.0 * 3600.0;

/// Most counts of one curve; above them the last band is listed in equal strides.
const COUNTS_MAX: u64 = 100_000;

/// Most GSUs that are taken for a real load.
const GSU_MAX: f64 = 1e9;

/// A pool with all that its bands share.
pub(super) struct Pool<'a> {
    row: &'a Throughput,
    pub tokens_per_second: f64,
    busiest_gsu: f64,
    pub traffic: Traffic,
    /// The same with one law of sizes, where the streams differ.
    pooled: Option<Traffic>,
    /// Mean size, and what a request is worth.
    pub mean: Admitted,
    pub table: AdmissionTable,
    /// Where windows of many requests lie between the bounds; `None` when no count has such windows.
    ruler: Option<Ruler>,
    /// Sizes ascending, with the share of requests from each on.
    sizes: Vec<(f64, f64)>,
    /// Counts that can be bought by their window.
    bands: Vec<(Window, Vec<u64>)>,
    last_stride: u64,
}

/// What the counts of one band share at one load.
struct BandLaws {
    window: Window,
    /// Mean requests of a window.
    offered: f64,
    load: LoadLaw,
    /// The same with one law of sizes, where the streams differ.
    pooled: Option<LoadLaw>,
    tail: Option<ArrivalTail>,
    bracket: Option<Bracket>,
}

type Rows = BTreeMap<usize, AdmissionRow>;

/// Ways between the bounds by the seconds of windows whose counts waver differently; one where all waver alike.
pub(super) type WaysByWindow = BTreeMap<Option<u64>, Ways>;

impl<'a> Pool<'a> {
    pub fn new(row: &'a Throughput, traffic: &Traffic) -> Result<Pool<'a>, CurveError> {
        if row.windows.is_empty() {
            return Err(CurveError::NoWindows(row.model.clone()));
        }
        let tokens_per_second = row.tokens_per_second_per_gsu.to_f64().unwrap_or(f64::NAN);
        let busiest_gsu = traffic.busiest_load() / tokens_per_second;
        if busiest_gsu.is_nan() || busiest_gsu > GSU_MAX {
            return Err(CurveError::TooMany(busiest_gsu));
        }
        let original = traffic.pooled_marks();
        let traffic = traffic.compressed(SIZES_MAX);
        let pooled = (!traffic.has_one_law_of_sizes()).then(|| traffic.pooled(SIZES_MAX));
        let marks = pooled.as_ref().unwrap_or(&traffic).pooled_marks();
        let mean = Admitted { load: marks.mean(), requests: 1.0, second: marks.mean_second() };
        let table = AdmissionTable::new(&marks);
        let (bands, last_stride) = bands(row, HEADROOM * busiest_gsu);
        let many = |(window, gsus): &(Window, Vec<u64>)| {
            let quota = gsus[gsus.len() - 1] as f64 * tokens_per_second * window.seconds as f64;
            quota > EXACT_REQUESTS * mean.load
        };
        let ruler = bands.iter().any(many).then(|| Ruler::new(&table, mean, marks.iter().len() == 1));
        Ok(Pool {
            row,
            tokens_per_second,
            busiest_gsu,
            mean,
            table,
            ruler,
            sizes: shares_from(&original),
            traffic,
            pooled,
            bands,
            last_stride,
        })
    }

    /// The same pool with these counts alone, as far as it lists them.
    pub fn only(mut self, counts: &[u64]) -> Pool<'a> {
        self.bands.iter_mut().for_each(|(_, gsus)| gsus.retain(|gsu| counts.contains(gsu)));
        self.bands.retain(|(_, gsus)| !gsus.is_empty());
        self
    }

    pub fn curve(&self) -> Result<Curve, CurveError> {
        Ok(self.curve_of(self.points(&[1.0])?.swap_remove(0)))
    }

    /// The curve of points at the load itself.
    pub fn curve_of(&self, bought: Vec<CurvePoint>) -> Curve {
        let mut points = vec![self.nothing_bought()];
        points.extend(bought);
        let google = self.traffic.mean_load() / self.tokens_per_second;
        let increment = self.row.increment_gsu;
        let steps = (google / increment as f64 - 1e-9).ceil().max(0.0) as u64;
        Curve {
            tokens_per_second_per_gsu: self.tokens_per_second,
            mean_gsu: google,
            busiest_gsu: self.busiest_gsu,
            google_gsu: (steps * increment).max(self.row.minimum_gsu),
            peak_window_gsu: self.peak_window(&points),
            last_stride: self.last_stride,
            points,
        }
    }

    /// The first count that leaves something in less than one window of a month.
    fn peak_window(&self, points: &[CurvePoint]) -> Option<u64> {
        let enough = |window: Window, share: f64| share * MONTH_SECONDS < window.seconds as f64;
        let listed = points.iter().find(|p| p.window.is_some_and(|window| enough(window, p.left.windows)));
        if let Some(point) = listed {
            return Some(point.gsu);
        }
        let last = points.last().map_or(0, |point| point.gsu);
        for (window, mut gsus) in bands(self.row, PEAK_HEADROOM * self.busiest_gsu).0 {
            gsus.retain(|gsu| *gsu > last);
            let Some(largest) = gsus.last() else { continue };
            let law = LoadLaw::new(&self.traffic, window.seconds as f64, self.quota(*largest, window));
            let share = |gsu: u64| law.probability_above(self.quota(gsu, window));
            if let Some(gsu) = gsus.iter().find(|gsu| enough(window, share(**gsu))) {
                return Some(*gsu);
            }
        }
        None
    }

    /// The points of every count that can be bought, at each of these multiples of the load. What arrivals add
    /// does not depend on their rate, so it is worked out once for all loads.
    pub fn points(&self, load_factors: &[f64]) -> Result<Vec<Vec<CurvePoint>>, CurveError> {
        self.points_by(load_factors, &self.ways(load_factors, &BTreeMap::new()))
    }

    /// The same with ways that hold for these loads.
    pub fn points_by(
        &self,
        load_factors: &[f64],
        ways: &WaysByWindow,
    ) -> Result<Vec<Vec<CurvePoint>>, CurveError> {
        let mut loads = Vec::new();
        for factor in load_factors {
            let pooled = self.pooled.as_ref().map(|pooled| pooled.scaled(*factor)).transpose()?;
            loads.push((self.traffic.scaled(*factor)?, pooled));
        }
        let work: Vec<_> = loads.iter().flat_map(|load| self.bands.iter().map(move |b| (load, b))).collect();
        let rows = self.rows(loads.iter().map(|(traffic, _)| traffic));
        let laws: Vec<BandLaws> = work
            .par_iter()
            .map(|((traffic, pooled), band)| self.laws((traffic, pooled.as_ref()), band, ways, &rows))
            .collect();
        let of_load = |laws: &[BandLaws]| -> Vec<CurvePoint> {
            let counts: Vec<(&BandLaws, u64)> = laws
                .iter()
                .zip(&self.bands)
                .flat_map(|(laws, (_, gsus))| gsus.iter().map(move |gsu| (laws, *gsu)))
                .collect();
            counts.par_iter().map(|(laws, gsu)| self.point(laws, *gsu, &rows)).collect()
        };
        Ok(laws.chunks(self.bands.len()).map(of_load).collect())
    }

    fn quota(&self, gsu: u64, window: Window) -> f64 {
        gsu as f64 * self.tokens_per_second * window.seconds as f64
    }

    fn is_exact(&self, quota: f64) -> bool {
        quota <= EXACT_REQUESTS * self.mean.load
    }

    /// The traffic with one law of sizes.
    fn alike(&self) -> &Traffic {
        self.pooled.as_ref().unwrap_or(&self.traffic)
    }

    /// Quotas of a band's counts that are not followed request by request, the least and the most.
    fn bracketed_quotas(&self, (window, gsus): &(Window, Vec<u64>)) -> Option<(f64, f64)> {
        let largest = self.quota(gsus[gsus.len() - 1], *window);
        let least = self.quota(gsus[0], *window).max(EXACT_REQUESTS * self.mean.load);
        (!self.is_exact(largest)).then_some((least, largest))
    }

    /// Ways between the bounds at multiples of the load; `known` are some of the same pool.
    pub fn ways(&self, load_factors: &[f64], known: &WaysByWindow) -> WaysByWindow {
        let Some(ruler) = &self.ruler else { return BTreeMap::new() };
        let least = load_factors.iter().copied().fold(f64::INFINITY, f64::min);
        let most = load_factors.iter().copied().fold(0.0, f64::max);
        let per_second = self.alike().mean_load();
        let mut ranges: BTreeMap<Option<u64>, (f64, f64)> = BTreeMap::new();
        for band in &self.bands {
            let Some((smallest, largest)) = self.bracketed_quotas(band) else { continue };
            let load = per_second * band.0.seconds as f64;
            let range = ranges.entry(self.wavering(band.0)).or_insert((f64::INFINITY, 0.0));
            *range = (range.0.min(least * load / largest), range.1.max(most * load / smallest));
        }
        let ways = |(wavering, range): (Option<u64>, (f64, f64))| {
            // Settled here, since the ruler looks at windows of other lengths that stand for these.
            let seconds = wavering.map_or(1.0, |seconds| seconds as f64);
            (wavering, ruler.ways(&self.alike().in_windows(seconds), range, known.get(&wavering)))
        };
        ranges.into_par_iter().map(ways).collect()
    }

    /// The window's seconds where counts waver by them.
    fn wavering(&self, window: Window) -> Option<u64> {
        self.traffic.depends_on_windows().then_some(window.seconds)
    }

    fn laws(
        &self,
        (traffic, pooled): (&Traffic, Option<&Traffic>),
        band: &(Window, Vec<u64>),
        ways: &WaysByWindow,
        rows: &Rows,
    ) -> BandLaws {
        let (window, gsus) = (band.0, &band.1);
        let seconds = window.seconds as f64;
        let largest = self.quota(gsus[gsus.len() - 1], window);
        let load = LoadLaw::new(traffic, seconds, largest);
        let pooled_load = pooled.map(|pooled| LoadLaw::new(pooled, seconds, largest));
        let followed = self.capacities(band).map(|capacity| rows[&capacity].arrivals()).max();
        let tail = followed.map(|most| ArrivalTail::new(traffic, seconds, most));
        let one_law = (pooled.unwrap_or(traffic), pooled_load.as_ref().unwrap_or(&load));
        let bracket = self.ruler.as_ref().zip(self.bracketed_quotas(band)).map(|(ruler, _)| {
            let upper = one_law.1.upper_bound(one_law.0, seconds);
            ruler.bracket(&ways[&self.wavering(window)], upper, one_law.1.mean())
        });
        let offered = traffic.mean_rate() * seconds;
        BandLaws { window, offered, load, pooled: pooled_load, tail, bracket }
    }

    /// Capacities of the windows of a band's counts that are followed request by request.
    fn capacities(&self, (window, gsus): &(Window, Vec<u64>)) -> impl Iterator<Item = usize> {
        let quotas = gsus.iter().map(|gsu| self.quota(*gsu, *window)).filter(|quota| self.is_exact(*quota));
        let weighed = quotas.flat_map(|quota| self.table.capacities(quota));
        weighed.filter(|(_, weight)| *weight > 0.0).map(|(capacity, _)| capacity)
    }

    /// What each arrival adds, for every capacity that some count has, as far as windows of any of these loads go.
    fn rows<'b>(&self, loads: impl Iterator<Item = &'b Traffic> + Clone) -> Rows {
        let mut most: BTreeMap<usize, usize> = BTreeMap::new();
        for band in self.bands.iter().filter(|band| self.capacities(band).next().is_some()) {
            let seconds = band.0.seconds as f64;
            let reach = loads.clone().map(|traffic| ArrivalTail::reach(traffic, seconds)).max();
            let reach = reach.unwrap_or(0).min(ARRIVALS_MAX);
            for capacity in self.capacities(band) {
                let arrivals = most.entry(capacity).or_default();
                *arrivals = reach.max(*arrivals);
            }
        }
        let most: Vec<(usize, usize)> = most.into_iter().collect();
        most.into_par_iter().map(|(capacity, most)| (capacity, self.table.row(capacity, most))).collect()
    }

    fn nothing_bought(&self) -> CurvePoint {
        let dollars = (self.mean.second > 0.0).then_some(1.0);
        let left = LeftShares { tokens: 1.0, requests: 1.0, windows: 1.0, dollars };
        CurvePoint { gsu: 0, window: None, quota: 0.0, left, too_large: 1.0, method: Method::Exact }
    }

    fn point(&self, laws: &BandLaws, gsu: u64, rows: &Rows) -> CurvePoint {
        let quota = self.quota(gsu, laws.window);
        let fluid = laws.load.excess(quota) / laws.load.mean();
        let pooled = laws.pooled.as_ref().unwrap_or(&laws.load);
        let pooled_fluid = pooled.excess(quota) / pooled.mean();
        let (shares, tokens, method) = match &laws.bracket {
            Some(bracket) if !self.is_exact(quota) => {
                let Bracketed { left, width } = bracket.left(quota, pooled.excess(quota));
                let shares = self.shares(left, laws.offered);
                (shares, shares.load, Method::Bracket { width: width / pooled.mean() })
            }
            _ => {
                let exact = self.exact(laws, quota, rows);
                (exact, exact.load.max(pooled_fluid), Method::Exact)
            }
        };
        // A mix that changes by the hour moves what is left as it moves the fluid's share.
        let moved = if laws.pooled.is_some() { tokens + (fluid - pooled_fluid) } else { tokens };
        let tokens = moved.clamp(0.0, 1.0);
        let factor = if shares.load > 0.0 { tokens / shares.load } else { 1.0 };
        let part = |share: f64| (share * factor).clamp(0.0, 1.0);
        let left = LeftShares {
            tokens,
            requests: part(shares.requests),
            windows: laws.load.probability_above(quota).max(0.0),
            dollars: (self.mean.second > 0.0).then(|| part(shares.second)),
        };
        let index = self.sizes.partition_point(|(size, _)| *size <= quota);
        let too_large = self.sizes.get(index).map_or(0.0, |(_, share)| *share);
        CurvePoint { gsu, window: Some(laws.window), quota, left, too_large, method }
    }

    /// What whole-request admission leaves of the pool.
    fn exact(&self, laws: &BandLaws, quota: f64, rows: &Rows) -> Admitted {
        let tail = laws.tail.as_ref().expect("a band with an exact count has the law of its arrivals");
        let mut admitted = Admitted::default();
        for (capacity, weight) in self.table.capacities(quota).into_iter().filter(|(_, weight)| *weight > 0.0)
        {
            admitted.add(weight, rows[&capacity].admitted(tail));
        }
        let left = |mean: f64, admitted: f64| (laws.offered * mean - admitted).max(0.0);
        let left = Admitted {
            load: left(self.mean.load, admitted.load),
            requests: left(1.0, admitted.requests),
            second: left(self.mean.second, admitted.second),
        };
        self.shares(left, laws.offered)
    }

    /// Amounts of a window as shares of what is offered.
    fn shares(&self, left: Admitted, offered: f64) -> Admitted {
        let second = if self.mean.second > 0.0 { left.second / (offered * self.mean.second) } else { 0.0 };
        Admitted { load: left.load / (offered * self.mean.load), requests: left.requests / offered, second }
    }
}

/// Counts that can be bought up to a number, grouped by their window, and their distance in the last band.
fn bands(row: &Throughput, up_to_gsu: f64) -> (Vec<(Window, Vec<u64>)>, u64) {
    let (minimum, increment) = (row.minimum_gsu, row.increment_gsu);
    let most = (up_to_gsu.ceil() as u64).max(minimum);
    let last_band = row.windows.last().map_or(0, |window| window.from_gsu).max(minimum);
    let stride = increment * (most / increment / COUNTS_MAX + 1);
    let up_to = |gsu: u64| gsu.div_ceil(increment) * increment;
    let mut bands: Vec<(Window, Vec<u64>)> = Vec::new();
    let mut gsu = minimum;
    while gsu <= up_to(most) {
        if let Some(window) = row.window(gsu) {
            match bands.last_mut() {
                Some((last, gsus)) if *last == window => gsus.push(gsu),
                _ => bands.push((window, vec![gsu])),
            }
        }
        gsu = if gsu >= last_band { gsu + stride } else { up_to(gsu + 1) };
    }
    (bands, stride)
}

/// Sizes ascending, each with the share of requests that are at least so big.
fn shares_from(marks: &Marks) -> Vec<(f64, f64)> {
    let mut from = 0.0;
    let share = |mark: &crate::stats::Mark| {
        from += mark.probability;
        (mark.value, from)
    };
    let mut shares: Vec<(f64, f64)> = marks.iter().rev().map(share).collect();
    shares.reverse();
    shares
}
