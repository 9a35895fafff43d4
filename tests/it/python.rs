//! The Python package, as its users get it: a wheel, installed into an environment with nothing else, and the package's own tests
//! run against what was installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use system_tests::{python, repository, skipped};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// What makes wheels.
const BUILDS: [&str; 1] = ["maturin==1.16.0"];
/// What the package's tests need. The package itself needs nothing.
const TESTS: [&str; 5] = [
    "mypy==2.4.1",
    "openfeature-sdk==0.10.0",
    "pandas==2.3.3",
    "prometheus-client==0.26.0",
    "pytest==9.2.0",
];

fn package() -> PathBuf {
    repository("bindings/python").canonicalize().unwrap()
}

fn kept() -> PathBuf {
    let folder = repository("target/python");
    fs::create_dir_all(&folder).unwrap();
    folder.canonicalize().unwrap()
}

fn words(output: &Output) -> String {
    let both = [&*output.stdout, &*output.stderr];
    both.map(String::from_utf8_lossy).concat()
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", words(&output));
    words(&output)
}

/// The wheel; without the crates that it is made of there is none. It is built once.
fn wheel(builder: &Path) -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| build_wheel(builder)).clone()
}

fn build_wheel(builder: &Path) -> Option<PathBuf> {
    let manifest = package().join("Cargo.toml");
    let mut fetch = Command::new(env!("CARGO"));
    let fetched = fetch.args(["fetch", "--locked", "--manifest-path"]).arg(&manifest);
    let fetched = fetched.output().unwrap();
    if !fetched.status.success() {
        let told = words(&fetched);
        assert!(!told.contains("--locked"), "bindings/python/Cargo.lock is behind: {told}");
        skipped(format_args!("the crates of the Python package cannot be fetched: {told}"));
        return None;
    }
    let wheels = kept().join("wheels");
    let _ = fs::remove_dir_all(&wheels);
    let mut build = Command::new(builder);
    // As the tests' own programs are built: quickly.
    build.args(["-m", "maturin", "build", "--profile", "dev", "--locked", "--manifest-path"]);
    build.arg(&manifest).arg("--target-dir").arg(kept().join("built")).arg("--out").arg(&wheels);
    succeeds(build.env_remove("CARGO_TARGET_DIR"));
    // One wheel for every Python.
    Some(only_file(&wheels))
}

fn only_file(folder: &Path) -> PathBuf {
    let mut made = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = made.next().expect("a file");
    assert!(made.next().is_none(), "{} has more than one file", folder.display());
    file
}

fn install(interpreter: &Path, wheels: &[PathBuf]) {
    let mut install = Command::new(interpreter);
    install.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]);
    succeeds(install.args(["--force-reinstall", "--no-deps"]).args(wheels));
}

/// A Python that has the package from its wheel, and what its tests need. It is made once.
pub(crate) fn installed() -> Option<PathBuf> {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    INSTALLED.get_or_init(make_installed).clone()
}

fn make_installed() -> Option<PathBuf> {
    let builder = python::environment(&kept().join("builder"), &BUILDS)?;
    let interpreter = python::environment(&kept().join("clean"), &TESTS)?;
    let mut new_enough = Command::new(&interpreter);
    new_enough.args(["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]);
    if !new_enough.status().unwrap().success() {
        skipped("the package needs Python 3.10, and python3 is older");
        return None;
    }
    let wheel = wheel(&builder)?;
    let name = wheel.file_name().unwrap().to_str().unwrap();
    assert!(name.contains("-cp310-abi3-"), "{name}");
    install(&interpreter, &[wheel]);
    Some(interpreter)
}

#[test]
fn the_installed_wheel_passes_the_tests_of_the_package() {
    let Some(interpreter) = installed() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let python = || {
        let mut command = Command::new(&interpreter);
        command.current_dir(elsewhere.path()).env_remove("PYTHONPATH");
        command.env("TIDEGATE_PROGRAM", PROGRAM).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let found = succeeds(python().args(["-c", "import tidegate; print(tidegate.__file__)"]));
    let environment = kept().join("clean");
    assert!(found.starts_with(environment.to_str().unwrap()), "{found}");
    let told = succeeds(
        python()
            .args(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"])
            .arg(package().join("tests")),
    );
    // What a client says after the last line is of no matter.
    let counts = told.lines().rfind(|line| line.contains(" passed")).unwrap_or_default();
    assert!(!counts.is_empty() && !counts.contains("skipped"), "{told}");
    // The types that it ships are those that it has.
    succeeds(python().args(["-m", "mypy", "--strict", "-p", "tidegate"]));
    succeeds(python().args(["-m", "mypy.stubtest", "tidegate._engine"]));
}

/// A test as a reader writes it, run where the program is on no path.
const TEST: &str = "\
def test_a_daemon_is_found(tidegate_daemon, tidegate_program):
    tidegate_daemon.define('key = \"door\"\\ncontrol = \"v1\"\\ntreatment = \"v2\"\\n')
    assert tidegate_daemon.status('door')['phase'] == 'draft'
    assert 'environment' in tidegate_program
";

#[test]
#[ignore = "minutes: builds the program once more"]
fn the_command_comes_in_a_wheel_and_the_plugin_finds_it() {
    let Some(builder) = python::environment(&kept().join("builder"), &BUILDS) else { return };
    let Some(interpreter) = python::environment(&kept().join("command"), &[TESTS[4]]) else {
        return;
    };
    let Some(package) = wheel(&builder) else { return };
    let wheels = kept().join("command-wheels");
    let _ = fs::remove_dir_all(&wheels);
    let target = kept().parent().unwrap().to_owned();
    let mut build = Command::new(&builder);
    // As the tests' own programs are built, from what is built for them.
    build.args(["-m", "maturin", "build", "--profile", "dev", "--locked", "--out"]);
    build.arg(&wheels).arg("--target-dir").arg(target);
    succeeds(build.current_dir(repository("bindings/command")).env_remove("CARGO_TARGET_DIR"));
    let command = only_file(&wheels);
    let name = command.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("tidegate_bin-") && name.contains("-py3-none-"), "{name}");
    install(&interpreter, &[package, command]);
    let program = interpreter.with_file_name("tidegate");
    assert!(succeeds(Command::new(program).arg("--version")).starts_with("tidegate "));

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("test_reader.py"), TEST).unwrap();
    let mut pytest = Command::new(&interpreter);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).current_dir(folder.path());
    let told = succeeds(pytest.env_remove("TIDEGATE_PROGRAM").env("PATH", "/usr/bin:/bin"));
    assert!(told.contains("1 passed"), "{told}");
}
