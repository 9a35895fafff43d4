//! `deploy/tidegate.service`, as systemd's own checks see it, where they are.

use std::process::{Command, Output};

fn unit() -> String {
    std::fs::read_to_string(system_tests::repository("deploy/tidegate.service")).unwrap()
}

/// What `systemd-analyze` says, or nothing where there is none that can.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let help = Command::new("systemd-analyze").arg("--help").output();
    let knows = help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--offline"));
    if !knows {
        system_tests::skipped("no systemd-analyze with --offline on this machine");
        return None;
    }
    Some(Command::new("systemd-analyze").args(arguments).output().unwrap())
}

#[test]
fn little_is_exposed() {
    let path = system_tests::repository("deploy/tidegate.service");
    let path = path.to_str().unwrap();
    let Some(output) = analyze(&["security", "--offline=true", "--no-pager", path]) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    let level = text.split("Overall exposure level for tidegate.service: ").nth(1);
    let level = level.and_then(|rest| rest.split_whitespace().next());
    let level: f64 = level.unwrap_or_else(|| panic!("{text}")).parse().unwrap();
    assert!(level <= 2.0, "{text}");
}

#[test]
fn systemd_has_nothing_to_say_against_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    // The commented settings are to be as good as the others.
    let uncommented = unit().replace("\n#", "\n").replace("\n ", "\n# ");
    for text in [unit(), uncommented] {
        let text = text.replace("/usr/local/bin/tidegate", program);
        let path = folder.path().join("tidegate.service");
        std::fs::write(&path, &text).unwrap();
        let path = path.to_str().unwrap();
        let arguments = ["verify", "--man=no", "--recursive-errors=no", path];
        let Some(output) = analyze(&arguments) else { return };
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !told.contains("tidegate.service:"), "{told}\n{text}");
    }
}

#[test]
fn it_starts_the_daemon_as_it_is_told_to() {
    let unit = unit();
    let help = crate::command::run(&["serve", "--help"]).out;
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let words: Vec<&str> = start.split_whitespace().collect();
    assert_eq!(words[..2], ["/usr/local/bin/tidegate", "serve"]);
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "{flag}");
    }
    let mut variables = 0;
    for line in unit.lines() {
        if let Some(all) = line.trim_start_matches('#').strip_prefix("Environment=") {
            for variable in all.split_whitespace() {
                let name = variable.split('=').next().unwrap();
                assert!(help.contains(&format!("[env: {name}=")), "{name}");
                variables += 1;
            }
        }
    }
    assert_eq!(variables, 4);
}
