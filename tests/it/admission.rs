//! The admission state machine against the published cases, and by hand for what they leave out.

use std::collections::VecDeque;

use burndown::{
    capacity::{
        Admission, AdmissionError, AdmissionRules, Estimate, EstimateRule, Outcome, Overrun, Refund,
        RequestType, Ticket, WindowClock,
    },
    model::Tier,
};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;

fn rules(quota: u64, clock: WindowClock, refund: Refund, overrun: Overrun) -> AdmissionRules {
    AdmissionRules { quota, window_micros: 10 * SECOND, clock, refund, overrun }
}

const FIXED: WindowClock = WindowClock::Fixed { phase_micros: 0 };

/// Replays requests of (seconds, actual burn), each admitted with `estimate`, answered after `latency`.
fn admitted(rules: AdmissionRules, requests: &[(u64, u64)], estimate: u64, latency: u64) -> Vec<bool> {
    let mut admission = Admission::new(rules).unwrap();
    let mut open: VecDeque<(u64, Ticket, u64)> = VecDeque::new();
    let mut outcomes = Vec::new();
    for (second, actual) in requests {
        let at = second * SECOND;
        while open.front().is_some_and(|(done, ..)| *done <= at) {
            let (done, ticket, burnt) = open.pop_front().unwrap();
            admission.complete(ticket, done, burnt);
        }
        let outcome = admission.arrive(at, estimate, RequestType::Unset);
        outcomes.push(outcome.is_provisioned());
        if let Outcome::Provisioned(ticket) = outcome {
            open.push_back((at + latency, ticket, *actual));
        }
    }
    outcomes
}

fn expected(case: &serde_json::Value) -> Vec<bool> {
    case.as_array().unwrap().iter().map(|value| value.as_bool().unwrap()).collect()
}

/// t = 0, 1, 2, 12; 4 each, estimated as 8; windows of 10 s; answers after 0.5 s.
#[test]
fn estimates_latency_and_refunds_admit_as_published() {
    let oracles: serde_json::Value = serde_json::from_str(&crate::data("oracles.json")).unwrap();
    let case = &oracles["14_replay"];
    let requests = [(0, 4), (1, 4), (2, 4), (12, 4)];
    for (key, quota, refund) in [
        ("est8_quota10_any", 10, Refund::Any),
        ("est8_quota16_any", 16, Refund::Any),
        ("est8_quota16_none", 16, Refund::Never),
    ] {
        let rules = rules(quota, FIXED, refund, Overrun::Forget);
        assert_eq!(admitted(rules, &requests, 8, SECOND / 2), expected(&case[key]), "{key}");
    }
}

/// t = 0, 1, 5, 11; burnt 12, 12, 1, 1, estimated as 1; quota 10; answers after 2 s.
#[test]
fn burn_above_the_quota_is_forgotten_or_owed_as_published() {
    let oracles: serde_json::Value = serde_json::from_str(&crate::data("oracles.json")).unwrap();
    let case = &oracles["14_replay"]["under_estimate"];
    let requests = [(0, 12), (1, 12), (5, 1), (11, 1)];
    for (key, overrun) in [("forget", Overrun::Forget), ("debt", Overrun::Debt)] {
        let rules = rules(10, FIXED, Refund::Any, overrun);
        assert_eq!(admitted(rules, &requests, 1, 2 * SECOND), expected(&case[key]), "{key}");
    }
}

/// 25 burnt of a quota of 10: 15 owed after one window, 5 after two, nothing after three.
#[test]
fn a_debt_is_paid_one_quota_a_window_even_by_idle_ones() {
    let mut admission = Admission::new(rules(10, FIXED, Refund::Any, Overrun::Debt)).unwrap();
    let Outcome::Provisioned(ticket) = admission.arrive(0, 1, RequestType::Unset) else { panic!() };
    admission.complete(ticket, SECOND, 25);
    let used: Vec<u64> = [9, 10, 19, 20, 30].map(|second| admission.used(second * SECOND)).to_vec();
    assert_eq!(used, [25, 15, 15, 5, 0]);
    let mut idle = Admission::new(rules(10, FIXED, Refund::Any, Overrun::Debt)).unwrap();
    let Outcome::Provisioned(ticket) = idle.arrive(0, 1, RequestType::Unset) else { panic!() };
    idle.complete(ticket, SECOND, 25);
    assert_eq!(idle.used(25 * SECOND), 5);
}

#[test]
fn a_late_refund_counts_where_the_rule_says() {
    // 8 of 10 taken in window 1, answered with 2 in window 2, in which 7 are in use.
    let left_in_use = |refund| {
        let mut admission = Admission::new(rules(10, FIXED, refund, Overrun::Forget)).unwrap();
        let Outcome::Provisioned(ticket) = admission.arrive(9 * SECOND, 8, RequestType::Unset) else {
            panic!()
        };
        assert!(admission.arrive(11 * SECOND, 7, RequestType::Unset).is_provisioned());
        admission.complete(ticket, 12 * SECOND, 2);
        admission.used(12 * SECOND)
    };
    assert_eq!(left_in_use(Refund::Any), 1);
    assert_eq!(left_in_use(Refund::SameWindow), 7);
    assert_eq!(left_in_use(Refund::Never), 7);
}

#[test]
fn a_refund_inside_the_window_counts_unless_there_is_none() {
    for clock in [FIXED, WindowClock::Bucket] {
        for (refund, left) in [(Refund::Any, 2), (Refund::SameWindow, 2), (Refund::Never, 8)] {
            let mut admission = Admission::new(rules(10, clock, refund, Overrun::Forget)).unwrap();
            let Outcome::Provisioned(ticket) = admission.arrive(0, 8, RequestType::Unset) else { panic!() };
            admission.complete(ticket, 0, 2);
            assert_eq!(admission.used(0), left, "{clock:?} {refund:?}");
        }
    }
}

#[test]
fn a_refund_never_makes_more_room_than_an_empty_window_has() {
    let mut admission = Admission::new(rules(10, FIXED, Refund::Any, Overrun::Forget)).unwrap();
    let Outcome::Provisioned(ticket) = admission.arrive(0, 8, RequestType::Unset) else { panic!() };
    admission.complete(ticket, 11 * SECOND, 0);
    assert!(!admission.arrive(12 * SECOND, 11, RequestType::Unset).is_provisioned());
    assert!(admission.arrive(12 * SECOND, 10, RequestType::Unset).is_provisioned());
}

#[test]
fn a_fixed_window_starts_at_its_phase() {
    let clock = WindowClock::Fixed { phase_micros: 3 * SECOND };
    let mut admission = Admission::new(rules(10, clock, Refund::Any, Overrun::Forget)).unwrap();
    let mut take = |micros| admission.arrive(micros, 10, RequestType::Unset).is_provisioned();
    assert!(take(0));
    assert!(!take(3 * SECOND - 1));
    assert!(take(3 * SECOND));
    assert!(!take(13 * SECOND - 1));
    assert!(take(13 * SECOND));
    // Time that runs backwards counts as the latest seen.
    assert!(!take(0));
}

#[test]
fn a_sliding_window_frees_a_request_exactly_one_window_later() {
    let mut admission =
        Admission::new(rules(10, WindowClock::Sliding, Refund::Any, Overrun::Forget)).unwrap();
    let mut take = |micros, burn| admission.arrive(micros, burn, RequestType::Unset).is_provisioned();
    assert!(take(5 * SECOND, 6));
    assert!(take(9 * SECOND, 4));
    assert!(!take(15 * SECOND - 1, 1));
    assert!(take(15 * SECOND, 6));
    assert!(!take(15 * SECOND, 1));
}

#[test]
fn a_sliding_window_gives_back_only_what_it_still_holds() {
    let mut admission =
        Admission::new(rules(10, WindowClock::Sliding, Refund::Any, Overrun::Forget)).unwrap();
    let Outcome::Provisioned(first) = admission.arrive(0, 4, RequestType::Unset) else { panic!() };
    let Outcome::Provisioned(second) = admission.arrive(SECOND, 4, RequestType::Unset) else { panic!() };
    admission.complete(second, 2 * SECOND, 1);
    assert_eq!(admission.used(2 * SECOND), 5);
    admission.complete(first, 10 * SECOND, 0);
    assert_eq!(admission.used(10 * SECOND), 1);
    assert_eq!(admission.used(11 * SECOND), 0);
}

#[test]
fn a_bucket_fills_at_the_quota_a_window() {
    let mut admission = Admission::new(rules(10, WindowClock::Bucket, Refund::Any, Overrun::Forget)).unwrap();
    let mut take = |micros, burn| admission.arrive(micros, burn, RequestType::Unset).is_provisioned();
    assert!(take(0, 10));
    assert!(!take(SECOND - 1, 1));
    assert!(take(SECOND, 1));
    // Full again after one window, and no fuller after ten.
    assert!(!take(100 * SECOND, 11));
    assert!(take(100 * SECOND, 10));
}

#[test]
fn a_bucket_owes_only_under_the_debt_rule() {
    for (overrun, used, admits) in [(Overrun::Forget, 9, true), (Overrun::Debt, 14, false)] {
        let mut admission = Admission::new(rules(10, WindowClock::Bucket, Refund::Any, overrun)).unwrap();
        let Outcome::Provisioned(ticket) = admission.arrive(0, 1, RequestType::Unset) else { panic!() };
        admission.complete(ticket, 0, 15);
        assert_eq!(admission.used(SECOND), used, "{overrun:?}");
        assert_eq!(admission.arrive(SECOND, 1, RequestType::Unset).is_provisioned(), admits, "{overrun:?}");
    }
}

/// Unset spills, `dedicated` is refused with 429, `shared` never uses the purchase.
#[test]
fn the_header_decides_what_a_full_window_does() {
    let mut admission = Admission::new(rules(10, FIXED, Refund::Any, Overrun::Forget)).unwrap();
    let shared = admission.arrive(0, 10, RequestType::Shared);
    assert_eq!((shared.status(), shared.traffic_type(Tier::Priority)), (200, Some("ON_DEMAND_PRIORITY")));
    let first = admission.arrive(0, 10, RequestType::Dedicated);
    assert_eq!((first.status(), first.traffic_type(Tier::Standard)), (200, Some("PROVISIONED_THROUGHPUT")));
    let spilled = admission.arrive(0, 10, RequestType::Unset);
    assert_eq!((spilled.status(), spilled.traffic_type(Tier::Standard)), (200, Some("ON_DEMAND")));
    assert_eq!(spilled.traffic_type(Tier::Flex), Some("ON_DEMAND_FLEX"));
    assert_eq!(spilled.traffic_type(Tier::Batch), None);
    let refused = admission.arrive(0, 10, RequestType::Dedicated);
    assert_eq!((refused.status(), refused.traffic_type(Tier::Standard)), (429, None));
}

#[test]
fn an_estimate_is_the_input_and_what_the_rule_adds() {
    let estimate = |rule: EstimateRule| rule.resolve(2.5, 16).of(3, 7);
    assert_eq!(estimate(EstimateRule::Actual), 7);
    assert_eq!(estimate(EstimateRule::Mean), 6);
    assert_eq!(estimate(EstimateRule::Maximum), 19);
    assert_eq!(estimate(EstimateRule::MeanTimes(2.0)), 8);
    assert_eq!(estimate(EstimateRule::Output(100)), 103);
    assert_eq!(estimate(EstimateRule::InputOnly), 3);
    assert_eq!(Estimate::Output(u64::MAX).of(1, 1), u64::MAX);
}

#[test]
fn rules_that_no_purchase_has_are_refused() {
    let good = rules(10, FIXED, Refund::Any, Overrun::Forget);
    let refused = |rules| Admission::new(rules).unwrap_err();
    assert_eq!(refused(AdmissionRules { quota: 0, ..good }), AdmissionError::Quota(0));
    assert_eq!(refused(AdmissionRules { quota: u64::MAX, ..good }), AdmissionError::Quota(u64::MAX));
    assert_eq!(refused(AdmissionRules { window_micros: 0, ..good }), AdmissionError::Window(0));
    let clock = WindowClock::Fixed { phase_micros: 10 * SECOND };
    let message = refused(AdmissionRules { clock, ..good }).to_string();
    assert_eq!(message, "a phase lies within the window of 10000000 microseconds, found 10000000");
}

proptest! {
    /// Whatever the clock, no span of its kind holds more than the quota when estimates are right.
    #[test]
    fn right_estimates_never_exceed_the_quota(
        requests in prop::collection::vec((0_u64..4_000_000, 1_u64..30), 1..200),
        phase in 0_u64..10_000_000,
    ) {
        for clock in [WindowClock::Fixed { phase_micros: phase }, WindowClock::Sliding, WindowClock::Bucket] {
            let mut admission = Admission::new(rules(40, clock, Refund::Any, Overrun::Forget)).unwrap();
            let (mut at, mut taken) = (0, Vec::new());
            for (gap, burn) in &requests {
                at += gap;
                if admission.arrive(at, *burn, RequestType::Unset).is_provisioned() {
                    taken.push((at, *burn));
                }
                prop_assert!(admission.used(at) <= 40);
            }
            for (end, _) in &taken {
                let inside = |from: u64, to: u64| -> u64 {
                    taken.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, burn)| burn).sum()
                };
                // The window that ends with this request, and the fixed window that holds it.
                let since = (end + 1).saturating_sub(10_000_000);
                let start = (end + 10_000_000 - phase) / 10_000_000 * 10_000_000;
                let most = match clock {
                    WindowClock::Sliding => inside(since, end + 1),
                    WindowClock::Fixed { .. } => {
                        inside((start + phase).saturating_sub(10_000_000), start + phase)
                    }
                    // One bucketful at the start and one refill in the time between.
                    WindowClock::Bucket => inside(since, end + 1).div_ceil(2),
                };
                prop_assert!(most <= 40, "{clock:?}: {most}");
            }
        }
    }
}
