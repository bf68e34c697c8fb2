//! ISO weeks: Monday to Monday, in UTC, named `2026-W48`.

use jiff::ToSpan;
use jiff::civil::{Date, ISOWeekDate, Weekday};

/// One ISO week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Week {
    monday: Date,
}

impl Week {
    /// The week that `date` lies in.
    pub(crate) fn of(date: Date) -> Self {
        let back = i64::from(date.weekday().to_monday_zero_offset());
        Self {
            monday: date.saturating_sub(back.days()),
        }
    }

    /// Its first day.
    pub(crate) fn from(self) -> Date {
        self.monday
    }

    /// The first day after it.
    pub(crate) fn until(self) -> Date {
        self.monday.saturating_add(7.days())
    }

    /// The week after this one.
    pub(crate) fn next(self) -> Self {
        Self {
            monday: self.until(),
        }
    }

    /// Its name, such as `2026-W48`.
    pub(crate) fn id(self) -> String {
        let iso = self.monday.iso_week_date();
        format!("{:04}-W{:02}", iso.year(), iso.week())
    }

    /// Reads a name; `None` when it is none.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (year, week) = id.split_once("-W")?;
        if year.len() != 4 || week.len() != 2 {
            return None;
        }
        let iso = ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, Weekday::Monday).ok()?;
        let parsed = Self { monday: iso.date() };
        (parsed.id() == id).then_some(parsed)
    }

    /// How many weeks lie between two, without a sign.
    pub(crate) fn distance(self, other: Self) -> u64 {
        let days = self
            .monday
            .since(other.monday)
            .map_or(0, |span| i64::from(span.get_days()));
        days.unsigned_abs() / 7
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::Week;

    #[test]
    fn a_week_runs_from_monday_to_monday_across_the_new_year() {
        let week = Week::of(date(2026, 12, 31));
        assert_eq!(week.id(), "2026-W53");
        assert_eq!(week.from(), date(2026, 12, 28));
        assert_eq!(week.next().id(), "2027-W01");
        assert_eq!(week.until(), date(2027, 1, 4));
    }

    #[test]
    fn a_name_reads_back_and_nothing_else_does() {
        assert_eq!(Week::parse("2026-W48"), Some(Week::of(date(2026, 11, 23))));
        for wrong in [
            "2026-W54",
            "2027-W53",
            "2026-48",
            "2026-W4",
            "../../W01",
            "2026-W+1",
            "",
        ] {
            assert_eq!(Week::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn distance_has_no_sign() {
        let (a, b) = (Week::of(date(2026, 11, 23)), Week::of(date(2027, 2, 1)));
        assert_eq!((a.distance(b), b.distance(a), a.distance(a)), (10, 10, 0));
    }
}
