//! Figures as people read them.

use num_format::{Locale, ToFormattedString};

/// A rate: `1.25 M/s`, `340 k/s`, `12.3 k/s`, `180 /s`.
pub(super) fn rate(rate: f64) -> String {
    format!("{}/s", count(rate))
}

/// A count with at most three digits that matter: `1.25 M`, `340 k`, `180 `.
pub(super) fn count(count: f64) -> String {
    match count {
        // What would be rounded up to a thousand of the smaller unit belongs to the larger one.
        count if count >= 999_500.0 => format!("{} M", digits(count / 1e6)),
        count if count >= 999.5 => format!("{} k", digits(count / 1e3)),
        count => format!("{} ", digits(count)),
    }
}

/// Three digits that matter, without zeros at the end of a fraction.
pub(super) fn digits(figure: f64) -> String {
    let places = match figure {
        figure if figure >= 99.95 => 0,
        figure if figure >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{figure:.places$}");
    if places == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Microseconds: `850 µs`, `1.25 ms`, `2.5 s`; a difference may be below zero.
pub(super) fn micros(micros: f64) -> String {
    match micros {
        micros if micros < 0.0 => format!("-{}", self::micros(-micros)),
        micros if micros >= 999_500.0 => format!("{} s", digits(micros / 1e6)),
        micros if micros >= 999.5 => format!("{} ms", digits(micros / 1e3)),
        micros => format!("{} µs", digits(micros)),
    }
}

/// Seconds: `2.08 s`, and below one `48 ms`.
pub(super) fn seconds(seconds: f64) -> String {
    micros(seconds * 1e6)
}

/// A whole number with its thousands apart.
pub(super) fn thousands(count: u64) -> String {
    count.to_formatted_string(&Locale::en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_three_digits_that_matter() {
        let cases = [
            (180.4, "180 /s"),
            (999.4, "999 /s"),
            (999.6, "1 k/s"),
            (12_345.0, "12.3 k/s"),
            (340_123.0, "340 k/s"),
            (999_600.0, "1 M/s"),
            (1_254_000.0, "1.25 M/s"),
            (0.0, "0 /s"),
        ];
        for (figure, text) in cases {
            assert_eq!(rate(figure), text);
        }
    }

    #[test]
    fn a_time_has_the_unit_that_suits_it() {
        for (figure, text) in [
            (850.0, "850 µs"),
            (1_254.0, "1.25 ms"),
            (2_500_000.0, "2.5 s"),
            (999.7, "1 ms"),
            (-1_254.0, "-1.25 ms"),
        ] {
            assert_eq!(micros(figure), text);
        }
        assert_eq!(seconds(0.048), "48 ms");
    }

    #[test]
    fn thousands_stand_apart() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(thousands(count), text);
        }
    }
}
