//! Purchases under something else: windows that are a range, tiers of the overflow, orders that run already.

use serde_json::Value;

use crate::cli::{burndown_with, plan_of};

/// A route on Pro images, with lines before it and in it.
fn workload(before: &str, inside: &str) -> String {
    format!(
        "start = \"2026-12-01\"\nhorizon_months = 6\n{before}\n[[route]]\nname = \"photos\"\nmodel = \"nano-banana-pro\"\n\
         placements = [\"vertex:global\"]\nprompt_tokens = 100\nrequests_per_month = 60_000\n{inside}\n"
    )
}

#[track_caller]
fn plan(text: &str) -> Value {
    let args = ["plan", "-", "--json", "--on=2026-11-21"];
    let run = burndown_with(&args, text.as_bytes(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, expected {expected}");
}

fn codes(plan: &Value) -> Vec<&str> {
    plan["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

/// The pool of the shop assistant, a text model.
#[test]
fn windows_of_a_range_widen_the_envelope_and_are_costed_at_both_ends() {
    let plan = serde_json::to_value(plan_of("company")).unwrap();
    let pools = plan["gsu"]["pools"].as_array().unwrap();
    let text = pools.iter().find(|pool| pool["model"] == "gemini-3.8-flash").unwrap();
    let ends = text["window_ends"].as_array().unwrap();
    assert_eq!((ends[0]["end"].as_str(), ends[1]["end"].as_str()), (Some("shortest"), Some("longest")));
    let size = |end: &Value, rule: &str| {
        let sizes = end["sizes"].as_array().unwrap();
        sizes.iter().find(|size| size["rule"] == rule).unwrap().clone()
    };
    // Shorter windows leave more at the same count and ask for more GSUs.
    let left = |end: &Value| number(&size(end, "google_form")["left_share"]);
    assert!(left(&ends[0]) > left(&ends[1]) + 0.01, "{} {}", left(&ends[0]), left(&ends[1]));
    let one_percent = |end: &Value| number(&size(end, "one_percent")["gsu"]);
    assert!(one_percent(&ends[0]) > one_percent(&ends[1]));
    let paid = |end: &Value| number(&end["terms"][3]["usd_per_month"]);
    assert!(paid(&ends[0]) >= paid(&ends[1]));
    for envelope in text["rules"].as_array().unwrap() {
        let rule = |name: &str| {
            let rules = envelope["rules"].as_array().unwrap();
            number(&rules.iter().find(|rule| rule["rule"] == name).unwrap()["left_share"])
        };
        let [low, high] = [0, 1].map(|at| number(&envelope["envelope"][at]));
        assert!(
            high >= rule("shortest_window") && rule("shortest_window") > rule("longest_window"),
            "{envelope}"
        );
        assert!(low <= rule("longest_window"), "{envelope}");
        let range: Vec<u64> = serde_json::from_value(envelope["window_range_seconds"].clone()).unwrap();
        let expected = if envelope["gsu"].as_u64() < Some(50) { [5, 30] } else { [1, 5] };
        assert_eq!(range, expected, "{envelope}");
    }
    // The window that is taken is the longest, so that end is the plan itself.
    let form = text["rules"].as_array().unwrap().iter().find(|row| row["gsu"] == text["sizing"]["gsu"]);
    let form = form.expect("the form's count is valued");
    close(number(&form["left_share"]), left(&ends[1]));
    let printed = pools.iter().find(|pool| pool["model"] == "gemini-3-pro-image").unwrap();
    assert_eq!(printed["window_ends"].as_array().unwrap().len(), 0);
    assert!(printed["rules"][0]["window_range_seconds"].is_null());
}

/// Priority is 1.8 times standard: what GSUs leave costs so much more, what they never took does not.
#[test]
fn an_overflow_is_priced_at_the_tier_where_it_lands() {
    let own = plan(&workload("", ""));
    let named = plan(&workload("", "spill_tier = \"priority\""));
    let pool = |plan: &Value| plan["gsu"]["pools"][0].clone();
    let (own, named) = (pool(&own), pool(&named));
    for at in [0, 1, 4, 9] {
        let paid = |pool: &Value| number(&pool["curve"][at]["paygo_usd_per_month"]);
        close(paid(&named) / paid(&own), if at == 0 { 1.0 } else { 1.8 });
    }
    let asked = |pool: &Value, tier: &str| {
        let tiers = pool["spill_tiers"].as_array().unwrap();
        tiers.iter().find(|row| row["tier"] == tier).unwrap().clone()
    };
    assert_eq!(asked(&own, "standard")["is_workloads"], true);
    assert_eq!(asked(&named, "priority")["is_workloads"], true);
    let (standard, priority) = (asked(&own, "standard"), asked(&own, "priority"));
    close(number(&priority["paygo_usd_per_month"]) / number(&standard["paygo_usd_per_month"]), 1.8);
    let year = |tier: &Value, key: &str| number(&tier["terms"][3][key]);
    close(year(&standard, "break_even") / year(&priority, "break_even"), 1.8);
    // At the tier of today the row is the verdict itself.
    for key in ["gsu", "usd_per_month", "saving_usd_per_month", "break_even"] {
        close(year(&standard, key), number(&own["terms"][3][key]));
    }
    assert!(year(&priority, "gsu") > year(&standard, "gsu"));
    assert!(year(&priority, "saving_usd_per_month") > 5.0 * year(&standard, "saving_usd_per_month"));
    // Nothing pays against half price.
    assert_eq!(year(&asked(&own, "flex"), "gsu"), 0.0);
}

#[test]
fn a_tier_that_is_not_sold_is_said_and_the_own_tier_taken() {
    let text = |tier: &str| workload("", tier).replace("nano-banana-pro", "nano-banana-2.1");
    let (own, named) = (plan(&text("")), plan(&text("spill_tier = \"flex\"")));
    assert!(
        codes(&named).contains(&"spill-tier-not-offered") && !codes(&own).contains(&"spill-tier-not-offered")
    );
    assert_eq!(own["gsu"]["pools"][0]["terms"], named["gsu"]["pools"][0]["terms"]);
    let tiers = own["gsu"]["pools"][0]["spill_tiers"].as_array().unwrap();
    assert!(tiers.iter().all(|row| row["tier"] != "flex"), "a tier without a price has no row");
}

/// 2 GSUs for a year at 2.7397 USD an hour, from before the horizon to beyond it.
#[test]
fn orders_that_run_are_in_the_bill() {
    let order = "gsu_orders = [{ model = \"nano-banana-pro\", count = 2, term = \"1-year\", start = \"2026-11-01\" }]";
    let found = plan(&workload(order, ""));
    let months = found["gsu"]["commitments"]["by_month"].as_array().unwrap();
    let days = [31.0, 31.0, 28.0, 31.0, 30.0, 31.0];
    let pool = &found["gsu"]["pools"][0];
    for ((month, days), alone) in months.iter().zip(days).zip(found["bill"]["by_month"].as_array().unwrap()) {
        let of = |key: &str| number(&month[key]);
        close(of("running_gsu"), 2.0);
        close(of("committed_usd"), 2.0 * 2.7397 * 24.0 * days);
        assert_eq!(of("renewing_usd"), 0.0);
        assert!(of("variable_usd") > 0.0 && of("variable_usd") < number(&alone["mean"]));
        close(of("total_usd"), of("committed_usd") + of("variable_usd"));
    }
    // The mean month is what the curve says of 2 GSUs.
    close(
        number(&found["gsu"]["commitments"]["month"]["variable_usd"]),
        number(&pool["curve"][2]["paygo_usd_per_month"]),
    );
    let screen = burndown_with(
        &["plan", "-", "--on=2026-11-21"],
        workload(order, "").as_bytes(),
        env!("CARGO_MANIFEST_DIR"),
    );
    assert!(screen.stdout.contains("a month with the GSU orders that run"), "{}", screen.stdout);
    let without = plan(&workload("", ""));
    assert_eq!(without["bill"], found["bill"], "the range stays that of PayGo alone");
    assert_eq!(without["gsu"]["commitments"]["orders_run"], false);
}

#[test]
fn an_order_that_serves_no_route_costs_all_the_same() {
    let order = "gsu_orders = [{ model = \"nano-banana-2\", count = 1, term = \"1-month\", start = \"2026-11-15\", auto_renew = true }]";
    let found = plan(&workload(order, ""));
    assert!(codes(&found).contains(&"order-unused"));
    let month = |at: usize, key: &str| number(&found["gsu"]["commitments"]["by_month"][at][key]);
    let hour = 3.6986 * 24.0;
    // Bound to 15 December, then renewing; no PayGo is taken away.
    close(month(0, "committed_usd"), hour * 14.0);
    close(month(0, "renewing_usd"), hour * 17.0);
    close(month(1, "renewing_usd"), hour * 31.0);
    close(month(1, "variable_usd"), number(&found["bill"]["by_month"][1]["mean"]));
}

/// Every figure of the envelopes, of the form's sheet, of the tiers and of the window ends goes back to arithmetic.
#[test]
fn every_figure_of_these_tables_is_explained() {
    let orders = "gsu_orders = [{ model = \"nano-banana-pro\", count = 2, term = \"1-month\", start = \"2026-11-15\", auto_renew = true }]";
    let plans = [
        plan(&workload(orders, "peak_requests_per_minute = 9")),
        serde_json::to_value(plan_of("company")).unwrap(),
    ];
    let mut explained = 0;
    for plan in &plans {
        let mut check = |pointer: &str| {
            let Some(value) = plan.pointer(pointer).filter(|value| value.is_number()) else { return };
            let found = burndown::report::explain(plan, pointer).unwrap();
            let text = burndown::report::explanation_text(&found);
            assert!(found.agrees != Some(false), "{pointer} = {value}\n{text}");
            assert!(!found.arithmetic[0].starts_with("no arithmetic"), "{pointer}\n{text}");
            explained += 1;
        };
        for pool in 0..plan["gsu"]["pools"].as_array().unwrap().len() {
            let base = format!("/gsu/pools/{pool}");
            for row in 0..4 {
                for key in ["gsu", "left_share", "envelope/0", "envelope/1", "drawn/left_share"] {
                    check(&format!("{base}/rules/{row}/{key}"));
                }
                for rule in 0..7 {
                    check(&format!("{base}/rules/{row}/rules/{rule}/difference"));
                    check(&format!("{base}/rules/{row}/rules/{rule}/left_share"));
                }
                for key in ["usd_per_burn", "paygo_usd_per_month"] {
                    check(&format!("{base}/spill_tiers/{row}/{key}"));
                }
                for term in 0..4 {
                    for key in
                        ["gsu", "break_even", "left_usd_per_month", "usd_per_month", "saving_usd_per_month"]
                    {
                        check(&format!("{base}/spill_tiers/{row}/terms/{term}/{key}"));
                        check(&format!("{base}/window_ends/{row}/terms/{term}/{key}"));
                    }
                }
                for key in ["queries_per_second", "gsu"] {
                    check(&format!("{base}/form/loads/{row}/{key}"));
                }
                for key in ["share_of_requests", "share_of_burn", "burn_per_request"] {
                    check(&format!("{base}/form/blend/{row}/{key}"));
                }
                check(&format!("{base}/form/without_field/{row}/1"));
            }
            for field in 0..12 {
                for key in ["value", "range/0", "range/1"] {
                    check(&format!("{base}/form/fields/{field}/{key}"));
                }
            }
        }
        for key in
            ["running_gsu", "committed_usd", "renewing_usd", "variable_usd", "total_usd", "advised_usd"]
        {
            check(&format!("/gsu/commitments/month/{key}"));
        }
        for key in ["committed_usd", "renewing_usd", "total_usd"] {
            check(&format!("/gsu/commitments/by_month/1/{key}"));
        }
    }
    assert!(explained > 300, "{explained}");
}
