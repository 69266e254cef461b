//! Versions of the C library.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A version of glibc, such as 2.36.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Glibc(pub u32, pub u32);

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Glibc {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.split_once('.').ok_or(())?;
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map_err(|_| ()),
            false => Err(()),
        };
        Ok(Self(number(major)?, number(minor)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        assert_eq!("2.36".parse(), Ok(Glibc(2, 36)));
        assert!(Glibc(2, 4) < Glibc(2, 31));
        assert_eq!(Glibc(2, 31).to_string(), "2.31");
        for wrong in ["2", "2.", ".2", "2.3.1", "+2.3", "2.x", ""] {
            assert_eq!(wrong.parse::<Glibc>(), Err(()), "{wrong}");
        }
    }
}
