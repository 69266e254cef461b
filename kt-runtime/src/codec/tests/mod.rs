//! Values through both codecs, compared with what bincode and serde_json make of them.

mod attributes;
mod bounds;
mod faithful;
mod json_types;
mod kinds;
mod same;
