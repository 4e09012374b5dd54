//! Curves over GSU counts: one window law, a whole pool, and what the plain ways to the same numbers cost.
//!
//! `cargo bench --bench curve`. One core unless a name says otherwise; the target for one law over 720 hourly
//! cells on some 4,096 points is 0.6 ms for Poisson counts and 6 ms for negative binomial ones.

use burndown::{
    capacity::{CapacityBook, CurveFamily, Throughput, curve},
    diagnostics::SourceText,
    stats::{CountLaw, LoadLaw, Mark, Marks, Stream, Traffic, generator},
};
use divan::{Bencher, black_box};
use rand_distr::{Distribution, Poisson, weighted::WeightedIndex};
use realfft::{RealFftPlanner, num_complex::Complex64};

fn main() {
    divan::main();
}

const POISSON: CountLaw = CountLaw::Poisson;
const HABITUAL: CountLaw = CountLaw::NegativeBinomial { shape: 8.0 };
const BROKEN_SHAPE: CountLaw = CountLaw::NegativeBinomial { shape: 7.3 };

/// 720 hours of a month around a mean rate.
fn hours(mean: f64) -> Vec<f64> {
    let hour = |h: u32| {
        let (day, time) = (f64::from(h / 24), f64::from(h % 24));
        mean * (1.0 + 0.5 * (time / 24.0 * std::f64::consts::TAU).sin()) * (1.0 + 0.1 * (day * 1.7).sin())
    };
    (0..720).map(hour).collect()
}

/// Sizes from 1 to 40: a lattice of 1, some 4,096 points for 80 requests a window.
fn sizes() -> Marks {
    Marks::new((1..=40).map(|k| Mark { value: f64::from(k), probability: 1.0, second: 0.0 })).unwrap()
}

fn traffic(counts: CountLaw) -> Traffic {
    let stream = Stream { marks: sizes(), counts, rates: hours(80.0) };
    Traffic::new(&vec![1.0; 720], vec![stream]).unwrap()
}

/// Every quota of one band.
#[divan::bench(args = [POISSON, HABITUAL, BROKEN_SHAPE])]
fn one_law_over_720_hours(bencher: Bencher<'_, '_>, counts: CountLaw) {
    let traffic = traffic(counts);
    bencher.bench_local(|| {
        let law = LoadLaw::new(black_box(&traffic), 1.0, 4000.0);
        (0..4000).map(|quota| law.excess(f64::from(quota))).sum::<f64>()
    });
}

/// The same numbers by an exponential (or power) for every cell and frequency.
#[divan::bench(args = [POISSON, HABITUAL])]
fn plain_transform_over_720_hours(bencher: Bencher<'_, '_>, counts: CountLaw) {
    let (rates, marks, size) = (hours(80.0), sizes(), 4096);
    bencher.bench_local(|| {
        let mut planner = RealFftPlanner::<f64>::new();
        let forward = planner.plan_fft_forward(size);
        let (mut values, mut spectrum) = (vec![0.0; size], forward.make_output_vec());
        marks.iter().for_each(|mark| values[mark.value as usize] += mark.probability);
        forward.process(&mut values, &mut spectrum).unwrap();
        let mut transform: Vec<Complex64> = spectrum
            .iter()
            .map(|phi| {
                let s = phi - 1.0;
                let of = |rate: &f64| match counts {
                    CountLaw::NegativeBinomial { shape } => (1.0 - rate / shape * s).powf(-shape),
                    _ => (rate * s).exp(),
                };
                rates.iter().map(of).sum::<Complex64>() / rates.len() as f64
            })
            .collect();
        transform[0].im = 0.0;
        transform[size / 2].im = 0.0;
        planner.plan_fft_inverse(size).process(&mut transform, &mut values).unwrap();
        black_box(values)
    });
}

/// Monte Carlo: 100,000 windows know one share to about 0.0003.
#[divan::bench(sample_count = 3)]
fn monte_carlo_of_100_000_windows(bencher: Bencher<'_, '_>) {
    let (rates, marks) = (hours(80.0), sizes());
    let weights = WeightedIndex::new(marks.iter().map(|mark| mark.probability)).unwrap();
    let values: Vec<f64> = marks.iter().map(|mark| mark.value).collect();
    bencher.bench_local(|| {
        let mut random = generator(1, 0);
        let mut above = 0.0;
        for window in 0..100_000 {
            let count: f64 = Poisson::new(rates[window % rates.len()]).unwrap().sample(&mut random);
            let load: f64 = (0..count as u64).map(|_| values[weights.sample(&mut random)]).sum();
            above += (load - 1800.0).max(0.0);
        }
        above
    });
}

fn pro() -> Throughput {
    let text = include_str!("../profiles/capacity/google.toml").to_string();
    let book = CapacityBook::parse(&SourceText { name: "google.toml".into(), text }).unwrap();
    book.throughput(&"gemini-3-pro-image".into(), "2026-11-21".parse().unwrap(), 0.0).unwrap().clone()
}

/// Images with 1 to 4 drafts, hour by hour, so many GSUs on average.
fn pool(gsus: f64, counts: CountLaw, marks: Marks) -> Traffic {
    let rates = hours(gsus * 500.0 / marks.mean());
    Traffic::new(&vec![1.0; 720], vec![Stream { marks, counts, rates }]).unwrap()
}

fn drafts() -> Marks {
    let sizes = [(69_900.0, 0.8), (137_100.0, 0.1), (204_300.0, 0.06), (271_500.0, 0.04)];
    Marks::new(sizes.map(|(value, probability)| Mark { value, probability, second: 0.2 })).unwrap()
}

/// 64 sizes far from any lattice.
fn spread() -> Marks {
    let value = |k: i32| 70_000.0 * (f64::from(k) / 16.0 - 2.5 + 0.1 * f64::from(k).sin()).exp();
    Marks::new((0..64).map(|k| Mark { value: value(k), probability: 1.0, second: 0.2 })).unwrap()
}

/// All bands and counts, whole requests, on all cores.
#[divan::bench(args = [20.0, 200.0, 20_000.0])]
fn whole_pool_of_images_all_cores(bencher: Bencher<'_, '_>, gsus: f64) {
    let (row, traffic) = (pro(), pool(gsus, HABITUAL, drafts()));
    bencher.bench_local(|| curve(black_box(&row), &traffic).unwrap());
}

/// The same with 64 sizes.
#[divan::bench(args = [20.0, 200.0])]
fn whole_pool_of_mixed_sizes_all_cores(bencher: Bencher<'_, '_>, gsus: f64) {
    let (row, traffic) = (pro(), pool(gsus, HABITUAL, spread()));
    bencher.bench_local(|| curve(black_box(&row), &traffic).unwrap());
}

/// Centre and four more loads.
#[divan::bench]
fn family_of_20_gsus_all_cores(bencher: Bencher<'_, '_>) {
    let (row, traffic) = (pro(), pool(20.0, HABITUAL, drafts()));
    bencher.bench_local(|| CurveFamily::new(black_box(&row), &traffic).unwrap());
}

/// One look at the family.
#[divan::bench]
fn one_share_of_the_family(bencher: Bencher<'_, '_>) {
    let family = CurveFamily::new(&pro(), &pool(20.0, HABITUAL, drafts())).unwrap();
    bencher.bench_local(|| family.left_share(black_box(23), black_box(1.13), None));
}
