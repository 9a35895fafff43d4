//! What a detection event leads to.

use rand::RngExt;
use tidegate_engine::event::Event;
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Origin, Outcome};
use tidegate_engine::phase::Phase;
use tidegate_engine::{ByVariant, Variant};

use super::{HOUR_MS, Observer, Run};
use crate::alike::Alike;
use crate::traffic::{Arrival, DAY_MS};
use crate::world::{AnsweringPrompt, Scene, SimulatedAnswer};

impl<O: Observer> Run<'_, O> {
    /// A detection event at a camera.
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let camera = arrival.camera as usize;
        self.begin_day_if_due();
        self.refresh();
        let in_shadow = self.rollout.lifecycle().state.phase == Phase::Shadow;
        let sample = self.world.definition().experiment().shadow.sample.value();
        let compared = in_shadow && (sample >= 1.0 || self.random.random::<f64>() < sample);
        let variant = if in_shadow { Variant::Control } else { self.assigned[camera] };
        let scene = self.world.scene(&mut self.random);
        let alike = self.restless.as_ref().and_then(|restless| restless.alike(arrival));
        let scenes = self.scenes(scene, alike);
        let mut answer = self.answer(camera, variant, alike, &scenes[variant]);
        let mut shadow =
            compared.then(|| self.answer(camera, Variant::Treatment, alike, &scenes.treatment));
        let truth = self.world.truth(&self.cameras[camera], &scenes.control);
        if self.is_outage() {
            answer.outcome = Outcome::Failed;
            if let Some(shadow) = &mut shadow {
                shadow.outcome = answer.outcome;
            }
        }
        if self.is_cut(camera, variant) {
            answer.outcome = Outcome::Failed;
        }
        if let Some(shadow) = shadow.as_mut().filter(|_| self.is_cut(camera, Variant::Treatment)) {
            shadow.outcome = Outcome::Failed;
        }
        let treated = variant == Variant::Treatment;
        self.counts.analyses += 1 + u64::from(compared);
        self.counts.treatment += u64::from(treated);
        self.counts.harmed += u64::from(treated && self.change.harmful);

        let label = self.world.label(
            &self.cameras[camera],
            &answer,
            AnsweringPrompt { variant, change: &self.change, alike },
            &mut self.random,
        );
        if answer.outcome.failed() {
            self.retry(camera, variant);
        }
        let faults = &self.world.scenario().faults;
        // Only who is labelled or repeated must be known again.
        let named = label.is_some() || compared || faults.duplicate_share > 0.0;
        let id = named.then(|| self.next_id());
        if let (Some(label), Some(id)) = (label, &id) {
            let at = self.now + self.world.label_delay_ms(&mut self.random);
            let analysis = id.clone();
            self.send_later(at, Event::Feedback(Feedback { analysis, label }));
        }
        let camera = self.cameras[camera].id.clone();
        let event = match (shadow, id) {
            (Some(shadow), Some(id)) => {
                let outcomes = ByVariant { control: answer.outcome, treatment: shadow.outcome };
                let comparison = Comparison { id, camera, outcomes, origin: Origin::default() };
                self.show_to_reviewers(&comparison, truth);
                Event::Comparison(comparison)
            }
            (_, id) => Event::Analysis(Analysis {
                id,
                camera,
                variant,
                outcome: answer.outcome,
                origin: Origin::default(),
            }),
        };
        self.report(&event);
    }

    fn begin_day_if_due(&mut self) {
        if self.now >= self.days * DAY_MS {
            self.days += 1.0;
            self.world.begin_day(&mut self.cameras, &mut self.random);
            if let Some(restless) = &mut self.restless {
                restless.hurry();
                self.change_until = self.now;
            }
        }
    }

    /// What each prompt judges an event by: the same, except where the treatment judges on its own. Events of a burst
    /// may all be one and the same.
    fn scenes(&mut self, scene: Scene, alike: Option<Alike>) -> ByVariant<Scene> {
        if let Some(scenes) = alike.and_then(|alike| alike.scenes(&mut self.random)) {
            return scenes;
        }
        let share = self.world.scenario().treatment.disagreement;
        let treatment = if share > 0.0 {
            let now = self.now;
            let more = self.restless.as_ref().map_or(1.0, |restless| restless.shock_factor(now));
            scene.or_apart(share * more, &mut self.random)
        } else {
            scene
        };
        ByVariant { control: scene, treatment }
    }

    fn answer(
        &mut self,
        camera: usize,
        variant: Variant,
        alike: Option<Alike>,
        scene: &Scene,
    ) -> SimulatedAnswer {
        let Self { world, cameras, change, random, .. } = self;
        world.answer(&cameras[camera], scene, AnsweringPrompt { variant, change, alike }, random)
    }

    /// Whether an outage of some cameras lets an analysis fail now.
    fn is_cut(&self, camera: usize, variant: Variant) -> bool {
        self.restless.as_ref().is_some_and(|restless| restless.cuts(camera, variant, self.now))
    }

    /// Sends a camera's further tries of an analysis that failed, if it makes any.
    fn retry(&mut self, camera: usize, variant: Variant) {
        let Some(retries) = self.world.scenario().unrest.retries else { return };
        let tries = match &mut self.restless {
            Some(restless) if camera < retries.cameras as usize => {
                restless.retries(retries, self.now)
            }
            _ => return,
        };
        for (at, fails) in tries {
            let outcome = if fails {
                Outcome::Failed
            } else {
                Outcome::Answered { latency: None, score: None }
            };
            let camera = self.cameras[camera].id.clone();
            self.counts.analyses += 1;
            let analysis =
                Analysis { id: None, camera, variant, outcome, origin: Origin::default() };
            self.send_later(at, Event::Analysis(analysis));
        }
    }

    fn is_outage(&self) -> bool {
        let outages = &self.world.scenario().faults.outages;
        let hour = self.now / HOUR_MS;
        outages.iter().any(|outage| (0.0..outage.hours).contains(&(hour - outage.from_hour)))
    }
}
