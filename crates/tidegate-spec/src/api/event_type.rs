//! The kinds of events.

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// See [`What::PhaseChanged`](super::What::PhaseChanged).
    PhaseChanged,
    /// See [`What::VerdictChanged`](super::What::VerdictChanged).
    VerdictChanged,
    /// See [`What::Alarm`](super::What::Alarm).
    Alarm,
    /// See [`What::LatencyWarning`](super::What::LatencyWarning).
    LatencyWarning,
    /// See [`What::Warning`](super::What::Warning).
    Warning,
    /// See [`What::CardsWaiting`](super::What::CardsWaiting).
    CardsWaiting,
    /// See [`What::ReviewChanged`](super::What::ReviewChanged).
    ReviewChanged,
    /// See [`What::PromptLabelMoved`](super::What::PromptLabelMoved).
    PromptLabelMoved,
    /// See [`What::ExperimentDefined`](super::What::ExperimentDefined).
    ExperimentDefined,
    /// See [`What::ExperimentDeleted`](super::What::ExperimentDeleted).
    ExperimentDeleted,
    /// See [`What::Reset`](super::What::Reset).
    Reset,
}

impl EventType {
    /// Every type with its name.
    pub const NAMES: [(&'static str, Self); 11] = [
        Self::PhaseChanged.named(),
        Self::VerdictChanged.named(),
        Self::Alarm.named(),
        Self::LatencyWarning.named(),
        Self::Warning.named(),
        Self::CardsWaiting.named(),
        Self::ReviewChanged.named(),
        Self::PromptLabelMoved.named(),
        Self::ExperimentDefined.named(),
        Self::ExperimentDeleted.named(),
        Self::Reset.named(),
    ];

    const fn named(self) -> (&'static str, Self) {
        (self.as_str(), self)
    }

    /// The name in events and filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PhaseChanged => "phase_changed",
            Self::VerdictChanged => "verdict_changed",
            Self::Alarm => "alarm",
            Self::LatencyWarning => "latency_warning",
            Self::Warning => "warning",
            Self::CardsWaiting => "cards_waiting",
            Self::ReviewChanged => "review_changed",
            Self::PromptLabelMoved => "prompt_label_moved",
            Self::ExperimentDefined => "experiment_defined",
            Self::ExperimentDeleted => "experiment_deleted",
            Self::Reset => "reset",
        }
    }

    /// Those that can be asked for; a reset is told to whomever it concerns.
    pub fn asked_for() -> impl Iterator<Item = (&'static str, Self)> {
        Self::NAMES.into_iter().filter(|(_, kind)| *kind != Self::Reset)
    }
}
