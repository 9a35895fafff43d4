//! Prompts in the real daemon: versions, labels, what a rollout does to them, and that nothing of it is lost.

mod command;
mod documents;
mod refused;
mod rollouts;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use system_tests::daemon::{Daemon, Reply, Start};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
/// 2026-03-02T08:00:00Z.
const BEGAN_MS: i64 = 1_772_438_400_000;

const OLD: &str = "Say what you see.\nGive a risk score from 0 to 100.\n";
const NEW: &str = "Say what you see.\nIgnore cats.\nGive a risk score from 0 to 100.\n";
const OTHER: &str = "Say nothing.\n";

/// A daemon of its own with its journal in a folder of its own.
struct World {
    daemon: Daemon,
    folder: TempDir,
    arguments: Vec<String>,
}

impl World {
    fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let daemon = Start::new(PROGRAM, &folder.path().join("data")).with(arguments).ready();
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        daemon.set_time(BEGAN_MS);
        Self { daemon, folder, arguments }
    }

    /// The daemon again, once this one was ended.
    fn again(self, end: impl FnOnce(Daemon)) -> Self {
        let Self { daemon, folder, arguments } = self;
        end(daemon);
        let given: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let daemon = Start::new(PROGRAM, &folder.path().join("data")).with(&given).ready();
        daemon.set_time(BEGAN_MS);
        Self { daemon, folder, arguments }
    }

    fn get(&self, path: &str) -> Value {
        let reply = self.daemon.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.body
    }

    /// A prompt `door` with `v1_original`, which is in production, `v2_calibrated` and `v3_other`.
    fn with_door(arguments: &[&str]) -> Self {
        let world = Self::new(arguments);
        let first = json!({"name": "door", "text": OLD, "key": "v1_original", "actor": "ann",
                           "label": "production", "note": "as it was"});
        assert_eq!(world.daemon.post("/v1/prompts", &first).status, 201);
        for (key, text) in [("v2_calibrated", NEW), ("v3_other", OTHER)] {
            assert_eq!(world.add(key, text).status, 201);
        }
        world
    }

    fn add(&self, key: &str, text: &str) -> Reply {
        let body = json!({"text": text, "key": key, "actor": "ann"});
        self.daemon.post("/v1/prompts/door/versions", &body)
    }

    fn point(&self, label: &str, version: &str) -> Reply {
        let body = json!({"version": version, "actor": "ann", "reason": "a test"});
        self.daemon.try_put(&format!("/v1/prompts/door/labels/{label}"), &body).unwrap()
    }

    /// The key that `production` points to, with its revision.
    fn production(&self) -> (String, u64) {
        let detail = self.get("/v1/prompts/door");
        let labels = detail["labels"].as_array().unwrap();
        let label = labels.iter().find(|label| label["label"] == "production").unwrap();
        (label["version"].as_str().unwrap().to_owned(), label["revision"].as_u64().unwrap())
    }

    /// Every answer about prompts there is.
    fn everything(&self) -> Vec<Value> {
        let mut all = vec![self.get("/v1/prompts")];
        let names = all[0]["prompts"].as_array().unwrap().clone();
        for name in names.iter().map(|prompt| prompt["name"].as_str().unwrap()) {
            let path = format!("/v1/prompts/{name}");
            let detail = self.get(&path);
            for label in detail["labels"].as_array().unwrap() {
                let label = label["label"].as_str().unwrap();
                all.push(self.get(&format!("{path}/labels/{label}/history")));
            }
            all.extend([detail, self.get(&format!("{path}/export"))]);
        }
        all
    }
}

/// The digest of a text, worked out here.
fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

#[test]
fn a_text_is_kept_once_and_found_by_key_digest_and_label() {
    let world = World::with_door(&[]);
    let detail = world.get("/v1/prompts/door/versions/v2_calibrated");
    assert_eq!((&detail["text"], &detail["number"]), (&json!(NEW), &json!(2)));
    assert_eq!(detail["digest"], digest(NEW));
    let digest = digest(OLD);
    for reference in ["v1_original", "production", &digest, &digest[.."sha256:".len() + 8]] {
        let found = world.get(&format!("/v1/prompts/door/versions/{reference}"));
        assert_eq!(found["key"], "v1_original", "{reference}");
    }
    // The same text again is the version that is there, whatever key was asked for.
    let again = world.add("another_key", NEW);
    assert_eq!((again.status, &again.body["key"]), (200, &json!("v2_calibrated")));
    assert_eq!(world.get("/v1/prompts/door")["versions"], 3);
    let first = json!({"name": "door", "text": OLD, "actor": "bob"});
    assert_eq!(world.daemon.post("/v1/prompts", &first).status, 200);
    let page = world.get("/v1/prompts/door/versions?after=1&limit=1");
    assert_eq!(
        (&page["versions"][0]["key"], &page["next"]),
        (&json!("v2_calibrated"), &json!("2"))
    );
}

#[test]
fn all_of_it_is_there_after_a_kill_an_end_and_an_import_of_the_journal() {
    let world = World::with_door(&["--snapshot-every", "100"]);
    // As long as a text may be, with characters of several bytes at the seams of its parts.
    let long = "ä€𝄞\n".repeat(256 * 1024 / 10);
    assert_eq!(world.add("v4_long", &long).status, 201);
    for turn in 0..150 {
        let to = if turn % 2 == 0 { "v4_long" } else { "v3_other" };
        assert_eq!(world.point("candidate", to).status, 200);
    }
    let before = world.everything();
    let world = world.again(|daemon| drop(daemon.kill()));
    assert_eq!(world.everything(), before);
    let world = world.again(|daemon| assert!(daemon.terminate().0));
    assert_eq!(world.everything(), before);
    assert_eq!(world.get("/v1/prompts/door/versions/v4_long")["text"], long);
    // Through the journal's own export.
    let World { daemon, folder, .. } = world;
    assert!(daemon.terminate().0);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for arguments in [
        ["journal", "export", &path("a.jsonl"), "--data", &path("data")],
        ["journal", "import", &path("a.jsonl"), "--data", &path("other")],
        ["journal", "export", &path("b.jsonl"), "--data", &path("other")],
    ] {
        let ran = crate::command::run(&arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    }
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    assert_eq!(read("a.jsonl"), read("b.jsonl"));
    let daemon = Start::new(PROGRAM, &folder.path().join("other")).ready();
    daemon.set_time(BEGAN_MS);
    let world = World { daemon, folder, arguments: Vec::new() };
    assert_eq!(world.everything(), before);
}

#[test]
fn a_label_keeps_its_history_and_an_older_version_is_restored_by_moving_it() {
    let world = World::with_door(&[]);
    for (label, version) in [
        ("production", "v2_calibrated"),
        ("production", "v1_original"),
        ("candidate", "production"),
    ] {
        assert_eq!(world.point(label, version).status, 200);
    }
    assert_eq!(world.production(), ("v1_original".to_owned(), 3));
    let history = world.get("/v1/prompts/door/labels/production/history");
    let moves: Vec<_> = history["moves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["from"].as_str(), step["to"].as_str(), step["revision"].as_u64()))
        .collect();
    let (one, two) = (Some("v1_original"), Some("v2_calibrated"));
    assert_eq!(moves, [(None, one, Some(1)), (one, two, Some(2)), (two, one, Some(3))]);
    assert_eq!(history["moves"][1]["at"], "2026-03-02T08:00:00Z");
    assert_eq!(world.get("/v1/prompts/door/versions/candidate")["key"], "v1_original");
}

#[test]
fn two_versions_are_compared_line_by_line() {
    let world = World::with_door(&[]);
    let diff = world.get("/v1/prompts/door/diff?from=production&to=v2_calibrated");
    assert_eq!(
        (&diff["added"], &diff["removed"], &diff["hunks"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let expected = "--- v1_original\n+++ v2_calibrated\n@@ -1,2 +1,3 @@\n Say what you see.\n\
                    +Ignore cats.\n Give a risk score from 0 to 100.\n";
    assert_eq!(diff["unified"], expected);
    assert_eq!(diff["from"]["digest"], digest(OLD));
    // Long texts with nothing in common are compared too, more coarsely.
    let text = |salt: usize| {
        let lines: Vec<_> =
            (0..26_000).map(|line| format!("{:08}\n", line * 7919 + salt)).collect();
        lines.concat()
    };
    assert_eq!(world.add("a", &text(1)).status, 201);
    assert_eq!(world.add("b", &text(2)).status, 201);
    let diff = world.get("/v1/prompts/door/diff?from=a&to=b");
    assert_eq!((&diff["added"], &diff["removed"]), (&json!(26_000), &json!(26_000)));
}
