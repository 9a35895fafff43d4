//! Whatever needs two crates or a real process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod actions;
mod assign;
mod client;
mod command;
mod experiment;
mod faults;
mod hostile;
mod manual;
mod readme;
mod record;
mod recordings;
mod replay;
mod samples;
mod simulate;
mod statistics;
mod status;
mod tidy;
mod token;
