//! Curves over GSU counts: one window law, a whole pool, and what the plain ways to the same numbers cost.
//!
//! `cargo bench --bench curve`. One core unless a name says otherwise; the target for one law over 720 hourly
//! cells on some 4,096 points is 0.6 ms for Poisson counts and 6 ms for negative binomial ones.

mod ratios;

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
    if ratios::wanted() {
        table();
    }
}

/// The same law in numpy: the transform of every cell, their mean, one inverse transform, two sums; and by
/// drawing 100,000 windows.
const PEERS: &str = r#"
import time
import numpy
size, hours = 4096, numpy.arange(720)
rates = 80 * (1 + 0.5 * numpy.sin(hours % 24 / 24 * 2 * numpy.pi)) * (1 + 0.1 * numpy.sin(hours // 24 * 1.7))
marks = numpy.zeros(size)
marks[1:41] = 1 / 40
def law(transform):
    phi = numpy.fft.rfft(marks) - 1
    mean = transform(numpy.outer(rates, phi)).mean(axis=0)
    pmf = numpy.fft.irfft(mean, size)
    return numpy.cumsum(numpy.cumsum(pmf[::-1]))
def timed(name, run, times):
    run()
    start = time.perf_counter()
    for _ in range(times):
        run()
    print(f"{name}\t{(time.perf_counter() - start) / times}")
timed("poisson", lambda: law(numpy.exp), 3)
timed("negative binomial", lambda: law(lambda x: (1 - x / 8) ** -8), 3)
random = numpy.random.default_rng(1)
def drawn():
    counts = random.poisson(numpy.resize(rates, 100_000))
    ends = numpy.cumsum(counts)
    sizes = numpy.concatenate([[0], numpy.cumsum(random.integers(1, 41, ends[-1]))])
    load = sizes[ends] - sizes[ends - counts]
    return numpy.maximum(load - 1800, 0).mean()
timed("drawn", drawn, 3)
"#;

/// Targets for one law over 720 hours on one core: 0.6 ms Poisson, 6 ms negative binomial.
fn table() {
    let law = |work: &str, counts: CountLaw, target_seconds: f64, peer| {
        let traffic = traffic(counts);
        let run = || {
            let law = LoadLaw::new(black_box(&traffic), 1.0, 4000.0);
            (0..4000).map(|quota| law.excess(f64::from(quota))).sum::<f64>()
        };
        ratios::Row {
            work: work.into(),
            items: None,
            seconds: ratios::seconds(run),
            target_seconds: Some(target_seconds),
            peer,
        }
    };
    let whole = |gsus: f64| {
        let (row, traffic) = (pro(), pool(gsus, HABITUAL, drafts()));
        ratios::Row {
            work: format!("every count and band of a pool of {gsus} GSU, whole requests, all cores"),
            items: None,
            seconds: ratios::seconds(|| curve(black_box(&row), &traffic).unwrap()),
            target_seconds: None,
            peer: None,
        }
    };
    let rows = [
        law(
            "one law over 720 hours, Poisson",
            POISSON,
            0.6e-3,
            Some(("numpy, FFT of every hour", "poisson")),
        ),
        law(
            "one law over 720 hours, negative binomial",
            HABITUAL,
            6e-3,
            Some(("numpy, FFT of every hour", "negative binomial")),
        ),
        law(
            "the same against one quota by 100,000 drawn windows",
            POISSON,
            0.6e-3,
            Some(("numpy, drawn, to 3e-4 of the share", "drawn")),
        ),
        whole(20.0),
        whole(200.0),
    ];
    ratios::print("Curves over GSU counts", &rows, &ratios::peers(PEERS));
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
