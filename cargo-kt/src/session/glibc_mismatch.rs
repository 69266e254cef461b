//! A program that needs a newer glibc than the image of its service has.

use crate::{
    glibc::Glibc,
    link::Linked,
    place::{Connected, PlaceName},
};

/// The linked program needs a newer glibc than the image has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlibcMismatch {
    pub what: String,
    pub needed: Glibc,
    pub found: Glibc,
}

impl GlibcMismatch {
    /// A mismatch between a program and a service. A local service has none: its workers start with
    /// this machine's libraries.
    pub(super) fn between(linked: &Linked, connected: &Connected) -> Option<Self> {
        if connected.place == PlaceName::Local {
            return None;
        }
        Self::of(linked.newest_glibc(), connected.status.platform.glibc)
    }

    /// An unknown version counts as new enough.
    fn of(needs: Option<(String, Glibc)>, found: Option<Glibc>) -> Option<Self> {
        let ((what, needed), found) = (needs?, found?);
        (needed > found).then_some(Self {
            what,
            needed,
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_newer_glibc_than_the_image_has_is_a_mismatch() {
        let needs = |minor| Some(("the crate `app`".to_owned(), Glibc(2, minor)));
        let mismatch = GlibcMismatch::of(needs(34), Some(Glibc(2, 31))).unwrap();
        assert_eq!(
            (mismatch.needed, mismatch.found),
            (Glibc(2, 34), Glibc(2, 31))
        );
        // 2.4 is older than 2.31, although it is greater as text.
        assert_eq!(GlibcMismatch::of(needs(4), Some(Glibc(2, 31))), None);
        assert_eq!(GlibcMismatch::of(needs(31), Some(Glibc(2, 31))), None);
        assert_eq!(GlibcMismatch::of(needs(34), None), None);
        assert_eq!(GlibcMismatch::of(None, Some(Glibc(2, 31))), None);
    }
}
