//! How many requests and when: volume, hours of the day, days of the week.

use super::{
    file::{DayShape, RawBurstiness, RawRoute},
    resolve::Resolver,
    volume::{Burst, Volume},
};
use crate::{
    calendar::{Day, Stretch},
    diagnostics::{BadFile, Spanned},
    model::{nearest, or_list},
    units::Range,
    warning::Warning,
};

/// Most requests of one route, in a month, a day or a job.
const REQUESTS_MAX: f64 = 1e12;

/// Most tries that one accepted image takes.
const TRIES_MAX: f64 = 10_000.0;

/// Widest range: p95 over the likely value.
const RANGE_FACTOR_MAX: f64 = 1_000.0;

/// Half width of a volume that was given as one number.
const VOLUME_WIDTH: f64 = 0.15;

/// Half height of the default day: the busiest hour has 1.5 times the mean.
const DAY_SWING: f64 = 0.5;

/// Hour of the default peak, local time.
const PEAK_HOUR: f64 = 15.0;

/// Hour of the evening peak.
const EVENING_PEAK_HOUR: f64 = 21.0;

/// Share of an office day's requests between 9 and 18 o'clock.
const OFFICE_SHARE: f64 = 0.8;

/// Swing of the rate around the hours of the day where nothing is stated: 1/cv² = 8.
///
/// Assumed; it is what a log of 27,000 requests to an image generator over 23 days shows around its profile
/// of the day (GenTD26).
const BURST_CV: f64 = 0.35;

/// Largest cv, and longest correlation time in seconds (a quarter of a year), that are taken.
const BURST_CV_MAX: f64 = 10.0;
const CORRELATION_SECONDS_MAX: f64 = 8e6;

impl Resolver<'_> {
    pub(super) fn volume(
        &mut self,
        raw: &RawRoute,
        span: &std::ops::Range<usize>,
        route: &str,
        makes_images: bool,
        horizon: Stretch,
    ) -> Result<(Volume, Option<Range>), BadFile> {
        let number = self.one_number(raw, span)?;
        let mut range = *number.as_ref();
        self.believable(number, "requests", REQUESTS_MAX)?;
        if range.is_exact() {
            self.assume(Some(route), "volume", format!("± {:.0} %", VOLUME_WIDTH * 100.0));
            range = Range::around(range.likely, VOLUME_WIDTH);
        }
        if raw.between.is_some() != raw.requests_total.is_some() {
            let place = raw.between.as_ref().map_or(number.span(), Spanned::span);
            return Err(self
                .fail(place, "`requests_total` and `between = [\"first day\", \"last day\"]` go together"));
        }
        if raw.tries_per_accepted.is_some() && raw.accepted_images_per_month.is_none() {
            let place = raw.tries_per_accepted.as_ref().map_or(number.span(), Spanned::span);
            return Err(self.fail(place, "`tries_per_accepted` goes with `accepted_images_per_month`"));
        }
        if let Some(between) = &raw.between {
            let days = self.days(between, route, horizon)?;
            return Ok((Volume::Total { requests: range, first: days.first, next: days.next }, None));
        }
        if raw.accepted_images_per_month.is_some() {
            let tries = self.tries(raw, number.span(), makes_images)?;
            return Ok((Volume::PerMonth(range.product(tries)), Some(tries)));
        }
        let volume = if raw.requests_per_day.is_some() { Volume::PerDay } else { Volume::PerMonth };
        Ok((volume(range), None))
    }

    /// First and last day of a total.
    fn days(
        &mut self,
        between: &Spanned<Vec<Day>>,
        route: &str,
        horizon: Stretch,
    ) -> Result<Stretch, BadFile> {
        let [first, last] = between.as_ref()[..] else {
            return Err(self.fail(between.span(), "expected [\"first day\", \"last day\"]"));
        };
        if last < first {
            return Err(self.fail(between.span(), "the last day is before the first"));
        }
        let days = Stretch { first, next: last.plus_days(1) };
        if days.overlap(horizon).days() < days.days() {
            self.warnings.push(Warning::OutsideHorizon { route: route.to_string(), first, last });
        }
        Ok(days)
    }

    /// Requests that an accepted image takes.
    fn tries(
        &self,
        raw: &RawRoute,
        span: std::ops::Range<usize>,
        makes_images: bool,
    ) -> Result<Range, BadFile> {
        if !makes_images {
            let found = "a text model makes no images to accept; use requests_per_month";
            return Err(self.fail(span, found));
        }
        let Some(given) = &raw.tries_per_accepted else {
            let found =
                "how many requests does one accepted image take? add `tries_per_accepted`, e.g. [1, 1.5, 3]";
            return Err(self.fail(span, found));
        };
        self.believable(given, "tries", TRIES_MAX)?;
        let tries = *given.as_ref();
        if tries.p05 < 1.0 {
            return Err(self.fail(given.span(), "an accepted image takes at least 1 try"));
        }
        Ok(tries)
    }

    /// The one key that says how many requests.
    fn one_number<'a>(
        &self,
        raw: &'a RawRoute,
        span: &std::ops::Range<usize>,
    ) -> Result<&'a Spanned<Range>, BadFile> {
        let given = [
            &raw.requests_per_month,
            &raw.requests_per_day,
            &raw.requests_total,
            &raw.accepted_images_per_month,
        ];
        if let [number] = given.iter().filter_map(|given| given.as_ref()).collect::<Vec<_>>()[..] {
            return Ok(number);
        }
        let names = ["requests_per_month", "requests_per_day", "requests_total", "accepted_images_per_month"];
        let found: Vec<&str> =
            names.iter().zip(given).filter(|(_, given)| given.is_some()).map(|(name, _)| *name).collect();
        let place = given.iter().rev().find_map(|given| given.as_ref()).map_or(span.clone(), Spanned::span);
        let found = match found.as_slice() {
            [] => format!("this route says not how many requests, expected {}", or_list(&names)),
            both => {
                format!("expected one number of requests, found {}", or_list(both).replace(" or ", " and "))
            }
        };
        Err(self.fail(place, &found))
    }

    /// A number above 0 and within reason, its range no wider than a guess can be.
    fn believable(&self, number: &Spanned<Range>, what: &str, max: f64) -> Result<(), BadFile> {
        let range = *number.as_ref();
        let found = if range.p95 <= 0.0 {
            format!("expected a number of {what} above 0")
        } else if range.p95 > max {
            format!("expected at most {max:e} {what}, found {:e}", range.p95)
        } else if range.likely > 0.0 && range.p95 > RANGE_FACTOR_MAX * range.likely {
            format!("a p95 more than {RANGE_FACTOR_MAX} times the likely value says nothing; split the route")
        } else {
            return Ok(());
        };
        Err(self.fail(number.span(), &found))
    }

    pub(super) fn hour_weights(
        &mut self,
        shape: Option<&Spanned<DayShape>>,
        route: &str,
    ) -> Result<Vec<f64>, BadFile> {
        let Some(shape) = shape else {
            self.assume(Some(route), "day_shape", "± 50 % around the mean, peak at 15:00");
            return Ok(swing(PEAK_HOUR));
        };
        match shape.as_ref() {
            DayShape::Hours(hours) => {
                self.weights(hours, 24, shape.span(), "24 weights of the hours, midnight first")
            }
            DayShape::Named(name) => match name.as_str() {
                "flat" => Ok(vec![1.0; 24]),
                "evening" => Ok(swing(EVENING_PEAK_HOUR)),
                "office" => Ok((0..24)
                    .map(|hour| {
                        let office = (9..18).contains(&hour);
                        24.0 * if office { OFFICE_SHARE / 9.0 } else { (1.0 - OFFICE_SHARE) / 15.0 }
                    })
                    .collect()),
                other => {
                    let names = ["flat", "office", "evening"];
                    let near = nearest(other, names).map(|near| format!(" (did you mean `{near}`?)"));
                    let found = format!(
                        "unknown day shape `{other}`, expected {} or 24 numbers{}",
                        or_list(&names),
                        near.unwrap_or_default()
                    );
                    Err(self.fail(shape.span(), &found))
                }
            },
        }
    }

    pub(super) fn day_weights(
        &self,
        week: Option<&Spanned<Vec<f64>>>,
        day: Option<&Spanned<DayShape>>,
    ) -> Result<Vec<f64>, BadFile> {
        match week {
            Some(days) => self.weights(days.as_ref(), 7, days.span(), "7 weights of the days, Monday first"),
            // Office hours are hours of weekdays.
            None if day.is_some_and(|day| *day.as_ref() == DayShape::Named("office".into())) => {
                Ok(vec![1.4, 1.4, 1.4, 1.4, 1.4, 0.0, 0.0])
            }
            None => Ok(vec![1.0; 7]),
        }
    }

    pub(super) fn burst(&mut self, given: Option<&RawBurstiness>, route: &str) -> Result<Burst, BadFile> {
        let Some(given) = given else {
            let value = format!("cv {BURST_CV} around the hours of the day, longer than any window (r = 8)");
            self.assume(Some(route), "burstiness", value);
            return Ok(Burst { cv: BURST_CV, correlation_seconds: None });
        };
        let cv = *given.cv.as_ref();
        if !(0.0..=BURST_CV_MAX).contains(&cv) {
            let found = format!("expected a cv from 0 (chance alone) to {BURST_CV_MAX}, found {cv}");
            return Err(self.fail(given.cv.span(), &found));
        }
        let seconds = given.correlation_seconds.as_ref();
        let what = "seconds (leave the key away for swings that outlast every window)";
        let correlation_seconds =
            seconds.map(|seconds| self.positive(seconds, what, CORRELATION_SECONDS_MAX)).transpose()?;
        Ok(Burst { cv, correlation_seconds })
    }

    /// Weights scaled to mean 1.
    fn weights(
        &self,
        weights: &[f64],
        count: usize,
        span: std::ops::Range<usize>,
        what: &str,
    ) -> Result<Vec<f64>, BadFile> {
        let sum: f64 = weights.iter().sum();
        let sensible = weights.iter().all(|weight| (0.0..=1e9).contains(weight)) && sum > 0.0;
        if weights.len() != count || !sensible {
            let found = format!("expected {what}, none negative and not all zero; found {}", weights.len());
            return Err(self.fail(span, &found));
        }
        Ok(weights.iter().map(|weight| weight * count as f64 / sum).collect())
    }
}

/// `1 + 0.5 sin`, with its top at an hour.
fn swing(peak_hour: f64) -> Vec<f64> {
    let angle = |hour: f64| (hour - peak_hour) * std::f64::consts::TAU / 24.0;
    (0..24).map(|hour| 1.0 + DAY_SWING * angle(f64::from(hour)).cos()).collect()
}
