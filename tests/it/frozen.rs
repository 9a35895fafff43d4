//! A journal written by an older release opens for ever. `tests/journals/v1` is never edited.

use std::fs;
use std::path::Path;

use system_tests::repository;
use tidegate_journal::{Journal, export, verify};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_journal_of_version_1_opens_and_says_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    copy(&repository("tests/journals/v1/data"), &data);
    let (journal, opened) = Journal::open(&data, verify::in_process).unwrap();
    assert!(opened.report.is_sound(), "{:?}", opened.report);
    let state = opened.state.expect("it has a snapshot");
    assert_eq!(state.rollouts[0].key.as_str(), "long");
    let file = folder.path().join("export.jsonl");
    export(&journal, &file).unwrap();
    let frozen = fs::read_to_string(repository("tests/journals/v1/export.jsonl")).unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), frozen);
    journal.close();

    // And a daemon goes on from it.
    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    let daemon = system_tests::daemon::Start::new(program, &data).ready();
    let status = daemon.get("/v1/experiments/long/status").body;
    assert_eq!(
        (&status["phase"], &status["observations"]),
        (&"shadow".into(), &42.into()),
        "{status}"
    );
}
