//! Whatever needs two crates or a real process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod assign;
mod command;
mod experiment;
mod hostile;
mod readme;
mod recordings;
mod replay;
mod simulate;
mod statistics;
mod tidy;
