//! docs/evaluate.md shows what the commands print, and a case that is one.

use super::*;

fn guide() -> String {
    std::fs::read_to_string(system_tests::repository("docs/evaluate.md")).unwrap()
}

/// What stands in the blocks of a kind.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let start = format!("```{kind}\n");
    text.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_prints_what_the_guide_shows() {
    let (commands, shown) = (blocks(&guide(), "sh"), blocks(&guide(), "text"));
    assert_eq!(commands.len(), shown.len());
    assert!(commands.len() >= 2);
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(
        system_tests::repository("scenarios"),
        folder.path().join("scenarios"),
    )
    .unwrap();
    for (command, shown) in commands.iter().zip(shown) {
        let words = command.trim().strip_prefix("tidegate ").unwrap().split_whitespace();
        let output = tidegate().current_dir(folder.path()).args(words).output().unwrap();
        let ran: Ran = output.into();
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&ran.out), trimmed(&shown), "{command}{}", ran.err);
        assert_eq!(ran.code, i32::from(command.contains("--fail-on")), "{command}");
    }
}

#[test]
fn the_case_in_the_guide_is_one() {
    for text in blocks(&guide(), "json") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("case.json"), text).unwrap();
        let answer = evaluated(folder.path(), &["--preset", "rubric_vs_current"]);
        assert_eq!((&answer["cases"], &answer["verdict"]), (&json!(1), &json!("too_few_cases")));
        assert_eq!(answer["answers"]["control"]["parsed"], 1);
        let also = evaluated(folder.path(), &["--preset", "cot_vs_current"]);
        assert_eq!(also["answers"]["treatment"]["failed"], 1);
    }
}

#[test]
fn failures_hide_what_the_guide_says_they_hide() {
    let answer = evaluated(&synthetic(), &["--preset", "cot_vs_current"]);
    let score = metric(&answer, "score_in_range_accuracy");
    let points = |number: f64| format!("{:.1}", number * 100.0);
    let answered = score["change"]["difference"].as_f64().unwrap();
    let [control, treatment] =
        ["control", "treatment"].map(|side| score["of_all"][side].as_f64().unwrap());
    let told = format!(
        "({} points better where it answers, {} over all)",
        points(answered),
        points(treatment - control)
    );
    assert!(guide().replace('\n', " ").contains(&told), "{told}");
}
