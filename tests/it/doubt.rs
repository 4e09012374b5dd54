//! How sure the plan is: parts in the variance, the purchase over the draws, what to measure next.

use burndown::{
    commands::SHIPPED_WORKLOADS,
    projection::{DriverKind, MeasureKind, Plan},
    report::Report,
};

use crate::cli::{burndown, plan_of};

/// What inputs do alone and together fills the variance of the bill, which hardly has interactions.
#[test]
fn the_parts_of_the_bill_add_up_to_its_variance() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let indices: Vec<_> = plan.drivers.iter().filter_map(|driver| driver.sobol?.cost).collect();
        assert!(!indices.is_empty(), "{workload}");
        let first: f64 = indices.iter().map(|index| index.first).sum();
        let total: f64 = indices.iter().map(|index| index.total).sum();
        let error = indices.iter().map(|index| index.first_error).sum::<f64>();
        assert!((first - 1.0).abs() < 0.05 + error, "{workload}: S add up to {first} ± {error}");
        assert!((0.98..1.1).contains(&total), "{workload}: ST add up to {total}");
        for driver in &plan.drivers {
            assert_eq!(driver.sobol.is_none(), driver.kind == DriverKind::Switch, "{}", driver.name);
        }
    }
}

/// An estimate that is not told from nothing says so in the table, the JSON and the chart; none is cut off at zero.
#[test]
fn an_index_below_what_the_study_can_tell_says_so_everywhere() {
    let mut untold = 0;
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let value = serde_json::to_value(&plan).unwrap();
        let table = Report::of(&plan).tables.into_iter().find(|table| table.name == "drivers").unwrap();
        for ((driver, row), json) in
            plan.drivers.iter().zip(&table.rows).zip(value["drivers"].as_array().unwrap())
        {
            let Some(sobol) = &driver.sobol else { continue };
            let indices = [("cost", sobol.cost, 4), ("gsu", sobol.gsu, 6), ("regret", sobol.regret, 8)];
            for (name, index, column) in indices {
                let Some(index) = index else { continue };
                let told = index.first > 1.96 * index.first_error;
                assert_eq!(
                    (index.first_told, &json["sobol"][name]["first_told"]),
                    (told, &serde_json::Value::from(told))
                );
                assert_eq!(row[column].number, Some(index.first), "{workload}: {}", driver.name);
                let said = row[column].text.contains("not told from 0");
                assert_eq!(said, !told && index.first_error > 0.0, "{}", row[column].text);
                untold += u32::from(said);
            }
        }
    }
    assert!(untold > 0, "some index of the shipped workloads is next to nothing");
}

/// The study draws the same law as the simulation, log-normal tokens apart.
#[test]
fn the_study_has_the_mean_and_the_spread_of_the_simulation() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let month = &plan.bill.simulation.month;
        let width = (month.p95 - month.p05) / (2.0 * 1.645);
        let cost = plan.variance.cost;
        assert!((cost.mean / month.mean - 1.0).abs() < 0.02, "{workload}: {} {}", cost.mean, month.mean);
        assert!((cost.standard_deviation / width - 1.0).abs() < 0.15, "{workload}: {cost:?} {width}");
    }
}

/// One input at a time cannot see regret; its total indices add up to more than its first-order ones.
#[test]
fn regret_comes_from_inputs_together() {
    let plan = plan_of("company");
    let regrets: Vec<_> = plan.drivers.iter().filter_map(|driver| driver.sobol?.regret).collect();
    let first: f64 = regrets.iter().map(|index| index.first.clamp(0.0, index.total)).sum();
    let total: f64 = regrets.iter().map(|index| index.total).sum();
    assert!(first < 0.8 && total > 1.2, "S {first}, ST {total}");
}

#[test]
fn committed_and_variable_dollars_are_the_whole_month() {
    for workload in SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let Some(outlook) = &plan.outlook else { continue };
        let fees = outlook.committed_usd_per_month;
        assert!((outlook.total.mean - outlook.variable.mean - fees).abs() < 1e-6, "{workload}");
        assert!((outlook.total.p95 - outlook.variable.p95 - fees).abs() < 1e-6, "{workload}");
        assert!(outlook.regret.quantiles[0] >= 0.0 && outlook.regret.p05 <= outlook.regret.p95, "{workload}");
        let cheapest = &outlook.cheapest;
        assert!(cheapest.p05 <= cheapest.p50 && cheapest.p50 <= cheapest.p95, "{workload}");
        for pool in &outlook.pools {
            let named: f64 = pool.cheapest.likeliest.iter().map(|count| count.share).sum();
            assert!(named <= 1.0 + 1e-9 && named > 0.5, "{workload}: {named}");
            println!("{workload}: {} {}: {:.5}", pool.model, pool.endpoint, pool.look_up_error);
            let bounds = 1e-9..0.005;
            assert!(bounds.contains(&pool.look_up_error), "{workload}: {pool:?}");
        }
        if fees == 0.0 {
            let month = &plan.bill.simulation.month;
            assert!((outlook.variable.mean / month.mean - 1.0).abs() < 1e-6, "{workload}");
        }
    }
}

/// The count that most draws find cheapest is the one that the terms' table calls cheapest, give or take one step
/// of the saw-tooth.
#[test]
fn the_likeliest_count_is_that_of_the_cheapest_term() {
    let plan = plan_of("company");
    let outlook = plan.outlook.unwrap();
    for (pool, drawn) in plan.gsu.pools.iter().zip(&outlook.pools) {
        let price = |term: &&burndown::projection::TermVerdict| term.usd_per_gsu_month;
        let term = pool.terms.iter().min_by(|a, b| price(a).total_cmp(&price(b))).unwrap();
        assert_eq!(drawn.cheapest.likeliest[0].gsu, term.gsu, "{}", pool.model);
    }
}

#[test]
fn what_to_measure_next_has_its_price_and_narrows_the_range() {
    let plan = plan_of("product-photos");
    let log = plan.measure_next.iter().find(|next| next.kind == MeasureKind::Traffic).unwrap();
    assert_eq!((log.requests, log.usd_at_worst), (0, 0.0));
    let paid = plan.measure_next.iter().find(|next| next.kind == MeasureKind::Calibration).unwrap();
    // 3 Pro Image by contract: 32,768 tokens at the price of images, 120 a million, the prompt's at 2; a quarter.
    let prompt = 2.0 * 15.0 * 1.3 + 64.0 + 20_000.0;
    let worst = 1.25 * (32_768.0 * 120.0 + f64::floor(prompt) * 2.0) / 1e6;
    assert!(
        (paid.usd_per_request_at_worst - worst).abs() < 0.01,
        "{} {worst}",
        paid.usd_per_request_at_worst
    );
    let each = plan.bill.usd_per_request;
    assert!((paid.usd_expected - paid.requests as f64 * each).abs() < 1e-9);
    assert!(paid.usd_expected < paid.budget_usd && paid.budget_usd < paid.usd_at_worst);
    for next in &plan.measure_next {
        assert!((0.0..1.0).contains(&next.narrows), "{}", next.what);
        assert!(next.range_usd_after <= next.range_usd, "{}", next.what);
    }
    assert!(paid.settles[0].starts_with("draft images?"), "{:?}", paid.settles);
    assert!(paid.settles_usd > 0.0);
}

/// A volume that is known exactly cannot be narrowed by a log.
#[test]
fn what_is_known_is_not_proposed() {
    let narrow = plan_with_volume("[59_999.99, 60_000, 60_000.01]");
    let wide = plan_with_volume("[30_000, 60_000, 120_000]");
    let by_log = |plan: &serde_json::Value| {
        let all = plan["measure_next"].as_array().unwrap();
        let found = all.iter().find(|next| next["what"].as_str().unwrap().starts_with("requests a month"));
        found.map_or(0.0, |next| next["narrows"].as_f64().unwrap())
    };
    assert_eq!(by_log(&narrow), 0.0);
    assert!(by_log(&wide) > 0.5, "{}", by_log(&wide));
}

fn plan_with_volume(volume: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.toml");
    let text = format!(
        "[[route]]\nname = \"photos\"\nmodel = \"gemini-3-pro-image\"\nplacements = [\"developer\"]\nprompt_tokens = 100\nrequests_per_month = {volume}\n"
    );
    std::fs::write(&file, text).unwrap();
    let output = burndown(&["plan", file.to_str().unwrap(), "--json", "--on=2026-11-21"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

/// The order of the threads must not reach the new numbers: the whole plan's bytes are compared in `coverage`; here
/// those of a plan with two pools and waiting routes, part by part, so that a difference names its part.
#[test]
fn variance_and_outlook_are_the_same_on_any_number_of_threads() {
    let on = |threads: usize| -> Plan {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| plan_of("company"))
    };
    let (one, three) = (on(1), on(3));
    let bytes = |plan: &Plan| {
        [
            serde_json::to_string(&plan.drivers).unwrap(),
            serde_json::to_string(&plan.variance).unwrap(),
            serde_json::to_string(&plan.outlook).unwrap(),
            serde_json::to_string(&plan.measure_next).unwrap(),
        ]
    };
    assert_eq!(bytes(&one), bytes(&three));
}

#[test]
fn a_calibration_takes_its_placement_and_its_number_from_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let plan = burndown(&["plan", "product-photos", "--json", "--on=2026-11-21"]);
    std::fs::write(place("plan.json"), &plan.stdout).unwrap();
    let run = burndown(&[
        "calibrate",
        "product-photos",
        "--dry-run",
        "--json",
        "--on=2026-11-21",
        "--from-plan",
        &place("plan.json"),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let proposed = plan["measure_next"].as_array().unwrap().iter().find(|next| !next["placement"].is_null());
    let dry: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let requests = dry["requests"].as_u64().unwrap();
    assert!(requests > 0 && requests <= proposed.unwrap()["requests"].as_u64().unwrap(), "{requests}");
    let cells = dry["cells"].as_array().unwrap();
    assert!(!cells.is_empty());
    for cell in cells {
        assert!(cell.to_string().contains("vertex:global"), "{cell}");
    }
    std::fs::write(place("other.json"), "{\"schema\":\"burndown.other/1\"}").unwrap();
    let run = burndown(&["calibrate", "product-photos", "--dry-run", "--from-plan", &place("other.json")]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("expected the schema `burndown.plan/1`, found `burndown.other/1`"),
        "{}",
        run.stderr
    );
}
