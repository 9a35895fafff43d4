//! `deploy/tidegate.toml` has every setting.

use tidegate_daemon::config::{ConfigFile, LogLevel};
use tidegate_daemon::{MetricNames, config};

fn sample() -> String {
    std::fs::read_to_string(system_tests::repository("deploy/tidegate.toml")).unwrap()
}

#[test]
fn the_sample_as_it_is_changes_nothing() {
    assert_eq!(ConfigFile::parse(&sample()).unwrap(), ConfigFile::default());
}

#[test]
fn the_sample_uncommented_has_every_setting_with_its_default() {
    let is_setting = |line: &&str| {
        let is_table = line.starts_with("[[") && line.ends_with("]]");
        let key = line.split(" = ").next().unwrap();
        let plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_table || (line.contains(" = ") && plain)
    };
    let sample = sample();
    let settings = sample.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_setting);
    let text: String = settings.flat_map(|line| [line, "\n"]).collect();
    // Without `..`, so that a new setting has to be looked at here.
    let ConfigFile {
        data,
        listen,
        tls_certificate,
        tls_key,
        tokens,
        allowed_hosts,
        connections_max,
        event_streams_max,
        disk_reserve_mb,
        snapshot_every,
        retention_hours,
        export_file,
        export_hours,
        heartbeat_seconds,
        webhooks,
        metric_names,
        log_level,
    } = ConfigFile::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(tls_certificate.is_some() && tls_key.is_some() && tokens.is_some());
    assert_eq!(data, Some(config::DATA_DEFAULT.into()));
    assert_eq!(listen, Some(config::LISTEN_DEFAULT));
    assert_eq!(allowed_hosts, Some(Vec::new()));
    assert_eq!(retention_hours, Some(config::RETENTION_HOURS_DEFAULT));
    assert!(export_file.is_some());
    assert_eq!(export_hours, Some(config::EXPORT_HOURS_DEFAULT));
    assert_eq!(heartbeat_seconds, Some(config::HEARTBEAT_SECONDS_DEFAULT));
    let webhooks = webhooks.unwrap();
    assert!(webhooks.len() == 1 && !webhooks[0].events.is_empty());
    assert!(!webhooks[0].experiments.is_empty());
    assert_eq!(metric_names, Some(MetricNames::Own));
    assert_eq!(log_level, Some(LogLevel::Info));
    let help = crate::command::run(&["serve", "--help"]).out;
    for (flag, value) in [
        ("--connections-max", connections_max),
        ("--event-streams-max", event_streams_max),
        ("--disk-reserve-mb", disk_reserve_mb),
        ("--snapshot-every", snapshot_every),
    ] {
        let line = help.lines().find(|line| line.contains(flag)).unwrap();
        assert!(line.contains(&format!("[default: {}]", value.unwrap())), "{line}");
    }
    for range in [
        config::CONNECTIONS,
        config::EVENT_STREAMS,
        config::RESERVE_MB,
        config::SNAPSHOT_EVERY,
        config::RETENTION_HOURS,
    ] {
        let said = format!("{} to {}.", range.start(), range.end());
        assert!(sample.contains(&said), "no range {said}");
    }
}
