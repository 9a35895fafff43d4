//! Data sets that are none: each is refused with exit code 2, the place, the field, the value and what is allowed.

use super::*;

fn refused(lines: &[String]) -> String {
    let (_folder, path) = written(lines);
    let ran = evaluate(&path, &KEYS);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    ran.err
}

#[test]
fn every_fault_has_its_line_field_value_and_range() {
    let good = |number| case(number, "s", &right(), &right());
    let lines = [
        good(0),
        good(1).replace("\"max\":60", "\"max\":101"),
        String::new(),
        good(2).replace("\"level\":\"medium\"", "\"level\":\"grave\",\"colour\":\"red\""),
        good(1).replace("case-1", "case-0"),
        "{\"id\": \"x\"".to_owned(),
        good(3).replace("100", "0"),
    ];
    let err = refused(&lines);
    let told: Vec<&str> = err.lines().skip(1).collect();
    assert_eq!(
        told,
        [
            "line 2: 1 fault",
            "  expected.score.max is 101, allowed: a number from 0 to 100",
            "line 4: 2 faults",
            "  expected.level is \"grave\", allowed: low | medium | high | critical",
            "  expected.colour is not a known key, allowed: score, level",
            "line 5: id is \"case-0\", as in line 1, allowed: an id of its own",
            "line 6: not valid JSON: it ends within a value (column 10)",
            "line 7: 2 faults",
            "  answers.a.latency_ms is 0, allowed: a number from 0.001 to 600000",
            "  answers.b.latency_ms is 0, allowed: a number from 0.001 to 600000",
        ]
    );
    assert!(
        err.lines().next().unwrap().ends_with("cases.jsonl has 5 cases that are not valid"),
        "{err}"
    );
}

#[test]
fn bytes_of_any_kind_are_refused_and_break_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.jsonl");
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(2_000_000)).into_bytes();
    let deep = "[".repeat(500_000).into_bytes();
    let esc = b"{\"id\":\"\\u001b[2J\",\"\\u001b[31m\":1}".to_vec();
    let inputs: [&[u8]; 9] =
        [b"", b"\n\n", b"\xff\xfe{}", b"null", b"[]", b"{}{}", &long, &deep, &esc];
    for input in inputs {
        std::fs::write(&path, input).unwrap();
        let ran = evaluate(&path, &KEYS);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("allowed") || ran.err.contains("not valid JSON"), "{}", ran.err);
        assert!(!ran.err.contains('\u{1b}') && ran.err.len() < 2_000, "{}", ran.err);
    }
}

#[test]
fn no_more_than_twenty_faults_are_told() {
    let lines: Vec<String> = (0..1_000).map(|_| "{}".to_owned()).collect();
    let err = refused(&lines);
    assert!(err.contains("has 20 cases that are not valid; the rest was not read"), "{err}");
    assert!(err.lines().count() < 150, "{}", err.lines().count());
}

#[test]
fn a_set_that_is_too_large_is_refused() {
    let lines: Vec<String> =
        (0..=100_000).map(|number| case(number, "s", &wrong(), &right())).collect();
    assert!(refused(&lines).contains("is too large, allowed: 100000 cases and 256 MiB"));
}

#[test]
fn a_prompt_without_answers_is_named_with_those_that_have_some() {
    let (_folder, path) = written(&set(6, 5, 5, 20));
    let ran = evaluate(&path, &["--control", "a", "--treatment", "c"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("no case has an answer of `c`, there are answers of: a, b"),
        "{}",
        ran.err
    );
    let ran = evaluate(&path, &["--control", "a", "--treatment", "a"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("both `a`, allowed: two different"), "{}", ran.err);
}

#[test]
fn arguments_that_say_too_little_or_too_much_are_refused() {
    let (_folder, path) = written(&set(6, 5, 5, 20));
    let path = path.to_str().unwrap();
    for (arguments, told) in [
        (
            vec!["evaluate", path],
            "--control is missing, allowed: --control KEY and --treatment KEY",
        ),
        (vec!["evaluate", path, "--control", "a"], "--treatment is missing"),
        (vec!["evaluate", "--control", "a", "--treatment", "b"], "DATASET is missing"),
        (vec!["evaluate", "--preset", "production"], "DATASET is missing"),
        (vec!["evaluate", path, "--preset", "cot"], "`cot` is no preset, allowed: production |"),
        (vec!["evaluate", path, "--metric", "speed"], "`speed` is no metric, allowed: json_parse"),
        (vec!["evaluate", path, "--resamples", "99"], "99 is not in 100..=1000000"),
        (vec!["evaluate", path, "--control", "a b"], "has the character ' '"),
        (
            vec!["evaluate", path, "--preset", "production", "--experiment", "x"],
            "cannot be used with",
        ),
        (
            vec!["evaluate", "/nowhere.jsonl", "--preset", "production"],
            "cannot read /nowhere.jsonl",
        ),
    ] {
        let ran = run(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_folder_is_refused_file_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let ran = evaluate(folder.path(), &KEYS);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("has no case, allowed: at least one"), "{}", ran.err);
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("in/b.json"), "{\n \"id\": \"b\",\n \"id\": \"b\"\n}")
        .unwrap();
    std::fs::write(folder.path().join("a.json"), case(1, "s", &right(), &right())).unwrap();
    let ran = evaluate(folder.path(), &KEYS);
    let fault = "in/b.json: not valid JSON: the field \"id\" comes twice (line 3, column";
    assert!(ran.code == 2 && ran.err.contains(fault), "{}", ran.err);
    // A link that leads back is not followed.
    #[cfg(unix)]
    {
        std::fs::remove_file(folder.path().join("in/b.json")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("in/back")).unwrap();
        let ran = evaluate(folder.path(), &KEYS);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
}

#[test]
fn hidden_files_of_a_folder_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3 {
        let path = folder.path().join(format!("{number}.json"));
        std::fs::write(path, case(number, "s", &right(), &right())).unwrap();
    }
    // As macOS leaves beside each file of an archive, and notebooks in a folder of their own.
    std::fs::write(folder.path().join("._0.json"), b"\0\x05\x16\x07").unwrap();
    std::fs::create_dir(folder.path().join(".ipynb_checkpoints")).unwrap();
    let ran = evaluate(folder.path(), &KEYS);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("3 cases"), "{}", ran.out);
    assert!(ran.err.contains("has 2 hidden files or folders, left out"), "{}", ran.err);
}
