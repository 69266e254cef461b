//! `cargo kt down`: ends services.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::place::{self, Dirs, PlaceError};

/// What to end.
#[derive(Debug, Clone)]
pub struct Arguments {
    pub which: Which,
    /// How long calls in flight may go on.
    pub grace: Duration,
}

#[derive(Debug, Clone)]
pub enum Which {
    Named(Vec<String>),
    All,
}

/// Why a service was not ended.
#[derive(Debug, thiserror::Error)]
pub enum DownError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("failed to write: {0}")]
    Write(#[from] io::Error),
}

/// Ends services and says so, a line each.
///
/// # Errors
/// The first that could not be ended; the others are ended all the same.
pub async fn run(dirs: &Dirs, arguments: Arguments, out: &mut dyn Write) -> Result<(), DownError> {
    let names = match arguments.which {
        Which::Named(names) => names,
        Which::All => {
            let services = place::list(dirs).await?;
            services.into_iter().map(|service| service.name).collect()
        }
    };
    if names.is_empty() {
        writeln!(out, "no services")?;
    }
    let mut failed = None;
    for name in names {
        match place::down(dirs, &name, arguments.grace).await {
            Ok(()) => writeln!(out, "{name} is down; its state is gone")?,
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}
