//! Dates of which a person may know only a part. As `web/src/dates.ts` has them.

const YEARS: std::ops::RangeInclusive<u16> = 1900..=2999;

/// Day, month and year of `14/3/2009`, `/3/2009` or `//2009`; nothing when it is no date: a day without a month, or one that the
/// calendar does not have.
fn parse(written: &str) -> Option<(Option<u16>, Option<u16>, Option<u16>)> {
    let mut parts = written.split('/').map(str::trim);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let number = |text: &str| match text {
        "" => Some(None),
        _ if text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().ok().map(Some)
        }
        _ => None,
    };
    let (day, month, year) = (number(day)?, number(month)?, number(year)?);
    let right = match (day, month, year) {
        (None, None, None) | (Some(_), None, _) => false,
        (_, Some(month), _) if !(1..=12).contains(&month) => false,
        (_, _, Some(year)) if !YEARS.contains(&year) => false,
        (Some(day), Some(month), year) => (1..=days_in(month, year)).contains(&day),
        (None, _, _) => true,
    };
    right.then_some((day, month, year))
}

/// A year that is not known may be a leap year.
fn days_in(month: u16, year: Option<u16>) -> u16 {
    let leap = year
        .is_none_or(|y| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400)));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// In words: "14 March 2009", "March 2009", "2009". What is no date is given back as it was written: an officer reads it as well,
/// and nobody is sent back over it. `month` names one, from 1.
pub(crate) fn in_words<'a>(written: &str, month: impl Fn(u16) -> &'a str) -> String {
    let Some((day, number, year)) = parse(written) else {
        return written.to_owned();
    };
    let parts = [
        day.map(|day| day.to_string()),
        number.map(|number| month(number).to_owned()),
        year.map(|year| year.to_string()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::in_words;

    fn said(written: &str) -> String {
        in_words(
            written,
            |month| if month == 3 { "March" } else { "February" },
        )
    }

    #[test]
    fn what_is_known_of_a_date_is_said() {
        assert_eq!(said("14/3/2009"), "14 March 2009");
        assert_eq!(said("/ 3 /2009"), "March 2009");
        assert_eq!(said("//2009"), "2009");
        assert_eq!(said("29/2/"), "29 February");
    }

    #[test]
    fn what_is_no_date_is_said_as_it_was_written() {
        for written in [
            "31/2/2020",
            "1//2020",
            "/13/2020",
            "a/3/2009",
            "//99999",
            "1/2/3/4",
            "//1899",
        ] {
            assert_eq!(said(written), written);
        }
    }
}
