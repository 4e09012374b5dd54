//! Windows that the documents give as a range: the pool once more at the shortest and at the longest of them.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    demand::{Loads, MonthlyCurves},
    money::{BestOfTerm, Costs, PayGo},
    sizes::SizeRule,
};
use crate::capacity::{Curve, ShareOf, Throughput, Window, WindowEnd};

/// The pool at one end of every range.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WindowCase {
    /// Which end.
    pub end: WindowEnd,
    /// The windows there, by GSU count.
    pub windows: Vec<Window>,
    /// Sizes by rule that depend on what is left.
    pub sizes: Vec<EndSize>,
    /// The best count of each term.
    pub terms: Vec<BestOfTerm>,
}

/// The size that a rule asks for at one end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EndSize {
    /// The rule.
    pub rule: SizeRule,
    /// Its size; `None` when no count of the curve meets it.
    pub gsu: Option<u64>,
    /// Share of tokens that it leaves to PayGo.
    pub left_share: Option<f64>,
}

/// The row and the curves at one end.
pub(super) struct AtEnd {
    pub end: WindowEnd,
    row: Throughput,
    curves: MonthlyCurves,
    form_gsu: u64,
}

/// Both ends; none where the windows are printed.
pub(super) fn at_ends(costs: &Costs<'_>, form_gsu: u64) -> Vec<AtEnd> {
    let at_end = |end: &WindowEnd| {
        let row = costs.row.at_window_end(*end)?;
        let curves =
            MonthlyCurves::new(costs.members, &row, costs.months, Loads::Planned { like: costs.curves })
                .ok()?;
        Some(AtEnd { end: *end, row, curves, form_gsu })
    };
    WindowEnd::ALL.iter().filter_map(at_end).collect()
}

impl AtEnd {
    /// The curve of the busiest month.
    pub fn curve(&self) -> &Curve {
        self.curves.busiest().centre()
    }

    /// Whether the window of a count is open at all.
    pub fn is_open(&self, gsu: u64) -> bool {
        self.row.window_range(gsu).is_some_and(|range| range.is_open())
    }

    /// What this end makes of sizes and purchases.
    pub fn case(&self, costs: &Costs<'_>) -> WindowCase {
        let here = Costs { row: &self.row, curves: &self.curves, ..*costs };
        let months = costs.months.len();
        let paygo = PayGo {
            spilled_usd: PayGo::at(costs.members.iter().map(|member| member.spill), months).spilled_usd,
            ..PayGo::at(costs.members.iter().map(|member| member.instead_of), months)
        };
        WindowCase {
            end: self.end,
            windows: self.row.windows.clone(),
            sizes: self.sizes(),
            terms: here.best_of_terms(&here.mean_paygo(&paygo), costs.usd_per_burn),
        }
    }

    fn sizes(&self) -> Vec<EndSize> {
        let curve = self.curve();
        let size = |(rule, point): (SizeRule, Option<&crate::capacity::CurvePoint>)| EndSize {
            rule,
            gsu: point.map(|point| point.gsu),
            left_share: point.map(|point| point.left.tokens),
        };
        let sizes = [
            (SizeRule::GoogleForm, curve.point(self.form_gsu)),
            (SizeRule::FivePercent, curve.smallest(ShareOf::Tokens, 0.05)),
            (SizeRule::OnePercent, curve.smallest(ShareOf::Tokens, 0.01)),
        ];
        sizes.into_iter().map(size).collect()
    }
}
