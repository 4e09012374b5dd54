//! The campaign against real backends: what the machine says is sent, what comes is written down.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    contact::Contact, journal_file::JournalFile, material::Store, progress::Progress, signals::Signals,
};
use crate::{
    calendar::timestamp_utc,
    calibrate::{
        ANSWER_BYTES_MAX, Attempt, Campaign, Ending, Failure, Method, Order, Post, Received, Step, Verdict,
        judge, post, tier_headers,
    },
    cli::CalibrateArgs,
    commands::output,
    model::Endpoint,
    usage::RecordKind,
};

/// What sending needs.
pub(super) struct Drive<'a> {
    pub args: &'a CalibrateArgs,
    pub client: &'a reqwest::Client,
    pub contacts: &'a BTreeMap<Endpoint, Contact>,
    pub material: &'a Store<'a>,
    pub kind: RecordKind,
}

type Brought = (Order, Result<Received, Failure>);

/// An answer of so many bytes is always read: three pictures of 4K in base64.
const ANSWER_BYTES_LEAST: usize = 64 * 1024 * 1024;

/// What becomes of requests when the journal takes no more.
fn left_behind(count: usize) -> String {
    format!("{count} requests on their way are left behind and count as spent; make room, then --resume")
}

impl Drive<'_> {
    /// Runs to the end, or to the second Ctrl-C.
    ///
    /// An answer is on disk before its reservation is released. Whatever stops the program in between leaves a
    /// reservation that counts as spent.
    pub async fn run(
        &self,
        mut campaign: Campaign,
        journal: &mut JournalFile,
    ) -> anyhow::Result<(Campaign, Ending)> {
        let start = Instant::now();
        let progress = Progress::new();
        let mut flying: JoinSet<Brought> = JoinSet::new();
        let mut interrupted = false;
        // From here on, and not only while it is waited for: a signal during a write must not be lost.
        let mut signals = Signals::new().context("cannot listen for Ctrl-C")?;
        loop {
            let now = start.elapsed().as_secs_f64();
            match campaign.next(now) {
                Step::Send(order) => {
                    let entry = campaign.reservation(&order);
                    journal.append(&entry).with_context(|| left_behind(campaign.in_flight() - 1))?;
                    self.send(&campaign, order, &mut flying)?;
                }
                Step::Done(ending) => {
                    progress.finish();
                    return Ok((campaign, ending));
                }
                Step::Wait { until } => {
                    let until = until.map(|until| start + Duration::from_secs_f64(until));
                    let pause = async {
                        match until {
                            Some(until) => sleep_until(until).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        Some(brought) = flying.join_next() => {
                            let (order, result) = brought?;
                            let verdict = self.verdict(&campaign, &order, result);
                            let entry = campaign.settlement(&order, &verdict);
                            journal.append(&entry).with_context(|| left_behind(campaign.in_flight()))?;
                            campaign.settle(&order, &verdict, start.elapsed().as_secs_f64());
                        }
                        () = pause => {}
                        () = signals.next() => {
                            if interrupted {
                                // What is in flight stays reserved in the journal.
                                flying.abort_all();
                                return Ok((campaign, Ending::Interrupted));
                            }
                            interrupted = true;
                            campaign.interrupt();
                            output::say("stopping: waiting for what is in flight; Ctrl-C again leaves it behind, counted as spent");
                        }
                    }
                }
            }
            progress.show(&campaign);
        }
    }

    /// Longest answer that is read: all that are in flight fit into memory together.
    fn answer_bytes_max(&self) -> usize {
        (ANSWER_BYTES_MAX / self.args.concurrency.max(1) as usize).max(ANSWER_BYTES_LEAST)
    }

    fn send(&self, campaign: &Campaign, order: Order, flying: &mut JoinSet<Brought>) -> anyhow::Result<()> {
        let cell = &campaign.sampler.cells[order.cell];
        let endpoint = &cell.placement.endpoint;
        let contact = self.contacts[endpoint].clone();
        let method = if self.args.stream { Method::Stream } else { Method::Generate };
        let body = self.material.ask(cell, order.request)?.body(endpoint.backend(), cell.placement.tier);
        let request = Post {
            url: contact.address.of(&cell.placement.model, method),
            headers: tier_headers(endpoint, cell.placement.tier),
            body: Bytes::from(body.to_string()),
            timeout: Duration::from_secs(self.args.timeout_seconds),
            answer_bytes_max: self.answer_bytes_max(),
        };
        let client = self.client.clone();
        flying.spawn(async move {
            let result = post(&client, &contact.identity, &request).await;
            (order, result)
        });
        Ok(())
    }

    fn verdict(&self, campaign: &Campaign, order: &Order, result: Result<Received, Failure>) -> Verdict {
        let at = timestamp_utc();
        let attempt = Attempt {
            cell: &campaign.sampler.cells[order.cell],
            request: order.request,
            attempt: order.attempt,
            at: &at,
            kind: self.kind,
        };
        match result {
            Ok(received) => judge(&attempt, &received),
            Err(failure) => Verdict::Failed(failure),
        }
    }
}
