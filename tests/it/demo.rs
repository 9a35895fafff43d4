//! The demonstration comes true, whatever story it tells.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::command::run;

fn demonstrated(harm: &str) -> String {
    let ran = run(&["demo", "--harm", harm]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("through 2 kills: 0 records lost, 0 counted twice, 0 cameras moved"),
        "{}",
        ran.out
    );
    assert_eq!(ran.out.matches("kill -9").count(), 2, "{}", ran.out);
    ran.out
}

#[test]
fn false_alarms_latency_and_errors_are_rolled_back() {
    for (harm, said) in [
        ("fp", "rolled_back  False alarms rose by"),
        ("latency", "rolled_back  "),
        ("errors", "rolled_back  Errors rose by"),
    ] {
        let out = demonstrated(harm);
        assert!(out.contains(said), "{out}");
        assert!(out.contains("fail"), "the evidence: {out}");
    }
}

#[test]
fn what_is_no_better_is_held_at_its_end_as_its_definition_says() {
    let out = demonstrated("none");
    assert!(out.contains("ab (expired) The A/B test is over"), "{out}");
    assert!(out.contains("cameras get: expired"), "{out}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let told = |seed: &str| {
        let ran = run(&["demo", "--seed", seed, "--cameras", "30"]);
        let steps = ran.out.lines().filter(|line| line.contains("day ") && !line.contains("kill"));
        steps.map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(told("3"), told("3"));
    assert_ne!(told("3"), told("4"));
}

#[test]
fn four_cameras_are_decided_by_what_one_person_answers() {
    let ran = run(&["demo", "--small"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let (eager, calm) = ran.out.split_once("\nv2_calm: ").expect("two stories");
    assert!(eager.contains("rolled_back  The review of"), "{eager}");
    assert!(eager.contains("says more false alarms"), "{eager}");
    assert!(!eager.contains("(treatment: 1") && !eager.contains("(treatment: 2"), "{eager}");
    assert!(calm.contains("ab           The review of"), "{calm}");
    assert!(calm.contains("says fewer false alarms, proved"), "{calm}");
    assert!(calm.contains("full ") && calm.contains("(treatment: 4 of 4 cameras)"), "{calm}");

    let refused = run(&["demo", "--small", "--cameras", "30"]);
    assert_eq!(refused.code, 2, "{}", refused.out);
}

#[test]
fn a_small_demonstration_ends_well_whatever_its_seed() {
    for seed in 1..=5 {
        let ran = run(&["demo", "--small", "--seed", &seed.to_string()]);
        assert_eq!(ran.code, 0, "{seed}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn its_page_goes_on_until_it_is_told_to_end() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_tidegate-under-test"))
        .args(["demo", "--page"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map_while(Result::ok);
    let page = lines.find_map(|line| line.strip_prefix("The page: ").map(str::to_owned));
    let page = page.expect("an address");
    let agent = ureq::Agent::new_with_defaults();
    let text = agent.get(&page).call().unwrap().into_body().read_to_string().unwrap();
    assert!(text.contains("nemotron_prompt_v2") && text.contains("Rolled back"), "{text}");
    let told = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(told.success() && demo.wait().unwrap().success());
    assert!(agent.get(&page).call().is_err(), "the daemon ended with it");
}
