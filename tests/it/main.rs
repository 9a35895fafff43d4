//! Whatever needs two crates or a real process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod actions;
mod api;
mod assign;
mod belonging;
mod book;
mod client;
mod command;
mod definitions;
mod demo;
mod dockerfile;
mod evaluate;
mod events;
mod examples;
mod experiment;
mod faults;
mod frozen;
mod guarded;
mod hostile;
mod kills;
mod manual;
mod mistakes;
mod openapi;
mod openfeature;
mod operating;
mod operator;
mod prompts;
mod readme;
mod record;
mod recordings;
mod replay;
mod restarts;
mod review;
mod sample_config;
mod samples;
mod service_unit;
mod silence;
mod simulate;
mod statistics;
mod status;
mod tidy;
mod token;
mod two_experiments;
mod webhooks;
mod writers;
