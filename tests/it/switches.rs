//! Open questions with a price tag: what each is worth is arithmetic on the plan.

use serde_json::Value;

use crate::cli::burndown;

/// A plan of a workload with these lines more in its route.
fn plan(extra: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.toml");
    let text = format!(
        "[[route]]\nname = \"photos\"\nmodel = \"gemini-3-pro-image\"\nplacements = [\"developer\"]\nprompt_tokens = 100\nrequests_per_month = 10_000\n{extra}"
    );
    std::fs::write(&file, text).unwrap();
    let output = burndown(&["plan", file.to_str().unwrap(), "--json", "--on=2026-11-21"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

#[track_caller]
fn driver<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let drivers = plan["drivers"].as_array().unwrap();
    let found = drivers.iter().find(|driver| driver["name"].as_str().unwrap().starts_with(name));
    found.unwrap_or_else(|| panic!("no driver {name}"))
}

#[test]
fn a_timed_out_attempt_is_worth_its_share_of_the_bill() {
    let once = plan("");
    let bill = once["bill"]["month"]["mean"].as_f64().unwrap();
    let worth = driver(&once, "time-outs billed?")["high_usd"].as_f64().unwrap();
    assert!((worth / bill - 0.055).abs() < 1e-9, "{worth} of {bill}");
    // A second attempt may time out, too.
    let twice = plan("max_attempts = 2\n");
    let worth = driver(&twice, "time-outs billed?")["high_usd"].as_f64().unwrap();
    assert!((worth / bill - 0.055 * 1.055).abs() < 1e-9, "{worth} of {bill}");
}

#[test]
fn a_blocked_answer_is_worth_its_prompt_and_thoughts() {
    let plan = plan("");
    let question = driver(&plan, "blocked prompts and thoughts billed?");
    let chosen = plan["routes"][0]["chosen"].as_u64().unwrap() as usize;
    let usd = &plan["routes"][0]["placements"][chosen]["per_request"]["usd"];
    let each = usd["input_text"].as_f64().unwrap() + usd["output_thinking"].as_f64().unwrap();
    let worth = question["low_usd"].as_f64().unwrap();
    assert!((worth + 0.03 * each * 10_000.0).abs() < 1e-6, "{worth}");
    assert_eq!(question["kind"], "switch");
}
