//! Exports that overlap, files in another order, hostile files: what counts twice, what is held in memory.

use std::{
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    process::{Command, Stdio},
};

use burndown::{
    import::{Collected, Settings},
    usage::aggregate_rows,
};
use rand::Rng;
use serde_json::Value;

use crate::{
    cli::burndown,
    import::{collect, read, settings},
    import_log::synthetic_log,
};

fn reasons(found: &Collected) -> Vec<String> {
    found.left_out.iter().map(|(reason, left)| format!("{reason} × {}", left.n)).collect()
}

/// Sums of some texts, read as files of their own.
fn sums(files: &[String], settings: &Settings) -> Collected {
    let parts: Vec<(&str, &[u8])> = files.iter().map(|text| ("log", text.as_bytes())).collect();
    collect(&parts, settings).unwrap()
}

#[test]
fn a_response_in_two_exports_counts_once() {
    let log = synthetic_log(3_000, 31);
    let lines: Vec<&str> = log.lines().collect();
    let once = read(&log);
    let exports = [lines[..2_000].join("\n"), lines[1_500..].join("\n")];
    for keep in [0, 1_000_000] {
        let found = sums(&exports, &Settings { keep, ..settings() });
        assert_eq!(found.aggregates, once.aggregates);
        assert_eq!(found.rows, 3_500);
        assert_eq!(reasons(&found), ["the same response again, told by its id × 500"]);
        assert!(!found.left_out.values().any(|left| left.broken));
        if keep > 0 {
            assert_eq!(found.observations, once.observations);
        }
    }
}

/// The id of an answer goes before the id of the log's row: two logs of different kinds hold the same answer.
#[test]
fn an_answer_and_its_row_in_the_request_log_are_one() {
    let body = r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"totalTokenCount":5},"modelVersion":"gemini-2.5-flash","responseId":"abc"}"#;
    let row = format!(r#"{{"model":"gemini-2.5-flash","request_id":"7","full_response":{body}}}"#);
    let text = [body, &row, &body.replace("abc", "abd"), &body.replace(r#""abc""#, r#""""#)].join("\n");
    for keep in [0, 10] {
        let found = collect(&[("log", text.as_bytes())], &Settings { keep, ..settings() }).unwrap();
        assert_eq!((found.rows, found.aggregates.attempts()), (4, 3));
    }
}

#[test]
fn beyond_the_ids_that_are_remembered_it_is_said_that_none_are_looked_for() {
    let log = synthetic_log(300, 32);
    let twice = [log.clone(), log];
    let found = sums(&twice, &Settings { ids_max: 100, ..settings() });
    assert_eq!(reasons(&found), ["the same response again, told by its id × 100"]);
    assert_eq!((found.aggregates.attempts(), found.not_looked_for), (500, 400));
}

#[test]
fn chunks_of_a_stream_on_lines_of_their_own_teach_nothing() {
    let chunk = |tokens: u64, rest: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"y"}}]}}{rest}}}],"usageMetadata":{{"promptTokenCount":5,"candidatesTokenCount":{tokens},"totalTokenCount":{}}},"responseId":"a"}}"#,
            tokens + 5
        )
    };
    let text = [chunk(1, ""), chunk(4, ""), chunk(9, r#","finishReason":"STOP""#)].join("\n");
    for keep in [0, 10] {
        let found = collect(&[("log", text.as_bytes())], &Settings { keep, ..settings() }).unwrap();
        assert_eq!((found.rows, found.aggregates.attempts()), (3, 0));
        let (reason, left) = found.left_out.iter().next().unwrap();
        assert!(reason.starts_with("a stream's chunk on a line of its own") && left.broken, "{reason}");
        assert_eq!(left.n, 3);
    }
}

#[test]
fn the_order_of_files_and_of_rows_does_not_matter() {
    let log = synthetic_log(2_000, 33);
    let mut lines: Vec<&str> = log.lines().collect();
    let expected = aggregate_rows(&read(&log).aggregates);
    let mut dice = burndown::stats::generator(34, 0);
    for files in [1, 3, 10] {
        for at in (1..lines.len()).rev() {
            lines.swap(at, dice.next_u64() as usize % (at + 1));
        }
        let shuffled: Vec<String> =
            lines.chunks(lines.len().div_ceil(files)).map(|lines| lines.join("\n")).collect();
        for keep in [0, 1_000_000] {
            let found = sums(&shuffled, &Settings { keep, ..settings() });
            assert_eq!(aggregate_rows(&found.aggregates), expected);
        }
    }
}

/// Everything below a folder, by path.
fn files_of(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_of(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The shipped observations teach the same when they are imported, and again when what an import wrote is.
#[test]
fn importing_the_shipped_observations_changes_no_profile() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let run = burndown(arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
    };
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/observations/public.csv");
    let same = ["--source", "PUBLIC", "--on", "2026-11-21", "--out"];
    run(&[&["fit", shipped, "--title", "x"], &same[..], &[&at("fit")]].concat());
    run(&[&["import", shipped], &same[..], &[&at("first")]].concat());
    let again = at("first/observations.jsonl");
    run(&[&["import", &again], &same[..], &[&at("again")]].concat());
    let profiles = |name: &str| -> Vec<(String, String)> {
        let folder = folder.path().join(name).join("tokens");
        let of = |(path, text): (String, String)| {
            let lines = text.lines().filter(|line| !line.starts_with("title = "));
            let name = Path::new(&path).strip_prefix(&folder).unwrap().display().to_string();
            (name, lines.collect::<Vec<_>>().join("\n"))
        };
        files_of(&folder).into_iter().map(of).collect()
    };
    let fitted = profiles("fit");
    assert!(fitted.len() >= 4, "{}", fitted.len());
    assert_eq!(profiles("first"), fitted);
    assert_eq!(profiles("again"), fitted);
}

/// Runs an import of a text through a pipe, and gives its answer and the most memory it held, in megabytes.
fn import_measured(text: &[u8], arguments: &[&str]) -> (Value, u64) {
    // A file holds any answer; a pipe that nobody reads yet would stop it.
    let mut answer = tempfile::tempfile().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(["import", "-", "--json"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(answer.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    // The most that is held never falls, so the last reading before the end is it.
    let mut kilobytes = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kilobytes = found.unwrap_or(kilobytes);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success());
    let mut text = String::new();
    answer.seek(SeekFrom::Start(0)).unwrap();
    answer.read_to_string(&mut text).unwrap();
    assert_eq!(kilobytes > 0, cfg!(target_os = "linux"));
    (serde_json::from_str(&text).unwrap(), kilobytes / 1024)
}

const BODY: &str = r#"{"candidates":[{"content":{"parts":[{"text":"y"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"totalTokenCount":12},"modelVersion":"gemini-2.5-flash"}"#;

/// What is held is some blocks, the longest line, and the books: never the log.
#[test]
fn hostile_logs_are_read_in_bounded_memory() {
    let picture =
        format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{}"}}}}"#, "A".repeat(30_000_000));
    let long = BODY.replace(r#"{"text":"y"}"#, &picture);
    let nested = "[".repeat(100_000);
    let garbage: Vec<u8> =
        (0..60_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let many = format!("{BODY}\n").repeat(300_000);
    // Two blocks are doubled while they grow; what a line needs is at most four times its length.
    let cases: [(&str, Vec<u8>, u64, u64); 5] = [
        ("one line of 30 MB", format!("{BODY}\n{long}\n").into_bytes(), 2, 220),
        ("a 30 MB line that never ends", long.as_bytes()[..long.len() - 9].to_vec(), 0, 220),
        ("100,000 open lists", format!("{BODY}\n{nested}\n{BODY}\n").into_bytes(), 2, 60),
        ("60 MB of noise", [BODY.as_bytes(), b"\n", &garbage].concat(), 1, 120),
        ("60 MB of answers", many.into_bytes(), 300_000, 90),
    ];
    for (name, text, attempts, megabytes) in cases {
        let (answer, peak) = import_measured(&text, &[]);
        assert_eq!(answer["attempts"].as_u64(), Some(attempts), "{name}");
        assert!(peak <= megabytes, "{name}: {peak} MB, at most {megabytes}");
    }
}

/// Progress is for eyes: a pipe sees none of it.
#[test]
fn no_progress_is_written_where_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    std::fs::write(&path, synthetic_log(5_000, 36)).unwrap();
    let run = burndown(&["import", path.to_str().unwrap(), "--invocations", "5000"]);
    assert!(run.code == 0 && run.stdout.contains("5000 attempts"), "{}", run.stdout);
    assert!(!run.stderr.contains(['\r', '\u{1b}']) && !run.stderr.contains("rows"), "{}", run.stderr);
}

#[test]
fn a_truncated_zstd_gives_what_came_before_its_end() {
    let log = synthetic_log(4_000, 35);
    let packed = zstd::encode_all(log.as_bytes(), 1).unwrap();
    let (answer, _) = import_measured(&packed[..packed.len() / 2], &["--invocations", "4000"]);
    let attempts = answer["attempts"].as_u64().unwrap();
    assert!((500..3_999).contains(&attempts), "{attempts}");
    assert_eq!(answer["left_out"][0]["reason"], "broken row");
    let (answer, _) = import_measured(&packed, &["--invocations", "4000"]);
    assert_eq!(answer["attempts"], 4_000);
}

/// One hostile line between two good ones: it is counted by its reason, the others are read, a strict import
/// stops there. Single rows and sums agree on it.
#[track_caller]
fn check_line(line: &[u8], reason: Option<&str>) {
    let text = [BODY.as_bytes(), b"\n", line, b"\n", BODY.as_bytes()].concat();
    for keep in [0, 10] {
        let wanted = Settings { keep, ..settings() };
        let found = collect(&[("log", &text)], &wanted).unwrap();
        let expected: Vec<String> = reason.iter().map(|reason| format!("{reason} × 1")).collect();
        assert_eq!(reasons(&found), expected);
        assert_eq!((found.rows, found.aggregates.attempts()), (3, 3 - expected.len() as u64));
        let strict = collect(&[("log", &text)], &Settings { strict: true, ..wanted });
        match reason {
            Some(_) => assert!(
                strict.unwrap_err().to_string().starts_with(&format!("log byte {}: ", BODY.len() + 1))
            ),
            None => assert!(strict.is_ok()),
        }
    }
}

#[test]
fn usage_that_stands_twice_is_refused() {
    check_line(
        br#"{"usageMetadata":{"promptTokenCount":1},"usageMetadata":{"promptTokenCount":2}}"#,
        Some("a key stands twice"),
    );
}

#[test]
fn a_key_that_stands_twice_deep_down_is_refused() {
    check_line(
        br#"{"candidates":[{"content":{"parts":[{"text":"a","text":"b"}]}}],"usageMetadata":{"promptTokenCount":2}}"#,
        Some("a key stands twice"),
    );
}

#[test]
fn invalid_utf8_is_refused() {
    check_line(
        b"{\"usageMetadata\":{\"promptTokenCount\":1},\"modelVersion\":\"\xff\xfe\"}",
        Some("not JSON: a letter that is not UTF-8"),
    );
}

#[test]
fn a_hundred_thousand_open_lists_are_refused() {
    check_line("[".repeat(100_000).as_bytes(), Some("not JSON: nested more than 127 deep"));
    let deep = format!(r#"{{"usageMetadata":{{"x":{}1{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    check_line(deep.as_bytes(), Some("not JSON: nested more than 127 deep"));
}

#[test]
fn numbers_written_as_texts_are_numbers() {
    let line = br#"{"usageMetadata":{"promptTokenCount":"17","totalTokenCount":"17"},"candidates":[]}"#;
    check_line(line, None);
    for keep in [0, 10] {
        let found = collect(&[("log", line)], &Settings { keep, ..settings() }).unwrap();
        assert_eq!(found.aggregates.total_tokens(), 17);
    }
}
