//! No operation takes a query parameter that it does not know.

use system_tests::daemon::Start;
use system_tests::raw::Request;

use super::{committed, operations};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

#[test]
fn a_parameter_that_nothing_reads_is_refused_on_every_path() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, &folder.path().join("data")).ready();
    let operations = operations(&committed());
    assert!(operations.len() >= 30, "{}", operations.len());
    for (method, path, _) in &operations {
        let path = path.replace(['{', '}'], "");
        let ask = |query: &str| {
            Request::new(method, &format!("{path}?{query}"))
                .body("application/json", "{}")
                .send(daemon.address())
        };
        for query in ["offset=3", "%F0%9F=1", "&&x", "limit_=1&limit=1"] {
            let answer = ask(query);
            let body = answer.json();
            let told =
                body["detail"].as_str().or(body["errorDetails"].as_str()).unwrap_or_default();
            assert_eq!(answer.status, 400, "{method} {path}?{query}: {body}");
            let named = told.contains("unknown") || told.contains("is not a known field");
            assert!(named, "{method} {path}?{query}: {told}");
        }
        // What the path does not know at all is said first.
        let other = Request::new("PATCH", &format!("{path}?offset=3")).send(daemon.address());
        assert_eq!(other.status, 405, "{path}");
        // A mark of a query without one is none; a stream would not end.
        if path.ends_with("/events") {
            continue;
        }
        let answer = ask("");
        assert!(!answer.json().to_string().contains("unknown parameter"), "{method} {path}");
    }
}
