//! Parses and formats Kubernetes quantities. Source:
//! `staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go` of Kubernetes.

/// Suffixes and their factors.
const SUFFIXES: [(&str, f64); 16] = [
    ("", 1.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
];

/// Parses a quantity in base units: `500m` is 0.5.
pub fn parse(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let exponent = || {
        let digits = suffix.strip_prefix(['e', 'E'])?;
        digits.parse::<i32>().ok().map(|digits| 10_f64.powi(digits))
    };
    let known = SUFFIXES.iter().find(|(name, _)| *name == suffix);
    let factor = known.map(|(_, factor)| *factor).or_else(exponent)?;
    Some(number.parse::<f64>().ok()? * factor)
}

/// Whether a text is a quantity greater than zero.
pub(super) fn is_positive(text: &str) -> bool {
    parse(text).is_some_and(|amount| amount > 0.0)
}

/// Formats bytes as a rounded quantity: `1.5Gi`.
pub fn bytes(amount: f64) -> String {
    let fitting = SUFFIXES
        .iter()
        .rev()
        .filter(|(name, _)| name.ends_with('i'))
        .find(|(_, factor)| amount >= *factor);
    match fitting {
        Some((name, factor)) => format!("{}{name}", number(amount / factor)),
        None => number(amount),
    }
}

/// Formats an amount with at most two decimal places.
pub fn number(amount: f64) -> String {
    let text = format!("{amount:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{bytes, is_positive, number, parse};

    #[test]
    fn quantities_are_parsed_as_kubernetes_does() {
        for good in ["1", "500m", "0.5", "2Gi", "1e3", "100M", "1.5Gi"] {
            assert!(is_positive(good), "{good}");
        }
        for bad in ["", "0", "-1", "2GB", "two", "1 Gi", "Gi", "0Gi", "2gi"] {
            assert!(!is_positive(bad), "{bad}");
        }
    }

    #[test]
    fn amounts_are_parsed_and_formatted() {
        assert_eq!(parse("1500m"), Some(1.5));
        assert_eq!(parse("2Ki"), Some(2048.0));
        assert_eq!(parse("3e2"), Some(300.0));
        assert_eq!(number(2.0), "2");
        assert_eq!(number(1.25), "1.25");
        assert_eq!(bytes(1_610_612_736.0), "1.5Gi");
        assert_eq!(bytes(512.0), "512");
    }
}
