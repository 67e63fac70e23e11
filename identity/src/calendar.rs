//! Timestamps as certificates and people write them.

use time::OffsetDateTime;
use time::macros::format_description;
use wardround_plan::Timestamp;

/// 9999-12-31 23:59:59 UTC, the last instant a certificate can name.
const LAST_SECOND: i64 = 253_402_300_799;

/// The instant in whole seconds, at most the last one that a certificate can name.
pub(crate) fn date_time(at: Timestamp) -> OffsetDateTime {
    let seconds = i64::try_from(at.as_ms() / 1000).unwrap_or(LAST_SECOND).min(LAST_SECOND);
    OffsetDateTime::from_unix_timestamp(seconds).expect("at most LAST_SECOND, which `time` can hold")
}

/// From seconds since the Unix epoch, as X.509 gives them; earlier instants count as the epoch.
pub(crate) fn from_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_ms(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000))
}

/// For people: `2026-11-21 14:05 UTC`.
pub(crate) fn in_words(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    date_time(at).format(format).unwrap_or_else(|_| format!("{} ms after 1970", at.as_ms()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_for_people_and_never_overflows() {
        assert_eq!(in_words(Timestamp::from_ms(1_795_269_900_000)), "2026-11-21 14:05 UTC");
        assert_eq!(in_words(Timestamp::from_ms(u64::MAX)), "9999-12-31 23:59 UTC");
        assert_eq!(from_seconds(-1), Timestamp::from_ms(0));
    }
}
