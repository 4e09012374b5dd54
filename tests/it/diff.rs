//! What changed between two plans: parts that add up, causes that are the right ones.

use burndown::{
    commands::SHIPPED_WORKLOADS,
    diagnostics::SourceText,
    projection::{
        SavedPlan,
        diff::{Cause, Diff, diff},
        project,
    },
    report::{Report, diff_markdown, diff_text, plan_file},
    workload::{OutsideFiles, Workload, WorkloadFile},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cli::{burndown, burndown_with};

/// The plan of a workload text as its file reads.
pub fn plan_value_of(text: &str) -> Value {
    let library = crate::shipped();
    let source = SourceText { name: "workload.toml".into(), text: text.into() };
    let file = WorkloadFile::parse(&source).unwrap();
    let today = "2026-11-21".parse().unwrap();
    let workload =
        Workload::resolve(file, &source, &library.prices, today, &OutsideFiles::default()).unwrap();
    let plan = project(&library.inputs(&workload)).unwrap();
    serde_json::to_value(plan_file(&plan, &Report::of(&plan))).unwrap()
}

pub fn saved(text: &str) -> SavedPlan {
    SavedPlan::read(&plan_value_of(text)).unwrap()
}

pub fn shipped_plan(name: &str) -> SavedPlan {
    let plan = crate::cli::plan_of(name);
    let value = serde_json::to_value(plan_file(&plan, &Report::of(&plan))).unwrap();
    SavedPlan::read(&value).unwrap()
}

const PRO: &str = "
[[route]]
name = \"photos\"
model = \"nano-banana-pro\"
models = [\"nano-banana-2\"]
prompt = \"Create a UGC style image featuring this exact same product.\"
input_images = [\"1408x768\"]
requests_per_month = 60_000
";

fn between(a: &str, b: &str) -> Diff {
    diff(("a", &saved(a)), ("b", &saved(b)))
}

#[track_caller]
fn part(diff: &Diff, cause: Cause) -> f64 {
    diff.causes.iter().find(|part| part.cause == cause).map_or(0.0, |part| part.usd_per_month)
}

#[track_caller]
fn adds_up(diff: &Diff) {
    let scale = diff.before.month.mean.max(diff.after.month.mean);
    let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-8 * scale, "{a} is not {b}");
    close(diff.causes.iter().map(|part| part.usd_per_month).sum(), diff.change_usd_per_month);
    close(diff.after.month.mean - diff.before.month.mean, diff.change_usd_per_month);
    for route in &diff.routes {
        close(route.causes.iter().map(|part| part.usd_per_month).sum(), route.change_usd_per_month);
        close(route.usd_after - route.usd_before, route.change_usd_per_month);
    }
}

#[test]
fn a_shipped_workload_does_not_differ_from_itself() {
    for name in SHIPPED_WORKLOADS {
        let plan = shipped_plan(name);
        let found = diff((name, &plan), (name, &plan));
        assert!(found.is_empty(), "{name}\n{}", diff_text(&found));
        let run = burndown(&["diff", name, name, "--on", "2026-11-21"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}");
        assert!(run.stdout.ends_with("\n\nNothing changed.\n"), "{}", run.stdout);
    }
}

#[test]
fn any_two_shipped_workloads_differ_by_parts_that_add_up() {
    for a in SHIPPED_WORKLOADS {
        for b in SHIPPED_WORKLOADS {
            let (before, after) = (shipped_plan(a), shipped_plan(b));
            let found = diff((a, &before), (b, &after));
            adds_up(&found);
            assert_eq!(found.is_empty(), a == b);
        }
    }
}

/// Half as many requests again at otherwise the same plan: everything is volume.
#[test]
fn a_change_of_volume_alone_is_all_volume() {
    let found = between(PRO, &PRO.replace("60_000", "90_000"));
    assert_eq!(found.causes.len(), 1);
    let volume = part(&found, Cause::Requests);
    assert!((volume - found.before.month.mean / 2.0).abs() < 1e-6, "{volume}");
    adds_up(&found);
}

#[test]
fn a_negotiated_factor_and_a_larger_picture_are_assumptions() {
    let found = between(PRO, &format!("price_factor = {{ tokens = 0.8 }}\n{PRO}"));
    assert_eq!(found.causes.len(), 1);
    assert!((part(&found, Cause::Assumptions) + 0.2 * found.before.month.mean).abs() < 1e-6);
    let found = between(PRO, &format!("{PRO}output_size = \"4K\""));
    assert_eq!(found.causes.len(), 1, "{:?}", found.causes);
    assert!(part(&found, Cause::Assumptions) > 0.0);
    assert!(found.tokens.iter().all(|change| change.cause == Cause::Assumptions && change.p_value.is_none()));
}

/// By hand: 1,120 image tokens at 120 against 60 dollars a million, and so on for the other classes; with the
/// other model's tokens and prices swapped first and last.
#[test]
fn a_model_swap_names_tokens_and_prices_apart() {
    let other = PRO
        .replace("model = \"nano-banana-pro\"", "model = \"nano-banana-2\"")
        .replace("[\"nano-banana-2\"]", "[\"nano-banana-pro\"]");
    let found = between(PRO, &other);
    adds_up(&found);
    let causes: Vec<Cause> = found.causes.iter().map(|part| part.cause).collect();
    assert_eq!(causes, [Cause::PlacementTokens, Cause::PlacementPrices]);
    let (a, b) = (saved(PRO), saved(&other));
    let each = |plan: &SavedPlan| {
        let request = plan.routes[0].chosen().per_request.clone().unwrap();
        let classes = request.tokens.iter().map(|(class, tokens)| {
            let rate = request.usd.get(class).map(|usd| usd / tokens.mean);
            (*class, (tokens.mean, rate))
        });
        classes.collect::<std::collections::BTreeMap<_, _>>()
    };
    let (before, after) = (each(&a), each(&b));
    let rate_of = |mine: &std::collections::BTreeMap<_, (f64, Option<f64>)>, class| {
        mine.get(class).and_then(|found: &(f64, Option<f64>)| found.1)
    };
    // The first model writes no text; its row prices text at 12 dollars a million.
    let text_price = 12e-6;
    let mut by_tokens = 0.0;
    for class in before.keys().chain(after.keys()).collect::<std::collections::BTreeSet<_>>() {
        let change = after.get(class).map_or(0.0, |at| at.0) - before.get(class).map_or(0.0, |at| at.0);
        let first = rate_of(&before, class).unwrap_or(text_price);
        let second = rate_of(&after, class).unwrap();
        by_tokens += 60_000.0 * change * (first + second) / 2.0;
    }
    let shown = part(&found, Cause::PlacementTokens);
    assert!((shown - by_tokens).abs() < 1e-6 * by_tokens.abs(), "{shown} instead of {by_tokens}");
}

/// The profile of the same placement learns twice the thinking: all of it is tokens, and so is the dollars of
/// as many thinking tokens again.
#[test]
fn a_profile_that_learned_something_is_tokens_with_a_p_value() {
    let before = plan_value_of(PRO);
    let mut after = before.clone();
    let chosen = before["routes"][0]["chosen"].as_u64().unwrap() as usize;
    let months = &before["routes"][0]["placements"][chosen]["months"];
    let more = months[0]["usd"]["output_thinking"].as_f64().unwrap();
    let add = |value: &mut Value, usd: f64| *value = json!(value.as_f64().unwrap() + usd);
    let placement = &mut after["routes"][0]["placements"][chosen];
    let tokens = &mut placement["per_request"]["tokens"]["output_thinking"];
    tokens["mean"] = json!(tokens["mean"].as_f64().unwrap() * 2.0);
    tokens["standard_error"] = json!(5.0);
    for month in placement["months"].as_array_mut().unwrap() {
        add(&mut month["usd"]["output_thinking"], more);
        add(&mut month["usd_total"], more);
    }
    add(&mut placement["usd_per_month"], more);
    add(&mut after["bill"]["month"]["mean"], more);
    let (a, b) = (SavedPlan::read(&before).unwrap(), SavedPlan::read(&after).unwrap());
    let found = diff(("a", &a), ("b", &b));
    adds_up(&found);
    assert_eq!(found.causes.len(), 1, "{:?}", found.causes);
    assert!((part(&found, Cause::Tokens) - more).abs() < 1e-6);
    let [change] = found.tokens.as_slice() else { panic!("{:?}", found.tokens) };
    // 289.03 more with a standard error of √(222.047² + 5²): z = 1.3013.
    assert!((change.p_value.unwrap() - 0.193_15).abs() < 1e-4, "{:?}", change.p_value);
    assert_eq!(change.beyond_chance, Some(false));
}

/// captions has a dated price change; a later start moves it to other months.
#[test]
fn prices_that_fall_on_other_months_are_prices() {
    let captions = std::fs::read_to_string("profiles/workloads/captions.toml").unwrap();
    let start =
        captions.lines().find(|line| line.starts_with("start")).expect("captions says when it starts");
    let found = between(&captions, &captions.replace(start, "start = 2027-06-01"));
    adds_up(&found);
    assert_ne!(part(&found, Cause::Prices), 0.0, "{:?}", found.causes);
    assert!(!found.prices.is_empty());
    assert!(found.notes[0].contains("horizons differ"), "{:?}", found.notes);
}

#[test]
fn routes_of_one_plan_alone_are_their_own_cause() {
    let two = format!("{PRO}{}", PRO.replace("\"photos\"", "\"more\""));
    let found = between(PRO, &two);
    adds_up(&found);
    assert!((part(&found, Cause::Added) - found.before.month.mean).abs() < 1e-6);
    assert!(found.assumptions.is_empty(), "{:?}", found.assumptions);
    let found = between(&two, PRO);
    assert!((part(&found, Cause::Removed) + found.after.month.mean).abs() < 1e-6);
}

#[test]
fn what_no_route_explains_stands_apart() {
    let mut value = plan_value_of(PRO);
    let mean = value["bill"]["month"]["mean"].as_f64().unwrap();
    value["bill"]["month"]["mean"] = json!(mean + 2000.0);
    let found = diff(("a", &saved(PRO)), ("b", &SavedPlan::read(&value).unwrap()));
    assert!((part(&found, Cause::OutsideRoutes) - 2000.0).abs() < 1e-6);
    adds_up(&found);
}

fn workload(requests: u32, size: &str, pro: bool, factor: f64, extra: bool) -> String {
    let (model, other) =
        if pro { ("nano-banana-pro", "nano-banana-2") } else { ("nano-banana-2", "nano-banana-pro") };
    let extra = if extra {
        "\n[[route]]\nname = \"more\"\nmodel = \"nano-banana\"\nprompt_tokens = 20\nrequests_per_day = 500\n"
    } else {
        ""
    };
    format!(
        "price_factor = {{ tokens = {factor} }}\n[[route]]\nname = \"photos\"\nmodel = \"{model}\"\nmodels = [\"{other}\"]\nprompt_tokens = 20\ninput_images = [\"1408x768\"]\noutput_size = \"{size}\"\nrequests_per_month = {requests}\n{extra}"
    )
}

prop_compose! {
    fn any_workload()(
        requests in 1_u32..1_000_000,
        size in prop::sample::select(vec!["1K", "2K", "4K"]),
        pro: bool,
        factor in prop::sample::select(vec![1.0, 0.9, 0.75]),
        extra: bool,
    ) -> String {
        workload(requests, size, pro, factor, extra)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn parts_add_up_and_the_way_back_has_the_other_sign(a in any_workload(), b in any_workload()) {
        let (before, after) = (saved(&a), saved(&b));
        let there = diff(("a", &before), ("b", &after));
        let back = diff(("b", &after), ("a", &before));
        adds_up(&there);
        adds_up(&back);
        let scale = there.before.month.mean.max(there.after.month.mean);
        for cause in Cause::ALL {
            let other_way = match cause {
                Cause::Added => Cause::Removed,
                Cause::Removed => Cause::Added,
                cause => *cause,
            };
            let (there, back) = (part(&there, *cause), part(&back, other_way));
            prop_assert!((there + back).abs() <= 1e-8 * scale, "{cause:?}: {there} and {back}");
        }
    }
}

#[test]
fn a_pull_request_gets_a_table_that_adds_up() {
    let found = between(PRO, &PRO.replace("60_000", "80_000").replace("1408x768", "5632x3072"));
    let expected = "\
### a → b · 2026-12 to 2027-11

$8,341 → $11,121 a month (+$2,780, +33 %); 90 % range $6,944 to $9,918 → $9,258 to $13,223; $0.1390 → $0.1390 a request

| cause | $ a month |
| :--- | ---: |
| requests a month | +$2,780 |
| all | +$2,780 |

| route | before | after | $ a month | mostly |
| :--- | ---: | ---: | ---: | ---: |
| photos | $8,341 | $11,121 | +$2,780 | requests a month |

| GSUs by Google's form | before | after |
| :--- | ---: | ---: |
| 3-pro-image vertex:global | 4 | 5 |

<details><summary>What the workloads say differently</summary>

- photos: shape.input\\_images \\[\\[1408x768\\]\\] → \\[\\[5632x3072\\]\\]
- photos: volume.per\\_month \\[51000, 60000, 69000\\] → \\[68000, 80000, 92000\\]

</details>
";
    assert_eq!(diff_markdown(&found), expected);
}

#[track_caller]
fn refused(args: &[&str], input: &str, expected: &str) {
    let run = burndown_with(args, input.as_bytes(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
    assert_eq!(run.stderr, expected, "{args:?}");
}

#[test]
fn what_is_no_plan_is_refused_with_a_reason() {
    refused(
        &["diff", "-", "product-photos"],
        "{\"schema\":\"burndown.compare/1\"}",
        "error: cannot use standard input as a plan: not a plan: expected `\"schema\": \"burndown.plan/1\"`, found `\"burndown.compare/1\"`\n\nhint: `burndown plan WORKLOAD --json` prints a plan\n",
    );
    refused(
        &["diff", "-", "product-photos"],
        "{\"schema\":\"burndown.plan/1\"}",
        "error: cannot use standard input as a plan: the plan cannot be read: missing field `workload`\n\nhint: was it changed by hand, or cut off?\n",
    );
    refused(&["diff", "-", "-"], "", "error: standard input holds one plan, and both were asked of it\n");
    let mut value = plan_value_of(PRO);
    value["routes"][0]["chosen"] = json!(99);
    refused(
        &["diff", "-", "product-photos"],
        &value.to_string(),
        "error: cannot use standard input as a plan: the plan contradicts itself: route `photos` is served by placement 99 of 14 (counted from 0)\n\nhint: was it changed by hand?\n",
    );
}

/// The shipped workload against the same with another model, as a pull request would have it: tokens and prices
/// stand apart, and what is shown adds up to the cent.
#[test]
fn a_model_swap_of_a_shipped_workload_is_shown_by_parts_that_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let swapped = folder.path().join("swapped.toml");
    let text = std::fs::read_to_string("profiles/workloads/product-photos.toml").unwrap();
    let text = text
        .replace("model = \"nano-banana-pro\"", "model = \"nano-banana-2\"")
        .replace("\"nano-banana-2\", \"nano-banana\"]", "\"nano-banana-pro\", \"nano-banana\"]");
    std::fs::write(&swapped, text).unwrap();
    let swapped = swapped.display().to_string();
    let run = |format: &str| {
        let run = burndown(&["diff", "product-photos", &swapped, "--on", "2026-11-21", "--format", format]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let json = burndown(&["diff", "product-photos", &swapped, "--on", "2026-11-21", "--json"]).stdout;
    let found: Value = serde_json::from_str(&json).unwrap();
    let causes = found["causes"].as_array().unwrap();
    let names: Vec<&str> = causes.iter().map(|part| part["cause"].as_str().unwrap()).collect();
    assert_eq!(names, ["placement_tokens", "placement_prices"]);
    let sum: f64 = causes.iter().map(|part| part["usd_per_month"].as_f64().unwrap()).sum();
    assert!((sum - found["change_usd_per_month"].as_f64().unwrap()).abs() < 0.005);
    assert!(found["tokens"].as_array().unwrap().iter().any(|change| change["p_value"].is_number()));
    for text in [run("text"), run("markdown")] {
        let amount = |label: &str| -> i64 {
            let line = text.lines().find(|line| line.trim_start_matches(['|', ' ']).starts_with(label));
            let line = line.unwrap_or_else(|| panic!("no {label} in\n{text}"));
            let digits = line.split('$').nth(1).unwrap().replace([',', '|', ' '], "");
            let size: i64 = digits.parse().unwrap();
            if line.contains("-$") { -size } else { size }
        };
        let parts = amount("other model's tokens") + amount("other model's prices");
        assert_eq!(parts, amount("all"), "{text}");
    }
}
