//! Every shipped profile loads, and says where its numbers come from.

use burndown::{
    commands::{Library, SHIPPED_WORKLOADS},
    model::{Backend, Grade, ModelId, Tier},
    prices::{ModelKind, PriceRow},
};

use crate::shipped;

#[test]
fn every_price_row_has_a_source_and_a_day() {
    let book = shipped().prices;
    assert!(book.rows.len() > 200, "{} rows", book.rows.len());
    for row in &book.rows {
        let place = format!("line {}", row.line);
        assert!(!row.source.is_empty(), "{place}");
        assert!(row.source.iter().all(|key| book.sources.contains_key(key)), "{place}");
        assert!(row.checked <= book.checked, "{place} was checked after the book");
        assert!(book.life(&row.model, row.backend).is_some(), "{place}: no life of {} there", row.model);
    }
}

/// Tier prices are 1.8 and 0.5 times the standard ones, as the Vertex page says; the exceptions are rounded
/// cache prices, which this test does not touch.
#[test]
fn tier_prices_are_those_of_the_standard_row_times_the_tier_factor() {
    let book = shipped().prices;
    let mut compared = 0;
    for row in &book.rows {
        let factor: rust_decimal::Decimal = match row.tier {
            Tier::Priority => "1.8".parse().unwrap(),
            Tier::Flex | Tier::Batch => "0.5".parse().unwrap(),
            Tier::Standard | Tier::Provisioned => continue,
        };
        let standard = book.rows.iter().find(|other| {
            other.tier == Tier::Standard
                && (&other.model, other.backend, other.above_prompt_tokens)
                    == (&row.model, row.backend, row.above_prompt_tokens)
                && other.from == row.from
        });
        let Some(standard) = standard else { continue };
        for (class, rate) in row.rates.iter().filter(|(class, _)| !class.as_str().starts_with("cached")) {
            let (Some(rate), Some(base)) = (rate, standard.rates[class]) else { continue };
            assert_eq!(rate.value(), (base.value() * factor).normalize(), "line {} {class}", row.line);
            compared += 1;
        }
    }
    assert!(compared > 400, "{compared} prices compared");
}

/// Google's note below the burndown table: an output's rate is its price over the text input price.
#[test]
fn burndown_rates_of_the_image_models_are_price_ratios() {
    let library = shipped();
    let mut compared = 0;
    for model in library.prices.models.iter().filter(|model| model.kind == ModelKind::Image) {
        let throughput = library
            .capacity
            .throughput(&model.id, library.capacity.checked, 0.0)
            .unwrap_or_else(|| panic!("no throughput for {}", model.id));
        let row = library
            .prices
            .rows
            .iter()
            .find(|row| row.model == model.id && row.backend == Backend::Vertex && row.tier == Tier::Standard)
            .unwrap();
        let input = row.rates[burndown::model::TokenClass::InputText].unwrap().value();
        let output = row.rates[burndown::model::TokenClass::OutputImage].unwrap().value();
        let rate = throughput.burndown[burndown::model::TokenClass::OutputImage].unwrap();
        assert_eq!(rate, output / input, "{}", model.id);
        compared += 1;
    }
    assert_eq!(compared, 5);
}

#[test]
fn the_models_of_the_mission_have_profiles_on_both_backends() {
    let library = shipped();
    for model in library.prices.models.iter().filter(|model| model.kind == ModelKind::Image) {
        for backend in Backend::ALL {
            let profile = library.tokens.get(&(*backend, model.id.clone()));
            let profile = profile.unwrap_or_else(|| panic!("{} on {backend}", model.id));
            let made = profile.output_image.as_ref().unwrap();
            let sizes: Vec<_> = made.tokens.keys().copied().collect();
            let mut known = model.sizes.clone();
            known.sort();
            assert_eq!(sizes, known, "{} on {backend}", model.id);
        }
    }
}

#[test]
fn no_profile_claims_a_measurement_without_answers() {
    for ((backend, model), profile) in &shipped().tokens {
        let tables = [
            profile.input_image.as_ref().map(|table| table.evidence()),
            profile.output_image.as_ref().map(|table| table.evidence()),
            profile.images_per_answer.as_ref().map(|table| table.evidence()),
            profile.output_text.as_ref().map(|table| table.evidence()),
            profile.output_thinking.as_ref().map(|table| table.evidence()),
        ];
        for evidence in tables.into_iter().flatten() {
            if evidence.grade == Grade::Measured {
                assert!(evidence.n.is_some_and(|n| n > 0), "{model} on {backend}");
            }
            if evidence.grade == Grade::Assumed {
                assert!(evidence.note.is_some(), "{model} on {backend}");
            }
        }
    }
}

#[test]
fn nicknames_and_retired_ids_resolve() {
    let book = shipped().prices;
    for (name, id) in [
        ("nano-banana", "gemini-2.5-flash-image"),
        ("nano-banana-pro", "gemini-3-pro-image"),
        ("nano-banana-2", "gemini-3.1-flash-image"),
        ("nano-banana-2.1", "gemini-nano-banana-2.1"),
        ("gemini-3-pro-image-preview", "gemini-3-pro-image"),
        ("publishers/google/models/gemini-3-pro-image", "gemini-3-pro-image"),
    ] {
        let resolved = book.resolve(name).unwrap();
        assert_eq!((resolved.id, resolved.alias.as_deref()), (ModelId::from(id), Some(name)));
    }
    let near = book.resolve("gemini-3-pro-imag").unwrap_err().to_string();
    assert_eq!(near, "unknown model `gemini-3-pro-imag` (did you mean `gemini-3-pro-image`?)");
}

#[test]
fn the_listed_workloads_are_shipped() {
    for name in SHIPPED_WORKLOADS {
        let (source, _) = Library::workload(name, None).unwrap();
        burndown::workload::WorkloadFile::parse(&source).unwrap();
    }
    let shipped = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/workloads")).unwrap();
    let files = shipped.filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(files.count(), SHIPPED_WORKLOADS.len());
}

/// A tier without a row for long prompts would price them as short ones, at half of what they cost.
#[test]
fn a_model_that_costs_more_for_long_prompts_does_so_in_every_tier() {
    let book = shipped().prices;
    let long = |row: &&PriceRow| row.above_prompt_tokens.is_some();
    let mut seen = 0;
    for row in book.rows.iter().filter(long) {
        for tier in book.tiers(&row.model, row.backend) {
            let same = |other: &PriceRow| {
                other.model == row.model && other.backend == row.backend && other.tier == tier
            };
            let reached = book.rows.iter().any(|other| same(other) && long(&other));
            assert!(
                reached,
                "{} {} {tier} has no row above {:?}",
                row.model, row.backend, row.above_prompt_tokens
            );
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}
