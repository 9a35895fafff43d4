//! The review: cards of discordant events, what people answered, and in which order it counts.
//!
//! In shadow both prompts' answers to every event are there. Events on which exactly one of them alerts are discordant; a
//! person who answers "worth an alert?" on a random few dozen of them decides the rollout with nobody exposed.
//! [`Queue`] holds these events and the opinions of reviewers, [`CardOrder`] says in which order they are drawn, and what they
//! say is [`tidegate_stats::review`].

mod card;
mod order;
mod queue;

pub use card::{Answer, Card, Opinion, Standing};
pub use order::{CardHash, CardOrder};
pub use queue::{CardReply, Queue, QueueRejection, Sizes};
