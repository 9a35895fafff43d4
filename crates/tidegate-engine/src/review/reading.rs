//! What the answers of a review say, in numbers and in a sentence.

use core::fmt;

use tidegate_stats::evidence::EValue;
use tidegate_stats::review::{ByQuestion, Discordant, ReviewVerdict};

use crate::review::order::CardHash;

/// A change for each camera and day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The estimate.
    pub estimate: f64,
    /// At least this, with 95 % confidence at all looks together.
    pub least: f64,
    /// At most this.
    pub greatest: f64,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { estimate, least, greatest } = self;
        write!(f, "{estimate:+.1} (95 % bounds [{least:+.1}, {greatest:+.1}])")
    }
}

/// What the answers say, with every number behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The verdict.
    pub verdict: ReviewVerdict,
    /// The evidence for each claim.
    pub evidence: ByQuestion<EValue>,
    /// The events of the window on which the prompts disagree.
    pub events: Discordant,
    /// Alerts of the control in the window.
    pub alerts: u64,
    /// Cards that counted, with an answer.
    pub answered: u64,
    /// Cards that counted, without one.
    pub unanswered: u64,
    /// Cameras by days of the window.
    pub camera_days: f64,
    /// The change in false alarms for each camera and day.
    pub false_alarms: Option<Span>,
    /// The change in missed threats for each camera and day.
    pub missed_threats: Option<Span>,
}

impl Reading {
    /// Whether it lets the rollout go on.
    pub const fn passes(&self) -> bool {
        self.verdict.passes()
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            ReviewVerdict::RejectFalseAlarms => "more false alarms",
            ReviewVerdict::RejectMissed => "more missed threats",
            ReviewVerdict::Promote => "fewer false alarms, proved",
            ReviewVerdict::Pass => "within the limits",
            ReviewVerdict::Alarm => "signs of harm",
            ReviewVerdict::Open => "undecided",
        };
        let cards = if self.answered == 1 { "card" } else { "cards" };
        write!(f, "The review of {} {cards} says {verdict}", self.answered)?;
        if let (Some(false_alarms), Some(missed)) = (self.false_alarms, self.missed_threats) {
            write!(
                f,
                "; for each camera and day false alarms change by {false_alarms}, missed threats by {missed}"
            )?;
        }
        Ok(())
    }
}

/// What a review says of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReviewGate {
    /// Nobody is asked, or nothing was said and nothing needs to be.
    Silent,
    /// The answers are in and good.
    Passes,
    /// The gate waits for answers, or they say harm.
    Blocks,
}

/// What a review lacks for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The shadow is not over, and the window open.
    Window,
    /// The window has fewer than two blocks of two hours in which anything was compared.
    Traffic,
    /// Answers to at most so many cards.
    Cards(u64),
    /// Answers: over 30 % of the cards have none.
    Answers,
    /// A shadow that is longer by about so many days: the answers are in.
    Days(u64),
    /// A larger budget: the answers are in, and other days would bring no other number.
    Budget,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window => f.write_str("the shadow to end, as its events are counted then"),
            Self::Traffic => f.write_str(
                "comparisons: the shadow had fewer than two blocks of two hours with any",
            ),
            Self::Cards(1) => f.write_str("an answer to the last card"),
            Self::Cards(cards) => write!(f, "answers to at most {cards} more cards"),
            Self::Answers => f.write_str("answers: over 30 % of the cards have none"),
            Self::Days(1) => f.write_str("a shadow that is about one day longer"),
            Self::Days(days) => write!(f, "a shadow that is about {days} days longer"),
            Self::Budget => f.write_str("a larger review.budget, as all its cards are answered"),
        }
    }
}

/// How far a review is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReviewProgress {
    /// Lost events of the window so far: only the control alerted.
    pub lost: u64,
    /// Gained events: only the treatment did.
    pub gained: u64,
    /// Where events were left out, the hash from which on.
    pub left_out_from: Option<CardHash>,
    /// Cards that may be looked at.
    pub cards: u64,
    /// Cards that have their answer.
    pub settled: u64,
    /// Cards that wait for an opinion.
    pub waiting: u64,
    /// Cards that were skipped.
    pub unanswered: u64,
    /// What the answers say, once the window is closed.
    pub reading: Option<Reading>,
    /// What a verdict lacks; nothing once there is one, and outside the shadow.
    pub missing: Option<Missing>,
}
