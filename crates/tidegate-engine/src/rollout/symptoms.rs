//! What a rollout finds wrong with what it hears.

use alloc::vec::Vec;

use super::Rollout;
use crate::fleet::HeardCamera;
use crate::outside::OutsideCause;
use crate::phase::{Condition, Phase, State};
use crate::presence::Recency;
use crate::release::DAY;
use crate::symptom::{CAMERAS_NAMED_MAX, Heard, HeardOf, Hearing, Symptom, SymptomKind};
use crate::time::{Duration, Timestamp};
use crate::variant::{ByVariant, Variant};

/// However busy a fleet is, silence is none before this.
const QUIET_MIN: Duration = Duration::from_ms(3_600_000);
/// However quiet a fleet is, this is silence.
const QUIET_MAX: Duration = DAY;
/// Reports that were due after which it is silence: where they come independently, one gap in 5·10⁸ is as long.
const DUE_MIN: f64 = 20.0;
/// And after a whole day.
const DUE_IN_A_DAY_MIN: f64 = 5.0;
/// Comparisons that were due after which none is made any more: the share of events that have one moves more than the events.
const COMPARED_DUE_MIN: f64 = 30.0;
/// Reports of each camera, on average, after which most cameras that report are known.
const OFTEN_EACH: u64 = 6;
/// The chance that a split gives the treatment to none of the cameras, below which it is no chance.
const NOBODY_CHANCE_MIN: f64 = 0.01;
/// So few analyses tell nothing of what a client does.
const ANALYSES_MIN: u64 = 12;
/// So few analyses of another variant are a client that had an assignment for a minute.
const DISAGREEING_MIN: u64 = 3;
/// And so small a share of all.
const DISAGREEING_ONE_IN: u64 = 10;
/// For how long an absence is told.
const AWAY_TOLD: Duration = DAY;

impl Rollout {
    /// What is wrong with what is heard, at a time that is not before the last event. Nothing is while nothing is compared.
    pub fn symptoms(&self, now: Timestamp) -> Vec<Symptom> {
        let State { phase, condition } = self.lifecycle.state;
        let compares = matches!(condition, Condition::Clear | Condition::Held)
            && (matches!(phase, Phase::Shadow | Phase::Ab) || self.watches_release());
        let mut found = Vec::new();
        if !compares {
            return found;
        }
        let away = self.heard_since.filter(|until| now.since(*until) < AWAY_TOLD);
        found.extend(away.map(|until| Symptom::Away { until }));
        if let Some(stopped) = self.reports_stopped(now) {
            // What else could be found follows from it.
            found.push(stopped);
            return found;
        }
        found.extend(self.nothing_compared(now));
        found.extend(self.cameras_silent(now));
        found.extend(self.variants_disagree());
        found
    }

    /// Since when reports are awaited: the stage began then, or the shell came back.
    fn awaited_since(&self) -> Timestamp {
        let began = self.course.as_slice().last().map(|stage| stage.from);
        let since = began.max(self.heard_since);
        since.unwrap_or(self.lifecycle.now)
    }

    /// Whether whoever was heard of so is silent: by then so many other observations came that some would be theirs.
    fn is_silent(&self, heard: HeardCamera, since: Timestamp, now: Timestamp) -> bool {
        let quiet = now.since(heard.at.max(since));
        let others = self.lifecycle.observations.saturating_sub(heard.after).saturating_sub(1);
        let analyses = heard.analyses as f64;
        // So few may have come by chance of one that usually has fewer.
        let surely = (analyses - 2.0 * libm::sqrt(analyses)).max(0.0);
        let due = others as f64 * surely / (heard.after + 1) as f64;
        quiet >= QUIET_MIN && (due >= DUE_MIN || quiet >= QUIET_MAX && due >= DUE_IN_A_DAY_MIN)
    }

    fn reports_stopped(&self, now: Timestamp) -> Option<Symptom> {
        let last = self.fleet.heard_last();
        let since = self.awaited_since().max(last.unwrap_or(Timestamp::EPOCH));
        let heard = if last.is_some() { Heard::Before } else { Heard::Never };
        let quiet = now.since(since);
        let due = match self.lifecycle.started_at {
            Some(began) if last.is_some() => {
                self.arrivals.due(began, self.lifecycle.now, since, now)
            }
            // Whatever is usual, something should have come.
            _ => f64::INFINITY,
        };
        let is_silence = quiet >= QUIET_MIN && (quiet >= QUIET_MAX || due >= DUE_MIN);
        is_silence.then_some(Symptom::ReportsStopped { quiet, heard })
    }

    fn nothing_compared(&self, now: Timestamp) -> Option<Symptom> {
        let sums = self.fleet.total();
        let (analyses, compared) = (sums.shadow.analyses, sums.pairs.comparisons());
        if self.lifecycle.state.phase != Phase::Shadow || analyses < ANALYSES_MIN {
            return None;
        }
        let last = self.arrivals.compared.filter(|_| compared > 0);
        let since = self.awaited_since().max(last.map_or(Timestamp::EPOCH, |last| last.at));
        let quiet = now.since(since);
        let others =
            self.lifecycle.observations.saturating_sub(last.map_or(0, |last| last.after + 1));
        let usual = match last {
            // An earlier version kept no last one.
            None if compared > 0 => 0.0,
            None => self.definition.experiment().shadow.sample.value(),
            Some(last) => compared as f64 / (last.after + 1) as f64,
        };
        let heard = if last.is_some() { Heard::Before } else { Heard::Never };
        let is_silence = quiet >= QUIET_MIN && others as f64 * usual >= COMPARED_DUE_MIN;
        is_silence.then_some(Symptom::NothingCompared { analyses, quiet, heard })
    }

    /// Which cameras report, and which do not, at a time that is not before the last event.
    pub fn hearing(&self, now: Timestamp) -> Hearing {
        let (serving, since) = (self.serving(), self.awaited_since());
        let mut of = ByVariant { control: HeardOf::default(), treatment: HeardOf::default() };
        let mut together: ByVariant<Option<HeardCamera>> = ByVariant::default();
        for (camera, heard) in self.fleet.heard() {
            let variant = serving.assign(camera, now).variant;
            of[variant].served += 1;
            together[variant] = Some(together[variant].map_or(heard, |before| before.and(heard)));
            if self.is_silent(heard, since, now) {
                of[variant].silent.push(camera.clone());
            }
        }
        for variant in Variant::ALL {
            // Where none of them is so busy that it is missed, all of them together may be.
            if together[variant].is_some_and(|heard| self.is_silent(heard, since, now)) {
                let cameras = self.fleet.comparable_cameras();
                let served =
                    cameras.filter(|camera| serving.assign(camera, now).variant == variant);
                of[variant].silent = served.cloned().collect();
            }
        }
        Hearing { last: self.fleet.heard_last(), of }
    }

    fn cameras_silent(&self, now: Timestamp) -> Vec<Symptom> {
        let Hearing { of, .. } = self.hearing(now);
        let mut found = Vec::new();
        if self.lifecycle.state.phase == Phase::Ab && of.treatment.served == 0 {
            found.extend(self.treatment_unheard(of.control.served, now));
        }
        for variant in Variant::ALL {
            let HeardOf { served, silent } = &of[variant];
            let cameras = silent.len() as u64;
            let other = match variant {
                Variant::Control => &of.treatment,
                Variant::Treatment => &of.control,
            };
            // Where as many of the other variant are silent, it is night where they are.
            let like_others = 2 * other.silent.len() as u64 * served >= cameras * other.served;
            if cameras > 0 && cameras * 2 >= *served && (other.served == 0 || !like_others) {
                let named = silent.iter().take(CAMERAS_NAMED_MAX).cloned().collect();
                found.push(Symptom::CamerasSilent { variant, cameras, of: *served, named });
            }
        }
        found
    }

    /// What it means that none of so many cameras has the treatment.
    fn treatment_unheard(&self, cameras: u64, now: Timestamp) -> Option<Symptom> {
        let quiet = now.since(self.awaited_since());
        // Until each was heard of often, there may be others.
        let known = self.lifecycle.observations >= cameras.saturating_mul(OFTEN_EACH);
        if cameras == 0 || quiet < QUIET_MIN || !(known || quiet >= QUIET_MAX) {
            return None;
        }
        let nobody = libm::pow(1.0 - self.share().value(), cameras as f64);
        Some(if nobody >= NOBODY_CHANCE_MIN {
            Symptom::TreatmentNowhere { cameras }
        } else {
            Symptom::TreatmentUnheard { cameras }
        })
    }

    /// Whether the treatment is silent now while others report, so that nothing goes on by itself.
    pub(super) fn treatment_recency(&self) -> Recency {
        let silent = |symptom: &Symptom| {
            matches!(symptom.kind(), SymptomKind::NothingCompared | SymptomKind::TreatmentSilent)
        };
        let is_silent = self.symptoms(self.lifecycle.now).iter().any(silent);
        if is_silent { Recency::Silent } else { Recency::Heard }
    }

    fn variants_disagree(&self) -> Option<Symptom> {
        // These are in no block: they are compared with nothing.
        let impossible = self.outside.get(OutsideCause::ImpossibleVariant);
        let weighs = |count: u64, of: u64| {
            count >= DISAGREEING_MIN && count.saturating_mul(DISAGREEING_ONE_IN) >= of
        };
        let misplaced = |analyses: u64, of: u64| Symptom::VariantsDisagree {
            analyses,
            of: of + analyses,
            named: Vec::new(),
        };
        match self.lifecycle.state.phase {
            Phase::Ab => {}
            Phase::Shadow => {
                let of = self.fleet.total().shadow.analyses;
                return weighs(impossible, of + impossible).then(|| misplaced(impossible, of));
            }
            // Whoever did not hear of the release goes on with the control.
            Phase::Full => {
                let (sums, full) = (self.fleet.total(), self.fleet.full_total());
                let of = sums.analyses() + full.control.analyses + full.treatment.analyses;
                let unwatched = self.outside.get(OutsideCause::Unwatched);
                return weighs(unwatched, of + unwatched).then(|| misplaced(unwatched, of));
            }
            Phase::Draft | Phase::Completed | Phase::RolledBack | Phase::Stopped => return None,
        }
        let (split, share) = (self.definition.split(), self.share());
        let first = self.epochs.last_step().unwrap_or(0) as u64;
        let (mut disagreeing, mut of, mut named) = (0, 0, Vec::new());
        for (camera, blocks) in self.fleet.reported_blocks() {
            let before = disagreeing;
            for sums in blocks {
                let assigned = match split.begin_of(sums.block) {
                    Some(begins) => split.assign(camera, share, begins),
                    None if sums.block.0 < first => continue,
                    None => split.assign(camera, share, self.lifecycle.now),
                };
                of += sums.tally.analyses;
                if assigned.variant != sums.variant {
                    disagreeing += sums.tally.analyses;
                }
            }
            if disagreeing > before && named.len() < CAMERAS_NAMED_MAX {
                named.push(camera.clone());
            }
        }
        let treated = self.fleet.total().ab.treatment.analyses;
        if weighs(disagreeing, of) {
            return Some(Symptom::VariantsDisagree { analyses: disagreeing, of, named });
        }
        weighs(impossible, impossible + treated).then(|| misplaced(impossible, treated))
    }
}
