//! Whole rollouts, simulated by the thousand with the engine that decides in production.
//!
//! A [scenario] is a world: cameras with their own true rates, traffic that
//! follows the hour, people who label late, and things that go wrong. A run of it draws all of that from
//! one `ChaCha8` stream fixed by seed and run, hands the events to a [`Rollout`] as a daemon would, and
//! notes how the rollout ended. Threads change the speed, never a byte of the result.
//!
//! 1. [`World::new`] prepares a scenario.
//! 2. [`monte_carlo::simulate`] runs it many times; [`run::run`] runs it once, with an [`Observer`].
//! 3. [`Summary::new`] adds the outcomes up and judges what was expected.
//!
//! Nothing here reads a clock or a file.
//!
//! [scenario]: tidegate_spec::scenario::Scenario
//! [`Rollout`]: tidegate_engine::Rollout
//! [`Observer`]: run::Observer

mod alike;
pub mod monte_carlo;
pub mod outcome;
pub mod path;
mod rates;
pub mod report;
pub mod run;
pub mod summary;
pub mod sweep;

mod traffic;
mod unrest;
pub mod world;

pub use outcome::{Ending, RunOutcome};
pub use summary::Summary;

pub use world::World;
