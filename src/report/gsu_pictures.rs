//! The charts of provisioned throughput: cost over the count, hours by load, what is left by hour of the week.

use super::charts::{
    Chart, ChartError, GsuCost, LoadDuration, NamedCount, TermCost, WeekHeatMap, WeekQuantity, draw_gsu_cost,
    draw_load_duration, draw_week_heat_map,
};
use super::screen::short;
use crate::projection::{GsuPool, Plan, SizeRule};

/// Pools that get charts; the tables have all.
const POOLS_MAX: usize = 3;

/// Charts of the largest pools; the first keeps the plain file names.
pub(super) fn gsu_pictures(plan: &Plan) -> Result<Vec<Chart>, ChartError> {
    let mut pools: Vec<&GsuPool> = plan.gsu.pools.iter().collect();
    pools.sort_by(|a, b| b.paygo_usd_per_month.total_cmp(&a.paygo_usd_per_month));
    let mut charts = Vec::new();
    for (at, pool) in pools.into_iter().take(POOLS_MAX).enumerate() {
        for mut chart in [
            draw_gsu_cost(&gsu_cost(plan, pool))?,
            draw_load_duration(&load_duration(plan, pool))?,
            draw_week_heat_map(&load_by_hour(plan, pool))?,
            draw_week_heat_map(&left_by_hour(plan, pool))?,
        ] {
            if at > 0 {
                chart.name = format!("{}-{}", chart.name, short(&pool.model.0));
            }
            charts.push(chart);
        }
    }
    Ok(charts)
}

fn gsu_cost(plan: &Plan, pool: &GsuPool) -> GsuCost {
    let costed: Vec<(u32, f64)> = pool
        .curve
        .iter()
        .filter_map(|row| Some((u32::try_from(row.gsu).ok()?, row.paygo_usd_per_month?)))
        .collect();
    let counts: Vec<u32> = costed.iter().map(|(gsu, _)| *gsu).filter(|gsu| *gsu > 0).collect();
    let terms = pool.terms.iter().map(|term| TermCost {
        label: term.name.clone(),
        usd: costed
            .iter()
            .filter(|(gsu, _)| *gsu > 0)
            .map(|(gsu, left)| Some(left + f64::from(*gsu) * term.usd_per_gsu_month))
            .collect(),
    });
    GsuCost {
        title: String::new(),
        subtitle: format!(
            "{}: fees and PayGo of the mean month by GSUs of {}, US dollars",
            plan.workload.name,
            short(&pool.model.0)
        ),
        counts,
        terms: terms.collect(),
        pay_as_you_go_usd: pool.paygo_usd_per_month,
    }
}

fn load_duration(plan: &Plan, pool: &GsuPool) -> LoadDuration {
    let named = |rule: SizeRule, label: &str| {
        let size = pool.sizes.iter().find(|size| size.rule == rule)?;
        Some(NamedCount { label: label.into(), gsus: u32::try_from(size.gsu?).ok()? })
    };
    let cheapest = pool.terms.iter().min_by(|a, b| a.usd_per_month.total_cmp(&b.usd_per_month));
    let cheapest = cheapest
        .filter(|term| term.gsu > 0)
        .and_then(|term| Some(NamedCount { label: "cheapest".into(), gsus: u32::try_from(term.gsu).ok()? }));
    let counts = [
        cheapest,
        named(SizeRule::GoogleForm, "Google's form"),
        named(SizeRule::FivePercent, "5 % left"),
        named(SizeRule::OnePercent, "1 % left"),
    ];
    LoadDuration {
        title: String::new(),
        subtitle: format!(
            "{}: hours of the week in {}, {} on {}",
            plan.workload.name,
            pool.month,
            short(&pool.model.0),
            pool.endpoint
        ),
        load_gsus: pool.load.hours_gsu.clone(),
        windows: None,
        counts: merged(counts.into_iter().flatten()),
    }
}

/// Equal counts share one line and one label.
fn merged(counts: impl Iterator<Item = NamedCount>) -> Vec<NamedCount> {
    let mut merged: Vec<NamedCount> = Vec::new();
    for count in counts {
        match merged.iter_mut().find(|other| other.gsus == count.gsus) {
            Some(other) => other.label += &format!(", {}", count.label),
            None => merged.push(count),
        }
    }
    merged
}

fn left_by_hour(plan: &Plan, pool: &GsuPool) -> WeekHeatMap {
    WeekHeatMap {
        title: String::new(),
        subtitle: format!(
            "{}: share of tokens left to PayGo in {}, {} on {}",
            plan.workload.name,
            pool.month,
            short(&pool.model.0),
            pool.endpoint
        ),
        zone: plan.workload.time_zone.clone(),
        quantity: WeekQuantity::Spill { gsus: u32::try_from(pool.heat_map.gsu).unwrap_or(u32::MAX) },
        values: pool.heat_map.left.clone(),
    }
}

fn load_by_hour(plan: &Plan, pool: &GsuPool) -> WeekHeatMap {
    WeekHeatMap {
        title: String::new(),
        subtitle: format!(
            "{}: mean load of each hour of the week in {}, {} on {}",
            plan.workload.name,
            pool.month,
            short(&pool.model.0),
            pool.endpoint
        ),
        zone: plan.workload.time_zone.clone(),
        quantity: WeekQuantity::Load,
        values: pool.load.hours_gsu.iter().map(|load| Some(*load)).collect(),
    }
}
