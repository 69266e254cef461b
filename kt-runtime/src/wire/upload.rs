//! Uploads of objects to the store: their encodings, how to resume one, and why one is refused.
//!
//! A `PUT` of [`OBJECT`](super::control::path::OBJECT) has a [`Head`]; its body is the encoded
//! stream from `offset` on. The store checks the decoded bytes: their blake3 is the object's name.

use std::{fmt, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_LENGTH};
use serde::{Deserialize, Serialize};

use super::ObjectId;

const ENCODING: HeaderName = HeaderName::from_static("kt-encoding");
const LENGTH: HeaderName = HeaderName::from_static("kt-length");
const OFFSET: HeaderName = HeaderName::from_static("kt-offset");
/// Of a refusal: the [`UploadRefused`].
pub const REFUSED: HeaderName = HeaderName::from_static("kt-refused");

/// Longest name of a recipe, bytes.
const RECIPE: usize = 64;
/// Hexadecimal digits of a partial upload's tag.
const TAG: usize = 16;

/// The encoding of an object. The `recipe` names everything that determines the stream of an input
/// (the encoder's version and parameters): an interrupted upload resumes only with the identical
/// stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Unchanged.
    Identity,
    /// A zstd frame (RFC 8878).
    Zstd { recipe: String },
    /// A zstd frame that copies from another object of the store, as `zstd --patch-from` makes it,
    /// of both with their [addresses settled](crate::delta).
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

/// The headers of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub encoding: Encoding,
    /// The object's length in bytes. Only an unencoded upload may omit it.
    pub length: Option<u64>,
    /// Bytes of the encoded stream that the store has already.
    pub offset: u64,
}

/// The name of an invalid header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHead(&'static str);

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid header {}", self.0)
    }
}

impl std::error::Error for BadHead {}

impl Head {
    /// Adds it to a request's headers.
    pub fn write(&self, headers: &mut HeaderMap) {
        // It is visible ASCII: a recipe is checked when it is read.
        if let Ok(encoding) = HeaderValue::try_from(self.encoding.to_string()) {
            headers.insert(ENCODING, encoding);
        }
        if let Some(length) = self.length {
            headers.insert(LENGTH, length.into());
        }
        headers.insert(OFFSET, self.offset.into());
    }

    /// Reads it. Without headers the object is sent unencoded from its beginning.
    ///
    /// # Errors
    /// If a header is invalid, or the length of an encoded object is missing.
    pub fn read(headers: &HeaderMap) -> Result<Self, BadHead> {
        let encoding = match headers.get(ENCODING) {
            None => Encoding::Identity,
            Some(value) => value
                .to_str()
                .map_err(|_| BadHead("kt-encoding"))?
                .parse()?,
        };
        let number = |name: &HeaderName, header: &'static str| match headers.get(name) {
            None => Ok(None),
            Some(value) => match value.to_str().ok().and_then(|text| text.parse().ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(BadHead(header)),
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

    /// Distinguishes interrupted uploads of the same object: a hash over encoding and length.
    pub fn tag(&self) -> String {
        let text = format!("{} {:?}", self.encoding, self.length);
        blake3::hash(text.as_bytes()).to_hex()[..TAG].to_owned()
    }
}

/// The objects of a swap to come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wanted {
    pub objects: Vec<ObjectId>,
    /// Objects that patches may refer to. The store keeps those that it has for a while.
    pub references: Vec<ObjectId>,
}

/// What the store lacks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Missing {
    pub objects: Vec<MissingObject>,
    /// The references that the store has.
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
    /// Bytes of the encoded stream that the store has.
    pub bytes: u64,
}

/// Refusals after which the whole object is sent again; in the header [`REFUSED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadRefused {
    /// The store lacks the object that the patch refers to.
    NoReference,
    /// The interrupted upload to resume does not exist, or has fewer bytes.
    NoPartial,
    /// The stream cannot be decoded.
    Undecodable,
    /// The decoded object is longer or shorter than announced.
    WrongLength,
    /// The decoded object has another hash.
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

    /// The one in a refusal's headers.
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
    fn only_a_plain_upload_may_omit_its_length() {
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
    fn an_invalid_header_is_refused() {
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
