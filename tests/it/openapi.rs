//! The document of the HTTP interface: generated from the handlers, true of the daemon, and held against it by
//! schemathesis.

mod mended;
mod queries;
mod schemathesis;
mod settings;
mod shape;

use serde_json::Value;

const COMMITTED: &str = "docs/openapi.json";

/// The document that is committed, and served.
fn committed() -> Value {
    serde_json::from_str(&text()).unwrap()
}

fn text() -> String {
    std::fs::read_to_string(system_tests::repository(COMMITTED)).unwrap()
}

/// Each operation: its method in capitals, its path, what the document says of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

/// With `TIDEGATE_BLESS=1` the document is written anew.
#[test]
fn the_committed_document_is_what_the_handlers_say() {
    let generated = tidegate_daemon::openapi_document();
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(system_tests::repository(COMMITTED), &generated).unwrap();
    }
    assert!(
        generated == text(),
        "{COMMITTED} is not what the handlers say; this writes it anew:\n\
         TIDEGATE_BLESS=1 cargo test -p system-tests --test it the_committed_document"
    );
}

/// Makes a token of a scope in a file, and gives it.
fn token(file: &std::path::Path, scope: &str) -> String {
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate-under-test"))
        .args(["token", "create", "--name", scope, "--scopes", scope, "--tokens"])
        .arg(file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}
