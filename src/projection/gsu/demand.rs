//! What a pool's routes ask of its GSUs: request rates by hour of the week, burn of a request, curves by month.

use rust_decimal::prelude::ToPrimitive;

use super::Member;
use crate::{
    calendar::Month,
    capacity::{CurveError, CurveFamily, Throughput},
    model::{ByClass, TokenClass},
    stats::{CountLaw, Mark, Marks, Modulation, Stream, Traffic, WindowError},
    tokens::ClassTokens,
    workload::Burst,
};

/// Hours of a week, Monday midnight first.
pub(super) const WEEK_HOURS: usize = 168;

/// Weights of 5 %, 50 % and 95 % points in the extended Pearson–Tukey rule.
const POINTS: [f64; 3] = [0.185, 0.63, 0.185];

/// A month of less than this share of a family's load, or with another mix, gets a family of its own.
const LOAD_RANGE: f64 = 0.5;
const MIX_RANGE: f64 = 0.05;

/// Requests a second in every hour of the week of a month.
pub(super) fn hourly_rates(member: &Member<'_>, at: usize, month: Month) -> Vec<f64> {
    let per_second = member.plan.months[at].requests / (f64::from(month.days()) * 86_400.0);
    (0..WEEK_HOURS)
        .map(|hour| per_second * member.route.day_weights[hour / 24] * member.route.hour_weights[hour % 24])
        .collect()
}

/// Mean burn tokens of a request.
pub(super) fn mean_burn(member: &Member<'_>, row: &Throughput) -> f64 {
    weighed(member, row, |tokens| tokens.mean).0
}

/// Mean burn tokens of a request by class.
pub(super) fn burn_by_class(member: &Member<'_>, row: &Throughput) -> ByClass<f64> {
    let Some(request) = &member.plan.per_request else { return ByClass::default() };
    ByClass::from_fn(|class| {
        let rate = row.rate(class).and_then(|rate| rate.to_f64()).unwrap_or(0.0);
        request.tokens[class].as_ref().map_or(0.0, |tokens| tokens.mean * rate)
    })
}

/// Load of every hour of the week of a month, in GSUs.
pub(super) fn hourly_load(members: &[Member<'_>], row: &Throughput, at: usize, month: Month) -> Vec<f64> {
    let mut load = vec![0.0; WEEK_HOURS];
    let per_gsu = row.tokens_per_second_per_gsu.to_f64().unwrap_or(f64::NAN);
    for member in members {
        let burn = mean_burn(member, row) / per_gsu;
        for (sum, rate) in load.iter_mut().zip(hourly_rates(member, at, month)) {
            *sum += rate * burn;
        }
    }
    load
}

/// Burn tokens and US dollars of a request whose classes all stand at the same point of their spread.
fn weighed(member: &Member<'_>, row: &Throughput, point: impl Fn(&ClassTokens) -> f64) -> (f64, f64) {
    let (mut burn, mut usd) = (0.0, 0.0);
    let Some(request) = &member.plan.per_request else { return (0.0, 0.0) };
    for class in TokenClass::ALL.iter().copied() {
        let Some(tokens) = &request.tokens[class] else { continue };
        let rate = row.rate(class).and_then(|rate| rate.to_f64()).unwrap_or(0.0);
        burn += point(tokens) * rate;
        if tokens.mean > 0.0 {
            usd += request.usd[class] * point(tokens) / tokens.mean;
        }
    }
    (burn, usd)
}

/// The law of a request's burn: three sizes, all classes low, middle or high together, scaled to the expected
/// burn; each with its dollars on PayGo.
pub(super) fn sizes(member: &Member<'_>, row: &Throughput) -> Result<Marks, WindowError> {
    let (mean, usd_mean) = weighed(member, row, |tokens| tokens.mean);
    let paygo = member.instead_of.per_request.as_ref().map_or(usd_mean, |request| request.usd_total);
    let points = [
        weighed(member, row, |tokens| tokens.p05),
        weighed(member, row, |tokens| tokens.p50),
        weighed(member, row, |tokens| tokens.p95),
    ];
    let scale = |of: fn(&(f64, f64)) -> f64, mean: f64| {
        let sum: f64 = points.iter().zip(POINTS).map(|(point, weight)| of(point) * weight).sum();
        if sum > 0.0 { mean / sum } else { 0.0 }
    };
    let (burn_scale, usd_scale) = (scale(|point| point.0, mean), scale(|point| point.1, paygo));
    Marks::new(points.iter().zip(POINTS).map(|((burn, usd), probability)| Mark {
        value: burn * burn_scale,
        probability,
        second: usd * usd_scale,
    }))
}

/// The law of the counts of windows: bursts that outlast any window make all windows waver alike.
fn counts(Burst { cv, correlation_seconds }: Burst) -> CountLaw {
    let modulated = CountLaw::Modulated(Modulation { cv, correlation_seconds });
    if correlation_seconds.is_some() { modulated } else { modulated.in_windows(1.0) }
}

/// The traffic of a month; how much its counts waver depends on the window that they are seen in.
pub(super) fn traffic(
    members: &[Member<'_>],
    row: &Throughput,
    at: usize,
    month: Month,
) -> Result<Traffic, WindowError> {
    let streams = members
        .iter()
        .map(|member| {
            let (counts, rates) = (counts(member.route.burst), hourly_rates(member, at, month));
            Ok(Stream { marks: sizes(member, row)?, counts, rates })
        })
        .collect::<Result<Vec<Stream>, WindowError>>()?;
    Traffic::new(&[1.0; WEEK_HOURS], streams)
}

/// A share that nobody sees.
const NEXT_TO_NOTHING: f64 = 1e-12;

/// At which multiples of the planned traffic curves are asked for.
#[derive(Clone, Copy)]
pub(super) enum Loads<'a> {
    /// Any.
    Any,
    /// As planned alone; with the curves for any load of the same traffic under other windows.
    Planned { like: &'a MonthlyCurves },
}

/// Curves for every month with traffic: few families, since most months differ in volume alone.
pub(super) struct MonthlyCurves {
    /// Each with the traffic that it was made from; that of the busiest month first.
    families: Vec<(CurveFamily, Traffic)>,
    /// By month: its family and its load as a factor of the family's; `None` without traffic.
    of_month: Vec<Option<(usize, f64)>>,
}

impl MonthlyCurves {
    /// From the busiest month down, each month joins a family of like mix and not much more load.
    pub fn new(
        members: &[Member<'_>],
        row: &Throughput,
        months: &[Month],
        loads: Loads<'_>,
    ) -> Result<MonthlyCurves, CurveError> {
        let burn: Vec<f64> = members.iter().map(|member| mean_burn(member, row)).collect();
        let mixes: Vec<Vec<f64>> = months
            .iter()
            .enumerate()
            .map(|(at, month)| {
                let days = f64::from(month.days());
                members.iter().zip(&burn).map(|(m, burn)| m.plan.months[at].requests * burn / days).collect()
            })
            .collect();
        let load = |at: usize| mixes[at].iter().sum::<f64>();
        let mut order: Vec<usize> = (0..months.len()).filter(|at| load(*at) > 0.0).collect();
        order.sort_by(|a, b| load(*b).total_cmp(&load(*a)).then(a.cmp(b)));
        let mut centres: Vec<usize> = Vec::new();
        let mut of_month = vec![None; months.len()];
        for at in order {
            let joins = |centre: &usize| {
                let same = |(a, b): (&f64, &f64)| (a / load(at) - b / load(*centre)).abs() <= MIX_RANGE;
                load(at) >= LOAD_RANGE * load(*centre) && mixes[at].iter().zip(&mixes[*centre]).all(same)
            };
            let family = centres.iter().position(joins).unwrap_or_else(|| {
                centres.push(at);
                centres.len() - 1
            });
            of_month[at] = Some((family, load(at) / load(centres[family])));
        }
        let family = |(index, at): (usize, &usize)| {
            let traffic = traffic(members, row, *at, months[*at])?;
            let family = match loads {
                Loads::Any => CurveFamily::new(row, &traffic)?,
                Loads::Planned { like } => {
                    let of_family = of_month.iter().flatten().filter(|(family, _)| *family == index);
                    let least = of_family.map(|(_, load)| *load).fold(1.0, f64::min);
                    CurveFamily::up_to_centre(row, &traffic, least, &like.families[index].0)?
                }
            };
            Ok((family, traffic))
        };
        let families = centres.iter().enumerate().map(family).collect::<Result<Vec<_>, CurveError>>()?;
        Ok(MonthlyCurves { families, of_month })
    }

    /// A month's family and the logarithm of its load over the family's; `None` without traffic.
    pub fn place(&self, at: usize) -> Option<(usize, f64)> {
        self.of_month[at].map(|(family, load)| (family, load.ln()))
    }

    /// Every family with its traffic and the least and the largest logarithm of its months' loads; that of the
    /// busiest month first.
    pub fn families(&self) -> impl Iterator<Item = (&CurveFamily, &Traffic, [f64; 2])> {
        self.families.iter().enumerate().map(|(at, (family, traffic))| {
            let logs = self.of_month.iter().flatten().filter(|(of, _)| *of == at).map(|(_, load)| load.ln());
            let ends = logs.fold([0.0_f64, 0.0], |[low, high], log| [low.min(log), high.max(log)]);
            (family, traffic, ends)
        })
    }

    /// The family of the busiest month.
    pub fn busiest(&self) -> &CurveFamily {
        &self.families[0].0
    }

    /// The largest count that any family knows.
    pub fn largest_count(&self) -> u64 {
        let last = |family: &CurveFamily| family.centre().points.last().map_or(0, |point| point.gsu);
        self.families.iter().map(|(family, _)| last(family)).max().unwrap_or(0)
    }

    /// Share of burn tokens left to PayGo in a month by these counts, ascending, at a multiple of its traffic.
    /// `None` for a month without traffic. Counts that a curve does not list take the next smaller one that it
    /// does; beyond its end next to nothing is left.
    pub fn left(&self, at: usize, counts: &[u64], factor: f64) -> Option<Vec<f64>> {
        let (family, load) = self.of_month[at]?;
        let family = &self.families[family].0;
        let listed = &family.centre().points;
        let mut at_load = family.at_load(load * factor);
        // Within a window more leaves less: after next to nothing comes nothing.
        let mut nothing_in = None;
        let share = |gsu: &u64| {
            let place = listed.partition_point(|point| point.gsu <= *gsu).saturating_sub(1);
            let point = &listed[place];
            if nothing_in.is_some() && nothing_in == point.window {
                return 0.0;
            }
            let share = at_load.left(point);
            nothing_in = point.window.filter(|_| share < NEXT_TO_NOTHING);
            share
        };
        Some(counts.iter().map(share).collect())
    }
}
