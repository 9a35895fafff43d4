//! A real browser, driven as the W3C's `WebDriver` says it, by Debian's chromium and its driver.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::daemon::PATIENCE;

/// The name under which an element's id comes.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long a look at a page waits for a change of it.
const LOOK_MS: u64 = 3_000;

/// Whether pages may run what they bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// As usual.
    On,
    /// As somebody has it who allows none.
    Off,
}

/// Which colours the reader prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Dark letters on light ground.
    Light,
    /// Light letters on dark ground.
    Dark,
}

impl Colours {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// The name that style sheets know.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser with one window; it ends when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    agent: Agent,
    session: String,
    _profile: TempDir,
}

/// An element of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element(String);

impl Browser {
    /// Starts a browser; says so and gives `None` where it is not on this machine.
    pub fn start(scripts: Scripts) -> Option<Self> {
        let unpacked = crate::repository("target/tools/usr/bin/chromedriver");
        let program = if unpacked.exists() { unpacked } else { PathBuf::from("chromedriver") };
        let mut command = Command::new(program);
        for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(proxy).env_remove(proxy.to_uppercase());
        }
        command.env("TZ", "UTC").env("LANG", "en_US.UTF-8");
        let driver =
            command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok();
        let has_chromium = Command::new("chromium").arg("--version").output().is_ok();
        let (Some(mut driver), true) = (driver, has_chromium) else {
            crate::skipped("no chromium with its chromedriver on this machine");
            return None;
        };
        let stdout = BufReader::new(driver.stdout.take().expect("it is piped"));
        let mut lines = stdout.lines().map_while(Result::ok);
        let port = lines
            .find_map(|line| line.strip_suffix('.')?.split("on port ").nth(1)?.parse::<u16>().ok());
        let port = port.expect("chromedriver says where it listens");
        // What it says later must have somewhere to go.
        thread::spawn(move || lines.for_each(drop));
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(2 * PATIENCE))
            .proxy(None)
            .build()
            .into();
        let profile = tempfile::tempdir().expect("a folder");
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-first-run".to_owned(),
            "--lang=en-US".to_owned(),
            "--window-size=1280,1000".to_owned(),
        ];
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let javascript = if scripts == Scripts::Off { 2 } else { 1 };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"script": PATIENCE.as_secs() * 1_000},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {"profile.managed_default_content_settings.javascript": javascript},
            },
        }}});
        let mut browser = Self {
            driver,
            agent,
            session: format!("http://127.0.0.1:{port}/session"),
            _profile: profile,
        };
        let begun = browser.tell("", &wanted);
        let id = begun["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {begun}"));
        browser.session = format!("{}/{id}", browser.session);
        Some(browser)
    }

    fn tell(&self, path: &str, what: &Value) -> Value {
        self.try_tell(path, what).unwrap_or_else(|error| panic!("{path} {what}: {error}"))
    }

    fn try_tell(&self, path: &str, what: &Value) -> Result<Value, Value> {
        let request = self.agent.post(format!("{}{path}", self.session));
        let request = request.header("content-type", "application/json");
        Self::value(request.send(what.to_string()))
    }

    fn ask(&self, path: &str) -> Value {
        let answer = Self::value(self.agent.get(format!("{}{path}", self.session)).call());
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn value(
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Value> {
        let mut answer = answer.expect("chromedriver answers");
        let is_well = answer.status().is_success();
        let body = answer.body_mut().with_config().limit(64 * 1024 * 1024).read_to_string();
        let body: Value = serde_json::from_str(&body.expect("an answer")).expect("JSON");
        let value = body["value"].clone();
        if is_well { Ok(value) } else { Err(value) }
    }

    /// Opens an address and waits until it is loaded.
    pub fn open(&self, address: &str) {
        self.tell("/url", &json!({ "url": address }));
    }

    /// The address of the page.
    pub fn address(&self) -> String {
        self.ask("/url").as_str().unwrap_or_default().to_owned()
    }

    /// The first element of a CSS selector.
    pub fn find(&self, selector: &str) -> Element {
        let found = self.tell("/element", &json!({"using": "css selector", "value": selector}));
        Element(found[ELEMENT].as_str().expect("an element").to_owned())
    }

    /// How many elements a CSS selector has.
    pub fn count(&self, selector: &str) -> usize {
        let found = self.tell("/elements", &json!({"using": "css selector", "value": selector}));
        found.as_array().map_or(0, Vec::len)
    }

    /// The text that a reader sees of an element.
    pub fn text(&self, selector: &str) -> String {
        let Element(id) = self.find(selector);
        self.ask(&format!("/element/{id}/text")).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on an element.
    pub fn click(&self, selector: &str) {
        let Element(id) = self.find(selector);
        self.tell(&format!("/element/{id}/click"), &json!({}));
    }

    /// Writes into a field.
    pub fn write(&self, selector: &str, text: &str) {
        let Element(id) = self.find(selector);
        self.tell(&format!("/element/{id}/clear"), &json!({}));
        self.tell(&format!("/element/{id}/value"), &json!({ "text": text }));
    }

    /// Presses keys, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let actions = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let actions: Vec<Value> = actions.collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.tell("/actions", &json!({ "actions": [keyboard] }));
    }

    /// Runs a function's body in the page, beside what the page brings, and gives what it returns.
    pub fn run(&self, body: &str) -> Value {
        self.tell("/execute/sync", &json!({"script": body, "args": []}))
    }

    /// The same of a body that calls `done` with its result, some time.
    pub fn run_until_done(&self, body: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {body}");
        self.tell("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression holds, which is looked at whenever the page changes. What waits in a page that is left
    /// meanwhile is never answered, so each look has only a while.
    pub fn await_that(&self, expression: &str) {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const look = () => {{ if ({expression}) {{ watch.disconnect(); done(true); }} }};
             const watch = new MutationObserver(look);
             watch.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
             look();"
        );
        self.tell("/timeouts", &json!({ "script": LOOK_MS }));
        let looks = PATIENCE.as_secs() * 1_000 / LOOK_MS;
        let look = |_| self.try_tell("/execute/async", &json!({"script": script, "args": []}));
        let holds = (0..looks).map(look).any(|answer| answer == Ok(Value::Bool(true)));
        assert!(holds, "it never held: {expression}\n{}", self.text("body"));
        self.tell("/timeouts", &json!({ "script": PATIENCE.as_secs() * 1_000 }));
    }

    /// What the browser wrote into its console since it was asked last.
    pub fn console(&self) -> Vec<String> {
        let entries = self.tell("/se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Every address that was asked for since this was asked last.
    pub fn requested(&self) -> Vec<String> {
        let entries = self.tell("/se/log", &json!({"type": "performance"}));
        let entries = entries.as_array().cloned().unwrap_or_default();
        let messages = entries.iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            (message["method"] == "Network.requestWillBeSent").then_some(())?;
            message["params"]["request"]["url"].as_str().map(str::to_owned)
        });
        messages.collect()
    }

    /// Asks the browser itself, by Chromium's own protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.tell("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Prefers colours from here on.
    pub fn prefer(&self, colours: Colours) {
        let feature = json!({"name": "prefers-color-scheme", "value": colours.as_str()});
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// Has a screen of this size from here on.
    pub fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// The page as it is seen, as a PNG in Base64.
    pub fn screenshot(&self) -> String {
        self.ask("/screenshot").as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Lets chromium end with it.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
