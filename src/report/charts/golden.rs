//! One picture of each chart, byte by byte, in `tests/data/golden`.
//!
//! After a change that is meant to be seen, `BURNDOWN_RENEW_GOLDEN=1 cargo test --lib golden` writes the
//! pictures that differ and fails, naming them, so that nobody renews without looking; the next run passes.

use std::{fs, path::Path};

use super::{
    WeekQuantity, draw_cost_by_class, draw_drivers, draw_gsu_cost, draw_load_duration, draw_monthly_spend,
    draw_precision_course, draw_ratio_forest, draw_token_spread, draw_week_heat_map,
    examples::{
        load_at, usual_cost, usual_drivers, usual_gsu_cost, usual_load, usual_spend, usual_spill, week_of,
    },
    request_examples::{rehearsed_course, usual_ratios, usual_spreads},
};

/// Set to write the pictures anew.
const RENEW: &str = "BURNDOWN_RENEW_GOLDEN";

/// File name and picture, wide and narrow.
fn charts() -> Vec<(String, String)> {
    let load = week_of(WeekQuantity::Load, |day, hour| Some(load_at(day, hour)));
    let drawn = [
        draw_monthly_spend(&usual_spend(12)),
        draw_cost_by_class(&usual_cost()),
        draw_gsu_cost(&usual_gsu_cost()),
        draw_load_duration(&usual_load()),
        draw_week_heat_map(&usual_spill()),
        draw_week_heat_map(&load),
        draw_ratio_forest(&usual_ratios()),
        draw_token_spread(&usual_spreads()),
        draw_precision_course(&rehearsed_course()),
        draw_drivers(&usual_drivers()),
    ];
    let charts = drawn.into_iter().map(Result::unwrap);
    charts
        .flat_map(|chart| {
            let narrow = format!("{}-narrow.svg", chart.name);
            [(format!("{}.svg", chart.name), chart.svg), (narrow, chart.narrow)]
        })
        .collect()
}

#[test]
fn every_chart_is_as_it_was_agreed_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let renew = std::env::var_os(RENEW).is_some();
    let mut changed = Vec::new();
    for (name, svg) in charts() {
        let path = folder.join(&name);
        let agreed = fs::read_to_string(&path).unwrap_or_default();
        if agreed == svg {
            continue;
        }
        let apart = agreed.bytes().zip(svg.bytes()).take_while(|(a, b)| a == b).count();
        let around = |text: &str| -> String {
            text.chars()
                .skip(text[..text.floor_char_boundary(apart)].chars().count().saturating_sub(40))
                .take(120)
                .collect()
        };
        changed.push(format!("{name}: expected …{}… found …{}…", around(&agreed), around(&svg)));
        if renew {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &svg).unwrap();
        }
    }
    let hint = if renew { "written anew: look at them" } else { "if that is meant: BURNDOWN_RENEW_GOLDEN=1" };
    assert!(changed.is_empty(), "{hint}\n{}", changed.join("\n"));
}

#[test]
fn every_golden_picture_belongs_to_a_chart() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let names: Vec<String> = charts().into_iter().map(|(name, _)| name).collect();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let ours = names.contains(&name) || !name.ends_with(".svg");
        assert!(ours, "{name} is drawn by no chart of this test");
    }
}
