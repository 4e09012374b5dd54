//! `calibrate --check`: who am I, does each placement answer, what is missing. Free calls only.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{task::JoinSet, time::sleep};

use super::{
    Job,
    contact::{Contact, Environment},
};
use crate::{
    calibrate::{Ask, Failure, Fault, Method, Post, Response, client, post, remedy},
    cli::CalibrateArgs,
    commands::{Done, output},
    model::{Endpoint, ModelId},
    report::plain_table,
};

/// Seconds until a free call is given up.
const SECONDS: u64 = 20;

/// Attempts of a free call: one that fails by accident must not take a placement out of a calibration.
const ATTEMPTS: u32 = 3;

/// Longest pause between two of them, seconds.
const PAUSE_SECONDS_MAX: f64 = 10.0;

/// Longest answer to a free call.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What was found of one placement.
pub(super) struct Check {
    pub endpoint: Endpoint,
    pub model: ModelId,
    pub contact: Option<Contact>,
    /// Tokens of the prompt "Hello".
    pub tokens: Option<u64>,
    pub problem: Option<String>,
    pub remedy: Option<String>,
}

/// The same for readers of JSON.
#[derive(Serialize, JsonSchema)]
pub(in crate::commands) struct CheckLine {
    placement: String,
    model: String,
    who: Option<String>,
    answers: bool,
    problem: Option<String>,
    remedy: Option<String>,
}

pub(super) async fn run(args: &CalibrateArgs, job: &Job, environment: &Environment) -> anyhow::Result<Done> {
    let client = client(args.emulator).map_err(anyhow::Error::msg)?;
    let checks = placements(args, job, environment, &client).await;
    let lines: Vec<CheckLine> = checks
        .iter()
        .map(|check| CheckLine {
            placement: check.endpoint.to_string(),
            model: check.model.to_string(),
            who: check.contact.as_ref().map(|contact| contact.who.clone()),
            answers: check.problem.is_none(),
            problem: check.problem.clone(),
            remedy: check.remedy.clone(),
        })
        .collect();
    if args.answer.json {
        output::print_json(&lines)?;
    } else {
        output::print(&text(&checks, job, environment))?;
    }
    // A placement that has credentials and refuses is a failed check; one without any is left away.
    let refused = checks.iter().any(|check| check.contact.is_some() && check.problem.is_some());
    let none = checks.iter().all(|check| check.problem.is_some());
    Ok(if refused || none { Done::CheckFailed } else { Done::Fine })
}

fn text(checks: &[Check], job: &Job, environment: &Environment) -> String {
    let mut rows = vec![["placement", "model", "as", "answers"].map(String::from).to_vec()];
    for check in checks {
        rows.push(vec![
            check.endpoint.to_string(),
            check.model.to_string(),
            check.contact.as_ref().map_or("–".into(), |contact| contact.who.clone()),
            match (&check.problem, check.tokens) {
                (None, Some(tokens)) => format!("yes ({tokens} tokens counted)"),
                (None, None) => "yes".into(),
                (Some(_), _) => "no".into(),
            },
        ]);
    }
    let mut text = format!("project {}\n\n", environment.project().unwrap_or("unknown"));
    text += &plain_table(&rows);
    for check in checks {
        let Some(problem) = &check.problem else { continue };
        text += &format!("\n{} {}: {problem}\n", check.endpoint, check.model);
        if let Some(remedy) = &check.remedy {
            text += &format!("  {remedy}\n");
        }
    }
    for skipped in &job.skipped {
        text += &format!("\n{}: left out, {}\n", skipped.placement, skipped.why);
    }
    text
}

/// Asks every placement for the tokens of a short prompt.
pub(super) async fn placements(
    args: &CalibrateArgs,
    job: &Job,
    environment: &Environment,
    client: &reqwest::Client,
) -> Vec<Check> {
    let timeout = Duration::from_secs(SECONDS.min(args.timeout_seconds));
    let mut wanted: BTreeMap<(Endpoint, ModelId), ()> = BTreeMap::new();
    for cell in &job.cells {
        wanted.insert((cell.placement.endpoint.clone(), cell.placement.model.clone()), ());
    }
    let mut asking = JoinSet::new();
    for (endpoint, model) in wanted.into_keys() {
        let contact = environment.contact(&endpoint);
        let project = environment.project().map(str::to_string);
        asking.spawn(placement(endpoint, model, contact, project, client.clone(), timeout));
    }
    let mut checks = asking.join_all().await;
    checks.sort_by(|a, b| (&a.endpoint, &a.model).cmp(&(&b.endpoint, &b.model)));
    checks
}

async fn placement(
    endpoint: Endpoint,
    model: ModelId,
    contact: Result<Contact, String>,
    project: Option<String>,
    client: reqwest::Client,
    timeout: Duration,
) -> Check {
    let check = |contact, tokens, problem: Option<String>, remedy| Check {
        endpoint: endpoint.clone(),
        model: model.clone(),
        contact,
        tokens,
        problem,
        remedy,
    };
    let contact = match contact {
        Ok(contact) => contact,
        Err(why) => return check(None, None, Some(why), None),
    };
    let request = Post {
        url: contact.address.of(&model, Method::Count),
        headers: Vec::new(),
        body: Bytes::from(Ask { prompt: "Hello".into(), ..Ask::default() }.count_body().to_string()),
        timeout,
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    match counted(&client, &contact, &request).await {
        Ok(tokens) => check(Some(contact), Some(tokens), None, None),
        Err(failure) => {
            let advice = remedy(endpoint.backend(), &failure, project.as_deref());
            let problem = format!("{}: {}", failure.fault.label(), failure.message);
            check(Some(contact), None, Some(problem), advice)
        }
    }
}

/// The count of a free call; what may pass is asked again.
async fn counted(client: &reqwest::Client, contact: &Contact, request: &Post) -> Result<u64, Failure> {
    let mut attempt = 1;
    loop {
        let failure = match post(client, &contact.identity, request).await {
            Ok(received) if received.status == 200 => match count_of(&received.body) {
                Some(tokens) => return Ok(tokens),
                None => Failure::of(Fault::Malformed, "the answer to a free count holds no `totalTokens`"),
            },
            Ok(received) => Failure::read(received.status, received.retry_after.as_deref(), &received.body),
            Err(failure) => failure,
        };
        if attempt == ATTEMPTS || failure.fault.response() != Response::TryAgain {
            return Err(failure);
        }
        let pause = failure.wait_seconds.unwrap_or(0.5 * f64::from(attempt)).min(PAUSE_SECONDS_MAX);
        sleep(Duration::from_secs_f64(pause)).await;
        attempt += 1;
    }
}

fn count_of(body: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(body).ok()?["totalTokens"].as_u64()
}
