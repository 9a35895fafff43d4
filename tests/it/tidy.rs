//! Rules about the code that are checked by machine.

use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    std::fs::read_to_string(system_tests::repository(path)).unwrap()
}

fn tree(package: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(system_tests::repository("."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn engine_and_stats_have_no_std() {
    for package in ["tidegate-stats", "tidegate-engine"] {
        let sources = system_tests::repository("crates").join(package).join("src");
        assert!(std::fs::read_to_string(sources.join("lib.rs")).unwrap().contains("#![no_std]"));
        has_no_std(&sources);
    }
}

fn has_no_std(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            has_no_std(&path);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let clean = !text.contains("extern crate std") && !text.contains("std::time");
        assert!(clean, "{}", path.display());
    }
}

#[test]
fn the_engine_depends_on_nothing_that_waits_or_draws() {
    let tree = tree("tidegate-engine");
    let allowed = [
        "tidegate-engine",
        "tidegate-stats",
        "approx",
        "base16ct",
        "hashbrown",
        "libm",
        "num-traits",
        "smol_str",
        "statrs",
        "thiserror",
        "thiserror-impl",
        "proc-macro2",
        "quote",
        "syn",
        "unicode-ident",
        "xxhash-rust",
    ];
    for line in tree.lines() {
        let name = line.split_whitespace().next().unwrap();
        assert!(allowed.contains(&name), "the engine may not depend on {name}:\n{tree}");
    }
}

#[test]
fn engine_and_spec_hold_no_clock_no_io_and_no_randomness() {
    let forbidden =
        ["tokio", "axum", "sled", "tracing-subscriber", "rand", "getrandom", "chrono", "jiff"];
    // The calendar writes times; that its clock is never read is a lint (clippy.toml).
    let calendar = ["tidegate-spec", "tidegate-sim", "tidegate-evaluate", "tidegate-page"];
    // These draw from a seed; nothing may ask the operating system.
    let drawing = ["tidegate-sim", "tidegate-evaluate"];
    for package in [
        "tidegate-stats",
        "tidegate-engine",
        "tidegate-spec",
        "tidegate-sim",
        "tidegate-evaluate",
        "tidegate-page",
    ] {
        let seeded = ["rand"].iter().filter(|_| drawing.contains(&package));
        let dated = ["jiff"].iter().filter(|_| calendar.contains(&package));
        let allowed: Vec<&str> = seeded.chain(dated).copied().collect();
        let tree = tree(package);
        for line in tree.lines() {
            let name = line.split_whitespace().next().unwrap();
            let fine = !forbidden.contains(&name) || allowed.contains(&name);
            assert!(fine, "{package} may not depend on {name}");
        }
    }
    let sources =
        ["spec", "sim", "evaluate", "page"].map(|name| format!("crates/tidegate-{name}/src"));
    let mut folders: Vec<_> =
        sources.iter().map(|folder| system_tests::repository(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["std::fs", "std::io", "std::net", "std::time", "std::env", "std::thread"] {
                assert!(!text.contains(word), "{} may not use {word}", path.display());
            }
        }
    }
}

#[test]
fn every_test_file_is_listed() {
    for folder in ["tests/it", "tests/cluster", "tests/model", "crates/tidegate-engine/tests/it"] {
        every_file_is_listed(folder, &format!("{folder}/main.rs"));
    }
}

/// Whether each file of `folder` is a module of `listing`, and each file of a folder one of its namesake.
fn every_file_is_listed(folder: &str, listing: &str) {
    let modules = read(listing);
    for entry in std::fs::read_dir(system_tests::repository(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let listed = name == "main" || modules.contains(&format!("mod {name};"));
        assert!(listed, "{listing} does not list {folder}/{name}");
        if path.is_dir() {
            every_file_is_listed(&format!("{folder}/{name}"), &format!("{folder}/{name}.rs"));
        }
    }
}

#[test]
fn every_map_and_experiment_that_ships_is_valid() {
    let folder = system_tests::repository("scenarios/replay");
    let mut experiments = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with(".experiment.toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            tidegate_spec::ExperimentFile::parse(&text).unwrap();
            experiments += 1;
        }
    }
    assert!(experiments >= 4);
}
