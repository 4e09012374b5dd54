//! The course of a calibration as a chart and as a table.

use super::{
    Cell, Table,
    charts::{Chart, ChartError, PrecisionCourse, PrecisionLine, draw_precision_course},
    format::{grouped, money_small, money_whole, percent},
    screen::short,
};
use crate::calibrate::{Convergence, Course};

/// Lines of the chart; the table has all.
const LINES_MAX: usize = 16;

/// Half width of each total over the money spent; `None` where nothing was sent.
///
/// # Errors
///
/// When a number cannot be drawn.
pub fn convergence_picture(found: &Convergence) -> Result<Option<Chart>, ChartError> {
    let mut courses: Vec<&Course> = found.courses.iter().filter(|course| course.answers > 0).collect();
    if courses.is_empty() {
        return Ok(None);
    }
    let total = courses.len();
    // The widest first, which are those that need money still.
    let last = |course: &Course| course.points.last().map_or(f64::INFINITY, |point| point.half_width);
    courses.sort_by(|a, b| last(b).total_cmp(&last(a)));
    courses.truncate(LINES_MAX);
    let line = |course: &&Course| PrecisionLine {
        label: name(course),
        points: course.points.iter().map(|point| (point.spent_usd, point.half_width)).collect(),
        note: format!("{} answers", grouped(course.answers)),
    };
    let rest = if total > LINES_MAX {
        format!(" · {} more in convergence.csv", total - LINES_MAX)
    } else {
        String::new()
    };
    let budget = if found.spent_usd > 0.0 {
        format!("{} of {} spent", money_small(found.spent_usd), money_whole(found.budget_usd))
    } else {
        format!("nothing of {} spent", money_whole(found.budget_usd))
    };
    draw_precision_course(&PrecisionCourse {
        title: title(found, &courses),
        subtitle: format!(
            "{}: {} interval of each placement's monthly total · {budget}{rest}",
            found.workload,
            percent(found.level)
        ),
        banner: found.rehearsed.then(|| {
            "REHEARSED: play money and simulated answers; nothing is learned of real backends".into()
        }),
        target: found.precision,
        budget_usd: found.budget_usd,
        lines: courses.iter().map(line).collect(),
    })
    .map(Some)
}

/// Every point of the course.
pub fn convergence_table(found: &Convergence) -> Table {
    let grade = if found.rehearsed { "rehearsed" } else { "measured" };
    let rows = found.courses.iter().flat_map(|course| {
        course.points.iter().map(|point| {
            vec![
                Cell::words(name(course)),
                Cell::number(point.spent_usd, money_small(point.spent_usd)),
                Cell::number(point.answers as f64, grouped(point.answers)),
                Cell::number(point.half_width, percent(point.half_width)),
                Cell::words(grade),
            ]
        })
    });
    Table {
        name: "convergence",
        title: "How precisely each total was known after so many dollars",
        columns: vec!["placement", "USD spent in all", "answers", "half width, share of the total", "grade"],
        rows: rows.collect(),
    }
}

fn name(course: &Course) -> String {
    match &course.placement {
        Some((model, endpoint)) => format!("{} {endpoint}", short(&model.0)),
        None => "all placements".into(),
    }
}

fn title(found: &Convergence, courses: &[&Course]) -> String {
    let reached =
        |course: &&&Course| course.points.last().is_some_and(|point| point.half_width <= found.precision);
    let (reached, all) = (courses.iter().filter(reached).count(), courses.len());
    let target = format!("±{}", percent(found.precision));
    let spent = money_small(found.spent_usd);
    match (reached, all) {
        (1, 1) => format!("{} is known to {target} after {spent}", name(courses[0])),
        (0, 1) => format!("{} is not known to {target} after {spent}", name(courses[0])),
        (reached, all) if reached == all => format!("All {all} totals are known to {target} after {spent}"),
        (0, all) => format!("None of {all} totals is known to {target} after {spent}"),
        (reached, all) => format!("{reached} of {all} totals are known to {target} after {spent}"),
    }
}
