//! Ratios between placements: their points, their ranges, and what has none.

use burndown::{
    commands::Library,
    model::{Backend, Tier, TokenClass},
    projection::{Inputs, Missing, Plan, Ratio, project},
    report::{Report, compare},
    workload::{OutsideFiles, Workload, WorkloadFile},
};

use crate::{cli::plan_of, shipped};

/// The plan of a shipped workload after something was done to what is known.
fn plan_with(workload: &str, change: impl FnOnce(&mut Library)) -> Plan {
    let mut library = shipped();
    change(&mut library);
    let (source, _) = Library::workload(workload, None).unwrap();
    let file = WorkloadFile::parse(&source).unwrap();
    let today = "2026-11-21".parse().unwrap();
    let workload =
        Workload::resolve(file, &source, &library.prices, today, &OutsideFiles::default()).unwrap();
    project(&Inputs {
        workload: &workload,
        prices: &library.prices,
        capacity: &library.capacity,
        tokens: &library.tokens,
    })
    .unwrap()
}

#[test]
fn a_ratio_is_the_quotient_of_the_plans_own_means() {
    for workload in burndown::commands::SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let mut checked = 0;
        for (ratios, route) in plan.ratios.iter().zip(&plan.routes) {
            assert_eq!(ratios.placements.len(), route.placements.len() - 1);
            assert_eq!(ratios.reference, route.chosen().placement);
            let there = route.chosen().per_request.as_ref().unwrap();
            for other in &ratios.placements {
                let plan = route.placements.iter().find(|plan| plan.placement == other.placement).unwrap();
                let (Some(usd), Some(here)) = (other.usd.ratio, &plan.per_request) else { continue };
                assert!((usd.mean - here.usd_total / there.usd_total).abs() < 1e-12, "{}", other.placement);
                assert!(usd.p05 <= usd.mean && usd.mean <= usd.p95, "{usd:?}");
                for class in &other.classes {
                    let Some(ratio) = class.tokens.ratio else {
                        assert!(class.tokens.missing.is_some());
                        continue;
                    };
                    let mean = |tokens: &Option<burndown::tokens::ClassTokens>| tokens.as_ref().unwrap().mean;
                    let expected = mean(&here.tokens[class.class]) / mean(&there.tokens[class.class]);
                    assert!((ratio.mean - expected).abs() < 1e-12 * expected, "{} {ratio:?}", class.class);
                    checked += 1;
                }
            }
        }
        assert!(checked > 5, "{workload}: {checked}");
    }
}

/// Two independent means, each log-normal around its own: their quotient spreads by the root of the sum of the
/// squares. Thinking of 3 Pro Image is a range on both backends.
#[test]
fn the_range_of_a_ratio_is_that_of_two_independent_means() {
    let plan = plan_of("product-photos");
    let (ratios, route) = (&plan.ratios[0], &plan.routes[0]);
    let other = ratios
        .placements
        .iter()
        .find(|other| other.placement.to_string() == "gemini-3-pro-image · developer")
        .unwrap();
    let class = other.classes.iter().find(|class| class.class == TokenClass::OutputThinking).unwrap();
    let log_variance = |plan: &burndown::projection::PlacementPlan| {
        let request = plan.per_request.as_ref().unwrap();
        let tokens = request.tokens[TokenClass::OutputThinking].as_ref().unwrap();
        (1.0 + (tokens.standard_error / tokens.mean).powi(2)).ln()
    };
    let here = route.placements.iter().find(|plan| plan.placement == other.placement).unwrap();
    let (own, reference) = (log_variance(here), log_variance(route.chosen()));
    let ratio = class.tokens.ratio.unwrap();
    // Around the quotient of the medians: a log-normal's median lies half its log-variance below its mean.
    let middle = ratio.mean * ((reference - own) / 2.0).exp();
    let width = 1.645 * (own + reference).sqrt();
    assert!(width > 0.5, "a test of nothing: {width}");
    for (found, expected) in [(ratio.p05, middle * (-width).exp()), (ratio.p95, middle * width.exp())] {
        // 2,000 draws: the 5 % point of a normal score has a standard error of 0.047.
        let tolerance = 5.0 * 0.047 * (own + reference).sqrt();
        assert!((found / expected).ln().abs() < tolerance, "{found} instead of {expected}");
    }
}

#[test]
fn one_model_on_one_backend_has_an_exact_ratio_whatever_it_is_paid_by() {
    let plan = plan_of("product-photos");
    let flex = plan.ratios[0]
        .placements
        .iter()
        .find(|other| {
            let reference = &plan.ratios[0].reference;
            other.placement.tier == Tier::Flex
                && other.placement.model == reference.model
                && other.placement.endpoint == reference.endpoint
        })
        .unwrap();
    let ratio = flex.usd.ratio.unwrap();
    assert!(ratio.is_exact() && (ratio.mean - 0.5).abs() < 1e-12, "{ratio:?}");
    assert!(flex.tokens.ratio.unwrap().is_exact());
    assert!(flex.classes.is_empty(), "the classes stand at the reference's tier");
}

#[test]
fn a_class_that_one_side_does_not_take_has_no_ratio_and_says_so() {
    let plan = plan_of("product-photos");
    let other = &plan.ratios[0].placements.iter().find(|other| !other.classes.is_empty()).unwrap();
    let text = other.classes.iter().find(|class| class.class == TokenClass::OutputText).unwrap();
    assert_eq!((text.tokens.ratio, text.tokens.missing), (None, Some(Missing::ReferenceTakesNone)));
    assert_eq!((text.usd.ratio, text.usd.missing), (None, Some(Missing::ReferenceTakesNone)));
}

/// What stands in for a missing profile is the other side's own: a ratio of exactly 1 would be made up.
#[test]
fn a_profile_that_stands_in_gives_no_ratio() {
    for missing in [Backend::Developer, Backend::Vertex] {
        let plan = plan_with("product-photos", |library| {
            let model = "gemini-3-pro-image";
            library.tokens.retain(|(backend, of), _| !(*backend == missing && of.0 == model));
        });
        let reference = &plan.ratios[0].reference;
        let other = plan.ratios[0]
            .placements
            .iter()
            .find(|other| {
                other.placement.model == reference.model
                    && other.placement.tier == reference.tier
                    && other.placement.endpoint != reference.endpoint
            })
            .unwrap();
        assert_eq!((other.usd.ratio, other.usd.missing), (None, Some(Missing::NoProfile)));
        assert_eq!((other.tokens.ratio, other.tokens.missing), (None, Some(Missing::NoProfile)));
        let text = compare(&plan).text(&plan);
        let expected = format!("{}: no ratio: no profile of its own", other.placement);
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn table_comparison_and_plan_tell_the_same_ratio() {
    for workload in burndown::commands::SHIPPED_WORKLOADS {
        let plan = plan_of(workload);
        let compared = compare(&plan);
        let report = Report::of(&plan);
        let table = report.tables.iter().find(|table| table.name == "ratios").unwrap();
        let mut checked = 0;
        for (route, ratios) in compared.routes.iter().zip(&plan.ratios) {
            for other in &ratios.placements {
                let row = route.rows.iter().find(|row| row.placement == other.placement).unwrap();
                let same = row.ratio.map(|of| Ratio { mean: of.mean, p05: of.p05, p95: of.p95 });
                assert_eq!(same, other.usd.ratio);
                assert_eq!(row.undecided, other.usd.ratio.is_some_and(Ratio::undecided));
                if other.placement.tier != ratios.reference.tier {
                    continue;
                }
                let key = [ratios.route.clone(), other.placement.to_string(), "all".into()];
                let line = table.rows.iter().find(|row| (0..3).all(|at| row[at].text == key[at])).unwrap();
                let numbers: Vec<Option<f64>> = line[3..6].iter().map(|cell| cell.number).collect();
                let expected = other.usd.ratio.map(|ratio| [ratio.mean, ratio.p05, ratio.p95]);
                match expected {
                    Some(expected) => assert_eq!(numbers, expected.map(Some)),
                    None => assert_eq!(numbers, [None; 3]),
                }
                checked += 1;
            }
        }
        assert!(checked > 2, "{workload}: {checked}");
    }
}
