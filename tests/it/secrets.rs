//! Every verb with a key in its surroundings and in the files it reads: no byte that comes out holds it.
//!
//! What calibration does with its key under faults is in `calibrate_wire.rs`.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use burndown::{cli::Cli, emulator::start};
use clap::CommandFactory;
use tempfile::TempDir;

use crate::emulator::setup;

/// Stands in every variable that holds a key or a token.
const KEY: &str = "AIzaSyCANARYcanaryCANARYcanaryCANARY0123";

/// Stands in logs, where a recorder left it: headers, addresses, columns.
const LOGGED: &str = "AIzaSyLOGGEDloggedLOGGEDloggedLOGGED4567";

/// Stands in logged prompts: no file of observations may repeat what users wrote.
const PROMPT: &str = "a-prompt-that-is-nobodys-business";

/// What is run, in this order, in a folder of its own. `URL` is the emulator's.
const RUNS: [&[&str]; 48] = [
    &["plan", "product-photos", "--out", "report"],
    &["plan", "product-photos", "--json"],
    &["plan", "text-to-image", "--out", "other"],
    &["plan", "absent.toml"],
    &["compare", "product-photos"],
    &["compare", "product-photos", "--json"],
    &["gsu", "product-photos"],
    &["gsu", "--model", "nano-banana-pro", "--qps", "2", "--input-tokens", "300", "--output-images", "1"],
    &["explain", "report", "bill"],
    &["explain", "report/plan.json", "/no/such"],
    &["diff", "report", "other"],
    &["check", "report", "--max-monthly-usd", "1"],
    &["check", "report", "--max-monthly-usd", "nonsense"],
    &["calibrate", "product-photos", "--express", "--check", "--on", "2026-11-21"],
    &["calibrate", "product-photos", "--express", "--dry-run", "--on", "2026-11-21"],
    &[
        "calibrate",
        "product-photos",
        "--express",
        "--budget-usd",
        "3",
        "--precision",
        "0.5",
        "--out",
        "cal",
        "--on",
        "2026-11-21",
    ],
    &["calibrate", "product-photos", "--express", "--budget-usd", "0", "--out", "cal2"],
    &["calibrate", "product-photos", "--out", "nowhere/\0"],
    &["fit", "cal/observations.jsonl", "--out", "fitted"],
    &["fit", "cassette.yaml", "--out", "fitted2"],
    &["drift", "cal/observations.jsonl"],
    &["import", "cassette.yaml", "--out", "imported"],
    &["import", "raw.jsonl", "--out", "imported2", "--json"],
    &["import", "spend.csv", "--out", "imported3"],
    &["import", "broken.jsonl", "--out", "imported4"],
    &["import", "broken.jsonl", "--out", "imported5", "--strict"],
    &["sql", "--engine", "bigquery", "--table", "p.d.t"],
    &["quote", "answer.json"],
    &["quote", "broken.jsonl"],
    &["replay", "arrivals.csv"],
    &[
        "replay",
        "log.jsonl",
        "--learn-rule",
        "--model",
        "nano-banana-pro",
        "--gsu",
        "1",
        "--window",
        "5",
        "--invocations",
        "400",
        "--rule-file",
        "rule.toml",
    ],
    &["replay", "raw.jsonl", "--learn-rule", "--model", "nano-banana", "--pt-metrics", "metrics.json"],
    &["check", "report", "--pt-metrics", "metrics.json", "--gsu", "5"],
    &["reconcile", "bill.csv", "--plan", "report"],
    &["backtest", "daily.csv"],
    &["prices", "list"],
    &["prices", "check"],
    &["init", "--model", "nano-banana", "--out", "made.toml"],
    &["emulate", "--help"],
    &["serve", "absent.toml"],
    &["serve", "--help"],
    &["emulate", "--port", "70000"],
    &["completions", "bash"],
    &["man"],
    &["schema", "--out", "schemas"],
    &["help"],
    &["no-such-verb"],
    &["plan", "key.toml"],
];

#[tokio::test(flavor = "multi_thread")]
async fn no_verb_lets_a_key_out() {
    let emulator = start(setup("2026-11-21"), 0).await.unwrap();
    let url = emulator.url();
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let given: BTreeSet<_> = files_under(folder.path()).into_iter().collect();
    let (folder, told) = tokio::task::spawn_blocking(move || {
        let told: Vec<(String, Vec<u8>)> = RUNS
            .iter()
            .filter(|args| !args.iter().any(|arg| arg.contains('\0')))
            .map(|args| run(args, &folder, &url))
            .collect();
        (folder, told)
    })
    .await
    .unwrap();
    let ledger = emulator.stop().await;
    assert!(ledger.requests > 0, "the calibration sent nothing, so its key was never used");
    for (what, bytes) in &told {
        assert_clean(what, bytes);
    }
    let written = files_under(folder.path());
    let mut looked_at = 0;
    for path in written.iter().filter(|path| !given.contains(*path)) {
        assert_clean(&path.display().to_string(), &fs::read(path).unwrap());
        assert_plain(path);
        looked_at += 1;
    }
    assert!(looked_at >= 25, "{looked_at} files");
    for file in ["cal/observations.jsonl", "cal/calibration.jsonl", "imported/observations.jsonl"] {
        assert!(folder.path().join(file).is_file(), "{file} was not written");
    }
    println!("{} runs, {looked_at} files: no key", told.len());
}

/// A verb that is missing here would go unseen.
#[test]
fn every_verb_is_run_with_the_key() {
    let run: BTreeSet<&str> = RUNS.iter().map(|args| args[0]).collect();
    for verb in Cli::command().get_subcommands() {
        assert!(run.contains(verb.get_name()), "{} is not run", verb.get_name());
    }
}

/// Runs the program; its streams, under the arguments as a name.
fn run(args: &[&str], folder: &TempDir, url: &str) -> (String, Vec<u8>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burndown"));
    command.args(args).current_dir(folder.path()).env_clear().env("RUST_BACKTRACE", "full");
    for name in ["GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_CLOUD_ACCESS_TOKEN", "AWS_SECRET_ACCESS_KEY"] {
        command.env(name, KEY);
    }
    command.env("GOOGLE_GEMINI_BASE_URL", url).env("GOOGLE_VERTEX_BASE_URL", url);
    let output = command.output().unwrap();
    assert!(output.status.code().is_some_and(|code| code <= 2), "{args:?}: {:?}", output.status);
    (format!("the output of {args:?}"), [output.stdout, output.stderr].concat())
}

#[track_caller]
fn assert_clean(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in [KEY, LOGGED, PROMPT] {
        let base64 = base64_of(secret);
        // A key may also come out in pieces or encoded: its first half, and base64 of it.
        for form in [&secret[..20], base64.as_str()] {
            assert!(!text.contains(form), "{place} holds {form}");
        }
    }
}

fn base64_of(secret: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(&secret.as_bytes()[..18])
}

/// Nobody else may write it, and nobody runs it.
fn assert_plain(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o133, 0, "{} has mode {mode:o}", path.display());
}

fn files_under(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found
}

/// A log of who served each request, one a second, with what a recorder left in it.
fn sightings() -> String {
    let row = |at: usize| {
        let traffic = if at.is_multiple_of(3) { "ON_DEMAND" } else { "PROVISIONED_THROUGHPUT" };
        format!(
            r#"{{"logging_time":"2026-11-03T00:{:02}:{:02}Z","endpoint":"projects/p/locations/global/x?key={LOGGED}","model":"publishers/google/models/gemini-3-pro-image","metadata":{{"request_latency":"1000"}},"full_request":{{"contents":[{{"parts":[{{"text":"{PROMPT}"}}]}}]}},"full_response":{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{PROMPT}"}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":20,"candidatesTokenCount":30,"totalTokenCount":50,"trafficType":"{traffic}"}},"modelVersion":"gemini-3-pro-image"}}}}"#,
            at / 60,
            at % 60
        ) + "\n"
    };
    (0..400).map(row).collect()
}

/// Answers of Cloud Monitoring for two days, with labels that nobody asked for.
fn metrics() -> String {
    let point = |hour: usize| {
        let moment = |hour: usize| format!("2026-11-{:02}T{:02}:00:00Z", 3 + hour / 24, hour % 24);
        format!(
            r#"{{"interval":{{"startTime":"{}","endTime":"{}"}},"value":{{"int64Value":"9000000"}}}}"#,
            moment(hour),
            moment(hour + 1)
        )
    };
    let points: Vec<String> = (0..48).map(point).collect();
    let series = |metric: &str| {
        format!(
            r#"{{"metric":{{"type":"aiplatform.googleapis.com/publisher/online_serving/{metric}","labels":{{"request_type":"dedicated","caller":"{LOGGED}"}}}},"resource":{{"type":"x","labels":{{"model_user_id":"gemini-3-pro-image","location":"global"}}}},"metricKind":"DELTA","points":[{}]}}"#,
            points.join(",")
        )
    };
    format!(
        r#"{{"timeSeries":[{},{}]}}"#,
        series("consumed_token_throughput"),
        series("model_invocation_count")
    )
}

/// Files to read, keys and prompts among them.
fn prepare(folder: &Path) {
    let answer = format!(
        r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{PROMPT}"}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":20,"candidatesTokenCount":30,"totalTokenCount":50,"promptTokensDetails":[{{"modality":"TEXT","tokenCount":20}}]}},"modelVersion":"gemini-2.5-flash","responseId":"r1","url":"https://generativelanguage.googleapis.com/?key={LOGGED}"}}"#
    );
    let request = format!(r#"{{"contents":[{{"parts":[{{"text":"{PROMPT}"}}]}}]}}"#);
    let cassette = format!(
        "interactions:\n- request:\n    body: '{request}'\n    headers:\n      x-goog-api-key: ['{LOGGED}']\n    \
         method: POST\n    uri: https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:\
         generateContent?key={LOGGED}\n  response:\n    body:\n      string: '{answer}'\n    status:\n      \
         code: 200\n      message: OK\nversion: 1\n"
    );
    let daily: String =
        (1..=60).map(|day| format!("2026-{:02}-{:02},{}\n", 1 + day / 29, 1 + day % 28, 100 + day)).collect();
    let spend = format!(
        "request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,endTime,model,messages\n\
         r1,acompletion,{LOGGED},0.1,50,20,30,2026-11-01 10:00:00,2026-11-01 10:00:02,gemini/gemini-2.5-flash,{PROMPT}\n"
    );
    let files = [
        ("answer.json", answer.clone()),
        ("raw.jsonl", format!("{answer}\n{answer}\n")),
        ("broken.jsonl", format!("{answer}\n{{\"key\":\"{LOGGED}\",\"text\":\"{PROMPT}\"\n")),
        ("cassette.yaml", cassette),
        ("spend.csv", spend),
        ("log.jsonl", sightings()),
        ("metrics.json", metrics()),
        ("daily.csv", format!("day,usd\n{daily}")),
        ("bill.csv", fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bills/console.csv")).unwrap()),
        ("arrivals.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n".into()),
        ("key.toml", format!("[[route]]\nname = \"a\"\nmodel = \"nano-banana\"\napi_key = \"{}\"\nrequests_per_month = 10\n", "x")),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// Everything that holds a key and can be printed, in a panic with a full backtrace: run by the test below in a
/// process of its own.
#[tokio::test]
#[ignore = "panics on purpose"]
async fn panics_with_all_that_holds_a_key() {
    use burndown::{
        calibrate::{Address, ApiKey, Credentials, Identity, Post},
        emulator::Call,
    };
    // A test binary that is asked for ignored tests as a whole need not fail.
    if std::env::var_os("PANIC_WITH_KEYS").is_none() {
        return;
    }
    let identity = Identity::Key(ApiKey::new(KEY).unwrap());
    let json = format!(
        r#"{{"type":"authorized_user","client_id":"c","client_secret":"{LOGGED}","refresh_token":"{KEY}"}}"#
    );
    let credentials = Identity::Google(Credentials::from_json(&json, None).unwrap());
    let refused = Credentials::from_json(&json.replace("authorized_user", "odd"), None).unwrap_err();
    let post = Post {
        url: Address::developer(None).base,
        headers: vec![],
        body: Default::default(),
        timeout: std::time::Duration::from_secs(1),
        answer_bytes_max: 1,
    };
    let headers = [("x-goog-api-key", KEY), ("authorization", LOGGED)];
    let mut call = Call::post("/v1beta/models/m:generateContent", &headers, PROMPT);
    call.query = format!("key={KEY}");
    panic!("a panic: {identity:?} {credentials:?} {refused} {post:?} {call:?}");
}

/// A panic prints what it was given; none of it may be a key.
#[test]
fn a_panic_shows_no_key() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "secrets::panics_with_all_that_holds_a_key", "--nocapture"])
        .env("RUST_BACKTRACE", "full")
        .env("PANIC_WITH_KEYS", "1")
        .env("GEMINI_API_KEY", KEY)
        .output()
        .unwrap();
    let shown = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&shown).into_owned();
    assert!(text.contains("a panic: Key(ApiKey(…))") && text.contains("stack backtrace"), "{text}");
    assert_clean("a panic", &shown);
}

/// On the wire a key stands in one header and nowhere else: not in the address, not in the body.
#[test]
fn a_key_stands_in_one_header_alone() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut seen, mut buffer) = (Vec::new(), [0; 65536]);
        while !String::from_utf8_lossy(&seen).contains("\r\n\r\n{") {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "closed before its body came");
            seen.extend_from_slice(&buffer[..count]);
        }
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}");
        String::from_utf8_lossy(&seen).into_owned()
    });
    let (_, shown) = run(
        &["calibrate", "product-photos", "--check", "--placement", "developer", "--model", "nano-banana-pro"],
        &tempfile::tempdir().unwrap(),
        &url,
    );
    assert_clean("the output of a check", &shown);
    let seen = server.join().unwrap();
    let lines: Vec<&str> = seen.lines().filter(|line| line.contains(KEY)).collect();
    assert_eq!(lines, [format!("x-goog-api-key: {KEY}")]);
}
