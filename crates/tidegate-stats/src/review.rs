//! The review: what a person's answers on a few dozen events say of a rollout that nobody was exposed to.
//!
//! In shadow every event has both prompts' answers. Only *discordant* events, on which exactly one of them
//! alerts, can change the number of false alarms or of missed threats. An event is *lost* if only the control
//! alerts (L of them), *gained* if only the treatment does (G); N = L + G, ΔA = G - L, and A counts the control's
//! alerts. A reviewer answers "worth an alert?" on a card drawn at random among them: z = 0, ½ or 1. With v = z for
//! a lost event and -z for a gained one, and δ = Σv over the window, the change in missed threats is δ and the
//! change in false alarms ΔA + δ. So δ is the one unknown; ΔA and A are counted.
//!
//! [`ReviewEvidence`] bets on where δ lies, [`ReviewBounds`] are where it may lie, [`BlockSpread`] says how far another such day may
//! differ, and [`Review`] gives the verdict. [`agreement`] is what the disagreements of an A/B test say, and
//! [`SignBet`] the evidence of more errors.
//!
//! # What is exact
//! - Exact, for any stopping, delay or correlation of events: the window form of the evidence and the bounds, as long
//!   as cards come in a random order, each drawn card is answered, and answers are right.
//! - Approximation: the stream form, as if each card came anew from the same traffic; the allowance for other days,
//!   from Student's t over two-hour blocks that are taken for independent; and the places of unanswered cards.
//!   `docs/statistics.md` has their measured sizes.

mod agreement;
mod bounds;
mod card;
mod evidence;
mod fill;
mod limits;
mod planned;
mod question;
mod signs;
mod spread;
mod verdict;

pub use agreement::{AgreementBlock, CameraLabels, agreement};
pub use bounds::{LEVEL_MAX, ReviewBounds};
pub use card::{AnsweredCard, Direction, Discordant, EVENTS_MAX, ReviewRefused, Worth};
pub use evidence::{Claim, ReviewEvidence};
pub use fill::{DrawnCard, FILL_FACTOR, UNANSWERED_MAX};
pub use limits::{LimitSettings, ReviewLimits};
pub use planned::{ALERTS_A_DAY_MAX, PlannedReview, ReviewEffort, ReviewPlan, SHADOW_DAYS_MAX};
pub use question::ByQuestion;
pub use signs::SignBet;
pub use spread::{BlockSpread, FleetBlock};
pub use verdict::{Findings, Review, ReviewVerdict};
