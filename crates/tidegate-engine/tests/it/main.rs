//! What the engine decides, shown on short stories.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod ahead;
mod definition;
mod failures;
mod flood;
mod golden;
mod labels;
mod presence;
mod released;
mod replaced;
mod reviewed;
mod script;
mod sequential;
mod symptoms;
mod world;
