//! Requests of a month as they could come: seeded arrivals by hour and burst, with sizes.

use rand::RngExt;
use rand_distr::{Distribution, Gamma, Poisson};

use crate::{
    projection::gsu::demand::WEEK_HOURS,
    stats::{Marks, generator},
    workload::Burst,
};

/// Requests that are drawn, on average.
const REQUESTS: f64 = 20_000.0;

/// Weeks that are drawn at most.
const WEEKS_MAX: f64 = 52.0;

/// Stretches of one rate that are drawn at most, for each route.
const BLOCKS_MAX: f64 = 100_000.0;

const HOUR_SECONDS: f64 = 3_600.0;

/// Windows of one rate where a burst lasts longer than any window.
const WINDOWS_PER_BLOCK: f64 = 10.0;

/// Windows, and latencies, that an hour of the week must be represented by, and hours that must be.
const WINDOWS_MIN: f64 = 5.0;
const LATENCIES_MIN: f64 = 2.0;
const HOURS_MIN: usize = 6;

/// Mixed into the workload's seed, so that these numbers are not those of other parts.
const ARRIVALS: u64 = 0x6172_7269_7661_6c73;

/// The requests of one route.
pub(super) struct Kind {
    /// Requests a second in every hour of the week.
    pub rates: Vec<f64>,
    /// How the rate swings around them.
    pub burst: Burst,
    /// Law of their burn.
    pub marks: Marks,
    /// Mean burn.
    pub mean: f64,
    /// The most a request could burn.
    pub largest: f64,
    /// Mean burn of its input.
    pub input: f64,
    /// Burn of its input and of the longest answer that its contract allows.
    pub cap: f64,
    /// Seconds until the answer is whole.
    pub latency_seconds: f64,
}

/// One request; burn in whole burn tokens.
pub(super) struct Request {
    at_micros: u64,
    latency_micros: u64,
    /// What it burns.
    pub burn: u64,
    /// What requests of its route burn on average.
    pub mean: u64,
    /// What requests of its route burn at most.
    pub largest: u64,
    /// What the input of requests of its route burns on average.
    pub input: u64,
    /// That, and the longest answer that its contract allows.
    pub cap: u64,
}

/// An arrival or a completion.
pub(super) struct Event {
    /// Time from the first second on.
    pub at_micros: u64,
    /// Place of the request.
    pub request: usize,
    /// Whether its answer is whole.
    pub completes: bool,
}

/// What was drawn.
pub(super) struct Drawn {
    /// Requests in order of arrival.
    pub requests: Vec<Request>,
    /// Arrivals and completions in order of time.
    pub events: Vec<Event>,
    /// Seconds of traffic.
    pub seconds: f64,
}

impl Drawn {
    /// Mean over the requests.
    pub fn mean_latency_seconds(&self) -> f64 {
        let sum: f64 = self.requests.iter().map(|request| request.latency_micros as f64).sum();
        sum / 1e6 / self.requests.len() as f64
    }
}

/// Which hours of the week are drawn, in which order, how long each.
struct Schedule {
    hours: Vec<usize>,
    seconds: f64,
}

impl Schedule {
    /// Whole weeks where their requests fit, else a part of every hour; where the parts would be too short,
    /// parts of every n-th hour in order of load. `None` when that leaves too few hours.
    fn new(kinds: &[Kind], window_seconds: f64) -> Option<Schedule> {
        let rate = |hour: usize| kinds.iter().map(|kind| kind.rates[hour]).sum::<f64>();
        let load = |hour: usize| kinds.iter().map(|kind| kind.rates[hour] * kind.mean).sum::<f64>();
        let mean = (0..WEEK_HOURS).map(rate).sum::<f64>() / WEEK_HOURS as f64;
        if !(mean > 0.0 && mean.is_finite()) {
            return None;
        }
        let weeks = (REQUESTS / mean / (WEEK_HOURS as f64 * HOUR_SECONDS)).min(WEEKS_MAX);
        if weeks >= 1.0 {
            let hours = (0..weeks as usize * WEEK_HOURS).map(|hour| hour % WEEK_HOURS).collect();
            return Some(Schedule { hours, seconds: HOUR_SECONDS });
        }
        let latency = kinds.iter().map(|kind| kind.latency_seconds).fold(0.0, f64::max);
        let least = (WINDOWS_MIN * window_seconds).max(LATENCIES_MIN * latency).min(HOUR_SECONDS);
        let part = weeks * HOUR_SECONDS;
        let step = (least / part).ceil().max(1.0) as usize;
        if WEEK_HOURS / step < HOURS_MIN {
            return None;
        }
        // From quiet to busy, so that what one part leaves behind suits the next.
        let mut hours: Vec<usize> = (0..WEEK_HOURS).collect();
        hours.sort_by(|a, b| load(*a).total_cmp(&load(*b)));
        let hours: Vec<usize> = hours.into_iter().skip(step / 2).step_by(step).collect();
        let seconds = REQUESTS / hours.iter().map(|hour| rate(*hour)).sum::<f64>();
        Some(Schedule { hours, seconds: seconds.min(HOUR_SECONDS) })
    }

    fn total_seconds(&self) -> f64 {
        self.hours.len() as f64 * self.seconds
    }
}

/// Draws the requests of all routes; the window is the longest that they will meet.
pub(super) fn draw(kinds: &[Kind], window_seconds: f64, seed: u64) -> Option<Drawn> {
    let schedule = Schedule::new(kinds, window_seconds)?;
    let mut requests = Vec::new();
    for (at, kind) in kinds.iter().enumerate() {
        draw_kind(kind, &schedule, window_seconds, (seed ^ ARRIVALS, at as u64), &mut requests)?;
    }
    if requests.is_empty() {
        return None;
    }
    requests.sort_by_key(|request| request.at_micros);
    let mut events: Vec<Event> = Vec::with_capacity(2 * requests.len());
    for (place, request) in requests.iter().enumerate() {
        let done = request.at_micros.saturating_add(request.latency_micros);
        events.push(Event { at_micros: done, request: place, completes: true });
        events.push(Event { at_micros: request.at_micros, request: place, completes: false });
    }
    // A request that takes no time still arrives before it is complete.
    events.sort_by_key(|event| (event.at_micros, event.request, event.completes));
    Some(Drawn { requests, events, seconds: schedule.total_seconds() })
}

/// A Poisson stream whose rate keeps one gamma factor for a block of time. Blocks of twice the correlation time
/// waver in long windows as a rate with that correlation time does.
fn draw_kind(
    kind: &Kind,
    schedule: &Schedule,
    window_seconds: f64,
    (seed, stream): (u64, u64),
    requests: &mut Vec<Request>,
) -> Option<()> {
    let mut random = generator(seed, stream);
    let lasting = kind.burst.correlation_seconds.map(|tau| 2.0 * tau);
    let wanted = lasting.unwrap_or(WINDOWS_PER_BLOCK * window_seconds);
    let block = wanted.max(schedule.total_seconds() / BLOCKS_MAX).min(schedule.seconds);
    // Blocks that had to be longer than the bursts waver less.
    let longer = lasting.map_or(1.0, |lasting| (block / lasting).max(1.0));
    let shape = longer / kind.burst.cv.powi(2);
    let factor = if shape.is_finite() { Some(Gamma::new(shape, 1.0 / shape).ok()?) } else { None };
    let micros = |seconds: f64| (seconds * 1e6) as u64;
    for (at, hour) in schedule.hours.iter().enumerate() {
        let (mut from, end) = (0.0, schedule.seconds);
        while from < end {
            let length = block.min(end - from);
            let mean = kind.rates[*hour] * length * factor.map_or(1.0, |law| law.sample(&mut random));
            let count = if mean > 0.0 { Poisson::new(mean).ok()?.sample(&mut random) as u64 } else { 0 };
            let start = at as f64 * schedule.seconds + from;
            requests.extend((0..count).map(|_| Request {
                at_micros: micros(start + length * random.random::<f64>()),
                latency_micros: micros(kind.latency_seconds),
                burn: size(&kind.marks, random.random()).round() as u64,
                mean: kind.mean.round() as u64,
                largest: kind.largest.round() as u64,
                input: kind.input.round() as u64,
                cap: kind.cap.round() as u64,
            }));
            from += length;
        }
    }
    Some(())
}

/// The size at a point between 0 and 1 of their law.
fn size(marks: &Marks, point: f64) -> f64 {
    let mut below = 0.0;
    let reached = marks.iter().find(|mark| {
        below += mark.probability;
        point < below
    });
    reached.map_or(marks.largest(), |mark| mark.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Mark;

    fn kind(rate: f64, cv: f64, correlation_seconds: Option<f64>) -> Kind {
        let mark = |value, probability| Mark { value, probability, second: 0.0 };
        Kind {
            rates: vec![rate; WEEK_HOURS],
            burst: Burst { cv, correlation_seconds },
            marks: Marks::new([mark(100.0, 0.75), mark(500.0, 0.25)]).unwrap(),
            mean: 200.0,
            largest: 500.0,
            input: 10.0,
            cap: 5_000.0,
            latency_seconds: 20.0,
        }
    }

    /// Mean and index of dispersion of the requests in windows of so many seconds.
    fn counts(drawn: &Drawn, window_seconds: f64) -> (f64, f64) {
        let mut counts = vec![0.0; (drawn.seconds / window_seconds) as usize];
        for request in &drawn.requests {
            let window = (request.at_micros as f64 / 1e6 / window_seconds) as usize;
            counts.get_mut(window).into_iter().for_each(|count| *count += 1.0);
        }
        let n = counts.len() as f64;
        let mean = counts.iter().sum::<f64>() / n;
        (mean, counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (n - 1.0) / mean)
    }

    /// A week of some 18,000 requests.
    #[test]
    fn arrivals_waver_as_their_burst_says() {
        for (cv, correlation) in [(0.0, None), (0.8, Some(30.0)), (0.8, Some(2.0))] {
            let kind = kind(0.03, cv, correlation);
            let expected = 1.0 + 0.03 * 300.0 / kind.burst.shape(300.0);
            let drawn = draw(&[kind], 300.0, 1).unwrap();
            let (mean, index) = counts(&drawn, 300.0);
            assert!((mean / 9.0 - 1.0).abs() < 0.04, "cv {cv}: {mean}");
            // About 2,000 windows: a standard error of 3 % for Poisson counts, a little more with bursts.
            assert!((index / expected - 1.0).abs() < 0.15, "cv {cv}: {index}, expected {expected}");
            let burn = drawn.requests.iter().map(|request| request.burn as f64).sum::<f64>();
            assert!((burn / drawn.requests.len() as f64 / 200.0 - 1.0).abs() < 0.03);
        }
    }

    #[test]
    fn a_heavy_load_is_drawn_by_parts_of_hours_and_a_heavier_one_not_at_all() {
        let parts = Schedule::new(&[kind(1.0, 0.3, None)], 10.0).unwrap();
        assert_eq!((parts.hours.len(), parts.seconds.round()), (168, 119.0));
        let fewer = Schedule::new(&[kind(10.0, 0.3, None)], 10.0).unwrap();
        assert_eq!((fewer.hours.len(), fewer.seconds.round()), (34, 59.0));
        assert!(Schedule::new(&[kind(1_000.0, 0.3, None)], 10.0).is_none());
        assert!(Schedule::new(&[kind(0.0, 0.3, None)], 10.0).is_none());
    }

    #[test]
    fn a_seed_draws_the_same_requests_every_time() {
        let at = |seed| {
            let drawn = draw(&[kind(0.1, 0.5, Some(60.0)), kind(0.2, 0.3, None)], 30.0, seed).unwrap();
            let times: Vec<u64> = drawn.requests.iter().map(|request| request.at_micros).collect();
            assert!(times.is_sorted() && drawn.events.is_sorted_by_key(|event| event.at_micros));
            times
        };
        assert!(at(3) == at(3) && at(3) != at(4));
    }
}
