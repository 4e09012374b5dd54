//! Would the ranges have held: on observations, and on plans against the bills of their months.

use std::fmt::Write;

use burndown::{
    calendar::Day,
    projection::{
        backtest::{ObservedBacktest, observed},
        check::read_daily,
    },
    stats::generator,
    usage::{Observation, read_observations},
};
use rand_distr::{Distribution, LogNormal, Poisson};

use crate::{cli::burndown, diff::plan_value_of};

/// Requests of so many days: about 40 a day, thinking that scatters by a log-normal, one picture each.
fn days(count: u32, later: f64) -> String {
    let mut random = generator(20_261_121, 11);
    let first: Day = "2026-07-01".parse().unwrap();
    let thinking = LogNormal::new(5.0, 0.8).unwrap();
    let volume = Poisson::new(40.0).unwrap();
    let mut lines = String::new();
    for at in 0..count {
        let day = first.plus_days(at);
        let requests: f64 = volume.sample(&mut random);
        for number in 0..requests as u32 {
            let grown = if at < count / 2 { 1.0 } else { later };
            let thoughts = (thinking.sample(&mut random) * grown) as u64;
            let minute = number * 1439 / (requests as u32 - 1).max(1);
            let total = 30 + 1120 + thoughts;
            writeln!(
                lines,
                r#"{{"schema":"burndown.observation/1","at":"{day}T{:02}:{:02}:00Z","backend":"vertex","model":"gemini-3-pro-image","shape":{{"output_size":"1K"}},"status":200,"usage":{{"promptTokenCount":30,"candidatesTokenCount":1120,"thoughtsTokenCount":{thoughts},"totalTokenCount":{total},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":30}}],"candidatesTokensDetails":[{{"modality":"IMAGE","tokenCount":1120}}],"trafficType":"ON_DEMAND"}},"image_parts":1,"kind":"measured"}}"#,
                minute / 60,
                minute % 60,
            )
            .unwrap();
        }
    }
    lines
}

fn observations(count: u32, later: f64) -> Vec<Observation> {
    read_observations(&days(count, later)).unwrap()
}

fn tested(observations: &[Observation], train: u32, horizon: u32) -> ObservedBacktest {
    observed(observations, &crate::shipped().prices, train, horizon).unwrap()
}

#[track_caller]
fn series(found: &ObservedBacktest, of: &str, per_request: bool) -> burndown::projection::backtest::Backtest {
    let series = found.series.iter().find(|series| series.of == of && series.per_request == per_request);
    series.unwrap_or_else(|| panic!("no {of}")).result.clone()
}

/// By hand: 30 × 2 + 1,120 × 120 + thoughts × 12 dollars a million.
#[test]
fn what_comes_is_what_was_observed() {
    let all = observations(33, 1.0);
    let found = tested(&all, 28, 5);
    assert_eq!((found.days, found.requests), (33, all.len() as u64));
    let bill = series(&found, "bill", false);
    assert_eq!(bill.cases.len(), 1);
    let last: Vec<&Observation> =
        all.iter().filter(|observation| observation.at.as_deref().unwrap() >= "2026-07-29").collect();
    let thoughts: u64 = last
        .iter()
        .map(|observation| observation.usage.as_ref().unwrap()["thoughtsTokenCount"].as_u64().unwrap())
        .sum();
    let usd = (last.len() as f64 * (30.0 * 2.0 + 1120.0 * 120.0) + thoughts as f64 * 12.0) / 1e6;
    assert!((bill.cases[0].actual - usd).abs() < 1e-9, "{} is not {usd}", bill.cases[0].actual);
    assert_eq!(series(&found, "output_thinking", false).cases[0].actual, thoughts as f64);
    assert_eq!(series(&found, "requests", false).cases[0].actual, last.len() as f64);
    let each = series(&found, "output_thinking", true);
    assert!((each.cases[0].actual - thoughts as f64 / last.len() as f64).abs() < 1e-9);
}

/// Stationary days: the stated 90 % hold within three binomial standard errors, for the bill, for each class and for
/// tokens per request; a class that is always the same is certain and right.
#[test]
fn a_steady_service_is_covered_as_stated() {
    let found = tested(&observations(28 + 60 * 3, 1.0), 28, 3);
    for (of, per_request) in [
        ("bill", false),
        ("requests", false),
        ("output_thinking", false),
        ("output_thinking", true),
        ("bill", true),
    ] {
        let result = series(&found, of, per_request);
        assert_eq!(result.cases.len(), 60);
        let share = result.inside as f64 / 60.0;
        assert!((share - 0.9).abs() < 3.0 * (0.09_f64 / 60.0).sqrt(), "{of} {per_request}: {share}");
        assert!(result.bias.abs() < 0.1, "{of}: {}", result.bias);
    }
    let image = series(&found, "output_image", true);
    assert_eq!((image.inside, image.mean_absolute_error), (60, 0.0));
}

/// Thinking that doubles half way is seen as misses above, per request at once.
#[test]
fn a_change_of_behaviour_shows_as_misses() {
    let found = tested(&observations(84, 2.0), 28, 7);
    let result = series(&found, "output_thinking", true);
    assert!(result.above >= 2 && result.bias > 0.05, "{result:?}");
    assert_eq!(
        series(&found, "requests", false).above,
        series(&tested(&observations(84, 1.0), 28, 7), "requests", false).above
    );
}

#[test]
fn too_little_is_refused_with_what_would_do() {
    let message = |count: u32| {
        observed(&observations(count, 1.0), &crate::shipped().prices, 28, 7).unwrap_err().to_string()
    };
    assert_eq!(
        message(20),
        "20 days of spend hold no 28 days in a row with 7 after them\n\nhint: with 20 days in a row, --train-days 10 --horizon-days 2 makes five predictions"
    );
    assert!(message(5).ends_with("a test takes 8 days at least: 3 to learn from and 5 to predict"));
    assert!(observed(&[], &crate::shipped().prices, 28, 7).is_err());
    let mut undated = observations(40, 1.0);
    undated.iter_mut().for_each(|observation| observation.at = None);
    assert!(observed(&undated, &crate::shipped().prices, 28, 7).is_err());
}

#[test]
fn what_does_not_count_is_named_and_cut_days_are_left_out() {
    let mut all = observations(40, 1.0);
    all.retain(|observation| {
        let at = observation.at.as_deref().unwrap();
        // The log begins at noon and ends in the morning.
        ("2026-07-01T12".."2026-08-09T09").contains(&at)
    });
    all[500].model = "somebody-elses".into();
    all[501].kind = burndown::usage::RecordKind::Rehearsed;
    all[502].usage = None;
    let found = tested(&all, 28, 5);
    assert_eq!((found.first.to_string(), found.last.to_string()), ("2026-07-02".into(), "2026-08-08".into()));
    let left: Vec<(&str, u64)> = found.left_out.iter().map(|(reason, n)| (*reason, *n)).collect();
    assert_eq!(
        left,
        [("of a model that the book does not know", 1), ("rehearsed or made up", 1), ("without usage", 1)]
    );
}

#[test]
fn observations_are_told_from_spend_by_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    std::fs::write(&path, days(40, 1.0)).unwrap();
    let path = path.display().to_string();
    let run = burndown(&["backtest", &path, "--train-days", "20", "--horizon-days", "4"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains(" of 5 bills inside the range · "), "{}", run.stdout);
    assert!(run.stdout.contains("thinking tokens") && run.stdout.contains("a request"), "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
    let run = burndown(&["backtest", &path, "--json", "--train-days", "20"]);
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(value["schema"], "burndown.backtest_observed/1");
    assert_eq!(value["series"][0]["of"], "bill");
}

/// December to February at the plan's own expectation but one: two of three inside.
#[test]
fn past_plans_are_held_against_the_bills_of_their_months() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let value = plan_value_of(
        "start = 2026-12-01\n[[route]]\nname = \"a\"\nmodel = \"nano-banana-pro\"\nprompt_tokens = 20\nrequests_per_month = 60_000\n",
    );
    std::fs::write(path("plan.json"), value.to_string()).unwrap();
    let mut later = value.clone();
    later["workload"]["as_of"] = "2027-06-01".into();
    std::fs::write(path("late.json"), later.to_string()).unwrap();
    let month = |at: usize| value["bill"]["by_month"][at]["mean"].as_f64().unwrap();
    let bill = |first: &str, count: u32, usd: f64, currency: &str| {
        let first: Day = first.parse().unwrap();
        let rows = (0..count).map(|at| format!("{},{}\n", first.plus_days(at), usd / f64::from(count)));
        format!("day,{currency}\n{}", rows.collect::<String>())
    };
    std::fs::write(path("dec.csv"), bill("2026-12-01", 31, month(0) * 0.92, "eur")).unwrap();
    std::fs::write(path("jan.csv"), bill("2027-01-01", 31, month(1) * 2.0 * 0.92, "EUR")).unwrap();
    std::fs::write(path("feb.csv"), bill("2027-02-01", 28, month(2) * 0.92, "eur")).unwrap();
    std::fs::write(path("mar.csv"), bill("2027-03-01", 12, 1000.0, "eur")).unwrap();
    let bills = ["dec.csv", "jan.csv", "feb.csv", "mar.csv"].map(path);
    let bills: Vec<&str> = bills.iter().map(String::as_str).collect();
    let (plan, late) = (path("plan.json"), path("late.json"));
    let run = burndown(
        &[&["backtest", "--currency-rate", "0.92", "--plans", &plan, &late, "--bills"], &bills[..]].concat(),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("2 of 3 inside the range, 1 above, 0 below\n"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("the plan was made after that month").count(), 3, "{}", run.stderr);
    let run = burndown(&[&["backtest", "--plans", &plan, "--bills"], &bills[..]].concat());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("the spend is in EUR and the plan in US dollars"), "{}", run.stderr);
    let run = burndown(&["backtest", "--currency-rate", "0.92", "--plans", &plan, "--bills", bills[3]]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no plan covers a month that the bills hold whole"), "{}", run.stderr);
}

#[test]
fn spend_in_another_currency_is_converted_by_a_given_rate_or_refused() {
    let sum = |text: &str, rate: Option<f64>| -> Result<f64, String> {
        let spend = read_daily(text, rate).map_err(|error| error.to_string())?;
        Ok(spend.values().sum())
    };
    assert_eq!(sum("day,usd\n2026-12-01,5\n2026-12-01,6\n", None), Ok(11.0));
    assert_eq!(sum("day,EUR\n2026-12-01,46\n", Some(0.92)), Ok(50.0));
    assert_eq!(sum("day,cost,currency\n2026-12-01,46,eur\n", Some(0.92)), Ok(50.0));
    assert_eq!(sum("day,amount,currency\n2026-12-01,46,USD\n", None), Ok(46.0));
    let no_rate = "the spend is in EUR and the plan in US dollars\n\nhint: --currency-rate N says what a US dollar costs, e.g. --currency-rate 0.92";
    assert_eq!(sum("day,eur\n2026-12-01,46\n", None), Err(no_rate.into()));
    assert_eq!(sum("day,cost,currency\n2026-12-01,46,EUR\n", None), Err(no_rate.into()));
    assert!(sum("day,usd\n2026-12-01,46\n", Some(0.92)).unwrap_err().contains("would change it"));
    assert!(
        sum("day,cost,currency\n2026-12-01,46,EUR\n2026-12-02,46,GBP\n", Some(0.92))
            .unwrap_err()
            .contains("line 3: the spend is in EUR and in GBP")
    );
    let run = burndown(&["check", "product-photos", "--max-gsu", "4", "--currency-rate", "0.92"]);
    assert_eq!(run.code, 2, "a rate without spend says nothing");
}
