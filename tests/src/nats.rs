//! NATS servers on loopback, each a process of its own, that can be killed, stopped and started again.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Whether servers sync what they acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// Before they acknowledge.
    Always,
    /// As they do unless told otherwise.
    Default,
}

/// A cluster of servers; they end when it is dropped.
#[derive(Debug)]
pub struct Nats {
    program: PathBuf,
    folder: TempDir,
    ports: Vec<u16>,
    running: Vec<Option<Child>>,
}

/// Where the program is; says so and gives `None` where it is not on this machine.
fn program() -> Option<PathBuf> {
    let unpacked = crate::repository("target/tools/nats/bin/nats-server");
    for path in [PathBuf::from("nats-server"), unpacked] {
        if Command::new(&path).arg("--version").output().is_ok_and(|output| output.status.success())
        {
            return Some(path);
        }
    }
    crate::skipped("no nats-server on this machine");
    None
}

impl Nats {
    /// Starts so many servers; `None` where there is no program for it, which is said.
    pub fn start(servers: usize, sync: Syncs) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().expect("a folder");
        // All are held until all are known, so that none is given twice.
        let held: Vec<TcpListener> = (0..2 * servers)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
            .collect();
        let ports: Vec<u16> =
            held.iter().map(|held| held.local_addr().expect("a port").port()).collect();
        drop(held);
        let (ports, routes) = ports.split_at(servers);
        let to_all: Vec<String> =
            routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let sync = if sync == Syncs::Always { "sync_interval: always" } else { "" };
        for (index, port) in ports.iter().enumerate() {
            let store = folder.path().join(format!("store-{index}"));
            let cluster = if servers == 1 {
                String::new()
            } else {
                let (own, to_all) = (routes[index], to_all.join(", "));
                format!("cluster {{ name: test, listen: \"127.0.0.1:{own}\", routes: [{to_all}] }}")
            };
            let settings = format!(
                "server_name: n{index}\n\
                 listen: \"127.0.0.1:{port}\"\n\
                 max_payload: 2MB\n\
                 jetstream {{ store_dir: \"{}\", {sync} }}\n\
                 {cluster}\n\
                 accounts {{\n\
                   $SYS {{ users: [{{ user: system, password: secret }}] }}\n\
                   TEST {{ jetstream: enabled, users: [{{ user: tidegate, password: secret }}] }}\n\
                 }}\n",
                store.display()
            );
            fs::write(folder.path().join(format!("{index}.conf")), settings).expect("a file");
        }
        let ports = ports.to_vec();
        let mut nats = Self { program, folder, ports, running: Vec::new() };
        nats.running.resize_with(servers, || None);
        for index in 0..servers {
            nats.run(index);
        }
        Some(nats)
    }

    /// Starts a server that does not run.
    pub fn run(&mut self, index: usize) {
        let log = self.folder.path().join(format!("{index}.log"));
        let log = fs::File::options().create(true).append(true).open(log).expect("a log");
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(self.folder.path().join(format!("{index}.conf")))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a server");
        self.running[index] = Some(child);
    }

    /// Kills a server.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.running[index].take() {
            child.kill().and_then(|()| child.wait()).expect("it is gone");
        }
    }

    /// Sends a signal to a server that runs, such as `STOP` and `CONT`.
    pub fn signal(&self, index: usize, signal: &str) {
        let child = self.running[index].as_ref().expect("it runs");
        let told =
            Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(told.expect("kill").success());
    }

    /// Where the files of a server are.
    pub fn store(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("store-{index}"))
    }

    /// The addresses of all servers, for a user of the account that has the streams.
    pub fn addresses(&self) -> Vec<String> {
        self.addresses_of("tidegate")
    }

    /// The addresses of all servers, for a user of the system account.
    pub fn system_addresses(&self) -> Vec<String> {
        self.addresses_of("system")
    }

    fn addresses_of(&self, user: &str) -> Vec<String> {
        self.ports.iter().map(|port| format!("nats://{user}:secret@127.0.0.1:{port}")).collect()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for index in 0..self.running.len() {
            self.kill(index);
        }
        if std::thread::panicking() {
            for index in 0..self.running.len() {
                let log = fs::read_to_string(self.folder.path().join(format!("{index}.log")));
                let log = log.unwrap_or_default();
                let newest: Vec<&str> = log.lines().rev().take(15).collect();
                crate::said(&format!("server n{index}, newest first:\n{}", newest.join("\n")));
            }
        }
    }
}
