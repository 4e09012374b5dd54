//! Every number back to its arithmetic: what is computed again agrees with the plan.

use std::fs;

use burndown::{
    commands::SHIPPED_WORKLOADS,
    report::{Found, Report, explain, explanation_text, find, plan_file, shown_figures},
};
use serde_json::Value;

use crate::cli::{burndown, burndown_with};

const ON: &str = "--on=2026-11-21";

fn plan_value(workload: &str) -> Value {
    let plan = crate::cli::plan_of(workload);
    serde_json::to_value(plan_file(&plan, &Report::of(&plan))).unwrap()
}

/// What the plan does not hold enough for, and says so.
fn is_said_not_to_be_computed(plan: &Value, pointer: &str) -> bool {
    let is_switch = pointer.starts_with("/drivers/") && {
        let driver = pointer.rsplit_once('/').unwrap().0;
        plan.pointer(driver).unwrap()["kind"] == "switch"
    };
    is_switch || pointer.starts_with("/workload/") || pointer == "/limits/developer_tier_needed"
}

#[test]
fn every_figure_of_the_first_screen_is_computed_again_and_agrees() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_value(workload);
        let figures = shown_figures(&plan).unwrap();
        assert!(figures.len() >= 15, "{workload} lists {} figures", figures.len());
        for figure in figures {
            let pointer = &figure.pointer;
            let found = explain(&plan, pointer).unwrap();
            assert!(!found.what.is_empty() && !found.arithmetic.is_empty(), "{workload} {pointer}");
            let computed = found.agrees == Some(true);
            let excused = found.recomputed.is_none() && is_said_not_to_be_computed(&plan, pointer);
            assert!(computed || excused, "{workload} {pointer}\n{}", explanation_text(&found));
            for line in explanation_text(&found).lines() {
                assert!(line.chars().count() <= 80 || line.contains("https://"), "{pointer}: {line}");
            }
        }
    }
}

/// Pointers of all numbers and texts.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found));
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), found));
        }
        _ => found.push(path.to_string()),
    }
}

/// The kinds of number that are always computed again, `*` for any step.
const COVERED: &[&str] = &[
    "/bill/month/*",
    "/bill/total/*",
    "/bill/by_month/*/mean",
    "/bill/usd_per_request",
    "/bill/sheet_usd_per_request",
    "/bill/requests_total",
    "/bill/probability_over_budget",
    "/shares/*/share",
    "/routes/*/placements/*/usd_total",
    "/routes/*/placements/*/usd_per_month",
    "/routes/*/placements/*/usd_per_served_month",
    "/routes/*/placements/*/months/*/usd_total",
    "/routes/*/placements/*/per_request/usd_total",
    "/routes/*/placements/*/per_request/usd/*",
    "/gsu/pools/*/paygo_usd_per_month",
    "/gsu/pools/*/paygo_usd_per_burn",
    "/gsu/pools/*/sizing/lines/*/burn",
    "/gsu/pools/*/sizing/burn_per_request",
    "/gsu/pools/*/sizing/throughput_per_second",
    "/gsu/pools/*/sizing/gsu_exact",
    "/gsu/pools/*/sizing/gsu",
    "/gsu/pools/*/sizing/quota_per_window",
    "/gsu/pools/*/sizing/whole_requests_per_window",
    "/gsu/pools/*/sizing/terms/*/usd_per_month",
    "/gsu/pools/*/sizing/terms/*/usd_per_term",
    "/gsu/pools/*/terms/*/break_even",
    "/gsu/pools/*/terms/*/gsu",
    "/gsu/pools/*/terms/*/usd_per_month",
    "/gsu/pools/*/terms/*/saving_usd_per_month",
    "/gsu/pools/*/terms/*/first_gsu_usd_per_month",
    "/gsu/pools/*/terms/*/usd_per_gsu_month",
    "/gsu/pools/*/terms/*/form_total_usd_per_month",
    "/gsu/pools/*/sizes/*/left_share",
    "/gsu/pools/*/sizes/*/usd_per_month/*",
    "/gsu/pools/*/rules/*/left_share",
    "/gsu/pools/*/rules/*/envelope/*",
    "/gsu/pools/*/rules/*/drawn/left_share",
    "/gsu/pools/*/rules/*/rules/*/difference",
    "/gsu/pools/*/rules/*/rules/*/left_share",
    "/gsu/pools/*/form/fields/*/value",
    "/gsu/pools/*/form/fields/*/range/*",
    "/gsu/pools/*/form/loads/*/queries_per_second",
    "/gsu/pools/*/form/loads/*/gsu",
    "/gsu/pools/*/form/blend/*/share_of_requests",
    "/gsu/pools/*/form/blend/*/share_of_burn",
    "/gsu/pools/*/form/blend/*/burn_per_request",
    "/gsu/pools/*/spill_tiers/*/usd_per_burn",
    "/gsu/pools/*/spill_tiers/*/paygo_usd_per_month",
    "/gsu/pools/*/spill_tiers/*/terms/*/break_even",
    "/gsu/pools/*/spill_tiers/*/terms/*/usd_per_month",
    "/gsu/pools/*/spill_tiers/*/terms/*/saving_usd_per_month",
    "/gsu/pools/*/window_ends/*/terms/*/usd_per_month",
    "/gsu/commitments/month/total_usd",
    "/gsu/commitments/by_month/*/total_usd",
    "/gsu/pools/*/ladder/saving_usd",
    "/gsu/pools/*/terms/*/bound_usd",
    "/gsu/pools/*/terms/*/form_usd_per_month",
    "/drivers/*/low_usd",
    "/drivers/*/high_usd",
    "/outlook/committed_usd_per_month",
    "/outlook/total/mean",
    "/outlook/total/p95",
    "/measure_next/*/requests",
    "/measure_next/*/usd_expected",
    "/measure_next/*/usd_at_worst",
    "/measure_next/*/settles_usd",
    "/measure_next/*/narrows",
    "/measure_next/*/range_usd",
    "/measure_next/*/range_usd_after",
    "/limits/mean_requests_per_minute",
    "/limits/peak_requests_per_minute",
    "/limits/developer_usd_per_month_max",
    "/limits/developer_usd_per_10_minutes_max",
];

fn matches(pattern: &str, pointer: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('/'), pointer.split('/'));
    let all = wanted.by_ref().zip(found.by_ref()).all(|(wanted, found)| wanted == "*" || wanted == found);
    all && pattern.matches('/').count() == pointer.matches('/').count()
}

/// A placement that serves nothing has no spend, no rows, no prices to go back to.
fn has_nothing_to_go_back_to(plan: &Value, pointer: &str) -> bool {
    let mut steps = pointer.splitn(6, '/').skip(1);
    let base: Vec<&str> = steps.by_ref().take(4).collect();
    let Some(placement) = plan.pointer(&format!("/{}", base.join("/"))) else { return false };
    let is_price = pointer.contains("/per_request/usd/");
    placement["months"].as_array().is_some_and(Vec::is_empty)
        || (is_price && placement["rows"].as_array().is_some_and(Vec::is_empty))
}

#[test]
fn no_number_of_a_shipped_plan_differs_from_its_arithmetic() {
    let mut times_seen = vec![0; COVERED.len()];
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_value(workload);
        let mut pointers = Vec::new();
        leaves(&plan, "", &mut pointers);
        for pointer in pointers.iter().filter(|pointer| !pointer.starts_with("/sources/")) {
            let found = explain(&plan, pointer).unwrap();
            assert_ne!(found.agrees, Some(false), "{workload} {pointer}\n{}", explanation_text(&found));
            let kind = COVERED.iter().position(|pattern| matches(pattern, pointer));
            let Some(kind) = kind.filter(|_| !found.value.is_null()) else { continue };
            times_seen[kind] += 1;
            let excused = found.recomputed.is_none()
                && (has_nothing_to_go_back_to(&plan, pointer) || is_said_not_to_be_computed(&plan, pointer));
            let again = found.agrees == Some(true) || excused;
            assert!(again, "{workload} {pointer}\n{}", explanation_text(&found));
        }
    }
    for (pattern, times) in COVERED.iter().zip(times_seen) {
        assert!(times > 0, "no shipped plan has {pattern}");
    }
}

#[test]
fn the_cost_of_a_request_in_full() {
    let run = burndown(&["explain", "product-photos", "/bill/usd_per_request", ON]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = "\
/bill/usd_per_request = 0.13901836
Mean cost of a request over the horizon, US dollars.

ARITHMETIC
  text input: 21.6 ÷ 720,000 = 0.00003
  image input: 806.4 ÷ 720,000 = 0.00112
  thinking: 2,497.2192 ÷ 720,000 = 0.00346836
  image output: 96,768 ÷ 720,000 = 0.1344
  all classes: 100,093.2192 USD ÷ 720,000 requests
  = 0.13901836, as in the plan

FROM
  /bill/total/mean = 100,093.2192
  /bill/requests_total = 720,000

EVIDENCE
  image output, gemini-3-pro-image vertex:global standard: 1,120 tokens,
    documented, n=1: the documentation calls interim images not charged; one
    answer to text had exactly one image in the usage [MODEL-3-PRO-IMAGE,
    PUBLISHED]
  price row profiles/prices/google.toml (built in):LINE, used from 2026-12-01,
    checked 2026-10-09, documented [VP-1009, LL]

SOURCES
  MODEL-3-PRO-IMAGE: Vertex AI, model page of gemini-3-pro-image (mirrored
    copy), 2026-08-20,
    https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/gemini/3-pro-image
  PUBLISHED: Single API answers and measurements published in public
    repositories, many of them passed through a gateway; collected on this day,
    2026-11-21
  VP-1009: Google's price page as third parties read it on 2026-10-09; the
    page itself was not read, 2026-10-09,
    https://cloud.google.com/gemini-enterprise-agent-platform/generative-ai/pricing
  LL: BerriAI/litellm 1.109.1, model_prices_and_context_window.json, 2026-11,
    https://github.com/BerriAI/litellm
";
    // Rows are appended above others: the line is the book's affair.
    let (before, after) = run.stdout.split_once("(built in):").unwrap();
    let after = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
    assert_eq!(format!("{before}(built in):LINE{after}"), expected);
}

#[test]
fn a_plan_that_was_changed_by_hand_is_found_out() {
    let mut plan = plan_value("product-photos");
    plan["bill"]["month"]["mean"] = 9000.0.into();
    let found = explain(&plan, "/bill/month/mean").unwrap();
    assert_eq!(found.agrees, Some(false));
    let last = found.arithmetic.last().unwrap();
    assert_eq!(last, "= 8,341.1016; the plan's own number differs: 9,000");
}

#[test]
fn a_range_of_tokens_becomes_its_mean_by_pearson_and_tukey() {
    let plan = plan_value("product-photos");
    let chosen = plan["routes"][0]["chosen"].as_u64().unwrap();
    let at = format!("/routes/0/placements/{chosen}/per_request/tokens/output_thinking/mean");
    let found = explain(&plan, &at).unwrap();
    assert_eq!(
        found.arithmetic,
        [
            "mean of a range [p05, p50, p95] by the extended Pearson–Tukey rule:",
            "0.185 × 106 + 0.63 × 208 + 0.185 × 748",
            "= 289.03, as in the plan",
        ]
    );
}

#[test]
fn a_number_without_arithmetic_shows_what_stands_around_it() {
    let found = explain(&plan_value("captions"), "/routes/0/chosen").unwrap();
    assert_eq!(found.arithmetic, ["no arithmetic is recorded for this number"]);
    assert!(found.inputs.iter().any(|input| input.pointer == "/routes/0/name" && input.value == "captions"));
}

#[test]
fn a_number_is_found_by_pointer_dots_section_and_text() {
    let plan = plan_value("product-photos");
    let month = Found::Pointer("/bill/month/mean".into());
    for what in ["/bill/month/mean", "bill.month.mean", "BILL $8,341", "bill $8,341"] {
        assert_eq!(find(&plan, what), Ok(month.clone()), "{what}");
    }
    let Ok(Found::Figures(section)) = find(&plan, "gsu check") else { panic!("no section") };
    assert!(section.len() >= 3 && section.iter().all(|figure| figure.section == "GSU CHECK"));
    let Ok(Found::Figures(twice)) = find(&plan, "$8,341") else { panic!("shown in BILL and WHERE") };
    assert!(twice.len() >= 2 && twice.iter().all(|figure| figure.text == "$8,341"));
}

#[test]
fn the_figures_in_the_plan_are_those_of_the_first_screen() {
    let screen = burndown(&["plan", "company", ON]).stdout;
    let run = burndown(&["explain", "company", ON]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.lines().count() >= 15);
    for figure in shown_figures(&plan_value("company")).unwrap() {
        assert!(screen.contains(&figure.text), "{}", figure.text);
        let line = run.stdout.lines().find(|line| line.ends_with(&format!("  {}", figure.pointer)));
        assert!(line.is_some_and(|line| line.contains(&figure.text)), "{}", figure.pointer);
    }
}

#[test]
fn a_folder_a_file_and_a_pipe_explain_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(burndown(&["plan", "captions", ON, "--out", path]).code, 0);
    let file = format!("{path}/plan.json");
    let text = fs::read(&file).unwrap();
    let from = |plan: &str, input: &[u8]| {
        let args = ["explain", plan, "bill.month.p95", "--json"];
        let run = burndown_with(&args, input, env!("CARGO_MANIFEST_DIR"));
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let of_folder = from(path, b"");
    assert_eq!(of_folder, from(&file, b""));
    assert_eq!(of_folder, from("-", &text));
    let json: Value = serde_json::from_str(&of_folder).unwrap();
    assert_eq!(json["schema"], "burndown.explanation/1");
    assert_eq!(json["agrees"], true);
}

#[track_caller]
fn check_refused(args: &[&str], input: &[u8], expected: &str) {
    let run = burndown_with(args, input, env!("CARGO_MANIFEST_DIR"));
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert_eq!(run.stderr, expected);
}

#[test]
fn what_cannot_be_explained_is_said() {
    check_refused(
        &["explain", "product-photos", "/bill/month/maen", ON],
        b"",
        "error: the plan has nothing at `/bill/month/maen`\n\nhint: near it are\n  /bill/month/mean\n  /bill/month/p05\n  /bill/month/p50\n",
    );
    check_refused(
        &["explain", "-", "/bill"],
        b"{\"schema\": \"burndown.quote/1\"}",
        "error: not a plan: expected `\"schema\": \"burndown.plan/1\"`, found `\"burndown.quote/1\"`\n\nhint: `burndown plan WORKLOAD --json` prints a plan\n",
    );
    check_refused(
        &["explain", "-", "/bill"],
        b"not json",
        "error: cannot use standard input as a plan: expected `true`, `false` or `null`, found `ot json` at column 2\n",
    );
    check_refused(
        &["explain", "-", ON],
        b"{}",
        "error: standard input is a plan already made: --on says as of which day to plan a workload\n",
    );
    check_refused(
        &["explain", "src"],
        b"",
        "error: no plan.json in the folder `src`\n\nhint: `burndown plan WORKLOAD --out DIR` writes one\n",
    );
}
