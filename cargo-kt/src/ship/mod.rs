//! stub
mod manifest;
pub use manifest::{files, layers_of, manifest};
use std::collections::BTreeMap;
use camino::{Utf8Path, Utf8PathBuf};
use kt::wire::{client::{self, Client, RequestError}, ParseObjectIdError, ObjectId, manifest::Manifest, control::path};
use crate::terminal::Terminal;
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    #[error("the program was linked without a base")]
    NoBase,
    #[error("the cached hash of {file} is none")]
    Hash { file: Utf8PathBuf, source: ParseObjectIdError },
    #[error("{0}")]
    Ask(RequestError),
}
pub struct Shipped { pub objects: usize, pub bytes: u64 }
pub async fn ship(client: &Client, manifest: &Manifest, files: &BTreeMap<&str, &Utf8Path>, _: &Terminal) -> Result<Shipped, ShipError> {
    let ids: Vec<ObjectId> = manifest.objects().map(|o| o.id).collect();
    let missing: Vec<ObjectId> = client.ask(path::MISSING, &ids).await.map_err(ShipError::Ask)?;
    let mut bytes = 0;
    for id in &missing {
        let data = std::fs::read(files[&*id.to_string()]).unwrap();
        bytes += data.len() as u64;
        let r = client.request(client::request(http::Method::PUT, &format!("{}{id}", path::OBJECT)), data.into()).await.map_err(|e| ShipError::Ask(RequestError::Http(e)))?;
        Client::answer(r).await.map_err(ShipError::Ask)?;
    }
    Ok(Shipped { objects: missing.len(), bytes })
}
