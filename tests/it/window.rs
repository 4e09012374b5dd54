//! The law of one window's load against closed forms and published digits.

use burndown::stats::{
    AdmissionTable, Admitted, ArrivalTail, CountLaw, LoadLaw, Mark, Marks, Stream, Traffic, generator,
};
use proptest::prelude::*;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Gamma, Poisson};

use crate::data;

/// A number of the published cases.
#[track_caller]
pub fn oracle(case: &str, key: &str) -> f64 {
    let cases: serde_json::Value = serde_json::from_str(&data("oracles.json")).expect("the cases are JSON");
    cases[case][key].as_f64().unwrap_or_else(|| panic!("{case} has no number {key}"))
}

#[track_caller]
pub fn check_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected} ± {tolerance}");
}

pub fn marks(sizes: &[(f64, f64)]) -> Marks {
    Marks::new(sizes.iter().map(|(value, probability)| Mark {
        value: *value,
        probability: *probability,
        second: 0.0,
    }))
    .unwrap()
}

/// One stream at one rate.
pub fn flat(marks: Marks, counts: CountLaw, rate: f64) -> Traffic {
    Traffic::new(&[1.0], vec![Stream { marks, counts, rates: vec![rate] }]).unwrap()
}

fn whole(traffic: &Traffic) -> LoadLaw {
    LoadLaw::new(traffic, 1.0, f64::INFINITY)
}

/// Left by whole-request admission per window: load, requests.
fn left_whole(traffic: &Traffic, quota: f64) -> Admitted {
    let law = traffic.pooled_marks();
    let table = AdmissionTable::new(&law);
    let tail = ArrivalTail::new(traffic, 1.0, 4096);
    let mut left = Admitted {
        load: traffic.mean_load(),
        requests: traffic.mean_rate(),
        second: law.mean_second() * traffic.mean_rate(),
    };
    for (capacity, weight) in table.capacities(quota) {
        let admitted = table.row(capacity, tail.arrivals()).admitted(&tail);
        left.load -= weight * admitted.load;
        left.requests -= weight * admitted.requests;
        left.second -= weight * admitted.second;
    }
    left
}

#[test]
fn unit_requests_have_the_stop_loss_of_their_counts() {
    let law = whole(&flat(marks(&[(1.0, 1.0)]), CountLaw::Poisson, 4.0));
    check_near(law.excess(5.0), oracle("05_poisson_stop_loss", "value"), 1e-13);
    let three = law.probability_above(2.0) - law.probability_above(3.0);
    check_near(three, oracle("05_poisson_stop_loss", "p3"), 1e-14);
    let law = whole(&flat(marks(&[(1.0, 1.0)]), CountLaw::NegativeBinomial { shape: 1.0 }, 4.0));
    check_near(law.excess(5.0), oracle("08_geometric_unit_marks", "value"), 1e-10);
}

#[test]
fn identical_requests_at_full_load_leave_the_mode_of_their_counts() {
    for (key, n) in [("n1", 1.0), ("n9", 9.0), ("n100", 100.0)] {
        let expected = oracle("06_whole_request_identical_marks", key);
        let traffic = flat(marks(&[(7.0, 1.0)]), CountLaw::Poisson, n);
        let (law, mean) = (whole(&traffic), 7.0 * n);
        check_near(law.excess(mean) / mean, expected, 1e-12);
        check_near(left_whole(&traffic, mean).load / mean, expected, 1e-11);
        check_near(law.upper_bound(&traffic, 1.0).left(mean).load / mean, expected, 1e-11);
    }
}

#[test]
fn compound_counts_have_the_published_moments_quantiles_and_losses() {
    let case = "07_compound_poisson";
    let sizes = marks(&[(1.0, 0.5), (2.0, 0.3), (4.0, 0.2)]);
    let law = whole(&flat(sizes.clone(), CountLaw::Poisson, 12.0));
    check_near(law.mean(), oracle(case, "mean"), 1e-12);
    for (key, p) in [("q50", 0.5), ("q95", 0.95), ("q99", 0.99), ("q999", 0.999)] {
        assert_eq!(law.quantile(p), Some(oracle(case, key)), "{key}");
    }
    check_near(1.0 - law.probability_above(0.0), oracle(case, "p0"), 1e-15);
    check_near(law.probability_above(19.0) - law.probability_above(20.0), oracle(case, "p20"), 1e-14);
    check_near(law.excess(25.0), oracle(case, "stop_loss_25"), 1e-11);
    check_near(law.excess(40.0), oracle(case, "stop_loss_40"), 1e-11);
    // Second moment by E[L²] = 2 Σ E[(L − k)+] + E[L], since L is whole.
    let variance = |law: &LoadLaw| {
        let square: f64 = (0..3000).map(|k| law.excess(f64::from(k))).sum::<f64>() * 2.0 - law.mean();
        square - law.mean() * law.mean()
    };
    check_near(variance(&law), oracle(case, "var"), 1e-7);
    let case = "10_compound_nb";
    let law = whole(&flat(sizes, CountLaw::NegativeBinomial { shape: 3.0 }, 12.0));
    check_near(variance(&law), oracle(case, "var"), 1e-6);
    assert_eq!(law.quantile(0.95), Some(oracle(case, "q95")));
    assert_eq!(law.quantile(0.99), Some(oracle(case, "q99")));
    check_near(law.excess(25.0), oracle(case, "stop_loss_25"), 1e-9);
    check_near(law.excess(60.0), oracle(case, "stop_loss_60"), 1e-9);
}

/// Exponential sizes on a grid of `parts` per mean, each point with the mass that keeps the mean.
fn exponential(mean: f64, parts: i32) -> Marks {
    let step = mean / f64::from(parts);
    let excess = |x: f64| mean * (-x / mean).exp();
    let first = 1.0 - (mean - excess(step)) / step;
    let point = |k: i32| {
        let x = f64::from(k) * step;
        let mass = (excess(x - step) - 2.0 * excess(x) + excess(x + step)) / step;
        // The mass of size zero changes no load: it thins the counts, see the test.
        Mark { value: x, probability: mass / (1.0 - first), second: first }
    };
    Marks::new((1..40 * parts).map(point)).unwrap()
}

/// A geometric number of exponential sizes. On a lattice of half the step the error is a quarter.
#[test]
fn a_continuous_law_converges_with_the_square_of_the_step() {
    let expected = oracle("09_geometric_exponential_marks", "value");
    let found = |parts: i32| {
        let sizes = exponential(1000.0, parts);
        let zero = sizes.iter().next().unwrap().second;
        let traffic = flat(sizes, CountLaw::NegativeBinomial { shape: 1.0 }, 4.0 * (1.0 - zero));
        LoadLaw::new(&traffic, 1.0, 5000.0).excess(5000.0)
    };
    let (coarse, fine) = (found(50), found(100));
    check_near(fine, expected, 1e-5 * 4000.0);
    check_near((coarse - expected) / (fine - expected), 4.0, 0.01);
    check_near((4.0 * fine - coarse) / 3.0, expected, 1e-5);
}

#[test]
fn what_an_arrival_finds_before_it_has_its_closed_form() {
    let traffic = flat(marks(&[(1.0, 1.0)]), CountLaw::Poisson, 5.0);
    let upper = whole(&traffic).upper_bound(&traffic, 1.0);
    check_near(1.0 - upper.requests_behind(0.0) / 5.0, oracle("11_seen_by_arrival", "value"), 1e-13);
}

#[test]
fn fluid_whole_requests_and_upper_bound_have_the_published_shares() {
    let case = "12_whole_request_bracket";
    let sizes = marks(&[(4.0, 0.55), (8.0, 0.05), (12.0, 0.05), (16.0, 0.35)]);
    let traffic = flat(sizes, CountLaw::Poisson, 5.0);
    let (law, left) = (whole(&traffic), left_whole(&traffic, 44.0));
    check_near(law.excess(44.0) / 44.0, oracle(case, "fluid_share"), 1e-12);
    check_near(left.load / 44.0, oracle(case, "exact_share"), 1e-9);
    check_near(left.requests / 5.0, oracle(case, "exact_request_share"), 1e-9);
    check_near(law.upper_bound(&traffic, 1.0).left(44.0).load / 44.0, oracle(case, "upper_share"), 1e-12);
}

/// Windows of requests, admitted first come first served.
pub struct Replay {
    traffic: Vec<(f64, Vec<f64>)>,
    streams: Vec<(Marks, Option<f64>)>,
}

/// A share with its standard error.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    pub share: f64,
    pub error: f64,
}

impl Replay {
    /// Cells with weight and mean counts by stream; sizes and negative binomial shape (or Poisson) by stream.
    pub fn new(cells: Vec<(f64, Vec<f64>)>, streams: Vec<(Marks, Option<f64>)>) -> Replay {
        Replay { traffic: cells, streams }
    }

    /// Share of load, requests and windows left over `windows` windows.
    pub fn left(&self, quota: f64, windows: usize, seed: u64) -> [Estimate; 3] {
        let mut random = generator(seed, 0);
        let mut sums = [Ratio::default(); 3];
        for _ in 0..windows {
            let sizes = self.window(&mut random);
            let (mut used, mut load, mut requests) = (0.0, 0.0, 0.0);
            for size in &sizes {
                if used + size <= quota * (1.0 + 1e-12) {
                    used += size;
                } else {
                    load += size;
                    requests += 1.0;
                }
            }
            sums[0].add(load, sizes.iter().sum());
            sums[1].add(requests, sizes.len() as f64);
            sums[2].add(f64::from(requests > 0.0), 1.0);
        }
        sums.map(|sum| sum.estimate())
    }

    /// Sizes of one window's requests in random order.
    fn window(&self, random: &mut impl Rng) -> Vec<f64> {
        let mut at = random.random::<f64>();
        let cell = self.traffic.iter().find(|(weight, _)| {
            at -= weight;
            at < 0.0
        });
        let (_, means) = cell.unwrap_or(&self.traffic[0]);
        let mut sizes = Vec::new();
        for ((marks, shape), mean) in self.streams.iter().zip(means) {
            let mean = shape.map_or(*mean, |r| mean * Gamma::new(r, 1.0 / r).unwrap().sample(random));
            let count: f64 = if mean > 0.0 { Poisson::new(mean).unwrap().sample(random) } else { 0.0 };
            for _ in 0..count as u64 {
                let mut at = random.random::<f64>();
                let mark = marks.iter().find(|mark| {
                    at -= mark.probability;
                    at < 0.0
                });
                let value = mark.unwrap_or_else(|| marks.iter().next().unwrap()).value;
                let place = random.random_range(0..=sizes.len());
                sizes.insert(place, value);
            }
        }
        sizes
    }
}

#[derive(Clone, Copy, Default)]
struct Ratio {
    n: f64,
    sums: [f64; 5],
}

impl Ratio {
    fn add(&mut self, y: f64, x: f64) {
        self.n += 1.0;
        for (sum, value) in self.sums.iter_mut().zip([y, x, y * y, x * x, x * y]) {
            *sum += value;
        }
    }

    /// Σy/Σx and its standard error by the delta method.
    fn estimate(&self) -> Estimate {
        let [y, x, yy, xx, xy] = self.sums;
        let share = y / x;
        let residual = (yy - 2.0 * share * xy + share * share * xx).max(0.0);
        Estimate { share, error: residual.sqrt() / x }
    }
}

#[track_caller]
fn check_replay(sizes: &Marks, shape: Option<f64>, means: &[f64], quota: f64) {
    let counts = shape.map_or(CountLaw::Poisson, |shape| CountLaw::NegativeBinomial { shape });
    let weight = 1.0 / means.len() as f64;
    let stream = Stream { marks: sizes.clone(), counts, rates: means.to_vec() };
    let traffic = Traffic::new(&vec![weight; means.len()], vec![stream]).unwrap();
    let cells = means.iter().map(|mean| (weight, vec![*mean])).collect();
    let replay = Replay::new(cells, vec![(sizes.clone(), shape)]).left(quota, 60_000, 11);
    let left = left_whole(&traffic, quota);
    let found = [
        left.load / traffic.mean_load(),
        left.requests / traffic.mean_rate(),
        whole(&traffic).probability_above(quota),
    ];
    for (found, replayed) in found.into_iter().zip(replay) {
        check_near(found, replayed.share, 5.0 * replayed.error + 1e-9);
    }
}

/// Sizes of log-normal spread 1, far from any lattice.
pub(crate) fn spread_sizes() -> Marks {
    let quantile = |p: f64| burndown::stats::LogNormal::new(1000.0, 1311.0).quantile(p);
    let all = Marks::new((0..2000).map(|k| Mark {
        value: quantile((f64::from(k) + 0.5) / 2000.0),
        probability: 1.0,
        second: 0.0,
    }));
    all.unwrap().compressed(64)
}

#[test]
fn the_exact_recursion_holds_on_a_replay_of_requests() {
    let drafts = marks(&[(1.0, 0.8), (2.0, 0.1), (3.0, 0.06), (4.0, 0.04)]);
    check_replay(&drafts, None, &[9.0], 10.0);
    check_replay(&drafts, Some(8.0), &[4.0, 9.0, 14.0], 12.0);
    check_replay(&spread_sizes(), None, &[6.0], 6_200.0);
    check_replay(&spread_sizes(), Some(2.0), &[3.0, 12.0], 15_300.0);
}

/// Whatever the law: more quota never leaves more, and the fluid's share, the exact one and the upper bound
/// stand in this order.
#[derive(Clone, Debug)]
struct Case {
    sizes: Vec<(f64, f64)>,
    counts: CountLaw,
    rates: Vec<f64>,
}

fn cases() -> impl Strategy<Value = Case> {
    let counts = prop_oneof![
        Just(CountLaw::Poisson),
        (0.3..20.0).prop_map(|shape| CountLaw::NegativeBinomial { shape }),
        (1.2..8.0).prop_map(|dispersion| CountLaw::ConstantDispersion { dispersion }),
    ];
    let sizes = prop::collection::vec(((1..9_i32).prop_map(f64::from), 0.05..1.0), 1..5);
    (sizes, counts, prop::collection::vec(0.0..30.0, 1..4)).prop_map(|(sizes, counts, mut rates)| {
        rates.push(1.0);
        Case { sizes, counts, rates }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn fluid_exact_and_upper_stand_in_order_and_fall_with_the_quota(case in cases()) {
        let weights = vec![1.0; case.rates.len()];
        let stream = Stream { marks: marks(&case.sizes), counts: case.counts, rates: case.rates };
        let traffic = Traffic::new(&weights, vec![stream]).unwrap();
        let (law, table) = (whole(&traffic), AdmissionTable::new(&traffic.pooled_marks()));
        let (upper, tail) = (law.upper_bound(&traffic, 1.0), ArrivalTail::new(&traffic, 1.0, 4096));
        let offered = traffic.mean_load();
        let slack = 1e-8 * offered;
        let (mut fluid_before, mut upper_before) = (f64::INFINITY, f64::INFINITY);
        for quota in (0..60).map(|k| f64::from(k) * 1.7) {
            let (fluid, bound) = (law.excess(quota), upper.left(quota).load);
            let capacity = table.capacities(quota)[0].0;
            let exact = offered - table.row(capacity, tail.arrivals()).admitted(&tail).load;
            prop_assert!(fluid <= exact + slack, "quota {quota}: fluid {fluid}, exact {exact}");
            prop_assert!(exact <= bound + slack, "quota {quota}: exact {exact}, upper {bound}");
            prop_assert!(fluid <= fluid_before + slack && bound <= upper_before + slack, "quota {quota}");
            prop_assert!(law.probability_above(quota) >= -1e-12);
            (fluid_before, upper_before) = (fluid, bound);
        }
    }
}
