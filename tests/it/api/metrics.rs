//! What the daemon counts: as `OpenMetrics` has it, within bounds, and as `docs/metrics.md` says.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use system_tests::fake_daemon::{FakeDaemon, Reply};
use system_tests::raw::Request;
use tempfile::TempDir;

use super::{World, experiment};

/// One sample: its name, its labels, its value.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// A family of samples with the type that was said of it.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<Sample>,
}

type Families = BTreeMap<String, Family>;

/// The one family whose buckets begin below zero, so that its sum may fall.
const BELOW_ZERO: &str = "hsi_shadow_latency_diff_seconds";

/// Reads a text as strictly as `OpenMetrics` 1.0 is, as far as it is used here.
fn read(text: &str) -> Result<Families, String> {
    let text = text.strip_suffix("# EOF\n").ok_or("it does not end with # EOF")?;
    let mut families = Families::new();
    let mut current: Option<(String, Family)> = None;
    let mut helped: Option<String> = None;
    for line in text.split_terminator('\n') {
        let at = |why: &str| format!("{why}: {line}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or_else(|| at("no help"))?;
            is_name(name).then_some(()).ok_or_else(|| at("no name"))?;
            if help.is_empty() || helped.replace(name.to_owned()).is_some() {
                return Err(at("two HELP, or an empty one"));
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| at("no type"))?;
            if helped.take().as_deref() != Some(name) {
                return Err(at("a TYPE without its HELP"));
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(at("an unknown type"));
            }
            end(&mut families, current.take())?;
            current = Some((name.to_owned(), Family { kind: kind.to_owned(), samples: vec![] }));
        } else {
            let sample = sample(line).ok_or_else(|| at("no sample"))?;
            let (name, family) = current.as_mut().ok_or_else(|| at("a sample without a TYPE"))?;
            let suffixes: &[&str] = match family.kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                _ => &["_bucket", "_sum", "_count"],
            };
            let suffix = sample.name.strip_prefix(&**name).ok_or_else(|| at("another family"))?;
            if !suffixes.contains(&suffix) || !sample.value.is_finite() {
                return Err(at("a wrong suffix or value"));
            }
            let falls = suffix == "_sum" && name == BELOW_ZERO;
            if family.kind != "gauge" && sample.value < 0.0 && !falls {
                return Err(at("a count below zero"));
            }
            let twice = |s: &Sample| s.name == sample.name && s.labels == sample.labels;
            if family.samples.iter().any(twice) {
                return Err(at("a series that is there twice"));
            }
            family.samples.push(sample);
        }
    }
    end(&mut families, current)?;
    if helped.is_some() { Err("a HELP without a TYPE".to_owned()) } else { Ok(families) }
}

/// Closes a family: it is not there already, and its histograms add up.
fn end(families: &mut Families, family: Option<(String, Family)>) -> Result<(), String> {
    let Some((name, family)) = family else { return Ok(()) };
    if family.kind == "histogram" {
        histograms(&name, &family.samples)?;
    }
    match families.insert(name.clone(), family) {
        Some(_) => Err(format!("{name} is there twice, or not in one piece")),
        None => Ok(()),
    }
}

fn histograms(name: &str, samples: &[Sample]) -> Result<(), String> {
    let without = |sample: &Sample| {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        labels
    };
    let groups: BTreeSet<_> = samples.iter().map(without).collect();
    for group in groups {
        let of = |suffix: &str| -> Vec<&Sample> {
            let name = format!("{name}{suffix}");
            samples.iter().filter(|s| s.name == name && without(s) == group).collect()
        };
        let buckets: Vec<(f64, f64)> = of("_bucket")
            .iter()
            .filter_map(|s| {
                Some((s.labels.get("le")?.replace("+Inf", "inf").parse().ok()?, s.value))
            })
            .collect();
        let rising = buckets.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1);
        let last = buckets.last().copied().unwrap_or_default();
        let counted = matches!(of("_count")[..], [count] if count.value.total_cmp(&last.1).is_eq());
        if !rising || last.0 != f64::INFINITY || !counted || of("_sum").len() != 1 {
            return Err(format!("{name} {group:?} does not add up"));
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(inside)
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let mut labels = BTreeMap::new();
    let Some((name, rest)) = series.split_once('{') else {
        return is_name(series).then(|| Sample { name: series.to_owned(), labels, value });
    };
    let mut rest = rest.strip_suffix('}')?;
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"")?;
        let (text, after) = after.split_once('"')?;
        // No label here needs a quote, a backslash or a line's end.
        let plain = !text.contains(['\\', '\n']);
        if !is_name(label) || !plain || labels.insert(label.to_owned(), text.to_owned()).is_some() {
            return None;
        }
        rest = if after.is_empty() { after } else { after.strip_prefix(',')? };
    }
    is_name(name).then(|| Sample { name: name.to_owned(), labels, value })
}

#[test]
fn the_reader_refuses_what_is_not_openmetrics() {
    let good = "# HELP a b.\n# TYPE a counter\na_total{x=\"1\"} 3\n# EOF\n";
    assert_eq!(read(good).unwrap()["a"].samples.first().map(|sample| sample.value), Some(3.0));
    let histogram = "# HELP h b.\n# TYPE h histogram\nh_sum 1.5\nh_count 2\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\n# EOF\n";
    read(histogram).unwrap();
    for (from, to) in [
        ("# EOF\n", ""),
        ("a_total", "a"),
        ("# HELP a b.\n", ""),
        ("counter", "thing"),
        (" 3", " NaN"),
        (" 3", " -3"),
        (" 3", ""),
        ("x=\"1\"", "x=1"),
        ("x=\"1\"", "x=\"1\",x=\"1\""),
        ("a_total{x=\"1\"} 3\n", "a_total{x=\"1\"} 3\na_total{x=\"1\"} 4\n"),
        ("a_total{x=\"1\"} 3\n", "b_total 3\n"),
        ("a_total{x=\"1\"} 3\n", "\n"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(bad != good && read(&bad).is_err(), "{bad}");
    }
    for (from, to) in
        [("h_count 2", "h_count 3"), ("} 1\n", "} 9\n"), ("+Inf", "7"), ("h_sum 1.5\n", "")]
    {
        let bad = histogram.replacen(from, to, 1);
        assert!(bad != histogram && read(&bad).is_err(), "{bad}");
    }
}

fn scrape(world: &World) -> Families {
    let answer = Request::new("GET", "/metrics").send(world.address());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
    let text = String::from_utf8(answer.body).unwrap();
    read(&text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

fn series(families: &Families) -> usize {
    families.values().map(|family| family.samples.len()).sum()
}

fn observe(world: &World, items: &[Value]) {
    let answered = world.daemon.post("/v1/observations", &json!(items));
    assert_eq!(answered.body["rejected"], 0, "{}", answered.text);
}

/// A comparison of both prompts on one event.
fn comparison(key: &str, id: usize, control: &Value, treatment: &Value) -> Value {
    json!({"type": "comparison", "experiment": key, "id": format!("pair-{id}"),
           "camera_id": format!("camera-{id}"), "control": control, "treatment": treatment})
}

/// Lets everything happen that is counted: a shadow with failures and warnings, an A/B test with
/// feedback, a rollback.
fn let_all_happen(world: &World) {
    world.running("door");
    let answer = |ms: u32, score: u32| json!({"latency_ms": ms, "score": score});
    let failed = json!({"error": true});
    observe(
        world,
        &[
            comparison("door", 1, &answer(900, 70), &answer(950, 20)),
            comparison("door", 2, &answer(900, 70), &answer(2_000, 70)),
            comparison("door", 3, &answer(900, 20), &answer(100, 90)),
            comparison("door", 4, &answer(900, 20), &failed),
            comparison("door", 5, &failed, &answer(900, 20)),
            comparison("door", 6, &failed, &failed),
        ],
    );
    assert_eq!(world.daemon.act("door", "advance").status, 200);
    for (number, variant) in [(1, "control"), (2, "treatment"), (3, "control"), (4, "treatment")] {
        let id = format!("e{number}");
        let label = if number < 3 { "false_positive" } else { "correct" };
        observe(
            world,
            &[
                json!({"type": "analysis", "experiment": "door", "id": id, "camera_id": "camera-1",
                       "variant": variant, "latency_ms": 800, "score": 70}),
                json!({"type": "feedback", "experiment": "door", "id": id, "label": label}),
            ],
        );
    }
    let reply = world.daemon.post("/v1/observations", &json!([{}]));
    assert_eq!(reply.body["rejected"], 1, "{}", reply.text);
    world.daemon.get("/v1/experiments/door/assignments/camera-1");
    // Two hours on nobody reports any more, and of another rollout nobody ever did.
    world.running("yard");
    world.set_time("2026-03-02T10:00:00Z");
    // Gauges of the rollout are those of its A/B test; then it is rolled back.
    scrape(world);
    assert_eq!(world.daemon.act("door", "roll_back").status, 200);
}

/// A receiver of events, and the path of a configuration with as many webhooks to it.
fn hooked(folder: &TempDir, number: usize) -> (FakeDaemon, String) {
    let receiver = FakeDaemon::at(([127, 0, 0, 1], 0).into(), [], Reply::ok(""));
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let hook = |number| {
        format!(
            "[[webhooks]]\nname = \"hook-{number}\"\nurl = \"{}\"\nsecret_file = \"{}\"\n",
            receiver.url(),
            secret.display(),
        )
    };
    let config = folder.path().join("config.toml");
    std::fs::write(&config, (0..number).map(hook).collect::<String>()).unwrap();
    (receiver, config.to_str().unwrap().to_owned())
}

/// Type and labels of each metric, as its samples have them.
fn printed(families: &Families) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let named = families.iter().map(|(name, family)| {
        let suffix = if family.kind == "counter" { "_total" } else { "" };
        let labels = family.samples.iter().flat_map(|sample| sample.labels.keys());
        let labels = labels.filter(|label| *label != "le").cloned().collect();
        (format!("{name}{suffix}"), (family.kind.clone(), labels))
    });
    named.collect()
}

#[test]
fn the_document_names_every_metric_there_is_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, config) = hooked(&folder, 1);
    let world = World::new(&["--metric-names", "tidegate_and_hsi", "--config", &config]);
    let reviewed = "key = \"attic\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[review]\n";
    assert_eq!(world.daemon.define("attic", reviewed).status, 201);
    let_all_happen(&world);
    // The first is known to be taken once the second comes.
    receiver.next();
    receiver.next();
    let text = std::fs::read_to_string(system_tests::repository("docs/metrics.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeMap<String, (String, BTreeSet<String>)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let labels = cells[2].split(',').map(|label| label.trim().trim_matches('`').to_owned());
            let labels = labels.filter(|label| !label.is_empty()).collect();
            assert!(cells[3].len() > 5, "a metric has a meaning: {row}");
            (cells[0].trim_matches('`').to_owned(), (cells[1].to_owned(), labels))
        })
        .collect();
    assert_eq!(printed(&scrape(&world)), documented);
    // Without the switch there are only our own.
    let (receiver, config) = hooked(&folder, 1);
    let own = World::new(&["--config", &config]);
    assert_eq!(own.daemon.define("attic", reviewed).status, 201);
    let_all_happen(&own);
    receiver.next();
    receiver.next();
    let documented: BTreeSet<_> =
        documented.into_keys().filter(|name| name.starts_with("tidegate_")).collect();
    assert_eq!(printed(&scrape(&own)).into_keys().collect::<BTreeSet<_>>(), documented);
}

/// The metrics of the replaced system: name, labels, and the buckets of a histogram.
const REPLACED: [(&str, &str, &[f64]); 16] = [
    (
        "hsi_prompt_version_latency_seconds",
        "version",
        &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0],
    ),
    ("hsi_prompt_ab_traffic_total", "version is_treatment", &[]),
    ("hsi_prompt_shadow_comparisons_total", "model", &[]),
    ("hsi_shadow_latency_warning_total", "model", &[]),
    ("hsi_prompt_rollbacks_total", "model reason", &[]),
    (
        "hsi_shadow_risk_score_distribution",
        "prompt_version",
        &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0],
    ),
    (
        "hsi_shadow_risk_score_diff",
        "",
        &[0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 75.0, 100.0],
    ),
    ("hsi_shadow_avg_risk_score", "prompt_version", &[]),
    ("hsi_shadow_risk_level_shift_total", "direction", &[]),
    ("hsi_shadow_latency_diff_seconds", "", &[-1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0]),
    ("hsi_shadow_comparison_errors_total", "error_type", &[]),
    ("hsi_ab_rollout_analysis_total", "group", &[]),
    ("hsi_ab_rollout_fp_rate", "group", &[]),
    ("hsi_ab_rollout_avg_latency_ms", "group", &[]),
    ("hsi_ab_rollout_avg_risk_score", "group", &[]),
    ("hsi_ab_rollout_feedback_total", "group feedback_type", &[]),
];

#[test]
fn the_replaced_names_have_the_labels_and_buckets_its_dashboards_know() {
    let world = World::new(&["--metric-names", "tidegate_and_hsi"]);
    let_all_happen(&world);
    let families = scrape(&world);
    let printed = printed(&families);
    let names: BTreeSet<&str> =
        printed.keys().map(String::as_str).filter(|name| name.starts_with("hsi_")).collect();
    assert_eq!(names, REPLACED.iter().map(|(name, _, _)| *name).collect());
    for (name, labels, buckets) in REPLACED {
        let expected: BTreeSet<String> = labels.split_whitespace().map(str::to_owned).collect();
        assert_eq!(printed[name].1, expected, "{name}");
        let family = &families[name.strip_suffix("_total").unwrap_or(name)];
        let found: BTreeSet<String> =
            family.samples.iter().filter_map(|sample| sample.labels.get("le").cloned()).collect();
        let mut found: Vec<f64> = found.iter().filter_map(|le| le.parse().ok()).collect();
        found.retain(|le| le.is_finite());
        found.sort_by(f64::total_cmp);
        assert_eq!(found, buckets, "{name}");
    }
    let values = |name: &str, label: &str| -> BTreeSet<String> {
        families[name].samples.iter().map(|sample| sample.labels[label].clone()).collect()
    };
    let set = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<BTreeSet<_>>();
    let failures = set(&["both_failed", "control_failed", "treatment_failed"]);
    assert_eq!(values("hsi_shadow_comparison_errors", "error_type"), failures);
    assert_eq!(
        values("hsi_shadow_risk_level_shift", "direction"),
        set(&["lower", "same", "higher"])
    );
    let types = set(&["false_positive", "correct"]);
    assert_eq!(values("hsi_ab_rollout_feedback", "feedback_type"), types);
    assert_eq!(values("hsi_ab_rollout_fp_rate", "group"), set(&["control", "treatment"]));
    assert_eq!(values("hsi_prompt_ab_traffic", "version"), set(&["v1", "v2"]));
    assert_eq!(values("hsi_prompt_ab_traffic", "is_treatment"), set(&["false", "true"]));
    let value = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(l, v)| ((*l).to_owned(), (*v).to_owned())).collect();
        let found = families[name].samples.iter().find(|sample| sample.labels == labels);
        found.map(|sample| sample.value)
    };
    assert_eq!(value("hsi_prompt_shadow_comparisons", &[("model", "nemotron")]), Some(6.0));
    assert_eq!(value("hsi_shadow_latency_warning", &[("model", "nemotron")]), Some(1.0));
    let feedback = [("group", "treatment"), ("feedback_type", "correct")];
    assert_eq!(value("hsi_ab_rollout_feedback", &feedback), Some(1.0));
    assert_eq!(value("hsi_ab_rollout_fp_rate", &[("group", "control")]), Some(0.5));
    assert_eq!(value("hsi_ab_rollout_avg_latency_ms", &[("group", "control")]), Some(800.0));
    let rollback = [("model", "nemotron"), ("reason", "operator")];
    assert_eq!(value("hsi_prompt_rollbacks", &rollback), Some(1.0));
}

/// Forty experiments with prompts of their own and a thousand cameras, and every answer there is.
fn crowd(world: &World) -> Families {
    for number in (0..40).rev() {
        let key = format!("experiment-{number:02}");
        let text = format!(
            "key = \"{key}\"\ncontrol = \"control-{number}\"\ntreatment = \"treatment-{number}\"\n"
        );
        assert_eq!(world.daemon.define(&key, &text).status, 201);
        assert_eq!(world.daemon.act(&key, "start").status, 200);
        let answer = json!({"latency_ms": 900, "score": 70});
        let pairs: Vec<Value> = (0..25)
            .map(|camera| comparison(&key, number * 25 + camera, &answer, &answer))
            .collect();
        observe(world, &pairs);
        assert_eq!(world.daemon.act(&key, "advance").status, 200);
        let analyses: Vec<Value> = (0..25)
            .flat_map(|camera| {
                let camera = format!("camera-{}", number * 25 + camera);
                ["control", "treatment"].map(|variant| {
                    json!({"type": "analysis", "experiment": key, "id": format!("{camera}-{variant}"),
                           "camera_id": camera, "variant": variant, "latency_ms": 900, "score": 70})
                })
            })
            .collect();
        observe(world, &analyses);
        // An experiment that a later one displaces must not stay behind.
        scrape(world);
    }
    let cameras: Vec<String> = (0..1_000).map(|camera| format!("camera-{camera}")).collect();
    let all = json!({ "camera_ids": cameras });
    world.daemon.post("/v1/experiments/experiment-07/assignments", &all);
    for number in 0..300 {
        let method = format!("BREW{number}");
        assert_eq!(Request::new(&method, "/v1/experiments").send(world.address()).status, 405);
    }
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let plain = |path: &str| Request::new(method, path);
        for request in [
            plain("/healthz"),
            plain("/v1/nothing"),
            plain("/v1/experiments/a%20b"),
            plain("/v1/experiments/garage/status"),
            plain("/healthz").host(Some("evil.example")),
            plain("/healthz").header("origin", "null"),
            plain("/healthz").header("x-large", &"x".repeat(17 * 1024)),
            plain("/v1/observations").body("text/plain", ""),
            plain("/v1/observations").json(&json!([])),
            plain("/v1/observations").body("application/json", "["),
            plain("/v1/experiments/experiment-01").body("application/toml", experiment("door")),
            plain("/v1/experiments/experiment-01/actions").json(&json!({})),
        ] {
            assert!(request.send(world.address()).status < 500);
        }
    }
    scrape(world)
}

#[test]
fn a_fleet_of_any_size_has_fewer_than_500_series_and_no_camera() {
    for names in ["tidegate", "tidegate_and_hsi"] {
        let folder = tempfile::tempdir().unwrap();
        let (_receiver, config) = hooked(&folder, 8);
        let world = World::new(&["--metric-names", names, "--config", &config]);
        let families = crowd(&world);
        let count = series(&families);
        assert!((200..500).contains(&count), "{names}: {count}");
        for sample in families.values().flat_map(|family| &family.samples) {
            for value in sample.labels.values() {
                assert!(!value.contains("camera-") && !value.contains("BREW"), "{sample:?}");
            }
        }
        let kept = families["tidegate_experiments"].samples.first();
        assert_eq!(kept.map(|sample| sample.value), Some(40.0));
        let shown: BTreeSet<&str> = families["tidegate_rollout_phase"]
            .samples
            .iter()
            .map(|sample| sample.labels["experiment"].as_str())
            .collect();
        let expected = if names == "tidegate" { 12 } else { 6 };
        let expected: Vec<String> = (0..expected).map(|i| format!("experiment-{i:02}")).collect();
        assert!(shown.iter().eq(expected.iter()), "{shown:?}");
        world.is_well();
    }
}
