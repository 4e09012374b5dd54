//! Quoting answers, and starting the program: both are done by the thousand in scripts.
//!
//! `cargo bench --bench quote`. Beside the quotes stand two price packages of Python, beside the starts the time that
//! Python takes to import them.
#![allow(missing_docs)]

#[path = "ratios/program.rs"]
mod program;
mod ratios;

use burndown::{
    commands::Library,
    model::{Backend, Endpoint, Placement, Tier},
    prices::BilledUsage,
    usage::read_response,
};

/// An answer as the API sends it, its picture a stub.
const ANSWER: &str = include_str!("../tests/data/responses/developer-pro-4k.json");

const BODY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/responses/developer-pro-4k.json");

/// Seconds of one quote or one start.
const PEERS: &str = r#"
import os, time
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
body = open(r"BODY").read()
def seconds(work, times):
    work()
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times
def say(name, work, times):
    try:
        print(f"{name}\t{seconds(work, times)}")
    except Exception as why:
        import sys
        print(name, why, file=sys.stderr)
def genai():
    import genai_prices, json
    from genai_prices import data_snapshot
    def price():
        found = data_snapshot.get_snapshot().extract_usage(json.loads(body), provider_id="google", api_flavor="default")
        return genai_prices.calc_price(found.usage, "gemini-3-pro-image-preview", provider_id="google")
    return price
def lite():
    import json, litellm
    from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig
    def price():
        usage = VertexGeminiConfig._calculate_usage(completion_response=json.loads(body))
        return litellm.cost_per_token(
            model="gemini/gemini-3-pro-image-preview", usage_object=usage,
            prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
    return price
for name, make, times in [("genai", genai, 2000), ("litellm", lite, 200)]:
    try:
        say(name, make(), times)
    except Exception as why:
        import sys
        print(name, why, file=sys.stderr)
import subprocess, sys
def start(package):
    return lambda: subprocess.run([sys.executable, "-c", f"import {package}"], check=True, capture_output=True)
say("start genai", start("genai_prices"), 3)
say("start litellm", start("litellm"), 2)
"#;

const STARTS: usize = 21;

fn main() {
    if !ratios::wanted() {
        return;
    }
    let book = Library::load(None).expect("the shipped profiles load").prices;
    let day = "2026-11-21".parse().expect("a day");
    let reading = read_response(ANSWER).expect("an answer");
    let placement = Placement {
        model: reading.model.clone().expect("it names its model").as_str().into(),
        endpoint: Endpoint::Developer,
        tier: Tier::Standard,
    };
    assert_eq!(reading.backend.as_ref().map(|told| told.value), Some(Backend::Developer));
    let tariff = book.tariff(&placement, day).expect("the model has prices");
    let price = |tokens| {
        let usage = BilledUsage { tokens, ..BilledUsage::default() };
        tariff.invoice(&usage).expect("the model has prices")
    };
    let row = |work: &str, seconds, target_seconds, peer| ratios::Row {
        work: work.into(),
        items: Some((1.0, "answers")),
        seconds,
        target_seconds,
        peer: Some(peer),
    };
    let (start, _, help_peak) = program::runs(STARTS, &["--help"]);
    let (quoted, _, quote_peak) = program::runs(STARTS, &["quote", BODY, "--on=2026-11-21"]);
    let started = |work: &str, seconds, peak: Option<f64>, peer| ratios::Row {
        work: format!(
            "{work}, {}",
            peak.map_or("memory unknown".into(), |peak| format!("{peak:.0} of 20 MB"))
        ),
        items: None,
        seconds,
        target_seconds: Some(0.010),
        peer: Some(peer),
    };
    let counts = ratios::seconds(|| price(reading.tokens));
    let body = ratios::seconds(|| price(read_response(ANSWER).expect("an answer").tokens));
    let tree = ratios::seconds(|| serde_json::from_str::<serde_json::Value>(ANSWER).expect("JSON"));
    let alone = |row| ratios::Row { peer: None, ..row };
    let reads = format!("the same, read from a body of {} bytes", ANSWER.len());
    let rows = [
        alone(row("invoice of an answer's counts, one core", counts, Some(1.0 / 5e6), ("", ""))),
        row(&reads, body, None, ("genai-prices in Python", "genai")),
        row(&reads, body, None, ("litellm in Python", "litellm")),
        alone(row("that body through serde_json alone", tree, None, ("", ""))),
        started("`--help`", start, help_peak, ("import genai_prices", "start genai")),
        started("`quote` of a file", quoted, quote_peak, ("import litellm", "start litellm")),
    ];
    ratios::print("Quotes and starts", &rows, &ratios::peers(&PEERS.replace("BODY", BODY)));
}
