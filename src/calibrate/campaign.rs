//! One calibration from the first reservation to the last answer, as a machine without effects.
//!
//! The caller asks [`Campaign::next`] what to do, writes the journal, sends, and brings back what came. The
//! machine holds the money, the pace, the retries and the sampler; time is an argument. So the same code runs
//! against real backends, and ten thousand times against simulated ones.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;
use rand_pcg::Pcg64;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    answer::{Answered, Verdict, answered},
    cell::Cell,
    fault::{Failure, Fault, Response},
    journal::Entry,
    sampler::{Rules, Sampler, Want},
    terms::{CampaignError, Counts, Ending, Finding, Limits, Order, Step},
};
use crate::{model::Endpoint, stats::generator, units::Usd};

/// Attempts of one request.
const ATTEMPTS_MAX: u32 = 5;

/// Retries that a placement may have before it has earned any.
const RETRIES_AT_START: f64 = 10.0;

/// Retries earned by an answer.
const RETRIES_PER_ANSWER: f64 = 0.2;

/// Most retries that can be saved up.
const RETRIES_MAX: f64 = 30.0;

/// Wait before the second attempt, seconds; doubled for every further one.
const BACKOFF_SECONDS: f64 = 2.0;

/// Longest wait without the server asking for more.
const BACKOFF_SECONDS_MAX: f64 = 60.0;

/// Window of the Developer API's spend cap.
const PACE_SECONDS: f64 = 600.0;

/// An answer of more times its worst price is taken for so many: no budget bears more.
const STRETCH_MAX: Decimal = Decimal::ONE_THOUSAND;

/// Share of that cap that is used.
const PACE_SHARE: f64 = 0.8;

#[derive(Clone, Debug)]
struct Retry {
    cell: usize,
    request: u64,
    attempt: u32,
    ready: f64,
}

/// State of one placement's errors.
#[derive(Clone, Debug)]
struct Health {
    retries: f64,
    held_until: f64,
}

impl Default for Health {
    fn default() -> Health {
        Health { retries: RETRIES_AT_START, held_until: 0.0 }
    }
}

/// A calibration under way.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Cells and what was seen of them.
    pub sampler: Sampler,
    /// Counts.
    pub counts: Counts,
    /// Refusals and answers beyond the contract.
    pub findings: Vec<Finding>,
    limits: Limits,
    spent: Usd,
    reserved: Usd,
    /// What answers cost at most, as a factor on their worst price by contract; at least 1.
    stretch: Decimal,
    open: BTreeMap<u64, Order>,
    retries: Vec<Retry>,
    health: BTreeMap<Endpoint, Health>,
    paid: VecDeque<(f64, f64)>,
    random: Pcg64,
    next_id: u64,
    /// Some cells were left because the budget did not cover them.
    short: bool,
    ending: Option<Ending>,
}

impl Campaign {
    /// Before the first request.
    ///
    /// # Errors
    ///
    /// When there is nothing to sample, a limit is out of bounds, or the budget does not cover one request at
    /// its worst price. Cells that are dearer than the budget are left out and named among the findings.
    pub fn new(cells: Vec<Cell>, limits: Limits, rules: Rules, seed: u64) -> Result<Campaign, CampaignError> {
        bounded("precision", rules.precision, 1e-4, 1.0)?;
        bounded("minutes", limits.seconds / 60.0, 0.0, 60.0 * 24.0 * 30.0)?;
        bounded("concurrency", limits.concurrency as f64, 1.0, 64.0)?;
        let least = cells.iter().map(|cell| cell.worst).min().ok_or(CampaignError::NoCells)?;
        if least > limits.budget {
            return Err(CampaignError::BudgetTooSmall { budget: limits.budget, least });
        }
        let mut campaign = Campaign {
            sampler: Sampler::new(cells, rules),
            counts: Counts::default(),
            findings: Vec::new(),
            limits,
            spent: Usd::ZERO,
            reserved: Usd::ZERO,
            stretch: Decimal::ONE,
            open: BTreeMap::new(),
            retries: Vec::new(),
            health: BTreeMap::new(),
            paid: VecDeque::new(),
            random: generator(seed, 0),
            next_id: 0,
            short: false,
            ending: None,
        };
        for at in 0..campaign.sampler.cells.len() {
            let worst = campaign.sampler.cells[at].worst;
            if worst > limits.budget {
                campaign.stop_cell(at, format!("one request may cost ${worst}, more than the budget"));
            }
        }
        Ok(campaign)
    }

    /// Takes up a journal: answers count again, reservations without an answer are spent.
    ///
    /// Entries of cells that are not among these are paid for and teach nothing here. Refusals are forgotten,
    /// since their cause may have been put right. What answers cost beyond their reservations is learned again.
    pub fn resume(&mut self, entries: &[Entry]) {
        let index: BTreeMap<String, usize> =
            self.sampler.cells.iter().enumerate().map(|(at, cell)| (cell.key.clone(), at)).collect();
        let mut open: BTreeMap<u64, (Option<usize>, Usd)> = BTreeMap::new();
        for entry in entries {
            match entry {
                Entry::Start { .. } | Entry::Stop { .. } => {}
                Entry::Reserve { id, cell, usd, .. } => {
                    open.insert(*id, (index.get(cell).copied(), *usd));
                    self.next_id = self.next_id.max(id + 1);
                    self.counts.sent += 1;
                }
                Entry::Answer { id, usd, observation } => {
                    self.spent += *usd;
                    self.counts.answers += 1;
                    if let Some((Some(at), _)) = open.remove(id) {
                        self.learn_stretch(at, *usd);
                        let answer = answered(&self.sampler.cells[at], observation.as_ref().clone());
                        self.sampler.tallies[at].begun += 1;
                        self.sampler.learn(at, &answer);
                    }
                }
                Entry::Failed { id, usd, fault, .. } => {
                    self.spent += *usd;
                    *self.counts.faults.entry(*fault).or_default() += 1;
                    open.remove(id);
                }
            }
        }
        self.counts.lost_in_flight += open.len() as u64;
        self.spent += open.values().map(|(_, usd)| *usd).sum::<Usd>();
        for tally in &mut self.sampler.tallies {
            tally.target = tally.target.max(tally.begun);
        }
    }

    /// What to do at a time, seconds since the start; a `Send` has its money set aside already.
    pub fn next(&mut self, now: f64) -> Step {
        if self.ending.is_none() {
            self.ending = self.limit_reached(now);
        }
        if let Some(ending) = self.ending {
            return if self.open.is_empty() { Step::Done(ending) } else { Step::Wait { until: None } };
        }
        if self.open.len() >= self.limits.concurrency {
            return Step::Wait { until: None };
        }
        if let Some(at) = self.retries.iter().position(|retry| self.ready(retry, now)) {
            let retry = self.retries.swap_remove(at);
            return Step::Send(self.reserve(retry.cell, retry.request, retry.attempt, now));
        }
        let under_way = !self.open.is_empty() || !self.retries.is_empty();
        let may: Vec<bool> = (0..self.sampler.cells.len()).map(|at| self.may_send(at, now)).collect();
        match self.sampler.want(under_way, |at| may[at]) {
            Want::Cell(at) => {
                let request = self.sampler.tallies[at].begun;
                self.sampler.tallies[at].begun += 1;
                Step::Send(self.reserve(at, request, 1, now))
            }
            Want::Enough(enough) => {
                self.ending = Some(if self.short { Ending::Budget } else { Ending::Enough(enough) });
                self.next(now)
            }
            Want::Patience => self.patience(now),
        }
    }

    fn limit_reached(&self, now: f64) -> Option<Ending> {
        if now >= self.limits.seconds {
            return Some(Ending::Time);
        }
        (self.counts.sent >= self.limits.requests).then_some(Ending::Requests)
    }

    /// Nothing may be sent now: until when, or never.
    fn patience(&mut self, now: f64) -> Step {
        let affordable = |at: usize| self.affords(at);
        let waiting = |at: &usize| {
            let tally = &self.sampler.tallies[*at];
            tally.stopped.is_none() && tally.begun < tally.target && affordable(*at)
        };
        let cells = (0..self.sampler.cells.len()).filter(waiting);
        let times = cells.map(|at| self.free_at(at, now));
        let retries = self.retries.iter().filter(|retry| affordable(retry.cell));
        let times: Vec<f64> =
            times.chain(retries.map(|retry| retry.ready.max(self.held(retry.cell)))).collect();
        match times.into_iter().filter(|time| *time > now).min_by(f64::total_cmp) {
            Some(time) => Step::Wait { until: Some(time) },
            None if !self.open.is_empty() => Step::Wait { until: None },
            None => {
                self.leave_what_is_too_dear();
                self.next(now)
            }
        }
    }

    /// With nothing in flight the money left decides: cells that it does not cover are left, the others go on.
    fn leave_what_is_too_dear(&mut self) {
        let active: Vec<usize> =
            (0..self.sampler.cells.len()).filter(|at| self.sampler.tallies[*at].stopped.is_none()).collect();
        let (within, beyond): (Vec<usize>, Vec<usize>) = active.into_iter().partition(|at| self.affords(*at));
        if within.is_empty() || beyond.is_empty() {
            self.ending = Some(Ending::Budget);
            return;
        }
        self.short = true;
        for at in beyond {
            let text = "the rest of the budget does not cover one more request at its worst price";
            self.sampler.tallies[at].stopped = Some(text.into());
            self.retries.retain(|retry| retry.cell != at);
        }
    }

    fn ready(&self, retry: &Retry, now: f64) -> bool {
        retry.ready <= now
            && self.sampler.tallies[retry.cell].stopped.is_none()
            && self.may_send(retry.cell, now)
    }

    fn may_send(&self, at: usize, now: f64) -> bool {
        self.affords(at) && self.free_at(at, now) <= now
    }

    fn affords(&self, at: usize) -> bool {
        self.spent.0 + self.reserved.0 + self.worst(at).0 <= self.limits.budget.0
    }

    /// What is set aside for a request of a cell: its worst price by contract, times what answers were found to
    /// cost beyond theirs.
    fn worst(&self, at: usize) -> Usd {
        let usd = self.sampler.cells[at].worst.0 * self.stretch;
        Usd(usd.round_dp_with_strategy(6, RoundingStrategy::AwayFromZero))
    }

    /// An answer that cost more than its worst price by contract may not be the last: from now on as much more is
    /// set aside for every request, those in flight included.
    fn learn_stretch(&mut self, at: usize, billed: Usd) {
        let worst = self.sampler.cells[at].worst.0;
        if worst.is_zero() || billed.0 <= worst * self.stretch {
            return;
        }
        self.stretch = (billed.0 / worst).min(STRETCH_MAX);
        let open: Vec<(u64, usize)> = self.open.values().map(|order| (order.id, order.cell)).collect();
        for (id, cell) in open {
            let usd = self.worst(cell);
            let Some(order) = self.open.get_mut(&id).filter(|order| order.usd < usd) else { continue };
            self.reserved.0 += usd.0 - order.usd.0;
            order.usd = usd;
        }
    }

    fn held(&self, at: usize) -> f64 {
        self.health.get(&self.sampler.cells[at].placement.endpoint).map_or(0.0, |health| health.held_until)
    }

    /// When a cell's placement may be asked again: after its hold, and within the pace of its spend tier.
    fn free_at(&self, at: usize, now: f64) -> f64 {
        let held = self.held(at);
        let cell = &self.sampler.cells[at];
        let Some(cap) = self
            .limits
            .developer_usd_per_10_minutes
            .filter(|_| cell.placement.endpoint == Endpoint::Developer)
        else {
            return held;
        };
        let recent = self.paid.iter().filter(|(time, _)| *time > now - PACE_SECONDS);
        let sum: f64 = recent.clone().map(|(_, usd)| usd).sum();
        if sum + cell.expected.usd <= PACE_SHARE * cap {
            return held;
        }
        let oldest = recent.map(|(time, _)| *time).next().unwrap_or(now);
        held.max(oldest + PACE_SECONDS)
    }

    fn reserve(&mut self, at: usize, request: u64, attempt: u32, now: f64) -> Order {
        let cell = &self.sampler.cells[at];
        let order = Order { id: self.next_id, cell: at, request, attempt, usd: self.worst(at) };
        if cell.placement.endpoint == Endpoint::Developer {
            self.paid.push_back((now, cell.expected.usd));
            while self.paid.front().is_some_and(|(time, _)| *time <= now - PACE_SECONDS) {
                self.paid.pop_front();
            }
        }
        self.next_id += 1;
        self.counts.sent += 1;
        self.reserved += order.usd;
        self.open.insert(order.id, order.clone());
        order
    }

    /// The journal's line for an order.
    pub fn reservation(&self, order: &Order) -> Entry {
        Entry::Reserve {
            id: order.id,
            cell: self.sampler.cells[order.cell].key.clone(),
            request: order.request,
            attempt: order.attempt,
            usd: order.usd,
        }
    }

    /// The journal's line for what an order brought; it is on disk before [`Campaign::settle`].
    pub fn settlement(&self, order: &Order, verdict: &Verdict) -> Entry {
        // What is set aside for it may have been raised since it was sent.
        let order = self.open.get(&order.id).unwrap_or(order);
        match verdict {
            Verdict::Answer(answer) => Entry::Answer {
                id: order.id,
                usd: answer.billed.unwrap_or(order.usd),
                observation: Box::new(answer.observation.clone()),
            },
            Verdict::Failed(failure) => Entry::Failed {
                id: order.id,
                usd: Campaign::failed_usd(order, failure),
                fault: failure.fault,
                status: failure.status,
                message: failure.message.clone(),
            },
        }
    }

    fn failed_usd(order: &Order, failure: &Failure) -> Usd {
        if failure.fault.may_be_billed() { order.usd } else { Usd::ZERO }
    }

    /// Releases an order's reservation for what it really cost, and learns from what it brought.
    ///
    /// # Panics
    ///
    /// When the order is not in flight.
    pub fn settle(&mut self, order: &Order, verdict: &Verdict, now: f64) {
        let open = self.open.remove(&order.id).expect("an order is settled once");
        self.reserved.0 -= open.usd.0;
        match verdict {
            Verdict::Answer(answer) => {
                self.spent += answer.billed.unwrap_or(open.usd);
                self.take_answer(order, answer);
            }
            Verdict::Failed(failure) => {
                self.spent += Campaign::failed_usd(&open, failure);
                self.take_failure(order, failure, now);
            }
        }
    }

    fn take_answer(&mut self, order: &Order, answer: &Answered) {
        self.counts.answers += 1;
        let cell = &self.sampler.cells[order.cell];
        let health = self.health.entry(cell.placement.endpoint.clone()).or_default();
        health.retries = (health.retries + RETRIES_PER_ANSWER).min(RETRIES_MAX);
        let tokens: u64 =
            answer.tokens.iter().filter(|(class, _)| !class.is_input()).map(|(_, tokens)| tokens).sum();
        if tokens > cell.answer_tokens_max {
            let text = format!(
                "an answer of {tokens} tokens is beyond the contract's {}: its price is not bounded, so the placement is left",
                cell.answer_tokens_max
            );
            self.stop_placement(order.cell, &text);
        }
        if let Some(billed) = answer.billed {
            self.learn_stretch(order.cell, billed);
        }
        self.sampler.learn(order.cell, answer);
    }

    fn take_failure(&mut self, order: &Order, failure: &Failure, now: f64) {
        *self.counts.faults.entry(failure.fault).or_default() += 1;
        let text = format!("{}: {}", failure.fault.label(), failure.message);
        match failure.fault.response() {
            Response::StopCell => self.stop_cell(order.cell, text),
            Response::StopPlacement => self.stop_placement(order.cell, &text),
            Response::TryAgain => self.try_again(order, failure, now),
        }
    }

    fn try_again(&mut self, order: &Order, failure: &Failure, now: f64) {
        let exponent = i32::try_from(order.attempt.min(16)).unwrap_or(16) - 1;
        let backoff = (BACKOFF_SECONDS * 2.0_f64.powi(exponent)).min(BACKOFF_SECONDS_MAX);
        // Half of it is left to chance, so that attempts which failed together do not return together.
        let jittered = backoff * (0.5 + 0.5 * self.random.random::<f64>());
        let ready = now + failure.wait_seconds.unwrap_or(0.0).max(jittered);
        let endpoint = self.sampler.cells[order.cell].placement.endpoint.clone();
        let health = self.health.entry(endpoint).or_default();
        if matches!(failure.fault, Fault::Throttled | Fault::Overloaded) {
            health.held_until = health.held_until.max(ready);
        }
        if health.retries < 1.0 {
            let text = format!("too many attempts failed, the last one: {}", failure.fault.label());
            self.give_up(order.cell);
            return self.stop_placement(order.cell, &text);
        }
        health.retries -= 1.0;
        if order.attempt >= ATTEMPTS_MAX {
            return self.give_up(order.cell);
        }
        let (cell, request, attempt) = (order.cell, order.request, order.attempt + 1);
        self.retries.push(Retry { cell, request, attempt, ready });
    }

    fn give_up(&mut self, at: usize) {
        let begun = &mut self.sampler.tallies[at].begun;
        *begun = begun.saturating_sub(1);
    }

    fn stop_cell(&mut self, at: usize, text: String) {
        let cell = self.sampler.cells[at].key.clone();
        let finding = Finding { cell, text: text.clone() };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
        self.sampler.tallies[at].stopped.get_or_insert(text);
        self.retries.retain(|retry| retry.cell != at);
    }

    fn stop_placement(&mut self, at: usize, text: &str) {
        let placement = self.sampler.cells[at].alternative();
        self.stop_cell(at, text.to_string());
        for other in 0..self.sampler.cells.len() {
            if self.sampler.cells[other].alternative() == placement {
                self.sampler.tallies[other].stopped.get_or_insert_with(|| text.to_string());
                self.retries.retain(|retry| retry.cell != other);
            }
        }
    }

    /// Sends nothing more; what is in flight is waited for.
    pub fn interrupt(&mut self) {
        self.ending.get_or_insert(Ending::Interrupted);
    }

    /// US dollars spent (what may have been billed included), and US dollars set aside.
    pub fn money(&self) -> (Usd, Usd) {
        (self.spent, self.reserved)
    }

    /// Attempts in flight.
    pub fn in_flight(&self) -> usize {
        self.open.len()
    }
}

fn bounded(what: &'static str, found: f64, low: f64, high: f64) -> Result<(), CampaignError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(CampaignError::OutOfBounds { what, low, high, found })
}
