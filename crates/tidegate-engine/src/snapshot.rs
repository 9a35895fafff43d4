//! A rollout as plain data, to be stored at a journal position and taken up again.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::arrivals::Arrivals;
use crate::assignment::SplitMethod;
use crate::course::{Course, Stage};
use crate::epoch::Epochs;
use crate::experiment::{Definition, Digest};
use crate::exposure::{Exposure, Exposures, Fingerprint};
use crate::failure_signs::FailureSigns;
use crate::fast_path::FastPath;
use crate::fleet::{CameraSums, Fleet, Latencies};
use crate::id::CameraId;
use crate::joint_scores::JointScores;
use crate::limits;
use crate::number::Latency;
use crate::outside::OutsideCounts;
use crate::phase::{Condition, Phase, State};
use crate::release::Release;
use crate::review::{ReviewSnapshot, ReviewWindow};
use crate::rollout::{Lifecycle, Looked, Rollout, begun_review};
use crate::tally::Tally;
use crate::time::{Duration, Timestamp};
use crate::variant::ByVariant;

/// All that a rollout remembers. Sums over the fleet are left out: they follow from the cameras.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The definition it ran by.
    pub definition: Digest,
    /// Where it stands.
    pub lifecycle: Lifecycle,
    /// Every camera in order of first appearance.
    pub cameras: Vec<CameraSums>,
    /// Every open exposure, oldest first.
    pub exposures: Vec<Exposure>,
    /// When those exposures happened that were reported much later, in order of their fingerprints.
    pub backlog: Vec<(Fingerprint, Timestamp)>,
    /// How latencies are spread over the fleet.
    pub latencies: Latencies,
    /// A longer latency is slow, once that is known.
    pub slow_above: Option<Latency>,
    /// The fast path's sum.
    pub fast_path: FastPath,
    /// The stretches of the A/B test; none of one that began under an earlier version.
    pub epochs: Epochs,
    /// Where it stood before; an earlier version kept none.
    pub course: Course,
    /// What is kept of the full release, and for it, beside the cameras.
    pub release: Release,
    /// What was recorded while nothing was compared.
    pub outside: ByVariant<Tally>,
    /// Why that was; an earlier version kept no causes.
    pub outside_causes: OutsideCounts,
    /// Analyses forgotten early because too many were open.
    pub evicted: u64,
    /// The review's cards and counts, where there is one.
    pub review: Option<ReviewSnapshot>,
    /// Both scores of the shadow's events; an earlier version kept none.
    pub joint_scores: Box<JointScores>,
    /// Since when the shell is there again, if it was away.
    pub heard_since: Option<Timestamp>,
    /// When reports came.
    pub arrivals: Arrivals,
    /// Which prompt failed more often when; an earlier version kept nothing of it.
    pub failure_signs: FailureSigns,
}

/// Why a snapshot cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It belongs to other settings.
    #[error("snapshot of definition {snapshot}, expected {definition}")]
    OtherDefinition {
        /// The snapshot's.
        snapshot: Digest,
        /// The given one.
        definition: Digest,
    },
    /// Phase, condition and times do not go together.
    #[error("snapshot with a lifecycle that cannot be")]
    Lifecycle,
    /// More cameras than the definition allows.
    #[error("snapshot with {0} cameras, more than the definition allows")]
    TooManyCameras(usize),
    /// One camera twice.
    #[error("snapshot with camera `{0}` twice")]
    CameraTwice(CameraId),
    /// Sums beyond all that a rollout can count.
    #[error("snapshot with sums of camera `{0}` that cannot be")]
    Sums(CameraId),
    /// A fast path over cameras that are not there.
    #[error("snapshot with a fast path that cannot be")]
    FastPath,
    /// Stages that do not lead to where the rollout stands.
    #[error("snapshot with stages that cannot be")]
    Course,
    /// Sums of stretches that the test does not have.
    #[error("snapshot with stretches of the test that cannot be")]
    Epochs,
    /// Sums by hour of the day beyond all that a rollout can count.
    #[error("snapshot with hours of a release that cannot be")]
    Release,
    /// Cards that no review of the definition can hold.
    #[error("snapshot with a review that cannot be")]
    Review,
    /// More reports than there were observations.
    #[error("snapshot with times of reports that cannot be")]
    Arrivals,
    /// Failures in more stretches than there were comparisons.
    #[error("snapshot with signs of failures that cannot be")]
    FailureSigns,
    /// Scores of more comparisons than there were.
    #[error("snapshot with scores that cannot be")]
    JointScores,
    /// Exposures out of order, twice, too many, or of a camera that is not there.
    #[error("snapshot with exposures that cannot be")]
    Exposures,
}

impl Rollout {
    /// All that this rollout remembers.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            definition: self.definition.digest(),
            lifecycle: self.lifecycle,
            cameras: self.fleet.cameras().collect(),
            exposures: self.exposures.queue().iter().copied().collect(),
            backlog: self.exposures.backlog().iter().map(|(id, at)| (*id, *at)).collect(),
            latencies: self.fleet.latencies().clone(),
            slow_above: self.fleet.slow_above(),
            fast_path: self.fast_path.clone(),
            epochs: self.epochs.clone(),
            course: self.course.clone(),
            release: *self.fleet.release(),
            outside: *self.fleet.outside(),
            outside_causes: self.outside,
            evicted: self.evicted,
            review: self.review.as_deref().map(ReviewWindow::snapshot),
            joint_scores: self.joint_scores.clone(),
            heard_since: self.heard_since,
            arrivals: self.arrivals,
            failure_signs: self.failure_signs,
        }
    }

    /// Takes a rollout up again, to decide from now on as if it had never stopped.
    ///
    /// # Errors
    /// [`RestoreError`] for a snapshot that no rollout of `definition` can have written.
    pub fn restore(definition: Definition, snapshot: Snapshot) -> Result<Self, RestoreError> {
        if snapshot.definition != definition.digest() {
            let (snapshot, definition) = (snapshot.definition, definition.digest());
            return Err(RestoreError::OtherDefinition { snapshot, definition });
        }
        let Snapshot { lifecycle, cameras, exposures, outside, evicted, .. } = snapshot;
        let Snapshot { latencies, slow_above, fast_path, epochs, release, review, .. } = snapshot;
        let Snapshot { backlog, outside_causes, joint_scores, heard_since, .. } = snapshot;
        let Snapshot { arrivals, failure_signs, .. } = snapshot;
        if !can_be(&lifecycle, &definition) {
            return Err(RestoreError::Lifecycle);
        }
        if cameras.len() > definition.experiment().bounds.cameras_max {
            return Err(RestoreError::TooManyCameras(cameras.len()));
        }
        let mut fleet = seen_before(cameras, &lifecycle, &definition)?;
        fleet.restore(&outside, latencies, slow_above);
        let hours = release.past.iter().chain(&release.present);
        if !hours.into_iter().all(|tally| tally.can_be(lifecycle.observations)) {
            return Err(RestoreError::Release);
        }
        fleet.restore_release(&release);
        if !arrivals.can_be(lifecycle.observations) {
            return Err(RestoreError::Arrivals);
        }
        if !joint_scores.can_be(fleet.total().pairs.scored) {
            return Err(RestoreError::JointScores);
        }
        let signs_can_be = failure_signs.can_be(fleet.total().pairs.comparisons());
        signs_can_be.then_some(()).ok_or(RestoreError::FailureSigns)?;
        if !matches!(lifecycle.state.phase, Phase::Draft | Phase::Shadow) {
            fleet.learn_usual();
        }
        if definition.experiment().assignment.method != SplitMethod::Switchback {
            fleet.restore_epochs(epochs.len()).ok_or(RestoreError::Epochs)?;
        }
        if !fits(&fast_path, fleet.len()) {
            return Err(RestoreError::FastPath);
        }
        let open_max = definition.experiment().bounds.open_analyses_max;
        let in_order = exposures.len() <= open_max
            && exposures.is_sorted_by_key(|exposure| exposure.at)
            && exposures.last().is_none_or(|last| last.at <= lifecycle.now)
            && exposures.iter().all(|exposure| (exposure.camera as usize) < fleet.len());
        let mut exposures = in_order
            .then(|| Exposures::from_queue(exposures.into()))
            .flatten()
            .ok_or(RestoreError::Exposures)?;
        for (fingerprint, happened_at) in backlog {
            exposures.date(fingerprint, happened_at).ok_or(RestoreError::Exposures)?;
        }
        let course = taken_up(snapshot.course, &lifecycle, &definition)?;
        let review = restored_review(&definition, review)?;
        let (outside, looked) = (outside_causes, Looked::No);
        Ok(Self {
            definition,
            lifecycle,
            fleet,
            exposures,
            fast_path,
            epochs,
            course,
            outside,
            evicted,
            review,
            joint_scores,
            heard_since,
            arrivals,
            failure_signs,
            looked,
        })
    }
}

/// Whether a fast path is one of so many cameras.
fn fits(fast_path: &FastPath, cameras: usize) -> bool {
    let failed = fast_path.excursion.map_or([None; 3], |excursion| excursion.failed_cameras);
    let added = fast_path.added.iter().map(|added| added.camera);
    let shown = fast_path.shown.iter().map(|shown| shown.camera);
    let mut named = failed.into_iter().flatten().chain(added).chain(shown);
    fast_path.can_be() && named.all(|camera| (camera as usize) < cameras)
}

fn restored_review(
    definition: &Definition,
    review: Option<ReviewSnapshot>,
) -> Result<Option<Box<ReviewWindow>>, RestoreError> {
    match (begun_review(definition), review) {
        (begun, None) => Ok(begun),
        (Some(begun), Some(kept)) => {
            Ok(Some(Box::new(begun.restore(kept).ok_or(RestoreError::Review)?)))
        }
        (None, Some(_)) => Err(RestoreError::Review),
    }
}

/// The fleet with all that its cameras showed.
fn seen_before(
    cameras: Vec<CameraSums>,
    lifecycle: &Lifecycle,
    definition: &Definition,
) -> Result<Fleet, RestoreError> {
    let split = definition.split().clone();
    let mut fleet = Fleet::default();
    // All cameras together have no more analyses than there were observations, so no sum overflows.
    let mut left = lifecycle.observations.min(limits::OBSERVATIONS_MAX);
    for seen in cameras {
        if fleet.find(&seen.camera, split.hash(&seen.camera)).is_some() {
            return Err(RestoreError::CameraTwice(seen.camera));
        }
        let blocks_can_be = seen.blocks.iter().all(|sums| sums.tally.can_be(left))
            && seen.blocks.is_sorted_by(|a, b| (a.block, a.variant) < (b.block, b.variant));
        let full = [&seen.full.control, &seen.full.treatment];
        let full_can_be = full.into_iter().all(|tally| tally.can_be(left));
        let full = full.into_iter().map(|tally| tally.analyses);
        let heard_can_be = seen.heard_after <= lifecycle.observations;
        let analyses = full.fold(seen.sums.analyses(), u64::saturating_add);
        let sums_can_be = seen.sums.can_be(left) && full_can_be && blocks_can_be;
        if !sums_can_be || analyses > left || !heard_can_be {
            return Err(RestoreError::Sums(seen.camera));
        }
        left -= analyses;
        fleet.insert(seen, &split);
    }
    Ok(fleet)
}

/// The stages of a rollout. One that began under an earlier version knows its present stage from now on.
fn taken_up(
    course: Course,
    lifecycle: &Lifecycle,
    definition: &Definition,
) -> Result<Course, RestoreError> {
    let Lifecycle { state, now, step, started_at, .. } = *lifecycle;
    if course.as_slice().is_empty() && started_at.is_some() {
        let mut course = course;
        course.begin(Stage { from: now, state, step }, Duration::ZERO);
        return Ok(course);
    }
    let stages = course.as_slice();
    let can_be = stages.iter().all(|stage| stage.step < definition.ramp().len())
        && stages.last().is_none_or(|last| last.from <= now && last.state == state);
    if can_be { Ok(course) } else { Err(RestoreError::Course) }
}

/// Whether a rollout of `definition` can stand there.
fn can_be(lifecycle: &Lifecycle, definition: &Definition) -> bool {
    let State { phase, condition } = lifecycle.state;
    let stands = match condition {
        Condition::Clear => true,
        Condition::Held => matches!(phase, Phase::Shadow | Phase::Ab),
        Condition::Paused => phase.is_under_way(),
        Condition::Grace | Condition::Expired => phase == Phase::Ab,
    };
    let started = match phase {
        Phase::Draft => Some(false),
        // A draft can be stopped before it started.
        Phase::Stopped => None,
        Phase::Shadow | Phase::Ab | Phase::Full | Phase::Completed | Phase::RolledBack => {
            Some(true)
        }
    };
    let past = [lifecycle.started_at, lifecycle.paused_at].into_iter().flatten();
    stands
        && started.is_none_or(|started| lifecycle.started_at.is_some() == started)
        // A release that began under an earlier version is not watched, and has no end of it.
        && (phase == Phase::Full
            || lifecycle.phase_ends.is_some() == matches!(phase, Phase::Shadow | Phase::Ab))
        && lifecycle.step_ends.is_some() == (phase == Phase::Ab)
        && lifecycle.paused_at.is_some() == (condition == Condition::Paused)
        && past.into_iter().all(|at| at <= lifecycle.now)
        && lifecycle.step < definition.ramp().len()
}
