//! The axis of calendar months.

use super::ChartError;

/// Most months in one chart.
const MOST_MONTHS: usize = 60;
/// A calendar month. `month` is 1 for January.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Month {
    year: u32,
    month: u32,
}

/// A label of the axis.
#[derive(Debug, PartialEq)]
pub(super) struct MonthMark {
    /// Position in the list of months.
    pub(super) index: usize,
    /// `Jan` to `Dec`.
    pub(super) month: &'static str,
    /// Written under the first label of each year.
    pub(super) year: Option<String>,
}

/// Reads `2026-12` and so on. Refuses no month, more than 60, and months that are not consecutive.
pub(super) fn read_months(texts: &[String]) -> Result<Vec<Month>, ChartError> {
    if texts.is_empty() {
        return Err(ChartError::Empty { what: "month" });
    }
    if texts.len() > MOST_MONTHS {
        return Err(ChartError::TooMany { what: "months", most: MOST_MONTHS, found: texts.len() });
    }
    let mut months: Vec<Month> = Vec::new();
    for text in texts {
        let follows = |month: &Month| months.last().is_none_or(|before| next(*before) == *month);
        match read_month(text).filter(follows) {
            Some(month) => months.push(month),
            None => {
                return Err(ChartError::Month { found: text.clone() });
            }
        }
    }
    Ok(months)
}

/// Which months get a label: all of up to `most`, otherwise every second, third, fourth, sixth or twelfth,
/// counted from January.
pub(super) fn month_marks(months: &[Month], most: usize) -> Vec<MonthMark> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let enough = |step: &u32| months.len().div_ceil(*step as usize) <= most;
    let step = [1, 2, 3, 4, 6].into_iter().find(enough).unwrap_or(12);
    let mut marks = Vec::new();
    let mut year_before = None;
    for (index, month) in months.iter().enumerate() {
        if (month.month - 1) % step != 0 {
            continue;
        }
        marks.push(MonthMark {
            index,
            month: NAMES[month.month as usize - 1],
            year: (year_before != Some(month.year)).then(|| month.year.to_string()),
        });
        year_before = Some(month.year);
    }
    marks
}

fn read_month(text: &str) -> Option<Month> {
    let (year, month) = text.split_once('-')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
        return None;
    }
    let month: u32 = month.parse().ok()?;
    (1..=12).contains(&month).then_some(Month { year: year.parse().ok()?, month })
}

fn next(month: Month) -> Month {
    match month.month {
        12 => Month { year: month.year + 1, month: 1 },
        before => Month { month: before + 1, ..month },
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::months_from;
    use super::*;

    #[test]
    fn up_to_twelve_months_are_all_labelled_and_more_are_thinned_out() {
        for (count, labels) in
            [(1, 1), (2, 2), (12, 12), (13, 6), (24, 12), (25, 8), (36, 12), (48, 12), (60, 10)]
        {
            let months = read_months(&months_from(2026, 12, count)).unwrap();
            assert_eq!(month_marks(&months, 12).len(), labels, "{count} months");
            assert!(month_marks(&months, 6).len() <= 6, "{count} months, narrow");
        }
    }

    #[test]
    fn the_year_stands_under_the_first_label_of_each_year() {
        let months = read_months(&months_from(2026, 11, 3)).unwrap();
        let marks = month_marks(&months, 12);
        let texts: Vec<_> = marks.iter().map(|m| (m.month, m.year.as_deref())).collect();
        assert_eq!(texts, [("Nov", Some("2026")), ("Dec", None), ("Jan", Some("2027"))]);
    }

    #[test]
    fn months_must_be_readable_and_consecutive() {
        let check = |texts: &[&str], found: &str| {
            let texts: Vec<String> = texts.iter().map(|text| text.to_string()).collect();
            let expected = ChartError::Month { found: found.into() };
            assert_eq!(read_months(&texts), Err(expected));
        };
        check(&["2026-13"], "2026-13");
        check(&["2026-1"], "2026-1");
        check(&["+026-01"], "+026-01");
        check(&["December"], "December");
        check(&["2026-12", "2027-02"], "2027-02");
        check(&["2026-12", "2026-12"], "2026-12");
    }
}
