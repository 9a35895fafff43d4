//! The README's first command prints what the README says it prints.

use crate::command::run;

#[test]
fn the_first_command_prints_what_the_readme_shows() {
    let readme = std::fs::read_to_string(system_tests::repository("README.md")).unwrap();
    let command = readme.lines().find(|line| line.starts_with("cargo run --release -- ")).unwrap();
    let arguments: Vec<String> = command["cargo run --release -- ".len()..]
        .split_whitespace()
        .map(|word| {
            if word.starts_with("scenarios/") {
                system_tests::repository(word).to_str().unwrap().to_owned()
            } else {
                word.to_owned()
            }
        })
        .collect();
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&run(&arguments).out), trimmed(shown));
}
