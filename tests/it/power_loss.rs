//! Power cuts, full disks, signals and odd clocks: what a calibration's journal is worth after them.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use burndown::{
    calibrate::{BadJournal, Campaign, Chaos, Entry, JOURNAL_SCHEMA, Limits, Rules, read_journal, rehearse},
    units::Usd,
    usage::RecordKind,
};
use rand::RngExt;
use serde_json::Value;

use crate::calibration::cells_of;

const DISK_BLOCK: usize = 4096;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn fresh(seed: u64) -> Campaign {
    let limits = Limits {
        budget: usd("60"),
        requests: 100_000,
        seconds: 1e6,
        concurrency: 4,
        developer_usd_per_10_minutes: None,
    };
    let rules = Rules { volume_counts: false, ..Rules::default() };
    Campaign::new(cells_of("product-photos"), limits, rules, seed).unwrap()
}

fn start() -> Entry {
    Entry::Start {
        schema: JOURNAL_SCHEMA.into(),
        workload: "product-photos".into(),
        at: "2026-11-21T00:00:00Z".into(),
        budget_usd: usd("60"),
        kind: RecordKind::Rehearsed,
        seed: 1,
    }
}

/// The journal of a run that was killed after so many steps, faults among them, as lines.
fn journal(steps: u64) -> (Vec<Entry>, Vec<String>) {
    let chaos = Chaos { throttled: 0.1, timeouts: 0.05, any_fault: 0.02, ..Chaos::default() };
    let played = rehearse(fresh(1), &chaos, 1, 0.0, Some(steps));
    let entries: Vec<Entry> = std::iter::once(start()).chain(played.entries).collect();
    let lines = entries.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect();
    (entries, lines)
}

/// What stands where the power went, behind `kept` bytes of the line that was being written.
fn torn_tails(line: &str, kept: usize) -> Vec<Vec<u8>> {
    let front = line.as_bytes()[..kept].to_vec();
    let rest = line.len() - kept;
    let with = |tail: Vec<u8>| [front.clone(), tail].concat();
    // Cut short; its length noted and its bytes not.
    let mut tails = vec![front.clone(), with(vec![0; rest])];
    if rest > 1 {
        // Zeros, or what the block held before, up to the line feed that stood in the next block.
        tails.push(with([vec![0; rest - 1], b"\n".to_vec()].concat()));
        tails.push(with([vec![0xa5; rest - 1], b"\n".to_vec()].concat()));
    }
    if kept == 0 {
        tails.push(with([vec![0; line.len() / 2], line.as_bytes()[line.len() / 2..].to_vec()].concat()));
    }
    tails
}

/// Each of the last lines torn at every byte in every way: everything before it is there, its money is counted,
/// and what was in flight costs its reservation once. Nothing answered before is lost or bought again.
#[test]
fn a_torn_line_costs_no_more_than_itself() {
    let (mut ways, mut torn_answers) = (0, 0);
    for steps in [40, 41, 42, 57, 90] {
        let (entries, lines) = journal(steps);
        for torn in lines.len() - 3..lines.len() {
            let before: String = lines[..torn].concat();
            let mut expected = fresh(1);
            expected.resume(&entries[..torn]);
            torn_answers += usize::from(matches!(entries[torn], Entry::Answer { .. }));
            for kept in 0..lines[torn].len() {
                for tail in torn_tails(&lines[torn], kept) {
                    let bytes = [before.as_bytes(), &tail].concat();
                    let read = read_journal(&bytes).unwrap_or_else(|error| panic!("{kept}: {error}"));
                    assert_eq!((read.whole_bytes, &read.entries[..]), (before.len(), &entries[..torn]));
                    ways += 1;
                }
            }
            let mut resumed = fresh(1);
            resumed.resume(&read_journal(before.as_bytes()).unwrap().entries);
            assert_eq!(resumed.money(), expected.money());
            assert_eq!(resumed.counts.answers, expected.counts.answers);
            // An answer that is torn leaves its reservation: dearer, never cheaper, by one attempt.
            let mut whole = fresh(1);
            whole.resume(&entries[..=torn]);
            assert!(resumed.money().0 >= whole.money().0 || matches!(entries[torn], Entry::Reserve { .. }));
            assert!(whole.counts.answers - resumed.counts.answers <= 1);
        }
    }
    assert!(ways > 5_000 && torn_answers >= 3, "{ways} ways, {torn_answers} answers");
    println!("{ways} torn journals read");
}

/// A disk that lost more than the line that was being written is not believed: money would be missing.
#[test]
fn a_disk_that_lost_written_lines_is_told() {
    let (_, lines) = journal(60);
    let whole = lines.concat().into_bytes();
    let from = whole.len() / DISK_BLOCK * DISK_BLOCK - DISK_BLOCK;
    let mut zeroed = whole.clone();
    zeroed[from..].fill(0);
    let Err(BadJournal::Lost { bytes, whole: kept }) = read_journal(&zeroed) else {
        panic!("{:?}", read_journal(&zeroed).map(|read| read.entries.len()))
    };
    assert!(bytes >= whole.len() - from && zeroed[..kept].ends_with(b"\n"));
    // A wreck in the middle is no torn line: what follows it was written later, and is kept for a person to judge.
    let mut holed = whole.clone();
    let at = lines[..lines.len() - 2].concat().len();
    holed[at..at + 20].fill(0);
    assert!(matches!(read_journal(&holed), Err(BadJournal::Line { line, .. }) if line == lines.len() - 1));
    // An entry of a later version is not cut off as if it were torn.
    let newer = [&whole[..], b"{\"entry\":\"refund\",\"usd\":\"1\"}\n"].concat();
    assert!(matches!(read_journal(&newer), Err(BadJournal::Line { .. })));
}

/// A clock of whatever kind: jumps back and forth between any two steps break no promise about money.
#[test]
fn a_clock_that_jumps_breaks_no_promise() {
    use burndown::calibrate::Step;
    for seed in 0..20 {
        let mut random = burndown::stats::generator(7, seed);
        let limits = Limits {
            budget: usd("40"),
            requests: 60,
            seconds: 1e5,
            concurrency: 4,
            developer_usd_per_10_minutes: Some(10.0),
        };
        let mut campaign = Campaign::new(cells_of("product-photos"), limits, Rules::default(), seed).unwrap();
        let (mut now, mut flying) = (0.0_f64, Vec::new());
        let mut ended = false;
        for _ in 0..2_000 {
            // An hour back at most, and never to a time before zero by more than that.
            now = (now + random.random_range(-3600.0..3600.0)).max(-3600.0);
            match campaign.next(now) {
                Step::Send(order) => flying.push(order),
                Step::Done(_) => {
                    ended = true;
                    break;
                }
                Step::Wait { until } => {
                    if let Some(order) = flying.pop() {
                        let failure = burndown::calibrate::Failure::of(
                            burndown::calibrate::Fault::Timeout,
                            "the clock jumped",
                        );
                        campaign.settle(&order, &burndown::calibrate::Verdict::Failed(failure), now);
                    } else {
                        now = until.unwrap_or(now);
                    }
                }
            }
            let (spent, reserved) = campaign.money();
            assert!(spent.0 + reserved.0 <= usd("40").0, "{spent} + {reserved}");
        }
        assert!(ended, "seed {seed} goes on for ever");
    }
}

/// A rehearsal in a folder of its own, as a command.
fn calibrate(folder: &tempfile::TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burndown"));
    command.args(ARGS).args(args).current_dir(folder.path()).env_clear().stdin(Stdio::null());
    command
}

const ARGS: [&str; 9] = [
    "calibrate",
    "product-photos",
    "--emulator",
    "--on",
    "2026-11-21",
    "--budget-usd",
    "60",
    "--model",
    "nano-banana",
];

fn entries_at(folder: &tempfile::TempDir) -> Vec<Entry> {
    read_journal(&fs::read(folder.path().join("j")).unwrap()).unwrap().entries
}

/// The program itself: a torn journal is repaired, said so, and gone on with; one that lost lines is refused.
#[test]
fn the_program_repairs_a_torn_journal_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("j");
    let run = |args: &[&str]| {
        let args = [&["--journal", "j", "--json"], args].concat();
        let output = calibrate(&folder, &args).output().unwrap();
        (output.status.code(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, ..) = run(&["--max-requests", "12"]);
    assert_eq!(code, Some(0));
    let whole = fs::read(&journal).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let last_answer = lines.iter().rposition(|line| line.starts_with(b"{\"entry\":\"answer\"")).unwrap();
    let before = lines[..last_answer].concat();
    let known = read_journal(&before).unwrap().entries;
    let answers = known.iter().filter(|entry| matches!(entry, Entry::Answer { .. })).count();
    for tail in [&lines[last_answer][..100], &[0; 300][..], b"\0\0\0\0}\n"] {
        fs::write(&journal, [&before[..], tail].concat()).unwrap();
        // The limit of requests is reached already: it reads, counts and ends.
        let (code, out, err) = run(&["--max-requests", "5", "--resume"]);
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("its last line was never finished and is cut off"), "{err}");
        let found: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(found["counts"]["answers"], answers);
        assert!(fs::read(&journal).unwrap().starts_with(&before));
    }
    fs::write(&journal, [&before[..], &[0; DISK_BLOCK]].concat()).unwrap();
    let (code, _, err) = run(&["--resume"]);
    assert!(code == Some(2) && err.contains("truncate -s") && err.contains("4096 bytes"), "{err}");
    // A clock that went back: lines from the future are answers like any other.
    let future = String::from_utf8(before.clone()).unwrap().replace("\"at\":\"20", "\"at\":\"29");
    fs::write(&journal, future).unwrap();
    let (code, out, err) = run(&["--max-requests", "5", "--resume"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["counts"]["answers"], answers);
}

/// A disk that is full in the middle of a run, by a limit on the size of files: the run ends with exit code 2, the
/// journal is whole lines, what was on its way counts as spent, and with room again it goes on.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_a_run_without_losing_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let args = [&ARGS[..], &["--journal", "j", "--max-requests", "30"]].concat();
    // `ulimit -f` counts blocks of 512 or of 1024 bytes; the signal would kill before the write could fail.
    let script =
        format!("trap '' XFSZ; ulimit -f 8; exec {} {}", env!("CARGO_BIN_EXE_burndown"), args.join(" "));
    let output =
        Command::new("sh").args(["-c", &script]).current_dir(folder.path()).env_clear().output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{shown}");
    assert!(shown.contains("cannot write the journal") && shown.contains("--resume"), "{shown}");
    assert!(shown.contains("are left behind and count as spent"), "{shown}");
    let bytes = fs::read(folder.path().join("j")).unwrap();
    let read = read_journal(&bytes).unwrap();
    assert_eq!(read.whole_bytes, bytes.len(), "a line that does not fit is taken back");
    let again = calibrate(&folder, &["--journal", "j", "--max-requests", "30", "--resume"]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(entries_at(&folder).starts_with(&read.entries));
}

/// Places where no journal can be are refused before anything is sent, and named.
#[cfg(unix)]
#[test]
fn a_journal_that_cannot_be_is_refused_before_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "x").unwrap();
    fs::create_dir(at("folder")).unwrap();
    std::os::unix::fs::symlink("/dev/full", at("full")).unwrap();
    std::os::unix::fs::symlink("loop", at("loop")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    for (journal, said) in [
        ("file/j", "cannot make `file`"),
        ("folder", "is no regular file"),
        ("full", "is no regular file"),
        ("fifo", "is no regular file"),
        ("/dev/zero", "is no regular file"),
        ("loop", "cannot open the journal"),
        ("/proc/calibration.jsonl", "cannot open the journal"),
    ] {
        let output = calibrate(&folder, &["--journal", journal]).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && shown.contains(said), "{journal}: {shown}");
    }
    // A folder without the right to write, unless nothing is forbidden to who runs this.
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(at("folder"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(at("folder/probe"), "").is_err() {
        let output = calibrate(&folder, &["--journal", "folder/j"]).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && shown.contains("cannot open the journal"), "{shown}");
    }
}

/// A journal is its owner's alone.
#[cfg(unix)]
#[test]
fn a_new_journal_can_be_read_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let output = calibrate(&folder, &["--journal", "j", "--max-requests", "3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mode = fs::metadata(folder.path().join("j")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Ctrl-C and the system's request to end wait for what is in flight and close the journal; a kill leaves
/// reservations. After each of them the run goes on, and no answer is lost.
#[cfg(unix)]
#[test]
fn every_signal_leaves_a_journal_that_goes_on() {
    let stage = crate::calibrate_wire::Stage::new(5, 0.02, Vec::new());
    let args = [
        "--budget-usd",
        "40",
        "--out",
        "out",
        "--developer-tier",
        "3",
        "--model",
        "nano-banana-2.1",
        "--precision",
        "0.002",
        "--max-requests",
        "60",
    ];
    let path = stage.folder.path().join("out/calibration.jsonl");
    let mut known: Vec<Entry> = Vec::new();
    for signal in ["-TERM", "-INT", "-KILL"] {
        let mut command = stage.command(&args);
        command.args((!known.is_empty()).then_some("--resume"));
        let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let before = fs::metadata(&path).map_or(0, |data| data.len());
        while fs::metadata(&path).map_or(0, |data| data.len()) < before + 1500 {
            assert_eq!(child.try_wait().unwrap(), None, "{signal}: it ended before the signal");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let code = child.wait().unwrap().code();
        assert_eq!(code, if signal == "-KILL" { None } else { Some(0) }, "{signal}");
        let found = read_journal(&fs::read(&path).unwrap()).unwrap().entries;
        assert!(found.starts_with(&known), "{signal}: entries are lost");
        let stopped = matches!(found.last(), Some(Entry::Stop { why, .. }) if why == "interrupted");
        assert_eq!(stopped, signal != "-KILL", "{signal}: {:?}", found.last());
        known = found;
    }
    let output = stage.run(&[&args[..], &["--resume"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let journal = stage.journal();
    assert!(journal.starts_with(&known));
    let kept = crate::calibrate_wire::spent(&journal);
    let ledger = stage.ledger();
    assert!(ledger.usd <= kept && kept <= usd("40"), "{} billed, {kept} kept", ledger.usd);
}
