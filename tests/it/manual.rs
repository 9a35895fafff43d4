//! `tidegate completions` and `tidegate man`.

use std::process::Command;

use serde_json::json;
use system_tests::daemon::Start;

use crate::command::run;

#[test]
fn every_shell_is_told_how_to_ask() {
    for (shell, mark) in [
        ("bash", "complete -o nospace"),
        ("zsh", "#compdef tidegate"),
        ("fish", "complete --keep-order"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains(mark) && ran.out.contains("TIDEGATE_COMPLETE"), "{}", ran.out);
    }
    assert_eq!(run(&["completions", "basic"]).code, 2);
}

/// What bash offers for the last of these words, with the daemon of an address.
fn offered(server: &str, words: &[&str]) -> Vec<String> {
    let binary = env!("CARGO_BIN_EXE_tidegate-under-test");
    // As the shell does it: the words, and at which of them it stands; the command is found by its name.
    let script = format!(
        "tidegate() {{ {binary} \"$@\"; }}\n\
         eval \"$(tidegate completions bash)\"\n\
         COMP_WORDS=(tidegate {})\nCOMP_CWORD={}\nCOMP_TYPE=9\n_clap_complete_tidegate tidegate {}\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len(),
        words[words.len() - 1]
    );
    let output =
        Command::new("bash").args(["-c", &script]).env("TIDEGATE_SERVER", server).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    said.lines().filter(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn bash_offers_commands_presets_and_what_the_daemon_has() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    let daemon = Start::new(env!("CARGO_BIN_EXE_tidegate-under-test"), &data).ready();
    for key in ["door", "dock", "yard"] {
        let toml = format!("key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n");
        assert_eq!(daemon.define(key, &toml).status, 201);
    }
    let prompt = json!({"name": "watch", "text": "Say what you see.", "actor": "ann"});
    assert_eq!(daemon.post("/v1/prompts", &prompt).status, 201);
    let label = json!({"version": "v1", "reason": "as it was", "actor": "ann"});
    assert_eq!(daemon.try_put("/v1/prompts/watch/labels/production", &label).unwrap().status, 200);
    let offers = |words: &[&str]| offered(daemon.address(), words);

    assert!(offers(&["experiment", "roll"]).contains(&"roll-back".to_owned()));
    assert!(offers(&["status", "--w"]).contains(&"--watch".to_owned()));
    assert_eq!(offers(&["status", "do"]), ["dock", "door"]);
    assert_eq!(offers(&["experiment", "start", "y"]), ["yard"]);
    assert_eq!(offers(&["events", "--experiment", "y"]), ["yard"]);
    assert_eq!(offers(&["experiment", "init", "--preset", "cot"]), ["cot_vs_current"]);
    assert_eq!(offers(&["prompt", "show", "w"]), ["watch"]);
    assert_eq!(offers(&["prompt", "show", "watch", "p"]), ["production"]);
    assert_eq!(offers(&["prompt", "diff", "watch", "v"]), ["v1"]);
    // Nobody answers there, and nothing is said of it.
    assert_eq!(offered("http://127.0.0.1:9", &["status", "do"]), Vec::<String>::new());
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
