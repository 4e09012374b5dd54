//! Numbers that make no chart.

use super::*;

#[test]
fn spend_that_cannot_be_drawn_is_refused_in_a_sentence() {
    let check = |spoil: fn(&mut MonthlySpend), expected: &str| {
        let mut spend = usual_spend(3);
        spoil(&mut spend);
        assert_eq!(draw_monthly_spend(&spend).unwrap_err().to_string(), expected);
    };
    check(
        |spend| spend.chosen.usd[1] = Some(f64::NAN),
        "the spend of `vertex:global` in `2027-01` must be a number from 0 to 1e15, found NaN",
    );
    check(
        |spend| spend.others[2].usd[0] = Some(-1.0),
        "the spend of `developer` in `2026-12` must be a number from 0 to 1e15, found -1",
    );
    check(
        |spend| spend.high[2] = f64::INFINITY,
        "the high end of the range in `2027-02` must be a number from 0 to 1e15, found inf",
    );
    check(|spend| spend.budget_usd = Some(-5.0), "the budget must be a number from 0 to 1e15, found -5");
    check(
        |spend| (spend.low[0], spend.high[0]) = (2.0, 1.0),
        "the range in `2026-12` must not end below its start, found 2 to 1 USD",
    );
    check(|spend| spend.low.push(1.0), "the low end of the range must have 3 values, found 4");
    check(
        |spend| spend.chosen.usd = vec![None; 3],
        "the chosen placement `vertex:global` is not available in any month",
    );
    check(|spend| spend.months.clear(), "a chart needs at least one month, found none");
    check(|spend| spend.months = months_from(2026, 12, 61), "a chart takes at most 60 months, found 61");
}

#[test]
fn costs_that_cannot_be_drawn_are_refused_in_a_sentence() {
    let check = |spoil: fn(&mut CostByClass), expected: &str| {
        let mut cost = usual_cost();
        spoil(&mut cost);
        assert_eq!(draw_cost_by_class(&cost).unwrap_err().to_string(), expected);
    };
    check(
        |cost| cost.bars[3].values[1] = f64::NAN,
        "`thinking` of `developer` must be a number from 0 to 1e15, found NaN",
    );
    check(
        |cost| cost.bars[3].values = vec![6e14; 6],
        "the total of `developer` must be a number from 0 to 1e15, found 3600000000000000",
    );
    check(|cost| cost.bars[3].values.truncate(2), "the bar `developer` must have 6 values, found 2");
    check(|cost| cost.bars.clear(), "a chart needs at least one bar, found none");
    check(|cost| cost.classes.clear(), "a chart needs at least one class, found none");
    check(|cost| cost.classes = vec!["class".into(); 9], "a chart takes at most 8 classes, found 9");
}

#[test]
fn costs_of_gsus_that_cannot_be_drawn_are_refused_in_a_sentence() {
    let check = |spoil: fn(&mut GsuCost), expected: &str| {
        let mut cost = usual_gsu_cost();
        spoil(&mut cost);
        assert_eq!(draw_gsu_cost(&cost).unwrap_err().to_string(), expected);
    };
    check(
        |cost| cost.terms[3].usd[11] = Some(f64::NAN),
        "the cost of 12 GSU for `1 year` must be a number from 0 to 1e15, found NaN",
    );
    check(
        |cost| cost.pay_as_you_go_usd = -1.0,
        "the cost without GSUs must be a number from 0 to 1e15, found -1",
    );
    check(|cost| cost.counts[2] = 2, "GSU counts must rise, found 2 after 2");
    check(|cost| cost.terms[1].usd.truncate(2), "the term `1 month` must have 60 values, found 2");
    check(|cost| cost.counts.clear(), "a chart needs at least one GSU count, found none");
    check(|cost| cost.terms.clear(), "a chart needs at least one term, found none");
    check(|cost| cost.terms = vec![TermCost::default(); 7], "a chart takes at most 6 terms, found 7");
    check(
        |cost| cost.counts = (0..100_001).collect(),
        "a chart takes at most 100000 GSU counts, found 100001",
    );
}

#[test]
fn loads_that_cannot_be_drawn_are_refused_in_a_sentence() {
    let check = |spoil: fn(&mut LoadDuration), expected: &str| {
        let mut load = usual_load();
        spoil(&mut load);
        assert_eq!(draw_load_duration(&load).unwrap_err().to_string(), expected);
    };
    check(
        |load| load.load_gsus[3] = f64::NAN,
        "the load of hour 3 must be a number from 0 to 1e15, found NaN",
    );
    check(
        |load| load.windows = Some(WindowLoad { low_gsus: vec![2.0; 168], high_gsus: vec![1.0; 168] }),
        "the range of the windows in hour 0 must not end below its start, found 2 to 1 GSU",
    );
    check(
        |load| load.windows = Some(WindowLoad::default()),
        "the low end of the windows must have 168 values, found 0",
    );
    check(|load| load.load_gsus.clear(), "a chart needs at least one hour, found none");
    check(|load| load.load_gsus = vec![1.0; 8_785], "a chart takes at most 8784 hours, found 8785");
    check(
        |load| load.counts = vec![NamedCount::default(); 13],
        "a chart takes at most 12 named counts, found 13",
    );
}

#[test]
fn weeks_that_cannot_be_drawn_are_refused_in_a_sentence() {
    let check = |spoil: fn(&mut WeekHeatMap), expected: &str| {
        let mut map = usual_spill();
        spoil(&mut map);
        assert_eq!(draw_week_heat_map(&map).unwrap_err().to_string(), expected);
    };
    check(
        |map| map.values[39] = Some(1.2),
        "the share on Tuesday at 15:00 must be a number from 0 to 1, found 1.2",
    );
    check(
        |map| (map.quantity, map.values[167]) = (WeekQuantity::Load, Some(-2.0)),
        "the load on Sunday at 23:00 must be a number from 0 to 1e15, found -2",
    );
    check(|map| map.values.truncate(24), "a week must have 168 values, found 24");
}
