//! Assignment is the same in every process, and the same as anybody else's XXH3.

use serde_json::Value;
use system_tests::fake_daemon::{FakeDaemon, Reply};
use tidegate_engine::assignment::{Assignment, Group, SaltedHash, ServeReason, Split};
use tidegate_engine::id::CameraId;
use tidegate_engine::number::Share;
use tidegate_engine::time::{Block, Timestamp};
use tidegate_engine::variant::Variant;

use crate::command::{run, run_with_input};

fn vectors() -> Value {
    let path = system_tests::repository("tests/vectors/assignment.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// No split but a switchback looks at the time.
const NOW: Timestamp = Timestamp::EPOCH;

#[test]
fn the_engine_agrees_with_another_implementation_on_every_vector() {
    let vectors = vectors();
    let shares: Vec<f64> =
        vectors["shares"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 1_000, "{} cases", cases.len());
    let mut lengths = std::collections::BTreeSet::new();
    for case in cases {
        let salt = case["salt"].as_str().unwrap().parse().unwrap();
        let camera: CameraId = case["camera_id"].as_str().unwrap().parse().unwrap();
        let split = Split::new(&salt, &[], &[], None, None);
        assert_eq!(split.hash(&camera).to_string(), case["hash"].as_str().unwrap(), "{case}");
        for share in &shares {
            let treated =
                case["treated_at"].as_array().unwrap().iter().any(|s| s.as_f64() == Some(*share));
            let expected = if treated { Variant::Treatment } else { Variant::Control };
            let assigned = split.assign(&camera, Share::new(*share).unwrap(), NOW);
            assert_eq!(assigned.variant, expected, "{case} at {share}");
        }
        lengths.insert(camera.as_str().len());
    }
    assert_eq!(lengths, (1..=128).collect());
}

#[test]
fn the_parts_of_a_group_are_those_of_another_implementation() {
    let path = system_tests::repository("tests/vectors/group.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 500, "{} cases", cases.len());
    let bound = |share: &Value| Share::new(share.as_f64().unwrap()).unwrap();
    for case in cases {
        let camera: CameraId = case["camera_id"].as_str().unwrap().parse().unwrap();
        let name = case["group"].as_str().unwrap().parse().unwrap();
        let mut group = Group { name, from: Share::NONE, to: Share::ALL };
        for part in vectors["parts"].as_array().unwrap() {
            (group.from, group.to) = (bound(&part[0]), bound(&part[1]));
            let expected = case["parts"].as_array().unwrap().contains(part);
            assert_eq!(group.has(&camera), expected, "{case} in {part}");
        }
    }
}

#[test]
fn who_is_in_a_part_of_a_group_says_nothing_of_who_is_treated_in_it() {
    // Salt and group of one name would be one hash, if they were seeded alike.
    let (salt, name) = ("door".parse().unwrap(), "door".parse().unwrap());
    let half = Share::new(0.5).unwrap();
    let group = Group { name, from: Share::NONE, to: half };
    let split = Split::new(&salt, &[], &[], None, Some(&group));
    let mut counts = [0; 3];
    for number in 0..10_000 {
        let camera = format!("camera-{number}").parse().unwrap();
        let Assignment { variant, reason } = split.assign(&camera, half, NOW);
        counts[match (reason, variant) {
            (ServeReason::OutsideGroup, Variant::Control) => 0,
            (ServeReason::Split, Variant::Control) => 1,
            (ServeReason::Split, Variant::Treatment) => 2,
            other => panic!("{other:?}"),
        }] += 1;
    }
    // Within five standard deviations of 5,000, 2,500 and 2,500.
    for (count, expected) in counts.into_iter().zip([5_000_i32, 2_500, 2_500]) {
        assert!((count - expected).abs() < 250, "{counts:?}");
    }
}

#[test]
fn names_of_cameras_have_the_ids_and_hashes_of_another_implementation() {
    let path = system_tests::repository("tests/vectors/cameras.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let names: Vec<&str> = cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
    let arguments = ["assign", "--salt", "door", "--share", "0.5", "--format", "json"];
    let ran = run_with_input(&arguments, names.join("\n").as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out.lines().count(), cases.len());
    for (line, case) in ran.out.lines().zip(cases) {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!(answer["camera_id"], case["camera_id"]);
        assert_eq!(answer["hash"], case["hash"], "{case}");
    }
    // The line of the docs is the same mapping in JavaScript.
    let script = format!(
        "const id = {}; for (const name of {}) console.log(id(name))",
        javascript(),
        serde_json::json!(
            names
                .iter()
                .filter(|name| !name.contains("% ") && !name.ends_with('%'))
                .collect::<Vec<_>>()
        )
    );
    let Ok(ran) = std::process::Command::new("node").args(["-e", &script]).output() else {
        return system_tests::skipped("no node on this machine");
    };
    let ids = cases
        .iter()
        .filter(|case| {
            !case["name"].as_str().unwrap().contains("% ")
                && !case["name"].as_str().unwrap().ends_with('%')
        })
        .map(|case| case["camera_id"].as_str().unwrap());
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(told.lines().eq(ids), "{told}{}", String::from_utf8_lossy(&ran.stderr));
}

/// The mapping in JavaScript, as docs/concepts.md shows it.
fn javascript() -> String {
    let page = std::fs::read_to_string(system_tests::repository("docs/concepts.md")).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("const id = "));
    line.unwrap().trim_end_matches(';').to_owned()
}

#[test]
fn the_command_gives_one_json_object_for_each_camera_on_standard_input() {
    let arguments =
        ["assign", "--salt", "nemotron_prompt_v2", "--share", "0.95", "--format", "json"];
    let ran = run_with_input(&arguments, b"front_door\nback_yard\r\n\n");
    // The hashes are the first two vectors'.
    assert_eq!(
        ran.out,
        "{\"camera_id\":\"front_door\",\"hash\":\"f7f8238c4253b6c8\",\"variant\":\"control\",\"reason\":\"split\"}\n\
         {\"camera_id\":\"back_yard\",\"hash\":\"ad7a00eb348ec4ac\",\"variant\":\"treatment\",\"reason\":\"split\"}\n"
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(run_with_input(&arguments, b"front_door\nback_yard\r\n\n").out, ran.out);
}

#[test]
fn an_experiment_file_brings_its_salt_share_and_overrides() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("experiment.toml");
    let text = "key = \"k\"\ncontrol = \"a\"\ntreatment = \"b\"\nsalt = \"nemotron_prompt_v2\"\n\
                ab.treatment_percentage = 0.95\nassignment.overrides = { lab = \"treatment\" }\n";
    std::fs::write(&file, text).unwrap();
    let ran = run(&["assign", "--experiment", file.to_str().unwrap(), "lab", "front_door"]);
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0][2..], ["treatment", "override"]);
    assert_eq!(lines[1], ["front_door", "f7f8238c4253b6c8", "control", "split"]);
}

#[test]
fn a_camera_id_that_is_none_is_named_with_its_line_and_the_others_are_answered() {
    let arguments = ["assign", "--salt", "s", "--share", "1"];
    let ran = run_with_input(&arguments, b"ok\nnot\tok\n\xff\nfine\n");
    assert_eq!(ran.out.lines().count(), 2);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("line 2: camera id `not\\tok` has the character '\\t'"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("line 3: camera id"), "{}", ran.err);
}

#[test]
fn a_share_that_is_none_is_refused_with_its_range() {
    for share in ["1.5", "NaN", "-inf", "-0.1", "half"] {
        let ran = run(&["assign", "--salt", "s", &format!("--share={share}"), "door"]);
        assert_eq!(ran.code, 2, "{share}");
        assert!(ran.err.contains("allowed: 0 to 1"), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
    assert_eq!(run(&["assign", "--share", "0.5", "door"]).code, 2);
}

#[test]
fn a_balanced_split_sends_unknown_cameras_by_hash() {
    let salt = "s".parse().unwrap();
    let listed: Vec<CameraId> = (0..7).map(|i| format!("c{i}").parse().unwrap()).collect();
    let (balanced, hashed) =
        (Split::new(&salt, &[], &listed, None, None), Split::new(&salt, &[], &[], None, None));
    let half = Share::new(0.5).unwrap();
    for i in 100..200 {
        let unknown: CameraId = format!("c{i}").parse().unwrap();
        assert_eq!(balanced.assign(&unknown, half, NOW), hashed.assign(&unknown, half, NOW));
    }
    let treated =
        listed.iter().filter(|c| balanced.assign(c, half, NOW).variant == Variant::Treatment);
    assert_eq!(treated.count(), 4, "half of seven, rounded up");
}

#[test]
fn a_switchback_hashes_camera_and_block() {
    // Computed by PyPI xxhash 4.1.0 for `camera#block`; the longest id and the last block of all.
    let longest = "a".repeat(128);
    for (salt, camera, block, expected) in [
        ("nemotron_prompt_v2", "front_door", 0, "0ba579ff9125777a"),
        ("nemotron_prompt_v2", "front_door", 492_432, "d23d4034c455b450"),
        ("s", &longest, u64::MAX, "499b9ca6c07a6ff3"),
        ("s", "cam", 10, "6cca9d731c0ae9e0"),
    ] {
        let hash = SaltedHash::new(&salt.parse().unwrap());
        let hash = hash.of_block(&camera.parse().unwrap(), Block(block));
        assert_eq!(hash.to_string(), expected);
    }
}

#[test]
fn in_a_switchback_every_camera_takes_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turns.toml");
    let text = "key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[assignment]\nsplit = \"switchback\"\n\
                block_minutes = 30\n";
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let without = run(&["assign", "--experiment", path, "door"]);
    assert_eq!(without.code, 2);
    assert!(without.err.contains("give --at"), "{}", without.err);
    let variant = |at: &str| {
        let ran = run(&["assign", "--experiment", path, "--at", at, "door", "--format", "json"]);
        let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        answer["variant"].as_str().unwrap().to_owned()
    };
    let day: Vec<String> = (0..24)
        .map(|hour| {
            let [early, late] =
                [0, 29].map(|minute| variant(&format!("2026-03-01T{hour:02}:{minute:02}:59Z")));
            assert_eq!(early, late, "within one block");
            early
        })
        .collect();
    for name in ["control", "treatment"] {
        let blocks = day.iter().filter(|variant| *variant == name).count();
        assert!((6..=18).contains(&blocks), "{blocks} of 24 blocks are {name}");
    }
}

#[test]
fn a_daemon_is_asked_for_a_thousand_cameras_at_a_time() {
    let camera = |i: usize| format!("site/{i}");
    let answer = |range: std::ops::Range<usize>| {
        let assignments: Vec<Value> = range
            .map(|i| {
                serde_json::json!({"camera_id": camera(i), "experiment": "door", "variant": "treatment",
                    "prompt_version": "v2", "reason": "split", "phase": "ab", "run": 1, "shadow_sample": 0.0})
            })
            .collect();
        Reply::ok(serde_json::json!({ "assignments": assignments }))
    };
    let daemon =
        FakeDaemon::new([answer(0..1_000), answer(1_000..1_002), answer(0..2), answer(1..2)]);
    let url = daemon.url();
    let asked = ["assign", "--key", "door", "--server", &url];
    let input: String = (0..1_002).map(|i| camera(i) + "\n").collect();
    let ran = run_with_input(&asked, input.as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out.lines().count(), 1_002);
    let words: Vec<&str> = ran.out.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(words, ["site/1001", "treatment", "v2", "split"]);
    for count in [1_000, 2] {
        let request = daemon.next();
        assert_eq!(request.line, "POST /v1/experiments/door/assignments");
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["camera_ids"].as_array().unwrap().len(), count);
    }
    let mut named = asked.to_vec();
    named.extend(["site/0", "site/1", "--format", "json"]);
    let ran = run(&named);
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["camera_id"], &last["run"]), (&"site/1".into(), &1.into()));
    // Answers about other cameras than were asked for are nobody's.
    assert_eq!(run(&named).code, 4);
}

#[test]
fn an_answer_has_one_source() {
    for more in [&["--salt", "s", "--share", "1"][..], &["--at", "2026-03-01T12:00:00Z"]] {
        let mut arguments = vec!["assign", "--key", "door", "hall"];
        arguments.extend(more);
        let ran = run(&arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("cannot be used with"), "{}", ran.err);
    }
}
