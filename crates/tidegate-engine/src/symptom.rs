//! What is wrong with what a rollout hears: silence, and reports that do not fit what was assigned.

use alloc::vec::Vec;
use core::fmt;

use crate::id::CameraId;
use crate::time::{Duration, Timestamp};
use crate::variant::{ByVariant, Variant};

/// Cameras that are named; of more, their number alone is told.
pub(crate) const CAMERAS_NAMED_MAX: usize = 5;

/// Something wrong with what is heard. It changes no decision: it tells its owner why none may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Symptom {
    /// No camera reports any more, or none ever did.
    ReportsStopped {
        /// For how long.
        quiet: Duration,
        /// Whether one ever did.
        heard: Heard,
    },
    /// The control reports in shadow, and no event is answered by both prompts.
    NothingCompared {
        /// Analyses of the control.
        analyses: u64,
        /// For how long.
        quiet: Duration,
        /// Whether one ever was.
        heard: Heard,
    },
    /// Half of the cameras of a variant, or more, do not report, and others do.
    CamerasSilent {
        /// The variant that they are served.
        variant: Variant,
        /// Those that do not report.
        cameras: u64,
        /// All that are served it.
        of: u64,
        /// Some of them.
        named: Vec<CameraId>,
    },
    /// None of the cameras that reported so far has the treatment, so nobody can report it.
    TreatmentNowhere {
        /// Cameras that reported.
        cameras: u64,
    },
    /// None of the cameras that reported so far has the treatment, which is no chance: those that have it do not report.
    TreatmentUnheard {
        /// Cameras that reported.
        cameras: u64,
    },
    /// A tenth of the analyses, or more, are of another variant than was assigned.
    VariantsDisagree {
        /// How many.
        analyses: u64,
        /// Of how many.
        of: u64,
        /// Some of the cameras that they came from.
        named: Vec<CameraId>,
    },
    /// The shell was away within the last day.
    Away {
        /// Until when.
        until: Timestamp,
    },
}

/// Which cameras report, and which do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// When any camera reported last.
    pub last: Option<Timestamp>,
    /// The cameras by the variant that they are served now, those with an override aside.
    pub of: ByVariant<HeardOf>,
}

/// The cameras that are served one variant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeardOf {
    /// How many reported in this run.
    pub served: u64,
    /// Those of them that have not reported for so long that it is silence.
    pub silent: Vec<CameraId>,
}

/// Whether anything was ever heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It was.
    Before,
    /// Nothing was.
    Never,
}

/// What a [`Symptom`] is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SymptomKind {
    /// See [`Symptom::ReportsStopped`].
    ReportsStopped,
    /// See [`Symptom::NothingCompared`].
    NothingCompared,
    /// [`Symptom::CamerasSilent`] of the control.
    ControlSilent,
    /// [`Symptom::CamerasSilent`] of the treatment.
    TreatmentSilent,
    /// See [`Symptom::TreatmentNowhere`].
    TreatmentNowhere,
    /// See [`Symptom::VariantsDisagree`].
    VariantsDisagree,
    /// See [`Symptom::Away`].
    Away,
}

impl SymptomKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::ReportsStopped,
        Self::NothingCompared,
        Self::ControlSilent,
        Self::TreatmentSilent,
        Self::TreatmentNowhere,
        Self::VariantsDisagree,
        Self::Away,
    ];

    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReportsStopped => "reports_stopped",
            Self::NothingCompared => "nothing_compared",
            Self::ControlSilent => "control_silent",
            Self::TreatmentSilent => "treatment_silent",
            Self::TreatmentNowhere => "treatment_nowhere",
            Self::VariantsDisagree => "variants_disagree",
            Self::Away => "away",
        }
    }

    /// What is wrong, without its numbers.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ReportsStopped => "no camera reported",
            Self::NothingCompared => "nothing was compared in shadow",
            Self::ControlSilent => "cameras with the control did not report",
            Self::TreatmentSilent => "cameras with the treatment did not report",
            Self::TreatmentNowhere => "no camera that reported had the treatment",
            Self::VariantsDisagree => "analyses were of another variant than was assigned",
            Self::Away => "the daemon was away",
        }
    }

    /// What to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ReportsStopped => {
                "See that whoever reports analyses runs, reaches this daemon and names this experiment"
            }
            Self::NothingCompared => {
                "In shadow run both prompts and report a comparison: the assignment's `shadow_sample` says for which events"
            }
            Self::ControlSilent | Self::TreatmentSilent => {
                "See that these cameras still detect, and that what they detect is reported with the variant that ran"
            }
            Self::TreatmentNowhere => {
                "The step shows nothing. Where a shadow saw all cameras the ramp goes on after its time, else it waits until one that \
                 has the treatment reports: take the next step by hand, or begin with a larger one"
            }
            Self::VariantsDisagree => {
                "See that each event asks for its assignment and runs what it names, keeps the answer for a minute at most, \
                 and reports the variant that ran with the `run` of the assignment. A client that falls back to the control often \
                 shows here too: its time-out is short, or the daemon slow"
            }
            Self::Away => {
                "Nothing is to be done about the rollout: that time does not count, and phases end as much later. See why the \
                 daemon did not run, its machine slept, or its clock was set ahead"
            }
        }
    }
}

impl Symptom {
    /// Of which kind it is.
    pub const fn kind(&self) -> SymptomKind {
        match self {
            Self::ReportsStopped { .. } => SymptomKind::ReportsStopped,
            Self::NothingCompared { .. } => SymptomKind::NothingCompared,
            Self::CamerasSilent { variant: Variant::Control, .. } => SymptomKind::ControlSilent,
            Self::CamerasSilent { variant: Variant::Treatment, .. }
            | Self::TreatmentUnheard { .. } => SymptomKind::TreatmentSilent,
            Self::TreatmentNowhere { .. } => SymptomKind::TreatmentNowhere,
            Self::VariantsDisagree { .. } => SymptomKind::VariantsDisagree,
            Self::Away { .. } => SymptomKind::Away,
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReportsStopped { quiet, heard: Heard::Before } => {
                write!(f, "No camera has reported for {:.1} h", quiet.hours())
            }
            Self::ReportsStopped { quiet, heard: Heard::Never } => {
                write!(f, "No camera has reported since it began {:.1} h ago", quiet.hours())
            }
            Self::NothingCompared { analyses, heard: Heard::Never, .. } => {
                write!(f, "{analyses} analyses of the control in shadow, and no comparison with the treatment")
            }
            Self::NothingCompared { quiet, heard: Heard::Before, .. } => {
                write!(f, "No event was answered by the treatment too for {:.1} h, while the control reports", quiet.hours())
            }
            Self::CamerasSilent { variant, cameras, of, named } => {
                let variant = variant.as_str();
                write!(f, "{cameras} of {of} cameras with the {variant} do not report while others do")?;
                write_named(f, named, *cameras)
            }
            Self::TreatmentNowhere { cameras } => {
                write!(f, "None of the {cameras} cameras that reported has the treatment at this ramp step")
            }
            Self::TreatmentUnheard { cameras } => {
                write!(f, "None of the {cameras} cameras that reported has the treatment: those that have it do not report")
            }
            Self::VariantsDisagree { analyses, of, named } => {
                write!(f, "{analyses} of {of} analyses are of another variant than was assigned")?;
                write_named(f, named, named.len() as u64)
            }
            Self::Away { .. } => f.write_str(
                "The daemon was away within the last day: it did not run, its machine slept, or its clock was set ahead",
            ),
        }
    }
}

/// Names cameras, and says where there are more.
fn write_named(f: &mut fmt::Formatter<'_>, named: &[CameraId], all: u64) -> fmt::Result {
    for (at, camera) in named.iter().enumerate() {
        write!(f, "{}{camera}", if at == 0 { ": " } else { ", " })?;
    }
    if all > named.len() as u64 { f.write_str(" …") } else { Ok(()) }
}
