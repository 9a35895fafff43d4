use super::*;

const WHOLE: &str = r#"{
    "id": "porch/1", "scenario": "porch", "note": "a parcel is left",
    "expected": {"score": {"min": 10, "max": 35.5}, "level": "low"},
    "answers": {
        "a": {"text": "{\"risk_score\": 12}", "latency_ms": 812},
        "b": {"risk_score": 20, "risk_level": "medium"},
        "c": {"error": "timed out", "latency_ms": 30000}
    }
}"#;

fn faults(json: &str) -> String {
    Case::parse(json).unwrap_err().to_string()
}

/// The faults of [`WHOLE`] with one part of it replaced.
fn faults_with(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    faults(&WHOLE.replace(from, to))
}

#[test]
fn a_case_is_read_whole() {
    let case = Case::parse(WHOLE).unwrap();
    assert_eq!((case.id.as_str(), case.scenario.as_str()), ("porch/1", "porch"));
    assert_eq!(case.note.as_deref(), Some("a parcel is left"));
    assert_eq!(case.expected, Expected { score: 10.0..=35.5, level: Level::Low });
    let answer = |key: &str| case.answers[&key.parse().unwrap()].clone();
    assert_eq!(answer("a").said, Said::Text("{\"risk_score\": 12}".to_owned()));
    assert_eq!(answer("a").latency_ms, Some(812.0));
    let judged = Said::Judged { score: 20.0, level: Level::Medium };
    assert_eq!(answer("b"), CaseAnswer { said: judged, latency_ms: None });
    assert_eq!(answer("c").said, Said::Failed("timed out".to_owned()));
}

#[test]
fn a_case_without_a_scenario_is_its_own() {
    let case = Case::parse(&WHOLE.replace("\"scenario\": \"porch\", ", "")).unwrap();
    assert_eq!(case.scenario, "porch/1");
}

#[test]
fn every_fault_names_field_value_and_range() {
    let many = WHOLE
        .replace("\"min\": 10", "\"min\": -1")
        .replace("\"low\"", "\"Low\"")
        .replace("812", "600001")
        .replace("20,", "\"20\",");
    assert_eq!(
        faults(&many),
        "4 faults\n  \
         expected.score.min is -1, allowed: a number from 0 to 100\n  \
         expected.level is \"Low\", allowed: low | medium | high | critical\n  \
         answers.a.latency_ms is 600001, allowed: a number from 0.001 to 600000\n  \
         answers.b.risk_score is \"20\", allowed: a number from 0 to 100"
    );
}

#[test]
fn what_is_missing_is_named() {
    let missing = faults("{}");
    for field in ["id", "expected", "score", "level", "answers"] {
        assert!(missing.contains(field), "{field}: {missing}");
    }
    let fault = faults_with("\"min\": 10, ", "");
    assert_eq!(fault, "1 fault\n  expected.score.min is missing, allowed: a number from 0 to 100");
    let fault = faults_with(", \"risk_level\": \"medium\"", "");
    assert!(fault.contains("answers.b.risk_level is missing"), "{fault}");
    let fault = faults_with("\"risk_score\": 20, ", "");
    assert!(fault.contains("answers.b.risk_score is missing"), "{fault}");
    let fault = faults_with("\"error\": \"timed out\", ", "");
    assert!(fault.contains("answers.c holds no answer, allowed: either text"), "{fault}");
}

#[test]
fn what_is_too_much_is_refused() {
    for (from, to, fault) in [
        ("\"note\"", "\"nota\"", "nota is not a known key"),
        ("\"level\"", "\"lever\"", "expected.lever is not a known key"),
        ("\"error\"", "\"text\": \"{}\", \"error\"", "answers.c holds more than one answer"),
        (
            "\"min\": 10",
            "\"min\": 36",
            "expected.score.min is 36, allowed: at most max, which is 35.5",
        ),
        ("\"porch/1\"", "\"porch 1\"", "id is \"porch 1\", allowed: a text of 1 to 128"),
        ("\"a\": {\"text\"", "\"a b\": {\"text\"", "answers.a b is no prompt version key"),
        (
            "{\"min\": 10, \"max\": 35.5}",
            "[10, 35.5]",
            "expected.score is a list, allowed: a table",
        ),
    ] {
        let found = faults_with(from, to);
        assert!(found.contains(fault), "{found}");
    }
}

#[test]
fn fields_that_come_twice_are_refused() {
    let fault = faults_with("\"b\": {\"risk", "\"a\": {\"risk");
    assert!(fault.contains("the field \"a\" comes twice"), "{fault}");
    for json in ["", "[]", "7", "{} {}", "{\"id\":", "\u{0}"] {
        assert!(matches!(Case::parse(json), Err(ParseError::Json(_))), "{json:?}");
    }
}

/// As pandas and Python's `json` write a cell without a value.
#[test]
fn null_and_nan_are_no_value() {
    for nothing in ["null", "NaN", "Infinity", "-Infinity"] {
        let with = |from: &str, field: &str| {
            Case::parse(&WHOLE.replace(from, &format!("\"{field}\": {nothing}"))).unwrap()
        };
        assert_eq!(with("\"note\": \"a parcel is left\"", "note").note, None);
        let case = with("\"latency_ms\": 812", "latency_ms");
        assert_eq!(case.answers[&"a".parse().unwrap()].latency_ms, None);
        let case = WHOLE
            .replace("\"risk_score\": 20", &format!("\"error\": {nothing}, \"risk_score\": 20"));
        assert_eq!(Case::parse(&case).unwrap(), Case::parse(WHOLE).unwrap());
        let fault = faults_with("\"risk_score\": 20", &format!("\"risk_score\": {nothing}"));
        assert!(fault.contains("answers.b.risk_score is missing"), "{fault}");
    }
    assert_eq!(
        Case::parse(&WHOLE.replace("812", "null")).unwrap().note.unwrap(),
        "a parcel is left"
    );
}

#[test]
fn an_answer_that_is_null_is_asked_about() {
    let fault = faults_with("{\"error\": \"timed out\", \"latency_ms\": 30000}", "null");
    assert!(fault.contains("answers.c is null, allowed: an object with error"), "{fault}");
}

#[test]
fn sizes_are_bounded() {
    let long = "x".repeat(NOTE_BYTES_MAX + 1);
    let fault = faults_with("a parcel is left", &long);
    assert_eq!(fault, "1 fault\n  note is 1001 bytes long, allowed: at most 1000");
    assert!(faults_with("timed out", &long).contains("answers.c.error is 1001 bytes long"));
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let fault = faults_with("\"{\\\"risk_score\\\": 12}\"", &format!("\"{long}\""));
    assert!(fault.contains("answers.a.text is 65537 bytes long"), "{}", &fault[..200]);
    let answer = |i: usize| format!("\"p{i}\": {{\"error\": \"no\"}}");
    let answers = |count: usize| (0..count).map(answer).collect::<Vec<_>>().join(", ");
    let of = |count| {
        format!(
            r#"{{"id": "a", "expected": {{"score": {{"min": 0, "max": 0}}, "level": "low"}}, "answers": {{{}}}}}"#,
            answers(count)
        )
    };
    assert!(Case::parse(&of(ANSWERS_MAX)).is_ok());
    assert!(faults(&of(ANSWERS_MAX + 1)).contains("answers holds 33 answers, allowed: 1 to 32"));
    assert!(faults(&of(0)).contains("answers holds 0 answers"));
    // Too deep for the stack is refused before the stack ends.
    assert!(Case::parse(&"{\"a\":".repeat(100_000)).is_err());
}
