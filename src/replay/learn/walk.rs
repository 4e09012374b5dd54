//! A log walked through one rule: at each request the rule says what it would do, then what really happened is
//! applied, so that one wrong word does not spoil the next.

use super::log::Sighting;
use crate::capacity::{
    Admission, AdmissionError, AdmissionRules, EstimateKind, PtRule, Ticket, WindowClock, WindowKind,
};

/// Parts of a window in the coarse search for the phase of a fixed clock.
const COARSE: u64 = 32;

/// Parts of a step in each finer search, and how many there are.
const FINE: u64 = 8;
const FINER: u32 = 2;

/// Thousandths by which the mean output may be off: the platform's mean is not that of one log. Each finer search
/// takes a fourth of the step, and four steps to either side.
const MEAN_STEP: i64 = 48;
const MEAN_STEPS: i64 = 4;

/// A log made ready to be walked through.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    sightings: &'a [Sighting],
    /// Arrivals, and completions of what was served, in order of time.
    events: Vec<Event>,
    /// Block of each request; `None` while the state before the log may still count.
    block_of: Vec<Option<u32>>,
    pub blocks: usize,
    quota: u64,
    window_micros: u64,
    figures: Figures,
}

/// The figures of estimates, units of output, by kind of request.
#[derive(Debug)]
pub(super) struct Figures {
    pub mean: Vec<u64>,
    pub largest: Vec<u64>,
    pub cap: u64,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: u64,
    request: u32,
    completes: bool,
}

/// Disagreements of a rule with the log, block by block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Disagreement {
    /// Not served although there was room.
    pub room: Vec<u32>,
    /// Served although there was none.
    pub full: Vec<u32>,
}

impl Disagreement {
    pub fn of_block(&self, block: usize) -> u32 {
        self.room[block] + self.full[block]
    }

    fn sum(&self, counts: fn(usize) -> bool) -> u64 {
        (0..self.room.len()).filter(|block| counts(*block)).map(|block| u64::from(self.of_block(block))).sum()
    }

    pub fn total(&self) -> u64 {
        self.sum(|_| true)
    }
}

impl<'a> Walk<'a> {
    pub fn new(
        sightings: &'a [Sighting],
        quota: u64,
        window_micros: u64,
        cap: u64,
        blocks_of: impl Fn(u64) -> (u64, usize),
    ) -> Walk<'a> {
        let window = window_micros as i64;
        let first = sightings.first().map_or(0, |one| one.at_micros);
        // A whole number of windows since 1970, so that phases are of the platform's clock.
        let origin = first.div_euclid(window) * window;
        let last = sightings.last().map_or(first, |one| one.at_micros);
        // What was under way before the log began may still hold quota.
        let latency =
            sightings.iter().map(|one| one.latency_micros).sum::<u64>() / sightings.len().max(1) as u64;
        let settled = first + 2 * window + latency as i64;
        let (length, blocks) = blocks_of((last - settled).max(0) as u64);
        let block = |one: &Sighting| {
            let since = u64::try_from(one.at_micros - settled).ok()?;
            Some(((since / length) as u32).min(blocks as u32 - 1))
        };
        Walk {
            block_of: sightings.iter().map(block).collect(),
            events: events(sightings, origin),
            figures: Figures::of(sightings, cap),
            sightings,
            blocks,
            quota,
            window_micros,
        }
    }

    /// Requests that are held against the rules, and those of them that spilled.
    pub fn scored(&self) -> (u64, u64) {
        let scored = self.sightings.iter().zip(&self.block_of).filter(|(_, block)| block.is_some());
        scored.fold((0, 0), |(n, spilled), (one, _)| (n + 1, spilled + u64::from(!one.served)))
    }

    /// Disagreements of someone who expects every request to be treated alike.
    pub fn always(&self, served: bool) -> Disagreement {
        let mut found = self.nothing();
        for (one, block) in self.sightings.iter().zip(&self.block_of) {
            if let Some(block) = block {
                found.full[*block as usize] += u32::from(one.served && !served);
                found.room[*block as usize] += u32::from(!one.served && served);
            }
        }
        found
    }

    fn nothing(&self) -> Disagreement {
        Disagreement { room: vec![0; self.blocks], full: vec![0; self.blocks] }
    }

    /// Walks the log through a rule with these settings.
    pub fn through(&self, rule: PtRule, setting: Setting) -> Result<Disagreement, AdmissionError> {
        let clock = match rule.clock {
            WindowKind::Fixed => WindowClock::Fixed { phase_micros: setting.phase_micros },
            WindowKind::Sliding => WindowClock::Sliding,
            WindowKind::Bucket => WindowClock::Bucket,
        };
        let mut admission = Admission::new(AdmissionRules {
            quota: self.quota,
            window_micros: self.window_micros,
            clock,
            refund: rule.refund,
            overrun: rule.overrun,
        })?;
        let mut tickets: Vec<Option<Ticket>> = Vec::new();
        tickets.resize_with(self.sightings.len(), || None);
        let mut found = self.nothing();
        for event in &self.events {
            let request = event.request as usize;
            let one = &self.sightings[request];
            if event.completes {
                if let Some(ticket) = tickets[request].take() {
                    admission.complete(ticket, event.at, one.units);
                }
                continue;
            }
            let estimate = self.figures.estimate(rule.estimate, setting.mean_off, one);
            let expected = admission.would_admit(event.at, estimate);
            if let Some(block) = self.block_of[request]
                && expected != one.served
            {
                let side = if expected { &mut found.room } else { &mut found.full };
                side[block as usize] += 1;
            }
            if one.served {
                tickets[request] = Some(admission.serve(event.at, estimate));
            }
        }
        Ok(found)
    }

    /// A rule at every phase of a coarse search; at the only one where the clock is not fixed.
    pub fn coarse(&self, rule: PtRule) -> Result<Settings, AdmissionError> {
        let parts = if rule.clock == WindowKind::Fixed { COARSE.min(self.window_micros) } else { 1 };
        let step = self.window_micros / parts;
        let at = |part: u64| {
            let setting = Setting { phase_micros: part * step, mean_off: 0 };
            Ok((setting, self.through(rule, setting)?))
        };
        Ok(Settings { rule, step, tried: (0..parts).map(at).collect::<Result<_, AdmissionError>>()? })
    }

    /// Searches around the best settings of each half of the blocks and of all.
    pub fn refine(&self, settings: &mut Settings) -> Result<(), AdmissionError> {
        for round in 0..FINER {
            let fine = (settings.step / FINE).max(1);
            if settings.rule.clock == WindowKind::Fixed {
                self.try_around(settings, |centre| {
                    let offsets = (1..FINE).map(|offset| offset * fine % self.window_micros);
                    let phases = offsets.flat_map(|offset| [offset, self.window_micros - offset]);
                    let phase = |offset| (centre.phase_micros + offset) % self.window_micros;
                    phases.map(|offset| Setting { phase_micros: phase(offset), ..centre }).collect()
                })?;
            }
            if settings.rule.estimate == EstimateKind::Mean {
                let step = MEAN_STEP / 4_i64.pow(round);
                let by = |centre: Setting, steps: i64| Setting {
                    mean_off: centre.mean_off + steps * step,
                    ..centre
                };
                self.try_around(settings, |centre| {
                    (-MEAN_STEPS..=MEAN_STEPS).map(|steps| by(centre, steps)).collect()
                })?;
            }
            settings.step = fine;
        }
        Ok(())
    }

    fn try_around(
        &self,
        settings: &mut Settings,
        around: impl Fn(Setting) -> Vec<Setting>,
    ) -> Result<(), AdmissionError> {
        let halves: [fn(usize) -> bool; 3] = [|_| true, is_even, is_odd];
        let mut centres = halves.map(|half| settings.best(half).0).to_vec();
        centres.sort_unstable();
        centres.dedup();
        for setting in centres.into_iter().flat_map(around) {
            if settings.tried.iter().all(|(known, _)| *known != setting) {
                settings.tried.push((setting, self.through(settings.rule, setting)?));
            }
        }
        Ok(())
    }
}

/// What a log does not tell and is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Setting {
    /// Start of a fixed clock's window.
    pub phase_micros: u64,
    /// Thousandths by which the mean output of an estimate is above that of the log.
    pub mean_off: i64,
}

/// A rule at several settings.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub rule: PtRule,
    step: u64,
    tried: Vec<(Setting, Disagreement)>,
}

impl Settings {
    /// The setting with the fewest disagreements in these blocks; of equal ones that nearest to the log's own
    /// mean, then the first phase.
    fn best(&self, counts: fn(usize) -> bool) -> (Setting, &Disagreement) {
        let order = |(setting, found): &&(Setting, Disagreement)| {
            (found.sum(counts), setting.mean_off.abs(), *setting)
        };
        let least = self.tried.iter().min_by_key(order);
        least.map(|(setting, found)| (*setting, found)).expect("at least one setting is tried")
    }

    /// Fewest disagreements at any one setting.
    pub fn least(&self) -> u64 {
        self.best(|_| true).1.total()
    }

    /// The best setting of all blocks; and disagreements at the setting that suits the other half of the
    /// blocks, so that fitting it wins nothing.
    pub fn fitted(&self) -> (Setting, Disagreement) {
        let (of_even, of_odd) = (self.best(is_odd).1, self.best(is_even).1);
        let other = |block: usize| if is_even(block) { of_even } else { of_odd };
        let blocks = 0..of_even.room.len();
        let room = blocks.clone().map(|block| other(block).room[block]).collect();
        let full = blocks.map(|block| other(block).full[block]).collect();
        (self.best(|_| true).0, Disagreement { room, full })
    }
}

fn is_even(block: usize) -> bool {
    block.is_multiple_of(2)
}

fn is_odd(block: usize) -> bool {
    !is_even(block)
}

fn events(sightings: &[Sighting], origin: i64) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * sightings.len());
    for (request, one) in sightings.iter().enumerate() {
        let at = (one.at_micros - origin) as u64;
        let request = request as u32;
        events.push(Event { at, request, completes: false });
        if one.served {
            events.push(Event { at: at + one.latency_micros, request, completes: true });
        }
    }
    // What completes at the moment of an arrival completes before it, its own arrival excepted.
    events.sort_by_key(|event| (event.at, event.request, event.completes));
    events
}

impl Figures {
    fn of(sightings: &[Sighting], cap: u64) -> Figures {
        let kinds = sightings.iter().map(|one| usize::from(one.kind) + 1).max().unwrap_or(0);
        let (mut n, mut sum, mut largest) = (vec![0_u64; kinds], vec![0_u128; kinds], vec![0_u64; kinds]);
        for one in sightings {
            let (kind, output) = (usize::from(one.kind), one.units - one.input_units);
            n[kind] += 1;
            sum[kind] += u128::from(output);
            largest[kind] = largest[kind].max(output);
        }
        let mean = sum.iter().zip(&n).map(|(sum, n)| sum.div_ceil(u128::from(*n).max(1)) as u64);
        Figures { mean: mean.collect(), largest, cap }
    }

    fn estimate(&self, kind: EstimateKind, mean_off: i64, one: &Sighting) -> u64 {
        let output = match kind {
            EstimateKind::Actual => return one.units,
            EstimateKind::Mean => {
                let mean = i128::from(self.mean[usize::from(one.kind)]);
                u64::try_from(mean * i128::from(1_000 + mean_off) / 1_000).unwrap_or(0)
            }
            EstimateKind::Maximum => self.largest[usize::from(one.kind)],
            EstimateKind::Input => 0,
            EstimateKind::ContractCap => self.cap,
        };
        one.input_units.saturating_add(output)
    }
}
