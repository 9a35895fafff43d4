//! A journal written by an older release opens for ever. What is in `tests/journals` is never edited.

use std::fs;
use std::path::Path;

use system_tests::repository;
use tidegate_journal::{Journal, JournalState, export, import, verify};

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

/// Opens a journal, which must be sound, and holds its export against the frozen one; gives its snapshot.
fn opens_as_it_was(data: &Path, name: &str) -> Option<JournalState> {
    let (journal, opened) = Journal::open(data, verify::in_process).unwrap();
    assert!(opened.report.is_sound(), "{:?}", opened.report);
    let file = data.with_extension("jsonl");
    export(&journal, &file).unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), frozen(name), "{name}");
    journal.close();
    opened.state
}

fn frozen(name: &str) -> String {
    fs::read_to_string(repository(&format!("tests/journals/{name}/export.jsonl"))).unwrap()
}

#[test]
fn a_journal_of_version_1_opens_and_says_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    copy(&repository("tests/journals/v1/data"), &data);
    let state = opens_as_it_was(&data, "v1").expect("it has a snapshot");
    assert_eq!(state.rollouts[0].key.as_str(), "long");

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

/// One with what later records and parts keep: the run that reports name, a review, warnings, and a time in which the daemon was away.
#[test]
fn a_journal_with_runs_a_review_and_an_absence_opens_and_says_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    copy(&repository("tests/journals/v2/data"), &data);
    opens_as_it_was(&data, "v2");

    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    let asked = |data: &Path| {
        let daemon = system_tests::daemon::Start::new(program, data).ready();
        let mut status = daemon.get("/v1/experiments/door/status").body;
        let review = daemon.get("/v1/experiments/door/review").body;
        assert_eq!(status["observations"], 380, "{status}");
        assert_eq!(status["outside"]["causes"]["impossible_variant"], 1, "{status}");
        assert_eq!(status["warnings"][1]["code"], "away", "{status}");
        assert_eq!(review["cards"], 16, "{review}");
        status["now"].take();
        (status, review)
    };
    // Its snapshot and its entries give the same.
    let from_snapshot = asked(&data);
    let anew = folder.path().join("anew");
    import(frozen("v2").as_bytes(), &anew).unwrap();
    assert_eq!(asked(&anew), from_snapshot);
}

/// One with a page that sled had moved to a file of its own, as a power cut would have lost it.
#[test]
fn a_journal_with_long_records_is_written_anew_where_no_power_cut_loses_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    copy(&repository("tests/journals/v1-long/data"), &data);
    // What a rewriting that was cut short leaves: it begins anew.
    copy(&repository("tests/journals/v1-long/data/store"), &data.join("frames.unfinished"));
    for _ in ["the first start", "the next"] {
        opens_as_it_was(&data, "v1-long");
        assert!(!data.join("store").exists() && !data.join("frames.unfinished").exists());
        assert_eq!(fs::read_dir(data.join("frames/blobs")).unwrap().count(), 0);
        // What a cut right after the renaming leaves: the new one counts.
        copy(&repository("tests/journals/v1-long/data/store"), &data.join("store"));
    }
    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    let daemon = system_tests::daemon::Start::new(program, &data).ready();
    let status = daemon.get("/v1/experiments/door/status").body;
    assert_eq!(status["phase"], "rolled_back", "{status}");
}
