//! Answers to cards as they are kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tidegate_engine::event::Actor;
use tidegate_engine::review::{Answer, CardReply};

use super::Unreadable;
use crate::codes::Coded;

/// An answer to a card as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptReply<'a> {
    id: &'a str,
    turn: u16,
    #[serde(borrow)]
    reviewer: Cow<'a, str>,
    answer: Option<u8>,
}

impl<'a> From<&'a CardReply> for KeptReply<'a> {
    fn from(reply: &'a CardReply) -> Self {
        let CardReply { event, turn, reviewer, answer } = reply;
        Self {
            id: event.as_str(),
            turn: *turn,
            reviewer: reviewer.as_str().into(),
            answer: answer.map(Coded::code),
        }
    }
}

impl KeptReply<'_> {
    pub(super) fn reply(self) -> Result<CardReply, Unreadable> {
        Ok(CardReply {
            event: self.id.parse()?,
            turn: self.turn,
            reviewer: Actor::new(&self.reviewer)?,
            answer: self.answer.map(Answer::of_code).transpose()?,
        })
    }
}
