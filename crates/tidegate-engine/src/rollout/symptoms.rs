//! What a rollout finds wrong with what it hears.

use alloc::vec::Vec;

use super::Rollout;
use crate::outside::OutsideCause;
use crate::phase::{Condition, Phase, State};
use crate::symptom::{CAMERAS_NAMED_MAX, Heard, HeardOf, Hearing, Symptom};
use crate::time::{Duration, Timestamp};
use crate::variant::{ByVariant, Variant};

/// However busy a fleet is, silence is none before this.
const QUIET_MIN: Duration = Duration::from_ms(3_600_000);
/// However quiet a fleet is, this is silence.
const QUIET_MAX: Duration = Duration::from_ms(24 * 3_600_000);
/// Reports that were due after which it is silence: where they come independently, one gap in 5·10⁸ is as long.
const DUE_MIN: f64 = 20.0;
const DAY: Duration = Duration::from_ms(24 * 3_600_000);
/// So few analyses tell nothing of what a client does.
const ANALYSES_MIN: u64 = 12;
/// So few analyses of another variant are a client that had an assignment for a minute.
const DISAGREEING_MIN: u64 = 3;
/// And so small a share of all.
const DISAGREEING_ONE_IN: u64 = 10;
/// For how long an absence is told.
const AWAY_TOLD: Duration = Duration::from_ms(24 * 3_600_000);

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

    /// Whether a quiet time is silence, where so many of the cameras share what is usually reported.
    fn is_silence(&self, since: Timestamp, now: Timestamp, among: u64) -> bool {
        let quiet = now.since(since);
        quiet >= QUIET_MIN
            && (quiet >= QUIET_MAX || self.due(since, now) >= DUE_MIN * among.max(1) as f64)
    }

    /// How many reports are usual between two times. Once there was a day, it goes by the hours of the day: what is
    /// quiet every night says nothing.
    fn due(&self, since: Timestamp, now: Timestamp) -> f64 {
        let Some(started) = self.lifecycle.started_at else { return 0.0 };
        if self.lifecycle.observations == 0 {
            // Whatever is usual, something should have come.
            return f64::INFINITY;
        }
        let known_until =
            self.course.as_slice().iter().find(|stage| stage.state.phase == Phase::Full);
        let known = known_until.map_or(since, |stage| stage.from).since(started);
        if known < DAY {
            let lasted = self.lifecycle.now.since(started).ms().max(1) as f64;
            return now.since(since).ms() as f64 / lasted * self.lifecycle.observations as f64;
        }
        let days = known.ms() as f64 / DAY.ms() as f64;
        let past = &self.fleet.release().past;
        let mut due = 0.0;
        let mut from = since;
        while from < now {
            let until = from.hour_ends().min(now);
            let overlap = until.since(from).hours();
            due += past[from.hour_of_day()].analyses as f64 / days * overlap;
            from = until;
        }
        due
    }

    fn reports_stopped(&self, now: Timestamp) -> Option<Symptom> {
        let last = self.fleet.heard_last();
        let since = self.awaited_since().max(last.unwrap_or(Timestamp::EPOCH));
        let heard = if last.is_some() { Heard::Before } else { Heard::Never };
        let quiet = now.since(since);
        self.is_silence(since, now, 1).then_some(Symptom::ReportsStopped { quiet, heard })
    }

    fn nothing_compared(&self, now: Timestamp) -> Option<Symptom> {
        let sums = self.fleet.total();
        let analyses = sums.shadow.analyses;
        let found = self.lifecycle.state.phase == Phase::Shadow
            && sums.pairs.comparisons() == 0
            && analyses >= ANALYSES_MIN
            && now.since(self.awaited_since()) >= QUIET_MIN;
        found.then_some(Symptom::NothingCompared { analyses })
    }

    /// Which cameras report, and which do not, at a time that is not before the last event.
    pub fn hearing(&self, now: Timestamp) -> Hearing {
        let (serving, since) = (self.serving(), self.awaited_since());
        let cameras = self.fleet.len() as u64;
        let mut of = ByVariant { control: HeardOf::default(), treatment: HeardOf::default() };
        for (camera, heard_at) in self.fleet.heard() {
            let heard = &mut of[serving.assign(camera, now).variant];
            heard.served += 1;
            if self.is_silence(heard_at.max(since), now, cameras) {
                heard.silent.push(camera.clone());
            }
        }
        Hearing { last: self.fleet.heard_last(), of }
    }

    fn cameras_silent(&self, now: Timestamp) -> Vec<Symptom> {
        let Hearing { of, .. } = self.hearing(now);
        let mut found = Vec::new();
        if self.lifecycle.state.phase == Phase::Ab
            && of.treatment.served == 0
            && of.control.served > 0
            && now.since(self.awaited_since()) >= QUIET_MIN
        {
            found.push(Symptom::TreatmentNowhere { cameras: of.control.served });
        }
        for variant in Variant::ALL {
            let HeardOf { served, silent } = &of[variant];
            let cameras = silent.len() as u64;
            if cameras > 0 && cameras * 2 >= *served {
                let named = silent.iter().take(CAMERAS_NAMED_MAX).cloned().collect();
                found.push(Symptom::CamerasSilent { variant, cameras, of: *served, named });
            }
        }
        found
    }

    fn variants_disagree(&self) -> Option<Symptom> {
        if self.lifecycle.state.phase != Phase::Ab {
            return None;
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
        let weighs = |count: u64, of: u64| {
            count >= DISAGREEING_MIN && count.saturating_mul(DISAGREEING_ONE_IN) >= of
        };
        // These are in no block: they are compared with nothing.
        let impossible = self.outside.get(OutsideCause::ImpossibleVariant);
        let treated = self.fleet.total().ab.treatment.analyses;
        if weighs(disagreeing, of) {
            return Some(Symptom::VariantsDisagree { analyses: disagreeing, of, named });
        }
        let of = impossible + treated;
        weighs(impossible, of).then_some(Symptom::VariantsDisagree {
            analyses: impossible,
            of,
            named: Vec::new(),
        })
    }
}
