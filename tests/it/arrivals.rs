//! The arrival pattern of traces: the shipped one, and simulated ones whose law is known.

use burndown::{
    calendar::{LocalClock, epoch_micros},
    replay::{ArrivalPattern, Arrivals, Request, TooLong},
    stats::{Modulation, generator},
};
use rand_distr::{Beta, Distribution, Gamma, Poisson};

fn pattern(requests: &[Request], clock: &LocalClock) -> ArrivalPattern {
    let mut arrivals = Arrivals::default();
    requests.chunks(977).for_each(|batch| arrivals.push(batch).unwrap());
    arrivals.pattern(clock).unwrap()
}

fn index(pattern: &ArrivalPattern, seconds: f64) -> f64 {
    let point = pattern.dispersion.iter().find(|(point, _)| point.window_seconds == seconds);
    point.unwrap_or_else(|| panic!("no window of {seconds} s")).0.index
}

#[test]
fn dispersion_of_a_known_modulation_is_as_published() {
    let oracles: serde_json::Value = serde_json::from_str(&crate::data("oracles.json")).unwrap();
    let modulation = Modulation { cv: 0.162, correlation_seconds: Some(47.4) };
    for (window, key) in [(30.0, "W30"), (60.0, "W60")] {
        let expected = oracles["23_idc"][key].as_f64().unwrap();
        let index = modulation.dispersion(5.53, window);
        assert!((index - expected).abs() < 1e-12, "{key}: {index}");
        // The negative binomial with that shape has the same dispersion: 1 + mean / r.
        let mean = 5.53 * window;
        assert!((1.0 + mean / modulation.shape(window) - expected).abs() < 1e-12);
    }
    let steady = Modulation { cv: 0.35, correlation_seconds: None };
    assert!((steady.shape(5.0) - 1.0 / 0.35_f64.powi(2)).abs() < 1e-12);
    assert_eq!(steady.shape(5.0), steady.shape(1_200.0));
}

/// Cells of 20 minutes; the two full ones of the hour.
#[test]
fn the_azure_trace_varies_as_was_measured() {
    let (requests, _) = crate::replay::azure();
    let pattern = pattern(&requests, &LocalClock::UTC);
    for (seconds, expected) in [(1.0, 1.19), (10.0, 2.04), (30.0, 4.06), (60.0, 6.64), (120.0, 10.87)] {
        let index = index(&pattern, seconds);
        assert!((index - expected).abs() < 0.005, "{seconds} s: {index}");
    }
    assert_eq!(pattern.requests, 19_366);
    assert!((pattern.mean_rate - 5.5304).abs() < 1e-4, "{}", pattern.mean_rate);
    // Less than an hour: no day to learn from.
    assert_eq!((pattern.whole_days, pattern.hour_weights, pattern.daily_cv), (0, None, None));
    let cells = pattern.cells.unwrap();
    assert_eq!((cells.stretch_seconds, cells.stretches), (1_200.0, 1));
    let fitted = pattern.modulation.unwrap();
    let tau = fitted.correlation_seconds.unwrap();
    // What the fit must do: explain what it was made from.
    for (point, counts) in &pattern.dispersion {
        let windows = f64::from(point.windows_per_stretch);
        let whole = fitted.dispersion(cells.rate, 1_200.0) / windows;
        let model = windows / (windows - 1.0) * (fitted.dispersion(cells.rate, point.window_seconds) - whole);
        assert!(!counts || (model / point.index - 1.0).abs() < 0.15, "{point:?}: {model}");
    }
    assert!((0.1..0.4).contains(&fitted.cv) && (30.0..1_200.0).contains(&tau), "{fitted:?}");
}

/// Counts per second of a Poisson stream whose rate follows a gamma autoregression: X' = B X + G with
/// B ~ Beta(kρ, k(1−ρ)) and G ~ Gamma(k(1−ρ)), which keeps the gamma law and has autocorrelation ρ^lag
/// (Lewis, McKenzie & Hugus 1989).
fn modulated(
    rate: f64,
    cv: f64,
    tau: f64,
    profile: impl Fn(usize) -> f64,
    seconds: usize,
    seed: u64,
) -> Vec<Request> {
    let mut random = generator(seed, 0);
    let k = 1.0 / (cv * cv);
    let rho = (-1.0 / tau).exp();
    let keep = Beta::new(k * rho, k * (1.0 - rho)).unwrap();
    let renew = Gamma::new(k * (1.0 - rho), 1.0 / k).unwrap();
    let mut factor: f64 = Gamma::new(k, 1.0 / k).unwrap().sample(&mut random);
    let mut requests = Vec::new();
    for second in 0..seconds {
        let mean = rate * profile(second) * factor;
        let count = if mean > 0.0 { Poisson::new(mean).unwrap().sample(&mut random) as u64 } else { 0 };
        let at_micros = epoch_micros("2026-06-01 00:00:00").unwrap() + second as i64 * 1_000_000;
        requests.extend((0..count).map(|_| Request { at_micros, ..Request::default() }));
        factor = keep.sample(&mut random) * factor + renew.sample(&mut random);
    }
    requests
}

#[test]
fn the_fit_finds_a_simulated_modulation() {
    for (seed, (cv, tau)) in [(0.5, 20.0), (0.35, 60.0)].into_iter().enumerate() {
        let requests = modulated(5.0, cv, tau, |_| 1.0, 20 * 3_600, seed as u64);
        let fitted = pattern(&requests, &LocalClock::UTC).modulation.unwrap();
        assert!((fitted.cv / cv - 1.0).abs() < 0.1, "cv {cv}: {fitted:?}");
        let found = fitted.correlation_seconds.unwrap();
        assert!((found / tau - 1.0).abs() < 0.25, "tau {tau}: {fitted:?}");
    }
}

/// A fortnight with a day shape: the shape comes back, and is not taken for burstiness.
#[test]
fn the_hours_of_the_day_are_learnt_apart_from_the_rest() {
    let shape =
        |second: usize| 1.0 + 0.5 * (std::f64::consts::TAU * (second / 3_600 % 24) as f64 / 24.0).sin();
    let requests = modulated(1.5, 0.4, 120.0, shape, 14 * 86_400 + 3_700, 7);
    let pattern = pattern(&requests, &LocalClock::UTC);
    assert_eq!(pattern.whole_days, 14);
    assert_eq!(pattern.cells.map(|cells| cells.stretches), Some(14));
    let weights = pattern.hour_weights.as_ref().unwrap();
    // 14 hours with swings of 0.4 that last 240 s: a standard error of 2.8 %, and 24 of them.
    for (hour, weight) in weights.iter().enumerate() {
        assert!((weight / shape(hour * 3_600) - 1.0).abs() < 0.125, "hour {hour}: {weight}");
    }
    assert!((weights.iter().sum::<f64>() - 24.0).abs() < 1e-9);
    assert_eq!(pattern.day_weights.as_ref().map(Vec::len), Some(7));
    assert_eq!(pattern.week_hour_weights.as_ref().map(Vec::len), Some(168));
    let fitted = pattern.modulation.unwrap();
    assert!((fitted.cv / 0.4 - 1.0).abs() < 0.1, "{fitted:?}");
    let found = fitted.correlation_seconds.unwrap();
    assert!((found / 120.0 - 1.0).abs() < 0.25, "{fitted:?}");
}

/// The same fortnight, read in another zone, has its hours moved.
#[test]
fn hours_are_those_of_the_zone() {
    let office = |second: usize| if (9..18).contains(&(second / 3_600 % 24)) { 2.0 } else { 0.2 };
    let requests = modulated(1.0, 0.1, 10.0, office, 2 * 86_400 + 3_700, 3);
    let kolkata = pattern(&requests, &LocalClock::of_zone("Asia/Kolkata").unwrap());
    let weights = kolkata.hour_weights.unwrap();
    // 9:00 UTC is 14:30 in India: the hour from 15 to 16 is busy, the one from 13 to 14 is not.
    assert!(weights[15] > 1.5 && weights[13] < 0.5, "{weights:?}");
}

#[test]
fn steady_arrivals_have_no_modulation_and_single_ones_no_pattern() {
    let at = |micros: i64| Request { at_micros: micros, ..Request::default() };
    let steady: Vec<Request> = (0..7_200).map(|second| at(second * 1_000_000)).collect();
    let found = pattern(&steady, &LocalClock::UTC);
    assert_eq!((found.modulation, found.busiest_minute), (None, 60));
    assert!(index(&found, 10.0) < 1e-9);
    for requests in [vec![], vec![at(5)], vec![at(5), at(5)]] {
        let mut arrivals = Arrivals::default();
        arrivals.push(&requests).unwrap();
        assert_eq!(arrivals.pattern(&LocalClock::UTC), None);
    }
    let far = [at(0), at(401 * 86_400 * 1_000_000)];
    assert_eq!(Arrivals::default().push(&far), Err(TooLong));
}
