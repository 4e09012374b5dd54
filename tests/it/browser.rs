//! Pages in a real browser: what `tests/browser/*.mjs` find.

use std::{io::Write, path::Path, process::Command};

/// Folder with `node_modules` as `tests/browser/package-lock.json` says; without it the tests say that they
/// were left out.
const MODULES: &str = "BURNDOWN_BROWSER";

/// Runs a script of `tests/browser`, all of whose checks must hold; at least so many must have run.
///
/// Node, Chromium or the modules missing is a failure where the environment promises them, and a printed
/// remark elsewhere.
pub fn browse(script: &str, arguments: &[&str], checks_min: usize) {
    if std::env::var_os(MODULES).is_none() {
        // Straight to the stream: the test runner would keep `eprintln!` to itself.
        let text = format!(
            "!!! LEFT OUT: {script} was not tried; set {MODULES} to a folder in which `npm ci` has put the modules \
             of tests/browser\n"
        );
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script);
    let output =
        Command::new("node").arg(path).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.unwrap_or_else(|error| panic!("node is missing: {error}"));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let held = told.lines().filter(|line| line.starts_with("ok: ")).count();
    assert!(held >= checks_min, "{held} checks ran, expected {checks_min} or more:\n{told}");
}

/// The report folder of a workload, as `plan --out` writes it.
fn report_of(workload: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let run = crate::cli::burndown(&["plan", workload, "--on=2026-11-21", "--out", out]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    folder
}

#[test]
fn the_report_of_a_company_stands_in_a_browser() {
    let folder = report_of("company");
    browse("report.mjs", &[folder.path().to_str().unwrap()], 25);
}
