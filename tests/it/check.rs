//! Gates on a plan, and the month to date against it.

use std::fs;

use burndown::{
    projection::{
        SavedPlan,
        check::{DailySpend, MoneyOf, Policy, Verdict, check, month_to_date, read_daily},
    },
    stats::LogNormal,
};
use serde_json::json;

use crate::{
    cli::{burndown, burndown_with},
    diff::{plan_value_of, saved, shipped_plan},
};

const ON: &str = "--on=2026-11-21";

const PHOTOS: &str = "
start = 2026-12-01
budget_usd_per_month = 9000
[[route]]
name = \"photos\"
model = \"nano-banana-pro\"
prompt_tokens = 20
requests_per_month = 60_000
";

#[track_caller]
fn gate(plan: &SavedPlan, policy: Policy, baseline: Option<&SavedPlan>) -> burndown::projection::check::Gate {
    let found = check("plan", plan, &policy, baseline, None);
    assert_eq!(found.gates.len(), 1, "{:?}", found.gates);
    assert_eq!(found.gates[0].verdict, found.verdict);
    found.gates[0].clone()
}

#[test]
fn the_chance_of_a_gate_is_the_plans_own_chance_of_its_budget() {
    let value = plan_value_of(PHOTOS);
    let over_budget = value["bill"]["probability_over_budget"].as_f64().unwrap();
    let plan = saved(PHOTOS);
    let found = gate(&plan, Policy { max_monthly_usd: Some(9000.0), ..Policy::default() }, None);
    // The plan counts its draws; a gate knows mean and range alone and takes the law through them.
    assert!((found.probability_above.unwrap() - over_budget).abs() < 0.02, "{found:?} {over_budget}");
    assert_eq!(found.verdict, Verdict::Held);
    assert_eq!(found.margin, Some(9000.0 - plan.bill.month.mean));
    let sure = Policy { max_monthly_usd: Some(9000.0), confidence: Some(0.95), ..Policy::default() };
    let expected = if over_budget > 0.05 { Verdict::Broken } else { Verdict::Held };
    assert_eq!(gate(&plan, sure, None).verdict, expected);
    let at_p95 = Policy { max_monthly_usd: Some(plan.bill.month.p95 * 1.000_001), ..Policy::default() };
    let sure = Policy { confidence: Some(0.95), ..at_p95 };
    assert_eq!(gate(&plan, sure, None).verdict, Verdict::Held);
}

/// 60,000 dollars of credits pay the first seven months.
const CREDITS: &str = "
start = 2026-12-01
budget_usd_per_month = 5000
credits = [{ usd = 60_000 }]
[[route]]
name = \"photos\"
model = \"nano-banana-pro\"
prompt_tokens = 20
requests_per_month = 60_000
";

/// As a budget of Google Cloud does by default.
#[test]
fn a_months_dollars_are_what_is_owed_after_credits_unless_the_bill_is_asked_for() {
    let (plan, value) = (saved(CREDITS), plan_value_of(CREDITS));
    let net = &value["bill"]["net"];
    let owed = |policy: Policy| gate(&plan, policy, None);
    let month = Policy { max_monthly_usd: Some(5000.0), ..Policy::default() };
    let found = owed(month.clone());
    assert_eq!((found.verdict, found.money), (Verdict::Held, Some(MoneyOf::Owed)));
    assert_eq!(
        (found.value, found.probability_above),
        (net["month"]["mean"].as_f64(), net["probability_over_budget"].as_f64())
    );
    let explained = burndown::report::explain(&value, "/bill/net/probability_over_budget").unwrap();
    assert_eq!(explained.agrees, Some(true));
    let before = owed(Policy { money: Some(MoneyOf::Bill), ..month.clone() });
    assert_eq!((before.verdict, before.money), (Verdict::Broken, Some(MoneyOf::Bill)));
    assert_eq!(before.value, Some(plan.bill.month.mean));
    // What is owed of the last month is its whole bill; nothing of the first.
    let worst = owed(Policy { max_worst_month_usd: Some(9000.0), ..Policy::default() });
    let largest =
        net["by_month"].as_array().unwrap().iter().filter_map(|usd| usd.as_f64()).fold(0.0, f64::max);
    assert!(worst.of.as_deref() > Some("2027-08") && worst.value == Some(largest), "{worst:?}");
    assert!(worst.value.unwrap() > 8000.0 && net["by_month"][0].as_f64().unwrap() < 20.0, "{worst:?}");
    // A credit that runs out is no growth.
    let same = owed_increase(&plan, &saved(PHOTOS));
    assert!(same.value.unwrap().abs() < 1e-9 && same.money.is_none(), "{same:?}");
    let plain = gate(&saved(PHOTOS), month, None);
    assert_eq!((plain.verdict, plain.money), (Verdict::Broken, None), "no credits, nothing to name");
}

fn owed_increase(plan: &SavedPlan, baseline: &SavedPlan) -> burndown::projection::check::Gate {
    gate(plan, Policy { max_increase: Some(0.1), ..Policy::default() }, Some(baseline))
}

#[test]
fn the_command_line_and_a_policy_say_which_dollars_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("w.toml"), CREDITS).unwrap();
    fs::write(path("policy.toml"), "max_monthly_usd = 5000\nmoney = \"bill\"\n").unwrap();
    let run = |args: &[&str]| burndown(&[&["check", &path("w.toml"), ON], args].concat());
    let owed = run(&["--max-monthly-usd", "5000"]);
    assert!(
        owed.code == 0 && owed.stdout.contains("Months are held at what is owed after credits"),
        "{}",
        owed.stdout
    );
    let bill = run(&["--max-monthly-usd", "5000", "--money", "bill"]);
    assert!(
        bill.code == 1 && bill.stdout.contains("Months are held at the bill before credits"),
        "{}",
        bill.stdout
    );
    assert_eq!(run(&["--policy", &path("policy.toml")]).code, 1);
    assert_eq!(run(&["--policy", &path("policy.toml"), "--money", "owed"]).code, 0);
    let wrong = run(&["--max-monthly-usd", "5000", "--money", "net"]);
    assert!(
        wrong.code == 2 && wrong.stderr.contains("expected `owed` (after credits) or `bill`"),
        "{}",
        wrong.stderr
    );
    let plan = burndown(&["plan", &path("w.toml"), ON]);
    let screen = plan.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(screen.contains("over the budget of $5,000 with probability 100 %"), "{screen}");
    assert!(screen.contains("), over the budget with probability "), "{screen}");
}

#[test]
fn an_increase_is_counted_from_the_baseline() {
    let (small, large) = (saved(PHOTOS), saved(&PHOTOS.replace("60_000", "66_600")));
    let at = |share: f64| Policy { max_increase: Some(share), ..Policy::default() };
    let found = gate(&large, at(0.10), Some(&small));
    assert!((found.value.unwrap() - 0.11).abs() < 1e-9 && (found.margin.unwrap() + 0.01).abs() < 1e-9);
    assert_eq!(found.verdict, Verdict::Broken);
    assert_eq!(gate(&large, at(0.12), Some(&small)).verdict, Verdict::Held);
    assert_eq!(gate(&small, at(0.0), Some(&large)).verdict, Verdict::Held);
    assert_eq!(gate(&small, at(0.1), None).verdict, Verdict::CannotTell);
}

#[test]
fn the_dearest_month_is_the_one_that_growth_reaches() {
    let plan = saved(&format!("{PHOTOS}growth_per_month = 0.1\n"));
    let found = gate(&plan, Policy { max_worst_month_usd: Some(1.0), ..Policy::default() }, None);
    assert_eq!(found.of.as_deref(), Some("2027-11"));
    assert_eq!(found.value, Some(plan.bill.by_month[11].mean));
}

#[test]
fn a_bill_that_lacks_a_price_can_break_a_limit_but_never_hold_it() {
    let mut value = plan_value_of(PHOTOS);
    value["bill"]["complete"] = json!(false);
    let plan = SavedPlan::read(&value).unwrap();
    let at = |usd: f64| Policy { max_monthly_usd: Some(usd), ..Policy::default() };
    assert_eq!(gate(&plan, at(100_000.0), None).verdict, Verdict::CannotTell);
    assert_eq!(gate(&plan, at(100.0), None).verdict, Verdict::Broken);
}

/// The sizes that a plan looked at say what each leaves; others are not guessed.
#[test]
fn spill_is_read_at_the_count_that_is_bought() {
    let mut value = plan_value_of(PHOTOS);
    value["gsu"]["pools"][0]["curve"] = json!([]);
    value["gsu"]["pools"][0]["sizes"] = json!([
        { "gsu": 4, "left_share": 0.08, "rule": "form" },
        { "gsu": 6, "left_share": 0.01 },
        { "gsu": 9 },
    ]);
    let plan = SavedPlan::read(&value).unwrap();
    let at = |gsu| Policy { max_spill: Some(0.05), gsu, ..Policy::default() };
    let four = gate(&plan, at(Some(4)), None);
    assert_eq!((four.verdict, four.value), (Verdict::Broken, Some(0.08)));
    assert_eq!(gate(&plan, at(Some(6)), None).verdict, Verdict::Held);
    assert_eq!(gate(&plan, at(Some(0)), None).value, Some(1.0));
    let nine = gate(&plan, at(Some(9)), None);
    assert_eq!(nine.verdict, Verdict::CannotTell);
    assert_eq!(nine.note.as_deref(), Some("the plan says it for 4, 6 GSUs, not for 9"));
    assert_eq!(gate(&plan, at(None), None).verdict, Verdict::CannotTell);
    // A real plan knows every count.
    let curve = plan_value_of(PHOTOS)["gsu"]["pools"][0]["curve"].clone();
    for row in [4, 5, 9] {
        let left = curve[row]["left"]["tokens"].as_f64().unwrap();
        let found = gate(&saved(PHOTOS), at(Some(row as u64)), None);
        assert_eq!(found.value, Some(left), "{row} GSUs");
    }
}

#[test]
fn a_gate_that_cannot_be_told_is_exit_2_and_a_broken_one_exit_1() {
    let code = |args: &[&str]| {
        let run = burndown(&[&["check", "product-photos", ON], args].concat());
        (run.code, run.stderr)
    };
    assert_eq!(code(&["--max-monthly-usd", "9000"]), (0, String::new()));
    assert_eq!(code(&["--max-monthly-usd", "8000"]), (1, String::new()));
    assert_eq!(code(&["--max-monthly-usd", "9000", "--confidence", "90%"]).0, 1);
    let spill = code(&["--max-monthly-usd", "9000", "--max-spill", "5%", "--gsu", "3"]);
    if spill.0 == 2 {
        assert_eq!(spill.1, "error: cannot tell whether max_spill holds\n");
    }
    let none = code(&[]);
    assert_eq!(none.0, 2);
    assert!(none.1.starts_with("error: nothing to check\n\nhint: --max-monthly-usd N"), "{}", none.1);
    assert_eq!(code(&["--max-gsu", "4"]).0, 0);
    assert_eq!(code(&["--max-gsu", "3"]).0, 1);
    let run = burndown(&["check", "captions", ON, "--max-increase=-3%"]);
    assert!(run.code == 2 && run.stderr.contains("--max-increase"), "{}", run.stderr);
}

/// Each bad policy has its message beside it; `BLESS=1` writes them anew.
#[test]
fn every_bad_policy_gets_its_message() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bad_policies");
    let names = crate::bad_files(folder, 12);
    for name in names {
        let run = burndown_with(&["check", "captions", ON, "--policy", &name], b"", folder);
        let beside = format!("{folder}/{}.stderr", name.trim_end_matches(".toml"));
        if std::env::var_os("BLESS").is_some() && run.code == 2 && run.stdout.is_empty() {
            fs::write(&beside, &run.stderr).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_else(|_| format!("(no {beside})"));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{name}");
        assert_eq!(run.stderr, expected, "{name}");
    }
}

#[test]
fn a_policy_file_names_its_baseline_and_flags_win() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("base.json"), plan_value_of(PHOTOS).to_string()).unwrap();
    fs::write(path("new.json"), plan_value_of(&PHOTOS.replace("60_000", "90_000")).to_string()).unwrap();
    fs::write(
        path("policy.toml"),
        "schema = \"burndown.policy/1\"\nmax_increase = \"20 %\"\nbaseline = \"base.json\"\n",
    )
    .unwrap();
    let (new, policy) = (path("new.json"), path("policy.toml"));
    assert_eq!(burndown(&["check", &new, "--policy", &policy]).code, 1);
    assert_eq!(burndown(&["check", &new, "--policy", &policy, "--max-increase", "60%"]).code, 0);
    assert_eq!(burndown(&["check", &new, "--policy", &policy, "--baseline", &new]).code, 0);
}

fn days(first: u32, last: u32, usd: f64) -> DailySpend {
    (first..=last).map(|day| (format!("2026-12-{day:02}").parse().unwrap(), usd)).collect()
}

/// Ten even days of 31: expected is 10/31 of the month; the variance is the level's plus 0.28² / 10.
#[test]
fn the_month_to_date_has_the_plans_range_for_its_days() {
    let plan = saved(PHOTOS);
    let month = plan.bill.by_month[0];
    let found = month_to_date(&plan, &days(1, 10, month.mean / 31.0)).unwrap();
    assert!((found.expected_usd - month.mean * 10.0 / 31.0).abs() < 1e-9);
    assert!((found.actual_usd - found.expected_usd).abs() < 1e-9);
    let cv = LogNormal::through(month.mean, month.p95).unwrap().coefficient_of_variation();
    let to_date = (cv * cv - 0.28_f64.powi(2) / 30.0 + 0.28_f64.powi(2) / 10.0).sqrt();
    let law = LogNormal::new(found.expected_usd, found.expected_usd * to_date);
    assert!((found.p95 - law.quantile(0.95)).abs() < 1e-6 && (found.p05 - law.quantile(0.05)).abs() < 1e-6);
    assert!(!found.above && !found.below);
    // Days as planned leave the month where it was, within the small skew of the log-normal.
    assert!((found.month_expected_usd[0] / month.mean - 1.0).abs() < 0.01, "{:?}", found.month_expected_usd);
    assert!(found.month_expected_usd[1] > month.p05 && found.month_expected_usd[2] < month.p95);
}

#[test]
fn twice_the_plan_is_above_and_half_of_it_below_the_range() {
    let plan = saved(PHOTOS);
    let daily = plan.bill.by_month[0].mean / 31.0;
    let twice = month_to_date(&plan, &days(1, 20, 2.0 * daily)).unwrap();
    assert!(twice.above && twice.probability_of_more < 0.001);
    // The days to come are expected near twice the plan, too: at the plan itself it would be 1.65 of it.
    assert!(twice.month_expected_usd[0] > 1.8 * twice.month_planned_usd);
    assert!(month_to_date(&plan, &days(1, 20, 0.5 * daily)).unwrap().below);
    // The whole month is spent: nothing is left to expect.
    let whole = month_to_date(&plan, &days(1, 31, daily)).unwrap();
    assert!((whole.month_expected_usd[2] - whole.actual_usd).abs() < 1e-6);
}

/// Office weeks have no spend on Saturdays: 2026-12-05 and 06 count nothing, the others 1/23 each.
#[test]
fn weekends_of_an_office_expect_nothing() {
    let plan = saved(&format!("{PHOTOS}day_shape = \"office\"\n"));
    let month = plan.bill.by_month[0].mean;
    let found = month_to_date(&plan, &days(1, 6, 100.0)).unwrap();
    assert!((found.expected_usd - month * 4.0 / 23.0).abs() < 1e-6, "{}", found.expected_usd);
}

#[test]
fn days_without_a_row_are_left_out_on_both_sides() {
    let plan = saved(PHOTOS);
    let mut spend = days(1, 10, 100.0);
    spend.remove(&"2026-12-04".parse().unwrap());
    spend.remove(&"2026-12-07".parse().unwrap());
    let found = month_to_date(&plan, &spend).unwrap();
    assert_eq!((found.days, found.days_missing), (8, 2));
    assert!((found.expected_usd - plan.bill.by_month[0].mean * 8.0 / 31.0).abs() < 1e-9);
}

#[test]
fn spend_by_day_that_cannot_be_read_says_where() {
    let message =
        |text: &str| read_daily(text, None).unwrap_err().to_string().lines().next().unwrap().to_string();
    assert_eq!(message("date,usd\n"), "line 1: no column `day` among `date,usd`");
    assert_eq!(
        message("day,usd\n2026-12-01,5\n2026-12-32,5\n"),
        "line 3: expected a day between the years 2000 and 2100 such as `2026-12-01`, found `2026-12-32`"
    );
    assert_eq!(message("day,usd\n2026-12-01,many\n"), "line 2: expected an amount of dollars, found `many`");
    let plan = shipped_plan("product-photos");
    assert_eq!(
        month_to_date(&plan, &read_daily("day,usd\n", None).unwrap()).unwrap_err().to_string(),
        "there is no spend of any day"
    );
    assert_eq!(
        month_to_date(&plan, &read_daily("day,usd\n2026-11-30,5\n", None).unwrap()).unwrap_err().to_string(),
        "the last day with spend is 2026-11-30, and the plan covers 2026-12-01 to 2027-11-30"
    );
}
