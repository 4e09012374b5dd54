//! Every kind of file that is read, spoilt in every way that was thought of, each with its message beside it.
//!
//! `tests/data/bad_inputs/KIND/NAME` has its message in `NAME.stderr`; `BLESS=1` writes them anew, and then each
//! is to be read. A file that is not refused is not kept. Workloads and policies have folders of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::cli::burndown_with;

/// A kind of file: its folder, where the program looks for it, and what is asked of the program.
struct Kind {
    folder: &'static str,
    place: &'static str,
    /// `{}` is the file's name.
    args: &'static str,
}

const fn kind(folder: &'static str, args: &'static str) -> Kind {
    Kind { folder, place: ".", args }
}

const KINDS: [Kind; 27] = [
    Kind { folder: "prices", place: "prices", args: "--profiles . prices check" },
    Kind { folder: "capacity", place: "capacity", args: "--profiles . plan captions" },
    Kind { folder: "tokens", place: "tokens/developer", args: "--profiles . plan captions" },
    kind("observations", "fit {}"),
    kind("responses", "quote {} --strict"),
    kind("logs/response", "import {} --format response --invocations 1 --backend vertex --strict"),
    kind("logs/vertex", "import {} --format vertex --invocations 1 --backend vertex --strict"),
    kind("logs/litellm", "import {} --format litellm --invocations 1 --backend vertex --strict"),
    kind("logs/langfuse", "import {} --format langfuse --invocations 1 --backend vertex --strict"),
    kind("logs/helicone", "import {} --format helicone --invocations 1 --backend vertex --strict"),
    kind("logs/otel", "import {} --format otel --invocations 1 --backend vertex --strict"),
    kind("logs/ai-studio", "import {} --format ai-studio --invocations 1 --backend vertex --strict"),
    kind("logs/vcr", "import {} --format vcr --invocations 1 --backend vertex --strict"),
    kind("logs/aggregate", "import {} --format aggregate --invocations 1 --backend vertex --strict"),
    kind("logs/observation", "import {} --format observation --invocations 1 --backend vertex --strict"),
    kind("bills", "reconcile {}"),
    kind("daily", "check captions --actual {}"),
    kind("traces", "replay {} --model nano-banana-pro --gsu 1"),
    kind("plans", "check {} --max-monthly-usd 1"),
    kind("proposals", "calibrate product-photos --dry-run --from-plan {}"),
    kind("journals", "calibrate product-photos --emulator --budget-usd 4 --resume --journal {}"),
    kind("scenarios", "plan {}"),
    kind("orders", "plan {}"),
    kind("money", "plan {}"),
    kind("behaviours", "emulate --behaviour {}"),
    kind("faults", "emulate --faults {}"),
    kind("ledgers", "backtest --ledger {}"),
];

/// Words of Rust and of its libraries that no user should have to know.
const JARGON: [&str; 13] = [
    "panicked",
    "EOF while",
    "u16",
    "u32",
    "u64",
    "i64",
    "f64",
    "struct ",
    "deserialize",
    "CSV error",
    ": sequence",
    "a sequence",
    "expected ident",
];

#[test]
fn every_bad_input_gets_its_message() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bad_inputs");
    let found: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let halves = [&KINDS[..5], &KINDS[5..15], &KINDS[15..]];
        let workers: Vec<_> = halves
            .into_iter()
            .map(|kinds| {
                scope.spawn(move || kinds.iter().map(|kind| differing(root, kind)).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let files: usize = found.iter().map(|(files, _)| files).sum();
    let wrong: Vec<String> = found.into_iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(files >= 330, "{files} files");
}

/// A folder that no kind names would be read by nobody.
#[test]
fn every_folder_of_bad_inputs_is_of_a_kind() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad_inputs");
    let folders = |parent: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let named = |folder: &PathBuf| KINDS.iter().any(|kind| root.join(kind.folder) == *folder);
    let holds_kinds =
        |folder: &PathBuf| KINDS.iter().any(|kind| root.join(kind.folder).parent() == Some(folder));
    let (outer, named_outer): (Vec<_>, Vec<_>) = folders(&root).into_iter().partition(holds_kinds);
    let inner = outer.iter().flat_map(|folder| folders(folder));
    let left: Vec<PathBuf> = inner.chain(named_outer).filter(|folder| !named(folder)).collect();
    assert!(left.is_empty(), "not in KINDS: {left:?}");
}

/// How many files a kind has, and what is wrong with the answers to them.
fn differing(root: &str, kind: &Kind) -> (usize, Vec<String>) {
    let folder = format!("{root}/{}", kind.folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.ends_with(".stderr")).collect();
    names.sort();
    let wrong = names.iter().filter_map(|name| problem(Path::new(&folder), name, kind)).collect();
    (names.len(), wrong)
}

/// The file stands alone in a folder of its own, so that a journal may be locked and an overlay holds nothing else.
fn problem(folder: &Path, name: &str, kind: &Kind) -> Option<String> {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join(kind.place);
    fs::create_dir_all(&place).unwrap();
    fs::copy(folder.join(name), place.join(name)).unwrap();
    let mut args: Vec<&str> = kind.args.split(' ').map(|arg| if arg == "{}" { name } else { arg }).collect();
    // Only `prices check` is about all days.
    if !kind.args.ends_with("prices check") {
        args.push("--on=2026-11-21");
    }
    let run = burndown_with(&args, b"", &scratch.path().display().to_string());
    let beside = folder.join(format!("{name}.stderr"));
    let jargon = JARGON.iter().find(|word| run.stderr.contains(**word));
    let refused = run.code == 2 && run.stdout.is_empty() && run.stderr.contains("error: ");
    if std::env::var_os("BLESS").is_some() && refused && jargon.is_none() {
        fs::write(&beside, &run.stderr).unwrap();
    }
    let expected = fs::read_to_string(&beside).unwrap_or_else(|_| format!("(no {})", beside.display()));
    let fine = refused && jargon.is_none() && run.stderr == expected;
    let shown = format!(
        "{}/{name}: exit {}, {jargon:?}\n{}\nexpected\n{expected}",
        kind.folder, run.code, run.stderr
    );
    (!fine).then_some(shown)
}
