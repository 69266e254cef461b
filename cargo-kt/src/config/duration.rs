//! Parses durations.

use std::time::Duration;

/// `90s`, `10m`, `1h30m`, `500ms`.
pub fn parse(text: &str) -> Result<Duration, String> {
    let invalid =
        || format!("`{text}` is not a duration: expected a value such as `90s`, `10m` or `1h30m`");
    let (mut rest, mut total) = (text, Duration::ZERO);
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(invalid)?;
        let number: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let milliseconds = match &rest[..unit] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(invalid()),
        };
        let part = number.checked_mul(milliseconds).map(Duration::from_millis);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(invalid)?;
        rest = &rest[unit..];
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        assert_eq!(parse("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        for invalid in ["", "10", "m", "10 m", "1x", "99999999999999999999s"] {
            assert!(parse(invalid).is_err(), "{invalid}");
        }
    }
}
