//! Durations in options, in the syntax of `humantime`.

use std::time::Duration;

/// Parses `90s`, `10m`, `1h 30m` or `500ms`.
pub fn parse(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text).map_err(|error| match error {
        // Its own message lists all spellings of all units.
        humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
            format!("unknown unit `{unit}`, expected `ms`, `s`, `m`, `h` or `d`")
        }
        other => other.to_string(),
    });
    parsed
        // Longer ones overflow when they are added to the current time.
        .and_then(|duration| match u64::try_from(duration.as_millis()) {
            Ok(_) => Ok(duration),
            Err(_) => Err("it is too long".to_owned()),
        })
        .map_err(|reason| {
            format!("invalid duration `{text}`: {reason}; for example `90s` or `1h30m`")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2d"), Ok(Duration::from_secs(172_800)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        for wrong in [
            "",
            "10",
            "m",
            "-1s",
            "1x",
            "99999999999999999999s",
            "9999999999999999999s",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn errors_name_the_units() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(
            error("1x"),
            "invalid duration `1x`: unknown unit `x`, expected `ms`, `s`, `m`, `h` or `d`; \
             for example `90s` or `1h30m`"
        );
        assert_eq!(
            error("10"),
            "invalid duration `10`: time unit needed, for example 10sec or 10ms; \
             for example `90s` or `1h30m`"
        );
    }
}
