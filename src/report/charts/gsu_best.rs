//! The best count of a term, and the last one that pays.

use super::{
    gsu_cost::{GsuCost, TermCost, count},
    scale::short_usd,
};

/// The cheapest count of a term.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Best {
    pub(super) gsus: u32,
    pub(super) usd: f64,
}

/// The cheapest count of a term above zero; the lowest of equal ones.
pub(super) fn best_of(counts: &[u32], term: &TermCost) -> Option<Best> {
    let offers = counts.iter().zip(&term.usd).filter(|(gsus, _)| **gsus > 0);
    let priced = offers.filter_map(|(gsus, usd)| Some(Best { gsus: *gsus, usd: (*usd)? }));
    priced.min_by(|a, b| a.usd.total_cmp(&b.usd))
}

/// Where a term stops paying.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BreakEven {
    /// The largest count that costs less than none.
    pub(super) gsus: u32,
    /// Where its line crosses the cost of none behind that count, in GSUs; `None` where the counts end before.
    pub(super) crossing: Option<f64>,
}

/// Where a term stops costing less than `none`; `None` where it never does.
pub(super) fn break_even(counts: &[u32], term: &TermCost, none: f64) -> Option<BreakEven> {
    let pays = |usd: Option<f64>| usd.is_some_and(|usd| usd < none);
    let last = (0..counts.len()).rev().find(|at| counts[*at] > 0 && pays(term.usd[*at]))?;
    let crossing = counts.get(last + 1).and_then(|next| {
        let (here, there) = (term.usd[last]?, term.usd[last + 1]?);
        let part = (none - here) / (there - here);
        Some(f64::from(counts[last]) + part * f64::from(next - counts[last]))
    });
    Some(BreakEven { gsus: counts[last], crossing })
}

/// The chart in sentences.
pub(super) fn describe(cost: &GsuCost) -> String {
    let title = cost.title.trim_end_matches('.');
    let counts = match cost.counts.as_slice() {
        [first, .., last] => format!("{} to {} GSU", count(*first), count(*last)),
        only => format!("{} GSU", count(only.first().copied().unwrap_or_default())),
    };
    let none = short_usd(cost.pay_as_you_go_usd);
    let mut alt = format!(
        "{title}. Line chart of USD per month over GSUs bought, {counts}. 0 GSU, all pay-as-you-go: {none}."
    );
    for term in &cost.terms {
        alt += &match best_of(&cost.counts, term) {
            Some(best) => {
                let pays = break_even(&cost.counts, term, cost.pay_as_you_go_usd);
                let pays = pays.map_or_else(String::new, |pays| format!(", pays to {}", count(pays.gsus)));
                let usd = short_usd(best.usd);
                format!(" {}: {usd} at best, with {} GSU{pays}.", term.label, count(best.gsus))
            }
            None => format!(" {}: not offered.", term.label),
        };
    }
    alt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(usd: &[Option<f64>]) -> TermCost {
        TermCost { label: "1 year".into(), usd: usd.to_vec() }
    }

    #[test]
    fn a_term_pays_up_to_the_last_count_below_none() {
        // Cheaper at 1, dearer at 2 (a tooth), cheaper at 3, dearer from 4 on: a quarter of the way.
        let saw = term(&[Some(90.0), Some(101.0), Some(99.0), Some(103.0), None]);
        let found = break_even(&[1, 2, 3, 4, 5], &saw, 100.0);
        assert_eq!(found, Some(BreakEven { gsus: 3, crossing: Some(3.25) }));
        assert_eq!(break_even(&[1, 2], &term(&[Some(100.0), Some(120.0)]), 100.0), None);
        let endless = break_even(&[1, 2], &term(&[Some(80.0), Some(90.0)]), 100.0);
        assert_eq!(endless, Some(BreakEven { gsus: 2, crossing: None }));
    }
}
