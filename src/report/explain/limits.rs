//! What bounds the traffic: rates of the busiest month and hour, spend on the Developer API.

use super::{
    placement::plan_months,
    working::{Chosen, Working, exact},
};

/// Numbers below `/limits`.
pub(super) fn explain(working: &mut Working<'_>, path: &[&str]) -> Option<f64> {
    match path {
        ["mean_requests_per_minute"] => {
            working.define("Mean requests a minute of all routes in the busiest month.");
            let busiest = busiest(working)?;
            working.line(format!(
                "{} requests in {} ÷ {} minutes",
                exact(busiest.requests.iter().sum()),
                busiest.label,
                exact(busiest.minutes)
            ));
            Some(busiest.requests.iter().sum::<f64>() / busiest.minutes)
        }
        ["peak_requests_per_minute"] => peak(working),
        ["developer_usd_per_month_max"] => developer_month(working),
        ["developer_usd_per_10_minutes_max"] => developer_10_minutes(working),
        ["developer_tier_needed"] => {
            working.define(
                "Lowest spend tier of the Developer API whose caps hold the month and the ten minutes.",
            );
            let month = working.read("/limits/developer_usd_per_month_max")?;
            let minutes = working.read("/limits/developer_usd_per_10_minutes_max")?;
            working.line(format!(
                "must hold {} USD a month and {} USD in ten minutes",
                exact(month),
                exact(minutes)
            ));
            working.line("the caps of the tiers stand in the capacity book, not in the plan");
            None
        }
        _ => None,
    }
}

/// The busiest month and the requests of each route in it.
struct Busiest {
    label: String,
    minutes: f64,
    requests: Vec<f64>,
}

fn busiest(working: &mut Working<'_>) -> Option<Busiest> {
    let months = plan_months(working)?;
    let mut requests = Vec::new();
    for chosen in working.chosen() {
        requests.push(working.months(&chosen.base, "requests")?);
    }
    let minutes = |at: usize| f64::from(months[at].days()) * 24.0 * 60.0;
    let of_month =
        |at: usize| requests.iter().filter_map(|months| months.get(at).copied()).collect::<Vec<f64>>();
    let rate = |at: usize| of_month(at).iter().sum::<f64>() / minutes(at);
    let at = (0..months.len()).max_by(|a, b| rate(*a).total_cmp(&rate(*b)))?;
    Some(Busiest { label: months[at].label(), minutes: minutes(at), requests: of_month(at) })
}

/// An hour of the week and what comes together in it.
struct Hour {
    day: usize,
    hour: usize,
    sum: f64,
    parts: Vec<f64>,
}

/// The hour of the week in which `rates`, each weighted by its route's profile, add up to most.
fn fullest_hour(working: &Working<'_>, chosen: &[Chosen<'_>], rates: &[f64]) -> Option<Hour> {
    let weights = |route: usize, key: &str| -> Vec<f64> {
        let list = working.list(&format!("/workload/routes/{route}/{key}"));
        list.iter().filter_map(serde_json::Value::as_f64).collect()
    };
    let profiles: Vec<(Vec<f64>, Vec<f64>)> = chosen
        .iter()
        .map(|route| (weights(route.route, "hour_weights"), weights(route.route, "day_weights")))
        .collect();
    if profiles.iter().any(|(hours, days)| hours.len() != 24 || days.len() != 7) {
        return None;
    }
    let at = |day: usize, hour: usize| {
        let weighted = profiles.iter().zip(rates).map(|((hours, days), rate)| rate * hours[hour] * days[day]);
        let parts: Vec<f64> = weighted.collect();
        Hour { day, hour, sum: parts.iter().sum(), parts }
    };
    let all = (0..7).flat_map(|day| (0..24).map(move |hour| (day, hour)));
    all.map(|(day, hour)| at(day, hour)).reduce(|best, other| if other.sum > best.sum { other } else { best })
}

fn peak(working: &mut Working<'_>) -> Option<f64> {
    working.define("Requests a minute in the busiest hour of the week of the busiest month, or the stated peaks if they are more.");
    let busiest = busiest(working)?;
    let chosen = working.chosen();
    let rates: Vec<f64> = busiest.requests.iter().map(|requests| requests / busiest.minutes).collect();
    let hour = fullest_hour(working, &chosen, &rates)?;
    working.line(format!("busiest month {}, {}", busiest.label, hour_in_words(&hour)));
    for ((route, rate), here) in
        chosen.iter().zip(&rates).zip(&hour.parts).filter(|((_, rate), _)| **rate > 0.0)
    {
        let weight = here / rate;
        working.note(
            &format!("/workload/routes/{}/hour_weights/{}", route.route, hour.hour),
            format!("{} with the weight of the day", exact(weight)),
        );
        working.line(format!(
            "{}: mean {} a minute × weight {} = {}",
            route.name,
            exact(*rate),
            exact(weight),
            exact(*here)
        ));
    }
    let stated: f64 = chosen
        .iter()
        .filter_map(|route| {
            working.number(&format!("/workload/routes/{}/peak_requests_per_minute", route.route))
        })
        .sum();
    if stated > 0.0 {
        working.line(format!("stated peaks together: {}; the larger counts", exact(stated)));
    }
    Some(hour.sum.max(stated))
}

fn hour_in_words(hour: &Hour) -> String {
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    format!("busiest hour {} {}:00", days[hour.day], hour.hour)
}

/// Pointers of the chosen placements on the Developer API.
fn on_developer(working: &Working<'_>) -> Vec<String> {
    let bases = working.chosen().into_iter().map(|route| route.base);
    bases.filter(|base| working.text(&format!("{base}/placement/endpoint")) == Some("developer")).collect()
}

fn developer_month(working: &mut Working<'_>) -> Option<f64> {
    working.define("Largest spend of a month on the Developer API, US dollars.");
    let mut sums: Vec<f64> = Vec::new();
    for base in on_developer(working) {
        let usd = working.months(&base, "usd_total")?;
        sums.resize(usd.len(), 0.0);
        sums.iter_mut().zip(usd).for_each(|(sum, usd)| *sum += usd);
    }
    if sums.is_empty() {
        working.line("no route is served there");
    }
    let largest = sums.iter().copied().fold(0.0, f64::max);
    if let Some(at) = sums.iter().position(|sum| *sum == largest) {
        let label = working.text(&format!("/months/{at}")).unwrap_or("?");
        working.line(format!("largest of {} months: {} in {label}", sums.len(), exact(largest)));
    }
    Some(largest)
}

fn developer_10_minutes(working: &mut Working<'_>) -> Option<f64> {
    working.define("Spend on the Developer API in ten minutes of the busiest hour of the week, US dollars.");
    let busiest = busiest(working)?;
    let chosen = working.chosen();
    let mut rates = Vec::new();
    for (route, requests) in chosen.iter().zip(&busiest.requests) {
        let there = working.text(&format!("{}/placement/endpoint", route.base)) == Some("developer");
        let each = if there { working.read(&format!("{}/per_request/usd_total", route.base))? } else { 0.0 };
        rates.push(requests / busiest.minutes * 10.0 * each);
    }
    let hour = fullest_hour(working, &chosen, &rates)?;
    working.line(format!("busiest month {}, {}", busiest.label, hour_in_words(&hour)));
    for ((route, here), mean) in
        chosen.iter().zip(&hour.parts).zip(&rates).filter(|((_, here), _)| **here > 0.0)
    {
        working.line(format!(
            "{}: mean {} USD in ten minutes × weight {} = {}",
            route.name,
            exact(*mean),
            exact(here / mean),
            exact(*here)
        ));
    }
    if hour.sum == 0.0 {
        working.line("no route is served there");
    }
    Some(hour.sum)
}
