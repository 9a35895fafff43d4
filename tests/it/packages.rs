//! Packages of others that tests run with: fetched from their registries, once for all tests.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held while something is fetched.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static FETCHING: Mutex<()> = Mutex::new(());
    FETCHING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder with the packages in JavaScript that the lists in `sources` name, where their registry can be reached.
pub(crate) fn javascript(name: &str, sources: &Path) -> Option<PathBuf> {
    let lists = ["package.json", "package-lock.json"].map(|name| sources.join(name));
    fetched(name, &[&lists[0], &lists[1]], |folder| {
        for list in &lists {
            fs::copy(list, folder.join(list.file_name().unwrap())).unwrap();
        }
        let mut command = Command::new("npm");
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        command.args(["--fetch-retries", "1", "--fetch-timeout", "20000"]).current_dir(folder);
        command
    })
}

/// Where what was fetched is kept from run to run.
pub(crate) fn kept() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("openfeature")
}

/// A folder with the packages that these lists name, fetched unless it is there already. Says so and
/// gives `None` where the registry cannot be reached, and fails where anything else is wrong.
fn fetched(name: &str, lists: &[&Path], fetch: impl FnOnce(&Path) -> Command) -> Option<PathBuf> {
    let _fetching = one_at_a_time();
    let mut hash = DefaultHasher::new();
    for list in lists {
        fs::read(list).unwrap().hash(&mut hash);
    }
    let folder = kept().join(format!("{name}-{:016x}", hash.finish()));
    let whole = folder.join("whole");
    if whole.exists() {
        return Some(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let output = match fetch(&folder).output() {
        Ok(output) => output,
        Err(error) => {
            system_tests::skipped(format_args!("{name} is not on this machine: {error}"));
            return None;
        }
    };
    let told = [&output.stdout[..], &output.stderr[..]].concat();
    let told = String::from_utf8_lossy(&told);
    if !output.status.success() {
        assert!(is_unreachable(&told), "{name} cannot be fetched:\n{told}");
        system_tests::skipped(format_args!("the registry of {name} cannot be reached:\n{told}"));
        return None;
    }
    fs::write(whole, "").unwrap();
    Some(folder)
}

/// Whether pip, npm or cargo says that it cannot get through to its registry. A registry that answers,
/// and has not what is asked for, is reached.
pub(crate) fn is_unreachable(told: &str) -> bool {
    const PHRASES: [&str; 20] = [
        "Failed to establish a new connection",
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "Temporary failure in name resolution",
        "Name or service not known",
        "Read timed out",
        "ProxyError",
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ECONNRESET",
        "ETIMEDOUT",
        "ERR_SOCKET_TIMEOUT",
        "ENETUNREACH",
        "Could not resolve host",
        "Could not resolve proxy",
        "Could not connect to server",
        "Connection refused",
        "Timeout was reached",
    ];
    PHRASES.iter().any(|phrase| told.contains(phrase))
}

#[test]
fn an_unreachable_registry_is_told_from_a_missing_package() {
    // As pip 23, npm 10 and cargo 1.95 say it where nothing listens.
    for told in [
        "WARNING: Retrying (Retry(total=0, …)) after connection broken by 'NewConnectionError(…)': \
         /simple/idna/\nERROR: No matching distribution found for idna==3.20",
        "npm error code ECONNREFUSED\nnpm error syscall connect",
        "error: failed to download from `…`\nCaused by: [7] Could not connect to server",
    ] {
        assert!(is_unreachable(told), "{told}");
    }
    for told in [
        "ERROR: Could not find a version that satisfies the requirement idna==0.0.0.1\n\
         ERROR: No matching distribution found for idna==0.0.0.1",
        "npm error code ETARGET\nnpm error notarget No matching version found for tslib@99.0.0.",
        "error: failed to select a version for the requirement `serde = \"^99\"`",
        "error[E0425]: cannot find value `x` in this scope",
    ] {
        assert!(!is_unreachable(told), "{told}");
    }
}
