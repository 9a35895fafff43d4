//! `deploy/Dockerfile`, as far as it can be checked without building it.

use std::process::Command;

use system_tests::daemon::Start;

fn read(path: &str) -> String {
    std::fs::read_to_string(system_tests::repository(path)).unwrap()
}

/// The instructions, each on one line.
fn instructions() -> Vec<String> {
    let text = read("deploy/Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    joined.lines().map(str::to_owned).filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn the_compiler_is_the_one_of_the_workspace() {
    let toolchain: toml::Table = toml::from_str(&read("rust-toolchain.toml")).unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let first = &instructions()[0];
    assert!(first.starts_with(&format!("FROM rust:{channel}-")), "{first}");
}

#[test]
fn what_is_copied_exists_and_is_all_of_the_workspace() {
    let mut copied = Vec::new();
    for instruction in instructions() {
        let words: Vec<&str> = instruction.split_whitespace().collect();
        if let ["COPY", sources @ .., _] = &words[..]
            && !sources[0].starts_with("--from=")
        {
            for source in sources {
                assert!(system_tests::repository(source).exists(), "{instruction}");
                copied.push((*source).to_owned());
            }
        }
    }
    let workspace: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let folder = member.as_str().unwrap().trim_end_matches("/*").to_owned();
        let within =
            |copied: &String| folder == *copied || folder.starts_with(&format!("{copied}/"));
        assert!(copied.iter().any(within), "{folder} is not copied");
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        assert!(copied.contains(&file.to_owned()), "{file} is not copied");
    }
}

#[test]
fn it_runs_without_privileges_and_ends_as_the_daemon_expects() {
    let instructions = instructions();
    let last = |word: &str| {
        let all = instructions.iter().rev();
        all.clone().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("no {word}"))
    };
    assert_eq!(last("USER"), "USER 65532:65532");
    assert_eq!(last("STOPSIGNAL"), "STOPSIGNAL SIGTERM");
    assert!(last("VOLUME").contains(last("ENV TIDEGATE_DATA").split('=').nth(1).unwrap()));
    assert!(last("CMD").contains("[\"serve\"]"));
}

#[test]
fn the_health_check_tells_a_daemon_that_serves_from_one_that_is_gone() {
    let instructions = instructions();
    let check = instructions.iter().find(|line| line.starts_with("HEALTHCHECK")).unwrap();
    let list = &check[check.find('[').unwrap()..];
    let words: Vec<String> = serde_json::from_str(list).unwrap();
    assert_eq!(words[0], "/usr/local/bin/tidegate");
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    let daemon = Start::new(program, folder.path()).ready();
    let address = daemon.address().to_owned();
    let healthy = || {
        let mut check = Command::new(program);
        check.args(&words[1..]).env("TIDEGATE_SERVER", &address);
        check.output().unwrap().status.success()
    };
    assert!(healthy());
    drop(daemon);
    assert!(!healthy());
}
