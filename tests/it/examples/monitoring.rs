//! `examples/monitoring` asks for nothing that the daemon does not have, and its alerts fire when they should.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn read(path: &str) -> String {
    std::fs::read_to_string(system_tests::repository(path)).unwrap()
}

/// Each metric of `docs/metrics.md`, as queries name it, with its labels; another test holds that page to the daemon.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics = BTreeMap::new();
    let document = read("docs/metrics.md");
    for row in document.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let labels = cells[2].split(',').map(|label| label.trim().trim_matches('`').to_owned());
        let labels: BTreeSet<String> = labels.filter(|label| !label.is_empty()).collect();
        if cells[1] == "histogram" {
            let mut with_le = labels.clone();
            with_le.insert("le".to_owned());
            metrics.insert(format!("{}_bucket", cells[0]), with_le);
            metrics.insert(format!("{}_sum", cells[0]), labels.clone());
            metrics.insert(format!("{}_count", cells[0]), labels);
        } else {
            metrics.insert(cells[0].to_owned(), labels);
        }
    }
    metrics
}

/// What Prometheus adds to every series.
const ADDED: [&str; 2] = ["instance", "job"];

/// The names of a list of labels, such as `a, b` or `a="x", b=~"y"`.
fn names(list: &str) -> Vec<String> {
    let names = list.split(',').map(|part| part.split(['=', '!']).next().unwrap().trim());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What is wrong with a query; the labels that its metrics have go to `seen`.
fn faults(
    query: &str,
    metrics: &BTreeMap<String, BTreeSet<String>>,
    seen: &mut BTreeSet<String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut asked = 0;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = query;
    while let Some(start) = rest.find(|c: char| word(c)) {
        rest = &rest[start..];
        let end = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        let list = |open: char, close: char| -> Vec<String> {
            let inside = after.trim_start().strip_prefix(open);
            inside.map_or(Vec::new(), |inside| names(inside.split(close).next().unwrap()))
        };
        if name.starts_with("tidegate_") || name.starts_with("hsi_") || name == "up" {
            asked += 1;
            let known = metrics.get(name).cloned();
            let Some(known) = known.or_else(|| (name == "up").then(BTreeSet::new)) else {
                faults.push(format!("there is no metric {name}: {query}"));
                continue;
            };
            for label in list('{', '}') {
                if !known.contains(&label) && !ADDED.contains(&&*label) {
                    faults.push(format!("{name} has no label {label}: {query}"));
                }
            }
            seen.extend(known);
        } else if ["by", "on", "without", "ignoring"].contains(&name) {
            for label in list('(', ')') {
                if !seen.contains(&label) && !ADDED.contains(&&*label) && !query.contains(&label) {
                    faults.push(format!("nothing has a label {label}: {query}"));
                }
            }
        }
    }
    if asked == 0 {
        faults.push(format!("asks for nothing: {query}"));
    }
    faults
}

#[test]
fn a_name_or_label_that_is_not_there_is_found() {
    let metrics = metrics();
    let of = |query: &str| faults(query, &metrics, &mut BTreeSet::new()).len();
    assert_eq!(
        of(r#"sum by (status) (rate(tidegate_observations_total{instance="a"}[5m])) > 0"#),
        0
    );
    assert_eq!(of("tidegate_http_request_duration_seconds_bucket{le=\"1\"}"), 0);
    assert_eq!(of("tidegate_observations"), 1);
    assert_eq!(of(r#"tidegate_observations_total{camera="a"}"#), 1);
    assert_eq!(of(r#"tidegate_observations_total{status="a", phase!="b"}"#), 1);
    assert_eq!(of("tidegate_http_request_duration_seconds_sum{le=\"1\"}"), 1);
    assert_eq!(of("1 + 1"), 1);
}

/// Each alert: its name, its query, and all of its text.
fn alerts() -> Vec<(String, String, String)> {
    let text = read("examples/monitoring/alerts.yml");
    let of = text.split("- alert: ").skip(1).map(|alert| {
        let query = alert.split("expr: ").nth(1).unwrap();
        let ends = ["\n        for:", "\n        labels:"].map(|end| query.find(end));
        let end = ends.into_iter().flatten().min().unwrap();
        let query = query[..end].trim_start_matches('|').trim();
        (alert.lines().next().unwrap().to_owned(), query.to_owned(), alert.to_owned())
    });
    of.collect()
}

/// The texts between two marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).map(|rest| rest.split(close).next().unwrap().trim()).collect()
}

#[test]
fn every_alert_asks_for_what_is_there_and_leads_to_what_to_do() {
    let metrics = metrics();
    let alerts = alerts();
    assert!(alerts.len() >= 10);
    let tested = read("examples/monitoring/alerts.test.yml");
    let guide = read("docs/operating.md");
    for (name, query, text) in alerts {
        let mut labels = BTreeSet::new();
        assert_eq!(faults(&query, &metrics, &mut labels), Vec::<String>::new(), "{name}");
        for label in between(&text, "$labels.", "}") {
            let there = labels.contains(label) || ADDED.contains(&label);
            assert!(there, "{name} has no label {label}");
        }
        for field in ["severity: ", "summary: ", "action: "] {
            assert!(text.contains(field), "{name} has no {field}");
        }
        let runbook = between(&text, "runbook: ", "\n")[0];
        let (page, anchor) = runbook.split_once('#').unwrap();
        let found = crate::book::anchors(&read(page)).contains(anchor);
        assert!(found, "{name} leads to {runbook}, which is not there");
        assert!(tested.contains(&name), "{name} is in no test of alerts.test.yml");
        assert!(guide.contains(&format!("`{name}`")), "docs/operating.md does not know {name}");
    }
}

/// Every text under this key, however deep.
fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                found.extend(value.as_str().filter(|_| name == key));
                texts(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_panel_of_the_dashboard_asks_for_what_is_there() {
    let metrics = metrics();
    let dashboard: Value =
        serde_json::from_str(&read("examples/monitoring/dashboard.json")).unwrap();
    let (mut ids, mut asked, mut places) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        places.push((at("x"), at("y"), at("w"), at("h"), panel["title"].to_string()));
        let mut queries = Vec::new();
        texts(panel, "expr", &mut queries);
        assert_eq!(queries.is_empty(), panel["type"] == "row", "{}", panel["title"]);
        for query in &queries {
            let mut labels = BTreeSet::new();
            assert_eq!(faults(query, &metrics, &mut labels), Vec::<String>::new());
            let mut legends = Vec::new();
            texts(panel, "legendFormat", &mut legends);
            for label in legends.iter().flat_map(|legend| between(legend, "{{", "}}")) {
                assert!(labels.contains(label) || ADDED.contains(&label), "{label}: {query}");
            }
            asked.extend(
                query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned),
            );
        }
    }
    for (n, one) in places.iter().enumerate() {
        assert!(one.0 + one.2 <= 24, "{one:?}");
        for other in &places[..n] {
            let apart = |a: u64, w: u64, b: u64, v: u64| a + w <= b || b + v <= a;
            let free =
                apart(one.0, one.2, other.0, other.2) || apart(one.1, one.3, other.1, other.3);
            assert!(free, "{one:?} lies on {other:?}");
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            let (metric, label) = between(query, "label_values(", ")")[0].split_once(", ").unwrap();
            let known = &metrics[metric];
            assert!(known.contains(label) || ADDED.contains(&label), "{query}");
        }
    }
    // Whatever there is of our own is shown.
    for name in metrics.keys().filter(|name| name.starts_with("tidegate_")) {
        let base = name.trim_end_matches("_sum").trim_end_matches("_count");
        let shown = asked.contains(name) || asked.contains(&format!("{base}_bucket"));
        assert!(shown, "no panel shows {name}");
    }
}

/// Prometheus' own checker, where it is installed or `.ci/run` unpacked it; says so where it is not.
fn promtool() -> Option<PathBuf> {
    let unpacked = system_tests::repository("target/tools/usr/bin/promtool");
    for path in [Path::new("promtool"), &unpacked] {
        if Command::new(path).arg("--version").output().is_ok() {
            return Some(path.to_owned());
        }
    }
    system_tests::skipped("no promtool on this machine");
    None
}

#[test]
fn prometheus_reads_the_files_and_its_rule_tests_pass() {
    let Some(promtool) = promtool() else { return };
    let folder = system_tests::repository("examples/monitoring");
    for arguments in [["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]] {
        let output = Command::new(&promtool).args(arguments).current_dir(&folder).output().unwrap();
        let told =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.contains("SUCCESS"), "{arguments:?}\n{told}");
    }
}
