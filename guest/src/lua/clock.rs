//! `os`: the four functions of it that touch nothing but the clock. Dates are in UTC and in English, on
//! every runtime.

use std::ffi::c_int;
use std::time::{SystemTime, UNIX_EPOCH};

use super::context::{Context, context, enter, misuse};
use super::stack::{Kind, Native, Stack, lua_State};
use crate::error::Result;

pub(super) const FUNCTIONS: &[(&str, Native)] = &[
    ("clock", clock),
    ("date", date),
    ("difftime", difference),
    ("time", time),
];

const DAY: i64 = 86_400;
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Beyond these, years do not fit into the integers of C.
const FIRST: i64 = -67_768_040_609_740_800;
const LAST: i64 = 67_768_036_191_676_799;

/// A moment, as people count it.
#[derive(Debug, PartialEq, Eq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// From 0, Sunday.
    weekday: i64,
    /// From 0.
    yearday: i64,
}

/// Days from 1970 to a day of the Gregorian calendar; months and days may be out of their range.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let month = month - 1;
    let year = year + month.div_euclid(12);
    let month = month.rem_euclid(12);
    // Years begin in March, so that the leap day comes last.
    let shifted = if month < 2 { year - 1 } else { year };
    let month = (month + 10) % 12;
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl Date {
    fn of(seconds: i64) -> Date {
        let day_number = seconds.div_euclid(DAY);
        let rest = seconds.rem_euclid(DAY);
        let shifted = day_number + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Date {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (day_number + 4).rem_euclid(7),
            yearday: day_number - days(year, 1, 1),
        }
    }

    fn weekday_name(&self) -> &'static str {
        WEEKDAYS[usize::try_from(self.weekday).unwrap_or(0)]
    }

    fn month_name(&self) -> &'static str {
        MONTHS[usize::try_from(self.month - 1).unwrap_or(0)]
    }

    /// Year and number of the week, as ISO 8601 counts them.
    fn iso_week(&self) -> (i64, i64) {
        let from_monday = (self.weekday + 6) % 7;
        let thursday = days(self.year, self.month, self.day) - from_monday + 3;
        let year = Date::of(thursday * DAY).year;
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }

    /// What `strftime` of C puts for a conversion.
    fn write(&self, conversion: char, seconds: i64, out: &mut String) -> bool {
        use std::fmt::Write;
        let hour12 = (self.hour + 11) % 12 + 1;
        let half = if self.hour < 12 { "AM" } else { "PM" };
        let many = |format: &str, out: &mut String| {
            self.write_all(format, seconds, out);
            Ok(())
        };
        // Writing to a text does not fail.
        let _ = match conversion {
            'a' => write!(out, "{}", &self.weekday_name()[..3]),
            'A' => write!(out, "{}", self.weekday_name()),
            'b' | 'h' => write!(out, "{}", &self.month_name()[..3]),
            'B' => write!(out, "{}", self.month_name()),
            'c' => many("%a %b %e %H:%M:%S %Y", out),
            'C' => write!(out, "{:02}", self.year.div_euclid(100)),
            'd' => write!(out, "{:02}", self.day),
            'D' | 'x' => many("%m/%d/%y", out),
            'e' => write!(out, "{:2}", self.day),
            'F' => many("%Y-%m-%d", out),
            'g' => write!(out, "{:02}", self.iso_week().0.rem_euclid(100)),
            'G' => write!(out, "{}", self.iso_week().0),
            'H' => write!(out, "{:02}", self.hour),
            'I' => write!(out, "{hour12:02}"),
            'j' => write!(out, "{:03}", self.yearday + 1),
            'm' => write!(out, "{:02}", self.month),
            'M' => write!(out, "{:02}", self.minute),
            'n' => out.write_char('\n'),
            'p' => write!(out, "{half}"),
            'r' => many("%I:%M:%S %p", out),
            'R' => many("%H:%M", out),
            's' => write!(out, "{seconds}"),
            'S' => write!(out, "{:02}", self.second),
            't' => out.write_char('\t'),
            'T' | 'X' => many("%H:%M:%S", out),
            'u' => write!(out, "{}", (self.weekday + 6) % 7 + 1),
            'U' => write!(out, "{:02}", (self.yearday + 7 - self.weekday) / 7),
            'V' => write!(out, "{:02}", self.iso_week().1),
            'w' => write!(out, "{}", self.weekday),
            'W' => write!(
                out,
                "{:02}",
                (self.yearday + 7 - (self.weekday + 6) % 7) / 7
            ),
            'y' => write!(out, "{:02}", self.year.rem_euclid(100)),
            'Y' => write!(out, "{}", self.year),
            'z' => write!(out, "+0000"),
            'Z' => write!(out, "UTC"),
            '%' => out.write_char('%'),
            _ => return false,
        };
        true
    }

    /// Writes by a format that has only known conversions; false at one that is not.
    fn write_all(&self, format: &str, seconds: i64, out: &mut String) -> bool {
        let mut characters = format.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                out.push(character);
                continue;
            }
            let mut conversion = characters.next();
            if matches!(conversion, Some('E' | 'O')) {
                // Alternative forms are the usual ones in English.
                conversion = characters.next();
            }
            if !conversion.is_some_and(|conversion| self.write(conversion, seconds, out)) {
                return false;
            }
        }
        true
    }

    fn push_fields(&self, stack: Stack) {
        let fields = [
            ("year", self.year),
            ("month", self.month),
            ("day", self.day),
            ("hour", self.hour),
            ("min", self.minute),
            ("sec", self.second),
            ("wday", self.weekday + 1),
            ("yday", self.yearday + 1),
        ];
        for (name, value) in fields {
            stack.push_integer(value);
            stack.raw_set_field(-2, name);
        }
        stack.push_bool(false);
        stack.raw_set_field(-2, "isdst");
    }
}

pub(crate) fn now(context: &Context) -> i64 {
    context.time.get().unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            })
    })
}

fn integer(stack: Stack, index: c_int) -> Option<i64> {
    match stack.kind(index) {
        Kind::Number => stack
            .to_integer(index)
            .or_else(|| crate::value::float_to_int(stack.to_number(index))),
        Kind::String => std::str::from_utf8(stack.to_bytes(index)?)
            .ok()?
            .trim()
            .parse()
            .ok(),
        _ => None,
    }
}

fn seconds_at(stack: Stack, context: &Context, index: c_int) -> Result<i64> {
    if stack.is_nil(index) {
        return Ok(now(context));
    }
    let seconds = integer(stack, index)
        .ok_or_else(|| misuse("a time is a whole number of seconds since 1970"))?;
    if !(FIRST..=LAST).contains(&seconds) {
        return Err(misuse("the time is out of the calendar's range"));
    }
    Ok(seconds)
}

/// Bytes of a date's format, at the most.
const MAX_FORMAT: usize = 4096;

unsafe extern "C-unwind" fn date(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        let format = match stack.kind(1) {
            Kind::Nil | Kind::None => "%c",
            _ => stack
                .to_bytes(1)
                .and_then(|format| std::str::from_utf8(format).ok())
                .ok_or_else(|| misuse("a date's format is a text, as '%Y-%m-%d'"))?,
        };
        if format.len() > MAX_FORMAT {
            return Err(misuse("a date's format has at most 4,096 bytes"));
        }
        context.charge(format.len() as i64)?;
        let format = format.strip_prefix('!').unwrap_or(format);
        let seconds = seconds_at(stack, context, 2)?;
        let date = Date::of(seconds);
        if format.starts_with("*t") {
            stack.create_table(0, 9);
            date.push_fields(stack);
            return Ok(1);
        }
        let mut text = String::new();
        if !date.write_all(format, seconds, &mut text) {
            return Err(misuse(format!(
                "invalid conversion in the date's format '{format}'"
            )));
        }
        stack.push_bytes(text.as_bytes());
        Ok(1)
    })
}

unsafe extern "C-unwind" fn time(state: *mut lua_State) -> c_int {
    enter(state, |stack, context| {
        if stack.is_nil(1) {
            stack.push_integer(now(context));
            return Ok(1);
        }
        if !stack.is_table(1) {
            return Err(misuse("os.time takes a table with year, month and day"));
        }
        stack.set_top(1);
        let field = |name: &str, default: Option<i64>| {
            stack.raw_get_field(1, name);
            let value = if stack.is_nil(-1) {
                default
            } else {
                integer(stack, -1)
            };
            stack.pop(1);
            // Far enough for every date, and near enough to be multiplied.
            value
                .filter(|value| value.unsigned_abs() < 1 << 40)
                .ok_or_else(|| misuse(format!("field '{name}' of the date's table is missing, or no whole number of its range")))
        };
        let day = days(
            field("year", None)?,
            field("month", None)?,
            field("day", None)?,
        );
        let seconds = day.saturating_mul(DAY).saturating_add(
            field("hour", Some(12))? * 3600 + field("min", Some(0))? * 60 + field("sec", Some(0))?,
        );
        if !(FIRST..=LAST).contains(&seconds) {
            return Err(misuse("the time is out of the calendar's range"));
        }
        stack.copy(1);
        Date::of(seconds).push_fields(stack);
        stack.push_integer(seconds);
        Ok(1)
    })
}

unsafe extern "C-unwind" fn difference(state: *mut lua_State) -> c_int {
    enter(state, |stack, _| {
        let number = |index| match stack.kind(index) {
            Kind::Number => Ok(stack.to_number(index)),
            _ => Err(misuse("os.difftime takes two times")),
        };
        stack.push_number(number(1)? - number(2)?);
        Ok(1)
    })
}

/// Seconds since the call asked first. Where the caller gives the time, so that the call can be repeated, a
/// second is a billion instructions. The wall clock is the only one that the component imports.
unsafe extern "C-unwind" fn clock(state: *mut lua_State) -> c_int {
    let stack = Stack::of(state);
    let context = context(stack);
    #[expect(clippy::cast_precision_loss, reason = "fine enough for a clock")]
    let seconds = if context.time.get().is_some() {
        context.instructions_run() as f64 / 1e9
    } else {
        let now = SystemTime::now();
        let started = context.started.get().unwrap_or(now);
        context.started.set(Some(started));
        now.duration_since(started)
            .map_or(0.0, |since| since.as_secs_f64())
    };
    stack.push_number(seconds);
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_seconds_are_inverse() {
        for seconds in [
            0,
            -1,
            951_782_400,
            1_709_164_800,
            4_102_444_799,
            -62_135_596_800,
        ] {
            let date = Date::of(seconds);
            let back = days(date.year, date.month, date.day) * DAY
                + date.hour * 3600
                + date.minute * 60
                + date.second;
            assert_eq!(back, seconds);
        }
        assert_eq!(Date::of(951_782_400).day, 29);
    }

    #[test]
    fn formats_are_those_of_c() {
        let text = |format: &str| {
            let mut out = String::new();
            assert!(Date::of(1_704_067_199).write_all(format, 1_704_067_199, &mut out));
            out
        };
        assert_eq!(text("%c"), "Sun Dec 31 23:59:59 2023");
        assert_eq!(
            text("%F %T %j %U %W %V %G %u %w %p %I"),
            "2023-12-31 23:59:59 365 53 52 52 2023 7 0 PM 11"
        );
        assert!(!Date::of(0).write_all("%Q", 0, &mut String::new()));
    }
}
