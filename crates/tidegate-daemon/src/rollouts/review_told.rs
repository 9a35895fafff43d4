//! What there is to tell of a review, which follows from where it stood before an event and after it.

use tidegate_engine::Rollout;
use tidegate_engine::event::Event;
use tidegate_engine::notice::Notice;
use tidegate_engine::review::ReviewVerdict;

const DAY_MS: u64 = 86_400_000;

/// Where a review stands, as far as people are told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReviewTold {
    verdict: ReviewVerdict,
    cards: CardsShown,
    /// Days since the start of the rollout.
    day: u64,
}

/// Which cards people may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CardsShown {
    Nothing,
    BeforeTheEnd,
    All,
}

impl ReviewTold {
    /// Where the review of a rollout stands, before or after `event`; none where nobody is asked.
    pub(super) fn of(rollout: &Rollout, event: &Event) -> Option<Self> {
        let (_, window) = rollout.review()?;
        let cards = match (window.queue().is_closed(), window.queue().cards().next()) {
            (true, _) => CardsShown::All,
            (false, Some(_)) => CardsShown::BeforeTheEnd,
            (false, None) => CardsShown::Nothing,
        };
        let lifecycle = rollout.lifecycle();
        let day = lifecycle.started_at.map_or(0, |start| lifecycle.now.since(start).ms() / DAY_MS);
        // Comparisons and analyses leave what the answers say as it was.
        let is_untouched = matches!(event, Event::Comparison(_) | Event::Analysis(_));
        let verdict = if is_untouched { None } else { rollout.review_verdict() };
        Some(Self { verdict: verdict.unwrap_or(ReviewVerdict::Open), cards, day })
    }

    /// What is worth telling: that the first cards wait, that all do, and once a day that some still do; and what the answers
    /// say, where it is something else than before.
    pub(super) fn notices(self, after: Self, rollout: &Rollout) -> Vec<Notice> {
        let mut notices = Vec::new();
        if (after.cards > self.cards || after.day > self.day) && rollout.asks_reviewers() {
            let standings = rollout.review().map(|(rules, window)| window.standings(rules));
            let waiting = standings.map_or(0, |standings| standings.waiting);
            notices.extend((waiting > 0).then_some(Notice::CardsWait { waiting }));
        }
        let (from, to) = (self.verdict, after.verdict);
        notices.extend((from != to).then_some(Notice::Reviewed { from, to }));
        notices
    }
}
