//! The emulator on its socket, met by an HTTP client: faults of the connection, the doors, the verb.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use burndown::emulator::{EmulatorError, Fault, FaultKind, Running, Setup, start, start_at};
use reqwest::{Client, Response, redirect::Policy};
use serde_json::{Value, json};

use crate::emulator::{DEVELOPER, VERTEX, prompt, setup};

fn client(redirects: Policy) -> Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(redirects).build().unwrap()
}

async fn running(faults: Vec<Fault>) -> Running {
    start(Setup { faults, ..setup("2026-11-21") }, 0).await.unwrap()
}

async fn ask(client: &Client, running: &Running, path: &str) -> Result<Response, reqwest::Error> {
    let request = client.post(format!("{}{path}", running.url())).json(&prompt("A cup."));
    match path.contains("/projects/") {
        true => request.bearer_auth("a-token"),
        false => request.header("x-goog-api-key", "a-key"),
    }
    .send()
    .await
}

#[tokio::test]
async fn it_listens_on_loopback_and_nowhere_else() {
    let address = "0.0.0.0:0".parse().unwrap();
    let refused = start_at(setup("2026-11-21"), address).await;
    assert!(matches!(refused, Err(EmulatorError::NotLoopback(found)) if found == address));
    let running = start_at(setup("2026-11-21"), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    assert!(running.address.ip().is_loopback());
    let taken = start(setup("2026-11-21"), running.address.port()).await;
    assert!(matches!(taken, Err(EmulatorError::Bind { .. })));
}

#[tokio::test]
async fn answers_arrive_whole_and_the_ledger_knows_it() {
    let running = running(vec![]).await;
    let client = client(Policy::none());
    for path in [DEVELOPER, VERTEX] {
        let answer = ask(&client, &running, path).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body: Value = answer.json().await.unwrap();
        assert!(body["usageMetadata"]["totalTokenCount"].as_u64() > Some(1000));
    }
    let wire = client.get(format!("{}/_burndown/ledger", running.url())).send().await.unwrap();
    let wire = wire.text().await.unwrap();
    let ledger = running.stop().await;
    assert!(ledger.entries.iter().all(|entry| entry.delivered));
    assert_eq!(wire, serde_json::to_string(&ledger).unwrap());
    assert_eq!((ledger.requests, ledger.billed), (2, 2));
}

#[tokio::test]
async fn the_truth_is_told_without_a_bill() {
    let running = running(vec![]).await;
    let truth =
        ask(&client(Policy::none()), &running, &format!("/_burndown/truth{DEVELOPER}")).await.unwrap();
    let truth: Value = truth.json().await.unwrap();
    assert_eq!(truth["tokens"]["output_image"], 1120.0);
    assert_eq!(running.ledger().requests, 0);
}

/// Bytes of a body until its end, or until the connection breaks.
async fn read(mut answer: Response) -> (usize, bool) {
    let mut bytes = 0;
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes += chunk.len(),
            Ok(None) => return (bytes, true),
            Err(_) => return (bytes, false),
        }
    }
}

#[tokio::test]
async fn broken_connections_are_billed_and_known_as_undelivered() {
    let half = 0.5.try_into().unwrap();
    let faults = vec![
        Fault::at(&[1, 2], FaultKind::Dropped { after: half }),
        Fault::at(&[3], FaultKind::Reset { billed: true }),
        Fault::at(&[4], FaultKind::Reset { billed: false }),
    ];
    let running = running(faults).await;
    let client = client(Policy::none());
    for path in [DEVELOPER.to_string(), DEVELOPER.replace("generateContent", "streamGenerateContent")] {
        let (bytes, whole) = read(ask(&client, &running, &path).await.unwrap()).await;
        assert!(bytes > 500 && !whole, "{bytes} bytes");
    }
    for _ in 0..2 {
        assert!(ask(&client, &running, VERTEX).await.is_err(), "no answer at all");
    }
    let ledger = running.stop().await;
    let billed: Vec<bool> = ledger.entries.iter().map(|entry| entry.tokens.total() > 0).collect();
    assert_eq!(billed, [true, true, true, false]);
    assert_eq!(ledger.usd_undelivered, ledger.usd);
}

#[tokio::test]
async fn odd_bodies_come_as_scripted() {
    let faults = vec![
        Fault::at(&[1], FaultKind::Truncated),
        Fault::at(&[2], FaultKind::Huge { megabytes: 3 }),
        Fault::at(&[3], FaultKind::SlowLoris { milliseconds: 1 }),
        Fault::at(&[4], FaultKind::Html),
        Fault::at(&[5], FaultKind::NoUsage),
        Fault::at(&[6], FaultKind::Huge { megabytes: 3 }),
    ];
    let running = running(faults).await;
    let client = client(Policy::none());
    let truncated = ask(&client, &running, DEVELOPER).await.unwrap().text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&truncated).is_err());
    let huge = ask(&client, &running, DEVELOPER).await.unwrap().text().await.unwrap();
    assert!(huge.len() > 3 << 20 && serde_json::from_str::<Value>(&huge).is_ok());
    let slow = ask(&client, &running, DEVELOPER).await.unwrap().json::<Value>().await;
    assert!(slow.unwrap()["candidates"].is_array());
    let html = ask(&client, &running, DEVELOPER).await.unwrap();
    assert_eq!(html.headers()["content-type"], "text/html; charset=utf-8");
    let bare = ask(&client, &running, DEVELOPER).await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(bare["usageMetadata"], Value::Null);
    let path = DEVELOPER.replace("generateContent", "streamGenerateContent") + "?alt=sse";
    let events = ask(&client, &running, &path).await.unwrap().text().await.unwrap();
    let last = events.trim().lines().last().unwrap().strip_prefix("data: ").unwrap();
    assert!(events.len() > 3 << 20 && serde_json::from_str::<Value>(last).is_ok());
    assert_eq!(running.stop().await.billed, 6);
}

#[tokio::test]
async fn a_key_that_follows_a_redirect_is_noted() {
    let always = || vec![Fault::at(&[1, 2], FaultKind::Redirect)];
    let careful = running(always()).await;
    assert_eq!(ask(&client(Policy::none()), &careful, DEVELOPER).await.unwrap().status(), 307);
    assert_eq!(careful.stop().await.leaked, 0);
    let careless = running(always()).await;
    let followed = ask(&client(Policy::limited(3)), &careless, DEVELOPER).await.unwrap();
    assert_eq!(followed.json::<Value>().await.unwrap()["elsewhere"], true);
    let ledger = careless.stop().await;
    assert_eq!((ledger.leaked, ledger.billed), (1, 0));
}

#[tokio::test]
async fn tokens_are_handed_out_to_every_kind_of_credential() {
    let running = running(vec![]).await;
    let client = client(Policy::none());
    let url = running.url();
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", "c")];
    let token = client
        .post(format!("{url}/token"))
        .json(&json!({"grant_type": "refresh_token", "refresh_token": "r"}));
    let token: Value = token.send().await.unwrap().json().await.unwrap();
    assert_eq!(token["token_type"], "Bearer");
    let form = refresh.map(|(name, value)| format!("{name}={value}")).join("&");
    assert_eq!(client.post(format!("{url}/token")).body(form).send().await.unwrap().status(), 200);
    let unsigned = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c";
    assert_eq!(client.post(format!("{url}/token")).body(unsigned).send().await.unwrap().status(), 400);
    let path = format!("{url}/computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(client.get(&path).send().await.unwrap().status(), 403, "the header is missing");
    let token = client.get(&path).header("Metadata-Flavor", "Google").send().await.unwrap();
    assert_eq!(token.headers()["metadata-flavor"], "Google");
    assert!(token.json::<Value>().await.unwrap()["expires_in"].as_u64() > Some(60));
}

/// The verb prints where it listens, answers, and says at the end what was billed.
#[cfg(unix)]
#[tokio::test]
async fn the_verb_serves_until_it_is_told_to_stop() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["emulate", "--on", "2026-11-21", "--seed", "3"])
        .env_remove("BURNDOWN_PROFILES")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = lines.next().unwrap().strip_prefix("export GOOGLE_GEMINI_BASE_URL=").unwrap().to_string();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let answer = client(Policy::none())
        .post(format!("{url}{DEVELOPER}"))
        .header("x-goog-api-key", "k")
        .json(&prompt("A cup."))
        .send()
        .await
        .unwrap();
    let body = answer.text().await.unwrap();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let library = crate::shipped();
    let read = burndown::usage::read_response(&body).unwrap();
    let placement = burndown::model::Placement {
        model: "gemini-3-pro-image".into(),
        endpoint: burndown::model::Endpoint::Developer,
        tier: burndown::model::Tier::Standard,
    };
    let usage = burndown::prices::BilledUsage { tokens: read.tokens, ..Default::default() };
    let day = "2026-11-21".parse().unwrap();
    let bill = burndown::prices::invoice(&library.prices, &placement, day, &usage).unwrap();
    let expected = format!("1 request, 1 of them billed: ${}", bill.total_usd);
    assert!(rest.contains(&expected), "{rest:?} lacks {expected}");
}
