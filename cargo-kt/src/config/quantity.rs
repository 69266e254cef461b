//! Kubernetes' quantities. Source: `staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go` of Kubernetes.

const SUFFIXES: [&str; 16] = [
    "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "u", "n",
];

/// Whether a text is a quantity, and more than nothing.
pub(super) fn is_positive(text: &str) -> bool {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let exponent = |text: &str| {
        let digits = text.strip_prefix(['e', 'E'])?;
        digits.parse::<i32>().ok()
    };
    let known = SUFFIXES.contains(&suffix) || exponent(suffix).is_some();
    known && number.parse::<f64>().is_ok_and(|number| number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::is_positive;

    #[test]
    fn quantities_are_what_kubernetes_takes() {
        for good in ["1", "500m", "0.5", "2Gi", "1e3", "100M", "1.5Gi"] {
            assert!(is_positive(good), "{good}");
        }
        for bad in ["", "0", "-1", "2GB", "two", "1 Gi", "Gi", "0Gi", "2gi"] {
            assert!(!is_positive(bad), "{bad}");
        }
    }
}
