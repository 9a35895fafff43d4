//! `tidegate prompt` against a real daemon.

use serde_json::{Value, json};

use super::{NEW, OLD, World, digest};
use crate::command::{Ran, run, run_with_input};

fn prompt(world: &World, arguments: &[&str]) -> Ran {
    let server = world.daemon.address().to_owned();
    let mut all = vec!["prompt"];
    all.extend(arguments);
    all.extend(["--server", &server]);
    run(&all)
}

/// What a command printed, where it did its work.
fn done(world: &World, arguments: &[&str]) -> String {
    let ran = prompt(world, arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran.out
}

/// A daemon with a prompt of two versions, the first in production.
fn with_two() -> World {
    let world = World::new(&[]);
    let path = |name: &str| world.folder.path().join(name).to_str().unwrap().to_owned();
    let (old, new) = (path("old.txt"), path("new.txt"));
    std::fs::write(&old, OLD).unwrap();
    std::fs::write(&new, NEW).unwrap();
    let add = ["add", "door", &old, "--key", "v1_original", "--label", "production"];
    let ran = prompt(&world, &[&add[..], &["--actor", "ann"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, "prompt door is new\n"));
    assert_eq!(ran.out, format!("door: version 1, v1_original, {} (production)\n", digest(OLD)));
    let add = ["add", "door", &new, "--note", "fewer cats", "--parent", "production"];
    let added = done(&world, &[&add[..], &["--actor", "ann"]].concat());
    assert_eq!(added, format!("door: version 2, v2, {} (no label)\n", digest(NEW)));
    world
}

#[test]
fn texts_are_added_listed_shown_and_compared() {
    let world = with_two();
    let server = world.daemon.address();
    let piped =
        ["prompt", "add", "door", "-", "--actor", "ann", "--format", "json", "--server", server];
    let piped = run_with_input(&piped, NEW.as_bytes());
    let piped: Value = serde_json::from_str(&piped.out).unwrap();
    assert_eq!((&piped["number"], &piped["parent"]), (&2.into(), &digest(OLD).into()));
    // Whoever asks for another key would believe that there is such a version.
    let add = |key: &str| {
        let add =
            ["prompt", "add", "door", "-", "--actor", "ann", "--key", key, "--server", server];
        run_with_input(&add, NEW.as_bytes())
    };
    let other = add("v3");
    assert_eq!((other.code, other.out.as_str()), (2, ""), "{}", other.err);
    assert!(other.err.contains("the text is there as `v2`"), "{}", other.err);
    assert_eq!(add("v2").code, 0);
    let list = done(&world, &["list"]);
    let words: Vec<&str> = list.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(words, ["door", "2", "v2", "production=v1_original"], "{list}");
    let versions = done(&world, &["list", "door"]);
    assert!(versions.contains("fewer cats") && versions.contains(&digest(OLD)[..19]), "{versions}");
    assert_eq!(done(&world, &["show", "door", "production"]), OLD, "byte for byte");
    let diff = done(&world, &["diff", "door", "production", "v2"]);
    assert!(diff.contains("\n+Ignore cats.\n"), "{diff}");
}

#[test]
fn labels_are_moved_removed_and_looked_up() {
    let world = with_two();
    let by_ann = ["--reason", "over & done", "--actor", "ann"];
    let label = |more: &[&str]| prompt(&world, &[&["label", "door"], more, &by_ann[..]].concat());
    let moved = label(&["candidate", "v2", "--expect-revision", "0"]);
    let expected = format!("candidate of door points to v2, {} (revision 1)\n", digest(NEW));
    assert_eq!(moved.out, expected);
    let stale = label(&["candidate", "v1_original", "--expect-revision", "0"]);
    assert_eq!(stale.code, 3);
    assert!(stale.err.contains("is at revision 1, not 0"), "{}", stale.err);
    assert_eq!(label(&["candidate", "--remove"]).code, 0);
    let log = done(&world, &["log", "door", "candidate"]);
    let expected = "  1  2026-03-02T08:00:00Z  – → v2  ann: over & done\n  \
                    2  2026-03-02T08:00:00Z  v2 → –  ann: over & done\n";
    assert_eq!(log, expected);
    let shown = done(&world, &["show", "door"]);
    assert!(shown.starts_with("door: 2 versions, the newest is v2\n"), "{shown}");
    assert!(shown.contains("– (removed)"), "{shown}");
}

#[test]
fn an_export_is_looked_at_and_taken_in_elsewhere() {
    let world = with_two();
    let export = done(&world, &["export", "door"]);
    let copy = world.folder.path().join("copy.json");
    std::fs::write(&copy, &export).unwrap();
    let other = World::new(&[]);
    let import = ["import", copy.to_str().unwrap(), "--reason", "moving", "--actor", "bob"];
    let preview = done(&other, &[&import[..], &["--preview"]].concat());
    let expected = format!(
        "+ v1_original would be added, {}\n+ v2 would be added, {}\n\
         > production would be moved to v1_original\n",
        digest(OLD),
        digest(NEW)
    );
    assert_eq!(preview, expected);
    assert_eq!(done(&other, &import), expected.replace("would be ", ""));
    assert_eq!(done(&other, &import), "= v1_original is there\n= v2 is there\n");
    assert_eq!(done(&other, &["export", "door"]), export);
}

#[test]
fn what_is_no_text_or_no_export_is_not_sent() {
    let world = World::new(&[]);
    let file = world.folder.path().join("file");
    let (path, long) = (file.to_str().unwrap(), vec![b'x'; 256 * 1024 + 1]);
    for (bytes, why) in [(&b""[..], "is empty"), (&long, "longer than"), (b"\xff", "UTF-8")] {
        std::fs::write(&file, bytes).unwrap();
        let ran = prompt(&world, &["add", "door", path, "--actor", "ann"]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(why), "{}", ran.err);
    }
    std::fs::write(&file, "{}").unwrap();
    let ran = prompt(&world, &["import", path, "--reason", "r", "--actor", "ann"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("is no export of a prompt"), "{}", ran.err);
    let empty = prompt(&world, &["list"]);
    assert_eq!((empty.code, empty.out.as_str()), (0, ""));
}

#[test]
fn an_export_of_more_than_a_request_is_carried_in_several() {
    let world = World::new(&[]);
    let path = |name: &str| world.folder.path().join(name).to_str().unwrap().to_owned();
    for number in 0..6 {
        std::fs::write(path("text"), format!("{number}{}", "x".repeat(250_000))).unwrap();
        done(&world, &["add", "door", &path("text"), "--actor", "ann", "--label", "candidate"]);
    }
    // Four texts of 250,001 bytes are a page; the command joins them.
    for (after, versions, next) in [("", 4, json!("4")), ("?after=4", 2, json!(null))] {
        let page = world.get(&format!("/v1/prompts/door/export{after}"));
        assert_eq!(page["versions"].as_array().unwrap().len(), versions);
        assert_eq!(
            (&page["next"], page["labels"].as_array().unwrap().is_empty()),
            (&next, after.is_empty())
        );
    }
    let export = done(&world, &["export", "door", "--format", "json"]);
    std::fs::write(path("copy"), &export).unwrap();
    let other = World::new(&[]);
    let ran = prompt(&other, &["import", &path("copy"), "--reason", "moving", "--actor", "bob"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "2 requests, each of them all or nothing\n"));
    assert_eq!(done(&other, &["export", "door", "--format", "json"]), export);
}
