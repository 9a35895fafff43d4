//! What schemathesis found, each as a plain test.

use serde_json::json;
use system_tests::daemon::Start;
use system_tests::raw::Request;
use tidegate_spec::ExperimentFile;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// To JSON `98.0` is as whole a number as `98`.
#[test]
fn a_whole_number_may_be_written_with_a_point() {
    let parse = |threshold: &str| {
        let text = format!(
            r#"{{"key": "e", "control": "v1", "treatment": "v2", "alert_threshold": {threshold}}}"#
        );
        ExperimentFile::parse(&text)
    };
    assert_eq!(parse("98.0").unwrap().definition.experiment().alert_threshold.value(), 98);
    for refused in ["98.5", "-1.0", "101.0", "1e300"] {
        assert!(parse(refused).is_err(), "{refused}");
    }
}

/// A blank text has bytes enough, so the message says what is wrong with them.
#[test]
fn a_blank_text_is_told_from_one_that_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, folder.path()).ready();
    let detail = |actor: &str| {
        let body = json!({"action": "stop", "reason": "a test", "actor": actor});
        let reply = daemon.post("/v1/experiments/door/actions", &body);
        assert_eq!(reply.status, 422);
        reply.body["detail"].as_str().unwrap().to_owned()
    };
    let allowed = "is not allowed: 1 to 128 bytes without control characters";
    assert_eq!(detail("  "), format!("/actor actor of 2 bytes of white space {allowed}"));
    assert_eq!(detail(""), format!("/actor actor of 0 bytes {allowed}"));
}

/// The header counts before the query, but does not make a bad query a good one.
#[test]
fn a_bad_query_is_refused_beside_a_good_header() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, folder.path()).ready();
    let request = Request::new("GET", "/v1/events?last_event_id=null").header("last-event-id", "0");
    let (status, code) = request.send(daemon.address()).problem();
    assert_eq!((status, &*code), (400, "invalid_query"));
}
