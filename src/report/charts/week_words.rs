//! A week's map in words: its finding, its hours, its description.

use super::{
    scale::{percent, short_number},
    week_heat_map::{DAYS, HOURS, WeekHeatMap, WeekQuantity},
};

/// The finding as a title: where most is, and where little.
pub(super) fn finding(map: &WeekHeatMap) -> String {
    let known = || map.values.iter().copied().flatten();
    let amount = |value| amount(map.quantity, value);
    let (lowest, highest) = (known().fold(f64::INFINITY, f64::min), known().fold(0.0, f64::max));
    let (start, verb, rest) = match map.quantity {
        WeekQuantity::Spill { gsus } => {
            (format!("With {} GSU, ", short_number(f64::from(gsus))), "is left", " to pay-as-you-go")
        }
        WeekQuantity::Load => (String::new(), "are needed", ""),
    };
    if known().next().is_none() {
        return "No hour of the week has any traffic".to_owned();
    }
    if map.quantity == WeekQuantity::Load && is_nothing(map.quantity, highest) && highest > 0.0 {
        return "Less than 0.01 GSU is needed in any hour".to_owned();
    }
    if is_nothing(map.quantity, highest) {
        return capitalised(format!("{start}nothing {}{rest} in any hour", verb.replace("are", "is")));
    }
    if lowest == highest {
        return capitalised(format!("{start}{} {verb}{rest} in every hour", amount(highest)));
    }
    let (peak, when) = peak(&map.values, highest);
    format!("{start}{} {verb}{rest} {when} and {}", amount(peak), quiet(map, lowest, peak))
}

/// The highest value and when it is reached. Days that are nearly as high at that hour are named together, with
/// their mean.
fn peak(values: &[Option<f64>], highest: f64) -> (f64, String) {
    /// How near the other days must come to the highest.
    const NEARLY: f64 = 0.8;
    /// How near all seven days must come to it to be named together.
    const EQUALLY: f64 = 0.95;
    let index = values.iter().position(|value| *value == Some(highest)).unwrap_or_default();
    let (day, hour) = (index / HOURS, index % HOURS);
    let all: Vec<f64> = (0..DAYS.len())
        .filter_map(|day| values[day * HOURS + hour].filter(|value| *value >= EQUALLY * highest))
        .collect();
    if all.len() == DAYS.len() {
        return (all.iter().sum::<f64>() / all.len() as f64, format!("every day at {hour}:00"));
    }
    let (days, when) = if day < 5 { (0..5, "on weekdays") } else { (5..7, "at weekends") };
    let together: Vec<f64> = days
        .clone()
        .filter_map(|day| values[day * HOURS + hour].filter(|value| *value >= NEARLY * highest))
        .collect();
    match together.len() == days.len() {
        true => (together.iter().sum::<f64>() / together.len() as f64, format!("{when} at {hour}:00")),
        false => (highest, format!("on {}s at {hour}:00", DAYS[day])),
    }
}

/// What the quiet hours are like.
fn quiet(map: &WeekHeatMap, lowest: f64, peak: f64) -> String {
    /// The hours from midnight that are called night.
    const NIGHT: std::ops::Range<usize> = 0..6;
    let hours = map.values.iter().enumerate().filter_map(|(index, value)| Some((index % HOURS, (*value)?)));
    let night = hours.clone().filter(|(hour, _)| NIGHT.contains(hour)).map(|(_, value)| value);
    let night_most = night.clone().fold(0.0, f64::max);
    let without = hours.clone().filter(|(_, value)| is_nothing(map.quantity, *value)).count();
    match night.count() {
        1.. if is_nothing(map.quantity, night_most) => "nothing at night".to_owned(),
        1.. if night_most < 0.25 * peak => format!("at most {} at night", amount(map.quantity, night_most)),
        _ if without > 0 => {
            format!("nothing in {} of the hours", percent(without as f64 / hours.count() as f64))
        }
        _ => format!("at least {} in every hour", amount(map.quantity, lowest)),
    }
}

/// Whether a value is shown as nothing: a share that rounds to 0 %, a load below a hundredth of a GSU.
fn is_nothing(quantity: WeekQuantity, value: f64) -> bool {
    match quantity {
        WeekQuantity::Spill { .. } => value < 0.005,
        WeekQuantity::Load => value < 0.01,
    }
}

/// A value with its unit.
pub(super) fn amount(quantity: WeekQuantity, value: f64) -> String {
    match quantity {
        WeekQuantity::Spill { .. } => percent(value),
        WeekQuantity::Load => format!("{} GSU", short_number(value)),
    }
}

/// E.g. `Wednesday at 15:00`.
pub(super) fn hour_name(index: usize) -> String {
    format!("{} at {}:00", DAYS[index / HOURS], index % HOURS)
}

fn capitalised(text: String) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// The chart in sentences: the range of each day.
pub(super) fn describe(map: &WeekHeatMap) -> String {
    let title = map.title.trim_end_matches('.');
    let what = match map.quantity {
        WeekQuantity::Spill { .. } => "share of the tokens left to pay-as-you-go",
        WeekQuantity::Load => "load in GSUs",
    };
    let mut alt = format!("{title}. Heat map of 7 days by 24 hours, {what}.");
    for (day, values) in DAYS.iter().zip(map.values.chunks(HOURS)) {
        let known = || values.iter().copied().flatten();
        let highest = known().fold(0.0, f64::max);
        let lowest = known().fold(f64::INFINITY, f64::min);
        let [low, high] = [lowest, highest].map(|value| amount(map.quantity, value));
        let hour = values.iter().position(|value| *value == Some(highest));
        alt += &match hour {
            None => format!(" {day}: no value."),
            Some(_) if low == high => format!(" {day}: {high}."),
            Some(hour) => format!(" {day}: {low} to {high}, most at {hour}:00."),
        };
    }
    alt
}

#[cfg(test)]
mod tests {
    use super::super::examples::week_of;
    use super::*;

    const SPILL: WeekQuantity = WeekQuantity::Spill { gsus: 12 };

    #[track_caller]
    fn check_finding(quantity: WeekQuantity, value: impl Fn(usize, usize) -> Option<f64>, expected: &str) {
        assert_eq!(finding(&week_of(quantity, value)), expected);
    }

    #[test]
    fn the_finding_says_where_most_is_left_and_where_nothing() {
        let office = |day: usize, hour: usize| {
            Some(if day < 5 && hour == 15 { 0.31 } else { f64::from(u8::from(hour == 12)) * 0.1 })
        };
        let expected = "With 12 GSU, 31 % is left to pay-as-you-go on weekdays at 15:00 and nothing at night";
        check_finding(SPILL, office, expected);
        let one_hour = |day, hour| Some(if day == 5 && hour == 3 { 0.4 } else { 0.0 });
        let expected = "With 12 GSU, 40 % is left to pay-as-you-go on Saturdays at 3:00 and nothing in 99 % of \
                        the hours";
        check_finding(SPILL, one_hour, expected);
        let parties = |day, hour| Some(if day > 4 && hour == 23 { 0.5 } else { 0.2 });
        let expected = "With 12 GSU, 50 % is left to pay-as-you-go at weekends at 23:00 and at least 20 % in \
                        every hour";
        check_finding(SPILL, parties, expected);
        let expected = "17 GSU are needed every day at 15:00 and at most 2 GSU at night";
        check_finding(WeekQuantity::Load, |_, hour| Some(if hour == 15 { 17.0 } else { 2.0 }), expected);
    }

    #[test]
    fn the_finding_of_an_even_week_names_no_hour() {
        let left = "With 12 GSU, nothing is left to pay-as-you-go in any hour";
        check_finding(SPILL, |_, _| Some(0.0), left);
        check_finding(SPILL, |_, _| Some(1.0), "With 12 GSU, 100 % is left to pay-as-you-go in every hour");
        check_finding(SPILL, |_, _| None, "No hour of the week has any traffic");
        check_finding(WeekQuantity::Load, |_, _| Some(0.0), "Nothing is needed in any hour");
        let tiny = "Less than 0.01 GSU is needed in any hour";
        check_finding(WeekQuantity::Load, |_, hour| Some(if hour == 3 { 0.002 } else { 0.0 }), tiny);
        check_finding(WeekQuantity::Load, |_, _| Some(9.0), "9 GSU are needed in every hour");
    }
}
