//! The README's commands print what the README says they print.

use crate::book::is_as_shown;
use crate::command::run;

/// Lines that the first page may have: it is read on one screen and a half.
const LINES_MAX: usize = 130;

#[test]
fn the_commands_print_what_the_readme_shows() {
    let readme = std::fs::read_to_string(system_tests::repository("README.md")).unwrap();
    assert!(readme.lines().count() <= LINES_MAX, "{}", readme.lines().count());
    let commands = readme.lines().filter_map(|line| line.strip_prefix("cargo run --release -- "));
    let shown = readme.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut seen = 0;
    for (command, shown) in commands.zip(shown) {
        let printed = run(&command.split_whitespace().collect::<Vec<_>>()).out;
        assert!(is_as_shown(shown, &printed), "{command} printed\n{printed}");
        seen += 1;
    }
    assert_eq!(seen, 1);
}

#[test]
fn the_scenario_in_the_guide_is_valid_with_every_hint_uncommented() {
    let guide = std::fs::read_to_string(system_tests::repository("docs/simulator.md")).unwrap();
    let sample = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    tidegate_spec::ScenarioFile::parse(sample).unwrap();
    let mut hints = 0;
    for hint in sample.lines().filter_map(|line| line.strip_prefix("# ")) {
        if !hint.contains(" = ") || hint.starts_with('"') {
            continue;
        }
        // One hint at a time, as some are of the same key; scores come with what needs them.
        let changed = sample.replace(&format!("# {hint}"), hint);
        assert_ne!(changed, sample);
        let read = tidegate_spec::ScenarioFile::parse(&changed);
        assert!(read.is_ok(), "{hint}: {}", read.unwrap_err());
        hints += 1;
    }
    assert!(hints >= 15, "{hints}");
}

#[test]
fn the_map_in_the_guide_works_with_every_hint_uncommented() {
    let guide = std::fs::read_to_string(system_tests::repository("docs/replay.md")).unwrap();
    let map = guide.split("```toml\n# where").nth(1).unwrap().split("```").next().unwrap();
    let map = format!("# where{map}");
    // `step` and `camera_modulo` are for other recordings than this one, `[fixed]` repeats a column.
    let hints =
        ["# where", "# time_unit", "# no_error", "# other_labels", "# format", "# delimiter"];
    let uncommented: String = map
        .lines()
        .map(|line| if hints.iter().any(|h| line.starts_with(h)) { &line[2..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let records = "region,at,event,camera,prompt,seconds,error,risk,verdict,verdict_at\n\
                   east,2026-03-02T00:00:00Z,e1,door,v2-hotfix,0.25,,77.6,nothing there,\n";
    for map in [map.as_str(), &uncommented] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("map.toml"), map).unwrap();
        std::fs::write(path("records.csv"), records).unwrap();
        let experiment = system_tests::repository("scenarios/replay/sample.experiment.toml");
        let (records, map) = (path("records.csv"), path("map.toml"));
        let experiment = experiment.to_str().unwrap();
        let ran = run(&["replay", &records, "--experiment", experiment, "--map", &map]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("1 used, 1 labels"), "{}", ran.out);
        assert!(ran.out.contains("250.00 ms") && ran.out.contains("78.0"), "{}", ran.out);
    }
}
