//! Says how far a review is, and what is to be looked at next.

use tidegate_engine::event::Actor;
use tidegate_engine::review::ReviewProgress;
use tidegate_spec::api::{self, NextCard, Review, ReviewCard};

use crate::rollouts::RunningExperiment;

/// The review of a run, where its experiment has one.
pub(crate) fn review(run: &RunningExperiment) -> Option<Review> {
    Some(review_of(run, &run.rollout.review_progress()?))
}

/// How far the review of a run is, as answers show it.
pub(super) fn review_of(run: &RunningExperiment, progress: &ReviewProgress) -> Review {
    let phase = run.rollout.lifecycle().state.phase.as_str();
    Review::new(run.key.as_str(), run.number, phase, progress)
}

/// What a reviewer should look at next, where the experiment has a review.
pub(crate) fn next_card(run: &RunningExperiment, reviewer: &Actor) -> Option<NextCard> {
    let (rules, window) = run.rollout.review()?;
    let is_asked = run.rollout.asks_reviewers();
    let waiting = if is_asked { window.standings(rules).waiting } else { 0 };
    let card = window.queue().next(reviewer).filter(|_| is_asked);
    let card = card.map(|card| ReviewCard {
        event: card.event.to_string(),
        camera: card.camera.to_string(),
        at: api::shown(card.at),
        turn: card.turn(),
        clip_url: rules.clip_url.as_ref().map(|url| url.of(&card.event)),
    });
    Some(NextCard { card, waiting })
}
