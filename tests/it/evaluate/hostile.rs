//! Data sets that are none, or too faulty for a verdict: each fault with the place, the field, the value and what is allowed.

use super::*;

/// What is told of a data set of which too much is faulty.
fn rejected(lines: &[String]) -> String {
    let (_folder, path) = written(lines);
    let ran = evaluate(&path, &KEYS);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.starts_with("tidegate: no verdict, as too much was rejected: "), "{}", ran.err);
    assert!(!ran.out.contains("against"), "{}", ran.out);
    ran.out
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
    let told = rejected(&lines);
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "  cases: 6 read, 5 rejected",
            "  rejected for form: 1 (unknown 1)",
            "  rejected for id: 1 (unknown 1)",
            "  rejected for expected: 2 (unknown 2)",
            "  rejected for answers: 1 (unknown 1)",
            "  line 2: 1 fault",
            "    expected.score.max is 101, allowed: a number from 0 to 100",
            "  line 4: 2 faults",
            "    expected.level is \"grave\", allowed: low | medium | high | critical",
            "    expected.colour is not a known key, allowed: score, level",
            "  line 5: id is \"case-0\", as in line 1, allowed: an id of its own",
            "  line 6: not valid JSON: ends at column 10, within a value",
            "  line 7: 2 faults",
            "    answers.a.latency_ms is 0, allowed: a number from 0.001 to 600000",
            "    answers.b.latency_ms is 0, allowed: a number from 0.001 to 600000",
        ]
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
        let told = format!("{}{}", ran.out, ran.err);
        assert!(matches!(ran.code, 1 | 2), "{told}");
        assert!(told.contains("allowed") || told.contains("not valid JSON"), "{told}");
        assert!(!told.contains('\u{1b}') && told.len() < 2_000, "{told}");
    }
}

#[test]
fn no_more_than_twenty_faults_are_told() {
    let lines: Vec<String> = (0..1_000).map(|_| "{}".to_owned()).collect();
    let told = rejected(&lines);
    assert!(told.contains("cases: 1000 read, 1000 rejected"), "{told}");
    assert!(told.ends_with("  and 980 more\n"), "{told}");
    assert!(told.lines().count() < 150, "{}", told.lines().count());
}

#[test]
fn a_set_that_is_too_large_is_refused() {
    let lines: Vec<String> =
        (0..=100_000).map(|number| case(number, "s", &wrong(), &right())).collect();
    let (_folder, path) = written(&lines);
    let ran = evaluate(&path, &KEYS);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains("is too large, allowed: 100000 cases and 256 MiB"), "{}", ran.err);
}

/// 200 cases, of which so many have a fault in the treatment's answer.
fn faulty_treatment(count: usize) -> Vec<String> {
    let mut lines = set(10, 60, 20, 120);
    for line in &mut lines[..count] {
        let (before, after) = line.split_once("\"b\":").unwrap();
        assert!(after.contains("\"risk_score\":50"), "{after}");
        *line = format!(
            "{before}\"b\":{}",
            after.replace("\"risk_score\":50", "\"risk_score\":\"fifty\"")
        );
    }
    lines
}

#[test]
fn a_verdict_stands_beside_what_was_rejected_and_by_whom() {
    let (_folder, path) = written(&faulty_treatment(2));
    let answer = evaluated(&path, &KEYS);
    assert_eq!((&answer["cases"], &answer["verdict"]), (&json!(198), &json!("better")));
    let by_variant = json!({"control": 0, "treatment": 2, "unknown": 0});
    assert_eq!(answer["counts"]["rejected_by"], json!({"answers": by_variant}));
    assert_eq!(
        (&answer["counts"]["read"], &answer["counts"]["rejected"]),
        (&json!(200), &json!(2))
    );
    let report = tempfile::tempdir().unwrap();
    let ran =
        evaluate(&path, &[&KEYS[..], &["--report", report.path().to_str().unwrap()]].concat());
    let told = "rejected for answers: 2 (treatment 2)";
    assert!(ran.out.contains(told), "{}", ran.out);
    assert!(ran.out.contains("b.risk_score is \"fifty\", allowed: a number"), "{}", ran.out);
    let page = std::fs::read_to_string(report.path().join("report.html")).unwrap();
    assert!(page.contains(told));
}

#[test]
fn no_verdict_is_given_where_more_was_rejected_than_is_allowed() {
    let (_folder, path) = written(&faulty_treatment(3));
    let ran = evaluate(&path, &KEYS);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let why = "1.5 % of the cases (3 of 200), 1.5 % of the treatment's answers (3 of 200); allowed: 1 % (--rejected-max)";
    assert!(ran.err.contains(why), "{}", ran.err);
    let ran = evaluate(&path, &[&KEYS[..], &["--format", "json"]].concat());
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(answer["no_verdict"].as_str().unwrap().contains(why), "{answer}");
    assert_eq!((&answer["counts"]["rejected"], &answer["verdict"]), (&json!(3), &Value::Null));
    for (max, code) in
        [("1.5%", 0), ("2", 0), ("100", 0), ("1.4 %", 1), ("0", 1), ("101", 2), ("0.02", 2)]
    {
        let ran = evaluate(&path, &[&KEYS[..], &["--rejected-max", max]].concat());
        assert_eq!(ran.code, code, "{max}: {}", ran.err);
    }
    // A share is not taken for a percent, which is a hundredth of it.
    let ran = evaluate(&path, &[&KEYS[..], &["--rejected-max", "0.02"]].concat());
    assert!(ran.err.contains("`0.02` is 0.02 % or, as a share, 2 %: allowed"), "{}", ran.err);
}

/// Cases as the tools write them that people have.
#[test]
fn cases_are_read_as_their_tools_write_them() {
    let plain = set(6, 5, 5, 20).join("\n");
    let with = |from: &str, to: &str| plain.replace(from, to).into_bytes();
    for (tool, text) in [
        ("Python json.dumps of a mark's file", format!("\u{feff}{plain}").into_bytes()),
        ("Windows: CRLF", with("\n", "\r\n")),
        ("an old editor of the Mac: CR alone", with("\n", "\r")),
        (
            "pandas to_json(lines=True): null where there is nothing",
            with("\"latency_ms\":100", "\"latency_ms\":null,\"error\":null"),
        ),
        ("Python json.dumps(float('nan'))", with("\"latency_ms\":100", "\"latency_ms\":NaN")),
    ] {
        let (_folder, path) = written(&[]);
        std::fs::write(&path, text).unwrap();
        let answer = evaluated(&path, &KEYS);
        assert_eq!(answer["cases"], 30, "{tool}");
        assert_eq!(answer["answers"]["treatment"]["parsed"], 30, "{tool}");
        let nan = if tool.contains("nan") { 60 } else { 0 };
        assert_eq!(answer["counts"]["no_value"], nan, "{tool}");
    }
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (tool, text, told) in [
        ("gzip", b"\x1f\x8b\x08\0".to_vec(), "is compressed by gzip"),
        ("PowerShell's >", utf16, "is UTF-16"),
        ("json.dump of a list", format!("[{}]", plain.replace('\n', ",")).into(), "is a list; one object is allowed, as from jq -c '.[]'"),
        ("json.dump(indent=2)", b"{\n  \"id\": \"a\"\n}\n".to_vec(), "is an object over several lines"),
        ("print of a dict", b"{'id': 'a'}".to_vec(), "has names in single quotes, as Python prints them"),
        ("a model's NaN score", with("\"risk_score\":50", "\"risk_score\":NaN"), "a.risk_score is missing"),
        ("None for an answer", b"{\"id\": \"a\", \"expected\": {\"score\": {\"min\": 1, \"max\": 2}, \"level\": \"low\"}, \"answers\": {\"a\": null}}".to_vec(), "answers.a is null, allowed: an object with error"),
    ] {
        let (_folder, path) = written(&[]);
        std::fs::write(&path, text).unwrap();
        let ran = evaluate(&path, &KEYS);
        assert!(ran.code > 0, "{tool}: {}", ran.out);
        assert!(ran.out.contains(told) || ran.err.contains(told), "{tool}: {}{}", ran.out, ran.err);
    }
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
    assert!(ran.code == 1 && ran.out.contains(fault), "{}{}", ran.out, ran.err);
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
    assert!(ran.out.contains("  hidden files or folders, left out: 2\n"), "{}", ran.out);
}
