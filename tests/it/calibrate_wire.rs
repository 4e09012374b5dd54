//! Calibration on the wire: whole runs of the program against the emulator.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use burndown::{
    calibrate::{Entry, read_journal},
    emulator::{Fault, FaultKind, Ledger, Running, Setup, start},
    units::{Share, Usd},
};
use serde_json::Value;

use crate::shipped;

const SECRET: &str = "AIza-very-secret-0123456789";

/// An emulator in this process, and a folder for what a run leaves behind.
pub struct Stage {
    runtime: tokio::runtime::Runtime,
    running: Running,
    pub folder: tempfile::TempDir,
}

impl Stage {
    pub fn new(seed: u64, latency: f64, faults: Vec<Fault>) -> Stage {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let library = shipped();
        let day = "2026-11-21".parse().unwrap();
        let setup = Setup { seed, latency, faults, ..Setup::new(library.prices, library.tokens, day) };
        let running = runtime.block_on(start(setup, 0)).unwrap();
        Stage { runtime, running, folder: tempfile::tempdir().unwrap() }
    }

    /// `calibrate` with a key, Developer API and Vertex AI express, both at the emulator.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burndown"));
        command
            .args(["calibrate", "product-photos", "--express", "--on", "2026-11-21"])
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("GOOGLE_API_KEY", SECRET)
            .env("GOOGLE_GEMINI_BASE_URL", self.running.url())
            .env("GOOGLE_VERTEX_BASE_URL", self.running.url())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn journal(&self) -> Vec<Entry> {
        let bytes = fs::read(self.folder.path().join("out/calibration.jsonl")).unwrap();
        read_journal(&bytes).unwrap().entries
    }

    pub fn ledger(self) -> Ledger {
        let ledger = self.runtime.block_on(self.running.stop());
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        ledger
    }
}

fn share(value: f64) -> Share {
    Share::try_from(value).unwrap()
}

fn answers(entries: &[Entry]) -> Vec<u64> {
    let ids = entries.iter().filter_map(|entry| match entry {
        Entry::Answer { id, .. } => Some(*id),
        _ => None,
    });
    ids.collect()
}

/// What a journal says was spent: settled attempts, and reservations without an answer.
pub fn spent(entries: &[Entry]) -> Usd {
    let mut open: BTreeMap<u64, Usd> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Reserve { id, usd, .. }
            | Entry::Answer { id, usd, .. }
            | Entry::Failed { id, usd, .. } => {
                open.insert(*id, *usd);
            }
            _ => {}
        }
    }
    open.into_values().sum()
}

#[track_caller]
fn assert_no_secret(text: &[u8], place: &str) {
    assert!(!String::from_utf8_lossy(text).contains("very-secret"), "the key stands in {place}");
}

fn files_under(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found
}

/// Every fault the emulator knows, in one run: the budget holds by its ledger, the key goes nowhere, and the
/// run ends by itself.
#[test]
fn faults_cost_no_more_than_the_budget_and_the_key_shows_nowhere() {
    let faults = vec![
        Fault::randomly(share(0.01), FaultKind::Quota { retry_seconds: 0.1 }),
        Fault::randomly(share(0.01), FaultKind::Overloaded),
        Fault::randomly(share(0.02), FaultKind::Deadline { billed: true }),
        Fault::randomly(share(0.02), FaultKind::Dropped { after: share(0.5) }),
        Fault::randomly(share(0.02), FaultKind::Reset { billed: true }),
        Fault::randomly(share(0.02), FaultKind::Malformed),
        Fault::randomly(share(0.02), FaultKind::NoUsage),
        Fault::randomly(share(0.05), FaultKind::Images { images: 10 }),
        Fault::randomly(share(0.05), FaultKind::Blocked { reason: "IMAGE_SAFETY".into() }),
        Fault { limit: Some(1), ..Fault::randomly(share(0.02), FaultKind::OverCap { times: 1.2 }) },
    ];
    for (seed, extra) in [(1, None), (2, Some("--stream"))] {
        let stage = Stage::new(seed, 0.0, faults.clone());
        let mut args = vec!["--budget-usd", "16", "--out", "out", "--max-minutes", "2"];
        args.extend(["--developer-tier", "3", "--concurrency", "8", "--model", "nano-banana-2.1"]);
        args.extend(extra);
        let output = stage.run(&args);
        let (out, err) = (&output.stdout, &output.stderr);
        let shown = String::from_utf8_lossy(err).into_owned();
        assert_eq!(output.status.code(), Some(0), "{shown}");
        assert_no_secret(out, "standard output");
        assert_no_secret(err, "standard error");
        for file in files_under(stage.folder.path()) {
            assert_no_secret(&fs::read(&file).unwrap(), &file.display().to_string());
        }
        let kept = spent(&stage.journal());
        let ledger = stage.ledger();
        assert!(ledger.complete && ledger.billed > 10, "{} billed", ledger.billed);
        assert!(ledger.usd <= kept && kept <= "16".parse().unwrap(), "{} billed, {kept} kept", ledger.usd);
        assert_eq!(ledger.leaked, 0);
    }
}

/// A redirect is not followed: the key never reaches the other place.
#[test]
fn a_key_does_not_follow_a_redirect() {
    let stage = Stage::new(
        1,
        0.0,
        vec![Fault { when: burndown::emulator::When::Always, ..Fault::at(&[1], FaultKind::Redirect) }],
    );
    let output = stage.run(&[
        "--budget-usd",
        "10",
        "--out",
        "out",
        "--model",
        "nano-banana",
        "--placement",
        "vertex:global",
    ]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("redirected"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stage.ledger().leaked, 0);
}

/// A key without billing is told at once, and nothing is tried twice.
#[test]
fn a_key_without_billing_stops_its_placement_at_once() {
    let stage = Stage::new(
        1,
        0.0,
        vec![Fault { when: burndown::emulator::When::Always, ..Fault::at(&[1], FaultKind::FreeTier) }],
    );
    let output = stage.run(&[
        "--budget-usd",
        "10",
        "--out",
        "out",
        "--model",
        "nano-banana-2.1",
        "--placement",
        "developer",
        "--concurrency",
        "1",
    ]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("no billing on this key"), "{text}");
    let journal = stage.journal();
    let sent = journal.iter().filter(|entry| matches!(entry, Entry::Reserve { .. })).count();
    assert_eq!(sent, 1);
    assert_eq!(stage.ledger().usd, Usd::ZERO);
}

/// Killed at random moments and resumed: no answer that was on disk is lost, the money holds, and nothing is
/// bought that the journal has. One run with 4 kills always; 200 kills of running calibrations when
/// `RUN_SLOW_TESTS` is set.
#[test]
fn a_killed_run_loses_no_answer_that_was_on_disk() {
    let wanted = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 200 } else { 1 };
    let (mut hits, mut runs) = (0, 0);
    while hits < wanted {
        hits += kills_that_hit(5 + runs, 4);
        runs += 1;
        assert!(runs <= 4 * wanted as u64, "{hits} of {wanted} kills hit a run that was not done");
    }
    println!("{hits} kills of running calibrations in {runs} runs, no answer lost");
}

/// Kills a run so often, resumes it each time, lets it end; gives how many kills hit it with answers and not
/// yet done.
fn kills_that_hit(seed: u64, kills: u64) -> usize {
    let stage = Stage::new(seed, 0.02, Vec::new());
    let args = [
        "--budget-usd",
        "70",
        "--out",
        "out",
        "--max-minutes",
        "5",
        "--developer-tier",
        "3",
        "--model",
        "nano-banana",
    ];
    let mut known: Vec<u64> = Vec::new();
    let mut after_a_kill: Vec<usize> = Vec::new();
    for kill in 0..kills {
        let mut child = spawned(&stage, &args, kill > 0);
        // Whatever else the machine does: some answers after the first new lines.
        let path = stage.folder.path().join("out/calibration.jsonl");
        let length = || fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let (before, begun) = (length(), Instant::now());
        while length() <= before + 2_000 && begun.elapsed() < Duration::from_secs(20) {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(7 * ((kill * 7 + seed * 5) % 11)));
        child.kill().unwrap();
        child.wait().unwrap();
        let Ok(bytes) = fs::read(&path) else { continue };
        let found = answers(&read_journal(&bytes).unwrap().entries);
        assert!(found.starts_with(&known), "answers were lost");
        known = found;
        after_a_kill.push(known.len());
    }
    let output = stage.run(&[&args[..], &["--resume", "--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let journal = stage.journal();
    // Every answer that counted in the end is in the journal.
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["counts"]["answers"], answers(&journal).len());
    let in_the_end = answers(&journal).len();
    assert!(answers(&journal).starts_with(&known));
    let observations = fs::read_to_string(stage.folder.path().join("out/observations.jsonl")).unwrap();
    assert_eq!(observations.lines().count(), answers(&journal).len());
    let kept = spent(&journal);
    let ledger = stage.ledger();
    assert!(ledger.usd <= kept && kept <= "70".parse().unwrap(), "{} billed, {kept} kept", ledger.usd);
    // What was billed and not kept was in flight when the run was killed.
    let lost = ledger.billed as usize - answers(&journal).len();
    assert!(lost <= 4 * kills as usize, "{lost} bought twice");
    after_a_kill.iter().filter(|count| (1..in_the_end).contains(*count)).count()
}

fn spawned(stage: &Stage, args: &[&str], resume: bool) -> Child {
    let mut command = stage.command(args);
    if resume && stage.folder.path().join("out/calibration.jsonl").exists() {
        command.arg("--resume");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Ctrl-C waits for what is in flight, a second one does not; either way the journal is whole and goes on.
#[test]
fn an_interrupted_run_stops_cleanly_and_goes_on() {
    let stage = Stage::new(5, 0.05, Vec::new());
    let args = [
        "--budget-usd",
        "40",
        "--out",
        "out",
        "--max-minutes",
        "5",
        "--developer-tier",
        "3",
        "--model",
        "nano-banana",
    ];
    let signal = |child: &Child| {
        let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(done.success());
    };
    for (resume, times) in [(false, 1), (true, 2)] {
        let mut child = spawned(&stage, &args, resume);
        let path = stage.folder.path().join("out/calibration.jsonl");
        let before = fs::metadata(&path).map_or(0, |data| data.len());
        // The first reservation says that it is under way.
        while fs::metadata(&path).map_or(0, |data| data.len()) < before + 1500 {
            std::thread::sleep(Duration::from_millis(20));
        }
        for _ in 0..times {
            signal(&child);
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let journal = stage.journal();
        assert!(matches!(journal.last(), Some(Entry::Stop { why, .. }) if why == "interrupted"));
    }
    let open = |entries: &[Entry]| {
        entries.iter().filter(|entry| matches!(entry, Entry::Reserve { .. })).count() - answers(entries).len()
    };
    assert!(open(&stage.journal()) <= 4);
    let kept = spent(&stage.journal());
    assert!(stage.ledger().usd <= kept);
}

/// One journal has one writer, and is not begun anew by mistake.
#[test]
fn a_journal_is_not_overwritten_and_has_one_writer() {
    let stage = Stage::new(1, 0.0, Vec::new());
    let args = ["--budget-usd", "3", "--out", "out", "--model", "nano-banana"];
    assert_eq!(stage.run(&args).status.code(), Some(0));
    let again = stage.run(&args);
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.code() == Some(2) && text.contains("--resume"), "{text}");
    let path = stage.folder.path().join("out/calibration.jsonl");
    let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.lock().unwrap();
    let locked = stage.run(&[&args[..], &["--resume"]].concat());
    let text = String::from_utf8_lossy(&locked.stderr).into_owned();
    assert!(locked.status.code() == Some(2) && text.contains("another calibration"), "{text}");
}

/// The whole way: rehearsal, profiles, a plan that says what they are and refuses to be believed.
#[test]
fn a_rehearsal_ends_with_profiles_that_plan_uses_under_a_banner() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let run = |args: &[&str]| crate::cli::burndown_with(args, b"", place);
    let rehearsal = run(&[
        "calibrate",
        "product-photos",
        "--emulator",
        "--budget-usd",
        "60",
        "--out",
        "mine",
        "--on",
        "2026-11-21",
    ]);
    assert_eq!(rehearsal.code, 0, "{}", rehearsal.stderr);
    assert!(rehearsal.stdout.starts_with("REHEARSAL"), "{}", rehearsal.stdout);
    assert!(rehearsal.stderr.contains("wrote mine/tokens/vertex/gemini-3-pro-image.toml"));
    let plan = run(&["--profiles", "mine", "plan", "product-photos", "--on", "2026-11-21"]);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(plan.stdout.contains("\nREHEARSED tokens come from the emulator"), "{}", plan.stdout);
    let strict = run(&["--profiles", "mine", "plan", "product-photos", "--on", "2026-11-21", "--strict"]);
    assert_eq!(strict.code, 2);
    let gsu =
        ["gsu", "--model", "nano-banana-pro", "--qps", "1", "--output-size", "1K", "--on", "2026-11-21"];
    let refused = run(&[&["--profiles", "mine"][..], &gsu].concat());
    assert!(refused.code == 2 && refused.stderr.contains("rehearsed"), "{}", refused.stderr);
    // The same seed rehearses the same answers.
    let again = run(&[
        "calibrate",
        "product-photos",
        "--emulator",
        "--budget-usd",
        "60",
        "--out",
        "again",
        "--on",
        "2026-11-21",
        "--concurrency",
        "1",
    ]);
    assert_eq!(again.code, 0);
}

#[test]
fn spending_needs_a_budget_and_bad_numbers_are_refused() {
    let run = |args: &[&str]| crate::cli::burndown(&[&["calibrate", "product-photos"], args].concat());
    let refused = |args: &[&str], text: &str| {
        let run = run(args);
        assert!(run.code == 2 && run.stderr.contains(text), "{args:?}: {}", run.stderr);
    };
    refused(&[], "--budget-usd");
    refused(&["--emulator", "--budget-usd", "0.1", "--journal", "/dev/null/x"], "is the least that would do");
    refused(&["--budget-usd", "-3"], "expected US dollars from 0");
    refused(&["--budget-usd", "many"], "expected an amount of US dollars");
    refused(&["--dry-run", "--precision", "7"], "precision lies between");
    refused(&["--dry-run", "--model", "nano-bananna"], "did you mean");
}

#[test]
fn a_check_says_who_answers_and_what_is_missing() {
    let stage = Stage::new(1, 0.0, Vec::new());
    let output = stage.run(&["--check"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("API key, express mode") && text.contains("tokens counted"), "{text}");
    assert_eq!(stage.ledger().requests, 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_burndown"));
    command.args(["calibrate", "product-photos", "--check"]).env_clear();
    let output = command.args(["--placement", "developer"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("set GEMINI_API_KEY"), "{text}");
}
