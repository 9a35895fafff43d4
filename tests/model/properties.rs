//! What must hold of any story.

use proptest::prelude::*;
use tidegate_engine::assignment::Split;
use tidegate_engine::experiment::{Definition, Watch};
use tidegate_engine::id::CameraId;
use tidegate_engine::number::Share;
use tidegate_engine::observation::Origin;
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::variant::Variant;
use tidegate_engine::{Event, Rollout};

use crate::generate::{Story, any_story};

/// Stories of each property; with `TIDEGATE_FUZZ_SECONDS` about as many as it says.
fn cases() -> u32 {
    const A_SECOND: u32 = 2_000;
    let seconds = std::env::var("TIDEGATE_FUZZ_SECONDS").ok();
    seconds
        .and_then(|seconds| seconds.parse::<u32>().ok())
        .map_or(400, |s| s.saturating_mul(A_SECOND))
}

fn rollout(story: &Story) -> Rollout {
    Rollout::new(Definition::new(story.experiment.clone()).expect("the settings agree"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_rejected_event_changes_nothing(story in any_story()) {
        let mut rollout = rollout(&story);
        for (at, event) in story.events {
            let before = rollout.snapshot();
            if rollout.apply(at, &event).is_err() {
                prop_assert_eq!(rollout.snapshot(), before);
            }
        }
    }

    #[test]
    fn a_restart_between_any_two_events_changes_no_decision(story in any_story()) {
        let mut lasting = rollout(&story);
        let mut restarted = rollout(&story);
        for (at, event) in story.events {
            let definition = restarted.definition().clone();
            restarted = Rollout::restore(definition, restarted.snapshot()).expect("our own snapshot");
            prop_assert_eq!(restarted.apply(at, &event), lasting.apply(at, &event));
            prop_assert_eq!(restarted.snapshot(), lasting.snapshot());
            prop_assert_eq!(restarted.sums(), lasting.sums());
            prop_assert_eq!(restarted.next_deadline(), lasting.next_deadline());
        }
    }

    #[test]
    fn the_journal_gives_the_same_state_without_deciding_again(story in any_story()) {
        let mut live = rollout(&story);
        let mut recalled = rollout(&story);
        for (at, event) in story.events {
            if let Ok(decisions) = live.apply(at, &event) {
                prop_assert_eq!(recalled.apply_logged(at, &event), Ok(()));
                for decision in &decisions {
                    prop_assert_eq!(recalled.apply_logged_step(decision.step()), Ok(()));
                }
                prop_assert_eq!(recalled.snapshot(), live.snapshot());
            }
        }
    }

    /// Whatever comes when: what is refused changes nothing, and what is taken in is read back as it was, from a snapshot
    /// as from the journal.
    #[test]
    fn fuzzing_events_at_any_time(
        story in any_story(),
        swaps in proptest::collection::vec((0_usize..150, 0_usize..150), 0..60),
    ) {
        let mut events = story.events.clone();
        for (a, b) in swaps {
            if a < events.len() && b < events.len() {
                (events[a].0, events[b].0) = (events[b].0, events[a].0);
            }
        }
        let (mut live, mut recalled) = (rollout(&story), rollout(&story));
        for (at, event) in events {
            let before = live.snapshot();
            let Ok(decisions) = live.apply(at, &event) else {
                prop_assert_eq!(live.snapshot(), before);
                continue;
            };
            prop_assert_eq!(recalled.apply_logged(at, &event), Ok(()));
            for decision in &decisions {
                prop_assert_eq!(recalled.apply_logged_step(decision.step()), Ok(()));
            }
            prop_assert_eq!(recalled.snapshot(), live.snapshot());
            let definition = live.definition().clone();
            live = Rollout::restore(definition, live.snapshot()).expect("our own snapshot");
        }
    }

    /// Where a rule may act, the first to pass a limit ends the comparison, and that one depends on the
    /// order. The sums never do.
    #[test]
    fn the_order_of_reports_at_the_same_time_does_not_matter_for_the_sums(
        story in any_story(),
        swaps in proptest::collection::vec((0_usize..150, 0_usize..150), 0..100),
    ) {
        let mut story = story;
        story.experiment.guardrails.watch = Watch::Off;
        // Every id once, and room for all: which of two reports is the duplicate does depend on order.
        story.experiment.bounds.open_analyses_max = 1_000;
        story.experiment.bounds.cameras_max = 100;
        let mut reports: Vec<Event> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (_, event) in &story.events {
            let id = match event {
                Event::Analysis(analysis) => analysis.id.clone(),
                Event::Comparison(comparison) => Some(comparison.id.clone()),
                Event::Feedback(_)
                | Event::CardReply(_)
                | Event::Absent(_)
                | Event::Tick
                | Event::Action(_) => continue,
            };
            if id.is_none_or(|id| seen.insert(id)) {
                let mut report = event.clone();
                // All come at once, before anything that was said to have happened.
                if let Event::Comparison(comparison) = &mut report {
                    comparison.origin = Origin::default();
                }
                reports.push(report);
            }
        }
        let mut shuffled = reports.clone();
        for (a, b) in swaps {
            if a < shuffled.len() && b < shuffled.len() {
                shuffled.swap(a, b);
            }
        }
        let sums = |reports: Vec<Event>| {
            let mut rollout = rollout(&story);
            let at = tidegate_engine::time::Timestamp::EPOCH;
            let start = crate::generate::action(tidegate_engine::event::Command::Start);
            rollout.apply(at, &start).expect("a draft can be started");
            for report in reports {
                rollout.apply(at, &report).expect("a new report");
            }
            let mut cameras: Vec<_> = rollout.cameras().collect();
            // Which of two came after the other is what their order is.
            for camera in &mut cameras {
                camera.heard_after = 0;
            }
            cameras.sort_by(|a, b| a.camera.cmp(&b.camera));
            (*rollout.sums(), cameras)
        };
        prop_assert_eq!(sums(reports), sums(shuffled));
    }

    #[test]
    fn a_larger_share_only_moves_cameras_from_control_to_treatment(
        salt in "[A-Za-z0-9._:/-]{1,128}",
        names in proptest::collection::btree_set("[A-Za-z0-9._:/-]{1,128}", 2..40),
        listed in any::<bool>(),
        turns in any::<bool>(),
        shares in (0.0..=1.0_f64, 0.0..=1.0_f64),
    ) {
        let cameras: Vec<CameraId> = names.iter().map(|n| n.parse().expect("a name")).collect();
        let listed = listed && !turns;
        let fleet = if listed { cameras.as_slice() } else { &[] };
        let block = turns.then_some(Duration::from_ms(3_600_000));
        let split = Split::new(&salt.parse().expect("a salt"), &[], fleet, block, None);
        let [small, large] = [shares.0.min(shares.1), shares.0.max(shares.1)]
            .map(|share| Share::new(share).expect("in range"));
        for camera in &cameras {
            if split.assign(camera, small, Timestamp::EPOCH).variant == Variant::Treatment {
                prop_assert_eq!(split.assign(camera, large, Timestamp::EPOCH).variant, Variant::Treatment);
            }
            prop_assert_eq!(split.assign(camera, Share::NONE, Timestamp::EPOCH).variant, Variant::Control);
            prop_assert_eq!(split.assign(camera, Share::ALL, Timestamp::EPOCH).variant, Variant::Treatment);
        }
        if listed {
            let treated = |share| {
                cameras.iter().filter(|c| split.assign(c, share, Timestamp::EPOCH).variant == Variant::Treatment).count()
            };
            let wanted = small.value() * cameras.len() as f64;
            prop_assert!((treated(small) as f64 - wanted).abs() <= 0.5);
        }
    }
}
