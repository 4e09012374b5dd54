//! The binary as a user meets it: exit codes, streams, messages.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use burndown::{
    commands::Library,
    projection::{Inputs, Plan, project},
    workload::{OutsideFiles, Workload, WorkloadFile},
};

/// What a run left behind.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the binary with nothing on standard input.
pub fn burndown(args: &[&str]) -> Run {
    burndown_with(args, b"", env!("CARGO_MANIFEST_DIR"))
}

pub fn burndown_with(args: &[&str], input: &[u8], folder: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_burndown"))
        .args(args)
        .current_dir(folder)
        .env_remove("BURNDOWN_PROFILES")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The plan of a shipped workload, as of the day the books were put together.
pub fn plan_of(workload: &str) -> Plan {
    let library = Library::load(None).unwrap();
    let (source, _) = Library::workload(workload, None).unwrap();
    let file = WorkloadFile::parse(&source).unwrap();
    let today = "2026-11-21".parse().unwrap();
    let workload =
        Workload::resolve(file, &source, &library.prices, today, &OutsideFiles::default()).unwrap();
    let inputs = Inputs {
        workload: &workload,
        prices: &library.prices,
        capacity: &library.capacity,
        tokens: &library.tokens,
    };
    project(&inputs).unwrap()
}

/// Each bad workload has its message beside it; `BLESS=1` writes them anew.
#[test]
fn every_bad_workload_gets_its_message() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bad_workloads");
    let names = crate::bad_files(folder, 60);
    let mut wrong = Vec::new();
    for name in names {
        let run = burndown_with(&["plan", &name, "--on", "2026-11-21"], b"", folder);
        let beside = format!("{folder}/{}.stderr", name.trim_end_matches(".toml"));
        // Only a refusal can be a message to keep.
        if std::env::var_os("BLESS").is_some() && run.code == 2 && run.stdout.is_empty() {
            fs::write(&beside, &run.stderr).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_else(|_| format!("(no {beside})"));
        if run.code != 2 || !run.stdout.is_empty() || run.stderr != expected {
            wrong.push(format!("{name}: exit {}\n{}\nexpected\n{expected}", run.code, run.stderr));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_wrong_name_is_answered_with_the_near_one() {
    let run = burndown(&["plan", "product-foto"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no workload `product-foto`"), "{}", run.stderr);
    let run =
        burndown(&["quote", "--model", "nano-banana-por", "--backend", "vertex", "--output-image", "1"]);
    assert_eq!(run.code, 2);
    assert_eq!(run.stderr, "error: unknown model `nano-banana-por` (did you mean `nano-banana-pro`?)\n");
    let run = burndown(&["quote", "--model", "nano-banana-pro", "--backend", "vertx", "--output-image", "1"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("did you mean `vertex`"), "{}", run.stderr);
}

#[test]
fn quote_reads_a_pipe_and_says_what_it_inferred() {
    let body = crate::data("responses/developer-pro-4k.json");
    let run = burndown_with(&["quote", "-", "--on=2026-11-21"], body.as_bytes(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = "\
gemini-3-pro-image · developer · standard · prices of 2026-11-21
  model gemini-3-pro-image from modelVersion
  backend developer from serviceTier, which only the Developer API sends
  tier standard from serviceTier standard

  class         quantity  price             per       USD
  text input         326      2  million tokens  0.000652
  text output        340     12  million tokens   0.00408
  thinking           337     12  million tokens  0.004044
  image output     2,000    120  million tokens      0.24
  total                                          0.248776
";
    assert_eq!(run.stdout, expected);
    assert_eq!(run.stderr, "warning: 340 answer tokens have no modality; they are counted as text\n");
}

#[test]
fn quote_of_counts_is_exact_in_json() {
    let run = burndown(&[
        "quote",
        "--backend=vertex",
        "--model=nano-banana-pro",
        "--location=eu",
        "--input-text=300",
        "--output-image=1120",
        "--on=2026-11-21",
        "--json",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let quote: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    // 10 % more outside `global`: (300 × 2 + 1120 × 120) / 1e6 × 1.1.
    assert_eq!(quote["total_usd"], "0.1485");
    assert_eq!(quote["lines"][1]["class"], "output_image");
    assert_eq!(quote["lines"][1]["price"], "132");
    let codes: Vec<&str> =
        quote["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["location-unknown"]);
}

#[test]
fn a_gap_in_the_prices_is_a_warning_and_a_lower_bound() {
    let args =
        ["quote", "--backend=developer", "--model=nano-banana-pro", "--output-audio=5", "--input-text=1"];
    let run = burndown(&args);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("total, at least"), "{}", run.stdout);
    assert!(run.stderr.contains("no price for audio output"), "{}", run.stderr);
    let strict: Vec<&str> = args.iter().copied().chain(["--strict"]).collect();
    let run = burndown(&strict);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
}

#[test]
fn old_rows_fail_a_check_that_asks_for_it() {
    assert_eq!(burndown(&["prices", "check", "--on=2026-11-21", "--max-age-days=400"]).code, 0);
    let run = burndown(&["prices", "check", "--on=2026-11-21", "--max-age-days=30"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("older than allowed"));
}

#[test]
fn what_init_writes_can_be_planned() {
    for args in [
        vec!["init"],
        vec!["init", "--model=gemini-3.8-flash", "--input-image=300x300", "--prompt=Say \"hi\"\nand \\ bye"],
        vec!["init", "--model=nano-banana-2", "--requests-per-month=5", "--input-image=10x10"],
    ] {
        let written = burndown(&args);
        assert_eq!(written.code, 0, "{}", written.stderr);
        let run = burndown_with(&["plan", "-"], written.stdout.as_bytes(), env!("CARGO_MANIFEST_DIR"));
        assert_eq!(run.code, 0, "{}\n{}", run.stderr, written.stdout);
    }
}

#[test]
fn an_overlay_wins_over_the_shipped_books() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("prices")).unwrap();
    let book = "schema = \"burndown.prices/1\"\nchecked = \"2026-11-21\"\ncurrency = \"USD\"\n\
        [sources.CONTRACT]\ntitle = \"our contract\"\n\
        [[model]]\nid = \"gemini-3-pro-image\"\nname = \"3 Pro Image\"\nkind = \"image\"\ninputs = [\"text\", \"image\"]\noutputs = [\"text\", \"image\"]\nsizes = [\"1K\"]\nsource = [\"CONTRACT\"]\n\
        [[price]]\nmodel = \"gemini-3-pro-image\"\nbackend = \"vertex\"\ntier = \"standard\"\nfrom = \"2026-01-01\"\nchecked = \"2026-11-21\"\nsource = [\"CONTRACT\"]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 5\noutput_image_usd_per_mtok = 100\n";
    fs::write(folder.path().join("prices/contract.toml"), book).unwrap();
    let profiles = folder.path().to_str().unwrap();
    let args = ["--profiles", profiles, "quote", "--backend=vertex", "--model=gemini-3-pro-image"];
    let args: Vec<&str> =
        args.into_iter().chain(["--output-image=1000000", "--on=2026-11-21", "--json"]).collect();
    let run = burndown(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let quote: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(quote["total_usd"], "100");
    // A row that contradicts itself is refused with its place.
    fs::write(
        folder.path().join("prices/contract.toml"),
        format!("{book}{}", &book[book.find("[[price]]").unwrap()..]),
    )
    .unwrap();
    let run = burndown(&args);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("contradicts line 14"), "{}", run.stderr);
}

#[test]
fn help_man_and_completions_come_from_the_same_types() {
    for args in [
        vec!["--help"],
        vec!["plan", "--help"],
        vec!["man"],
        vec!["completions", "bash"],
        vec!["completions", "fish"],
    ] {
        let run = burndown(&args);
        assert_eq!(run.code, 0, "{args:?}");
        assert!(run.stdout.contains("quote") || run.stdout.contains("workload"), "{args:?}");
    }
}
