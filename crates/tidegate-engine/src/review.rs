//! The review: cards of discordant events, what people answered, and in which order it counts.
//!
//! In shadow both prompts' answers to every event are there. Events on which exactly one of them alerts are discordant; a
//! person who answers "worth an alert?" on a random few dozen of them decides the rollout with nobody exposed.
//! [`Queue`] holds these events and the opinions of reviewers, [`CardOrder`] says in which order they are drawn,
//! [`ReviewWindow`] counts what the statistics need beside them, and [`Reading`] is what they say, by [`tidegate_stats::review`].

mod card;
mod order;
mod queue;
mod reading;
mod rules;
pub(crate) mod window;

pub use card::{Answer, Card, Opinion, SecondLook, Standing};
pub use order::{CardHash, CardOrder};
pub use queue::{CardReply, Queue, QueueRejection, QueueSnapshot, Sizes};
pub(crate) use reading::ReviewGate;
pub use reading::{Missing, Reading, ReviewProgress, Span};
pub use rules::{ClipUrl, InvalidClipUrl, PromotedBy, Requirement, ReviewRules};
pub use tidegate_stats::review::{
    ByQuestion, Direction, Discordant, FleetBlock, ReviewEffort, ReviewPlan, ReviewVerdict,
    SHADOW_DAYS_MAX,
};
pub use window::{ReviewSnapshot, ReviewWindow, Standings};
