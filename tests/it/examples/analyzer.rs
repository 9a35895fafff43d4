//! `examples/analyzer`: a rollout from shadow to rollback, and a treatment that hangs without anybody's waiting.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, PATIENCE, Start};
use tempfile::TempDir;
use ureq::Agent;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const CAMERAS: usize = 24;
/// 2026-03-02T08:00:00Z.
const BEGIN_MS: i64 = 1_772_438_400_000;
const HOUR_MS: i64 = 3_600_000;

/// The analyzer in a process of its own; it is killed when dropped.
struct Analyzer {
    child: Child,
    address: String,
    agent: Agent,
}

impl Analyzer {
    /// Started and listening, or nothing where there is no Python with the package, which is said.
    fn start(tidegate: &str, more: &[&str]) -> Option<Self> {
        let script = system_tests::repository("examples/analyzer/analyzer.py");
        let interpreter = crate::python::installed()?;
        let mut child = Command::new(interpreter)
            .args(["-B", script.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .args(["--tidegate", tidegate, "--experiment", "door_v2", "--control", "v1_original"])
            // The daemon's time is driven, and a busy machine is given time to answer.
            .args(["--ready-within-s", "20", "--report-every-s", "0.05", "--clock", "none"])
            .args(more)
            .env_remove("TIDEGATE_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        let address = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{first}"));
        let address = address.to_owned();
        // What is not read would fill the pipe, and then stop the analyzer.
        std::thread::spawn(move || lines.for_each(drop));
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        Some(Self { child, address, agent })
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.address);
        let request = if method == "PUT" { self.agent.put(url) } else { self.agent.post(url) };
        let mut response = request.send(body.to_string()).unwrap();
        let status = response.status();
        let text = response.body_mut().read_to_string().unwrap();
        assert_eq!(status, 200, "{method} {path} {body}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn detect(&self, id: &str, camera: usize, image: &str) -> Value {
        let body = json!({"id": id, "camera_id": format!("camera-{camera}"), "image": image});
        let answer = self.send("POST", "/detections", &body);
        assert_eq!(answer["id"], id);
        assert!(answer["risk_score"].is_number(), "{answer}");
        answer
    }

    fn behave(&self, version: &str, behaviour: &Value) {
        self.send("PUT", &format!("/sample-model/{version}"), behaviour);
    }

    /// Waits until everything is compared and reported.
    fn drain(&self) -> Value {
        self.send("POST", "/drain", &json!({}))
    }

    fn stats(&self) -> Value {
        let mut response = self.agent.get(format!("{}/stats", self.address)).call().unwrap();
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Waits until it heard what cameras get, and why; of one outside of any split.
    fn hears(&self, reason: &str) {
        let patience = PATIENCE.as_millis() / 5;
        for _ in 0..patience {
            if self.stats()["reason"] == reason {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{reason} was not heard: {}", self.stats());
    }

    /// One event on each camera, half of them threats, and what people say of each alert.
    fn round(&self, name: &str, number: usize) -> Vec<Value> {
        let mut answers = Vec::new();
        for camera in 0..CAMERAS {
            let id = format!("{name}-{number}-{camera}");
            let threat = (number + camera).is_multiple_of(2);
            let image = if threat { "a person at the door" } else { "a cat on the wall" };
            let answer = self.detect(&id, camera, image);
            if answer["risk_score"].as_u64().unwrap() >= 60 {
                let label = if threat { "correct" } else { "false_positive" };
                self.send("POST", "/feedback", &json!({"id": id, "label": label}));
            }
            answers.push(answer);
        }
        answers
    }
}

impl Drop for Analyzer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A daemon with the experiment, which needs so many samples, started.
fn daemon(min_samples: u32, more: &str) -> (Daemon, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, folder.path()).ready();
    assert_eq!(daemon.set_time(BEGIN_MS).status, 200);
    let toml = format!(
        "key = \"door_v2\"\ncontrol = \"v1_original\"\ntreatment = \"v2_calibrated\"\n\
         [guardrails]\nmin_samples = {min_samples}\n{more}"
    );
    let defined = daemon.define("door_v2", &toml);
    assert_eq!(defined.status, 201, "{}", defined.text);
    assert_eq!(daemon.act("door_v2", "start").status, 200);
    (daemon, folder)
}

fn status(daemon: &Daemon) -> Value {
    daemon.get("/v1/experiments/door_v2/status").body
}

fn last_step(daemon: &Daemon) -> Value {
    let history = daemon.get("/v1/experiments/door_v2/history").body;
    history["items"].as_array().unwrap().last().unwrap().clone()
}

fn all_are(answers: &[Value], version: &str, reason: &str) {
    for answer in answers {
        assert_eq!(
            (answer["prompt_version"].as_str(), answer["reason"].as_str()),
            (Some(version), Some(reason)),
            "{answer}"
        );
    }
}

#[test]
fn a_rollout_goes_from_shadow_through_its_test_to_a_rollback() {
    let (daemon, _folder) = daemon(50, "[shadow]\nduration_hours = 2\n");
    let Some(analyzer) = Analyzer::start(daemon.address(), &[]) else { return };
    // Shadow: everybody is served the control, and each event is compared.
    for round in 0..10 {
        all_are(&analyzer.round("shadow", round), "v1_original", "shadow");
        // Nothing may find the shadow full, so that the same happens in every run.
        analyzer.drain();
    }
    let compared = status(&daemon)["pairs"]["comparisons"].as_u64();
    assert_eq!(compared, Some(10 * CAMERAS as u64));
    daemon.set_time(BEGIN_MS + 2 * HOUR_MS);
    assert_eq!(status(&daemon)["phase"], "ab", "{}", status(&daemon));
    analyzer.hears("split");
    // The A/B test: some cameras get the treatment, which takes cats for threats.
    analyzer.behave("v2_calibrated", &json!({"false_alarm_share": 0.95}));
    let mut treated = 0;
    let mut rounds = 0;
    while status(&daemon)["phase"] == "ab" {
        rounds += 1;
        assert!(rounds < 60, "{}", status(&daemon));
        daemon.set_time(BEGIN_MS + 2 * HOUR_MS + i64::try_from(rounds).unwrap() * HOUR_MS / 6);
        let answers = analyzer.round("ab", rounds);
        treated += answers.iter().filter(|a| a["prompt_version"] == "v2_calibrated").count();
        let stats = analyzer.drain();
        assert_eq!(stats["reports"]["rejected"].as_u64().unwrap_or(0), 0, "{stats}");
    }
    assert!(treated > 0);
    let step = last_step(&daemon);
    assert_eq!((&step["to"], &step["cause"]), (&json!("rolled_back"), &json!("guardrail")));
    assert!(step["reason"].as_str().unwrap().starts_with("False alarms rose by"), "{step}");
    analyzer.hears("rolled_back");
    // Whatever the treatment would say, nobody is asked to run it.
    all_are(&analyzer.round("after", 0), "v1_original", "rolled_back");
    analyzer.drain();
    // A daemon that is gone changes nothing; heard for no longer, it would mean control, too.
    drop(daemon);
    all_are(&analyzer.round("alone", 0), "v1_original", "rolled_back");
}

/// Latencies as callers saw them, sorted.
#[expect(clippy::disallowed_methods, reason = "what is shown is measured; nothing depends on it")]
fn latencies(analyzer: &Analyzer, name: &str, count: usize) -> Vec<Duration> {
    let mut latencies: Vec<Duration> = (0..count)
        .map(|event| {
            let began = Instant::now();
            let answer = analyzer.detect(&format!("{name}-{event}"), event % CAMERAS, "a cat");
            assert_eq!(answer["prompt_version"], "v1_original");
            began.elapsed()
        })
        .collect();
    latencies.sort();
    latencies
}

#[expect(clippy::print_stderr, reason = "what was measured is worth knowing")]
fn print(name: &str, sorted: &[Duration]) {
    let at = |share: usize| sorted[(sorted.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    eprintln!(
        "{name}: {} answers, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        sorted.len(),
        at(50),
        at(99),
        at(100)
    );
}

#[test]
fn a_treatment_that_hangs_in_shadow_keeps_nobody_waiting() {
    let (daemon, _folder) = daemon(1_000, "");
    // Whoever waited for the treatment would wait for an hour.
    let budget = ["--shadow-limit-s", "3600", "--prompt-limit-s", "3600"];
    let Some(analyzer) = Analyzer::start(daemon.address(), &budget) else { return };
    let count = 400;
    let well = latencies(&analyzer, "well", count);
    let before = analyzer.drain();
    assert_eq!(
        number(&before, "/reports/accepted"),
        count as u64,
        "each is reported once: {before}"
    );

    analyzer.behave("v2_calibrated", &json!({"hangs": true}));
    let hanging = latencies(&analyzer, "hanging", count);
    // Every answer is here, and only controls have ended: all treatments that began still hang.
    let stats = analyzer.stats();
    assert_eq!(number(&stats, "/answered"), 2 * count as u64);
    let since = |pointer: &str| number(&stats, pointer) - number(&before, pointer);
    assert_eq!(since("/model/ended"), count as u64, "{stats}");
    assert_eq!(since("/model/began"), count as u64 + 16, "{stats}");
    assert_eq!(number(&stats, "/shadow/in_flight"), 16, "{stats}");
    assert_eq!(since("/shadow/dropped"), count as u64 - 16, "{stats}");
    print("caller, treatment well   ", &well);
    print("caller, treatment hanging", &hanging);

    // Let go, it answers late, which is no failure.
    analyzer.behave("v2_calibrated", &json!({}));
    let stats = analyzer.drain();
    assert_eq!(number(&stats, "/reports/accepted"), 2 * count as u64, "{stats}");
    let pairs = status(&daemon)["pairs"].clone();
    let compared = 2 * count as u64 - number(&stats, "/shadow/dropped");
    let counted = (number(&pairs, "/comparisons"), number(&pairs, "/treatment_failed"));
    assert_eq!(counted, (compared, 0));
}

#[test]
fn a_treatment_that_hangs_in_shadow_fails_as_far_as_the_budget_goes_and_the_rest_is_dropped() {
    let (daemon, _folder) = daemon(1_000, "");
    let budget = ["--shadow-limit-s", "0.05", "--shadow-in-flight-max", "2"];
    let Some(analyzer) = Analyzer::start(daemon.address(), &budget) else { return };
    analyzer.behave("v2_calibrated", &json!({"hangs": true}));
    let mut count = 0;
    while number(&analyzer.stats(), "/shadow/dropped") < 20 {
        analyzer.detect(&format!("hanging-{count}"), count % CAMERAS, "a cat");
        count += 1;
        assert!(count < 100_000);
    }
    let stats = analyzer.drain();
    // Each is reported once: with the treatment's failure, or as the control's answer alone.
    assert_eq!(number(&stats, "/reports/accepted"), count as u64, "{stats}");
    let failed = count as u64 - number(&stats, "/shadow/dropped");
    let pairs = status(&daemon)["pairs"].clone();
    let counted = (number(&pairs, "/comparisons"), number(&pairs, "/treatment_failed"));
    assert_eq!(counted, (failed, failed));
    // The gate stays shut.
    daemon.set_time(BEGIN_MS + 30 * HOUR_MS);
    assert_eq!(status(&daemon)["phase"], "shadow");
    assert_eq!(analyzer.detect("later", 1, "a cat")["reason"], "shadow");
}

#[test]
fn an_answer_that_is_no_score_is_the_treatments_failure() {
    let (daemon, _folder) = daemon(50, "");
    let Some(analyzer) = Analyzer::start(daemon.address(), &[]) else { return };
    analyzer.behave("v2_calibrated", &json!({"garbles": true}));
    for event in 0..8 {
        analyzer.detect(&format!("event-{event}"), event, "a cat");
    }
    let stats = analyzer.drain();
    assert_eq!(number(&stats, "/reports/accepted"), 8, "{stats}");
    assert_eq!(number(&status(&daemon), "/pairs/treatment_failed"), 8);
}

#[test]
fn no_more_is_compared_than_the_budget_and_the_experiment_say() {
    for (budget, sample) in [("0.25", "1.0"), ("1.0", "0.25")] {
        let (daemon, _folder) = daemon(50, &format!("[shadow]\nsample = {sample}\n"));
        let share = ["--shadow-share-max", budget];
        let Some(analyzer) = Analyzer::start(daemon.address(), &share) else { return };
        for event in 0..200 {
            analyzer.detect(&format!("event-{event}"), event % CAMERAS, "a cat");
            // Nothing may find the shadow full.
            if event % 10 == 9 {
                analyzer.drain();
            }
        }
        let stats = analyzer.drain();
        let comparisons = number(&status(&daemon), "/pairs/comparisons");
        // A quarter of 200, give or take four standard errors.
        assert!((26..=74).contains(&comparisons), "{comparisons}");
        assert_eq!(number(&stats, "/reports/accepted"), 200, "{stats}");
    }
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {value}"))
}

#[test]
fn a_treatment_that_hangs_in_the_test_is_rolled_back_and_every_caller_answered() {
    let (daemon, _folder) = daemon(50, "[shadow]\nduration_hours = 0\n");
    let limit = ["--prompt-limit-s", "1"];
    let Some(analyzer) = Analyzer::start(daemon.address(), &limit) else { return };
    analyzer.behave("v2_calibrated", &json!({"hangs": true}));
    let mut rounds = 0;
    while status(&daemon)["phase"] == "ab" {
        rounds += 1;
        assert!(rounds < 10, "{}", status(&daemon));
        // The control answers in place of the treatment that does not.
        let answers = analyzer.round("hung", rounds);
        assert!(answers.iter().all(|answer| answer["prompt_version"] == "v1_original"));
        analyzer.drain();
    }
    let step = last_step(&daemon);
    assert_eq!(step["cause"], "total_failure", "{step}");
    assert_eq!(step["evidence"]["variants"]["control"]["errors"], 0, "{step}");
}
