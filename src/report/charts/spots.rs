//! Places of a picture that tell their values: as tooltips of the SVG alone, and by pointer and arrow keys in
//! the report's page.

use super::{
    Chart, GsuCost, TermCost,
    canvas::{Bounds, escape, fine},
};
use crate::report::format::{grouped, money_whole};

/// Places along an axis are at least this far apart, in pixels.
const PITCH: f64 = 6.0;

/// A rectangle and what is said there, line by line.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) bounds: Bounds,
    pub(super) text: String,
}

impl Chart {
    /// The chart with places that tell their values, in the order in which they are read.
    pub(super) fn with_spots(mut self, spots: &[Spot]) -> Chart {
        let Some(body) = self.svg.rfind("</svg>").filter(|_| !spots.is_empty()) else { return self };
        let rest = self.svg.split_off(body);
        self.svg += "<g class=\"spots\" fill=\"none\" pointer-events=\"all\">\n";
        for Spot { bounds, text } in spots {
            let [x, y, width, height] =
                [bounds.left, bounds.top, bounds.right - bounds.left, bounds.bottom - bounds.top].map(fine);
            let text = escape(text);
            self.svg += &format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{text}</title></rect>\n"
            );
        }
        self.svg += "</g>\n";
        self.svg += &rest;
        self
    }
}

/// Bands of the plot around places on its horizontal axis, ascending, as shares of its width; each reaches half
/// way to its neighbours. Of places that stand closer than a pointer can tell apart the first is kept.
pub(super) fn bands(plot: Bounds, places: &[f64]) -> Vec<(usize, Bounds)> {
    let x = |share: f64| plot.left + share * (plot.right - plot.left);
    let mut kept: Vec<(usize, f64)> = Vec::new();
    for (at, share) in places.iter().enumerate() {
        if kept.last().is_none_or(|(_, last)| x(*share) - last >= PITCH) {
            kept.push((at, x(*share)));
        }
    }
    let middle = |at: usize| (kept[at].1 + kept[at + 1].1) / 2.0;
    let band = |at: usize| Bounds {
        left: if at == 0 { plot.left } else { middle(at - 1) },
        right: if at + 1 == kept.len() { plot.right } else { middle(at) },
        ..plot
    };
    (0..kept.len()).map(|at| (kept[at].0, band(at))).collect()
}

/// What every GSU count says, up to the one at the right border of the plot.
pub(super) fn count_spots(cost: &GsuCost, x_top: f64, bounds: Bounds) -> Vec<Spot> {
    let shown = cost.counts.iter().take_while(|count| f64::from(**count) <= x_top);
    let places: Vec<f64> = shown.map(|count| f64::from(*count) / x_top).collect();
    let text = |at: usize| {
        let term = |term: &TermCost| {
            term.usd[at].map(|usd| format!("\n{}: {}", term.label, money_whole(usd))).unwrap_or_default()
        };
        let terms: String = cost.terms.iter().map(term).collect();
        format!("{} GSU{terms}", grouped(u64::from(cost.counts[at])))
    };
    bands(bounds, &places).into_iter().map(|(at, bounds)| Spot { bounds, text: text(at) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_share_the_width_and_skip_what_stands_too_close() {
        let plot = Bounds { left: 100.0, top: 0.0, right: 200.0, bottom: 50.0 };
        let found = bands(plot, &[0.0, 0.01, 0.5, 1.0]);
        let edges: Vec<(usize, f64, f64)> = found.iter().map(|(at, b)| (*at, b.left, b.right)).collect();
        assert_eq!(edges, [(0, 100.0, 125.0), (2, 125.0, 175.0), (3, 175.0, 200.0)]);
        assert!(bands(plot, &[]).is_empty());
    }

    #[test]
    fn a_place_says_its_text_escaped_and_stands_inside_the_picture() {
        let chart = Chart {
            name: "x".into(),
            title: "x".into(),
            alt: "x".into(),
            svg: "<svg>\n<text>a</text>\n</svg>\n".into(),
            narrow: String::new(),
        };
        let bounds = Bounds { left: 1.0, top: 2.0, right: 4.0, bottom: 8.0 };
        let spot = Spot { bounds, text: "a < b\nc".into() };
        let found = chart.clone().with_spots(&[spot]).svg;
        assert_eq!(
            found,
            "<svg>\n<text>a</text>\n<g class=\"spots\" fill=\"none\" pointer-events=\"all\">\n\
             <rect x=\"10\" y=\"20\" width=\"30\" height=\"60\"><title>a &lt; b\nc</title></rect>\n</g>\n</svg>\n"
        );
        assert_eq!(chart.clone().with_spots(&[]), chart);
    }
}
