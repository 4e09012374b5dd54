//! A plan of many routes and pools says of each what a plan of it alone says.

use std::collections::BTreeSet;

use burndown::projection::Plan;
use serde_json::Value;

use crate::paper::plan_of_text;

#[path = "../../benches/ratios/company.rs"]
mod company;

/// The routes of one pool alone.
fn alone(text: &str, pool: usize, pools: usize) -> String {
    let mut parts = text.split("[[route]]");
    let head = parts.next().unwrap().to_string();
    let own = parts.enumerate().filter(|(route, _)| route % pools == pool);
    own.fold(head, |text, (_, route)| format!("{text}[[route]]{route}"))
}

fn pool_of(plan: &Plan, pool: usize) -> Value {
    serde_json::to_value(&plan.gsu.pools[pool]).unwrap()
}

/// Every route stands in one pool, and the bill is the sum of the routes.
fn check_whole(plan: &Plan, routes: usize, pools: usize) {
    assert_eq!((plan.routes.len(), plan.gsu.pools.len()), (routes, pools));
    let names: Vec<&str> = plan.gsu.pools.iter().flat_map(|pool| &pool.routes).map(String::as_str).collect();
    assert_eq!(names.len(), routes);
    assert_eq!(names.into_iter().collect::<BTreeSet<_>>().len(), routes);
    let sum: f64 = plan.routes.iter().map(|route| route.chosen().usd_per_month).sum();
    assert!((plan.bill.month.mean / sum - 1.0).abs() < 1e-9, "{} against {sum}", plan.bill.month.mean);
}

#[test]
fn a_pool_among_others_is_what_it_is_alone() {
    let (routes, pools) = (8, 4);
    let text = company::workload(routes, pools, 4e6);
    let plan = plan_of_text(&text);
    check_whole(&plan, routes, pools);
    for pool in [1, 3] {
        let own = plan_of_text(&alone(&text, pool, pools));
        assert_eq!(own.gsu.pools.len(), 1);
        assert_eq!(pool_of(&own, 0), pool_of(&plan, pool));
    }
}

/// Four kinds of request on a pool of every model: what the plan prints of its look-ups is what is promised.
#[test]
fn a_companys_look_ups_are_within_half_a_point() {
    let plan = plan_of_text(&company::workload(40, 10, 2e8));
    let outlook = plan.outlook.expect("a company's pools have an outlook");
    assert_eq!(outlook.pools.len(), 10);
    for pool in &outlook.pools {
        println!("{}: {:.5}", pool.model, pool.look_up_error);
        assert!((1e-6..0.005).contains(&pool.look_up_error), "{}: {}", pool.model, pool.look_up_error);
    }
}

/// A company's year: 200 kinds of request, 50 pools, a billion requests a month; and more uncertain numbers than a
/// sequence of points has dimensions.
#[test]
fn a_company_of_two_hundred_routes_is_planned() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    check_whole(&plan_of_text(&company::workload(200, 50, 1e9)), 200, 50);
    let many = plan_of_text(&company::workload(80, 80, 8e5));
    check_whole(&many, 80, 80);
    assert!(many.variance.evaluations > 2048 * 130, "{}", many.variance.evaluations);
}
