//! Over how many seconds a quota is enforced, and how far that may be off where the documents give a range.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::book::{Throughput, documented};
use crate::model::Grade;

/// From this GSU count up (to the next row) quota is enforced over so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First count.
    pub from_gsu: u64,
    /// Length.
    pub seconds: u64,
    /// Documented or assumed.
    #[serde(default = "documented")]
    pub grade: Grade,
}

/// From this GSU count up (to the next range) the window has between so many seconds; which, no page tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowRange {
    /// First count.
    pub from_gsu: u64,
    /// The least that the window may have.
    pub shortest_seconds: u64,
    /// The most.
    pub longest_seconds: u64,
    /// Documented; or assumed, where it is that of like models or follows from printed points.
    #[serde(default = "documented")]
    pub grade: Grade,
    /// Keys of the book's sources.
    pub source: Vec<String>,
}

/// Which end of every range the windows are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// The shortest window: the least quota.
    Shortest,
    /// The longest window: the most quota.
    Longest,
}

impl WindowEnd {
    /// Both ends, the shortest first.
    pub const ALL: [WindowEnd; 2] = [WindowEnd::Shortest, WindowEnd::Longest];
}

impl WindowRange {
    /// The seconds of one end.
    pub fn seconds(&self, end: WindowEnd) -> u64 {
        match end {
            WindowEnd::Shortest => self.shortest_seconds,
            WindowEnd::Longest => self.longest_seconds,
        }
    }

    /// Whether it leaves anything open.
    pub fn is_open(&self) -> bool {
        self.shortest_seconds < self.longest_seconds
    }
}

impl Throughput {
    /// The enforcement window of a GSU count, `None` below the first.
    pub fn window(&self, gsu: u64) -> Option<Window> {
        self.windows.iter().rev().find(|window| window.from_gsu <= gsu).copied()
    }

    /// The range of the window at a GSU count; `None` where the book has the window alone.
    pub fn window_range(&self, gsu: u64) -> Option<&WindowRange> {
        self.window_ranges.iter().rev().find(|range| range.from_gsu <= gsu)
    }

    /// The same model with every window at one end of its range; `None` where no range is open.
    ///
    /// Counts without a range keep their window. Stretches of one length are one window.
    pub fn at_window_end(&self, end: WindowEnd) -> Option<Throughput> {
        if !self.window_ranges.iter().any(WindowRange::is_open) {
            return None;
        }
        let mut windows: Vec<Window> = Vec::new();
        for from_gsu in edges(&self.windows, &self.window_ranges) {
            let Some(window) = self.window(from_gsu) else { continue };
            let open = self.window_range(from_gsu).filter(|range| range.is_open());
            let seconds = open.map_or(window.seconds, |range| range.seconds(end));
            let grade = if open.is_some() { Grade::Assumed } else { window.grade };
            if windows.last().is_none_or(|last| (last.seconds, last.grade) != (seconds, grade)) {
                windows.push(Window { from_gsu, seconds, grade });
            }
        }
        Some(Throughput { windows, ..self.clone() })
    }
}

/// Counts at which a window or a range begins, ascending.
fn edges(windows: &[Window], ranges: &[WindowRange]) -> Vec<u64> {
    let starts = windows.iter().map(|window| window.from_gsu);
    let mut edges: Vec<u64> = starts.chain(ranges.iter().map(|range| range.from_gsu)).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// What is wrong with the windows of a row.
pub(super) fn check_windows(windows: &[Window], ranges: &[WindowRange]) -> Result<(), String> {
    if windows.iter().any(|window| window.seconds == 0) {
        return Err("a window has at least 1 second".into());
    }
    let ascending = windows.windows(2).all(|pair| pair[0].from_gsu < pair[1].from_gsu);
    if windows.first().is_some_and(|window| window.from_gsu != 1) || !ascending {
        return Err("windows start at 1 GSU and ascend".into());
    }
    if ranges.windows(2).any(|pair| pair[0].from_gsu >= pair[1].from_gsu) {
        return Err("window ranges ascend in GSUs".into());
    }
    let backwards = ranges.iter().find(|range| {
        range.from_gsu == 0 || range.shortest_seconds == 0 || range.shortest_seconds > range.longest_seconds
    });
    if let Some(range) = backwards {
        return Err(format!(
            "a window range is from 1 GSU and 1 second up, the shortest first, found {} to {} s from {} GSU",
            range.shortest_seconds, range.longest_seconds, range.from_gsu
        ));
    }
    for from_gsu in edges(windows, ranges) {
        let window = windows.iter().rev().find(|window| window.from_gsu <= from_gsu);
        let range = ranges.iter().rev().find(|range| range.from_gsu <= from_gsu);
        let Some(range) = range else { continue };
        let Some(window) = window else {
            return Err("a window range needs the window that is taken by default".into());
        };
        if !(range.shortest_seconds..=range.longest_seconds).contains(&window.seconds) {
            return Err(format!(
                "the window of {} s at {from_gsu} GSU lies outside its range of {} to {} s",
                window.seconds, range.shortest_seconds, range.longest_seconds
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capacity::CapacityBook, diagnostics::SourceText};

    fn windows(rows: &[(u64, u64)]) -> Vec<Window> {
        let window = |(from_gsu, seconds): &(u64, u64)| Window {
            from_gsu: *from_gsu,
            seconds: *seconds,
            grade: Grade::Documented,
        };
        rows.iter().map(window).collect()
    }

    fn range(from_gsu: u64, shortest_seconds: u64, longest_seconds: u64) -> WindowRange {
        let (grade, source) = (Grade::Documented, vec!["A".to_string()]);
        WindowRange { from_gsu, shortest_seconds, longest_seconds, grade, source }
    }

    fn shipped(model: &str) -> Throughput {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/capacity/google.toml"));
        let source = SourceText { name: "google.toml".into(), text: text.into() };
        let book = CapacityBook::parse(&source).unwrap();
        book.throughput(&model.into(), "2026-11-21".parse().unwrap(), 0.0).unwrap().clone()
    }

    #[track_caller]
    fn check(ranges: &[WindowRange], expected: &str) {
        let found = check_windows(&windows(&[(1, 120), (4, 30)]), ranges);
        assert_eq!(found.unwrap_err(), expected);
    }

    #[test]
    fn a_range_that_contradicts_its_window_is_refused() {
        check(&[range(1, 40, 120), range(1, 5, 30)], "window ranges ascend in GSUs");
        check(
            &[range(1, 120, 40)],
            "a window range is from 1 GSU and 1 second up, the shortest first, found 120 to 40 s from 1 GSU",
        );
        check(
            &[range(0, 0, 40)],
            "a window range is from 1 GSU and 1 second up, the shortest first, found 0 to 40 s from 0 GSU",
        );
        check(&[range(1, 40, 100)], "the window of 120 s at 1 GSU lies outside its range of 40 to 100 s");
        // A range goes on to the next one: here past the edge of a window that it does not hold.
        check(&[range(1, 40, 120)], "the window of 30 s at 4 GSU lies outside its range of 40 to 120 s");
        assert_eq!(
            check_windows(&[], &[range(1, 1, 2)]).unwrap_err(),
            "a window range needs the window that is taken by default"
        );
        assert_eq!(
            check_windows(&windows(&[(1, 120), (4, 30)]), &[range(1, 40, 120), range(4, 5, 30)]),
            Ok(())
        );
    }

    /// 1 to 3 GSU 40 to 120 s, 4 to 49 GSU 5 to 30 s, 50 GSU or more 1 to 5 s.
    #[test]
    fn a_text_model_has_windows_at_both_ends_of_its_ranges() {
        let row = shipped("gemini-3.8-flash");
        let at = |end: WindowEnd, gsu: u64| row.at_window_end(end).unwrap().window(gsu).unwrap().seconds;
        let ends = [1, 3, 4, 49, 50, 5000].map(|gsu| WindowEnd::ALL.map(|end| at(end, gsu)));
        assert_eq!(ends, [[40, 120], [40, 120], [5, 30], [5, 30], [1, 5], [1, 5]]);
        assert_eq!([1, 2, 3, 4, 50].map(|gsu| row.window(gsu).unwrap().seconds), [120, 60, 40, 30, 5]);
    }

    #[test]
    fn printed_points_close_the_range_around_them() {
        let row = shipped("gemini-2.5-flash");
        let ends =
            |gsu: u64| WindowEnd::ALL.map(|end| row.at_window_end(end).unwrap().window(gsu).unwrap().seconds);
        let found = [1, 2, 25, 26, 250, 251].map(ends);
        assert_eq!(found, [[120, 120], [40, 120], [30, 30], [5, 30], [5, 5], [1, 5]]);
        // Below its first range the printed windows stand.
        let image = shipped("gemini-2.5-flash-image");
        let ends = |gsu: u64| {
            WindowEnd::ALL.map(|end| image.at_window_end(end).unwrap().window(gsu).unwrap().seconds)
        };
        assert_eq!([1, 3, 4, 60].map(ends), [[120, 120], [40, 40], [5, 30], [1, 5]]);
    }

    #[test]
    fn a_model_with_printed_windows_has_no_other_ends() {
        assert!(WindowEnd::ALL.iter().all(|end| shipped("gemini-3-pro-image").at_window_end(*end).is_none()));
    }
}
