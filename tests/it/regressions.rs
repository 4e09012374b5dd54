//! Faults that were found and mended; each test names its own.

use std::fs;

use serde_json::Value;

use crate::cli::burndown;

/// A plan of a workload text, with files laid over the books.
fn plan_with(workload: &str, overlay: &[(&str, &str)]) -> (i32, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in overlay {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let path = folder.path().join("w.toml");
    fs::write(&path, workload).unwrap();
    let profiles = folder.path().to_str().unwrap();
    let args = ["--profiles", profiles, "plan", path.to_str().unwrap(), "--json", "--on=2026-11-21"];
    let run = burndown(&args);
    (run.code, serde_json::from_str(&run.stdout).unwrap_or_default(), run.stderr)
}

const ROUTE: &str = "[[route]]\nname = \"r\"\nmodel = \"nano-banana-pro\"\nprompt_tokens = 100\n";

/// A width in dollars pushed the low end below what zero growth costs, and the mean out of its own range.
#[test]
fn uncertain_growth_keeps_the_mean_inside_its_range() {
    for (growth, months) in [("[0, 0.05, 0.15]", 36), ("[0, 0.05, 0.3]", 60), ("[-0.9, 0, 3]", 24)] {
        let text = format!(
            "horizon_months = {months}\n{ROUTE}requests_per_month = 60000\ngrowth_per_month = {growth}\n"
        );
        let (code, plan, stderr) = plan_with(&text, &[]);
        assert_eq!(code, 0, "{stderr}");
        let month = &plan["bill"]["month"];
        let at = |key: &str| month[key].as_f64().unwrap();
        assert!(at("p05") > 0.0 && at("p05") < at("mean") && at("mean") < at("p95"), "{growth}: {month}");
    }
}

const BOOK: &str = "schema = \"burndown.prices/1\"\nchecked = \"2026-11-21\"\ncurrency = \"USD\"\n[sources.S]\ntitle = \"s\"\n\
    [[model]]\nid = \"gemini-3-pro-image\"\nname = \"m\"\nkind = \"image\"\naliases = [\"nano-banana-pro\"]\ninputs = [\"text\", \"image\"]\noutputs = [\"text\", \"image\"]\nsizes = [\"1K\"]\nnon_global_factor = FACTOR\nsource = [\"S\"]\n\
    [[life]]\nmodel = \"gemini-3-pro-image\"\nbackend = \"vertex\"\nchecked = \"2026-11-21\"\nsource = [\"S\"]\n";

/// Months without a price row cost nothing, and nothing was said.
#[test]
fn a_gap_between_price_rows_is_said_and_the_bill_is_a_lower_bound() {
    // A model of its own, so that no shipped row fills the gap.
    let book = BOOK.replace("gemini-3-pro-image", "my-image-model").replace("nano-banana-pro", "mine");
    let book = book.replace("FACTOR", "1")
        + "[[price]]\nmodel = \"my-image-model\"\nbackend = \"vertex\"\ntier = \"standard\"\nfrom = \"unknown\"\nuntil = \"2027-02-28\"\nchecked = \"2026-11-21\"\nsource = [\"S\"]\ninput_usd_per_mtok = 2\noutput_usd_per_mtok = 12\noutput_image_usd_per_mtok = 120\n";
    let profile = "schema = \"burndown.tokens/1\"\nmodel = \"my-image-model\"\nbackend = \"vertex\"\nchecked = \"2026-11-21\"\n[sources.S]\ntitle = \"s\"\n[output_image]\ntokens = { \"1K\" = 1000 }\ngrade = \"documented\"\nsource = [\"S\"]\n";
    let workload = "[[route]]\nname = \"r\"\nmodel = \"my-image-model\"\nprompt_tokens = 100\nplacements = [\"vertex:global\"]\nrequests_per_month = 1000\n";
    let (code, plan, stderr) =
        plan_with(workload, &[("prices/p.toml", &book), ("tokens/vertex/m.toml", profile)]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(plan["bill"]["complete"], false);
    let codes: Vec<&str> = plan["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"price-gap"), "{codes:?}");
}

/// A negative factor made a bill of minus a million dollars.
#[test]
fn a_factor_on_prices_is_near_one() {
    for factor in ["-1.1", "0", "1e20"] {
        let (code, _, stderr) = plan_with(
            &format!("{ROUTE}requests_per_month = 1\n"),
            &[("prices/p.toml", &BOOK.replace("FACTOR", factor))],
        );
        assert_eq!(code, 2, "{factor}");
        assert!(stderr.contains("a factor on prices lies between 0.1 and 10"), "{stderr}");
    }
}

/// Divisions and products that overflowed ended in a panic.
#[test]
fn no_number_on_the_command_line_overflows() {
    for args in [
        vec!["gsu", "--model=nano-banana-pro", "--qps=1", "--output-image=1e-28"],
        vec!["gsu", "--model=nano-banana-pro", "--qps=1000000000000", "--output-image=1000000000000"],
        vec![
            "gsu",
            "--model=nano-banana-pro",
            "--qps=0.0000000000000000000000000001",
            "--output-image=1000000000000",
        ],
        vec!["quote", "--backend=vertex", "--model=imagen-4.0-generate-001", "--images=18446744073709551615"],
        vec!["quote", "--backend=vertex", "--model=nano-banana-pro", "--output-image=1000000000000000"],
        vec!["quote", "--backend=vertex", "--model=nano-banana-pro", "--cache-token-hours=1000000000000000"],
    ] {
        let run = burndown(&args);
        assert!(matches!(run.code, 0 | 2), "{args:?}: exit {}\n{}", run.code, run.stderr);
        assert!(!run.stdout.contains("18,446,744,073"), "{args:?}");
    }
}

/// Counting repeats looked at every pair of entries.
#[test]
fn many_repeated_details_are_read_at_once() {
    let entry = "{\"modality\":\"TEXT\",\"tokenCount\":1}";
    let body = format!(
        "{{\"usageMetadata\":{{\"promptTokenCount\":1,\"candidatesTokenCount\":200000,\"candidatesTokensDetails\":[{}]}}}}",
        vec![entry; 200_000].join(",")
    );
    let reading = burndown::usage::read_response(&body).unwrap();
    assert_eq!(reading.tokens.total(), 200_001);
}

/// The cheapest placement was one that did not exist yet.
#[test]
fn a_placement_before_its_launch_is_not_chosen() {
    let run = burndown(&["plan", "product-photos", "--json", "--on=2019-01-01"]);
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let route = &plan["routes"][0];
    let chosen = &route["placements"][route["chosen"].as_u64().unwrap() as usize];
    assert_eq!(chosen["served_share"], 1.0);
    assert!(chosen["usd_total"].as_f64().unwrap() > 0.0);
}

/// Only image prices were said to be derived; 3.8 Flash on Vertex from 2027 is derived for all its classes.
#[test]
fn a_derived_text_price_is_said() {
    let args =
        ["quote", "--backend=vertex", "--model=gemini-3.8-flash", "--input-text=1000", "--on=2027-02-01"];
    let run = burndown(&args);
    assert_eq!(run.code, 0);
    assert_eq!(run.stderr.matches("is derived from another tier or row").count(), 1, "{}", run.stderr);
}

#[test]
fn nothing_to_send_is_an_error_that_says_so() {
    let (code, _, stderr) =
        plan_with(&format!("{ROUTE}requests_per_month = 1000\nlaunch = \"2099-01-01\"\n"), &[]);
    assert_eq!(code, 2);
    assert!(stderr.contains("no route has a request between 2026-12-01 and 2027-11-30"), "{stderr}");
}
