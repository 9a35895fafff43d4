//! The pages, in a real browser: looked at, followed and acted upon.

mod browser;
mod hostile;
mod pictures;
mod policy;
mod reach;
mod size;
mod stand;

use std::path::PathBuf;

use serde_json::{Value, json};
use system_tests::browser::Browser;
use system_tests::daemon::{Daemon, Start};
use tempfile::TempDir;

use crate::command::run;

/// 2026-03-02T08:00:00Z.
const BEGAN_MS: i64 = 1_772_438_400_000;
const HOUR_MS: i64 = 3_600_000;
const CAMERAS: usize = 12;

/// A daemon with two tokens, and an experiment in its shadow.
struct World {
    daemon: Daemon,
    admin: String,
    read: String,
    tokens: PathBuf,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens.toml");
        let token = |name: &str, scopes: &str| {
            let file = tokens.to_str().unwrap();
            let create = ["token", "create", "--name", name, "--scopes", scopes, "--tokens", file];
            let ran = run(&create);
            assert_eq!(ran.code, 0, "{}", ran.err);
            ran.out.trim().to_owned()
        };
        let (admin, read) = (token("ann", "admin"), token("bob", "read"));
        let program = env!("CARGO_BIN_EXE_tidegate-under-test");
        let start = Start::new(program, &folder.path().join("data"));
        let mut daemon = start.with(&["--tokens", tokens.to_str().unwrap()]).ready();
        daemon.use_token(&admin);
        daemon.set_time(BEGAN_MS);
        let world = Self { daemon, admin, read, tokens, _folder: folder };
        world.add_prompt();
        world.begin("door");
        world
    }

    fn add_prompt(&self) {
        let add = |path: &str, body: Value| {
            let added = self.daemon.post(path, &body);
            assert_eq!(added.status, 201, "{}", added.text);
        };
        let text = "Judge the risk.\nAnswer with a score.\n";
        add(
            "/v1/prompts",
            json!({"name": "risk", "text": text, "actor": "ann", "label": "production"}),
        );
        let text = "Judge the risk.\nAnswer with one score.\n";
        add(
            "/v1/prompts/risk/versions",
            json!({"text": text, "actor": "ann", "note": "One score"}),
        );
    }

    /// Defines an experiment with an hour of shadow, and starts it.
    fn begin(&self, key: &str) {
        let prompt = if key == "door" { "prompt = \"risk\"\n" } else { "" };
        let toml = format!(
            "key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{prompt}[shadow]\nduration_hours = 1\n\
             [guardrails]\nmin_samples = 20\n"
        );
        let defined = self.daemon.define(key, &toml);
        assert_eq!(defined.status, 201, "{}", defined.text);
        let started = self.daemon.act(key, "start");
        assert_eq!(started.status, 200, "{}", started.text);
    }

    fn report(&self, items: Vec<Value>) {
        let count = items.len();
        let reply = self.daemon.post("/v1/observations", &Value::from(items));
        assert_eq!(reply.body["accepted"], count, "{}", reply.text);
    }

    /// Both prompts on the same events, alike.
    fn compare(&self, key: &str, events: usize) {
        let side = json!({"latency_ms": 900, "score": 70});
        let items = (0..events).map(|number| {
            json!({"type": "comparison", "experiment": key, "id": format!("shadow-{number}"),
                   "camera_id": format!("camera-{}", number % CAMERAS), "control": side, "treatment": side})
        });
        self.report(items.collect());
    }

    /// The shadow is over, and what it showed opens the test.
    fn open_test(&self, key: &str) {
        self.compare(key, 240);
        self.daemon.set_time(BEGAN_MS + HOUR_MS);
        self.daemon.set_time(BEGAN_MS + HOUR_MS + 60_000);
        assert_eq!(self.status(key)["phase"], "ab", "{}", self.status(key));
    }

    /// Every camera reports what it is served; of the treatment everything fails.
    fn fail(&self, key: &str) {
        let cameras: Vec<String> = (0..CAMERAS).map(|number| format!("camera-{number}")).collect();
        let path = format!("/v1/experiments/{key}/assignments");
        let served = self.daemon.post(&path, &json!({ "camera_ids": cameras })).body;
        for round in 0..30 {
            if self.status(key)["phase"] != "ab" {
                return;
            }
            let items = served["assignments"].as_array().unwrap().iter().enumerate();
            let items = items.map(|(camera, served)| {
                let mut item = json!({"type": "analysis", "experiment": key, "id": format!("ab-{round}-{camera}"),
                       "camera_id": served["camera_id"], "variant": served["variant"]});
                if served["variant"] == "treatment" {
                    item["error"] = true.into();
                } else {
                    item["latency_ms"] = 900.into();
                }
                item
            });
            self.report(items.collect());
        }
    }

    fn status(&self, key: &str) -> Value {
        self.daemon.get(&format!("/v1/experiments/{key}/status")).body
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.daemon.address())
    }
}

/// Signs in with a token, and is led to where that was wanted.
fn sign_in(browser: &Browser, token: &str, name: &str) {
    browser.write("#name", name);
    browser.write("#token", token);
    browser.click("form.stack button");
}
