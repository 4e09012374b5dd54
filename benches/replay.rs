//! Replay of a month of requests: one quota, 32 quotas at once, with estimates and latency; beside them the
//! plain loop over the state machine.
//!
//! `cargo bench --bench replay`. Items are requests times quotas ("request-levels"). After divan's numbers stands
//! a table of ratios, beside a loop in numpy and one in plain Python.
#![allow(missing_docs)]

mod ratios;

use std::sync::LazyLock;

use burndown::{
    calendar::LocalClock,
    capacity::{Estimate, Overrun, Refund},
    replay::{BATCH, Clock, Latency, Micros, Purchase, Replay, ReplayOptions, Request},
    stats::generator,
};
use divan::{Bencher, counter::ItemsCount};
use rand::RngExt;

const REQUESTS: usize = 1_000_000;

fn main() {
    divan::main();
    if ratios::wanted() {
        table();
    }
}

/// Whole requests into windows of 30 s, as one would write it in an afternoon; seconds for a million requests.
const PEERS: &str = r#"
import random, time
random.seed(1)
n = 200_000
clock, times, units = 0.0, [], []
for _ in range(n):
    clock += random.expovariate(10.0)
    times.append(clock)
    units.append(2_700 + 67_200 * random.randint(1, 4))
mean = sum(units) / n * 300
def plain(quota):
    end, used, left = 0.0, 0, 0
    for at, unit in zip(times, units):
        if at >= end:
            end, used = (at // 30 + 1) * 30, 0
        if used + unit <= quota:
            used += unit
        else:
            left += unit
    return left
start = time.perf_counter()
plain(mean)
print(f"plain\t{(time.perf_counter() - start) * 1e6 / n}")
import numpy
def side_by_side(quotas, m):
    end, left = 0.0, numpy.zeros(len(quotas))
    used = numpy.zeros(len(quotas))
    for at, unit in zip(times[:m], units[:m]):
        if at >= end:
            end = (at // 30 + 1) * 30
            used[:] = 0
        fits = used + unit <= quotas
        used += fits * unit
        left += ~fits * unit
    return left
quotas = mean / 2 + mean * numpy.arange(1, 33) / 33
start = time.perf_counter()
side_by_side(quotas, 50_000)
print(f"numpy\t{(time.perf_counter() - start) * 1e6 / 50_000}")
"#;

/// Targets on one core: 300 M requests a second for one quota, 5 G request-levels for 32, 300 M with estimates.
fn table() {
    let row = |work: &str, options: &ReplayOptions, target: f64, peer| {
        let levels = (REQUESTS * options.purchases.len()) as f64;
        let run = || {
            let mut replay = Replay::new(options.clone()).expect("purchases with a quota and a window");
            MONTH.chunks(BATCH).for_each(|batch| replay.push(batch));
            replay.finish()
        };
        let items = if options.purchases.len() == 1 { "requests" } else { "request-levels" };
        ratios::Row {
            work: work.into(),
            items: Some((levels, items)),
            seconds: ratios::seconds(run),
            target_seconds: Some(levels / target),
            peer,
        }
    };
    let rows = [
        row("replay, one quota", &options(1), 300e6, Some(("a loop in Python", "plain"))),
        row("replay, 32 quotas at once", &options(32), 5e9, Some(("numpy, request by request", "numpy"))),
        row("replay with estimates and latency, 32 quotas", &maximum(32, Latency::OfTrace(0)), 300e6, None),
    ];
    ratios::print("Replay of a million requests", &rows, &ratios::peers(PEERS));
}

/// Ten requests a second, each an image of 1 to 4 drafts.
static MONTH: LazyLock<Vec<Request>> = LazyLock::new(|| {
    let mut random = generator(1, 0);
    let mut at_micros = 1_780_000_000_000_000;
    let request = |_| {
        at_micros += (-random.random::<f64>().max(1e-12).ln() * 100_000.0) as i64;
        let input_units = 300 + random.random_range(0..600);
        let units = input_units + 2_400 + 67_200 * random.random_range(1..=4_u64);
        Request {
            at_micros,
            input_units,
            units,
            latency: Some(Micros::new(random.random_range(5_000_000..30_000_000))),
        }
    };
    (0..REQUESTS).map(request).collect()
});

/// Quotas around the mean load of a window of 30 s: half of it to one and a half times it.
fn options(quotas: u64) -> ReplayOptions {
    let mean = MONTH.iter().map(|request| request.units).sum::<u64>() / REQUESTS as u64 * 300;
    let purchase = |at: u64| {
        let quota_units = mean / 2 + mean * (at + 1) / (quotas + 1);
        Purchase { gsu: at + 1, window_seconds: 30, window_grade: None, quota_units }
    };
    ReplayOptions {
        purchases: (0..quotas).map(purchase).collect(),
        clock: Clock::Fixed { phases: 1 },
        estimate: Estimate::Actual,
        latency: Latency::Same(0),
        refund: Refund::Any,
        overrun: Overrun::Forget,
        hours: LocalClock::UTC,
        state_machine: false,
    }
}

fn run(bencher: Bencher<'_, '_>, options: &ReplayOptions) {
    let levels = REQUESTS * options.purchases.len();
    bencher.counter(ItemsCount::new(levels)).bench(|| {
        let mut replay = Replay::new(options.clone()).expect("purchases with a quota and a window");
        MONTH.chunks(BATCH).for_each(|batch| replay.push(batch));
        replay.finish()
    });
}

#[divan::bench(sample_count = 10, args = [1, 8, 32, 128])]
fn right_estimates(bencher: Bencher<'_, '_>, quotas: u64) {
    run(bencher, &options(quotas));
}

/// Quotas of more than 2³⁰ units are walked in 64 bits.
#[divan::bench(sample_count = 10, args = [1, 32])]
fn right_estimates_in_64_bits(bencher: Bencher<'_, '_>, quotas: u64) {
    let mut options = options(quotas);
    options.purchases.iter_mut().for_each(|one| one.quota_units += 1 << 30);
    run(bencher, &options);
}

fn maximum(quotas: u64, latency: Latency) -> ReplayOptions {
    ReplayOptions { estimate: Estimate::Output(4 * 67_200 + 2_400), latency, ..options(quotas) }
}

#[divan::bench(sample_count = 10, args = [1, 8, 32])]
fn estimates_and_one_latency(bencher: Bencher<'_, '_>, quotas: u64) {
    run(bencher, &maximum(quotas, Latency::Same(15_000_000)));
}

#[divan::bench(sample_count = 10, args = [1, 8, 32])]
fn estimates_and_each_its_latency(bencher: Bencher<'_, '_>, quotas: u64) {
    run(bencher, &maximum(quotas, Latency::OfTrace(0)));
}

#[divan::bench(sample_count = 10, args = [1, 32])]
fn plain_loop_right_estimates(bencher: Bencher<'_, '_>, quotas: u64) {
    run(bencher, &ReplayOptions { state_machine: true, ..options(quotas) });
}

#[divan::bench(sample_count = 10, args = [1, 32])]
fn plain_loop_estimates_and_latency(bencher: Bencher<'_, '_>, quotas: u64) {
    let options = maximum(quotas, Latency::OfTrace(0));
    run(bencher, &ReplayOptions { state_machine: true, ..options });
}
