//! What settings must agree on.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::settings::{Ab, AssignmentRules, Experiment, Gate};
use crate::assignment::SplitMethod;
use crate::id::{CameraId, PromptKey};
use crate::limits;
use crate::number::Share;
use crate::time::Duration;

/// Two settings that do not agree, or a number out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Disagreement {
    /// Nothing would be tried.
    #[error("treatment `{0}` is the same as control, allowed: another prompt version")]
    SameVariants(PromptKey),
    /// The gate would wait for ever.
    #[error("shadow.sample is 0 while the gate is automatic, allowed: above 0 to 1")]
    GateWithoutComparisons,
    /// A test of no length proves nothing.
    #[error("ab.duration_hours is 0, allowed: above 0 to 8784")]
    NoTest,
    /// Too many steps.
    #[error("ab.steps has {0} entries, allowed: 0 to 20")]
    TooManySteps(usize),
    /// A step that takes cameras back.
    #[error(
        "ab.steps[{index}].treatment_percentage {share} is not above the step before, {before}"
    )]
    StepNotAbove {
        /// Which step, from 0.
        index: usize,
        /// Its share.
        share: f64,
        /// The share before it.
        before: f64,
    },
    /// The ramp ends elsewhere than the test.
    #[error(
        "ab.steps ends with treatment_percentage {last}, allowed: ab.treatment_percentage {share}"
    )]
    LastStepDiffers {
        /// The last step's share.
        last: f64,
        /// The test's share.
        share: f64,
    },
    /// The ramp is longer than the test.
    #[error("ab.steps dwell {hours} hours in all, allowed: at most ab.duration_hours {allowed}")]
    DwellsTooLong {
        /// The sum of all dwells.
        hours: f64,
        /// The duration of the test.
        allowed: f64,
    },
    /// Cameras that had the treatment would lose it by its release.
    #[error(
        "full.holdback {holdback} leaves less than ab.treatment_percentage {share}, allowed: at most {}", 1.0 - share
    )]
    HoldbackTooLarge {
        /// The share that is to keep the control.
        holdback: f64,
        /// The share that has the treatment in the test.
        share: f64,
    },
    /// Nobody could be shown anything.
    #[error(
        "review is set while shadow.{setting} is 0, allowed: above 0, as a review is of what the shadow compares"
    )]
    ReviewWithoutComparisons {
        /// The setting of the shadow.
        setting: &'static str,
    },
    /// A count out of range.
    #[error("{path} {value} is out of range, allowed: {min} to {max}")]
    Count {
        /// The path of the setting.
        path: &'static str,
        /// What was set.
        value: u64,
        /// The least that is allowed.
        min: u64,
        /// The most that is allowed.
        max: u64,
    },
    /// A balanced split needs its fleet.
    #[error("assignment.cameras is empty, allowed: at least 2 cameras for split = \"balanced\"")]
    BalancedWithoutCameras,
    /// A list that would not be used.
    #[error("assignment.cameras is set, allowed: only with split = \"balanced\"")]
    CamerasWithoutBalance,
    /// A part of a group that ends before it begins.
    #[error(
        "assignment.group_from {from} is not below assignment.group_to {to}, allowed: below it"
    )]
    EmptyGroup {
        /// Where it begins.
        from: f64,
        /// Where it ends.
        to: f64,
    },
    /// A part that ends where its group begins.
    #[error("assignment.group_to is 0, allowed: above 0 to 1")]
    NoGroup,
    /// A balanced split of one camera or none.
    #[error(
        "assignment.cameras has {cameras} in the part of the group from {from} to {to}, allowed: at least 2"
    )]
    TooFewOfGroup {
        /// How many are in it.
        cameras: usize,
        /// Where it begins.
        from: f64,
        /// Where it ends.
        to: f64,
    },
    /// Blocks under different shares cannot be held against one plan.
    #[error("ab.steps is set, allowed: not with assignment.split = \"switchback\"")]
    SwitchbackWithRamp,
    /// More blocks of all cameras than there is room for.
    #[error(
        "assignment.block_minutes {minutes} makes {blocks} blocks with limits.cameras_max {cameras_max}, \
         allowed: up to {blocks_max}, by longer blocks or a limits.cameras_max of {cameras_fit}"
    )]
    TooManyBlocks {
        /// The length that was set.
        minutes: f64,
        /// Blocks of all cameras in the whole test.
        blocks: u64,
        /// Cameras it may see.
        cameras_max: usize,
        /// Most blocks of all cameras together.
        blocks_max: u64,
        /// So many cameras would do.
        cameras_fit: u64,
    },
    /// Blocks too short to learn anything from, or of no end.
    #[error("assignment.block_minutes {minutes} is out of range, allowed: 1 to 10080")]
    BlockLength {
        /// The length that was set.
        minutes: f64,
    },
    /// One camera twice.
    #[error("{path} names camera `{camera}` twice, allowed: once")]
    CameraTwice {
        /// The path of the setting.
        path: &'static str,
        /// The camera that is named twice.
        camera: CameraId,
    },
}

pub(super) fn disagreements(experiment: &Experiment) -> Vec<Disagreement> {
    let mut found = Vec::new();
    if experiment.control == experiment.treatment {
        found.push(Disagreement::SameVariants(experiment.treatment.clone()));
    }
    let shadow = &experiment.shadow;
    if !shadow.duration.is_zero() && shadow.gate == Gate::Automatic && shadow.sample == Share::NONE
    {
        found.push(Disagreement::GateWithoutComparisons);
    }
    ramp_disagreements(&experiment.ab, &mut found);
    let (holdback, share) = (experiment.full.holdback.value(), experiment.ab.share.value());
    if holdback > 0.0 && holdback + share > 1.0 {
        found.push(Disagreement::HoldbackTooLarge { holdback, share });
    }
    let bounds = &experiment.bounds;
    let counts = [
        ("guardrails.min_samples", experiment.guardrails.min_samples, 0, limits::MIN_SAMPLES_MAX),
        ("limits.cameras_max", bounds.cameras_max as u64, 1, limits::CAMERAS_MAX as u64),
        (
            "limits.open_analyses_max",
            bounds.open_analyses_max as u64,
            1,
            limits::OPEN_ANALYSES_MAX as u64,
        ),
    ];
    for (path, value, min, max) in counts {
        if !(min..=max).contains(&value) {
            found.push(Disagreement::Count { path, value, min, max });
        }
    }
    review_disagreements(experiment, &mut found);
    assignment_disagreements(&experiment.assignment, &mut found);
    if experiment.assignment.method == SplitMethod::Switchback {
        switchback_disagreements(experiment, &mut found);
    }
    found
}

fn review_disagreements(experiment: &Experiment, found: &mut Vec<Disagreement>) {
    let budget = experiment.review.as_ref().map(|review| review.budget as u64);
    if let Some(value) = budget {
        let (path, max) = ("review.budget", limits::REVIEW_BUDGET_MAX as u64);
        if !(1..=max).contains(&value) {
            found.push(Disagreement::Count { path, value, min: 1, max });
        }
        let shadow = &experiment.shadow;
        let nothing = [
            ("duration_hours", shadow.duration.is_zero()),
            ("sample", shadow.sample == Share::NONE),
        ];
        let missing = nothing.into_iter().filter(|(_, is_nothing)| *is_nothing);
        found
            .extend(missing.map(|(setting, _)| Disagreement::ReviewWithoutComparisons { setting }));
    }
    let (path, value) = ("limits.discordant_max", experiment.bounds.discordant_max as u64);
    let (min, max) = (budget.unwrap_or(1), limits::DISCORDANT_MAX as u64);
    if !(min..=max).contains(&value) {
        found.push(Disagreement::Count { path, value, min, max });
    }
}

fn ramp_disagreements(ab: &Ab, found: &mut Vec<Disagreement>) {
    if ab.duration.is_zero() {
        found.push(Disagreement::NoTest);
    }
    if ab.steps.len() > limits::RAMP_STEPS_MAX {
        found.push(Disagreement::TooManySteps(ab.steps.len()));
    }
    for (index, pair) in ab.steps.windows(2).enumerate() {
        let (before, share) = (pair[0].share.value(), pair[1].share.value());
        if share <= before {
            found.push(Disagreement::StepNotAbove { index: index + 1, share, before });
        }
    }
    if let Some(last) = ab.steps.last()
        && last.share != ab.share
    {
        let (last, share) = (last.share.value(), ab.share.value());
        found.push(Disagreement::LastStepDiffers { last, share });
    }
    let dwell = ab.steps.iter().fold(Duration::ZERO, |sum, step| sum.plus(step.dwell));
    if dwell > ab.duration {
        let (hours, allowed) = (dwell.hours(), ab.duration.hours());
        found.push(Disagreement::DwellsTooLong { hours, allowed });
    }
}

fn assignment_disagreements(rules: &AssignmentRules, found: &mut Vec<Disagreement>) {
    match rules.method {
        SplitMethod::Balanced if rules.cameras.len() < 2 => {
            found.push(Disagreement::BalancedWithoutCameras);
        }
        SplitMethod::Hash | SplitMethod::Switchback if !rules.cameras.is_empty() => {
            found.push(Disagreement::CamerasWithoutBalance);
        }
        SplitMethod::Balanced | SplitMethod::Hash | SplitMethod::Switchback => {}
    }
    if let Some(group) = &rules.group {
        let (from, to) = (group.from.value(), group.to.value());
        let cameras = rules.cameras.iter().filter(|camera| group.has(camera)).count();
        if to == 0.0 {
            found.push(Disagreement::NoGroup);
        } else if from >= to {
            found.push(Disagreement::EmptyGroup { from, to });
        } else if rules.method == SplitMethod::Balanced && rules.cameras.len() >= 2 && cameras < 2 {
            found.push(Disagreement::TooFewOfGroup { cameras, from, to });
        }
    }
    let minutes = rules.block.hours() * 60.0;
    if !limits::BLOCK_MINUTES.contains(&minutes) {
        found.push(Disagreement::BlockLength { minutes });
    }
    let overridden = rules.overrides.iter().map(|(camera, _)| camera);
    for (path, count, twice) in [
        ("assignment.cameras", rules.cameras.len(), first_twice(rules.cameras.iter())),
        ("assignment.overrides", rules.overrides.len(), first_twice(overridden)),
    ] {
        if count > limits::CAMERAS_MAX {
            let (value, max) = (count as u64, limits::CAMERAS_MAX as u64);
            found.push(Disagreement::Count { path, value, min: 0, max });
        }
        if let Some(camera) = twice {
            found.push(Disagreement::CameraTwice { path, camera: camera.clone() });
        }
    }
}

fn switchback_disagreements(experiment: &Experiment, found: &mut Vec<Disagreement>) {
    if !experiment.ab.steps.is_empty() {
        found.push(Disagreement::SwitchbackWithRamp);
    }
    let (duration, block) = (experiment.ab.duration.ms(), experiment.assignment.block.ms());
    let (cameras_max, blocks_max) = (experiment.bounds.cameras_max, limits::BLOCKS_MAX);
    // The test seldom begins with a block.
    let each = duration.checked_div(block).map_or(0, |blocks| blocks.saturating_add(2));
    let blocks = each.saturating_mul(cameras_max as u64);
    if blocks > blocks_max {
        let minutes = experiment.assignment.block.hours() * 60.0;
        let cameras_fit = blocks_max / each;
        found.push(Disagreement::TooManyBlocks {
            minutes,
            blocks,
            cameras_max,
            blocks_max,
            cameras_fit,
        });
    }
}

fn first_twice<'a>(mut cameras: impl Iterator<Item = &'a CameraId>) -> Option<&'a CameraId> {
    let mut seen = BTreeSet::new();
    cameras.find(|camera| !seen.insert(*camera))
}
