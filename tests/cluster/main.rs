//! Several nodes, on a real cluster of NATS servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod appends;
mod contract;
mod loss;
mod nodes;
mod settings;
mod world;
