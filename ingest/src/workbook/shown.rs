//! The value of a cell as a person sees it.

use calamine::{DataRef, ExcelDateTime};

/// Larger and smaller numbers are written with an exponent.
const PLAIN: std::ops::Range<f64> = 1e-6..1e15;
/// Digits that Excel keeps.
const SIGNIFICANT_DIGITS: usize = 15;
/// Places behind the point that anybody would show.
const MAX_PLACES: usize = 10;

/// `format` is the cell's number format, for example `0.0%`.
pub(super) fn cell(value: &DataRef<'_>, format: Option<&str>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => formatted(*number as f64, format),
        DataRef::Float(number) => formatted(*number, format),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(time) => moment(time),
        DataRef::Error(error) => error.to_string(),
    }
}

fn formatted(number: f64, format: Option<&str>) -> String {
    let format = format.unwrap_or_default();
    // Positive numbers come first; what stands in quotes is text.
    let positive = format.split(';').next().unwrap_or_default();
    let bare: String = positive.split('"').step_by(2).collect();
    if bare.contains('%') {
        let places = places(&bare);
        return format!("{:.places$} %", number * 100.0).replace(" %", "%");
    }
    let money = ["$", "€", "£", "¥", "CHF"].into_iter().find(|sign| positive.contains(sign));
    match money.filter(|_| !bare.contains("[$-")) {
        Some(sign) => format!("{sign} {:.*}", places(&bare), number),
        None => plain(number),
    }
}

/// Places behind the point in a format.
fn places(format: &str) -> usize {
    let after = format.split_once('.').map_or("", |(_, after)| after);
    after.chars().take_while(|character| matches!(character, '0' | '#' | '?')).count().min(MAX_PLACES)
}

/// A number without the noise of its binary form.
fn plain(number: f64) -> String {
    let rounded = format!("{number:.*e}", SIGNIFICANT_DIGITS - 1).parse().unwrap_or(number);
    if rounded == 0.0 || PLAIN.contains(&rounded.abs()) { rounded.to_string() } else { format!("{rounded:e}") }
}

fn moment(time: &ExcelDateTime) -> String {
    if time.is_duration() {
        let seconds = (time.as_f64() * 86_400.0).round() as i64;
        let (hours, rest) = (seconds / 3_600, seconds.abs() % 3_600);
        return format!("{hours}:{:02}:{:02}", rest / 60, rest % 60);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let clock = match second {
        0 => format!("{hour:02}:{minute:02}"),
        second => format!("{hour:02}:{minute:02}:{second:02}"),
    };
    if time.as_f64().fract() == 0.0 {
        date
    } else if time.as_f64() < 1.0 {
        clock
    } else {
        format!("{date} {clock}")
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn numbers_are_shown_as_their_formats_say() {
        for (number, format, expected) in [
            (0.1 + 0.2, None, "0.3"),
            (0.125, Some("0.0%"), "12.5%"),
            (0.125, Some("0%;[Red]-0%"), "12%"),
            (12.0, Some("General"), "12"),
            (-1234.5, Some("#,##0.00 \"€\""), "€ -1234.50"),
            (1e300, None, "1e300"),
            (f64::NAN, None, "NaN"),
            (5.0, Some("0.00\"%\""), "5"),
        ] {
            assert_eq!(cell(&DataRef::Float(number), format), expected, "{number} {format:?}");
        }
    }

    #[test]
    fn dates_are_dates() {
        let moment = |value, kind| cell(&DataRef::DateTime(ExcelDateTime::new(value, kind, false)), None);
        assert_eq!(moment(45_943.0, ExcelDateTimeType::DateTime), "2025-10-13");
        assert_eq!(moment(45_943.5, ExcelDateTimeType::DateTime), "2025-10-13 12:00");
        assert_eq!(moment(0.25, ExcelDateTimeType::DateTime), "06:00");
        assert_eq!(moment(1.5, ExcelDateTimeType::TimeDelta), "36:00:00");
        assert!(!moment(-1e300, ExcelDateTimeType::TimeDelta).is_empty());
    }
}
