//! The real Python SDK talks to the emulator: what it reads is what was billed.

use std::process::Command;

use burndown::{
    emulator::start,
    model::{Backend, Tier, TokenClass},
};
use serde_json::Value;

use crate::{emulator::setup, python::python};

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_reads_what_the_emulator_bills() {
    let Some(python) = python("the Python SDK was not tried") else { return };
    let running = start(setup("2026-11-21"), 0).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/talk.py");
    let mut command = Command::new(python);
    command.arg(script).arg(running.url()).arg(folder.path());
    for name in ["GCE_METADATA_HOST", "GCE_METADATA_IP"] {
        command.env(name, running.address.to_string());
    }
    for name in ["GOOGLE_APPLICATION_CREDENTIALS", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let told: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ledger = running.stop().await;
    assert_eq!(told.len() as u64, ledger.requests, "{told:?}");
    for (row, entry) in told.iter().zip(&ledger.entries) {
        if row["total"].is_null() {
            continue;
        }
        let tokens = &entry.tokens;
        assert_eq!(row["prompt"], tokens.prompt(), "{row}");
        assert_eq!(row["total"], tokens.total(), "{row}");
        assert_eq!(row["thoughts"], tokens[TokenClass::OutputThinking], "{row}");
        assert_eq!(row["image"], tokens[TokenClass::OutputImage], "{row}");
        let candidates = tokens[TokenClass::OutputText] + tokens[TokenClass::OutputImage];
        assert_eq!(row["candidates"], candidates, "{row}");
        let is_flex = row["call"] == "flex";
        assert_eq!(entry.tier == Tier::Flex, is_flex, "{row}");
        match (entry.endpoint.backend(), is_flex) {
            (Backend::Developer, _) => assert_eq!(row["traffic_type"], Value::Null),
            (Backend::Vertex, false) => assert_eq!(row["traffic_type"], "ON_DEMAND"),
            (Backend::Vertex, true) => assert_eq!(row["traffic_type"], "ON_DEMAND_FLEX"),
        }
    }
    let clients: std::collections::BTreeSet<&str> =
        told.iter().filter_map(|row| row["client"].as_str()).collect();
    assert_eq!(clients.len(), 6, "{clients:?}");
    assert_eq!(ledger.counted, 2);
}
