//! Points in time as the JVM writes them into headers: ISO-8601 in UTC with milliseconds.

/// The milliseconds of the years 0 to 9999: the points in time that are written with four digits for the year.
pub(crate) const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// How many hours a zone is away from UTC at most, as on the JVM (`java.time.ZoneOffset`).
const MOST_HOURS: i64 = 18;

/// Milliseconds since the epoch as `1970-01-01T00:00:00.000Z`.
pub(crate) fn format(millis: i64) -> String {
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

/// Reads `1970-01-01T00:00:00.000Z`; the zone may also be an offset such as `+00:00` or `+0000`, the fraction may be
/// left out. What could not be written again in UTC is no time.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.rsplitn(3, '-');
    let (day, month, year) = (
        number(date.next()?)?,
        number(date.next()?)?,
        number(date.next()?)?,
    );
    let (time, offset_minutes) = zone(time)?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.split(':').map(number);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let fits =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !fits || !(0..=9999).contains(&year) {
        return None;
    }
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + (minute - offset_minutes) * 60 + second;
    Some(seconds * 1000 + number(&fraction)?).filter(|millis| WRITABLE.contains(millis))
}

fn number(text: &str) -> Option<i64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (time, offset) = time.split_at(at);
    let digits = offset[1..].replace(':', "");
    let hours = number(digits.get(..2)?)?;
    let minutes = match digits.get(2..)? {
        "" => 0,
        digits => number(digits)?,
    };
    if hours > MOST_HOURS || minutes > 59 {
        return None;
    }
    let minutes = hours * 60 + minutes;
    Some((
        time,
        if offset.starts_with('-') {
            -minutes
        } else {
            minutes
        },
    ))
}

/// The civil date of a day counted from the epoch; years begin in March here, so the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The reverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_points_in_time_are_written_and_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(format(millis), text);
            assert_eq!(parse(text), Some(millis));
        }
    }

    #[test]
    fn offsets_are_taken_into_account() {
        assert_eq!(parse("1970-01-01T02:00:00.5+02:00"), Some(500));
        assert_eq!(parse("1970-01-01T00:00:00+0000"), Some(0));
        assert_eq!(parse("1969-12-31T19:00:00-05:00"), Some(0));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "T",
            "1970-01-01",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00",
            "x-y-zT1:2:3Z",
            // By their offset they are of a year that has no four digits.
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            // No zone is so far from UTC.
            "1970-01-01T00:00:00+01999999999999999999",
            "1970-01-01T00:00:00+01:0999999999999999999",
            "1970-01-01T00:00:00+99:00",
            "1970-01-01T00:00:00+01:60",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_millisecond_survives(millis in -62_000_000_000_000_i64..253_000_000_000_000) {
            prop_assert_eq!(parse(&format(millis)), Some(millis));
        }

        #[test]
        fn nothing_makes_the_reader_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
