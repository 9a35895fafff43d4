//! Whatever needs two crates or a real process.

mod assign;
mod command;
mod experiment;
mod hostile;
mod readme;
mod recordings;
mod replay;
mod tidy;
