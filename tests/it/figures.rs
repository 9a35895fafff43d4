//! What a page draws of a rollout: its series, its cameras one by one, and both scores of its shadow.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use tempfile::TempDir;

use crate::command::{Ran, tidegate};

const BEGAN_MS: i64 = 1_772_323_200_000;
const MINUTE_MS: i64 = 60_000;
const FIGURES: [&str; 5] = [
    "series?phase=shadow",
    "series?phase=ab",
    "cameras?window=shadow&sort=score_mean_difference&order=desc",
    "cameras?window=ab&sort=error_rate&limit=3",
    "scores",
];

fn started(toml: &str, arguments: &[&str]) -> (Start, Daemon, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let start =
        Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), folder.path()).with(arguments);
    let daemon = start.ready();
    daemon.set_time(BEGAN_MS);
    assert_eq!(daemon.define("lawn", toml).status, 201);
    assert_eq!(daemon.act("lawn", "start").status, 200);
    (start, daemon, folder)
}

fn experiment(rest: &str) -> String {
    format!("key = \"lawn\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{rest}")
}

fn report(daemon: &Daemon, items: &[Value]) {
    let reply = daemon.post("/v1/observations", &json!(items));
    assert_eq!(
        (reply.status, &reply.body["accepted"]),
        (200, &Value::from(items.len())),
        "{}",
        reply.text
    );
}

fn figure(daemon: &Daemon, what: &str) -> Value {
    let reply = daemon.get(&format!("/v1/experiments/lawn/{what}"));
    assert_eq!(reply.status, 200, "{what}: {}", reply.text);
    reply.body
}

/// Comparisons in shadow, then analyses of what each camera gets; the treatment is slower and fails more.
fn detect(daemon: &Daemon, number: i64) {
    daemon.set_time(BEGAN_MS + number * 2 * MINUTE_MS);
    let camera = format!("camera-{}", number % 12);
    let assigned = daemon.get(&format!("/v1/experiments/lawn/assignments/{camera}")).body;
    let id = format!("event-{number}");
    let said = |more: i64| json!({"latency_ms": 800 + number % 100 + more, "score": (number * 7 + more) % 101});
    let mut item = json!({"type": "comparison", "experiment": "lawn", "id": id, "camera_id": camera,
                          "control": said(0), "treatment": said(60)});
    if number % 9 == 0 {
        item["treatment"] = json!({"error": true});
    }
    if assigned["shadow_sample"] != 1.0 {
        item = json!({"type": "analysis", "experiment": "lawn", "id": id, "camera_id": camera,
                      "variant": assigned["variant"], "latency_ms": 800 + number % 100, "score": number % 101});
    }
    report(daemon, &[item]);
}

#[test]
fn a_kill_changes_no_point_no_camera_and_no_score() {
    let toml = experiment(
        "[shadow]\nduration_hours = 3\ngate = \"manual\"\n[ab]\nsteps = [{ treatment_percentage = 0.2, dwell_hours = 2 }, { treatment_percentage = 0.5, dwell_hours = 30 }]\n\
         [guardrails]\nenabled = false\n",
    );
    let (start, mut daemon, _folder) = started(&toml, &["--snapshot-every", "130"]);
    for number in 1..=240 {
        if number == 100 {
            assert_eq!(daemon.act("lawn", "advance").status, 200);
        }
        detect(&daemon, number);
        if number % 40 == 0 {
            let before = FIGURES.map(|what| figure(&daemon, what));
            daemon.kill();
            daemon = start.ready();
            daemon.set_time(BEGAN_MS + number * 2 * MINUTE_MS);
            assert_eq!(FIGURES.map(|what| figure(&daemon, what)), before, "after {number}");
        }
    }
    let shadow = figure(&daemon, FIGURES[0]);
    let errors = &shadow["guardrails"][0];
    assert_eq!((&errors["guardrail"], &errors["unit"]), (&json!("error_rate"), &json!("points")));
    let points = errors["points"].as_array().unwrap();
    // 99 events in 198 minutes: one in ten minutes, those of the changes of verdicts, and the step at the end.
    assert!((20..40).contains(&points.len()), "{} points", points.len());
    assert_eq!(points[0]["at"], "2026-03-01T00:02:00Z");
    let step = figure(&daemon, "history")["items"][3]["at"].clone();
    assert_eq!(points.last().unwrap()["at"], step);
    let ab = figure(&daemon, FIGURES[1]);
    let began = ab["guardrails"][0]["points"][0]["at"].as_str().unwrap();
    assert!(began > step.as_str().unwrap(), "{began}");
    let scores = figure(&daemon, "scores");
    assert_eq!((&scores["comparisons"], &scores["not_kept"]), (&json!(88), &json!(0)));
    let counted =
        scores["counts"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    assert_eq!(counted.map(|count| count.as_u64().unwrap()).sum::<u64>(), 88);
    assert_eq!(scores["discordant"].as_array().unwrap().len(), 50);
}

#[test]
fn a_camera_is_held_against_itself_where_both_ran_on_it_and_else_against_the_fleet() {
    let toml = experiment("[shadow]\nduration_hours = 0\n");
    let (_start, daemon, _folder) = started(&toml, &[]);
    let reports = |id: &str, camera: &str, variant: &str, latency_ms: u32, score: u8| {
        json!({"type": "analysis", "experiment": "lawn", "id": id, "camera_id": camera, "variant": variant,
               "run": 1, "latency_ms": latency_ms, "score": score})
    };
    let variant = |camera: &str| {
        let path = format!("/v1/experiments/lawn/assignments/{camera}");
        daemon.get(&path).body["variant"].as_str().unwrap().to_owned()
    };
    let cameras: Vec<String> = (0..40).map(|number| format!("camera-{number}")).collect();
    let of = |wanted: &str| {
        cameras.iter().filter(|camera| variant(camera) == wanted).take(2).collect::<Vec<_>>()
    };
    let (control, treatment) = (of("control"), of("treatment"));
    report(
        &daemon,
        &[
            reports("1", control[0], "control", 1_000, 80),
            reports("2", control[1], "control", 2_000, 20),
            reports("3", treatment[0], "treatment", 1_800, 80),
            reports("4", treatment[1], "treatment", 1_200, 40),
            // A camera that was moved while it ran: its own control is what it is held against.
            reports("5", treatment[1], "control", 1_100, 30),
        ],
    );
    let cameras =
        figure(&daemon, "cameras?sort=latency_ms_mean_difference&order=desc")["cameras"].clone();
    let shown: Vec<(&str, &str, f64, f64)> = cameras
        .as_array()
        .unwrap()
        .iter()
        .map(|camera| {
            let difference = |of: &str| camera["difference"][of].as_f64().unwrap();
            (
                camera["camera_id"].as_str().unwrap(),
                camera["compared_with"].as_str().unwrap(),
                difference("latency_ms_mean"),
                difference("score_mean"),
            )
        })
        .collect();
    // The control's mean over the fleet is (1000 + 2000 + 1100) / 3 ms and (80 + 20 + 30) / 3; the treatment's 1500 ms and 60.
    let less = |value: f64, sum: f64| value - sum / 3.0;
    let expected = [
        (treatment[0].as_str(), "fleet", less(1_800.0, 4_100.0), less(80.0, 130.0)),
        (treatment[1].as_str(), "itself", 100.0, 10.0),
        // Those that ran the control alone say nothing of the treatment.
        (control[0].as_str(), "fleet", -500.0, 20.0),
        (control[1].as_str(), "fleet", 500.0, -40.0),
    ];
    for (shown, expected) in shown.iter().zip(expected) {
        assert_eq!((shown.0, shown.1), (expected.0, expected.1), "{cameras}");
        assert!(
            (shown.2 - expected.2).abs() < 1e-9 && (shown.3 - expected.3).abs() < 1e-9,
            "{shown:?}"
        );
    }
    let alone = figure(&daemon, "cameras?window=shadow");
    assert_eq!((&alone["total"], &alone["cameras"][0]["compared_with"]), (&json!(4), &Value::Null));
}

#[test]
fn discordant_events_are_withheld_while_people_answer() {
    let (_start, daemon, _folder) = started(&experiment("[review]\n"), &[]);
    report(
        &daemon,
        &[json!({"type": "comparison", "experiment": "lawn", "id": "e1", "camera_id": "door",
                             "control": {"score": 80}, "treatment": {"score": 10}})],
    );
    let scores = figure(&daemon, "scores");
    assert_eq!((&scores["discordant_withheld"], &scores["discordant"]), (&json!(true), &json!([])));
    assert_eq!(scores["alerted"]["control_only"], 1);
    assert_eq!(daemon.act("lawn", "stop").status, 200);
    let scores = figure(&daemon, "scores");
    assert_eq!(scores["discordant_withheld"], false);
    assert_eq!(scores["discordant"][0]["direction"], "lost");
}

#[test]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "the figure is the point")]
fn ten_thousand_cameras_are_answered_at_once_and_each_is_on_one_page() {
    let (_start, daemon, _folder) = started(&experiment(""), &[]);
    for chunk in 0..10 {
        let items: Vec<Value> = (0..1_000)
            .map(|number| {
                let number = chunk * 1_000 + number;
                json!({"type": "comparison", "experiment": "lawn", "id": format!("e{number}"),
                       "camera_id": format!("camera-{number}"),
                       "control": {"latency_ms": 800, "score": number % 101},
                       "treatment": {"latency_ms": 700 + number % 300, "score": number % 97}})
            })
            .collect();
        report(&daemon, &items);
    }
    let (mut seen, mut after, mut slowest) = (BTreeSet::new(), "0".to_owned(), Duration::ZERO);
    loop {
        let asked = Instant::now();
        let query = format!("cameras?sort=latency_ms_mean_difference&limit=500&after={after}");
        let page = figure(&daemon, &query);
        slowest = slowest.max(asked.elapsed());
        assert_eq!(page["total"], 10_000);
        for camera in page["cameras"].as_array().unwrap() {
            assert!(
                seen.insert(camera["camera_id"].as_str().unwrap().to_owned()),
                "{camera} twice"
            );
        }
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    println!("10,000 cameras in 20 pages, the slowest in {} ms", slowest.as_millis());
    assert_eq!(seen.len(), 10_000);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

/// What a command prints on a terminal of so many columns.
fn on(columns: &str, daemon: &Daemon, arguments: &[&str]) -> String {
    let mut command = tidegate();
    command.args(arguments).args(["--server", daemon.address()]).env("COLUMNS", columns);
    let ran = Ran::from(command.output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
    ran.out
}

#[test]
fn at_eighty_columns_no_row_breaks() {
    let (_start, daemon, _folder) = started(&experiment(""), &[]);
    for number in 1..=120 {
        detect(&daemon, number);
    }
    let long = "north-".repeat(20);
    let toml = experiment("").replace("lawn", &long);
    assert_eq!(daemon.define(&long, &toml).status, 201);
    let commands: [&[&str]; 5] = [
        &["status", "lawn"],
        &["status", "lawn", "--chart"],
        &["status"],
        &["experiment", "list"],
        &["cameras", "lawn", "--sort", "error_rate_difference", "--order", "desc"],
    ];
    for arguments in commands {
        let out = on("80", &daemon, arguments);
        for line in out.lines() {
            assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
        }
    }
    let chart = on("80", &daemon, &["status", "lawn", "--chart", "--phase", "shadow"]);
    for part in ["lawn: run 1, shadow", "error_rate: worse by", "┤", "●", "evidence ", "verdict "]
    {
        assert!(chart.contains(part), "no {part}: {chart}");
    }
    let cameras = on("80", &daemon, &["cameras", "lawn", "--limit", "3"]);
    assert!(cameras.starts_with("lawn: 3 of 12 cameras in shadow, differences\n"), "{cameras}");
    assert_eq!(cameras.lines().count(), 5, "{cameras}");
    assert!(cameras.contains("camera-0   control  both        16"), "{cameras}");
}

#[test]
fn a_watched_page_keeps_phase_and_verdicts_on_a_small_terminal() {
    // From util-linux: it gives a command a terminal.
    if Command::new("script").arg("--version").output().is_err() {
        return system_tests::skipped("`script` is not on this machine");
    }
    let (_start, daemon, _folder) = started(&experiment(""), &[]);
    for number in 1..=120 {
        detect(&daemon, number);
    }
    assert_eq!(daemon.act("lawn", "roll_back").status, 200);
    let watch = format!(
        "stty rows 24 cols 80; exec '{}' status lawn --watch --server {}",
        env!("CARGO_BIN_EXE_tidegate-under-test"),
        daemon.address(),
    );
    let mut script = Command::new("script");
    script.args(["-qec", &watch, "/dev/null"]).env("NO_COLOR", "1").stdin(Stdio::null());
    let ran = Ran::from(script.env_remove("COLUMNS").env_remove("LINES").output().unwrap());
    let screen =
        ran.out.split("\u{1b}[H").last().unwrap().replace("\u{1b}[K", "").replace('\r', "");
    let lines: Vec<&str> = screen.trim_end_matches("\u{1b}[J").lines().collect();
    assert!(lines.len() < 24 && lines.iter().all(|line| line.chars().count() <= 80), "{screen}");
    assert!(screen.contains("  phase    rolled_back"), "{screen}");
    let status = daemon.get("/v1/experiments/lawn/status").body;
    let guardrails = status["guardrails"].as_array().unwrap();
    assert!(!guardrails.is_empty(), "{status}");
    for guardrail in guardrails {
        let (name, verdict) = (&guardrail["guardrail"], guardrail["verdict"].as_str().unwrap());
        let row = lines.iter().find(|line| line.trim_start().starts_with(name.as_str().unwrap()));
        assert!(row.is_some_and(|row| row.ends_with(verdict)), "{name}: {screen}");
    }
}
