//! Google's form for a pool, field by field: what is entered, from the routes that it is blended of.

use super::{
    drivers::volume_range,
    gsu::{Member, members},
    placement::plan_months,
    working::{Working, exact},
};
use crate::units::Range;

/// Numbers below `/gsu/pools/i/form`.
pub(super) fn explain(working: &mut Working<'_>, pool: &str, path: &[&str]) -> Option<f64> {
    let sheet = Sheet::of(working, pool)?;
    match path {
        ["fields", at, "value"] => sheet.value(working, &format!("{pool}/form/fields/{at}")),
        ["fields", at, "range", end @ ("0" | "1")] => {
            sheet.bound(working, &format!("{pool}/form/fields/{at}"), *end == "1")
        }
        ["loads", at, field] => sheet.load(working, pool, &format!("{pool}/form/loads/{at}"), field),
        ["blend", at, field] => sheet.part(working, pool, at.parse().ok()?, field),
        ["without_field", at, "1"] => {
            let class = working.text(&format!("{pool}/form/without_field/{at}/0"))?;
            working.define(format!("Mean tokens of {class} per query: burnt, but asked for by no field."));
            sheet.blended(working, &[class])
        }
        _ => None,
    }
}

/// The routes of a pool and their requests in its busiest month.
struct Sheet {
    members: Vec<Member>,
    /// Place of the busiest month.
    at: usize,
    label: String,
    seconds: f64,
    requests: Vec<f64>,
}

impl Sheet {
    fn of(working: &mut Working<'_>, pool: &str) -> Option<Sheet> {
        let label = working.text(&format!("{pool}/month"))?;
        let months = plan_months(working)?;
        let at = months.iter().position(|month| month.label() == label)?;
        let members = members(working, pool)?;
        let requests =
            members.iter().map(|member| working.number(&format!("{}/months/{at}/requests", member.served)));
        Some(Sheet {
            at,
            label: label.to_string(),
            seconds: f64::from(months[at].days()) * 86_400.0,
            requests: requests.collect::<Option<Vec<f64>>>()?,
            members,
        })
    }

    fn total(&self) -> f64 {
        self.requests.iter().sum()
    }

    fn requests_of(&self, working: &mut Working<'_>, member: &Member) -> Option<f64> {
        working.read(&format!("{}/months/{}/requests", member.served, self.at))
    }

    fn value(&self, working: &mut Working<'_>, field: &str) -> Option<f64> {
        let name = working.text(&format!("{field}/name"))?;
        let classes = classes(working, field);
        match working.text(&format!("{field}/unit"))? {
            "1/s" => {
                working.define(format!("What is entered as `{name}`: the mean of the busiest month."));
                self.per_second(working)
            }
            "%" => {
                working.define(format!("What is entered as `{name}`: the share of input read from a cache."));
                let all = self.blended(working, &classes)?;
                let cached: Vec<&str> =
                    classes.into_iter().filter(|class| class.starts_with("cached_")).collect();
                let cached = self.blended(working, &cached)?;
                working.line(format!("{} ÷ {}", exact(cached), exact(all)));
                Some(if all > 0.0 { cached / all } else { 0.0 })
            }
            _ => {
                working.define(format!("What is entered as `{name}`: the mean over the pool's requests."));
                self.blended(working, &classes)
            }
        }
    }

    fn per_second(&self, working: &mut Working<'_>) -> Option<f64> {
        for member in &self.members {
            let requests = self.requests_of(working, member)?;
            working.line(format!("{}: {} requests in {}", member.name, exact(requests), self.label));
        }
        working.line(format!("{} ÷ {} s", exact(self.total()), exact(self.seconds)));
        Some(self.total() / self.seconds)
    }

    /// Mean tokens per query of some classes, weighted by requests.
    fn blended(&self, working: &mut Working<'_>, classes: &[&str]) -> Option<f64> {
        let mut sum = 0.0;
        for (member, requests) in self.members.iter().zip(&self.requests) {
            let tokens = self.tokens(working, member, classes, "mean");
            working.line(format!(
                "{}: {} requests × {} tokens of {}",
                member.name,
                exact(*requests),
                exact(tokens),
                if classes.is_empty() { "nothing".to_string() } else { classes.join(" + ") }
            ));
            sum += requests * tokens;
        }
        let mean = sum / self.total();
        working.line(format!("sum ÷ {} requests = {} a query", exact(self.total()), exact(mean)));
        Some(mean)
    }

    /// Tokens of a request of some classes at a point of their spread; a class that does not occur is nothing.
    fn tokens(&self, working: &mut Working<'_>, member: &Member, classes: &[&str], point: &str) -> f64 {
        let pointer = |class: &&str| format!("{}/per_request/tokens/{class}/{point}", member.served);
        classes.iter().map(pointer).filter_map(|pointer| working.read(&pointer)).sum()
    }

    fn bound(&self, working: &mut Working<'_>, field: &str, high: bool) -> Option<f64> {
        let name = working.text(&format!("{field}/name"))?;
        let end = if high { "95 %" } else { "5 %" };
        if working.text(&format!("{field}/unit"))? == "1/s" {
            working.define(format!("{end} of `{name}`, by the stated volume and growth of the routes."));
            return self.queries_bound(working, high);
        }
        working.define(format!("{end} of requests for `{name}`, over all routes of the pool."));
        let classes = classes(working, field);
        let point = if high { "p95" } else { "p05" };
        let mut found: Option<f64> = None;
        for (member, _) in self.members.iter().zip(&self.requests).filter(|(_, requests)| **requests > 0.0) {
            let tokens = self.tokens(working, member, &classes, point);
            working.line(format!("{}: {} tokens of {}", member.name, exact(tokens), classes.join(" + ")));
            found =
                Some(found.map_or(tokens, |found| if high { found.max(tokens) } else { found.min(tokens) }));
        }
        found
    }

    fn queries_bound(&self, working: &mut Working<'_>, high: bool) -> Option<f64> {
        let mean = self.per_second(working)?;
        let mut sum = 0.0;
        for (member, requests) in self.members.iter().zip(&self.requests) {
            let factor = self.volume_factor(working, member, high)?;
            working.line(format!("{}: × {} of its mean", member.name, exact(factor)));
            sum += requests * factor;
        }
        working.line(format!("{} × {} ÷ {}", exact(mean), exact(sum), exact(self.total())));
        Some(mean * sum / self.total())
    }

    /// The end of a route's stated volume and growth over their mean.
    fn volume_factor(&self, working: &mut Working<'_>, member: &Member, high: bool) -> Option<f64> {
        let point = |range: Range| if high { range.p95 } else { range.p05 };
        let (pointer, volume) = volume_range(working, member.route)?;
        let is_total = pointer.contains("/total");
        let factor = if volume.mean() > 0.0 { point(volume) / volume.mean() } else { 1.0 };
        working.note(&pointer, exact(point(volume)));
        if is_total {
            return Some(factor);
        }
        let growth = format!("/workload/routes/{}/growth_per_month", member.route);
        let part = |key: &str| working.number(&format!("{growth}/{key}"));
        let growth = Range { p05: part("p05")?, likely: part("likely")?, p95: part("p95")? };
        Some(factor * ((1.0 + point(growth)) / (1.0 + growth.mean())).powi(self.at as i32))
    }

    fn load(&self, working: &mut Working<'_>, pool: &str, own: &str, field: &str) -> Option<f64> {
        let kind = working.text(&format!("{own}/kind"))?;
        match field {
            "gsu" => {
                working.define("GSUs that the form answers to this load.");
                let rate = working.read(&format!("{own}/queries_per_second"))?;
                let burn = working.read(&format!("{pool}/sizing/burn_per_request"))?;
                let per_gsu = working.read(&format!("{pool}/sizing/throughput_per_gsu"))?;
                let gsu = rate * burn / per_gsu;
                working.line(format!(
                    "{} × {} ÷ {} = {}",
                    exact(rate),
                    exact(burn),
                    exact(per_gsu),
                    exact(gsu)
                ));
                working.line("rounded up, at least 1");
                // A count that is whole but for its last digit is whole.
                Some((gsu - 1e-9 * gsu).ceil().max(1.0))
            }
            "queries_per_second" => {
                working.define(match kind {
                    "mean_of_month" => "Queries a second: the mean of the busiest month.",
                    "busiest_hour" => "Queries a second in the busiest hour of the week of that month.",
                    "stated_peak" => {
                        "Queries a second: the stated peaks; a route without one at its busiest hour."
                    }
                    _ => "The mean as a whole number of queries a second.",
                });
                self.rate(working, kind)
            }
            _ => None,
        }
    }

    fn rate(&self, working: &mut Working<'_>, kind: &str) -> Option<f64> {
        let mean = self.per_second(working)?;
        let hours: Option<Vec<Vec<f64>>> =
            self.members.iter().zip(&self.requests).map(|(m, r)| self.hours(working, m, *r)).collect();
        let hours = hours?;
        let largest = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
        Some(match kind {
            "mean_of_month" => mean,
            "whole_number" => {
                working.line("rounded up");
                mean.ceil()
            }
            "busiest_hour" => {
                let sums: Vec<f64> =
                    (0..168).map(|hour| hours.iter().map(|rates| rates[hour]).sum()).collect();
                working.line("× hour and day weights of each route, the largest sum of the 168 hours");
                largest(&sums)
            }
            _ => {
                let mut sum = 0.0;
                for (member, hours) in self.members.iter().zip(&hours) {
                    let stated = format!("/workload/routes/{}/peak_requests_per_minute", member.route);
                    let stated = working.read(&stated).unwrap_or(0.0) / 60.0;
                    let here = stated.max(largest(hours));
                    working.line(format!("{}: {} a second", member.name, exact(here)));
                    sum += here;
                }
                sum
            }
        })
    }

    /// Requests a second of a route in every hour of the week.
    fn hours(&self, working: &Working<'_>, member: &Member, requests: f64) -> Option<Vec<f64>> {
        let weights = |key: &str| -> Vec<f64> {
            let list = working.list(&format!("/workload/routes/{}/{key}", member.route));
            list.iter().filter_map(serde_json::Value::as_f64).collect()
        };
        let (hours, days) = (weights("hour_weights"), weights("day_weights"));
        let rate = requests / self.seconds;
        let is_week = hours.len() == 24 && days.len() == 7;
        is_week.then(|| (0..168).map(|hour| rate * days[hour / 24] * hours[hour % 24]).collect())
    }

    fn part(&self, working: &mut Working<'_>, pool: &str, at: usize, field: &str) -> Option<f64> {
        let member = self.members.get(at)?;
        match field {
            "share_of_requests" => {
                working.define("Share of the pool's requests in the busiest month that are this route's.");
                let requests = self.requests_of(working, member)?;
                working.line(format!("{} ÷ {}", exact(requests), exact(self.total())));
                Some(requests / self.total())
            }
            "burn_per_request" => {
                working.define("Mean burn tokens of one request of this route.");
                self.burn(working, pool, member)
            }
            "share_of_burn" => {
                working.define("Share of the pool's burn tokens in the busiest month that is this route's.");
                let mut burnt = Vec::new();
                for (member, requests) in self.members.iter().zip(&self.requests) {
                    burnt.push(requests * self.burn(working, pool, member)?);
                }
                let all: f64 = burnt.iter().sum();
                working.line(format!("{} ÷ {}", exact(burnt[at]), exact(all)));
                Some(burnt[at] / all)
            }
            _ => None,
        }
    }

    /// Burn of a request by the rates of the pool's form.
    fn burn(&self, working: &mut Working<'_>, pool: &str, member: &Member) -> Option<f64> {
        let mut burn = 0.0;
        for line in 0..working.list(&format!("{pool}/sizing/lines")).len() {
            let line = format!("{pool}/sizing/lines/{line}");
            let class = working.text(&format!("{line}/class"))?;
            let rate = working.read(&format!("{line}/rate"))?;
            let tokens = self.tokens(working, member, &[class], "mean");
            burn += rate * tokens;
            working.line(format!("{}: {class} {} × {}", member.name, exact(tokens), exact(rate)));
        }
        Some(burn)
    }
}

/// The classes that are entered in a field.
fn classes<'a>(working: &Working<'a>, field: &str) -> Vec<&'a str> {
    working.list(&format!("{field}/classes")).iter().filter_map(|class| class.as_str()).collect()
}
