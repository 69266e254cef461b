//! *build* with real cargo on small workspaces.

mod fixture;
mod modes;
mod replay;
mod sources;
