//! Traces through admission: the shipped trace to the last request, and every way to the same answer.

use burndown::{
    calendar::LocalClock,
    capacity::{Estimate, Overrun, Refund},
    replay::{
        BATCH, BurnRates, Clock, Demand, Latency, Micros, Outcome, Purchase, QuotaSource, Replay,
        ReplayError, ReplayOptions, Request, TraceFormat, TraceNotes, TraceReader, purchases,
    },
};
use proptest::prelude::*;

const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/traces/azure2023_conv.csv.gz");

fn weights() -> BurnRates {
    BurnRates::of_weights(1.into(), 9.into()).unwrap()
}

/// 2,690 burn tokens a second and GSU, windows of 30 s.
pub fn of_thirty_seconds(counts: &[u64]) -> Vec<Purchase> {
    let source = QuotaSource {
        throughput: None,
        burn_per_second: Some(2690.into()),
        window_seconds: Some(30),
        units_per_burn: 1,
    };
    purchases(&source, counts).unwrap()
}

pub fn options(purchases: Vec<Purchase>) -> ReplayOptions {
    ReplayOptions {
        purchases,
        clock: Clock::Fixed { phases: 1 },
        estimate: Estimate::Actual,
        latency: Latency::Same(0),
        refund: Refund::Any,
        overrun: Overrun::Forget,
        hours: LocalClock::UTC,
        state_machine: false,
    }
}

pub fn azure() -> (Vec<Request>, TraceNotes) {
    let rates = weights();
    let file = std::fs::File::open(TRACE).unwrap();
    let mut reader = TraceReader::open("azure", file, None, &rates, |_| true).unwrap();
    assert_eq!(reader.format(), TraceFormat::Azure);
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while reader.next_batch(&mut batch).unwrap() {
        all.extend_from_slice(&batch);
    }
    (all, reader.notes().clone())
}

fn replayed(options: ReplayOptions, requests: &[Request]) -> (Demand, Vec<Outcome>) {
    let mut replay = Replay::new(options).unwrap();
    // Batches of odd sizes: a window may begin and end in any of them.
    for batch in requests.chunks(1_001) {
        replay.push(batch);
    }
    replay.finish()
}

/// GSUs, requests left, burn left.
fn left(outcomes: &[Outcome]) -> Vec<(u64, u128, u128)> {
    let whole = |one: &Outcome| (one.purchase.gsu, one.requests.whole().unwrap(), one.units.whole().unwrap());
    outcomes.iter().map(whole).collect()
}

/// Context + 9 × generated tokens, whole requests in their order, fixed windows from the first request.
const AZURE_LEFT: [(u64, u128, u128); 4] =
    [(4, 7_023, 21_841_838), (8, 75, 214_005), (9, 3, 14_475), (12, 0, 0)];

#[test]
fn the_azure_trace_leaves_what_was_counted_by_hand() {
    let (requests, notes) = azure();
    assert_eq!((notes.rows, notes.requests, notes.unreadable, notes.out_of_order), (19_366, 19_366, 0, 0));
    for state_machine in [false, true] {
        let purchases = of_thirty_seconds(&[9, 4, 12, 8]);
        let (demand, outcomes) = replayed(ReplayOptions { state_machine, ..options(purchases) }, &requests);
        assert_eq!((demand.requests, demand.units), (19_366, 59_159_855));
        assert_eq!(left(&outcomes), AZURE_LEFT, "state machine: {state_machine}");
    }
}

#[test]
fn hours_of_the_day_add_up_to_the_whole() {
    let (requests, _) = azure();
    let (demand, outcomes) = replayed(options(of_thirty_seconds(&[4])), &requests);
    // 18:15 to 19:14 UTC.
    let busy: Vec<usize> = (0..24).filter(|hour| demand.requests_by_hour[*hour] > 0).collect();
    assert_eq!(busy, [18, 19]);
    assert_eq!(demand.units_by_hour.iter().sum::<u128>(), 59_159_855);
    let shares = &outcomes[0].share_of_requests_by_hour;
    assert_eq!(shares[17], None);
    let left: f64 =
        busy.iter().map(|hour| shares[*hour].unwrap() * demand.requests_by_hour[*hour] as f64).sum();
    assert!((left - 7_023.0).abs() < 1e-6, "{left}");
    // 3,501.7 s are 117 windows of 30 s.
    assert_eq!(outcomes[0].all_windows.whole(), Some(117));
}

#[test]
fn phases_are_averaged() {
    let (requests, _) = azure();
    let in_phase = |phase: i64| {
        let purchases = of_thirty_seconds(&[8]);
        // A request that burns nothing, early enough to shift the windows by the phase.
        let first = Request { at_micros: requests[0].at_micros - phase, ..Request::default() };
        let shifted: Vec<Request> = std::iter::once(first).chain(requests.iter().copied()).collect();
        let (_, outcomes) = replayed(options(purchases), &shifted);
        outcomes[0].units.whole().unwrap()
    };
    let apart: Vec<u128> = [0, 22_500_000, 15_000_000, 7_500_000].map(in_phase).to_vec();
    let purchases = of_thirty_seconds(&[8]);
    let (_, outcomes) =
        replayed(ReplayOptions { clock: Clock::Fixed { phases: 4 }, ..options(purchases) }, &requests);
    assert_eq!(outcomes[0].units.sum, apart.iter().sum::<u128>());
    assert_eq!(outcomes[0].units.phases, 4);
    assert!(apart.iter().any(|left| *left != apart[0]), "{apart:?}");
}

/// More patient clocks admit more on the same trace: a bucket starts full, a sliding window is never reset.
#[test]
fn the_clock_of_the_window_decides_how_much_is_left() {
    let (requests, _) = azure();
    let left = |clock| {
        let (_, outcomes) = replayed(ReplayOptions { clock, ..options(of_thirty_seconds(&[7])) }, &requests);
        outcomes[0].units.value()
    };
    let (fixed, sliding, bucket) =
        (left(Clock::Fixed { phases: 4 }), left(Clock::Sliding), left(Clock::Bucket));
    assert!(bucket < fixed && fixed < sliding, "{bucket} {fixed} {sliding}");
}

#[test]
fn rules_without_a_purchase_or_a_phase_are_refused() {
    assert_eq!(Replay::new(options(Vec::new())).unwrap_err(), ReplayError::NoPurchase);
    for phases in [0, 200_000] {
        let options = ReplayOptions { clock: Clock::Fixed { phases }, ..options(of_thirty_seconds(&[1])) };
        assert_eq!(Replay::new(options).unwrap_err(), ReplayError::Lanes(phases as usize));
    }
}

#[test]
fn a_quota_above_32_bits_is_walked_as_exactly() {
    let request = |at: i64| Request { at_micros: at * 1_000_000, units: 3_000_000_000, ..Request::default() };
    let requests: Vec<Request> = (0..5).map(request).collect();
    let purchase = |gsu, quota_units| Purchase { gsu, window_seconds: 30, window_grade: None, quota_units };
    let purchases = vec![purchase(1, (1 << 30) - 1), purchase(2, 1 << 30), purchase(3, 9_000_000_000)];
    let (_, outcomes) = replayed(options(purchases), &requests);
    assert_eq!(left(&outcomes), [(1, 5, 15_000_000_000), (2, 5, 15_000_000_000), (3, 2, 6_000_000_000)]);
}

fn estimates() -> impl Strategy<Value = Estimate> {
    prop_oneof![Just(Estimate::Actual), Just(Estimate::InputOnly), (0_u64..60).prop_map(Estimate::Output)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Windows cut first, quotas side by side, and the state machine: the same requests, windows and hours.
    #[test]
    fn every_way_leads_to_the_same_answer(
        gaps in prop::collection::vec((0_u64..3_000_000, 0_u64..20, 0_u64..30, 0_u64..9_000_000), 1..400),
        quotas in prop::collection::vec((1_u64..4, 1_u64..200), 1..40),
        estimate in estimates(),
        refund in prop_oneof![Just(Refund::Any), Just(Refund::SameWindow), Just(Refund::Never)],
        overrun in prop_oneof![Just(Overrun::Forget), Just(Overrun::Debt)],
        same_latency in any::<bool>(),
        phases in 1_u32..4,
    ) {
        let mut at = 1_700_000_000_000_000;
        let requests: Vec<Request> = gaps
            .iter()
            .map(|(gap, input, output, latency)| {
                at += *gap as i64;
                let latency = Some(Micros::new(*latency));
                Request { at_micros: at, input_units: *input, units: input + output, latency }
            })
            .collect();
        let purchases: Vec<Purchase> = quotas
            .iter()
            .enumerate()
            .map(|(at, (windows, quota_units))| Purchase {
                gsu: at as u64,
                window_seconds: windows * 5,
                window_grade: None,
                quota_units: *quota_units,
            })
            .collect();
        let options = ReplayOptions {
            clock: Clock::Fixed { phases },
            estimate,
            latency: if same_latency { Latency::Same(4_000_000) } else { Latency::OfTrace(0) },
            refund,
            overrun,
            ..options(purchases)
        };
        let fast = replayed(options.clone(), &requests);
        let slow = replayed(ReplayOptions { state_machine: true, ..options }, &requests);
        prop_assert_eq!(fast, slow);
    }

    /// With one window length, a larger quota never leaves more burn... of identical requests.
    #[test]
    fn more_quota_never_leaves_more_of_identical_requests(
        gaps in prop::collection::vec(0_u64..2_000_000, 1..300),
        burn in 1_u64..50,
    ) {
        let mut at = 0;
        let requests: Vec<Request> = gaps
            .iter()
            .map(|gap| {
                at += *gap as i64;
                Request { at_micros: at, units: burn, ..Request::default() }
            })
            .collect();
        let purchase = |gsu| Purchase { gsu, window_seconds: 10, window_grade: None, quota_units: gsu * 7 };
        let (_, outcomes) = replayed(options((1..40).map(purchase).collect()), &requests);
        prop_assert!(outcomes.is_sorted_by(|fewer, more| more.units.sum <= fewer.units.sum));
    }
}

/// A stream of rows that are made as they are read, and how far ahead of the consumer it was read.
struct Generated {
    row: u64,
    rows: u64,
    line: Vec<u8>,
}

impl std::io::Read for Generated {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.line.is_empty() && self.row < self.rows {
            self.line = match self.row {
                0 => b"arrived_at,num_prefill_tokens,num_decode_tokens\n".to_vec(),
                row => format!("{}.{:02},{},{}\n", row / 100, row % 100, row % 700, row % 90).into_bytes(),
            };
            self.row += 1;
        }
        let count = self.line.len().min(into.len());
        into[..count].copy_from_slice(&self.line[..count]);
        self.line.drain(..count);
        Ok(count)
    }
}

/// Ten million rows pass through when `RUN_SLOW_TESTS` is set, three hundred thousand otherwise. Whatever is
/// held at a time fits two batches, so the memory does not grow with the rows.
#[test]
fn a_trace_of_any_length_passes_in_batches() {
    let rows: u64 = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 10_000_000 } else { 300_000 };
    let rates = weights();
    let source = Generated { row: 0, rows: rows + 1, line: Vec::new() };
    let mut reader = TraceReader::open("generated", source, None, &rates, |_| true).unwrap();
    let mut replay = Replay::new(options(of_thirty_seconds(&[10, 20, 25]))).unwrap();
    let mut batch = Vec::new();
    let mut largest = 0;
    while reader.next_batch(&mut batch).unwrap() {
        largest = largest.max(batch.len());
        replay.push(&batch);
    }
    assert!(largest <= 2 * BATCH && batch.capacity() <= 4 * BATCH, "{largest} {}", batch.capacity());
    assert_eq!(reader.notes().requests, rows);
    let (demand, outcomes) = replay.finish();
    let burn: u128 = (1..=rows).map(|row| u128::from(row % 700 + 9 * (row % 90))).sum();
    assert_eq!((demand.requests, demand.units), (rows, burn));
    assert!(outcomes[0].units.value() > outcomes[1].units.value() && outcomes[2].units.sum > 0);
}

#[test]
fn a_known_latency_of_zero_is_not_an_unknown_one_and_takes_no_room() {
    assert_eq!(size_of::<Request>(), 32);
    for micros in [0, 1, 30_000_000, u64::MAX - 1] {
        assert_eq!(Micros::new(micros).get(), micros);
    }
}
