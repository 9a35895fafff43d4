//! A Python of the tests' own, with pinned packages, made once and kept under `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The interpreter of an environment in `folder` that has these packages, such as `scipy==1.17.1`.
///
/// Whoever comes first makes it, others wait; it is made anew where the packages are others. Without Python or the
/// package registry it says so and gives `None`.
///
/// # Panics
/// Where the registry can be reached, and the packages cannot be installed nonetheless.
pub fn environment(folder: &Path, packages: &[&str]) -> Option<PathBuf> {
    let Ok(found) = Command::new("python3").arg("--version").output() else {
        crate::skipped("no python3 on this machine");
        return None;
    };
    fs::create_dir_all(folder).expect("a folder for the environment");
    let lock = File::create(folder.join("lock")).expect("a file to lock");
    lock.lock().expect("a lock, until it is dropped");
    let interpreter = folder.join("environment/bin/python3");
    let marker = folder.join("installed.txt");
    let wanted = format!("{}{}\n", String::from_utf8_lossy(&found.stdout), packages.join("\n"));
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Some(interpreter);
    }
    // What was interrupted before, or has other packages.
    let _ = fs::remove_file(&marker);
    let made = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(folder.join("environment"))
        .output()
        .expect("python3 ran before");
    if !made.status.success() {
        crate::skipped(format_args!("python3 cannot make an environment: {}", words(&made)));
        return None;
    }
    let pip = |arguments: &[&str]| {
        Command::new(&interpreter)
            .args(["-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"])
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("the environment has pip")
    };
    let installed = pip(&[&["install", "--quiet"], packages].concat());
    if !installed.status.success() {
        let probe = pip(&["download", "--quiet", "--no-deps", "--dest", "probe", "packaging"]);
        assert!(!probe.status.success(), "{packages:?}: {}", words(&installed));
        crate::skipped(format_args!(
            "the package registry cannot be reached: {}",
            words(&installed)
        ));
        return None;
    }
    fs::write(&marker, wanted).expect("a marker");
    Some(interpreter)
}

fn words(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
