//! Both scores of the shadow's events, counted together: where the two prompts part, and how far.

use alloc::collections::VecDeque;

use crate::id::{AnalysisId, CameraId};
use crate::number::RiskScore;
use crate::observation::Comparison;
use crate::time::Timestamp;
use crate::variant::ByVariant;

/// Bins of either score.
pub const BINS: usize = 20;
/// Scores in a bin; the last has one more, 100.
pub const BIN_WIDTH: u8 = 5;
/// Discordant events that are kept, the newest.
pub const DISCORDANT_KEPT: usize = 50;

/// Counts of a shadow's comparisons by both scores, and its newest discordant events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JointScores {
    counts: [[u64; BINS]; BINS],
    alerted: AlertCounts,
    discordant: VecDeque<DiscordantEvent>,
}

/// Comparisons with both scores by who alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertCounts {
    /// Both prompts.
    pub both: u64,
    /// The control alone.
    pub control_only: u64,
    /// The treatment alone.
    pub treatment_only: u64,
    /// Neither.
    pub neither: u64,
}

/// An event on which exactly one of the prompts alerted. A failed answer counts as no alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscordantEvent {
    /// Which.
    pub event: AnalysisId,
    /// Where it happened.
    pub camera: CameraId,
    /// When it was reported.
    pub at: Timestamp,
    /// What each prompt answered, if it gave a score.
    pub scores: ByVariant<Option<RiskScore>>,
}

impl AlertCounts {
    /// All of them.
    pub const fn total(&self) -> u64 {
        let alerted = self.both.saturating_add(self.control_only);
        alerted.saturating_add(self.treatment_only).saturating_add(self.neither)
    }
}

impl JointScores {
    /// Takes counts up again; `None` where they are not of the same comparisons, or where there are too many events.
    pub fn new(
        counts: [[u64; BINS]; BINS],
        alerted: AlertCounts,
        discordant: VecDeque<DiscordantEvent>,
    ) -> Option<Self> {
        let counted = counts.iter().flatten().fold(0_u64, |sum, count| sum.saturating_add(*count));
        let can_be = counted == alerted.total() && discordant.len() <= DISCORDANT_KEPT;
        can_be.then_some(Self { counts, alerted, discordant })
    }

    /// Comparisons with both scores by bin: of the control, then of the treatment.
    pub const fn counts(&self) -> &[[u64; BINS]; BINS] {
        &self.counts
    }

    /// The same by who alerted; exact, wherever the threshold lies.
    pub const fn alerted(&self) -> AlertCounts {
        self.alerted
    }

    /// The newest discordant events, oldest first.
    pub fn discordant(&self) -> impl DoubleEndedIterator<Item = &DiscordantEvent> {
        self.discordant.iter()
    }

    /// Counts a comparison that was reported at a time.
    pub(crate) fn add(&mut self, at: Timestamp, comparison: &Comparison, threshold: RiskScore) {
        let scores = comparison.outcomes.map(|outcome| outcome.score());
        let alerts = scores.map(|score| score.is_some_and(|score| score >= threshold));
        if let ByVariant { control: Some(control), treatment: Some(treatment) } = scores {
            self.counts[bin(control)][bin(treatment)] += 1;
            let count = match (alerts.control, alerts.treatment) {
                (true, true) => &mut self.alerted.both,
                (true, false) => &mut self.alerted.control_only,
                (false, true) => &mut self.alerted.treatment_only,
                (false, false) => &mut self.alerted.neither,
            };
            *count += 1;
        }
        if alerts.control != alerts.treatment {
            if self.discordant.len() == DISCORDANT_KEPT {
                self.discordant.pop_front();
            }
            let Comparison { id: event, camera, .. } = comparison.clone();
            self.discordant.push_back(DiscordantEvent { event, camera, at, scores });
        }
    }

    /// Whether these can be of a shadow with so many comparisons.
    pub(crate) fn can_be(&self, comparisons: u64) -> bool {
        self.alerted.total() <= comparisons
    }
}

fn bin(score: RiskScore) -> usize {
    usize::from(score.value() / BIN_WIDTH).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;
    use crate::observation::{Origin, Outcome};

    fn compared(number: u32, scores: [Option<f64>; 2]) -> Comparison {
        let [control, treatment] = scores.map(|score| match score {
            Some(score) => {
                Outcome::Answered { latency: None, score: Some(RiskScore::new(score).unwrap()) }
            }
            None => Outcome::Failed,
        });
        Comparison {
            id: format!("e{number}").parse().unwrap(),
            camera: "door".parse().unwrap(),
            outcomes: ByVariant { control, treatment },
            origin: Origin::default(),
        }
    }

    fn of(scores: &[[Option<f64>; 2]], threshold: f64) -> JointScores {
        let mut joint = JointScores::default();
        for (number, scores) in (1..).zip(scores) {
            let threshold = RiskScore::new(threshold).unwrap();
            let at = Timestamp::from_ms(i64::from(number)).unwrap();
            joint.add(at, &compared(number, *scores), threshold);
        }
        joint
    }

    #[test]
    fn every_score_has_its_bin_and_the_threshold_may_lie_within_one() {
        let pairs =
            [[0.0, 100.0], [4.0, 95.0], [5.0, 94.0], [62.0, 63.0], [62.0, 62.0], [99.0, 0.0]];
        let joint = of(&pairs.map(|pair| pair.map(Some)), 63.0);
        let counted: [(usize, usize, u64); 4] = [(0, 19, 2), (1, 18, 1), (12, 12, 2), (19, 0, 1)];
        let found = counted.map(|(control, treatment, _)| joint.counts()[control][treatment]);
        assert_eq!(found, counted.map(|(.., count)| count));
        let alerted = AlertCounts { both: 0, control_only: 1, treatment_only: 4, neither: 1 };
        assert_eq!(joint.alerted(), alerted);
    }

    #[test]
    fn a_failed_answer_is_in_no_bin_and_counts_as_no_alert() {
        let joint = of(&[[Some(80.0), None], [Some(10.0), None], [None, None]], 60.0);
        assert_eq!(joint.alerted().total(), 0);
        let discordant: Vec<&str> = joint.discordant().map(|event| event.event.as_str()).collect();
        assert_eq!(discordant, ["e1"]);
    }

    #[test]
    fn the_newest_discordant_events_are_kept() {
        let pairs = [[Some(80.0), Some(10.0)]; DISCORDANT_KEPT + 3];
        let joint = of(&pairs, 60.0);
        let first = joint.discordant().next().unwrap();
        assert_eq!((joint.discordant().count(), first.event.as_str()), (DISCORDANT_KEPT, "e4"));
    }

    #[test]
    fn counts_of_other_comparisons_are_not_taken_up() {
        let joint = of(&[[Some(80.0), Some(10.0)]], 60.0);
        let JointScores { counts, alerted, discordant } = joint.clone();
        assert_eq!(JointScores::new(counts, alerted, discordant.clone()), Some(joint));
        assert_eq!(JointScores::new(counts, AlertCounts::default(), discordant), None);
    }
}
