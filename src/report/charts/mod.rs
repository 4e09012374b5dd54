//! The charts of a report, as SVG text and as PNG bytes.
//!
//! Charts take numbers and sentences that are already computed; nothing here knows a price, a model or a
//! clock. Text is set in Inter, embedded in the program (`fonts/`), and measured before anything is drawn,
//! so labels neither overlap nor leave the picture. The same input gives the same bytes.
//!
//! ```text
//! mod            what is drawn, what can be wrong with it
//! monthly_spend  lines by calendar month, with a range and a budget
//! end_labels     what stands at the end of those lines
//! months         the axis of months
//! cost_by_class  horizontal stacked bars
//! drivers        a tornado of inputs, with their parts in the variance
//! gsu_cost       cost over the number of GSUs, a line for each commitment term
//! gsu_best       the best count of a term, and where it stops paying
//! load_duration  hours sorted by load, with lines at GSU counts
//! week_heat_map  7 days by 24 hours
//! week_words     what a week's map says
//! ratio_forest   ratios with their ranges on a logarithmic axis
//! token_spread   tokens of single requests, row by row
//! convergence    half widths over the money that was spent
//! side_labels    what stands right of a plot, or under a narrow one
//! axes           axes that count in numbers
//! curve          curves thinned out and cut
//! canvas         the picture, its heading, its text and colours
//! spots          places that tell their values
//! scale          axis steps, amounts as text, labels pushed apart
//! png            SVG to PNG
//! ```

mod axes;
mod canvas;
mod convergence;
mod cost_by_class;
mod curve;
mod drivers;
mod end_labels;
#[cfg(test)]
pub(super) mod examples;
#[cfg(test)]
mod golden;
mod gsu_best;
mod gsu_cost;
mod load_duration;
mod monthly_spend;
mod months;
mod png;
mod ratio_forest;
#[cfg(test)]
mod request_examples;
mod scale;
mod side_labels;
mod spots;
#[cfg(test)]
mod tests;
mod token_spread;
mod week_heat_map;
mod week_words;

pub use convergence::{PrecisionCourse, PrecisionLine, draw_precision_course};
pub use cost_by_class::draw_cost_by_class;
pub use drivers::{DriverBar, Drivers, draw_drivers};
pub use gsu_cost::{GsuCost, TermCost, draw_gsu_cost};
pub use load_duration::{LoadDuration, NamedCount, WindowLoad, draw_load_duration};
pub use monthly_spend::draw_monthly_spend;
pub use png::to_png;
pub use ratio_forest::{RatioForest, RatioGroup, RatioRow, draw_ratio_forest};
pub(super) use scale::short_ratio;
pub use token_spread::{SpreadBin, SpreadPanel, SpreadRow, TokenSpread, draw_token_spread};
pub use week_heat_map::{WeekHeatMap, WeekQuantity, draw_week_heat_map};

/// One drawn chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// File stem, e.g. `monthly-spend`.
    pub name: String,
    /// The finding, as written in bold at the top of the picture.
    pub title: String,
    /// What the picture shows, in sentences, for readers who cannot see it.
    pub alt: String,
    /// The picture: SVG with `role="img"`, an `aria-label`, `<title>` and `<desc>`.
    ///
    /// Nominally 1000 pixels wide and 560 high. A chart of few bars is lower, one of many bars higher.
    pub svg: String,
    /// The same for narrow screens: 360 pixels wide, as high as it needs, with letters of 12 pixels and more.
    pub narrow: String,
}

/// Spend by calendar month of each placement, with the range of the chosen one and an optional budget line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MonthlySpend {
    /// States the finding, e.g. `Between $7,900 and $11,400 a month on vertex:global`.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// Consecutive calendar months as `2026-12`, 1 to 60 of them.
    pub months: Vec<String>,
    /// The chosen placement: mean USD in each month.
    pub chosen: Line,
    /// 5th percentile of the chosen placement's spend in each month, USD. Not used where `chosen` has no value.
    pub low: Vec<f64>,
    /// 95th percentile of the chosen placement's spend in each month, USD. Not used where `chosen` has no value.
    pub high: Vec<f64>,
    /// Other placements, drawn thin. The six of lowest mean spend get a label, the rest are grey.
    pub others: Vec<Line>,
    /// Budget in USD per month.
    pub budget_usd: Option<f64>,
}

/// The spend of one placement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Name of the placement, e.g. `vertex:global · flex`.
    pub label: String,
    /// Mean USD in each month; `None` where the placement is not available, so that the line stops.
    pub usd: Vec<Option<f64>>,
}

/// Cost by token class, one horizontal stacked bar for each placement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CostByClass {
    /// States the finding, e.g. `Image output is 92 % of the cost on every placement`.
    pub title: String,
    /// What is shown and how it was estimated, in grey under the title.
    pub subtitle: String,
    /// Unit of the values, written under the axis: `USD per 1,000 requests`. Amounts are shown with `$`.
    pub unit: String,
    /// Token classes in the order of the legend and of the stack, at most 8.
    pub classes: Vec<String>,
    /// Bars from top to bottom, at most 100.
    pub bars: Vec<Bar>,
}

/// The cost of one placement, split by token class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bar {
    /// Name of the placement.
    pub label: String,
    /// One value for each class, in the unit of the chart.
    pub values: Vec<f64>,
    /// Written behind the total at the bar's end, e.g. `gone since 2026-10-29`.
    pub remark: Option<String>,
}

/// Why a chart cannot be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChartError {
    /// There is nothing to draw.
    #[error("a chart needs at least one {what}, found none")]
    Empty {
        /// What is missing: `month`, `bar`, `class`, `hour` …
        what: &'static str,
    },
    /// More than fits into a legible picture.
    #[error("a chart takes at most {most} {what}, found {found}")]
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// The limit.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// Two lists that belong together differ in length.
    #[error("{what} must have {expected} values, found {found}")]
    Length {
        /// Which list.
        what: String,
        /// The length it must have.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// An amount or a load that is not a number, negative, or too large to be one.
    #[error("{what} must be a number from 0 to 1e15, found {found}")]
    Amount {
        /// Which amount, and of which month, class, hour or GSU count.
        what: String,
        /// The value.
        found: f64,
    },
    /// A range that is upside down.
    #[error("the range in `{month}` must not end below its start, found {low} to {high} USD")]
    Range {
        /// The month.
        month: String,
        /// 5th percentile in USD.
        low: f64,
        /// 95th percentile in USD.
        high: f64,
    },
    /// A range of window loads that is upside down.
    #[error(
        "the range of the windows in hour {hour} must not end below its start, found {low} to {high} GSU"
    )]
    WindowRange {
        /// Index of the hour, counted from 0.
        hour: usize,
        /// 5th percentile in GSUs.
        low: f64,
        /// 95th percentile in GSUs.
        high: f64,
    },
    /// A ratio that is not positive, or lies outside its own range.
    #[error(
        "the ratio of `{row}` must be a positive number inside its range, found {point} in {low} to {high}"
    )]
    Ratio {
        /// Label of the row.
        row: String,
        /// The ratio.
        point: f64,
        /// Low end of its range.
        low: f64,
        /// High end of its range.
        high: f64,
    },
    /// Numbers that must ascend and do not.
    #[error("{what} must ascend")]
    Unordered {
        /// Which numbers.
        what: String,
    },
    /// GSU counts that are not in rising order.
    #[error("GSU counts must rise, found {found} after {before}")]
    NotRising {
        /// The count that is too low.
        found: u32,
        /// The one before it.
        before: u32,
    },
    /// A share that is not one.
    #[error("the share on {what} must be a number from 0 to 1, found {found}")]
    Share {
        /// Day and hour.
        what: String,
        /// The value.
        found: f64,
    },
    /// A month that cannot be read, or that does not follow the one before.
    #[error("months must be consecutive and written as `2026-12`, found `{found}`")]
    Month {
        /// The month as given.
        found: String,
    },
    /// The chosen placement has no value in any month.
    #[error("the chosen placement `{label}` is not available in any month")]
    NeverAvailable {
        /// Name of the placement.
        label: String,
    },
    /// The drawing library failed.
    #[error("cannot draw the chart: {0}")]
    Drawing(String),
    /// The picture cannot be turned into PNG.
    #[error("cannot make a PNG of the chart: {0}")]
    Png(String),
}

/// Refuses an amount that is not a number, negative, or above 1e15.
fn check_amount(found: f64, what: impl FnOnce() -> String) -> Result<(), ChartError> {
    if (0.0..=1e15).contains(&found) {
        return Ok(());
    }
    let what = what();
    Err(ChartError::Amount { what, found })
}

/// Refuses a list whose length is not `expected`.
fn check_length(found: usize, expected: usize, what: impl FnOnce() -> String) -> Result<(), ChartError> {
    if found == expected {
        return Ok(());
    }
    let what = what();
    Err(ChartError::Length { what, expected, found })
}

/// Refuses a list that is longer than `most`.
fn check_most(found: usize, most: usize, what: &'static str) -> Result<(), ChartError> {
    match found <= most {
        true => Ok(()),
        false => Err(ChartError::TooMany { what, most, found }),
    }
}
