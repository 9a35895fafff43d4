//! Prompts that disagree, and people who say which was right.

use tidegate_engine::review::{Direction, ReviewVerdict};

use super::*;

/// A shadow of a day of 8 cameras, of whose events the control alerts on a quarter, falsely on 15 in a hundred.
const WORLD: &str = "[experiment]\npreset = \"production\"\nab.duration_hours = 1\n[experiment.review]\n\
    [fleet]\ncameras = 8\nicc = 0\n[control]\nfp_rate = 0.6\nerror_rate = 0\nalert_rate = 0.25\n\
    [shadow]\nhours = 24\n";

/// Counts the disagreements of a shadow.
struct Disagreements {
    lost: u64,
    gained: u64,
    comparisons: u64,
}

impl Observer for Disagreements {
    const LOOKS: bool = true;

    fn decided(&mut self, _: f64, _: &Decision) {}

    fn looked(&mut self, _: f64, rollout: &Rollout) {
        let (_, window) = rollout.review().unwrap();
        // The gate waits for answers that nobody gives, and comparisons go on.
        if window.queue().is_closed() {
            return;
        }
        self.lost = window.queue().count(Direction::Lost);
        self.gained = window.queue().count(Direction::Gained);
        self.comparisons = rollout.sums().pairs.comparisons();
    }
}

fn world(more: &str) -> World {
    let file = ScenarioFile::parse(&format!("{WORLD}{more}")).unwrap();
    World::new(file.scenarios()[0].clone()).unwrap()
}

#[test]
fn prompts_disagree_where_the_treatment_judges_on_its_own() {
    let mut all = Disagreements { lost: 0, gained: 0, comparisons: 0 };
    let world = world("[treatment]\ndisagreement = 0.4\n");
    for number in 0..20 {
        let mut one = Disagreements { lost: 0, gained: 0, comparisons: 0 };
        run(&world, number, &mut one);
        all.lost += one.lost;
        all.gained += one.gained;
        all.comparisons += one.comparisons;
    }
    // A tenth of the events are threats, on which both alert; of the others each prompt alerts on a sixth.
    let expected = 0.4 * 0.9 * (1.0 / 6.0) * (5.0 / 6.0);
    near(all.lost as f64 / all.comparisons as f64, expected, 0.004);
    near(all.gained as f64 / all.comparisons as f64, expected, 0.004);
}

#[test]
fn nobody_disagrees_with_themselves() {
    let mut one = Disagreements { lost: 0, gained: 0, comparisons: 0 };
    run(&world(""), 0, &mut one);
    assert_eq!((one.lost, one.gained), (0, 0));
    assert!(one.comparisons > 1_000);
}

#[test]
fn people_say_what_the_scenario_lets_them_say() {
    let fewer = "[treatment]\nfp_rate_change = -0.3\ndisagreement = 0.2\n[reviewers]\n";
    let review = |reviewers: &str| {
        run(&world(&format!("{fewer}{reviewers}")), 0, &mut Unobserved).review.unwrap()
    };
    let right = review("cards = 200\n");
    assert_eq!(right.verdict, ReviewVerdict::Promote);
    assert_eq!(right.decided_hours, Some(24.0));
    // Whoever takes each false alarm for a threat sees a treatment that misses them.
    assert_eq!(review("cards = 200\nerror_share = 1.0\n").verdict, ReviewVerdict::RejectMissed);
    let silent = review("cards = 200\nunanswered_share = 1.0\n");
    assert_eq!((silent.verdict, silent.decided_hours), (ReviewVerdict::Open, None));
    let later = review("cards = 20\nevery_hours = 6\n").decided_hours.unwrap();
    assert!(later > 24.0, "{later}");
}
