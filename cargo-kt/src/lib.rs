//! Everything of kt that runs on the developer's machine: *plan → build → link → ship → swap → call*.

pub mod agent;
pub mod build;
pub mod command;
pub mod layout;
pub mod link;
pub mod place;
pub mod plan;
pub mod ship;
pub mod terminal;
