//! Numbers as people read them: same digits in a column, a true minus sign, units, never `NaN`.

use time::OffsetDateTime;
use time::macros::format_description;

/// What stands where there is no number.
pub(crate) const NONE: &str = "–";

/// Decimals of a score: patients, not the third decimal, decide; more digits would feign precision.
const SCORE_DECIMALS: usize = 3;
/// From here on a number is written with an exponent.
const PLAIN_MAX: f64 = 1e7;
/// Below it, too.
const PLAIN_MIN: f64 = 1e-4;

/// A score, or a dash where it is not a number.
pub(crate) fn score(value: f64) -> String {
    decimal(value, SCORE_DECIMALS)
}

/// A difference of scores with its sign; what rounds to nothing has none.
pub(crate) fn difference(value: f64) -> String {
    let text = score(value);
    if value > 0.0 && text.chars().any(|c| c.is_ascii_digit() && c != '0') { format!("+{text}") } else { text }
}

/// A number with this many decimals, or a dash where it is not a number.
pub(crate) fn decimal(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let digits =
        if value.abs() < PLAIN_MAX { format!("{:.decimals$}", value.abs()) } else { format!("{:.3e}", value.abs()) };
    let is_zero = digits.chars().all(|c| matches!(c, '0' | '.'));
    if value < 0.0 && !is_zero { format!("−{digits}") } else { digits }
}

/// A number of a chart in a table: whole numbers as such, others with the decimals of a score.
pub(crate) fn plain(value: f64) -> String {
    let decimals = if value.fract() == 0.0 { 0 } else { SCORE_DECIMALS };
    decimal(value, decimals)
}

/// A number that bounds something from above, with this many decimals: never less than it is.
pub(crate) fn rounded_up(value: f64, decimals: usize) -> String {
    rounded(value, decimals, Direction::Up)
}

/// [`rounded_up`] to four decimals, without the zeros at the end: 8, 1.5, 2.0001.
pub(crate) fn bound(value: f64) -> String {
    let text = rounded_up(value, 4);
    if text.contains('e') { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

/// A number of which at least as much is there, with this many decimals: never more than it is.
pub(crate) fn rounded_down(value: f64, decimals: usize) -> String {
    rounded(value, decimals, Direction::Down)
}

enum Direction {
    Up,
    Down,
}

fn rounded(value: f64, decimals: usize, direction: Direction) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    if value.abs() >= PLAIN_MAX {
        let exponent = value.abs().log10().floor();
        return format!("{}e{exponent}", rounded(value / 10_f64.powf(exponent), SCORE_DECIMALS, direction));
    }
    let nearest: f64 = format!("{value:.decimals$}").parse().unwrap_or(value);
    let step = 10_f64.powi(-(decimals as i32));
    decimal(
        match direction {
            Direction::Up if nearest < value => nearest + step,
            Direction::Down if nearest > value => nearest - step,
            Direction::Up | Direction::Down => nearest,
        },
        decimals,
    )
}

/// A number with this many significant digits, as short as it goes; a dash where it is not a number.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let exponential = format!("{value:.*e}", digits.saturating_sub(1));
    let near: f64 = exponential.parse().unwrap_or(value);
    let plain = (near == 0.0) || (PLAIN_MIN..PLAIN_MAX).contains(&near.abs());
    if plain { format!("{near}").replace('-', "−") } else { power(near) }
}

/// A number far from one, as a power of ten: `1e-5`, `2.5e-7`.
pub(crate) fn power(value: f64) -> String {
    if value.is_finite() { format!("{value:e}") } else { NONE.into() }
}

/// How long something took; a dash where it ended before it began.
pub(crate) fn duration(from_ms: u64, to_ms: u64) -> String {
    let Some(ms) = to_ms.checked_sub(from_ms) else { return NONE.into() };
    let s = ms / 1000;
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{s}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// Date and time in UTC; a dash where the calendar does not reach.
pub(crate) fn date(ms: u64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    i64::try_from(ms / 1000)
        .ok()
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok())
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| NONE.into())
}

/// `1 site`, `2 sites`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_three_decimals() {
        assert_eq!(score(0.81249), "0.812");
        assert_eq!(score(1.0), "1.000");
        assert_eq!(score(f64::NAN), "–");
        assert_eq!(score(f64::NEG_INFINITY), "–");
    }

    #[test]
    fn differences_show_their_sign() {
        assert_eq!(difference(0.05), "+0.050");
        assert_eq!(difference(-0.05), "−0.050");
        assert_eq!(difference(0.0), "0.000");
        assert_eq!(difference(0.0004), "0.000");
        assert_eq!(difference(-0.0004), "0.000");
        assert_eq!(difference(f64::NAN), "–");
    }

    #[test]
    fn enormous_numbers_stay_short() {
        assert!(score(1e300).len() < 12, "{}", score(1e300));
        assert!(plain(-1e300).starts_with('−'));
    }

    #[test]
    fn bounds_are_never_shown_better_than_they_are() {
        assert_eq!(
            (rounded_up(2.001, 2), rounded_up(1.1, 2), rounded_up(8.0, 2)),
            ("2.01".into(), "1.10".into(), "8.00".into())
        );
        assert_eq!((rounded_down(2.999, 2), rounded_down(1.1, 2)), ("2.99".into(), "1.10".into()));
        assert_eq!((rounded_up(0.0, 2), rounded_down(0.004, 2)), ("0.00".into(), "0.00".into()));
        assert_eq!(
            (bound(8.0), bound(10.0), bound(1.5), bound(2.000_01)),
            ("8".into(), "10".into(), "1.5".into(), "2.0001".into())
        );
        assert_eq!((rounded_up(f64::INFINITY, 2), rounded_down(f64::NAN, 2)), ("–".into(), "–".into()));
        assert_eq!((rounded_up(4.851_65e8, 2), rounded_down(4.851_65e8, 2)), ("4.852e8".into(), "4.851e8".into()));
    }

    #[test]
    fn significant_digits_are_counted_from_the_first() {
        assert_eq!(significant(1.234_567, 4), "1.235");
        assert_eq!(significant(0.001_234_5, 3), "0.00123");
        assert_eq!(significant(1e-5, 4), "1e-5");
        assert_eq!(significant(250_000.0, 2), "250000");
        assert_eq!(significant(f64::NAN, 4), "–");
        assert_eq!(significant(0.0, 4), "0");
        assert_eq!(significant(-1.5, 4), "−1.5");
    }

    #[test]
    fn durations_use_the_unit_that_fits() {
        assert_eq!(duration(0, 0), "0 ms");
        assert_eq!(duration(0, 999), "999 ms");
        assert_eq!(duration(1_000, 13_450), "12.4 s");
        assert_eq!(duration(0, 245_000), "4 min 05 s");
        assert_eq!(duration(0, 11_520_000), "3 h 12 min");
        assert_eq!(duration(5, 4), "–");
    }

    #[test]
    fn dates_are_utc_and_any_number_is_safe() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(1_767_225_600_000), "2026-01-01 00:00 UTC");
        assert_eq!(date(u64::MAX), "–");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(0, "site"), "0 sites");
        assert_eq!(count(1, "site"), "1 site");
        assert_eq!(count(2, "site"), "2 sites");
    }
}
