//! `compare`: ratios, their ranges, and what makes the difference.

use burndown::report::compare;
use serde_json::Value;

use crate::cli::{burndown, plan_of};

fn comparison(workload: &str) -> Value {
    let run = burndown(&["compare", workload, "--json", "--on=2026-11-21"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn the_parts_of_a_difference_add_up_to_it() {
    for workload in burndown::commands::SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        for (route, planned) in compare(&plan).routes.iter().zip(&plan.routes) {
            let today = planned.chosen().per_request.as_ref().unwrap().usd_total;
            for row in &route.rows {
                let (Some(cost), Some(parts)) = (row.usd_per_request, &row.difference_by_class) else {
                    continue;
                };
                assert!((cost.mean - today - parts.total()).abs() < 1e-12, "{}", row.placement);
                assert!(cost.p05 <= cost.mean && cost.mean <= cost.p95, "{}", row.placement);
            }
        }
    }
}

/// Same model, same backend: the tier changes the price and nothing else, so the ratio has no range.
#[test]
fn a_tier_of_the_same_backend_has_an_exact_ratio() {
    let compared = comparison("product-photos");
    let rows = compared["routes"][0]["rows"].as_array().unwrap();
    let of = |endpoint: &str, tier: &str| {
        let found = rows.iter().find(|row| {
            let placement = &row["placement"];
            placement["model"] == "gemini-3-pro-image"
                && placement["endpoint"] == endpoint
                && placement["tier"] == tier
        });
        &found.unwrap()["ratio"]
    };
    let flex = of("vertex:global", "flex");
    for point in ["mean", "p05", "p95"] {
        assert!((flex[point].as_f64().unwrap() - 0.5).abs() < 1e-12, "{flex}");
    }
    let other = of("developer", "standard");
    assert!(other["p05"].as_f64() < other["mean"].as_f64(), "{other}");
}

/// The two backends of 3 Pro Image differ by less than what is unknown of their tokens, and it is said so.
#[test]
fn an_undecided_ratio_is_marked() {
    let run = burndown(&["compare", "product-photos", "--on=2026-11-21"]);
    assert_eq!(run.code, 0);
    let line = run.stdout.lines().find(|line| line.starts_with("  3-pro-image developer  ")).unwrap();
    assert!(line.contains("~1.0"), "{line}");
    // Long lines are broken.
    let text = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("the two cannot be told apart yet"));
    assert!(text.contains("a profile of the Developer API does not predict Vertex"));
    assert!(text.contains("since 2026-10-02)"));
    assert!(text.contains("refused with HTTP 400"));
    assert!(text.contains("1 image × 2"), "images seen");
}

#[test]
fn an_accepted_image_costs_its_tries() {
    let compared = comparison("text-to-image");
    let row = &compared["routes"][0]["rows"][0];
    let cost = row["usd_per_request"]["mean"].as_f64().unwrap();
    let tries = 0.185 * (1.1 + 2.2) + 0.63 * 1.4;
    assert!((row["usd_per_accepted"].as_f64().unwrap() - cost * tries).abs() < 1e-12);
}

#[test]
fn the_comparison_fits_a_terminal_of_80_columns() {
    for workload in burndown::commands::SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let text = compare(&plan).text(&plan);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{workload}: {line}");
        }
        // Nothing was left out for that: every placement has its line of costs.
        let rows = plan.routes.iter().flat_map(|route| &route.placements);
        let priced = rows.filter(|plan| plan.per_request.is_some()).count();
        assert!(text.lines().count() > priced, "{workload}");
    }
}
