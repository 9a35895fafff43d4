//! The OpenFeature remote evaluation, as its real clients and its own schemas meet it.

mod client;
mod clients;
mod protocol;
mod refetch;
mod schema;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use tempfile::TempDir;

use crate::command::run;

const FLAGS: &str = "/ofrep/v1/evaluate/flags";
/// Texts of two versions of a prompt.
const OLD: &str = "Say what you see.\n";
const NEW: &str = "Say what you see, and ignore cats: \u{1f408}.\n";
const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// A daemon with tokens, its time driven.
struct World {
    daemon: Daemon,
    /// A token that may look and nothing else.
    reader: String,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        let token = |name: &str, scopes: &str| {
            let file = file.to_str().unwrap();
            let ran =
                run(&["token", "create", "--name", name, "--scopes", scopes, "--tokens", file]);
            assert_eq!(ran.code, 0, "{}", ran.err);
            ran.out.trim().to_owned()
        };
        let (owner, reader) = (token("owner", "admin"), token("reader", "read"));
        let start = Start::new(PROGRAM, &folder.path().join("data"));
        let mut daemon = start.with(&["--tokens", file.to_str().unwrap()]).ready();
        daemon.use_token(&owner);
        assert_eq!(daemon.post("/v1/time", &json!({"now": "2026-03-02T08:00:00Z"})).status, 200);
        Self { daemon, reader, _folder: folder }
    }

    /// Defines an experiment of half the fleet, with one camera that its owner named.
    fn define(&self, key: &str) {
        let toml = format!(
            "key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n\
             [ab]\ntreatment_percentage = 0.5\n[assignment.overrides]\nlab = \"treatment\"\n"
        );
        let defined = self.daemon.define(&in_path(key), &toml);
        assert_eq!(defined.status, 201, "{}", defined.text);
    }

    /// Defines an experiment whose prompt is kept by the daemon.
    fn define_with_texts(&self, key: &str) {
        for (number, text) in [OLD, NEW].into_iter().enumerate() {
            let mut body = json!({"text": text, "key": format!("v{}", number + 1), "actor": "ann"});
            let mut path = "/v1/prompts/door/versions";
            if number == 0 {
                path = "/v1/prompts";
                body["name"] = json!("door");
            }
            let kept = self.daemon.post(path, &body);
            assert_eq!(kept.status, 201, "{}", kept.text);
        }
        let toml =
            format!("key = \"{key}\"\nprompt = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n");
        let defined = self.daemon.define(&in_path(key), &toml);
        assert_eq!(defined.status, 201, "{}", defined.text);
    }

    fn act(&self, key: &str, action: &str) {
        let acted = self.daemon.act(&in_path(key), action);
        assert_eq!(acted.status, 200, "{action}: {}", acted.text);
    }

    /// What the daemon's own interface says of a camera.
    fn assignment(&self, key: &str, camera: &str) -> Value {
        let path = format!("/v1/experiments/{}/assignments/{camera}", in_path(key));
        self.daemon.get(&path).body
    }
}

/// A key as one part of a path.
fn in_path(key: &str) -> String {
    key.replace('/', "%2F")
}

/// What leads an experiment from its draft through every phase, and what each serves.
const STAGES: [Stage; 5] = [
    Stage { action: "start", phase: "shadow", reason: "STATIC", of_all: Some("v1") },
    Stage { action: "advance", phase: "ab", reason: "SPLIT", of_all: None },
    Stage { action: "pause", phase: "ab", reason: "DISABLED", of_all: Some("v1") },
    Stage { action: "resume", phase: "ab", reason: "SPLIT", of_all: None },
    Stage { action: "advance", phase: "full", reason: "STATIC", of_all: Some("v2") },
];
const ROLLED_BACK: Stage =
    Stage { action: "roll_back", phase: "rolled_back", reason: "DISABLED", of_all: Some("v1") };

/// A phase of a rollout, the action that leads there, and what it serves.
#[derive(Debug, Clone, Copy)]
struct Stage {
    action: &'static str,
    phase: &'static str,
    /// As the protocol has it.
    reason: &'static str,
    /// The prompt version of every camera, where they have the same.
    of_all: Option<&'static str>,
}
