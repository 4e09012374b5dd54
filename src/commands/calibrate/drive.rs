//! The campaign against real backends: what the machine says is sent, what comes is written down.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tokio::{
    signal,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{contact::Contact, journal_file::JournalFile, material::Store, progress::Progress};
use crate::{
    calendar::timestamp_utc,
    calibrate::{
        Attempt, Campaign, Ending, Failure, Method, Order, Post, Received, Step, Verdict, judge, post,
        tier_headers,
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
        loop {
            let now = start.elapsed().as_secs_f64();
            match campaign.next(now) {
                Step::Send(order) => {
                    journal.append(&campaign.reservation(&order))?;
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
                            journal.append(&campaign.settlement(&order, &verdict))?;
                            campaign.settle(&order, &verdict, start.elapsed().as_secs_f64());
                        }
                        () = pause => {}
                        _ = signal::ctrl_c() => {
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
