//! The fast path: total failure is stopped within a dozen analyses.
//!
//! A cumulative sum runs over the treatment's analyses in the A/B test and asks at each of them, not only
//! at looks. A failure adds `ln(0.9/0.25)`, anything else `ln(0.1/0.75)`: it stays near zero for any
//! failure rate below two thirds and climbs when nearly everything fails. One camera adds at most a third of
//! the height to an excursion, so that a camera that is broken, or tries again and again, is not the fleet. What
//! it found is held against the control of the same stretch of time, analysis by analysis and camera by camera, so that an
//! outage of both, or of some cameras whatever they run, is no verdict on either.

use alloc::vec::Vec;
use core::fmt;

use tidegate_stats::cusum::{self, Cusum, Increments};
use tidegate_stats::proportion::Proportion;

use crate::observation::Outcome;
use crate::time::{Duration, Timestamp};
use crate::variant::Variant;

/// The failure rate that is tolerated in the test, and in a release, whose treatment was seen to fail seldom.
pub(crate) const TOLERATED: f64 = 0.25;
pub(crate) const TOLERATED_IN_RELEASE: f64 = 0.15;
/// The failure rate that is looked for.
const HARMFUL: f64 = 0.9;
/// Cameras that must have failed. Where fewer have the treatment all must have, and what others there may
/// be is waited for.
const CAMERAS_MIN: usize = 3;
/// Control analyses that tell an outage of both from harm.
const CONTROL_MIN: u64 = 3;
/// Cameras of each variant that are compared in an excursion: so many tell all there is to tell.
const CAMERAS_COMPARED_MAX: usize = 64;
/// How long they, and other cameras, are waited for.
const CONTROL_WAIT: Duration = Duration::from_ms(30 * 60 * 1_000);
/// How long it must have been quiet before a hold by an outage lifts by itself.
const QUIET: Duration = Duration::from_ms(60 * 60 * 1_000);
/// What the parts of a height may lack of it.
const ROUNDING: f64 = 1e-9;
/// Treatment analyses a test is taken to have where no shadow told the traffic.
pub(crate) const PLANNED_DEFAULT: u64 = 10_000;

/// The sum, and the excursion it is on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FastPath {
    /// The cumulative sum.
    pub sum: Cusum,
    /// The excursion, while the sum is above zero.
    pub excursion: Option<Excursion>,
    /// When the last outage of both variants was noticed.
    pub outage_at: Option<Timestamp>,
    /// What each camera added to the sum in the excursion, in order of its first failure.
    pub added: Vec<Added>,
    /// What successes took away from the sum in the excursion.
    pub drained: f64,
    /// Whether the rollout is held because of that outage.
    pub hold: OutageHold,
    /// What cameras showed in the excursion, in order of their first analysis in it; up to 64 of each variant.
    pub shown: Vec<Shown>,
}

/// What one camera showed under one variant in the excursion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Its place in the order of first appearance.
    pub camera: u32,
    /// What it ran.
    pub variant: Variant,
    /// Its analyses.
    pub analyses: u32,
    /// Those that failed.
    pub failures: u32,
}

/// What one camera added to the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Added {
    /// Its place in the order of first appearance.
    pub camera: u32,
    /// How much; a third of the height counts.
    pub sum: f64,
}

/// Whether an outage of both variants holds the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutageHold {
    /// It does not.
    #[default]
    No,
    /// It does, until it has been quiet for an hour.
    Yes,
}

/// The stretch since the sum left zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excursion {
    /// Its first failure.
    pub since: Timestamp,
    /// When the sum reached its height.
    pub crossed_at: Option<Timestamp>,
    /// The treatment's failures.
    pub failures: u64,
    /// The first cameras that failed.
    pub failed_cameras: [Option<u32>; CAMERAS_MIN],
    /// The control's analyses meanwhile.
    pub control_analyses: u64,
    /// Those that failed.
    pub control_failures: u64,
}

/// What the fast path found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TotalFailure {
    /// The treatment's failures in the excursion.
    pub failures: u64,
    /// Cameras that failed, counted up to three.
    pub cameras: usize,
    /// The control's analyses meanwhile, and those that failed.
    pub control: (u64, u64),
    /// How strongly the failures speak against the treatment.
    pub sum: f64,
    /// From this sum on the fast path rolls back.
    pub height: f64,
}

/// What the fast path needs to know of the rollout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Treatment analyses the test will have, or the release while it is watched.
    pub(crate) analyses: u64,
    /// The failure rate that is tolerated.
    pub(crate) tolerated: f64,
    /// Its part of the experiment's alpha.
    pub(crate) alpha: f64,
    /// Cameras with at least one treatment analysis, the quarantined left out.
    pub(crate) treated_cameras: u64,
    /// Cameras that they can be compared with at the same time.
    pub(crate) control_cameras: u64,
}

impl FastPath {
    /// Whether an analysis can change anything: an excursion begins with a failure of the treatment.
    pub(crate) fn is_concerned(&self, variant: Variant, outcome: Outcome) -> bool {
        self.excursion.is_some() || variant == Variant::Treatment && outcome.failed()
    }

    /// Takes in an analysis of the A/B test.
    pub(crate) fn add(
        &mut self,
        at: Timestamp,
        camera: u32,
        variant: Variant,
        outcome: Outcome,
        plan: Plan,
    ) {
        match variant {
            Variant::Control => {
                if let Some(excursion) = &mut self.excursion {
                    excursion.control_analyses += 1;
                    excursion.control_failures += u64::from(outcome.failed());
                }
            }
            Variant::Treatment => self.add_treatment(at, camera, outcome, plan),
        }
        self.show(camera, variant, outcome);
        let Some(excursion) = &mut self.excursion else { return };
        if excursion.crossed_at.is_none() && self.sum.value() >= plan.height() {
            excursion.crossed_at = Some(at);
        }
        self.settle(at);
    }

    /// Notes an outage of both variants. Once the control has been waited for, any of its analyses tell.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let is_outage = |excursion: &Excursion| {
            let least = if excursion.waited(now) { 1 } else { CONTROL_MIN };
            excursion.crossed_at.is_some() && excursion.is_outage(least)
        };
        if self.excursion.as_ref().is_some_and(is_outage) {
            *self = Self { outage_at: Some(now), hold: self.hold, ..Self::default() };
        }
    }

    /// Notes what a camera showed in the excursion.
    fn show(&mut self, camera: u32, variant: Variant, outcome: Outcome) {
        if self.excursion.is_none() {
            return;
        }
        let of_camera = |shown: &&mut Shown| (shown.camera, shown.variant) == (camera, variant);
        let failures = u32::from(outcome.failed());
        if let Some(shown) = self.shown.iter_mut().find(of_camera) {
            shown.analyses = shown.analyses.saturating_add(1);
            shown.failures = shown.failures.saturating_add(failures);
        } else if self.shown.iter().filter(|shown| shown.variant == variant).count()
            < CAMERAS_COMPARED_MAX
        {
            self.shown.push(Shown { camera, variant, analyses: 1, failures });
        }
    }

    /// Whether the split did not just happen to put the cameras that fail on the treatment's side: by the chance that a
    /// draw of it puts so many of them there (Fisher 1935). Where no draw is as rare as that, or too few of the control's
    /// report, all of the treatment's must fail and none of the control's.
    fn stands_out(&self, now: Timestamp, plan: Plan) -> bool {
        let failing = |variant: Variant| {
            let of_variant = || self.shown.iter().filter(|shown| shown.variant == variant);
            let failing = of_variant().filter(|shown| shown.failures > shown.analyses / 2);
            Proportion::new(failing.count() as u64, of_variant().count() as u64).ok()
        };
        // A control that reported nothing was waited for; an earlier version kept no cameras.
        let Some((treatment, control)) = failing(Variant::Treatment).zip(failing(Variant::Control))
        else {
            return true;
        };
        let waited = self.excursion.as_ref().is_some_and(|excursion| excursion.waited(now));
        treatment.exceeds_by_chance(&control) <= plan.alpha
            || treatment.value() >= 1.0
                && control.value() <= 0.0
                && (waited || !plan.draws_are_rare())
    }

    fn add_treatment(&mut self, at: Timestamp, camera: u32, outcome: Outcome, plan: Plan) {
        // A camera that the treatment came to since makes each one's part smaller.
        if self.excursion.is_some() {
            self.add_up(plan);
        }
        // Made only where it is needed: two logarithms would cost every analysis dearly.
        let increments =
            || Increments::new(plan.tolerated, HARMFUL).expect("both rates are constants");
        if outcome.failed() {
            let excursion = self.excursion.get_or_insert(Excursion {
                since: at,
                crossed_at: None,
                failures: 0,
                failed_cameras: [None; CAMERAS_MIN],
                control_analyses: 0,
                control_failures: 0,
            });
            excursion.failures += 1;
            excursion.note(camera);
            self.add_failure(camera, increments().failure(), plan);
        } else if self.excursion.is_some() {
            self.drained -= increments().success();
            self.add_up(plan);
        }
    }

    /// Notes a failure of a camera; at the height the sum stays.
    fn add_failure(&mut self, camera: u32, increment: f64, plan: Plan) {
        let height = plan.height();
        if self.sum.value() < height {
            match self.added.iter_mut().find(|added| added.camera == camera) {
                Some(added) => added.sum = (added.sum + increment).min(height),
                None => self.added.push(Added { camera, sum: increment }),
            }
        }
        self.add_up(plan);
    }

    /// The sum: what each camera added, up to its part of the height, less what successes took away.
    fn add_up(&mut self, plan: Plan) {
        let height = plan.height();
        let part = plan.height_of_one(height);
        let added: f64 = self.added.iter().map(|added| added.sum.min(part)).sum();
        // The parts of a height sum to it but for rounding.
        let mut sum = (added - self.drained).max(0.0);
        if sum > height - ROUNDING {
            self.drained = added - height;
            sum = height;
        }
        self.sum = Cusum::new(sum).unwrap_or_default();
        if self.sum.value() <= 0.0 {
            self.excursion = None;
            self.added.clear();
            self.shown.clear();
            self.drained = 0.0;
        }
    }

    /// Whether these can be what cameras showed in an excursion.
    pub(crate) fn can_be(&self) -> bool {
        self.shown.len() <= CAMERAS_COMPARED_MAX * Variant::ALL.len()
            && self.shown.iter().all(|shown| shown.failures <= shown.analyses)
    }

    /// Whether a camera added to the sum in the excursion.
    pub(crate) fn has_added(&self, camera: u32) -> bool {
        self.added.iter().any(|added| added.camera == camera)
    }

    /// When a hold by an outage lifts by itself, if it is quiet until then.
    pub(crate) fn lifts_at(&self) -> Option<Timestamp> {
        let outage_at = self.outage_at.filter(|_| self.hold == OutageHold::Yes)?;
        Some(outage_at.plus(QUIET))
    }

    /// Whether failures at `now` belong to an outage of both variants and count for neither.
    pub(crate) fn in_outage(&self, now: Timestamp) -> bool {
        self.outage_at.is_some_and(|at| now.since(at) < QUIET)
    }

    /// The total failure that must be acted on at `now`, if any.
    pub(crate) fn failure(&self, now: Timestamp, plan: Plan) -> Option<TotalFailure> {
        self.crossing(now, plan).filter(|_| self.stands_out(now, plan))
    }

    /// What has failed, once nothing need be waited for; how the control's cameras fared is not asked.
    fn crossing(&self, now: Timestamp, plan: Plan) -> Option<TotalFailure> {
        let excursion = self.excursion.as_ref()?;
        excursion.crossed_at?;
        let height = plan.height();
        let cameras = excursion.cameras();
        let treated = usize::try_from(plan.treated_cameras).unwrap_or(usize::MAX);
        let told = excursion.is_told() || excursion.waited(now);
        (self.sum.value() >= height && cameras >= CAMERAS_MIN.min(treated) && told).then_some(
            TotalFailure {
                failures: excursion.failures,
                cameras,
                control: (excursion.control_analyses, excursion.control_failures),
                sum: self.sum.value(),
                height,
            },
        )
    }

    /// The failure of a release that nothing is known of but that the treatment fails: the control may run nowhere.
    pub(crate) fn untold(&self, plan: Plan) -> Option<TotalFailure> {
        let excursion = self.excursion.as_ref()?;
        let crossed_at = excursion.crossed_at?;
        // As if all was waited for that there is to wait for.
        self.crossing(crossed_at.plus(CONTROL_WAIT), plan)
    }

    /// Whether the sum has reached its height and nothing was done about it yet.
    pub(crate) fn has_crossed(&self) -> bool {
        self.excursion.is_some_and(|excursion| excursion.crossed_at.is_some())
    }

    /// When the wait for control analyses and for other cameras is over.
    pub(crate) fn wait_ends(&self) -> Option<Timestamp> {
        let excursion = self.excursion.as_ref().filter(|excursion| !excursion.is_told())?;
        excursion.crossed_at.map(|at| at.plus(CONTROL_WAIT))
    }
}

impl Excursion {
    fn note(&mut self, camera: u32) {
        for place in &mut self.failed_cameras {
            match place {
                Some(known) if *known == camera => return,
                Some(_) => {}
                None => {
                    *place = Some(camera);
                    return;
                }
            }
        }
    }

    /// Cameras that failed, counted up to three.
    fn cameras(&self) -> usize {
        self.failed_cameras.iter().flatten().count()
    }

    /// Whether nothing need be waited for.
    fn is_told(&self) -> bool {
        self.control_analyses >= CONTROL_MIN && self.cameras() >= CAMERAS_MIN
    }

    fn waited(&self, now: Timestamp) -> bool {
        self.crossed_at.is_some_and(|at| now.since(at) >= CONTROL_WAIT)
    }

    /// Whether half of the control's analyses failed too, of at least `least`.
    const fn is_outage(&self, least: u64) -> bool {
        self.control_analyses >= least && self.control_failures * 2 >= self.control_analyses
    }
}

impl Plan {
    /// The most one camera may add: a third of the height, or all there is where fewer have the treatment.
    fn height_of_one(self, height: f64) -> f64 {
        let parts = self.treated_cameras.clamp(1, CAMERAS_MIN as u64);
        height / parts as f64
    }

    /// Whether the rarest draw of the split is as rare as its part of alpha.
    fn draws_are_rare(self) -> bool {
        let none_else = |failing, cameras| Proportion::new(failing, cameras).ok();
        let (treated, control) = (self.treated_cameras, self.control_cameras);
        none_else(treated, treated)
            .zip(none_else(0, control))
            .is_some_and(|(treatment, control)| treatment.exceeds_by_chance(&control) <= self.alpha)
    }

    fn height(self) -> f64 {
        cusum::height(self.analyses, self.alpha).unwrap_or(f64::INFINITY)
    }
}

impl fmt::Display for TotalFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (analyses, failures) = self.control;
        write!(
            f,
            "Nearly every treatment analysis fails: {} failures on {}{} cameras, control {failures} of \
             {analyses}; sum {:.1} ≥ {:.1}: rolled back",
            self.failures,
            if self.cameras == CAMERAS_MIN { "at least " } else { "" },
            self.cameras,
            self.sum,
            self.height,
        )
    }
}
