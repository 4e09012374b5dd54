//! The main job on every shipped workload.

use std::{fs, path::Path};

use burndown::{
    commands::SHIPPED_WORKLOADS,
    projection::Plan,
    report::{Block, Figure, Piece, Report, terminal},
};
use serde_json::Value;

use crate::cli::burndown;

/// The day the shipped books were put together; workloads without a start begin on the first of the next month.
const ON: &str = "--on=2026-11-21";

fn plan_json(workload: &str) -> Value {
    let output = burndown(&["plan", workload, "--json", ON]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn the_first_screen_fits_a_terminal() {
    for workload in SHIPPED_WORKLOADS {
        let screen = burndown(&["plan", workload, ON]).stdout;
        assert!(screen.lines().count() <= 30, "{workload} has {} lines", screen.lines().count());
        for line in screen.lines() {
            assert!(line.chars().count() <= 80, "{workload}: {line}");
        }
        let mut at = 0;
        for heading in ["BILL", "GSU", "WHERE", "WHY", "GSU CHECK", "WRONG BY", "LIMITS", "NEXT"] {
            let place =
                screen[at..].find(&format!("\n{heading}")).unwrap_or_else(|| panic!("{workload}: {heading}"));
            at += place + 1;
        }
    }
}

#[test]
fn every_one_of_a_few_routes_stands_on_the_first_screen() {
    let mut seen = 0;
    for workload in SHIPPED_WORKLOADS {
        let plan = crate::cli::plan_of(workload);
        if !(2..=4).contains(&plan.routes.len()) {
            continue;
        }
        let screen = terminal(&Report::of(&plan));
        for route in &plan.routes {
            assert!(
                screen.contains(&format!(" {}: ", route.name)),
                "{workload} lacks {}:\n{screen}",
                route.name
            );
        }
        assert!(!screen.contains("more in report"), "{workload}\n{screen}");
        seen += 1;
    }
    assert!(seen >= 2, "{seen} shipped workloads have a few routes");
}

/// Whether `14–43 %)` is what open rules leave at a count of the pool on the first screen.
fn is_range_of_open_rules(plan: &Plan, range: &str) -> bool {
    let mut envelopes = plan.gsu.pools.iter().flat_map(|pool| &pool.rules).map(|rules| rules.envelope);
    envelopes.any(|[low, high]| range == format!("{:.0}–{:.0} %)", low * 100.0, high * 100.0))
}

/// Every figure on the first screen is the number at its pointer in the plan, rounded for people.
#[test]
fn every_number_on_the_first_screen_is_in_the_plan() {
    for workload in SHIPPED_WORKLOADS {
        let plan = crate::cli::plan_of(workload);
        let json = serde_json::to_value(&plan).unwrap();
        let report = Report::of(&plan);
        let figures = figures(&report);
        assert!(figures.len() >= 15, "{workload} shows {} figures", figures.len());
        for figure in figures {
            let value = json.pointer(&figure.pointer);
            let value = value.unwrap_or_else(|| panic!("{workload}: nothing at {}", figure.pointer));
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
            let (text, range) = figure.text.split_once(" (").unwrap_or((&figure.text, ""));
            assert!(range.is_empty() || is_range_of_open_rules(&plan, range), "{workload}: {}", figure.text);
            let shown = read_back(text);
            let precision = precision_of(text);
            assert!(
                (shown - number).abs() <= precision,
                "{workload}: {} shows {}, the plan has {number}",
                figure.pointer,
                figure.text
            );
        }
    }
}

pub fn figures(report: &Report) -> Vec<Figure> {
    let pieces = report.sections.iter().flat_map(|section| &section.blocks).flat_map(|block| match block {
        Block::Text(pieces) => pieces.clone(),
        Block::Rows { rows, .. } => rows.concat(),
    });
    pieces
        .filter_map(|piece| match piece {
            Piece::Figure(figure) => Some(figure),
            Piece::Words(_) => None,
        })
        .collect()
}

/// `-$1,251`, `97 %`, `2.23`; "< 0.1 %" reads as 0.05 %.
pub fn read_back(text: &str) -> f64 {
    if text.starts_with('<') {
        return 0.000_5;
    }
    let plain: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
    let number: f64 = plain.parse().unwrap_or_else(|_| panic!("not a number: {text}"));
    if text.ends_with('%') { number / 100.0 } else { number }
}

/// Half a unit of the last digit shown.
pub fn precision_of(text: &str) -> f64 {
    let digits = text.trim_end_matches(['%', ' ']);
    let decimals = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
    let unit = 10_f64.powi(-decimals) * if text.ends_with('%') { 0.01 } else { 1.0 };
    unit * 0.500_001
}

/// Worked by hand: 3 Pro Image on Vertex, 1K, one image of 560 tokens and 15 tokens of prompt in;
/// 0.1344 for the image, 560 × 2/M, 15 × 2/M, and thinking of mean 0.185·(106+748) + 0.63·208 tokens at 12/M.
#[test]
fn the_bill_of_the_first_workload_is_its_arithmetic() {
    let plan = plan_json("product-photos");
    let thinking = 0.185 * (106.0 + 748.0) + 0.63 * 208.0;
    let request = 0.1344 + 560.0 * 2.0 / 1e6 + 15.0 * 2.0 / 1e6 + thinking * 12.0 / 1e6;
    let found = plan["bill"]["usd_per_request"].as_f64().unwrap();
    assert!((found - request).abs() < 1e-9, "{found} against {request}");
    let month = plan["bill"]["month"]["mean"].as_f64().unwrap();
    assert!((month - 60_000.0 * request).abs() < 1e-6, "{month}");
    let total = plan["bill"]["total"]["mean"].as_f64().unwrap();
    assert!((total - 12.0 * month).abs() < 1e-6);
}

#[test]
fn classes_months_and_routes_add_up_to_the_bill() {
    for workload in SHIPPED_WORKLOADS {
        let plan = crate::cli::plan_of(workload);
        let total = plan.bill.total.mean;
        let routes: f64 = plan.routes.iter().map(|route| route.chosen().usd_total).sum();
        let months: f64 = plan.bill.by_month.iter().map(|month| month.mean).sum();
        let classes: f64 = plan.shares.iter().map(|share| share.share).sum();
        assert!((routes - total).abs() < 1e-6 * total, "{workload}");
        assert!((months - total).abs() < 1e-6 * total, "{workload}");
        assert!((classes - 1.0).abs() < 1e-9, "{workload}");
        for spread in plan.bill.by_month.iter().chain([&plan.bill.month, &plan.bill.total]) {
            assert!(spread.p05 <= spread.p50 && spread.p50 <= spread.p95, "{workload}");
        }
    }
}

/// 3.8 Flash doubles on 2027-01-01: the month before and the month after differ by exactly that.
#[test]
fn a_request_keeps_the_price_of_its_day() {
    let plan = plan_json("captions");
    let chosen = &plan["routes"][0]["placements"][plan["routes"][0]["chosen"].as_u64().unwrap() as usize];
    let per_request = |month: usize| {
        let month = &chosen["months"][month];
        month["usd_total"].as_f64().unwrap() / month["requests"].as_f64().unwrap()
    };
    assert_eq!(chosen["months"][0]["month"], "2026-12");
    let ratio = per_request(1) / per_request(0);
    assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
}

#[test]
fn a_placement_past_its_end_is_a_row_with_its_successor_and_costs_nothing() {
    let plan = plan_json("product-photos");
    let placements = plan["routes"][0]["placements"].as_array().unwrap();
    let gone = placements
        .iter()
        .find(|row| {
            row["placement"]["model"] == "gemini-2.5-flash-image"
                && row["placement"]["endpoint"] == "developer"
                && row["placement"]["tier"] == "standard"
        })
        .unwrap();
    assert_eq!(gone["status"]["state"], "gone");
    assert_eq!(gone["status"]["end"], "2026-10-02");
    assert_eq!(gone["status"]["successor"], "gemini-nano-banana-2.1");
    assert_eq!(gone["usd_total"], 0.0);
    // The same model on Vertex ends inside the horizon: spend until then, none after.
    let ending = placements
        .iter()
        .find(|row| {
            row["placement"]["model"] == "gemini-2.5-flash-image"
                && row["placement"]["endpoint"] == "vertex:global"
                && row["placement"]["tier"] == "standard"
        })
        .unwrap();
    assert_eq!(ending["status"]["end"], "2027-03-15");
    let requests: Vec<f64> = ending["months"]
        .as_array()
        .unwrap()
        .iter()
        .map(|month| month["requests"].as_f64().unwrap())
        .collect();
    assert_eq!(requests[2], 60_000.0);
    assert!((requests[3] - 60_000.0 * 14.0 / 31.0).abs() < 1e-6);
    assert!(requests[4..].iter().all(|requests| *requests == 0.0));
}

#[test]
fn the_report_folder_holds_everything_and_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        let output = burndown(&["plan", "company", ON, "--out", path.to_str().unwrap()]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        path
    };
    let (first, second) = (write("first"), write("second"));
    let names = |path: &Path| {
        let mut names: Vec<String> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let expected = [
        "assumptions.csv",
        "backend-ratios.png",
        "backend-ratios.svg",
        "cost-by-class.png",
        "cost-by-class.svg",
        "drivers.csv",
        "drivers.png",
        "drivers.svg",
        "focus.csv",
        "focus_with_orders.csv",
        "gsu-cost-3.8-flash.png",
        "gsu-cost-3.8-flash.svg",
        "gsu-cost-nano-banana-2.1.png",
        "gsu-cost-nano-banana-2.1.svg",
        "gsu-cost.png",
        "gsu-cost.svg",
        "gsu_admission.csv",
        "gsu_commitments.csv",
        "gsu_curve.csv",
        "gsu_form.csv",
        "gsu_orders.csv",
        "gsu_regret.csv",
        "gsu_rules.csv",
        "gsu_sizes.csv",
        "gsu_spill_tiers.csv",
        "gsu_terms.csv",
        "gsu_together.csv",
        "gsu_wait.csv",
        "gsu_window_ends.csv",
        "load-duration-3.8-flash.png",
        "load-duration-3.8-flash.svg",
        "load-duration-nano-banana-2.1.png",
        "load-duration-nano-banana-2.1.svg",
        "load-duration.png",
        "load-duration.svg",
        "load-heat-map-3.8-flash.png",
        "load-heat-map-3.8-flash.svg",
        "load-heat-map-nano-banana-2.1.png",
        "load-heat-map-nano-banana-2.1.svg",
        "load-heat-map.png",
        "load-heat-map.svg",
        "measure_next.csv",
        "memo.md",
        "memo.txt",
        "monthly-spend.png",
        "monthly-spend.svg",
        "months.csv",
        "open_questions.csv",
        "outlook.csv",
        "placements.csv",
        "plan.json",
        "price_rows.csv",
        "ratios.csv",
        "report.html",
        "report.md",
        "report.txt",
        "sources.csv",
        "spill-heat-map-3.8-flash.png",
        "spill-heat-map-3.8-flash.svg",
        "spill-heat-map-nano-banana-2.1.png",
        "spill-heat-map-nano-banana-2.1.svg",
        "spill-heat-map.png",
        "spill-heat-map.svg",
        "token-distributions.png",
        "token-distributions.svg",
        "tokens.csv",
    ];
    assert_eq!(names(&first), expected);
    for name in expected {
        assert!(
            fs::read(first.join(name)).unwrap() == fs::read(second.join(name)).unwrap(),
            "{name} differs"
        );
    }
    let page = fs::read_to_string(first.join("report.html")).unwrap();
    // Links may lead outside; nothing is loaded from there, and the page's own policy forbids it.
    assert!(page.contains("content=\"default-src &#39;none&#39;; script-src &#39;sha256-"));
    assert_eq!(page.matches("<link").count(), page.matches("<link rel=\"icon\" href=\"data:,\">").count());
    for outside in [" src=", "@import", "url(", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!page.contains(outside), "the page loads by {outside}");
    }
}

/// 14 counts of 6 pools. The largest distance found between curve and drawn requests was 0.028, with a mean of
/// nothing: a pool's 20,000 requests hold a few hundred bursts, and a share of 0.2 a standard error of 0.02.
#[test]
fn open_rules_move_what_is_left_the_way_they_must() {
    let mut apart = Vec::new();
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_json(workload);
        let pools = plan["gsu"]["pools"].as_array().unwrap();
        for envelope in pools.iter().flat_map(|pool| pool["rules"].as_array().unwrap()) {
            let number = |value: &Value| value.as_f64().unwrap();
            let rule = |name: &str| {
                let rules = envelope["rules"].as_array().unwrap();
                number(&rules.iter().find(|rule| rule["rule"] == name).unwrap()["difference"])
            };
            assert!(rule("maximum_estimate") > 0.0, "{workload}: {envelope}");
            assert!(rule("sliding_clock") > 0.0 && rule("bucket_clock") < 0.0, "{workload}: {envelope}");
            assert!(
                rule("no_refund") >= 0.0 && rule("actual_estimate").abs() < 0.02,
                "{workload}: {envelope}"
            );
            let left = number(&envelope["left_share"]);
            let [low, high] = [0, 1].map(|at| number(&envelope["envelope"][at]));
            assert!(0.0 <= low && low < left && left < high && high <= 1.0, "{workload}: {envelope}");
            apart.push(number(&envelope["drawn"]["left_share"]) - left);
        }
    }
    assert!(apart.len() >= 10, "{apart:?}");
    assert!(apart.iter().all(|apart| apart.abs() < 0.05), "{apart:?}");
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    assert!(mean.abs() < 0.015, "{mean}");
}

/// The batch page of Vertex: 1K images only, while the Developer API prices batch for all sizes.
#[test]
fn a_tier_that_does_not_make_the_size_is_no_placement() {
    let plan = plan_json("text-to-image");
    let posters = plan["routes"][2]["placements"].as_array().unwrap();
    let state = |endpoint: &str| {
        let found = posters.iter().find(|row| {
            let placement = &row["placement"];
            placement["model"] == "gemini-3-pro-image"
                && placement["endpoint"] == endpoint
                && placement["tier"] == "batch"
        });
        found.unwrap()["status"].clone()
    };
    assert_eq!(state("vertex:global")["reason"], "batch makes no 4K images");
    assert_eq!(state("developer")["state"], "served");
}

#[test]
fn an_order_of_keys_or_a_default_written_out_changes_nothing() {
    let short = "[[route]]\nname = \"r\"\nmodel = \"nano-banana-pro\"\nprompt_tokens = 100\nrequests_per_month = 1000\n";
    let long = "start = \"2026-12-01\"\nhorizon_months = 12\ntime_zone = \"UTC\"\n[[route]]\nrequests_per_month = [850, 1000, 1150]\nplacements = [\"developer\", \"vertex:global\"]\nprompt_tokens = 100\noutput_size = \"1K\"\nmodel = \"gemini-3-pro-image\"\ngrowth_per_month = 0\nname = \"r\"\ntier = \"standard\"\n";
    let bill = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        fs::write(&path, text).unwrap();
        let output = burndown(&["plan", path.to_str().unwrap(), "--json", ON]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        serde_json::from_str::<Value>(&output.stdout).unwrap()["bill"].clone()
    };
    assert_eq!(bill(short), bill(long));
}

/// A reader of the terminal and one of Markdown see the same figures.
#[test]
fn terminal_and_markdown_agree() {
    let plan = crate::cli::plan_of("company");
    let report = Report::of(&plan);
    let screen = terminal(&report);
    let markdown = burndown::report::markdown(&report);
    for figure in figures(&report) {
        assert!(screen.contains(&figure.text), "{}", figure.text);
        assert!(markdown.contains(&figure.text), "{}", figure.text);
    }
}

/// One purchase for several models does at least as well as the best counts bought apart, and its parts add up.
#[test]
fn models_that_share_a_purchase_save_no_less_than_apart() {
    let plan = crate::cli::plan_of("company");
    let shared = &plan.gsu.together[0];
    assert_eq!(shared.models.len(), plan.gsu.pools.len());
    assert!(shared.terms.iter().any(|term| term.gsu > 0));
    for term in &shared.terms {
        assert_eq!(term.split.iter().sum::<u64>(), term.gsu, "{term:?}");
        // The split follows envelopes, the bill true tables: a tooth of the saw apart at most.
        assert!(term.saving_usd_per_month >= 0.98 * term.apart_saving_usd_per_month, "{term:?}");
        let fees = term.gsu as f64
            * plan.gsu.pools[0].terms.iter().find(|t| t.term == term.term).unwrap().usd_per_gsu_month;
        assert!(term.usd_per_month >= fees && term.usd_per_month <= shared.paygo_usd_per_month + 1e-6);
    }
}
