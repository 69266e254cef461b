//! How objects get into the store: in which encoding, how much of an interrupted upload is there, and why one is refused.
//!
//! A `PUT` of [`OBJECT`](super::control::path::OBJECT) has a [`Head`]; its body is the encoded stream from `offset` on.
//! What was encoded is checked by what comes out: the blake3 of the decoded bytes is the object's name.

use std::{fmt, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_LENGTH};
use serde::{Deserialize, Serialize};

use super::ObjectId;

const ENCODING: HeaderName = HeaderName::from_static("kt-encoding");
const LENGTH: HeaderName = HeaderName::from_static("kt-length");
const OFFSET: HeaderName = HeaderName::from_static("kt-offset");
/// On a refusal, the [`UploadRefused`] that it is.
pub const REFUSED: HeaderName = HeaderName::from_static("kt-refused");

/// Longest name of a recipe, bytes.
const RECIPE: usize = 64;
/// Hexadecimal digits of a partial upload's tag.
const TAG: usize = 16;

/// How an object's bytes travel. The `recipe` names all that decides what stream comes of the same input (the encoder's version
/// and parameters): an interrupted upload goes on only with the very same stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As they are.
    Identity,
    /// A zstd frame (RFC 8878).
    Zstd { recipe: String },
    /// A zstd frame that copies from another object of the store, as `zstd --patch-from` makes it, of both with their
    /// [addresses settled](super::addresses).
    Patch { reference: ObjectId, recipe: String },
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Zstd { recipe } => write!(f, "zstd {recipe}"),
            Self::Patch { reference, recipe } => write!(f, "patch {reference} {recipe}"),
        }
    }
}

impl FromStr for Encoding {
    type Err = BadHead;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |recipe: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            let good = (1..=RECIPE).contains(&recipe.len()) && recipe.chars().all(plain);
            good.then(|| recipe.to_owned())
                .ok_or(BadHead("kt-encoding"))
        };
        let parts: Vec<&str> = text.split(' ').collect();
        match parts[..] {
            ["identity"] => Ok(Self::Identity),
            ["zstd", recipe] => Ok(Self::Zstd {
                recipe: known(recipe)?,
            }),
            ["patch", reference, recipe] => Ok(Self::Patch {
                reference: reference.parse().map_err(|_| BadHead("kt-encoding"))?,
                recipe: known(recipe)?,
            }),
            _ => Err(BadHead("kt-encoding")),
        }
    }
}

/// What is said of an upload before its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub encoding: Encoding,
    /// The object's own length in bytes. Only an upload as it is may leave it out.
    pub length: Option<u64>,
    /// Bytes of the encoded stream that are there already, and are not sent again.
    pub offset: u64,
}

/// A header that cannot be read; its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHead(&'static str);

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the header {} cannot be read", self.0)
    }
}

impl std::error::Error for BadHead {}

impl Head {
    /// Puts it into a request's headers.
    pub fn write(&self, headers: &mut HeaderMap) {
        // Its words are visible ASCII: a recipe is checked where it is read.
        if let Ok(encoding) = HeaderValue::try_from(self.encoding.to_string()) {
            headers.insert(ENCODING, encoding);
        }
        if let Some(length) = self.length {
            headers.insert(LENGTH, length.into());
        }
        headers.insert(OFFSET, self.offset.into());
    }

    /// Reads it. Who says nothing sends the object as it is, from its beginning.
    ///
    /// # Errors
    /// If a header is none, or an encoded object's length is not said.
    pub fn read(headers: &HeaderMap) -> Result<Self, BadHead> {
        let encoding = match headers.get(ENCODING) {
            None => Encoding::Identity,
            Some(value) => value
                .to_str()
                .map_err(|_| BadHead("kt-encoding"))?
                .parse()?,
        };
        let number = |name: &HeaderName, said: &'static str| match headers.get(name) {
            None => Ok(None),
            Some(value) => match value.to_str().ok().and_then(|text| text.parse().ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(BadHead(said)),
            },
        };
        let offset = number(&OFFSET, "kt-offset")?.unwrap_or(0);
        let mut length = number(&LENGTH, "kt-length")?;
        if length.is_none() && encoding != Encoding::Identity {
            return Err(BadHead("kt-length"));
        }
        if length.is_none() {
            let rest: Option<u64> = number(&CONTENT_LENGTH, "content-length")?;
            length = rest.map(|rest| rest.saturating_add(offset));
        }
        Ok(Self {
            encoding,
            length,
            offset,
        })
    }

    /// What tells an interrupted upload of this stream from those of others of the same object: a hash over encoding and length.
    pub fn tag(&self) -> String {
        let text = format!("{} {:?}", self.encoding, self.length);
        blake3::hash(text.as_bytes()).to_hex()[..TAG].to_owned()
    }
}

/// What somebody is about to upload and swap to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wanted {
    pub objects: Vec<ObjectId>,
    /// Objects that patches may refer to. Those that are there stay for a while, whatever is swapped to.
    pub references: Vec<ObjectId>,
}

/// What of it the store has not got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Missing {
    pub objects: Vec<MissingObject>,
    /// Those of the references that are there.
    pub references: Vec<ObjectId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingObject {
    pub id: ObjectId,
    /// Uploads of it that were interrupted.
    pub partials: Vec<Partial>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// [`Head::tag`] of its upload.
    pub tag: String,
    /// Of the encoded stream that are there.
    pub bytes: u64,
}

/// Refusals after which the object is sent again, whole and from its beginning; said in the header [`REFUSED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadRefused {
    /// The store has no such object as the patch refers to.
    NoReference,
    /// The interrupted upload that is to go on is not there, or has fewer bytes.
    NoPartial,
    /// The stream cannot be decoded.
    Undecodable,
    /// What came out is longer or shorter than announced.
    WrongLength,
    /// What came out is another object.
    WrongHash,
}

impl UploadRefused {
    const ALL: [Self; 5] = [
        Self::NoReference,
        Self::NoPartial,
        Self::Undecodable,
        Self::WrongLength,
        Self::WrongHash,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::NoReference => "no-reference",
            Self::NoPartial => "no-partial",
            Self::Undecodable => "undecodable",
            Self::WrongLength => "wrong-length",
            Self::WrongHash => "wrong-hash",
        }
    }

    /// The one that a refusal's headers name.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let name = headers.get(REFUSED)?.to_str().ok()?;
        Self::ALL.into_iter().find(|refused| refused.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(encoding: Encoding, length: Option<u64>, offset: u64) -> Head {
        Head {
            encoding,
            length,
            offset,
        }
    }

    fn encodings() -> [Encoding; 3] {
        let recipe = "zstd-10507.level-2".to_owned();
        [
            Encoding::Identity,
            Encoding::Zstd {
                recipe: recipe.clone(),
            },
            Encoding::Patch {
                reference: ObjectId([7; 32]),
                recipe,
            },
        ]
    }

    #[test]
    fn a_head_survives_its_headers() {
        for encoding in encodings() {
            for offset in [0, 7, u64::MAX] {
                let head = head(encoding.clone(), Some(9), offset);
                let mut headers = HeaderMap::new();
                head.write(&mut headers);
                assert_eq!(Head::read(&headers), Ok(head));
            }
        }
    }

    #[test]
    fn a_plain_upload_needs_no_headers_and_others_say_their_length() {
        let mut headers = HeaderMap::new();
        assert_eq!(Head::read(&headers), Ok(head(Encoding::Identity, None, 0)));
        headers.insert(CONTENT_LENGTH, 5.into());
        assert_eq!(
            Head::read(&headers),
            Ok(head(Encoding::Identity, Some(5), 0))
        );
        headers.insert(ENCODING, HeaderValue::from_static("zstd x"));
        assert_eq!(Head::read(&headers), Err(BadHead("kt-length")));
    }

    #[test]
    fn what_is_no_header_of_ours_is_refused() {
        let long = format!("zstd {}", "x".repeat(RECIPE + 1));
        for bad in [
            "",
            "gzip",
            "zstd",
            "zstd a b",
            "zstd a/b",
            "patch ff x",
            &long,
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ENCODING, HeaderValue::from_str(bad).unwrap());
            headers.insert(LENGTH, 1.into());
            assert_eq!(Head::read(&headers), Err(BadHead("kt-encoding")), "{bad}");
        }
        for bad in ["-1", "1.5", "x", "99999999999999999999"] {
            let mut headers = HeaderMap::new();
            headers.insert(OFFSET, HeaderValue::from_static(bad));
            assert_eq!(Head::read(&headers), Err(BadHead("kt-offset")), "{bad}");
        }
    }

    #[test]
    fn streams_that_differ_have_different_tags() {
        let mut tags: Vec<String> = encodings()
            .into_iter()
            .flat_map(|encoding| [Some(1), Some(2)].map(|length| head(encoding.clone(), length, 0)))
            .map(|head| head.tag())
            .collect();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 6);
        let [identity, ..] = encodings();
        assert_eq!(
            head(identity.clone(), Some(1), 0).tag(),
            head(identity, Some(1), 9).tag()
        );
    }
}
