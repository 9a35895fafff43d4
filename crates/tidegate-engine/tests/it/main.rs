//! What the engine decides, shown on short stories.

mod definition;
mod golden;
mod replaced;
mod script;
