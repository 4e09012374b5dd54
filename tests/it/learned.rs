//! The rule of admission learned from logs that were made under a known rule.

use std::collections::BinaryHeap;

use burndown::{
    capacity::{
        Admission, AdmissionRules, EstimateKind, Outcome, Overrun, PtRule, Refund, RequestType, Ticket,
        WindowClock, WindowKind,
    },
    replay::{AdmissionLog, LearnError, LearnOptions, Learning, LogNotes, Misfit, Sighting, Verdict, learn},
    stats::generator,
};
use rand::RngExt;
use rand_distr::{Distribution, Exp, Gamma, LogNormal};

const SECOND: u64 = 1_000_000;
const WINDOW: u64 = 30;
const START: i64 = 1_793_664_000_000_000;
const CAP: u64 = 20_000;

/// Mean output of the two kinds of request below.
const MEANS: [u64; 2] = [1_450, 400];
const LARGEST: [u64; 2] = [4_000, 400];

/// How a log is made.
#[derive(Clone, Copy)]
struct World {
    rule: PtRule,
    /// Requests of a window on average, and the share of the quota that they would burn.
    requests: f64,
    load: f64,
    windows: u64,
    latency: f64,
    /// Parts of a second by which logged times are off.
    jitter: f64,
    seed: u64,
}

const WORLD: World = World {
    rule: PtRule::OF_THE_CURVE,
    requests: 20.0,
    load: 0.95,
    windows: 240,
    latency: 12.0,
    jitter: 0.0,
    seed: 1,
};

impl World {
    fn quota(&self) -> u64 {
        let mean = 0.8 * (100.0 + MEANS[0] as f64) + 0.2 * (100.0 + MEANS[1] as f64);
        (self.requests * mean / self.load) as u64
    }

    /// Bursty arrivals of two kinds of request: four fifths burn 1,000 to 4,000, the rest 400 each.
    fn arrivals(&self) -> Vec<Sighting> {
        let mut random = generator(self.seed, 7);
        let latency = LogNormal::new(self.latency.max(1e-9).ln() - 0.08, 0.4).unwrap();
        let factor = Gamma::new(8.0, 1.0 / 8.0).unwrap();
        let mut found = Vec::new();
        let per_second = self.requests / WINDOW as f64;
        let end = (self.windows * WINDOW) as f64;
        let (mut at, mut until, mut rate) = (3.7, 0.0, 1.0);
        while at < end {
            if at >= until {
                rate = factor.sample(&mut random);
                until = at + 300.0;
            }
            at += Exp::new(per_second * rate).unwrap().sample(&mut random);
            let kind = u16::from(random.random::<f64>() < 0.2);
            let point: f64 = random.random();
            let output = match kind {
                1 => 400,
                _ if point < 0.7 => 1_000,
                _ if point < 0.9 => 2_000,
                _ => 4_000,
            };
            let input = random.random_range(50..=150);
            found.push(Sighting {
                at_micros: START + (at * 1e6) as i64,
                latency_micros: if self.latency > 0.0 {
                    (latency.sample(&mut random) * 1e6) as u64
                } else {
                    0
                },
                input_units: input,
                units: input + output,
                kind,
                served: false,
            });
        }
        found
    }

    /// The log that a platform with this rule would write.
    fn log(&self) -> AdmissionLog {
        let mut sightings = self.arrivals();
        let clock = match self.rule.clock {
            WindowKind::Fixed => WindowClock::Fixed { phase_micros: 11_300_000 },
            WindowKind::Sliding => WindowClock::Sliding,
            WindowKind::Bucket => WindowClock::Bucket,
        };
        let rules = AdmissionRules {
            quota: self.quota(),
            window_micros: WINDOW * SECOND,
            clock,
            refund: self.rule.refund,
            overrun: self.rule.overrun,
        };
        let mut admission = Admission::new(rules).unwrap();
        let mut open: BinaryHeap<(std::cmp::Reverse<(u64, usize)>, u64)> = BinaryHeap::new();
        let mut tickets: Vec<Option<Ticket>> = Vec::new();
        for (number, one) in sightings.iter_mut().enumerate() {
            let at = (one.at_micros - START) as u64;
            while open.peek().is_some_and(|(std::cmp::Reverse((done, _)), _)| *done <= at) {
                let (std::cmp::Reverse((done, number)), units) = open.pop().unwrap();
                admission.complete(tickets[number].take().unwrap(), done, units);
            }
            let kind = usize::from(one.kind);
            let estimate = match self.rule.estimate {
                EstimateKind::Mean => one.input_units + MEANS[kind],
                EstimateKind::Maximum => one.input_units + LARGEST[kind],
                EstimateKind::Actual => one.units,
                EstimateKind::Input => one.input_units,
                EstimateKind::ContractCap => one.input_units + CAP,
            };
            tickets.push(None);
            if let Outcome::Provisioned(ticket) = admission.arrive(at, estimate, RequestType::Unset) {
                one.served = true;
                tickets[number] = Some(ticket);
                open.push((std::cmp::Reverse((at + one.latency_micros, number)), one.units));
            }
        }
        let mut random = generator(self.seed, 8);
        for one in &mut sightings {
            one.at_micros += (self.jitter * 1e6 * (2.0 * random.random::<f64>() - 1.0)) as i64;
        }
        sightings.sort_by_key(|one| one.at_micros);
        let notes = LogNotes { attempts: sightings.len() as u64, ..LogNotes::default() };
        AdmissionLog { sightings, notes }
    }

    fn options(&self, invocations: usize) -> LearnOptions {
        LearnOptions {
            quota_units: self.quota(),
            window_seconds: WINDOW,
            cap_units: CAP,
            invocations: Some(invocations as u64),
            confidence: 0.95,
            seed: self.seed,
        }
    }

    fn learned(&self) -> Learning {
        let log = self.log();
        learn(&log, &self.options(log.sightings.len())).unwrap()
    }
}

fn allows(learning: &Learning, rule: PtRule) -> bool {
    learning.scores.iter().any(|score| score.possible && score.rule == rule)
}

#[test]
fn explore() {
    for windows in [120, 480] {
        let (mut found, mut kept, mut all) = (0, 0, 0);
        for rule in PtRule::all() {
            let mut line = String::new();
            for seed in 0..4 {
                let learning = World { rule, seed, windows, ..WORLD }.learned();
                let possible = learning.scores.iter().filter(|score| score.possible).count();
                all += 1;
                kept += u32::from(allows(&learning, rule));
                found += u32::from(possible == 1 && allows(&learning, rule));
                line += &format!(
                    " {possible}{}({:.1}%,{:.2}%)",
                    if allows(&learning, rule) { "" } else { "!" },
                    100.0 * learning.spilled as f64 / learning.requests as f64,
                    100.0 * learning.scores[0].disagreement
                );
            }
            eprintln!("{:60}{line}", rule.label());
        }
        eprintln!("windows {windows}: kept {kept}, found {found} of {all}");
    }
}
