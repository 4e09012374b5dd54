//! Hostile input for every verb that reads a file: bounded memory, an end, an exit code and a sentence.
//!
//! Each row runs the program under a limit on its address space. A verb that runs away is killed by that limit or
//! by the watch, and fails its row.

#![cfg(unix)]

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};

/// Address space of a run, in KB: code, stacks of all threads, and what it holds.
const ADDRESS_SPACE_KB: u64 = 2_000_000;

/// No row takes so long; a verb that does, never ends.
const HANG: Duration = Duration::from_secs(240);

/// No complaint is longer: it is read by a person.
const COMPLAINT_BYTES_MAX: usize = 64 * 1024;

/// Arguments (parted by blanks), exit code, what standard error or output says.
type Row = (&'static str, i32, &'static str);

const DEEP: &[Row] = &[
    ("quote deep.json", 2, "nested more than 127 deep"),
    ("quote deep-object.json", 2, "nested more than 127 deep"),
    ("import deep.json --out o", 0, "could not be read"),
    ("import deep-object.json --out o", 0, "could not be read"),
    ("fit deep.json --out o", 2, "not an observation"),
    ("drift deep.json", 2, "not an observation"),
    ("explain deep.json bill", 2, "nested more than 127 deep"),
    ("diff deep.json deep.json", 2, "nested more than 127 deep"),
    ("check deep.json --max-monthly-usd 1", 2, "nested more than 127 deep"),
    ("reconcile deep.json", 2, "nested more than 127 deep"),
    ("backtest deep.json", 2, "no column `day`"),
    ("replay --model nano-banana-pro deep.json", 2, "unknown kind of trace"),
    ("plan deep.toml", 2, "cannot use this workload"),
    ("plan deep-key.toml", 2, "recursion limit"),
    ("emulate --faults deep.toml", 2, "cannot use this faults file"),
    ("emulate --behaviour deep-key.toml", 2, "recursion limit"),
];

const WIDE: &[Row] = &[
    ("plan many-routes.toml", 2, "expected at most 10000"),
    ("gsu many-routes.toml", 2, "expected at most 10000"),
    ("calibrate many-routes.toml --dry-run", 2, "expected at most 10000"),
    ("plan routes.toml", 0, "BILL"),
    ("plan horizon.toml", 2, "expected 1 to 60 months"),
    ("plan volume.toml", 2, "at most 1e12 requests"),
    ("plan images.toml", 2, "cannot use this workload"),
    ("plan prompt.toml", 2, "above its limit of"),
    ("replay --model nano-banana-pro --gsu 0..1000000000 trace.csv", 2, "at most 2000 of them"),
    ("quote values.json", 2, "values, at most 5000000"),
    ("explain values.json bill", 2, "a plan at most 5000000"),
    ("diff values.json values.json", 2, "a plan at most 5000000"),
    ("check values.json --max-monthly-usd 1", 2, "a plan at most 5000000"),
    ("reconcile values.json", 2, "more than 5000000 values on one line"),
    ("calibrate product-photos --dry-run --from-plan values.json", 2, "is longer than 4 MB"),
    ("explain long.json bill", 2, "is longer than 64 MB"),
    ("plan long.json", 2, "is longer than 4 MB"),
    ("reconcile skus.csv", 0, ""),
    ("replay --model nano-banana-pro field.csv", 2, "longer than 4 MB"),
    ("replay --model nano-banana-pro quote.csv", 2, "longer than 4 MB"),
    ("import field.csv --out o", 0, "could not be read"),
    ("import quote.csv --out o", 0, "could not be read"),
    ("reconcile quote.csv", 2, "no column `SKU description`"),
    ("backtest quote.csv", 2, "no column `day`"),
    ("replay --model nano-banana-pro trace.csv", 0, ""),
    ("import trace.csv --out o", 0, ""),
];

const BOMBS: &[Row] = &[
    ("import zeros.gz --out o", 0, "could not be read"),
    ("import lines.gz --out o", 0, ""),
    ("import zeros.zst --out o", 0, "could not be read"),
    ("replay --model nano-banana-pro zeros.gz", 2, "longer than 4 MB"),
    ("replay --model nano-banana-pro lines.gz", 2, ""),
    ("replay --model nano-banana-pro zeros.zst", 2, "unknown kind of trace"),
    ("reconcile zeros.gz", 2, "not a UTF-8 text"),
    ("backtest zeros.gz", 2, "not a UTF-8 text"),
];

/// What is no file: every verb, with what it says of a device, a folder, a link that leads to itself.
const VERBS: &[&str] = &[
    "plan {}",
    "compare {}",
    "gsu {}",
    "serve {}",
    "calibrate {} --dry-run",
    "calibrate product-photos --dry-run --from-plan {}",
    "quote {}",
    "import {} --out o",
    "fit {} --out o",
    "drift {}",
    "explain {} bill",
    "diff {} {}",
    "check {} --max-monthly-usd 1",
    "reconcile {}",
    "backtest {}",
    "replay --model nano-banana-pro {}",
    "emulate --faults {}",
    "emulate --behaviour {}",
    "--profiles {} prices list",
];

fn slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

/// Runs one row: exit code, both streams.
fn run(folder: &Path, arguments: &str) -> (Option<i32>, String) {
    let script = format!("ulimit -v {ADDRESS_SPACE_KB}; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_burndown")])
        .args(arguments.split(' '))
        .current_dir(folder)
        .env_clear()
        .env("RAYON_NUM_THREADS", "2")
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("stdout")).unwrap())
        .stderr(File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > HANG {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{arguments}: no end within {} s", HANG.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let [out, err] = ["stdout", "stderr"].map(|name| fs::read(folder.join(name)).unwrap());
    assert!(err.len() <= COMPLAINT_BYTES_MAX, "{arguments}: {} bytes of complaint", err.len());
    let said = String::from_utf8_lossy(&[err, out].concat()).into_owned();
    assert!(!said.contains("panicked"), "{arguments}: {said}");
    (status.code(), said)
}

fn check(folder: &Path, rows: &[Row]) {
    for (arguments, expected, says) in rows {
        let (code, said) = run(folder, arguments);
        let shown: String = said.chars().take(600).collect();
        assert_eq!(code, Some(*expected), "{arguments}: {shown}");
        assert!(said.contains(says), "{arguments}: {shown}");
    }
    println!("{} rows of the limits table", rows.len());
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(folder.join(name), text).unwrap();
}

/// `head`, then `piece` so many times, then `tail`.
fn repeated(folder: &Path, name: &str, [head, piece, tail]: [&str; 3], times: usize) {
    let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
    file.write_all(head.as_bytes()).unwrap();
    for _ in 0..times {
        file.write_all(piece.as_bytes()).unwrap();
    }
    file.write_all(tail.as_bytes()).unwrap();
    file.flush().unwrap();
}

#[test]
fn deep_nesting_is_refused_by_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "deep.json", "[".repeat(1_000_000));
    write(folder, "deep-object.json", "{\"a\":".repeat(500_000));
    write(folder, "deep.toml", format!("a = {}", "[".repeat(500_000)));
    write(folder, "deep-key.toml", vec!["a"; 500_000].join(".") + " = 1\n");
    check(folder, DEEP);
}

#[test]
fn long_and_wide_input_is_bounded_in_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let route =
        "[[route]]\nname = \"rN\"\nmodel = \"nano-banana\"\nprompt_tokens = 10\nrequests_per_month = 10\n";
    let routes = |count: usize| (0..count).map(|at| route.replace('N', &at.to_string())).collect::<String>();
    write(folder, "many-routes.toml", routes(40_000));
    write(folder, "routes.toml", routes(if slow() { 1000 } else { 60 }));
    write(folder, "horizon.toml", format!("horizon_months = 4000000000\n{route}"));
    write(folder, "volume.toml", route.replace("month = 10", "month = 1e14"));
    write(folder, "images.toml", format!("{route}input_images = [{}]\n", "\"1x1\",".repeat(300_000)));
    let words = format!("prompt = \"{}\"", "x".repeat(3_900_000));
    write(folder, "prompt.toml", route.replace("prompt_tokens = 10", &words));
    repeated(
        folder,
        "values.json",
        ["{\"schema\":\"burndown.plan/1\",\"routes\":[", "0,", "0]}"],
        25_000_000,
    );
    repeated(folder, "long.json", ["{\"a\":\"", &"x".repeat(1 << 20), "\"}"], 65);
    let trace = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,";
    repeated(folder, "field.csv", [trace, &"9".repeat(1 << 20), ",44\n"], 40);
    repeated(
        folder,
        "quote.csv",
        [&trace.replace("2023-11-16 18:15:46.6805900,", "\""), &"x".repeat(1 << 20), ""],
        40,
    );
    let bill = crate::data("bills/console.csv");
    let lines: Vec<&str> = bill.lines().collect();
    let (head, first) = (lines[..5].join("\n") + "\n", lines[5]);
    let mut skus = BufWriter::new(File::create(folder.join("skus.csv")).unwrap());
    skus.write_all(head.as_bytes()).unwrap();
    for at in 0..if slow() { 1_000_000 } else { 50_000 } {
        writeln!(skus, "{}", first.replace("Gemini 3.0 Pro Image Output", &format!("Unheard of {at}")))
            .unwrap();
    }
    skus.flush().unwrap();
    let rows = if slow() { 10_000_000 } else { 200_000 };
    let mut trace = BufWriter::new(File::create(folder.join("trace.csv")).unwrap());
    trace.write_all(b"TIMESTAMP,ContextTokens,GeneratedTokens\n").unwrap();
    for at in 0..rows {
        let (minute, second) = (at / 6_000_000 % 60, at / 100_000 % 60);
        let hour = at / 360_000_000;
        let micros = at % 100_000 * 10;
        writeln!(trace, "2023-11-16 {hour:02}:{minute:02}:{second:02}.{micros:06},374,44").unwrap();
    }
    trace.flush().unwrap();
    check(folder, WIDE);
}

#[test]
fn bombs_are_read_as_streams_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let megabytes = if slow() { 2048 } else { 100 };
    for (name, byte) in [("zeros.gz", b'0'), ("lines.gz", b'\n')] {
        let mut packer = GzEncoder::new(File::create(folder.join(name)).unwrap(), Compression::fast());
        (0..megabytes).for_each(|_| packer.write_all(&vec![byte; 1 << 20]).unwrap());
        packer.finish().unwrap();
    }
    let mut packer =
        zstd::stream::write::Encoder::new(File::create(folder.join("zeros.zst")).unwrap(), 3).unwrap();
    (0..megabytes).for_each(|_| packer.write_all(&vec![b'0'; 1 << 20]).unwrap());
    packer.finish().unwrap();
    check(folder, BOMBS);
}

/// Devices, folders, links to themselves, and a pipe that never ends: refused or cut by every verb, by name.
#[test]
fn what_is_no_file_is_told_by_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir_all(folder.join("folder/below")).unwrap();
    std::os::unix::fs::symlink("../below", folder.join("folder/below/again")).unwrap();
    std::os::unix::fs::symlink("loop", folder.join("loop")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("zero")).unwrap();
    let mut rows = 0;
    for verb in VERBS {
        for input in ["zero", "/dev/full", "folder", "loop"] {
            // A folder is what these want, and one of profiles may be empty.
            if verb.contains("--profiles") && input == "folder" {
                continue;
            }
            let (code, said) = run(folder, &verb.replace("{}", input));
            let shown: String = said.chars().take(600).collect();
            assert_eq!(code, Some(2), "{verb} {input}: {shown}");
            let known =
                ["device", "folder", "no workload", "cannot read", "no file", "symbolic links", "directory"];
            assert!(known.iter().any(|known| said.contains(known)), "{verb} {input}: {shown}");
            rows += 1;
        }
    }
    // Pipes are taken, up to the limit of what is read.
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let pipe = folder.join("pipe");
    let feeder = std::thread::spawn(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(pipe).unwrap();
        // The reader closes it; until then it has no end.
        while pipe.write_all(&[b'#'; 1 << 16]).is_ok() {}
    });
    let (code, said) = run(folder, "plan pipe");
    assert!(code == Some(2) && said.contains("is longer than 4 MB"), "{said}");
    feeder.join().unwrap();
    println!("{} rows of what is no file", rows + 1);
}

/// A trace through standard input in bounded memory, however long: 10⁶ rows, 10⁸ when `RUN_SLOW_TESTS` is set.
#[test]
fn a_trace_without_end_is_replayed_in_bounded_memory() {
    let rows: u64 = if slow() { 100_000_000 } else { 1_000_000 };
    let script = "ulimit -v 2000000; exec \"$0\" \"$@\"";
    let mut child = Command::new("sh")
        .args([
            "-c",
            script,
            env!("CARGO_BIN_EXE_burndown"),
            "replay",
            "--model",
            "nano-banana-pro",
            "-",
            "--json",
        ])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        let mut input = BufWriter::with_capacity(1 << 20, input);
        input.write_all(b"TIMESTAMP,ContextTokens,GeneratedTokens\n").unwrap();
        for at in 0..rows {
            let (second, micros) = (at / 1000, at % 1000 * 1000);
            let (day, of_day) = (1 + second / 86_400, second % 86_400);
            let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
            writeln!(input, "2023-11-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06},374,44").unwrap();
        }
        input.flush().unwrap();
    });
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{shown}");
    feeder.join().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains(&rows.to_string()), "{rows} rows: {told}");
    println!("{rows} rows replayed within 2 GB of address space");
}
