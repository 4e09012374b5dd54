//! What goes to people who do not run the program: the memo, charges in the columns of FOCUS, the form as CSV.

use std::collections::BTreeMap;

use burndown::{
    commands::SHIPPED_WORKLOADS,
    projection::Plan,
    report::{FocusOf, Report, advises_orders, focus, memo_markdown, memo_text, short_markdown},
};

use crate::{
    cli::{burndown, plan_of},
    diff::plan_value_of,
};

const CREDITS: &str = "
start = 2026-12-01
credits = [{ usd = 12_000, until = 2027-02-28, note = \"promotion\" }, { usd = 5000, from = 2027-03-01 }]
[[route]]
name = \"photos\"
model = \"nano-banana-pro\"
prompt_tokens = 20
requests_per_month = 60_000
";

/// The plan of a workload's text, with what is shipped.
pub fn plan_of_text(text: &str) -> Plan {
    use burndown::{
        diagnostics::SourceText,
        projection::project,
        workload::{OutsideFiles, Workload, WorkloadFile},
    };
    let library = crate::shipped();
    let source = SourceText { name: "workload.toml".into(), text: text.into() };
    let file = WorkloadFile::parse(&source).unwrap();
    let today = "2026-11-21".parse().unwrap();
    let workload =
        Workload::resolve(file, &source, &library.prices, today, &OutsideFiles::default()).unwrap();
    project(&library.inputs(&workload)).unwrap()
}

/// One page, at most 80 columns, in words that need no glossary.
#[test]
fn a_memo_is_one_page_in_plain_words() {
    for name in SHIPPED_WORKLOADS {
        let text = memo_text(&plan_of(name));
        assert!(text.lines().count() <= 66, "{name}: {} lines\n{text}", text.lines().count());
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        for word in ["token", "gsu", "paygo", "p95", "spill", "burn"] {
            let lower = text.to_lowercase().replace("burndown", "");
            assert!(!lower.contains(word), "{name}: {word}\n{text}");
        }
        for part in
            ["Cost. We expect", "Budget.", "Commitment.", "committed", "What would change", "How sure."]
        {
            assert!(text.contains(part), "{name}: {part}\n{text}");
        }
        assert!(memo_markdown(&plan_of(name)).starts_with("### "));
    }
}

#[test]
fn a_memo_says_what_is_bound_until_when() {
    let plan = plan_of("product-photos");
    let order = &plan.gsu.pools[0].ladder.as_ref().unwrap().purchases[0];
    let text = memo_text(&plan);
    assert!(text.contains("Reserved capacity is advised: it saves $4,200 in 12 months"), "{text}");
    assert!(text.contains(&order.end.minus_day().to_string()) && text.contains("$24,000"), "{text}");
    // Committed and variable add up in each row.
    let row = text.lines().find(|line| line.contains("with the reserved capacity below")).unwrap();
    let amounts: Vec<f64> = row
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('$')?.replace(',', "").parse().ok())
        .collect();
    assert_eq!(amounts.len(), 3, "{row}");
    assert!((amounts[0] + amounts[1] - amounts[2]).abs() <= 1.0, "{row}");
    let expected = plan.bill.month.mean - plan.gsu.pools[0].regret.as_ref().unwrap().saving_usd[1] / 12.0;
    assert!((amounts[2] - expected).abs() <= 0.5, "{row}");
}

fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

#[track_caller]
fn sum(
    rows: &[BTreeMap<String, String>],
    column: &str,
    kept: impl Fn(&BTreeMap<String, String>) -> bool,
) -> f64 {
    rows.iter().filter(|row| kept(row)).map(|row| row[column].parse::<f64>().unwrap()).sum()
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-4 * (1.0 + b.abs() / 1e3), "{a} is not {b}");
}

#[test]
fn projected_charges_add_up_to_the_bill() {
    for name in SHIPPED_WORKLOADS {
        let plan = plan_of(name);
        let charges = rows(&focus(&plan, FocusOf::Bill));
        for column in ["BilledCost", "EffectiveCost", "ContractedCost", "ListCost"] {
            close(sum(&charges, column, |_| true), plan.bill.total.mean);
        }
        for (at, month) in plan.months.iter().enumerate() {
            let of_month = |row: &BTreeMap<String, String>| row["ChargePeriodStart"].starts_with(month);
            close(sum(&charges, "BilledCost", of_month), plan.bill.by_month[at].mean);
        }
        for row in &charges {
            let number = |column: &str| row[column].parse::<f64>().unwrap();
            close(number("PricingQuantity") * number("ListUnitPrice"), number("ListCost"));
            close(number("ConsumedQuantity") / 1e6, number("PricingQuantity"));
            assert_eq!(
                (row["ChargeCategory"].as_str(), row["PricingCategory"].as_str()),
                ("Usage", "Standard")
            );
            let tags: serde_json::Value = serde_json::from_str(&row["Tags"]).unwrap();
            assert!(plan.routes.iter().any(|route| tags["route"] == route.name));
            assert!(row["SkuId"].starts_with("burndown/") && row["x_SkuIdOrigin"].contains("not known"));
        }
    }
}

/// Rules of the specification: a purchase has an effective cost of nothing, what it covers bears its fee, and a
/// commitment's columns are filled together or not at all.
#[test]
fn charges_with_orders_follow_the_rules_of_commitments() {
    let mut advised = 0;
    for name in SHIPPED_WORKLOADS {
        let plan = plan_of(name);
        if !advises_orders(&plan) {
            continue;
        }
        advised += 1;
        let charges = rows(&focus(&plan, FocusOf::WithOrders));
        let saving: f64 = plan
            .gsu
            .pools
            .iter()
            .filter_map(|pool| Some((pool.ladder.as_ref()?, pool.regret.as_ref()?.saving_usd[1])))
            .filter(|(ladder, saving)| !ladder.purchases.is_empty() && *saving > 0.0)
            .map(|(_, saving)| saving)
            .sum();
        close(sum(&charges, "BilledCost", |_| true), plan.bill.total.mean - saving);
        close(sum(&charges, "EffectiveCost", |_| true), plan.bill.total.mean - saving);
        let purchase = |row: &BTreeMap<String, String>| row["ChargeCategory"] == "Purchase";
        let covered = |row: &BTreeMap<String, String>| row["CommitmentDiscountStatus"] == "Used";
        let fees = sum(&charges, "BilledCost", purchase);
        assert!(fees > 0.0);
        close(sum(&charges, "EffectiveCost", purchase), 0.0);
        close(sum(&charges, "EffectiveCost", covered), fees);
        close(sum(&charges, "BilledCost", covered), 0.0);
        let listed = |row: &BTreeMap<String, String>| !purchase(row);
        close(sum(&charges, "ListCost", listed), plan.bill.total.mean);
        for row in &charges {
            let filled = !row["CommitmentDiscountId"].is_empty();
            for column in ["Category", "Name", "Quantity", "Type", "Unit"] {
                assert_eq!(!row[&format!("CommitmentDiscount{column}")].is_empty(), filled, "{column}");
            }
            assert_eq!(row["PricingCategory"] == "Committed", covered(row));
        }
    }
    assert!(advised > 0, "no shipped workload is advised to buy");
}

#[test]
fn credits_reduce_the_bill_until_they_are_used_up() {
    let plan = plan_of_text(CREDITS);
    let net = plan.bill.net.as_ref().unwrap();
    let gross: Vec<f64> = plan.bill.by_month.iter().map(|month| month.mean).collect();
    assert!(gross[0] > 6000.0 && gross[0] < 12_000.0, "{gross:?}");
    // The first pays all of December but in the dearest draws, and is used up by February; the second pays most
    // of March and is used up in April.
    assert!(net.by_month[0] < 0.002 * gross[0], "{}", net.by_month[0]);
    close(net.credits[0].used_usd, 12_000.0);
    close(net.credits[1].by_month[..3].iter().sum(), 0.0);
    close(net.credits[1].used_usd, 5000.0);
    close(net.by_month[5], gross[5]);
    close(net.total.mean, plan.bill.total.mean - 17_000.0);
    close(net.month.mean, net.total.mean / 12.0);
    assert!(net.month.p05 < net.month.mean && net.month.mean < net.month.p95);
    // Each draw loses the same 17,000 dollars: the range is only moved.
    close(net.month.p95, plan.bill.month.p95 - 17_000.0 / 12.0);
    let charges = rows(&focus(&plan, FocusOf::Bill));
    close(sum(&charges, "BilledCost", |_| true), net.total.mean);
    close(sum(&charges, "BilledCost", |row| row["ChargeCategory"] == "Credit"), -17_000.0);
    let value = plan_value_of(CREDITS);
    assert!(value["first_screen"].to_string().contains("/bill/net/month/mean"));
    for pointer in ["/bill/net/month/mean", "/bill/net/total/mean"] {
        assert_eq!(burndown::report::explain(&value, pointer).unwrap().agrees, Some(true), "{pointer}");
    }
}

#[test]
fn a_credit_that_is_not_used_up_is_warned_of() {
    let plan = plan_of_text(&CREDITS.replace("12_000", "500_000"));
    let warnings: Vec<String> = plan.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings
            .iter()
            .any(|text| text.contains("of the credit of $500000 are not used up by its end on 2027-02-28")),
        "{warnings:?}"
    );
    assert!(plan.bill.net.as_ref().unwrap().by_month[1].abs() < 1e-9);
}

#[test]
fn a_comment_of_a_pull_request_is_short_enough() {
    for name in SHIPPED_WORKLOADS {
        let plan = plan_of(name);
        let text = short_markdown(&Report::of(&plan));
        assert!(text.len() < 20_000, "{name}: {} letters", text.len());
        let run = burndown(&["plan", name, "--on", "2026-11-21", "--format", "markdown"]);
        assert_eq!((run.code, run.stdout.trim_end()), (0, text.trim_end()));
    }
}

#[test]
fn the_formats_of_plan_are_files_of_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let run = burndown(&["plan", "product-photos", "--on", "2026-11-21", "--out", &out]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for (format, file) in [
        ("memo", "memo.txt"),
        ("memo-markdown", "memo.md"),
        ("focus", "focus.csv"),
        ("focus-with-orders", "focus_with_orders.csv"),
    ] {
        let run = burndown(&["plan", "product-photos", "--on", "2026-11-21", "--format", format]);
        let written = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert_eq!((run.code, run.stdout), (0, written), "{format}");
    }
}

#[test]
fn the_form_is_the_same_in_every_format() {
    let run = |args: &[&str]| {
        let run = burndown(&[&["gsu"], args, &["--on", "2026-11-21"]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let form: serde_json::Value = serde_json::from_str(&run(&["product-photos", "--json"])).unwrap();
    let rows = rows(&run(&["product-photos", "--format", "csv"]));
    for field in form["pools"][0]["fields"].as_array().unwrap() {
        let row = rows.iter().find(|row| row["what"] == field["name"].as_str().unwrap()).unwrap();
        assert_eq!(
            (row["part"].as_str(), row["value"].as_str()),
            ("field", field["entry"].as_str().unwrap())
        );
    }
    let value = |part: &str, what: &str| {
        rows.iter().find(|row| row["part"] == part && row["what"] == what).unwrap()["value"].clone()
    };
    assert_eq!(value("answer", "GSU"), form["pools"][0]["answer"]["gsu"].to_string());
    assert_eq!(value("cheapest", "GSU"), form["pools"][0]["cheapest"]["gsu"].to_string());
    let numbers =
        ["--model", "nano-banana-pro", "--qps", "0.5", "--input-text", "300", "--output-size", "1K"];
    let with = |format: &str| run(&[&numbers[..], &["--format", format]].concat());
    assert!(with("csv").contains("answer,GSU,68,GSU\n"), "{}", with("csv"));
    let markdown = with("markdown");
    assert!(markdown.starts_with("### 68 GSU of gemini-3-pro-image · vertex:global"), "{markdown}");
    assert!(markdown.contains("| 1 year | 2.7397 |"), "{markdown}");
}
