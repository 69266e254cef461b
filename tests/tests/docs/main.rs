//! The documentation: its links lead somewhere, and its example runs as the page shows it.

mod example;
mod links;
mod markdown;
mod recording;
