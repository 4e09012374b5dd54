//! Days and months; the only module that knows the date library.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::schema::described;

/// A calendar day, `2026-11-21`. Files may write it with or without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// Years a day may lie in; anything else is a slip of the pen.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// A text that is not a day.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("expected a day between the years 2000 and 2100 such as `2026-12-01`, found `{0}`")]
pub struct DayError(String);

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Day, DayError> {
        let wrong = || DayError(text.to_string());
        // The library also reads `20261201` and times; files keep to one spelling.
        if text.len() != 10 {
            return Err(wrong());
        }
        let date: Date = text.parse().map_err(|_| wrong())?;
        if YEARS.contains(&date.year()) { Ok(Day(date)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        struct DayVisitor;
        impl<'de> de::Visitor<'de> for DayVisitor {
            type Value = Day;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a day such as \"2026-12-01\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Day, E> {
                text.parse().map_err(E::custom)
            }

            /// TOML's own dates arrive as a map with one private key.
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Day, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((_, text)) => text.parse().map_err(de::Error::custom),
                    None => Err(de::Error::custom("expected a day such as \"2026-12-01\"")),
                }
            }
        }
        deserializer.deserialize_any(DayVisitor)
    }
}

described!(Day, "Day", {
    "description": "A day between the years 2000 and 2100.",
    "type": "string",
    "format": "date",
    "pattern": "^(20[0-9][0-9]|2100)-[0-9]{2}-[0-9]{2}$"
});

impl Day {
    /// A day from its parts; `None` when there is no such day or it lies outside 2000–2100.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Day> {
        Date::new(year, month, day).ok().filter(|date| YEARS.contains(&date.year())).map(Day)
    }

    /// Today in UTC. Only `commands` asks; everything else is told.
    pub fn today_utc() -> Day {
        Day(Timestamp::now().to_zoned(TimeZone::UTC).date())
    }

    /// The day of an RFC 3339 time stamp, in UTC; `None` when it is not one.
    pub fn of_timestamp(text: &str) -> Option<Day> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        Some(stamp.to_zoned(TimeZone::UTC).date()).filter(|date| YEARS.contains(&date.year())).map(Day)
    }

    /// The first of the next month.
    pub fn first_of_next_month(self) -> Day {
        self.first_of_month().plus_months(1)
    }

    /// The first of this month.
    pub fn first_of_month(self) -> Day {
        Day(self.0.first_of_month())
    }

    /// The same day some months later; the last day of a shorter month where there is no such day.
    pub fn plus_months(self, months: u32) -> Day {
        Day(self.0.saturating_add(i64::from(months).months()))
    }

    /// Some days later.
    pub fn plus_days(self, days: u32) -> Day {
        Day(self.0.saturating_add(i64::from(days).days()))
    }

    /// The day before.
    pub fn minus_day(self) -> Day {
        Day(self.0.saturating_sub(1.day()))
    }

    /// Some days earlier.
    pub fn minus_days(self, days: u32) -> Day {
        Day(self.0.saturating_sub(i64::from(days).days()))
    }

    /// Some business days later, Monday to Friday; public holidays are not known here.
    pub fn plus_business_days(self, days: u32) -> Day {
        self.business_days(days, Date::tomorrow)
    }

    /// Some business days earlier, Monday to Friday; public holidays are not known here.
    ///
    /// ```
    /// # use burndown::calendar::Day;
    /// let monday: Day = "2026-12-14".parse().unwrap();
    /// assert_eq!(monday.minus_business_days(10).to_string(), "2026-11-30");
    /// ```
    pub fn minus_business_days(self, days: u32) -> Day {
        self.business_days(days, Date::yesterday)
    }

    fn business_days(self, days: u32, step: impl Fn(Date) -> Result<Date, jiff::Error>) -> Day {
        let mut date = self.0;
        for _ in 0..days {
            loop {
                // The calendar's own end is centuries away.
                date = step(date).unwrap_or(date);
                if date.weekday().to_monday_one_offset() <= 5 {
                    break;
                }
            }
        }
        Day(date)
    }

    /// The day of the week, counted from 0 for Monday.
    ///
    /// ```
    /// # use burndown::calendar::Day;
    /// assert_eq!("2026-11-21".parse::<Day>().unwrap().weekday(), 5);
    /// ```
    pub fn weekday(self) -> usize {
        usize::try_from(self.0.weekday().to_monday_zero_offset()).unwrap_or(0)
    }

    /// Days from this one to another, negative when the other is earlier.
    pub fn days_until(self, other: Day) -> i64 {
        self.0.duration_until(other.0).as_hours() / 24
    }
}

/// A moment in microseconds since 1970 in UTC.
///
/// Reads RFC 3339, the same with a blank instead of `T`, with ` UTC` behind it or with no zone (taken as UTC), as
/// BigQuery, DuckDB, Spark and Langfuse write them, and a whole or decimal number of seconds, milliseconds,
/// microseconds or nanoseconds since 1970, told apart by their size. `None` for anything else and for years
/// outside 2000–2100.
pub fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let micros = match text.parse::<f64>() {
        Ok(number) => since_1970(number)?,
        Err(_) => {
            let text = text.strip_suffix(" UTC").unwrap_or(text);
            let zoned = text.parse::<Timestamp>();
            let naive = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
            match zoned {
                Ok(stamp) => stamp.as_microsecond(),
                Err(_) => naive()?.timestamp().as_microsecond(),
            }
        }
    };
    let stamp = Timestamp::from_microsecond(micros).ok()?;
    YEARS.contains(&stamp.to_zoned(TimeZone::UTC).year()).then_some(micros)
}

/// Seconds of our century have 9 or 10 digits, and each finer unit three more.
fn since_1970(number: f64) -> Option<i64> {
    let units = [(1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e20, 1e-3)];
    let (_, factor) = units.iter().find(|(below, _)| number < *below)?;
    (number >= 1e8).then(|| (number * factor).round() as i64)
}

/// The same of a text that must hold a time of day; `None` for a day alone.
///
/// ```
/// # use burndown::calendar::epoch_micros;
/// assert_eq!(epoch_micros("2023-11-16 18:15:46.6805900"), Some(1_700_158_546_680_590));
/// assert_eq!(epoch_micros("2023-11-16T19:15:46.68059+01:00"), Some(1_700_158_546_680_590));
/// assert_eq!(epoch_micros("2023-11-16"), None);
/// ```
pub fn epoch_micros(text: &str) -> Option<i64> {
    (text.trim().len() > "2023-11-16".len()).then(|| moment(text))?
}

/// A moment as a browser writes it, `Mon Mar 30 2026 13:00:00 GMT+0200 (Central European Summer Time)`, or as
/// [`epoch_micros`] reads it.
///
/// ```
/// # use burndown::calendar::browser_moment;
/// assert_eq!(browser_moment("Thu Nov 16 2023 19:15:46 GMT+0100 (CET)"), Some(1_700_158_546_000_000));
/// assert_eq!(browser_moment("request_type"), None);
/// ```
pub fn browser_moment(text: &str) -> Option<i64> {
    let plain = text.split('(').next().unwrap_or(text).trim();
    let stamp =
        jiff::fmt::strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", plain).and_then(|read| read.to_timestamp());
    stamp.ok().map(Timestamp::as_microsecond).or_else(|| epoch_micros(plain))
}

/// Hours and days of the week where the people are.
#[derive(Clone, Debug)]
pub struct LocalClock(TimeZone);

impl LocalClock {
    /// Coordinated universal time.
    pub const UTC: LocalClock = LocalClock(TimeZone::UTC);

    /// The clock of a named zone; `None` when there is no such zone.
    pub fn of_zone(name: &str) -> Option<LocalClock> {
        TimeZone::get(name).ok().map(LocalClock)
    }

    /// Hour of the day (0–23) and day of the week (0 = Monday) at so many microseconds since 1970.
    ///
    /// Offsets of all zones are whole quarters of an hour, so both are constant within a quarter.
    pub fn hour_and_weekday(&self, epoch_micros: i64) -> (usize, usize) {
        let stamp = Timestamp::from_microsecond(epoch_micros).unwrap_or(Timestamp::UNIX_EPOCH);
        let local = stamp.to_zoned(self.0.clone());
        (local.hour() as usize, local.weekday().to_monday_zero_offset() as usize)
    }
}

/// The moment in UTC, RFC 3339 to the second. Only `commands` asks.
pub fn timestamp_utc() -> String {
    let now = Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment as RFC 3339 in UTC.
pub fn moment_text(micros: i64) -> Option<String> {
    Some(Timestamp::from_microsecond(micros).ok()?.to_string())
}

/// Whether a time zone of that name exists.
pub fn is_time_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// One calendar month of the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Month {
    /// Its first day.
    pub first: Day,
    /// The first day of the next one.
    pub next: Day,
}

impl Month {
    /// Its length in days.
    pub fn days(self) -> u32 {
        u32::try_from(self.first.days_until(self.next)).unwrap_or(0)
    }

    /// `2026-12`.
    pub fn label(self) -> String {
        self.first.to_string()[..7].to_string()
    }
}

/// The months from a day on: the first starts that day, each ends where the next begins.
///
/// ```
/// # use burndown::calendar::horizon;
/// let months = horizon("2026-12-01".parse().unwrap(), 12);
/// assert_eq!(months[11].label(), "2027-11");
/// assert_eq!(months[2].days(), 28);
/// ```
pub fn horizon(start: Day, months: u32) -> Vec<Month> {
    (0..months).map(|at| Month { first: start.plus_months(at), next: start.plus_months(at + 1) }).collect()
}

/// A stretch of days, the last one excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First day.
    pub first: Day,
    /// First day after it.
    pub next: Day,
}

impl Stretch {
    /// Days in it.
    pub fn days(self) -> u32 {
        u32::try_from(self.first.days_until(self.next)).unwrap_or(0)
    }

    /// The days that both have; of no length when there are none.
    pub fn overlap(self, other: Stretch) -> Stretch {
        let first = self.first.max(other.first);
        Stretch { first, next: self.next.min(other.next).max(first) }
    }
}

/// Whether two spans of days, each with an open or a closed end, have a day in common. Last days are included.
pub fn share_a_day(a: (Option<Day>, Option<Day>), b: (Option<Day>, Option<Day>)) -> bool {
    let before = |until: Option<Day>, from: Option<Day>| matches!((until, from), (Some(until), Some(from)) if until < from);
    !before(a.1, b.0) && !before(b.1, a.0)
}

/// Cuts a month at days on which something changes (a price, a launch, a retirement).
pub fn cut(month: Month, changes: &[Day]) -> Vec<Stretch> {
    let mut edges: Vec<Day> =
        changes.iter().copied().filter(|day| month.first < *day && *day < month.next).collect();
    edges.extend([month.first, month.next]);
    edges.sort();
    edges.dedup();
    edges.windows(2).map(|pair| Stretch { first: pair[0], next: pair[1] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_cut_where_something_changes() {
        let month = horizon(day("2027-03-01"), 1)[0];
        let parts = cut(month, &[day("2027-03-15"), day("2027-03-15"), day("2026-01-01"), day("2027-04-01")]);
        let days: Vec<u32> = parts.iter().map(|part| part.days()).collect();
        assert_eq!(days, [14, 17]);
    }

    #[test]
    fn business_days_pass_over_weekends() {
        let friday = day("2026-11-20");
        assert_eq!(friday.plus_business_days(1), day("2026-11-23"));
        assert_eq!(day("2026-11-22").plus_business_days(10), day("2026-12-04"));
        assert_eq!(day("2026-11-22").minus_business_days(1), friday);
        assert_eq!(friday.plus_business_days(0), friday);
        assert_eq!(friday.minus_days(20), day("2026-10-31"));
    }

    #[test]
    fn days_are_written_one_way() {
        assert_eq!(day("2026-02-28").plus_days(1), day("2026-03-01"));
        for wrong in ["20261201", "2026-13-01", "2026-02-30", "1926-01-01", "tomorrow", ""] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
        assert_eq!(Day::of_timestamp("2026-11-20T23:59:59.5-01:00"), Some(day("2026-11-21")));
    }

    #[test]
    fn the_local_hour_follows_the_zone() {
        let noon = epoch_micros("2026-11-21 12:00:00").unwrap();
        assert_eq!(LocalClock::UTC.hour_and_weekday(noon), (12, 5));
        assert_eq!(LocalClock::of_zone("Asia/Kolkata").unwrap().hour_and_weekday(noon), (17, 5));
        assert_eq!(LocalClock::of_zone("Pacific/Auckland").unwrap().hour_and_weekday(noon), (1, 6));
        assert!(LocalClock::of_zone("Mars/Olympus").is_none());
    }

    #[test]
    fn only_stamps_of_this_century_are_times() {
        for wrong in ["", "2026-11-21", "soon enough it is", "1926-11-21 12:00:00", "2026-13-01 00:00:00"] {
            assert_eq!(epoch_micros(wrong), None, "{wrong}");
        }
        assert_eq!(epoch_micros("2024-05-12 00:00:20+00:00"), epoch_micros("2024-05-12T00:00:20Z"));
    }

    #[test]
    fn a_moment_is_read_as_engines_write_it() {
        let noon = 1_795_176_000_000_000;
        for text in [
            "2026-11-20T12:00:00Z",
            "2026-11-20T13:00:00+01:00",
            "2026-11-20 12:00:00.000000 UTC",
            "2026-11-20 12:00:00",
            "2026-11-20T12:00:00.000",
            "1795176000",
            "1.795176E9",
            "1795176000000",
            "1795176000000000000",
        ] {
            assert_eq!(moment(text), Some(noon), "{text}");
        }
        for wrong in ["", "noon", "12", "1926-01-01T00:00:00Z", "NaN", "inf", "-1", "1e30"] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
        assert_eq!(moment_text(noon).unwrap(), "2026-11-20T12:00:00Z");
        // A Friday; an hour later in Berlin.
        assert_eq!(LocalClock::of_zone("Europe/Berlin").unwrap().hour_and_weekday(noon), (13, 4));
    }

    #[test]
    fn a_toml_date_may_stand_without_quotes() {
        #[derive(Deserialize)]
        struct File {
            start: Day,
        }
        for text in ["start = 2026-12-01", "start = \"2026-12-01\""] {
            assert_eq!(toml::from_str::<File>(text).unwrap().start, day("2026-12-01"));
        }
        let time = toml::from_str::<File>("start = 2026-12-01T00:00:00Z").err().unwrap();
        assert!(time.message().contains("expected a day"), "{time}");
    }
}
