//! A program that needs a newer glibc than the image of its service has.

use std::fmt;

use kt::wire::platform::ImageGlibc;

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
    pub found: ImageGlibc,
}

impl fmt::Display for GlibcMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, needed, .. } = self;
        match self.found {
            ImageGlibc::Version(found) => {
                write!(
                    f,
                    "{what} requires glibc {needed}, and the image has {found}"
                )
            }
            _ => f.write_str("the image has no glibc"),
        }
    }
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
    fn of(needs: Option<(String, Glibc)>, found: ImageGlibc) -> Option<Self> {
        let (what, needed) = needs?;
        let is_enough = match found {
            ImageGlibc::Version(version) => version >= needed,
            ImageGlibc::Missing => false,
            ImageGlibc::Unknown => true,
        };
        (!is_enough).then_some(Self {
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
        let image = ImageGlibc::Version(Glibc(2, 31));
        let mismatch = GlibcMismatch::of(needs(34), image).unwrap();
        assert_eq!((mismatch.needed, mismatch.found), (Glibc(2, 34), image));
        // 2.4 is older than 2.31, although it is greater as text.
        assert_eq!(GlibcMismatch::of(needs(4), image), None);
        assert_eq!(GlibcMismatch::of(needs(31), image), None);
        assert_eq!(GlibcMismatch::of(needs(34), ImageGlibc::Unknown), None);
        assert_eq!(GlibcMismatch::of(None, image), None);
        assert!(GlibcMismatch::of(needs(4), ImageGlibc::Missing).is_some());
    }
}
