//! The decision engine of Tidegate: events in, decisions out.
//!
//! A [`Rollout`] takes a new prompt version through its phases and rolls it back when it does harm.
//! It holds no clock, does no I/O, starts no thread and draws no random number: time is an argument,
//! and the same events give the same state bit for bit.
//!
//! # Driving it
//!
//! 1. Make a [`Definition`](experiment::Definition) and a [`Rollout`] from it.
//! 2. Before an event at time `t`: while [`Rollout::next_deadline`] is at or before `t`, apply an
//!    [`Event::Tick`] at the deadline, or later if the shell was late. Forgetting this is refused, not
//!    guessed at.
//! 3. [`Rollout::apply`] the event. A rejection changed nothing. Otherwise write the event down, then
//!    the decisions that came back, in this order.
//! 4. Publish [`Rollout::serving`] whenever there was a decision; readers never touch the rollout.
//! 5. After a restart: [`Rollout::restore`] the last snapshot, then hand in what was written down since
//!    with [`Rollout::apply_logged`] and [`Rollout::apply_logged_step`].
//!
//! Times must not decrease; the shell holds a clock that jumps back.
//!
//! ```
//! use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
//! use tidegate_engine::experiment::{Definition, Experiment};
//! use tidegate_engine::phase::Phase;
//! use tidegate_engine::time::Timestamp;
//! use tidegate_engine::{Rollout, Variant};
//!
//! let experiment = Experiment::new("night_prompt".parse()?, "v1".parse()?, "v2".parse()?);
//! let definition = Definition::new(experiment).map_err(|faults| format!("{faults:?}"))?;
//! let mut rollout = Rollout::new(definition);
//! let start = Event::Action(Action {
//!     command: Command::Start,
//!     actor: Actor::new("owner")?,
//!     reason: Reason::new("first try")?,
//! });
//! let decisions = rollout.apply(Timestamp::from_ms(0)?, &start)?;
//! assert_eq!(decisions[0].to.phase, Phase::Shadow);
//! let now = Timestamp::from_ms(0)?;
//! assert_eq!(rollout.serve(&"front_door".parse()?, now).variant, Variant::Control);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

pub mod arrivals;
pub mod assignment;
mod baseline;
pub mod course;
pub mod decision;
pub mod epoch;
pub mod event;
pub mod experiment;
pub mod exposure;
pub mod failure_signs;
pub mod fast_path;
pub mod fleet;
pub mod guardrail;
pub mod id;
pub mod joint_scores;
pub mod limits;
pub mod look;
pub mod notice;
pub mod number;
pub mod observation;
pub mod outside;
pub mod phase;
pub mod preflight;
pub mod presence;
pub mod promotion;
pub mod prompt;
pub mod release;
pub mod review;
pub mod rollout;
mod sequential;
pub mod series;
pub mod snapshot;
pub mod split_check;
pub mod status;
pub mod symptom;
pub mod tally;
pub mod threshold;
pub mod time;
pub mod variant;
pub mod verdict;

pub use event::{Event, Rejection};
pub use rollout::Rollout;
pub use variant::{ByVariant, Variant};
