//! Random events to the engine and to a naive model, compared after each; and what must hold of any
//! sequence of events.

mod agreement;
mod evidence;
mod generate;
mod naive;
mod prompts;
mod properties;
mod review;
