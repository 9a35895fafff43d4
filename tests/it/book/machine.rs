//! A machine in a folder, for the commands of the book: its programs, its daemon, a service manager of a few lines.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use system_tests::daemon::PATIENCE;

use crate::command::{Ran, run};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// Whether a program is on this machine.
pub(crate) fn there_is(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        system_tests::skipped(format_args!("no {program} on this machine"));
    }
    found
}

/// How a machine stands before a block of commands is run on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prepared {
    /// Folders.
    Files,
    /// A daemon with a draft.
    Daemon,
    /// And that draft started.
    Rollout,
    /// A journal that no daemon has open.
    Stopped,
    /// A backup in place of the daemon's journal.
    Restore,
    /// A daemon that found its journal damaged.
    Damaged,
}

/// A machine in a folder. What was started on it is killed when it is dropped.
pub(crate) struct Machine {
    pub(crate) folder: tempfile::TempDir,
    /// The daemon's address without `http://`.
    pub(crate) address: String,
    /// The analyzer's.
    analyzer: String,
    /// Of scope `admin`.
    pub(crate) token: String,
    background: RefCell<Vec<Child>>,
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (address, analyzer) = (free_address(), free_address());
        let root = folder.path().to_str().unwrap().to_owned();
        for name in ["bin", "etc", "lib", "backups"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["scenarios", "examples", "deploy"] {
            symlink(system_tests::repository(name), folder.path().join(name)).unwrap();
        }
        symlink(PROGRAM, folder.path().join("bin/tidegate")).unwrap();
        let tokens = format!("{root}/service.tokens");
        let token =
            run(&["token", "create", "--name", "t", "--scopes", "admin", "--tokens", &tokens]);
        let token = token.out.trim().to_owned();
        let machine = Self { folder, address, analyzer, token, background: RefCell::default() };
        machine.put("runuser", "shift 3\nexec \"$@\"");
        machine.put("chown", "exit 0");
        machine.put(
            "systemctl",
            &format!(
                "cd {root}\n\
                 case $1 in\n\
                 start)\n\
                   : >log\n\
                   tidegate serve --data lib/tidegate --tokens {tokens} >log 2>&1 &\n\
                   echo $! >pid\n\
                   until grep -q -e '\"message\":\"ready\"' -e 'is damaged; control' log; do\n\
                     kill -0 $(cat pid); sleep 0.02\n\
                   done ;;\n\
                 stop)\n\
                   if [ -f pid ]; then\n\
                     kill $(cat pid); rm pid\n\
                     until grep -q '\"message\":\"ended\"' log; do sleep 0.02; done\n\
                   fi ;;\n\
                 show) cat pid ;;\n\
                 *) exit 1 ;;\n\
                 esac"
            ),
        );
        machine
    }

    /// A machine as a block of commands needs it.
    pub(crate) fn prepared(prepared: Prepared) -> Self {
        let machine = Self::new();
        if prepared == Prepared::Files {
            return machine;
        }
        let night = machine.path("night.toml");
        let toml =
            "key = \"night\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";
        fs::write(night, toml).unwrap();
        machine
            .done("systemctl start tidegate\ntidegate experiment create night.toml --reason tried --actor ann");
        match prepared {
            Prepared::Files | Prepared::Daemon => {}
            Prepared::Rollout => {
                machine.done("tidegate experiment start night --reason now --actor owner");
            }
            Prepared::Stopped => {
                machine.done("systemctl stop tidegate");
            }
            Prepared::Restore | Prepared::Damaged => {
                machine.done(
                    "systemctl stop tidegate\n\
                     tidegate journal export /var/backups/tidegate.jsonl --data /var/lib/tidegate",
                );
                if prepared == Prepared::Restore {
                    machine.done("rm -r /var/lib/tidegate\nmkdir /var/lib/tidegate");
                } else {
                    machine.done("rm /var/lib/tidegate/mark\nsystemctl start tidegate");
                }
            }
        }
        machine
    }

    /// Has `python3` mean this interpreter.
    pub(crate) fn has_python(&self, interpreter: &Path) {
        self.put("python3", &format!("exec {} \"$@\"", interpreter.display()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A shell that runs commands as the book has them.
    fn shell(&self, script: &str) -> Command {
        let root = self.folder.path().to_str().unwrap();
        let script = script
            .replace("/etc/tidegate", &format!("{root}/etc"))
            .replace("/var/lib/", &format!("{root}/lib/"))
            .replace("/var/backups", &format!("{root}/backups"))
            .replace("127.0.0.1:4780", &self.address)
            .replace("127.0.0.1:8080", &self.analyzer);
        let path = format!("{root}/bin:{}", std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &script]).current_dir(root).stdin(Stdio::null());
        shell.env("PATH", path).env("TIDEGATE_TOKEN", &self.token);
        shell.env("TIDEGATE_LISTEN", &self.address).env("ANALYZER", &self.analyzer);
        shell.env("PYTHONDONTWRITEBYTECODE", "1");
        shell.env("TIDEGATE_SERVER", format!("http://{}", self.address));
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            shell.env_remove(proxy);
        }
        shell
    }

    /// Runs commands as the book has them.
    pub(crate) fn run(&self, script: &str) -> Ran {
        self.shell(script).output().unwrap().into()
    }

    /// Runs commands, which must do well, and gives what they print, with the book's addresses.
    pub(crate) fn done(&self, script: &str) -> String {
        let ran = self.run(script);
        assert_eq!(ran.code, 0, "{script}\n{}\n{}", ran.out, ran.err);
        ran.out.replace(&self.address, "127.0.0.1:4780").replace(&self.analyzer, "127.0.0.1:8080")
    }

    /// Starts a command that goes on, and waits until it has printed a line with these words.
    pub(crate) fn start(&self, command: &str, words: &str) {
        let mut shell = self.shell(&format!("exec {command} 2>&1"));
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        self.background.borrow_mut().push(child);
        let (told, heard) = mpsc::channel();
        // What is not read would fill the pipe, and then stop the command.
        std::thread::spawn(move || lines.for_each(|line| drop(told.send(line))));
        let mut seen = Vec::new();
        while seen.last().is_none_or(|line: &String| !line.contains(words)) {
            let line = heard.recv_timeout(PATIENCE);
            seen.push(line.unwrap_or_else(|_| {
                panic!("{command} did not print `{words}`:\n{}", seen.join("\n"))
            }));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for child in self.background.borrow_mut().iter_mut() {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Ok(id) = fs::read_to_string(self.path("pid")) {
            let _ = Command::new("kill").args(["-KILL", id.trim()]).status();
        }
    }
}
