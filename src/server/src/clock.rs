//! The wall clock, to the fineness that each use may know.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Today (UTC).
pub(crate) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// Seconds since 1970, for the age of a courier's signature only.
pub(crate) fn now_s() -> i64 {
    Timestamp::now().as_second()
}
