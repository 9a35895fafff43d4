//! Damaged files beneath a daemon that starts: it serves control and says what to do, or has everything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use system_tests::power_cut::Image;

use crate::command::tidegate;
use crate::faults::fleet::{
    analyses, assert_calm, await_ready, await_reply, begin, fast_folder, observe, read,
    serves_control_only, start,
};

const REPORTED: u32 = 240;

/// A journal with snapshots in it, as a daemon leaves it.
fn make(folder: &Path) {
    let daemon = start(folder).with(&["--snapshot-every", "100"]).ready();
    begin(&daemon);
    for from in (0..REPORTED).step_by(8) {
        assert_eq!(observe(&daemon, &analyses("a", from..from + 8)).status, 200);
    }
    assert!(daemon.terminate().0);
}

fn journal(command: &str, folder: &Path) -> Output {
    tidegate().args(["journal", command, "--data"]).arg(folder).output().unwrap()
}

/// A daemon on a damaged journal; gives whether it noticed.
fn starts_on(folder: &Path, what: &str) -> bool {
    let daemon = start(folder).listening();
    let known = |reply: &system_tests::daemon::Reply| reply.body["status"] != "recovering";
    let standing = await_reply("a standing", || daemon.get("/readyz"), known);
    let noticed = standing.status == 503;
    if noticed {
        assert_eq!(standing.body["status"], "damaged", "{what}: {}", standing.text);
        assert!(standing.text.contains("tidegate journal repair"), "{what}: {}", standing.text);
        assert!(serves_control_only(&daemon));
        for (list, command) in [
            ("experiments", &["experiment", "list"][..]),
            ("experiments", &["status"]),
            ("prompts", &["prompt", "list"]),
        ] {
            let listed = daemon.get(&format!("/v1/{list}"));
            assert_eq!((listed.status, &listed.body["code"]), (503, &"journal_damaged".into()));
            let listed =
                tidegate().args(command).args(["--server", daemon.address()]).output().unwrap();
            let said = String::from_utf8_lossy(&listed.stderr).into_owned();
            assert!(listed.status.code() == Some(4) && said.contains("damaged"), "{said}");
        }
        let refused = observe(&daemon, &analyses("b", 0..1));
        assert_eq!(refused.body["code"], Value::from("journal_damaged"), "{what}");
        assert_eq!(daemon.get("/healthz").status, 200);
    }
    let (well, log) = daemon.terminate();
    assert!(well, "{what}: {}", log.join("\n"));
    assert_calm(&log);
    if !noticed {
        let kept = read(folder).unwrap();
        assert!(kept.numbers["a"].iter().copied().eq(0..REPORTED), "{what}: a silent loss");
    }
    noticed
}

fn repairs(folder: &Path, what: &str) {
    let verified = journal("verify", folder);
    assert_eq!(verified.status.code(), Some(1), "{what}: {verified:?}");
    let repaired = journal("repair", folder);
    let repaired = match repaired.status.code() {
        // What would be lost is told before anything is replaced.
        Some(1) => {
            let said = String::from_utf8_lossy(&repaired.stdout).into_owned();
            assert!(said.contains("lost would be:"), "{what}: {repaired:?}");
            assert!(!folder.join("damaged-1").exists(), "{what}: {repaired:?}");
            tidegate().args(["journal", "repair", "--yes", "--data"]).arg(folder).output().unwrap()
        }
        _ => repaired,
    };
    assert_eq!(repaired.status.code(), Some(0), "{what}: {repaired:?}");
    let said = String::from_utf8_lossy(&repaired.stdout).into_owned();
    assert!(said.contains("damaged-1"), "{what}: {said}");
    let daemon = start(folder).ready();
    await_ready(&daemon);
    assert!(daemon.terminate().0);
    assert_eq!(journal("verify", folder).status.code(), Some(0), "{what}");
}

/// Damages each file of a journal in turn.
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn damage_each(name: &str, spots: usize, damage: fn(&mut Vec<u8>, usize)) {
    let folder = fast_folder();
    let sound = folder.path().join("sound");
    make(&sound);
    let image = Image::of(&sound);
    let files: Vec<PathBuf> = image.paths().map(Path::to_owned).collect();
    assert!(files.len() >= 6, "{files:?}");
    let (mut noticed, mut harmless) = (0, 0);
    for (number, file) in files.iter().enumerate() {
        let bytes = fs::read(sound.join(file)).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for spot in 0..spots {
            let what = format!("{name} {} at {spot}/{spots}", file.display());
            let copy = folder.path().join(format!("{number}-{spot}"));
            fs::create_dir(&copy).unwrap();
            image.write(&copy);
            let mut bytes = bytes.clone();
            damage(&mut bytes, used * spot / spots);
            fs::write(copy.join(file), bytes).unwrap();
            if starts_on(&copy, &what) {
                repairs(&copy, &what);
                noticed += 1;
            } else {
                harmless += 1;
            }
            fs::remove_dir_all(copy).unwrap();
        }
    }
    println!(
        "{name}, {} files: {noticed} noticed and repaired, {harmless} without effect, 0 silent losses",
        files.len()
    );
    assert!(noticed > 0);
}

#[test]
fn a_flipped_bit_in_any_file_is_survived_and_said() {
    damage_each("a flipped bit", 8, |bytes, at| {
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x10;
        }
    });
}

#[test]
fn a_file_cut_short_is_survived_and_said() {
    damage_each("a file cut short", 6, Vec::truncate);
}
