//! A Python with the peers that some tests are held against: packages, engines, the real SDK.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

/// The Python to use; without one it is said loudly what was left out.
pub fn python(left_out: &str) -> Option<String> {
    const VARIABLE: &str = "BURNDOWN_PYTHON";
    let python = std::env::var(VARIABLE).ok();
    if python.is_none() {
        // Straight to the stream: the test runner would keep `eprintln!` to itself.
        let text =
            format!("!!! LEFT OUT: {left_out}; set {VARIABLE} to a Python with what `.ci/run` installs\n");
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
    python
}

/// Hands a script of `tests/peers` one JSON line a question; its answers, one JSON line each.
pub fn ask(python: &str, script: &str, questions: &[Value]) -> Vec<Value> {
    let mut child = Command::new(python)
        .arg(format!("{}/tests/peers/{script}", env!("CARGO_MANIFEST_DIR")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let mut stdin = child.stdin.take().unwrap();
    // Beside the reader, since both pipes are short.
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    writer.join().unwrap().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len(), "answers of {script}: {errors}");
    answers
}
