//! Every rollout at a glance.

use askama::Template;
use tidegate_spec::api::{Judgement, Status};

use crate::{NotRendered, PageFrame, asset, filters, wording};

/// What a rollout waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// A person: nothing happens until somebody acts.
    Person,
    /// Time: something happens by itself.
    Time,
    /// Reports.
    Reports,
    /// Answers of people who review.
    Answers,
    /// Somebody who starts it, whenever they like.
    Start,
    /// Nothing: it has ended.
    Nothing,
}

impl WaitsFor {
    /// Who must act.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Person => "Waits for you",
            Self::Time => "Goes on by itself",
            Self::Reports => "Waits for reports",
            Self::Answers => "Waits for answers",
            Self::Start => "Not started",
            Self::Nothing => "Has ended",
        }
    }

    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Person | Self::Answers => "person",
            Self::Time | Self::Reports => "time",
            Self::Start | Self::Nothing => "nothing",
        }
    }
}

/// A rollout in the list.
#[derive(Debug, Clone)]
pub struct RolloutCard {
    /// Where it stands.
    pub status: Status,
    /// What it waits for.
    pub waits_for: WaitsFor,
}

impl RolloutCard {
    pub(crate) fn state(&self) -> String {
        wording::state(&self.status.phase, &self.status.condition)
    }

    pub(crate) fn is_under_way(&self) -> bool {
        ["shadow", "ab", "full"].contains(&self.status.phase.as_str())
    }

    pub(crate) fn worst(&self) -> Option<&Judgement> {
        wording::worst(&self.status.guardrails)
    }

    pub(crate) fn left(&self) -> Option<String> {
        (self.status.remaining_hours > 0.0).then(|| wording::hours(self.status.remaining_hours))
    }
}

/// Some of the rollouts.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Those that are shown: what was rolled back of late, then what waits for people, is alarmed, goes on, is a draft, has ended.
    pub rollouts: Vec<RolloutCard>,
    /// All of them.
    pub total: usize,
    /// From which place on they are.
    pub after: usize,
    /// From which place on the next are.
    pub next: Option<usize>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    frame: &'a PageFrame,
    overview: &'a Overview,
}

/// Shows every rollout.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn overview(frame: &PageFrame, overview: &Overview) -> Result<String, NotRendered> {
    Ok(OverviewPage { frame, overview }.render()?)
}
