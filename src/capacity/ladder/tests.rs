//! Ladders on small calendars, by hand and by trying everything.

mod random;

use super::{
    CostPeriod, DemandScenario, Ladder, LadderError, LadderInput, PurchaseKind, RunningOrder, Tail, ladder,
    ladder_regret, standing,
};
use crate::{
    calendar::{Day, horizon},
    capacity::book::{Credit, OrderRules, Term},
    model::ModelId,
};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Hourly prices close to real ones, easy to multiply.
fn terms() -> Vec<Term> {
    let term = |id: &str, price: &str, renews: bool| {
        let text = format!(
            "id = \"{id}\"\nname = \"{id}\"\nfrom = \"unknown\"\nchecked = \"2026-10-09\"\nsource = []\n\
             usd_per_gsu_hour = {price}\nnon_global_factor = 1.5\nauto_renews = {renews}"
        );
        toml::from_str::<Term>(&text).unwrap()
    };
    vec![
        term("1-week", "7", false),
        term("1-month", "4", true),
        term("3-months", "3", true),
        term("1-year", "2", true),
    ]
}

fn rules() -> OrderRules {
    let text = "minimum_gsu = 1\nincrement_gsu = 1\ncancel_mid_term = false\n\
                orders_per_model_and_location_max = 7\nstart_ahead_days_max = 14\n\
                change_days_before_expiry_min = 5\nlead_time_business_days = 10\n\
                online_queries_per_minute_quota = 30000\nhours_per_month = 730\nsource = []";
    toml::from_str(text).unwrap()
}

const ALL: &[&str] = &["1-week", "1-month", "3-months", "1-year"];

/// Everything that an input borrows, to be changed by a test.
struct Case {
    model: ModelId,
    terms: Vec<Term>,
    on_sale: Vec<&'static str>,
    rules: OrderRules,
    credits: Vec<Credit>,
    running: Vec<RunningOrder>,
    periods: Vec<CostPeriod>,
    today: Day,
    global: bool,
    model_end: Option<Day>,
    tail: Tail,
}

impl Case {
    fn new(periods: Vec<CostPeriod>) -> Case {
        Case {
            model: ModelId("gemini-3-pro-image".into()),
            terms: terms(),
            on_sale: ALL.to_vec(),
            rules: rules(),
            credits: Vec::new(),
            running: Vec::new(),
            periods,
            today: day("2026-11-16"),
            global: true,
            model_end: None,
            tail: Tail::ProRata,
        }
    }

    fn input(&self) -> LadderInput<'_> {
        LadderInput {
            model: &self.model,
            global: self.global,
            today: self.today,
            periods: &self.periods,
            terms: &self.terms,
            terms_on_sale: &self.on_sale,
            rules: &self.rules,
            credits: &self.credits,
            running: &self.running,
            model_end: self.model_end,
            tail: self.tail,
        }
    }

    #[track_caller]
    fn ladder(&self) -> Ladder {
        ladder(&self.input()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn error(&self) -> LadderError {
        ladder(&self.input()).expect_err("an error")
    }
}

/// Months from 2026-12-01 with an even load of GSUs; a GSU-hour that is short costs `usd` on PayGo.
fn months(load: &[u64], most: u64, usd: f64) -> Vec<CostPeriod> {
    let period = |(month, load): (crate::calendar::Month, &u64)| {
        let hours = f64::from(month.days()) * 24.0;
        let left = |gsu: u64| usd * hours * load.saturating_sub(gsu) as f64;
        CostPeriod { first: month.first, next: month.next, paygo_usd: (0..=most).map(left).collect() }
    };
    horizon(day("2026-12-01"), load.len() as u32).into_iter().zip(load).map(period).collect()
}

fn running(gsu: u64, term: &str, start: &str, auto_renew: bool) -> RunningOrder {
    RunningOrder { gsu, term: term.into(), start: day(start), auto_renew, usd_per_gsu_hour: None }
}

fn codes(ladder: &Ladder) -> Vec<&'static str> {
    ladder.warnings.iter().map(|warning| warning.code()).collect()
}

/// `kind term gsu start..end` of every purchase.
fn lines(ladder: &Ladder) -> Vec<String> {
    let line = |p: &super::Purchase| {
        let kind = serde_json::to_value(p.kind).unwrap();
        format!("{} {} {} {}..{}", kind.as_str().unwrap(), p.term, p.gsu, p.start, p.end)
    };
    ladder.purchases.iter().map(line).collect()
}

#[test]
fn an_even_load_takes_a_year_and_its_list_can_be_entered() {
    let ladder = Case::new(months(&[3; 12], 6, 2.5)).ladder();
    assert_eq!(lines(&ladder), ["order 1-year 3 2026-12-01..2027-12-01"]);
    let purchase = &ladder.purchases[0];
    // The form takes a start two weeks ahead; ten business days before a Tuesday is the same day.
    assert_eq!((purchase.order_from, purchase.order_by), (Some(day("2026-11-17")), Some(day("2026-11-17"))));
    assert_eq!(purchase.renewal_off_by, Some(day("2027-11-26")));
    let fee = 3.0 * 2.0 * 365.0 * 24.0;
    assert_eq!((purchase.usd, purchase.beyond_usd), (fee, 0.0));
    assert!((ladder.total_usd - fee).abs() < 1e-6 && ladder.paygo_usd == 0.0);
    assert!((ladder.saving_usd - 3.0 * 0.5 * 365.0 * 24.0).abs() < 1e-6);
    assert_eq!((ladder.best_single.term.as_deref(), ladder.best_single.gsu), (Some("1-year"), 3));
    assert!(ladder.gap_usd < 1e-6, "{}", ladder.gap_usd);
    assert_eq!(codes(&ladder), Vec::<&str>::new());
    let half_way = ladder.bound.iter().find(|bound| bound.day == day("2027-06-01")).unwrap();
    assert!((half_way.usd - fee * 183.0 / 365.0).abs() < 1e-6, "{half_way:?}");
}

#[test]
fn nothing_is_bought_where_nothing_pays() {
    let ladder = Case::new(months(&[3; 12], 6, 1.9)).ladder();
    assert_eq!((lines(&ladder).len(), ladder.saving_usd, ladder.committed_usd), (0, 0.0, 0.0));
    assert_eq!(ladder.best_single.term, None);
    assert!(ladder.bound.iter().all(|bound| bound.usd == 0.0));
}

#[test]
fn a_bump_takes_months_and_a_base_takes_the_year() {
    let mut load = [2; 12];
    load[4..6].fill(5);
    let ladder = Case::new(months(&load, 8, 4.5)).ladder();
    let expected = [
        "order 1-year 2 2026-12-01..2027-12-01",
        "order 1-month 3 2027-04-01..2027-05-01",
        "renewal 1-month 3 2027-05-01..2027-06-01",
    ];
    assert_eq!(lines(&ladder), expected);
    let [_, first, second] = &ladder.purchases[..] else { unreachable!() };
    assert_eq!((first.order, second.order, second.change_gsu), (2, 2, 0));
    assert_eq!((first.renewal_off_by, second.renewal_off_by), (None, Some(day("2027-05-27"))));
    assert_eq!(second.order_by, None, "nothing to enter: it renews itself");
    assert!(ladder.total_usd < ladder.best_single.total_usd);
    let means: Vec<f64> = ladder.periods.iter().map(|period| period.gsu_mean).collect();
    assert_eq!(means, load.map(|load| load as f64));
}

#[test]
fn fewer_gsus_are_asked_for_before_a_renewal() {
    let mut case = Case::new(months(&[5, 2, 2], 6, 4.5));
    case.on_sale = vec!["1-month"];
    let ladder = case.ladder();
    let changes: Vec<(i64, Option<Day>)> =
        ladder.purchases.iter().map(|purchase| (purchase.change_gsu, purchase.order_by)).collect();
    // Ten business days before Friday 2027-01-01 is Friday 2026-12-18.
    let expected = [(5, Some(day("2026-11-17"))), (-3, Some(day("2026-12-18"))), (0, None)];
    assert_eq!(changes, expected);
    assert!(ladder.purchases.iter().all(|purchase| purchase.order == 1));
}

#[test]
fn weeks_have_168_hours_and_never_renew() {
    let period = |first: &str, next: &str, load: f64| CostPeriod {
        first: day(first),
        next: day(next),
        paygo_usd: (0..4).map(|gsu| 168.0 * 9.0 * (load - f64::from(gsu)).max(0.0)).collect(),
    };
    let mut case = Case::new(vec![
        period("2026-12-07", "2026-12-14", 2.0),
        period("2026-12-14", "2026-12-21", 2.0),
        period("2026-12-21", "2026-12-28", 0.0),
    ]);
    case.on_sale = vec!["1-week"];
    let ladder = case.ladder();
    let expected = ["order 1-week 2 2026-12-07..2026-12-14", "order 1-week 2 2026-12-14..2026-12-21"];
    assert_eq!(lines(&ladder), expected);
    assert!(ladder.purchases.iter().all(|p| p.usd == 2.0 * 7.0 * 168.0 && p.renewal_off_by.is_none()));
    assert_eq!(ladder.purchases[1].order, 2);
}

#[test]
fn a_month_ends_on_the_last_day_of_a_shorter_one() {
    let mut case = Case::new(months(&[0, 0, 1, 1], 2, 10.0));
    case.periods[1].next = day("2027-01-31");
    case.periods[2].first = day("2027-01-31");
    case.on_sale = vec!["1-month"];
    let ladder = case.ladder();
    let expected = ["order 1-month 1 2027-01-31..2027-02-28", "renewal 1-month 1 2027-02-28..2027-03-28"];
    assert_eq!(lines(&ladder)[..2], expected);
}

#[test]
fn what_lies_beyond_the_horizon_is_listed_and_charged_as_asked() {
    let mut case = Case::new(months(&[0, 0, 0, 0, 0, 4], 5, 2.5));
    let ladder = case.ladder();
    assert_eq!(lines(&ladder), ["order 1-year 4 2027-05-01..2028-05-01"]);
    let (inside, all) = (4.0 * 2.0 * 24.0 * 31.0, 4.0 * 2.0 * 24.0 * 366.0);
    assert!((ladder.total_usd - inside).abs() < 1e-6);
    assert_eq!((ladder.purchases[0].usd, ladder.beyond_usd), (all, all - inside));
    case.tail = Tail::Full;
    assert_eq!(lines(&case.ladder()).len(), 0, "a year is too dear for one month");
    // A model that ends inside the term: what nobody can use counts.
    case.tail = Tail::ProRata;
    case.model_end = Some(day("2027-08-01"));
    let short = case.ladder();
    assert_eq!(lines(&short).len(), 0);
    case.model_end = Some(day("2028-04-30"));
    let nearly = case.ladder();
    assert_eq!(nearly.charged_beyond_usd, 4.0 * 2.0 * 24.0);
    assert_eq!(codes(&nearly), ["term-outlives-model"]);
}

#[test]
fn credits_and_other_locations_change_the_fee() {
    let mut case = Case::new(months(&[1; 2], 2, 3.5));
    case.on_sale = vec!["1-month"];
    assert_eq!(lines(&case.ladder()).len(), 0);
    let credit = |model: &str| Credit {
        models: vec![ModelId(model.into())],
        share: 0.5,
        from: day("2026-08-13"),
        until: day("2026-12-31"),
        source: Vec::new(),
        note: None,
    };
    case.credits = vec![credit("gemini-3.6-flash")];
    assert_eq!(lines(&case.ladder()).len(), 0, "another model's credit");
    case.credits.push(credit("gemini-3-pro-image"));
    let ladder = case.ladder();
    assert_eq!(lines(&ladder), ["order 1-month 1 2026-12-01..2027-01-01"]);
    assert_eq!(ladder.purchases[0].usd, 0.5 * 4.0 * 24.0 * 31.0);
    // A credit that ends inside the term, its last day counted.
    case.credits[1].until = day("2026-12-30");
    assert_eq!(case.ladder().purchases[0].usd, 4.0 * 24.0 * (15.0 + 1.0));
    case.credits[1].until = day("2026-12-31");
    case.global = false;
    let abroad = case.ladder();
    assert_eq!(abroad.purchases[0].usd_per_gsu_hour, 6.0);
    assert_eq!(abroad.purchases[0].usd, 0.5 * 6.0 * 24.0 * 31.0);
}

#[test]
fn processing_takes_its_time() {
    let mut case = Case::new(months(&[2; 3], 3, 3.5));
    case.today = day("2026-12-01");
    let ladder = case.ladder();
    assert_eq!(codes(&ladder), ["late-start"]);
    assert_eq!(ladder.purchases[0].start, day("2026-12-15"), "ten business days later");
    assert_eq!(ladder.purchases[0].order_by, Some(day("2026-12-01")));
    assert!(ladder.periods[0].paygo_usd > 0.0);
    // From a Sunday ten business days lead to a Friday, and back from it to the Friday before.
    case.today = day("2026-11-29");
    let sunday = case.ladder();
    assert_eq!(
        (sunday.purchases[0].start, sunday.purchases[0].order_by),
        (day("2026-12-11"), Some(case.today))
    );
    case.today = day("2027-06-01");
    assert_eq!(lines(&case.ladder()).len(), 0, "too late for this horizon");
}

/// 3 GSUs short all the time; 2 of them run by a month that renews itself, 1 by a week that does not.
#[test]
fn orders_that_run_are_bound_to_their_term_and_renew_after_it() {
    let mut case = Case::new(months(&[3, 3, 3], 3, 10.0));
    case.running = vec![running(2, "1-month", "2026-11-20", true), running(1, "1-week", "2026-12-28", false)];
    let found = standing(&case.input()).unwrap();
    let gsu_days = |month: &super::StandingCost, days: f64| month.gsu_mean * days;
    // December: 31 days of 2, and the week's first 4 days.
    assert!((gsu_days(&found[0], 31.0) - 66.0).abs() < 1e-9);
    assert!((gsu_days(&found[1], 31.0) - 65.0).abs() < 1e-9);
    assert!((gsu_days(&found[2], 28.0) - 56.0).abs() < 1e-9);
    // To 19 December the month is bound, from the 20th on it renews; 4 USD an hour, the week 7.
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    close(found[0].bound_usd, 24.0 * (2.0 * 4.0 * 19.0 + 7.0 * 4.0));
    close(found[0].renewing_usd, 24.0 * 2.0 * 4.0 * 12.0);
    close(found[1].bound_usd, 24.0 * 7.0 * 3.0);
    close(found[2].renewing_usd, 24.0 * 2.0 * 4.0 * 28.0);
    // PayGo takes what is short of 3.
    close(found[0].paygo_usd, 10.0 * 24.0 * (27.0 + 4.0 * 0.0));
    close(found[2].paygo_usd, 10.0 * 24.0 * 28.0);
    // A ladder leaves by period what it leaves in all.
    let ladder = case.ladder();
    let left: f64 = ladder.paygo_under(&case.periods).unwrap().iter().sum();
    close(left, ladder.paygo_usd);
    case.running.clear();
    assert!(standing(&case.input()).unwrap().iter().all(|month| month.bound_usd == 0.0));
}

#[test]
fn a_running_order_is_kept_grown_or_ended() {
    let mut case = Case::new(months(&[4, 4, 4, 1, 1, 1], 8, 3.5));
    case.running = vec![running(2, "3-months", "2026-12-01", true)];
    let ladder = case.ladder();
    // One to the end of the running order, at its price; one for a year, since it is needed afterwards as well.
    let expected = ["increase 3-months 1 2026-12-01..2027-03-01", "order 1-year 1 2026-12-01..2027-12-01"];
    assert_eq!(lines(&ladder), expected);
    assert_eq!(ladder.purchases[0].order, 1);
    assert_eq!(ladder.running[0].renewal_off_by, Some(day("2027-02-24")));
    assert!(ladder.purchases.iter().all(|purchase| purchase.kind != PurchaseKind::Renewal));
    let due = 2.0 * 3.0 * 24.0 * 90.0;
    assert!((ladder.running[0].usd - due).abs() < 1e-9);
    case.on_sale = vec!["3-months"];
    let renewed = case.ladder();
    let expected =
        ["increase 3-months 2 2026-12-01..2027-03-01", "renewal 3-months 1 2027-03-01..2027-06-01"];
    assert_eq!(lines(&renewed), expected);
    assert_eq!((renewed.purchases[1].change_gsu, renewed.running[0].renewal_off_by), (-3, None));
}

#[test]
fn a_renewal_that_is_too_late_to_stop_is_due() {
    let mut case = Case::new(months(&[0; 6], 3, 3.5));
    case.running = vec![running(2, "3-months", "2026-08-20", true)];
    // 2026-11-20 less five days has passed on the 16th.
    let ladder = case.ladder();
    let parts: Vec<(Day, bool)> =
        ladder.running.iter().map(|part| (part.end, part.renewal_too_late)).collect();
    assert_eq!(parts, [(day("2026-11-20"), false), (day("2027-02-20"), true)]);
    assert_eq!(ladder.running[1].renewal_off_by, Some(day("2027-02-15")));
    assert!((ladder.total_usd - 2.0 * 3.0 * 24.0 * 81.0).abs() < 1e-6);
    case.today = day("2026-11-15");
    let in_time = case.ladder();
    assert_eq!((in_time.total_usd, codes(&in_time)), (0.0, vec!["order-outside-horizon"]));
}

#[test]
fn orders_outside_the_horizon_are_named_and_not_counted() {
    let mut case = Case::new(months(&[1; 3], 3, 3.5));
    let alone = case.ladder();
    case.running = vec![running(2, "1-month", "2027-03-01", true), running(1, "1-week", "2026-11-16", true)];
    let ladder = case.ladder();
    assert_eq!(codes(&ladder), ["order-outside-horizon"; 2]);
    assert_eq!(ladder.total_usd, alone.total_usd);
    // Rolls on from year to year until today.
    case.running = vec![running(1, "1-year", "2024-03-01", true)];
    assert_eq!(case.ladder().running[0].end, day("2027-03-01"));
}

#[test]
fn an_order_limit_is_kept_by_fewer_start_dates() {
    let load: Vec<u64> = (1..=12).collect();
    let mut case = Case::new(months(&load, 14, 3.5));
    case.on_sale = vec!["1-year"];
    case.rules.orders_per_model_and_location_max = 99;
    let free = case.ladder();
    assert_eq!(free.orders_at_once, 12);
    case.rules.orders_per_model_and_location_max = 4;
    let kept = case.ladder();
    assert_eq!((kept.orders_at_once, codes(&kept)), (4, vec!["order-limit"]));
    assert!(kept.total_usd > free.total_usd && kept.total_usd < kept.best_single.total_usd);
    assert_eq!(kept.lower_bound_usd, free.lower_bound_usd);
    assert!((kept.gap_usd - (kept.total_usd - free.total_usd)).abs() < 1e-6, "the free ladder is exact");
    let held: u64 = kept.levels.last().unwrap().gsu;
    assert!(held >= 10, "purchases move, they are not dropped: {held}");
}

#[test]
fn purchases_keep_to_minimum_and_increment() {
    let mut case = Case::new(months(&[7, 7, 3], 20, 4.5));
    (case.rules.minimum_gsu, case.rules.increment_gsu) = (4, 2);
    let ladder = case.ladder();
    assert!(!ladder.purchases.is_empty());
    assert!(ladder.purchases.iter().all(|p| p.gsu >= 4 && p.gsu % 2 == 0), "{:?}", lines(&ladder));
    case.rules.minimum_gsu = 40;
    assert_eq!(lines(&case.ladder()).len(), 0);
}

#[test]
fn a_ladder_is_judged_under_other_demand() {
    let case = Case::new(months(&[2; 6], 8, 2.5));
    let scenario = |name: &str, load: u64| DemandScenario {
        name: name.into(),
        weight: 1.0,
        periods: months(&[load; 6], 8, 2.5),
    };
    let scenarios = [scenario("half", 1), scenario("same", 2), scenario("twice", 4)];
    let result = ladder_regret(&case.input(), &scenarios).unwrap();
    assert_eq!(result.names, ["nothing", "mean", "half", "same", "twice"]);
    // One GSU is busy under every demand, a second one in two of three: 2.5 × 2/3 does not pay 2 an hour.
    assert_eq!((lines(&result.ladders[1]), result.regret.cheapest), (lines(&result.ladders[2]), 1));
    assert_eq!(result.regret.best, [1, 3, 4], "of equal candidates the first");
    assert!(result.regret.perfect_information_usd > 0.0);
    let own = result.ladders[3].usd_under(&case.periods).unwrap();
    assert!((own - result.ladders[3].total_usd).abs() < 1e-6);
    assert_eq!(result.ladders[0].purchases.len(), 0);
    let other = months(&[2; 5], 8, 2.5);
    assert_eq!(result.ladders[0].usd_under(&other), Err(LadderError::OtherPeriods));
    assert!(ladder_regret(&case.input(), &[]).is_err());
}

#[test]
fn a_table_that_is_too_short_is_said() {
    let ladder = Case::new(months(&[9; 3], 4, 3.5)).ladder();
    assert_eq!(codes(&ladder), ["count-table-ends"]);
}

#[test]
fn what_no_ladder_can_be_made_from_is_refused() {
    let fine = || Case::new(months(&[2; 3], 4, 3.5));
    let message = |change: &dyn Fn(&mut Case)| {
        let mut case = fine();
        change(&mut case);
        case.error().to_string()
    };
    let found = [
        message(&|case| case.periods.clear()),
        message(&|case| case.periods[1].paygo_usd.clear()),
        message(&|case| case.periods[2].paygo_usd[1] = f64::NAN),
        message(&|case| case.periods[1].first = day("2027-01-02")),
        message(&|case| case.periods[0].paygo_usd = vec![1.0; 10_002]),
        message(&|case| case.on_sale = vec!["2-years"]),
        message(&|case| case.terms[1] = toml::from_str(&ZERO.replace("0.00", "0")).unwrap()),
        message(&|case| case.rules.increment_gsu = 0),
        message(&|case| case.running = vec![running(0, "1-year", "2026-12-01", true)]),
        message(&|case| case.running = vec![running(1, "forever", "2026-12-01", true)]),
    ];
    let known = "1-week, 1-month, 3-months, 1-year";
    let expected = [
        "the horizon has 0 periods, expected 1 to 1000".to_string(),
        "period 1: the cost table is empty, expected the cost of 0 GSUs at least".into(),
        "period 2: the cost of 1 GSUs is NaN, expected US dollars from 0 to 1e15".into(),
        "period 1 runs from 2027-01-02 to 2027-02-01, expected at least a day, from the end of the period before".into(),
        "period 0 has costs up to 10001 GSUs, expected at most 10000".into(),
        format!("unknown term `2-years`, expected one of: {known}"),
        "the price of term `1-month` is 0 US dollars per GSU-hour, expected a number above 0, at most 1e9".into(),
        "the increment is 0, expected 1 GSU or more".into(),
        "the running order of 1-year from 2026-12-01 has 0 GSUs, expected 1 or more".into(),
        format!("unknown term `forever`, expected one of: {known}"),
    ];
    assert_eq!(found, expected);
    let mut negotiated = fine();
    negotiated.running = vec![running(1, "1-year", "2026-12-01", true)];
    negotiated.running[0].usd_per_gsu_hour = Some(f64::NAN);
    assert!(matches!(negotiated.error(), LadderError::Price { .. }));
    negotiated.running[0].usd_per_gsu_hour = Some(1e308);
    assert!(matches!(negotiated.error(), LadderError::Price { .. }), "too large to add up");
}

const ZERO: &str = "id = \"1-month\"\nname = \"1 month\"\nfrom = \"unknown\"\nchecked = \"2026-10-09\"\n\
                    source = []\nusd_per_gsu_hour = 0.00\nnon_global_factor = 1.1\nauto_renews = true";
