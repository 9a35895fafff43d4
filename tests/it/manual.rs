//! `tidegate completions` and `tidegate man`.

use crate::command::run;

#[test]
fn completions_know_every_command() {
    for (shell, mark) in [
        ("bash", "complete -F _tidegate"),
        ("zsh", "#compdef tidegate"),
        ("fish", "complete -c tidegate"),
    ] {
        let ran = run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains(mark), "{shell}");
        for command in ["roll-back", "record", "status", "--retry-for", "--token-file"] {
            assert!(ran.out.contains(command.trim_start_matches('-')), "{shell}: {command}");
        }
    }
    assert_eq!(run(&["completions", "basic"]).code, 2);
}

#[test]
fn there_is_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    let ran = run(&["man", pages.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let help = run(&["--help"]).out;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut seen = 0;
    for line in commands.lines() {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            let page = std::fs::read_to_string(pages.join(format!("tidegate-{name}.1"))).unwrap();
            assert!(page.contains(".TH") && page.contains("SYNOPSIS"), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 9, "{help}");
    let page = std::fs::read_to_string(pages.join("tidegate-experiment-roll-back.1")).unwrap();
    assert!(page.contains("never served again") && page.contains("reason"), "{page}");
}

#[test]
fn every_command_of_the_daemon_takes_its_address_and_token() {
    for command in [
        &["experiment", "create"][..],
        &["experiment", "list"],
        &["experiment", "show"],
        &["experiment", "start"],
        &["experiment", "history"],
        &["experiment", "override"],
        &["status"],
        &["assign"],
        &["record"],
    ] {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = run(&arguments).out;
        for option in ["--server <URL>", "--token-file <FILE>", "--ca <FILE>", "--format <FORMAT>"]
        {
            assert!(help.contains(option), "{command:?}: {help}");
        }
        for name in ["TIDEGATE_SERVER", "TIDEGATE_TOKEN", "TIDEGATE_TOKEN_FILE", "TIDEGATE_CA"] {
            assert!(help.contains(name), "{command:?}: {help}");
        }
        let daemon = help.split("Daemon:").nth(1).unwrap();
        assert!(
            !daemon.contains("--format"),
            "what is no matter of the daemon's is elsewhere: {help}"
        );
        // No option takes the token itself.
        assert!(!help.contains("--token "), "{command:?}: {help}");
    }
}
