//! Bills taken apart: every dollar has a component, and the components add up.

use burndown::{
    prices::PriceBook,
    projection::{
        backtest::{Backtest, Case, judge, rolling},
        check::DailySpend,
        reconcile::{Component, Expected, Reconciliation, Sku, daily_spend, read_bill, reconcile, sku},
    },
    stats::generator,
    usage::read_observations,
};
use rand_distr::{Distribution, StandardNormal};

use crate::{cli::burndown, diff::shipped_plan};

#[track_caller]
fn check_sku(book: &PriceBook, description: &str, expected: &str) {
    let found = match sku(description, book) {
        Sku::Tokens { model, backend, tier, class, long } => {
            format!("{backend} {model} {tier} {class}{}", if long { " long" } else { "" })
        }
        Sku::Other(product) => format!("other {product}"),
        Sku::Unknown => "unknown".into(),
    };
    assert_eq!(found, expected, "{description}");
}

#[test]
fn descriptions_of_published_bills_are_read() {
    let book = &crate::shipped().prices;
    check_sku(
        book,
        "Generate_content image output token count for Gemini 3 Pro Image",
        "developer gemini-3-pro-image standard output_image",
    );
    check_sku(
        book,
        "Generate_content image output token count for Gemini 2.5 Flash Native Image Generation",
        "developer gemini-2.5-flash-image standard output_image",
    );
    check_sku(
        book,
        "Generate_content image output token count for Gemini 3.1 Flash Lite Image",
        "developer gemini-3.1-flash-lite-image standard output_image",
    );
    check_sku(
        book,
        "Generate content output token count gemini 2.5 flash short input text",
        "developer gemini-2.5-flash standard output_text",
    );
    check_sku(
        book,
        "Generate content output token count gemini 2.5 flash short output text non-thinking",
        "developer gemini-2.5-flash standard output_text",
    );
    check_sku(
        book,
        "Generate_content text output token count for gemini 3 pro short",
        "developer gemini-3-pro-preview standard output_text",
    );
    check_sku(
        book,
        "Generate_content text input token count for gemini 3 pro long",
        "developer gemini-3-pro-preview standard input_text long",
    );
    check_sku(
        book,
        "Generate content input token count gemini 3.5 flash text",
        "developer gemini-3.5-flash standard input_text",
    );
    check_sku(
        book,
        "Generate content cached input token count gemini 3.5 flash text",
        "developer gemini-3.5-flash standard cached_input_text",
    );
    check_sku(
        book,
        "Generate content output token count gemini 3 flash text flex",
        "developer gemini-3-flash-preview flex output_text",
    );
    check_sku(
        book,
        "Generate_content text output token count for gemini 3 flash batch",
        "developer gemini-3-flash-preview batch output_text",
    );
    check_sku(
        book,
        "Generate_content image input token count for gemini 3 flash",
        "developer gemini-3-flash-preview standard input_image",
    );
    check_sku(
        book,
        "Gemini 3.1 Flash Image Image Output - Predictions",
        "vertex gemini-3.1-flash-image standard output_image",
    );
    check_sku(
        book,
        "Gemini 3.1 Flash Image Text Input - Predictions",
        "vertex gemini-3.1-flash-image standard input_text",
    );
    check_sku(
        book,
        "Gemini 3.1 Flash Image Text Output - Predictions",
        "vertex gemini-3.1-flash-image standard output_text",
    );
    check_sku(
        book,
        "Gemini 3.1 Flash Image Image Output - Batch Predictions",
        "vertex gemini-3.1-flash-image batch output_image",
    );
    check_sku(
        book,
        "Gemini 3.0 Pro Image Output - Predictions",
        "vertex gemini-3-pro-image standard output_image",
    );
    check_sku(
        book,
        "Gemini 3.0 Pro Image Input - Predictions",
        "vertex gemini-3-pro-image standard input_image",
    );
    check_sku(
        book,
        "Gemini 3.5 Flash Global Text Input Priority - Predictions",
        "vertex gemini-3.5-flash priority input_text",
    );
    check_sku(book, "Grounding with Google Search on Gemini 3", "other grounding");
    check_sku(book, "Generate content search query gemini 3 free", "other grounding");
    check_sku(book, "Veo Generation 720p with Audio", "other Veo");
    check_sku(book, "Imagen 4 fast Generation (output)", "other Imagen");
    check_sku(book, "Standard Storage Multi-Region", "unknown");
    check_sku(book, "Generate content output token count gemini 9 flash text", "unknown");
    check_sku(book, "", "unknown");
}

#[track_caller]
fn adds_up(found: &Reconciliation) {
    let sum: f64 = found.components.iter().map(|part| part.usd).sum();
    assert!((sum - found.total_usd).abs() < 1e-6, "{sum} is not {}", found.total_usd);
}

#[track_caller]
fn part(found: &Reconciliation, component: Component) -> f64 {
    found.components.iter().find(|part| part.component == component).map_or(0.0, |part| part.usd)
}

#[track_caller]
fn is(found: &Reconciliation, component: Component, usd: f64) {
    let part = part(found, component);
    assert!((part - usd).abs() < 1e-6, "{component:?} is {part} instead of {usd}");
}

/// By hand from product-photos (60,000 requests: 15 text, 560 image, 289.03 thinking, 1,120 image tokens at 2, 2,
/// 12 and 120 dollars a million): input 73.92 over 69.00 dollars are the requests, 84 M image tokens against
/// 67.2 M the drafts.
#[test]
fn every_dollar_of_a_bill_has_a_component() {
    let book = crate::shipped().prices;
    let bill = read_bill(&crate::data("bills/console.csv"), None).unwrap();
    let plan = shipped_plan("product-photos");
    let expected = Expected::of_plan(&plan, &bill.lines, None).unwrap();
    let found = reconcile(&bill, &expected, &book, None).unwrap();
    adds_up(&found);
    assert!((found.total_usd - 9959.05).abs() < 1e-9);
    assert_eq!(found.declared_total_usd, Some(9959.05));
    let planned = 60_000.0 * (15.0 * 2.0 + 560.0 * 2.0 + 289.03 * 12.0 + 1120.0 * 120.0) / 1e6;
    let ratio = 73.92 / 69.0;
    is(&found, Component::Expected, planned);
    is(&found, Component::ExpectedPrices, 0.0);
    is(&found, Component::Requests, (ratio - 1.0) * planned);
    is(&found, Component::ImagesPerRequest, 10_080.0 - ratio * 8064.0);
    is(&found, Component::TokensPerRequest, 17.341_8 * 12.0 - ratio * 17.341_8 * 12.0);
    is(&found, Component::NotExpected, 0.260_58 * 30.0);
    is(&found, Component::UnknownSkus, 24.21);
    is(&found, Component::OtherProducts, 14.0);
    is(&found, Component::Savings, -500.0);
    is(&found, Component::Tax, 51.0);
    assert_eq!(found.others[0].sku, "Standard Storage Multi-Region");
    let alone = reconcile(&bill, &Expected::nothing(), &book, None).unwrap();
    adds_up(&alone);
    is(&alone, Component::AtBook, 10_080.0 + 73.92 + 17.341_8 * 12.0 + 0.260_58 * 30.0);
}

/// 123.648 EUR at 0.92 are 134.40 dollars, 1.12 M tokens at 120; 60.72 EUR are 66, a tenth above 1 M at 60.
#[test]
fn an_export_in_another_currency_is_converted_line_by_line() {
    let book = crate::shipped().prices;
    let bill = read_bill(&crate::data("bills/export.json"), None).unwrap();
    let found = reconcile(&bill, &Expected::nothing(), &book, None).unwrap();
    adds_up(&found);
    is(&found, Component::AtBook, 134.4 + 60.0);
    is(&found, Component::Location, 6.0);
    is(&found, Component::Savings, -11.0);
    is(&found, Component::Tax, 20.0);
    is(&found, Component::Rounding, -0.01);
    let days = daily_spend(&bill).unwrap();
    assert_eq!(days.len(), 2);
    assert!((days.values().sum::<f64>() - (134.4 - 11.0 + 66.0)).abs() < 1e-9);
}

#[test]
fn observations_stand_in_for_a_plan() {
    let book = crate::shipped().prices;
    let bill = read_bill(&crate::data("bills/export.json"), None).unwrap();
    let seen = "{\"schema\":\"burndown.observation/1\",\"backend\":\"developer\",\"model\":\"gemini-3-pro-image\",\"kind\":\"measured\",\"image_parts\":1,\"usage\":{\"promptTokenCount\":10,\"candidatesTokenCount\":1120,\"totalTokenCount\":1130,\"candidatesTokensDetails\":[{\"modality\":\"IMAGE\",\"tokenCount\":1120}]}}\n";
    let observations = read_observations(&seen.repeat(500)).unwrap();
    let found = reconcile(&bill, &Expected::of_observations(&observations, &book), &book, None).unwrap();
    adds_up(&found);
    let at_book = 500.0 * (10.0 * 2.0 + 1120.0 * 120.0) / 1e6;
    is(&found, Component::Expected, at_book);
    is(&found, Component::Requests, 134.4 - at_book);
    is(&found, Component::NotExpected, 60.0);
}

#[test]
fn bills_that_cannot_be_read_say_where() {
    let message = |text: &str| read_bill(text, None).unwrap_err().to_string();
    assert!(message("a,b\n1,2\n").starts_with("line 1: no column `SKU description`"));
    assert!(
        message("SKU description,Subtotal (€)\nx,5\n").starts_with("line 2: the bill is in €, and prices")
    );
    assert_eq!(
        message("SKU description,Subtotal ($)\nx,many\n"),
        "line 2: expected an amount such as `1,234.56` in `Subtotal ($)`, found `many`"
    );
    assert!(
        message("sku.description,cost,currency\nx,5,EUR\n").contains("without `currency_conversion_rate`")
    );
    assert!(
        message("sku.description,cost,currency,currency_conversion_rate\nx,5,EUR,0\n")
            .contains("cannot cost 0 EUR")
    );
    assert!(message("{\"cost\":").starts_with("line 1: "));
    assert!(message("{\"sku\":{\"description\":\"x\"}}").starts_with("line 1: no `cost`\n"));
    let run =
        burndown(&["reconcile", "tests/data/bills/console.csv", "--plan", "company", "--on", "2026-11-21"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.starts_with("error: the bill covers 2026-12-01 to 2026-12-31, and the plan 2027-01-01")
    );
    let run = burndown(&["reconcile", "tests/data/bills/console.csv", "--strict"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (2, "error: 1 SKU(s) not known or without a price, and --strict allows none\n")
    );
}

fn case(predicted: f64, p05: f64, p95: f64, actual: f64) -> Case {
    Case { name: format!("{predicted}"), predicted, p05, p95, actual }
}

/// 1 − 0.9⁴ = 0.3439: three of four is no reason to doubt.
#[test]
fn three_of_four_plans_inside_their_range_is_likely_enough() {
    let cases = vec![
        case(100.0, 80.0, 125.0, 110.0),
        case(100.0, 80.0, 125.0, 80.0),
        case(200.0, 160.0, 250.0, 300.0),
        case(50.0, 40.0, 60.0, 50.0),
    ];
    let found = judge(cases).unwrap();
    assert_eq!((found.inside, found.above, found.below), (3, 1, 0));
    assert!((found.probability_of_so_few - 0.3439).abs() < 1e-12);
    assert!((found.bias - (540.0 / 450.0 - 1.0)).abs() < 1e-12);
    assert!((found.mean_absolute_error - (0.1 + 0.2 + 0.5) / 4.0).abs() < 1e-12);
    assert!(judge(Vec::new()).is_err() && judge(vec![case(0.0, 0.0, 0.0, 5.0)]).is_err());
}

/// A year and a half of days around 1,000 dollars with the given scatter, weekends at half.
fn series(days: u32, cv: f64, trend: f64) -> DailySpend {
    let mut random = generator(20_261_121, 7);
    let first: burndown::calendar::Day = "2025-01-01".parse().unwrap();
    (0..days)
        .map(|at| {
            let day = first.plus_days(at);
            let standard: f64 = StandardNormal.sample(&mut random);
            let week = if day.weekday() >= 5 { 0.5 } else { 1.0 };
            (day, 1000.0 * week * (trend * f64::from(at)).exp() * (cv * standard - cv * cv / 2.0).exp())
        })
        .collect()
}

#[track_caller]
fn forecast(spend: &DailySpend) -> Backtest {
    rolling(spend, 28, 7).unwrap()
}

/// 74 weeks of a stationary series: coverage within three binomial standard errors of 0.9, and the week's shape
/// is learned (flat weeks would miss by far).
#[test]
fn a_steady_series_is_covered_as_stated_and_a_growing_one_shows_its_bias() {
    let steady = forecast(&series(28 + 74 * 7, 0.28, 0.0));
    assert_eq!(steady.cases.len(), 74);
    let share = steady.inside as f64 / 74.0;
    assert!((share - 0.9).abs() < 3.0 * (0.09_f64 / 74.0).sqrt(), "{share}");
    assert!(steady.bias.abs() < 0.05 && steady.mean_absolute_error < steady.naive_absolute_error.unwrap());
    let growing = forecast(&series(28 + 74 * 7, 0.02, 0.01));
    assert!(growing.bias > 0.1 && growing.cases.iter().all(|case| case.actual > case.predicted));
}

#[test]
fn stretches_with_missing_days_are_left_out() {
    let mut spend = series(28 + 10 * 7, 0.1, 0.0);
    spend.remove(&"2025-03-01".parse().unwrap());
    let found = forecast(&spend);
    // The 60th day is learned from or predicted in five of ten stretches.
    assert_eq!((found.cases.len(), found.skipped), (5, 5));
    assert!(rolling(&series(20, 0.1, 0.0), 28, 7).unwrap_err().to_string().starts_with("20 days of spend"));
    assert!(rolling(&DailySpend::new(), 28, 7).is_err());
}

#[test]
fn a_ledger_holds_past_plans_against_invoices() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let value = crate::diff::plan_value_of(
        "start = 2026-12-01\n[[route]]\nname = \"a\"\nmodel = \"nano-banana-pro\"\nprompt_tokens = 20\nrequests_per_month = 60_000\n",
    );
    std::fs::write(path("plan.json"), value.to_string()).unwrap();
    let mean = value["bill"]["by_month"][0]["mean"].as_f64().unwrap();
    let toml = format!(
        "schema = \"burndown.ledger/1\"\n[[record]]\nplan = \"plan.json\"\nmonth = \"2026-12\"\nactual_usd = {mean}\n[[record]]\nplan = \"plan.json\"\nactual_usd = {}\n",
        mean * 3.0
    );
    std::fs::write(path("plans.toml"), toml).unwrap();
    std::fs::write(
        path("plans.csv"),
        format!("plan,month,actual_usd\nplan.json,2026-12,{mean}\nplan.json,,{}\n", mean * 3.0),
    )
    .unwrap();
    for ledger in ["plans.toml", "plans.csv"] {
        let run = burndown(&["backtest", "--ledger", &path(ledger)]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.starts_with("1 of 2 inside the range, 1 above, 0 below\n"), "{}", run.stdout);
    }
    std::fs::write(
        path("bad.toml"),
        "[[record]]\nplan = \"plan.json\"\nmonth = \"2020-01\"\nactual_usd = 5\n",
    )
    .unwrap();
    let run = burndown(&["backtest", "--ledger", &path("bad.toml")]);
    assert!(
        run.code == 2 && run.stderr.contains("plans 2026-12 to 2027-11, and the ledger asks for 2020-01"),
        "{}",
        run.stderr
    );
}
