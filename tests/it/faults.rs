//! Every fault in every phase of a calibration, on both backends, whole and streamed: `tests/data/faults.toml`.
//!
//! Each cell runs the program against an emulator of its own. Whatever goes wrong, nothing panics, no key shows,
//! the emulator's ledger stays within what the journal keeps and that within the budget, and no answer is lost.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use burndown::{
    calibrate::{Entry, read_journal},
    commands::Library,
    diagnostics::SourceText,
    emulator::{Ledger, Setup, parse_faults, start},
    units::Usd,
};
use toml::Table;

use crate::{data, shipped, text};

const SECRET: &str = "AIza-very-secret-0123456789";

const BUDGET: &str = "30";

/// One kind of request, so that the order of the journal is the order of the ledger.
const WORKLOAD: &str =
    "[[route]]\nname = \"a\"\nmodel = \"nano-banana-2.1\"\nprompt = \"A cup.\"\nrequests_per_month = 10\n";

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Every free count before the first request.
    Preflight,
    /// The first of them alone.
    PreflightOnce,
    /// The first request.
    Pilot,
    /// The fourth.
    Main,
    /// Every request.
    Always,
}

const PHASES: [Phase; 5] = [Phase::Pilot, Phase::PreflightOnce, Phase::Always, Phase::Main, Phase::Preflight];

impl Phase {
    fn is_preflight(self) -> bool {
        matches!(self, Phase::Preflight | Phase::PreflightOnce)
    }

    /// The request that is struck, counted from 1.
    fn request(self) -> usize {
        if self == Phase::Main { 4 } else { 1 }
    }
}

/// One cell of the matrix.
#[derive(Clone, Debug)]
struct Cell {
    row: Table,
    phase: Phase,
    backend: &'static str,
    stream: bool,
}

impl Cell {
    /// The fault as a faults file of the emulator.
    fn faults(&self) -> SourceText {
        let ours = ["journal", "money", "then", "preflight", "timeout_seconds"];
        let mut rule: Table =
            self.row.clone().into_iter().filter(|(key, _)| !ours.contains(&key.as_str())).collect();
        if self.phase.is_preflight() {
            rule.insert("calls".into(), "count".into());
        }
        if !matches!(self.phase, Phase::Preflight | Phase::Always) {
            rule.insert("requests".into(), toml::Value::Array(vec![(self.phase.request() as i64).into()]));
        }
        let text = format!("schema = \"burndown.faults/1\"\n\n[[fault]]\n{rule}");
        SourceText { name: "faults.toml".into(), text }
    }

    fn name(&self) -> String {
        let Cell { row, phase, backend, stream } = self;
        format!("{} {phase:?} {backend} stream={stream}", text(row, "kind"))
    }
}

/// The cells: all of them, or two phases of every row with backend and mode in turn.
fn cells(all: bool) -> Vec<Cell> {
    let table: Table = data("faults.toml").parse().unwrap();
    let mut cells = Vec::new();
    for (at, row) in table["fault"].as_array().unwrap().iter().enumerate() {
        let row = row.as_table().unwrap().clone();
        let phases: Vec<Phase> = PHASES
            .into_iter()
            .filter(|phase| !phase.is_preflight() || row.contains_key("preflight"))
            .collect();
        for (nth, phase) in phases.iter().enumerate() {
            for (turn, (backend, stream)) in
                [("developer", false), ("vertex", true), ("developer", true), ("vertex", false)]
                    .into_iter()
                    .enumerate()
            {
                let here = row.get("backend").is_none_or(|only| only.as_str() == Some(backend));
                let of_two = nth == at % phases.len() || nth == (at + 2) % phases.len();
                let in_turn = of_two && (turn == (at + nth) % 4 || row.contains_key("backend") && turn == 0);
                if here && (all || in_turn) {
                    cells.push(Cell { row: row.clone(), phase: *phase, backend, stream });
                }
            }
        }
    }
    cells
}

/// What one cell left behind.
struct Played {
    code: Option<i32>,
    stderr: String,
    entries: Vec<Entry>,
    ledger: Ledger,
}

fn play(cell: &Cell, library: &Library, runtime: &tokio::runtime::Runtime) -> Played {
    let faults = parse_faults(&cell.faults()).unwrap_or_else(|error| panic!("{}: {error}", cell.name()));
    let day = "2026-11-21".parse().unwrap();
    let setup = Setup { faults, ..Setup::new(library.prices.clone(), library.tokens.clone(), day) };
    let running = runtime.block_on(start(setup, 0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.toml"), WORKLOAD).unwrap();
    let placement = if cell.backend == "vertex" { "vertex:global" } else { "developer" };
    let seconds = cell.row.get("timeout_seconds").map_or(60, |seconds| seconds.as_integer().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_burndown"));
    command
        .args(["calibrate", "w.toml", "--express", "--on", "2026-11-21", "--budget-usd", BUDGET])
        .args(["--max-requests", "6", "--concurrency", "1", "--precision", "0.001", "--out", "out"])
        .args(["--developer-tier", "3", "--placement", placement])
        .args(["--timeout-seconds", &seconds.to_string()])
        // What always fails is tried until the time is over.
        .args(["--max-minutes", if cell.phase == Phase::Always { "0.1" } else { "2" }])
        .args(cell.stream.then_some("--stream"))
        .current_dir(folder.path())
        .env_clear()
        .env("GOOGLE_API_KEY", SECRET)
        .env("RUST_BACKTRACE", "full")
        .env("GOOGLE_GEMINI_BASE_URL", running.url())
        .env("GOOGLE_VERTEX_BASE_URL", running.url())
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    let ledger = runtime.block_on(running.stop());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let journal = fs::read(folder.path().join("out/calibration.jsonl")).unwrap_or_default();
    let observations = fs::read(folder.path().join("out/observations.jsonl")).unwrap_or_default();
    for (place, bytes) in [
        ("standard output", &output.stdout),
        ("standard error", &output.stderr),
        ("the journal", &journal),
        ("the observations", &observations),
    ] {
        let shown = String::from_utf8_lossy(bytes);
        assert!(!shown.contains("very-secret"), "{}: the key stands in {place}: {shown}", cell.name());
    }
    let entries = read_journal(&journal).unwrap().entries;
    Played { code: output.status.code(), stderr, entries, ledger }
}

/// Reservations in their order: number, request, attempt, US dollars.
fn reserved(entries: &[Entry]) -> Vec<(u64, u64, u32, Usd)> {
    let of = |entry: &Entry| match entry {
        Entry::Reserve { id, request, attempt, usd, .. } => Some((*id, *request, *attempt, *usd)),
        _ => None,
    };
    entries.iter().filter_map(of).collect()
}

/// The settlement of an attempt: the fault's word or `answer`, US dollars kept.
fn settled(entries: &[Entry], wanted: u64) -> Option<(String, Usd)> {
    entries.iter().find_map(|entry| match entry {
        Entry::Answer { id, usd, .. } if *id == wanted => Some(("answer".to_string(), *usd)),
        Entry::Failed { id, usd, fault, .. } if *id == wanted => {
            let word = serde_json::to_value(fault).unwrap();
            Some((word.as_str().unwrap().to_string(), *usd))
        }
        _ => None,
    })
}

/// What holds in every cell.
fn check_always(cell: &Cell, played: &Played) {
    let name = cell.name();
    let Played { code, stderr, entries, ledger } = played;
    assert!(code.is_some_and(|code| code == 0 || code == 2), "{name}: exit {code:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{name}: {stderr}");
    assert_eq!(ledger.leaked, 0, "{name}: the key followed a redirect");
    let mut kept: BTreeMap<u64, Usd> = BTreeMap::new();
    for (id, _, _, usd) in reserved(entries) {
        kept.insert(id, settled(entries, id).map_or(usd, |(_, usd)| usd));
    }
    let kept: Usd = kept.into_values().sum();
    let budget: Usd = BUDGET.parse().unwrap();
    assert!(ledger.complete && ledger.usd <= kept, "{name}: {} billed, {kept} kept", ledger.usd);
    assert!(kept <= budget, "{name}: {kept} of {budget}");
    let sent = reserved(entries).len() as u64;
    assert!(ledger.requests <= sent, "{name}: {} requests, {sent} reservations", ledger.requests);
    let answers = entries.iter().filter(|entry| matches!(entry, Entry::Answer { .. })).count();
    let counts = text(&cell.row, "journal") == "answer";
    let come = ledger.entries.iter().filter(|entry| entry.fault.is_none() || counts);
    let come = come.filter(|entry| entry.status == 200).count();
    assert_eq!(answers, come, "{name}: answers in the journal, and answers that came: {stderr}");
}

/// What this cell's row promises of requests.
fn check_requests(cell: &Cell, played: &Played) {
    let name = cell.name();
    let Played { code, stderr, entries, ledger } = played;
    let row = |key: &str| text(&cell.row, key);
    let attempts = reserved(entries);
    let at = cell.phase.request() - 1;
    let (id, request, attempt, worst) = attempts[at];
    assert_eq!(ledger.entries[at].fault, Some(row("kind")), "{name}: what struck");
    let (word, usd) = settled(entries, id).unwrap_or_else(|| panic!("{name}: not settled: {stderr}"));
    assert_eq!((word.as_str(), attempt), (row("journal"), 1), "{name}: {stderr}");
    match row("money") {
        "nothing" => assert_eq!(usd, Usd::ZERO, "{name}"),
        "reservation" => assert_eq!(usd, worst, "{name}"),
        "usage" => assert!(usd >= ledger.entries[at].usd && usd < worst, "{name}: {usd} of {worst}"),
        other => panic!("money = {other}"),
    }
    let next = attempts.get(at + 1).map(|next| (next.1 == request, next.2));
    match row("then") {
        "retried" => assert_eq!(next, Some((true, 2)), "{name}: {stderr}"),
        "counted" => assert_eq!(next, Some((false, 1)), "{name}"),
        "cell" | "placement" => assert_eq!(next, None, "{name}: {attempts:?}"),
        other => panic!("then = {other}"),
    }
    let stops = matches!(row("then"), "cell" | "placement");
    if cell.phase != Phase::Always && !stops {
        assert_eq!(attempts.len(), 6, "{name}: the run goes on: {stderr}");
    }
    let answered = entries.iter().any(|entry| matches!(entry, Entry::Answer { .. }));
    assert_eq!(*code, Some(if answered { 0 } else { 2 }), "{name}: {stderr}");
}

/// What this cell's row promises of the free counts before any request.
fn check_preflight(cell: &Cell, played: &Played) {
    let name = cell.name();
    let Played { code, stderr, ledger, .. } = played;
    let (counts, goes_on) = match (text(&cell.row, "preflight"), cell.phase) {
        ("again", Phase::PreflightOnce) => (2, true),
        ("again", _) => (3, false),
        ("refused", _) => (1, false),
        (other, _) => panic!("preflight = {other}"),
    };
    assert_eq!(ledger.counted, counts, "{name}: {stderr}");
    assert_eq!(ledger.requests > 0, goes_on, "{name}: {stderr}");
    assert_eq!(*code, Some(if goes_on { 0 } else { 2 }), "{name}: {stderr}");
    assert!(goes_on || stderr.contains("no placement can be reached"), "{name}: {stderr}");
}

/// About 60 cells always, all of them when `RUN_SLOW_TESTS` is set.
#[test]
fn every_fault_in_every_phase_costs_and_does_what_its_row_says() {
    let all = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let cells = cells(all);
    assert!(cells.len() >= if all { 400 } else { 55 }, "{} cells", cells.len());
    let library = shipped();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        let played = play(cell, &library, &runtime);
                        check_always(cell, &played);
                        if cell.phase.is_preflight() {
                            check_preflight(cell, &played);
                        } else {
                            check_requests(cell, &played);
                        }
                    }));
                    if checked.is_err() {
                        failures.lock().unwrap().push(cell.name());
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} cells of the fault matrix, {} failed", cells.len(), failures.len());
    assert!(failures.is_empty(), "{} of {} cells: {failures:#?}", failures.len(), cells.len());
}

/// A base that speaks no TLS: the handshake fails before a key goes out, and nothing is sent.
#[test]
fn a_server_without_tls_never_sees_the_key() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for stream in listener.incoming().take(3) {
            use std::io::{Read, Write};
            let (mut stream, mut buffer) = (stream.unwrap(), [0; 4096]);
            let count = stream.read(&mut buffer).unwrap_or(0);
            seen.extend_from_slice(&buffer[..count]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        }
        seen
    });
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.toml"), WORKLOAD).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["calibrate", "w.toml", "--placement", "developer", "--budget-usd", BUDGET])
        .current_dir(folder.path())
        .env_clear()
        .env("GEMINI_API_KEY", SECRET)
        .env("GOOGLE_GEMINI_BASE_URL", format!("https://127.0.0.1:{port}"))
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(shown.contains("not reached") && !shown.contains("very-secret"), "{shown}");
    let seen = server.join().unwrap();
    assert!(!seen.is_empty() && !seen.windows(11).any(|window| window == b"very-secret"));
}
