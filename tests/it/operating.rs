//! `docs/operating.md` says what is so; its commands are run by the book's test.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use system_tests::daemon::Start;
use tidegate_daemon::config::ConfigFile;

use crate::book::blocks;
use crate::book::machine::{Machine, PROGRAM, there_is};
use crate::command::{Ran, run, tidegate};

fn document() -> String {
    fs::read_to_string(system_tests::repository("docs/operating.md")).unwrap()
}

#[test]
fn the_certificate_is_taken_by_daemon_and_client() {
    if !there_is("openssl") {
        return;
    }
    let machine = Machine::new();
    let document = document();
    let blocks = blocks(&document);
    machine.done(&blocks.iter().find(|block| block.text.starts_with("openssl")).unwrap().text);
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
    // What is set of a cluster has a page of its own.
    let of_several = fs::read_to_string(system_tests::repository("docs/cluster.md")).unwrap();
    told.retain(|flag, _| !of_several.contains(&format!("| `{flag}` |")));
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
    let answers = text.split("let status = match readiness {").nth(1).unwrap();
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
    // One of which nobody reports.
    daemon.set_time(1_772_438_400_000);
    daemon.define("day", "key = \"day\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n");
    daemon.act("day", "start");
    daemon.set_time(1_772_445_600_000);
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
