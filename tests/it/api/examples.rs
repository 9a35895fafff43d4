//! Every example of `docs/api.md` and its further pages is run with curl, and answered as the document shows.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use system_tests::daemon::Daemon;
use tempfile::TempDir;

use super::{PROGRAM, World, is_here};

/// A command of the document, and what is shown of its answer.
#[derive(Debug, Default)]
struct Example {
    command: String,
    status: Option<u16>,
    /// The language of the block and its text.
    shown: Option<(String, String)>,
}

/// The pages, one after the other.
fn document() -> String {
    let pages = ["api", "api-prompts", "api-review", "api-figures", "api-errors"];
    let read = |page: &str| {
        std::fs::read_to_string(system_tests::repository(&format!("docs/{page}.md"))).unwrap()
    };
    pages.map(read).join("\n")
}

fn examples(document: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(status) = line.strip_prefix("Answers ").and_then(|s| s.strip_suffix(':')) {
            let example = examples.last_mut().expect("a command comes before its answer");
            assert_eq!(example.status.replace(status.parse().unwrap()), None, "{line}");
        } else if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let text = text.join("\n");
            if language == "sh" {
                examples.push(Example { command: text, ..Example::default() });
            } else {
                let example = examples.last_mut().expect("a command comes before its answer");
                assert!(example.status.is_some(), "a status comes before {text}");
                assert_eq!(example.shown.replace((language.to_owned(), text)), None);
            }
        }
    }
    examples
}

/// What an answer says otherwise than the document: `…` stands for whatever there is.
fn difference(shown: &Value, got: &Value, path: &str) -> Option<String> {
    let differ = || Some(format!("{path}: shown {shown}, got {got}"));
    match (shown, got) {
        (Value::String(shown), _) if shown == "…" => None,
        (Value::String(shown), Value::String(got)) if shown.ends_with('…') => {
            (!got.starts_with(shown.trim_end_matches('…'))).then(differ)?
        }
        (Value::Object(shown), Value::Object(got)) => {
            let more = shown.contains_key("…");
            if let Some(key) = got.keys().find(|key| !more && !shown.contains_key(*key)) {
                return Some(format!("{path}/{key} is not shown"));
            }
            shown.iter().filter(|(key, _)| *key != "…").find_map(|(key, shown)| {
                let got = got.get(key).unwrap_or(&Value::Null);
                difference(shown, got, &format!("{path}/{key}"))
            })
        }
        (Value::Array(shown), Value::Array(got)) => {
            let more = shown.last().is_some_and(|last| last == "…");
            let shown = &shown[..shown.len() - usize::from(more)];
            if got.len() < shown.len() || (!more && got.len() > shown.len()) {
                return Some(format!("{path}: shown {} items, got {}", shown.len(), got.len()));
            }
            let mut pairs = shown.iter().zip(got).enumerate();
            pairs.find_map(|(i, (shown, got))| difference(shown, got, &format!("{path}/{i}")))
        }
        (shown, got) if shown.is_number() && got.is_number() => {
            if shown.as_f64() == got.as_f64() {
                None
            } else {
                differ()
            }
        }
        (shown, got) => {
            if shown == got {
                None
            } else {
                differ()
            }
        }
    }
}

#[test]
fn a_difference_is_found_and_an_ellipsis_is_none() {
    let of = |shown: &str, got: &str| {
        let read = |text| serde_json::from_str(text).unwrap();
        difference(&read(shown), &read(got), "")
    };
    for (shown, got) in [
        (r#"{"a": 1}"#, r#"{"a": 1.0}"#),
        (r#"{"a": 1, "…": "…"}"#, r#"{"a": 1, "b": 2}"#),
        (r#"[1, "…"]"#, "[1, 2, 3]"),
        (r#"{"a": "…"}"#, r#"{"a": [1]}"#),
        (r#"{"a": "be…"}"#, r#"{"a": "begun"}"#),
    ] {
        assert_eq!(of(shown, got), None, "{shown} {got}");
    }
    for (shown, got) in [
        (r#"{"a": 1}"#, r#"{"a": 2}"#),
        (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#),
        (r#"{"a": 1, "…": "…"}"#, r#"{"b": 2}"#),
        ("[1]", "[1, 2]"),
        (r#"[1, 2, "…"]"#, "[1]"),
        (r#"{"a": "be…"}"#, r#"{"a": "ended"}"#),
        ("null", "1"),
        ("\"1\"", "1"),
    ] {
        assert!(of(shown, got).is_some(), "{shown} {got}");
    }
}

/// The three daemons of the document, and the shell that its commands are run in.
struct Shell {
    plain: World,
    full: World,
    /// Started once its file of tokens is there.
    guarded: Option<Daemon>,
    folder: TempDir,
}

impl Shell {
    fn run(&mut self, command: &str) -> String {
        let work = self.folder.path().join("work");
        if self.guarded.is_none() && command.contains("http://127.0.0.1:4781") {
            let start = World::start(&self.folder);
            let tokens = work.join("tokens.toml");
            self.guarded = Some(start.with(&["--tokens", tokens.to_str().unwrap()]).ready());
        }
        let guarded = self.guarded.as_ref().map_or("", |daemon| daemon.address());
        let command = command
            .replace("http://127.0.0.1:4780", self.plain.address())
            .replace("http://127.0.0.1:4781", guarded)
            .replace("http://127.0.0.1:4782", self.full.address());
        // Variables are kept from command to command, as in a shell that goes on.
        let script = format!(
            "set -a\n[ -f ../variables ] && . ../variables\n\
             tidegate() {{ '{PROGRAM}' \"$@\"; }}\n\
             curl() {{ command curl --max-time 60 -w '\\n%{{http_code}}' \"$@\"; }}\n\
             {command}\nexport -p > ../variables\n"
        );
        let mut shell = Command::new("sh");
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            shell.env_remove(proxy);
        }
        let output = shell.arg("-c").arg(script).current_dir(&work).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.is_empty(), "{command}\n{told}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the number of examples is worth knowing")]
fn every_example_is_answered_as_shown() {
    if !is_here("curl", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("work")).unwrap();
    let full = World::new(&["--disk-reserve-mb", "1048576"]);
    let mut shell = Shell { plain: World::new(&[]), full, guarded: None, folder };
    let (mut run, mut shown) = (0, 0);
    for example in examples(&document()) {
        let command = &example.command;
        let printed = shell.run(command);
        run += 1;
        let Some(expected) = example.status else { continue };
        let (body, status) = printed.rsplit_once('\n').unwrap();
        assert_eq!(status, expected.to_string(), "{command}\n{body}");
        let (language, text) = example.shown.as_ref().expect("an answer is shown");
        match language.as_str() {
            "json" => {
                let got = serde_json::from_str(body).unwrap();
                let text = serde_json::from_str(text).expect(text);
                assert_eq!(difference(&text, &got, ""), None, "{command}\n{body}");
            }
            "text" | "http" => {
                let lines: BTreeSet<&str> = body.lines().map(str::trim_end).collect();
                for line in text.lines() {
                    assert!(lines.contains(line), "{command}\nno `{line}` in\n{body}");
                }
            }
            other => panic!("a block of {other}"),
        }
        shown += 1;
    }
    eprintln!("{run} commands were run, {shown} answers compared");
    assert!(run >= 40 && shown >= 40);
}

/// The words in backticks of a text.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The codes of the table of errors.
fn table(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| "));
    let codes = rows.filter_map(|row| {
        let (status, rest) = row.split_once(" | `")?;
        status.parse::<u16>().ok()?;
        Some(rest.split('`').next()?.to_owned())
    });
    codes.collect()
}

#[test]
fn every_code_is_shown_or_said_not_to_be_provoked() {
    let document = document();
    let errors = table(&document);
    assert!(errors.len() >= 28);
    let within = document.split("Within `Answers`, `code` is").nth(1).unwrap();
    let within = quoted(within.split("\n\n").next().unwrap());
    let listed = document.split("## Errors a client cannot provoke at will").nth(1).unwrap();
    let listed: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let mut shown = BTreeSet::new();
    for example in examples(&document) {
        let Some((language, text)) = example.shown else { continue };
        if language == "json" {
            for rest in text.split("\"code\": \"").skip(1) {
                shown.insert(rest.split('"').next().unwrap().to_owned());
            }
        }
    }
    let all: BTreeSet<&String> = errors.union(&within).collect();
    for code in &all {
        assert!(
            shown.contains(*code) != listed.contains(*code),
            "`{code}` needs an example, or a reason why there is none"
        );
    }
    for code in shown.union(&listed) {
        assert!(all.contains(code) || code == "few_cameras", "`{code}` is in no table");
    }
}

/// Methods and paths of the daemon's router.
pub(crate) fn endpoints() -> Vec<(String, String)> {
    let path: &Path = &system_tests::repository("crates/tidegate-daemon/src/http.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let mut endpoints = Vec::new();
    for route in text.split(".route(").skip(1) {
        // A key may have a `/`, which is no matter of a document.
        let path = &route.split('"').nth(1).unwrap().replace("{*", "{");
        // The next route begins with what this one's text ends before.
        let methods = route.split(".fallback").next().unwrap();
        for method in ["get", "put", "post", "delete"] {
            let called = |before: char| methods.contains(&format!("{before}{method}("));
            if called(' ') || called('.') {
                endpoints.push((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    endpoints
}

/// Method and path of a command.
fn asked(command: &str) -> Option<(String, String)> {
    let rest = command.split("http://127.0.0.1:").nth(1)?;
    let path: String = rest
        .chars()
        .skip_while(|c| *c != '/')
        .take_while(|c| !c.is_whitespace() && !"'?".contains(*c))
        .collect();
    let given = command.split("-X ").nth(1).and_then(|rest| rest.split(' ').next());
    let method = given.unwrap_or(if command.contains("--data") { "POST" } else { "GET" });
    Some((method.to_owned(), path))
}

fn is_at(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), pattern.split('/').collect());
    path.len() == pattern.len()
        && path.iter().zip(&pattern).all(|(part, of)| part == of || of.starts_with('{'))
}

#[test]
fn every_endpoint_has_an_example_and_a_row() {
    let document = document();
    let endpoints = endpoints();
    assert!(endpoints.len() >= 16, "{endpoints:?}");
    let good: Vec<(String, String)> = examples(&document)
        .iter()
        .filter(|example| example.status.is_some_and(|status| status < 300))
        .filter_map(|example| asked(&example.command))
        .collect();
    let rows: Vec<String> = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').nth(1).unwrap().replace('`', ""))
        .collect();
    for (method, path) in endpoints {
        let shown = good.iter().any(|(m, p)| *m == method && is_at(p, &path));
        assert!(shown, "{method} {path} has no example");
        let row = rows.iter().any(|row| {
            let row_path = row.split_whitespace().last().unwrap().split('?').next().unwrap();
            row.contains(&method) && row_path == path
        });
        assert!(row, "{method} {path} has no row");
    }
}
