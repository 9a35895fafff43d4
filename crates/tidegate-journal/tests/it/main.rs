//! What the journal promises.
#![allow(clippy::unwrap_used, reason = "a test")]

mod damage;
mod keeping;
mod led;
mod world;
