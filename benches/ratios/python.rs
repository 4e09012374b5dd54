//! The Python that the other ways run in: `BURNDOWN_PYTHON`, else the one that `.ci/run` sets up, else `python3`.

use std::process::Command;

/// What a script printed, and which Python ran it.
pub struct Ran {
    /// The Python, as it was started.
    pub python: String,
    /// Its standard output.
    pub text: String,
}

/// The Pythons to try, the best first.
fn candidates() -> Vec<String> {
    let named = std::env::var("BURNDOWN_PYTHON").ok();
    let set_up = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python").to_string();
    named.into_iter().chain([set_up, "python3".to_string()]).collect()
}

/// Runs a script in the first Python that runs it to its end; or says why each of them did not.
pub fn run(script: &str, args: &[String]) -> Result<Ran, String> {
    let mut reasons = Vec::new();
    for python in candidates() {
        match Command::new(&python).args(["-c", script]).args(args).output() {
            Ok(run) if run.status.success() => {
                return Ok(Ran { python, text: String::from_utf8_lossy(&run.stdout).into_owned() });
            }
            Ok(run) => {
                let errors = String::from_utf8_lossy(&run.stderr);
                let last = errors.lines().last().unwrap_or("it failed without a word");
                reasons.push(format!("{python}: {last}"));
            }
            Err(error) => reasons.push(format!("{python}: {error}")),
        }
    }
    Err(reasons.join("; "))
}
