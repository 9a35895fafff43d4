//! `docs/operating.md` says what is so, and its commands work against a real daemon.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use system_tests::daemon::Start;
use tidegate_daemon::config::ConfigFile;

use crate::command::{Ran, run, tidegate};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

fn document() -> String {
    fs::read_to_string(system_tests::repository("docs/operating.md")).unwrap()
}

/// What a block of commands needs, as the comment before it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Folders.
    Files,
    /// A daemon with a draft.
    Daemon,
    /// The same, and a few observations in place of many.
    Sizing,
    /// And that draft started.
    Rollout,
    /// A journal that no daemon has open.
    Stopped,
    /// A backup in place of the daemon's journal.
    Restore,
    /// A daemon that found its journal damaged.
    Damaged,
}

/// Every block of commands with what it needs; those that are not run say why.
fn blocks(document: &str) -> Vec<(Needs, String)> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line == "```sh" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let needs = match before {
                "<!-- run: files -->" => Needs::Files,
                // With fewer observations.
                "<!-- run: sizing -->" => Needs::Sizing,
                "<!-- run: daemon -->" => Needs::Daemon,
                "<!-- run: rollout -->" => Needs::Rollout,
                "<!-- run: stopped -->" => Needs::Stopped,
                "<!-- run: restore -->" => Needs::Restore,
                "<!-- run: damaged -->" => Needs::Damaged,
                other => {
                    assert!(other.starts_with("<!-- not run: "), "{other}\n{}", block.join("\n"));
                    continue;
                }
            };
            blocks.push((needs, block.join("\n")));
        }
        before = line;
    }
    blocks
}

/// A machine in a folder, with a service manager of a few lines.
struct Machine {
    folder: tempfile::TempDir,
    address: String,
    token: String,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let root = folder.path().to_str().unwrap().to_owned();
        for name in ["bin", "etc", "lib", "backups"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink(PROGRAM, folder.path().join("bin/tidegate")).unwrap();
        let tokens = format!("{root}/service.tokens");
        let token =
            run(&["token", "create", "--name", "t", "--scopes", "admin", "--tokens", &tokens]);
        let token = token.out.trim().to_owned();
        let machine = Self { folder, address, token };
        machine.put("runuser", "shift 3\nexec \"$@\"");
        machine.put("chown", "exit 0");
        machine.put(
            "systemctl",
            &format!(
                "cd {root}\n\
                 case $1 in\n\
                 start)\n\
                   tidegate serve --data lib/tidegate --listen {} --tokens {tokens} >log 2>&1 &\n\
                   echo $! >pid\n\
                   until grep -q -e '\"message\":\"ready\"' -e 'is damaged; control' log; do\n\
                     kill -0 $(cat pid); sleep 0.02\n\
                   done ;;\n\
                 stop)\n\
                   if [ -f pid ]; then\n\
                     kill $(cat pid); rm pid\n\
                     until grep -q '\"message\":\"ended\"' log; do sleep 0.02; done\n\
                   fi ;;\n\
                 show) cat pid ;;\n\
                 *) exit 1 ;;\n\
                 esac",
                machine.address
            ),
        );
        machine
    }

    /// A machine as a block of commands needs it.
    fn with(needs: Needs) -> Self {
        let machine = Self::new();
        if needs == Needs::Files {
            return machine;
        }
        let night = machine.path("night.toml");
        let toml =
            "key = \"night\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";
        fs::write(night, toml).unwrap();
        machine.done("systemctl start tidegate\ntidegate experiment create night.toml");
        match needs {
            Needs::Files | Needs::Daemon | Needs::Sizing => {}
            Needs::Rollout => {
                machine.done("tidegate experiment start night --reason now --actor owner");
            }
            Needs::Stopped => {
                machine.done("systemctl stop tidegate");
            }
            Needs::Restore | Needs::Damaged => {
                machine.done(
                    "systemctl stop tidegate\n\
                     tidegate journal export /var/backups/tidegate.jsonl --data /var/lib/tidegate",
                );
                if needs == Needs::Restore {
                    machine.done("rm -r /var/lib/tidegate\nmkdir /var/lib/tidegate");
                } else {
                    machine.done("rm /var/lib/tidegate/mark\nsystemctl start tidegate");
                }
            }
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs commands as the document has them.
    fn run(&self, script: &str) -> Ran {
        let root = self.folder.path().to_str().unwrap();
        let script = script
            .replace("/etc/tidegate", &format!("{root}/etc"))
            .replace("/var/lib/", &format!("{root}/lib/"))
            .replace("/var/backups", &format!("{root}/backups"))
            .replace("127.0.0.1:4780", &self.address);
        let path = format!("{root}/bin:{}", std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &script]).current_dir(root).stdin(Stdio::null());
        shell.env("PATH", path).env("TIDEGATE_TOKEN", &self.token);
        shell.env("TIDEGATE_SERVER", format!("http://{}", self.address));
        shell.output().unwrap().into()
    }

    fn done(&self, script: &str) -> String {
        let ran = self.run(script);
        assert_eq!(ran.code, 0, "{script}\n{}\n{}", ran.out, ran.err);
        ran.out
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Ok(id) = fs::read_to_string(self.path("pid")) {
            // It may be gone already.
            let _ = Command::new("kill").args(["-KILL", id.trim()]).status();
        }
    }
}

/// Whether a program that a block uses is on this machine.
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn there_is(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: no {program} on this machine");
    }
    found
}

#[test]
fn every_command_works() {
    let mut count = 0;
    for (needs, block) in blocks(&document()) {
        if ["curl", "openssl"].iter().any(|name| block.contains(name) && !there_is(name)) {
            continue;
        }
        let machine = Machine::with(needs);
        machine.done(&block.replace("seq 200000", "seq 2000"));
        match needs {
            Needs::Rollout => {
                let status = machine.done("tidegate status night");
                assert!(status.contains("rolled_back"), "{block}\n{status}");
            }
            Needs::Files => {}
            Needs::Sizing => {
                let status = machine.done("tidegate status size");
                assert!(status.contains("50 cameras, 2000 observations"), "{status}");
            }
            Needs::Daemon | Needs::Stopped | Needs::Restore | Needs::Damaged => {
                if block.contains("systemctl start") || needs == Needs::Daemon {
                    let list = machine.done("tidegate experiment list");
                    assert!(list.contains("night"), "{block}\n{list}");
                }
            }
        }
        count += 1;
    }
    assert!(count >= 9, "{count} blocks were run");
}

#[test]
fn the_certificate_is_taken_by_daemon_and_client() {
    if !there_is("openssl") {
        return;
    }
    let machine = Machine::new();
    let document = document();
    let all = blocks(&document);
    machine.done(&all.iter().find(|(_, block)| block.starts_with("openssl")).unwrap().1);
    let tokens = machine.path("service.tokens");
    let path = |name: &str| machine.path(name).to_str().unwrap().to_owned();
    let daemon = Start::new(PROGRAM, &machine.path("lib/tidegate"))
        .with(&["--tls-certificate", &path("etc/certificate.pem")])
        .with(&["--tls-key", &path("etc/key.pem"), "--tokens", tokens.to_str().unwrap()])
        .ready();
    let server = daemon.address().replace("127.0.0.1", "localhost");
    let list = |ca: &str| {
        let mut list = tidegate();
        list.args(["experiment", "list", "--server", &server])
            .env("TIDEGATE_TOKEN", &machine.token);
        if !ca.is_empty() {
            list.args(["--ca", ca]);
        }
        Ran::from(list.output().unwrap())
    };
    let (known, unknown) = (list(&path("etc/certificate.pem")), list(""));
    assert_eq!((known.code, unknown.code), (0, 4), "{}\n{}", known.err, unknown.err);
}

#[test]
fn tokens_that_systemd_hands_in_are_taken() {
    // Its access list for one user is shown as a permission of the group.
    let machine = Machine::new();
    let (tokens, folder) = (machine.path("service.tokens"), machine.folder.path());
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o440)).unwrap();
    let start = Start::new(PROGRAM, &machine.path("lib/tidegate"))
        .with(&["--tokens", tokens.to_str().unwrap()]);
    let refused = start.try_listening().unwrap_err();
    assert!(refused.contains("mode 440"), "{refused}");
    let credentials = folder.to_str().unwrap();
    drop(start.clone().env("CREDENTIALS_DIRECTORY", credentials).ready());
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o444)).unwrap();
    let refused = start.env("CREDENTIALS_DIRECTORY", credentials).try_listening().unwrap_err();
    assert!(refused.contains("mode 444"), "{refused}");
}

/// The cells of the rows of the table that has this first heading, with code marks taken off.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let start = format!("| {heading} |");
    let rows = document.lines().skip_while(|line| !line.starts_with(&start)).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    })
    .collect()
}

/// What follows `mark` up to `end`.
fn between<'a>(text: &'a str, mark: &str, end: char) -> Option<&'a str> {
    text.split_once(mark)?.1.split(end).next()
}

#[test]
fn the_configuration_table_is_what_serve_says_of_itself() {
    let help = run(&["serve", "--help"]).out;
    let mut told = BTreeMap::new();
    for line in help.lines().filter_map(|line| line.trim_start().strip_prefix("--")) {
        told.insert(format!("--{}", line.split_whitespace().next().unwrap()), line);
    }
    let rows = table(&document(), "Flag");
    for row in &rows {
        let [flag, variable, key, default, range] = &row[..] else { panic!("{row:?}") };
        let line = told.remove(flag).unwrap_or_else(|| panic!("serve has no {flag}"));
        assert_eq!(between(line, "[env: ", '='), Some(&**variable), "{flag}");
        let known = between(line, "[default: ", ']').unwrap_or("none");
        assert_eq!(known, default, "{flag}");
        if let Some(names) = between(line, "[possible values: ", ']') {
            assert_eq!(names, range, "{flag}");
        }
        if flag == "--config" {
            continue;
        }
        assert_eq!(*key, flag[2..].replace('-', "_"));
        let unknown = ConfigFile::parse(&format!("{key} = []\n"));
        let unknown = unknown.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(!unknown.contains("unknown") && !unknown.contains("not known"), "{unknown}");
        if let Some((low, high)) = range.split_once("..=") {
            let high: u64 = high.parse().unwrap();
            let refused = run(&["serve", flag, &(high + 1).to_string()]);
            assert!(refused.err.contains(&format!("is not in {range}")), "{}", refused.err);
            for value in [low, &high.to_string()] {
                ConfigFile::parse(&format!("{key} = {value}\n")).unwrap();
            }
            assert!(ConfigFile::parse(&format!("{key} = {}\n", high + 1)).is_err());
        }
    }
    told.remove("--help");
    assert!(told.is_empty() && rows.len() >= 13, "not in the table: {told:?}");
}

fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

#[test]
fn every_warning_and_error_of_the_log_is_explained() {
    let mut logged = Vec::new();
    for text in sources(&system_tests::repository("crates/tidegate-daemon/src")) {
        for (macro_name, level) in [("tracing::warn!(", "WARN"), ("tracing::error!(", "ERROR")] {
            for rest in text.split(macro_name).skip(1) {
                // The message is the last text of the call.
                let call = rest.split("\")").next().unwrap();
                logged.push((level.to_owned(), call.rsplit('"').next().unwrap().to_owned()));
            }
        }
    }
    logged.sort();
    logged.dedup();
    let rows = table(&document(), "Level");
    let mut explained: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    explained.sort();
    assert_eq!(explained, logged);
}

#[test]
fn every_answer_of_readyz_is_explained() {
    let path = system_tests::repository("crates/tidegate-daemon/src/http/health.rs");
    let text = fs::read_to_string(path).unwrap();
    let answers = text.split("let status = match standing {").nth(1).unwrap();
    let answers = answers.split("};").next().unwrap();
    let mut given: Vec<&str> = answers.split('"').skip(1).step_by(2).collect();
    let rows = table(&document(), "`status`");
    let mut explained: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
    given.sort_unstable();
    explained.sort_unstable();
    assert_eq!(explained, given);
}

#[test]
fn the_metrics_to_watch_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Start::new(PROGRAM, folder.path()).ready();
    // A counter with labels is there once it counted.
    daemon.define("night", "key = \"night\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n");
    daemon.act("night", "start");
    daemon.act("night", "roll_back");
    let metrics = daemon.get("/metrics").text;
    let document = document();
    let mut seen = 0;
    for name in document.split('`').filter(|name| name.starts_with("tidegate_")) {
        let family = name.trim_end_matches("_total");
        assert!(metrics.contains(&format!("# TYPE {family} ")), "{name}\n{metrics}");
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}
