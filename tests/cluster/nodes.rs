//! Three daemons on three servers: one leads, and another takes over.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Start};
use system_tests::nats::{Nats, Syncs};
use tidegate_cluster::LogName;
use tidegate_engine::event::Event;
use tidegate_engine::observation::Analysis;
use tidegate_journal::{Entry, verify};

use crate::world::{in_time, log_of, open, read_in_time};

const EXPERIMENT: &str =
    "key = \"fleet\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 0\n";
const BEGAN_MS: i64 = 1_772_323_200_000;
const CAMERAS: usize = 24;

/// Daemons of one cluster; none where one was killed.
struct Nodes {
    starts: Vec<Start>,
    running: Vec<Option<Daemon>>,
    /// Analyses that were acknowledged.
    acknowledged: usize,
}

impl Nodes {
    fn start(nats: &Nats, folder: &Path) -> Self {
        let (servers, system) = (nats.addresses().join(","), nats.system_addresses().join(","));
        let starts: Vec<Start> = (0..3)
            .map(|node| {
                let program = env!("CARGO_BIN_EXE_tidegate-under-test");
                let address = format!("http://node-{node}:4780");
                Start::new(program, &folder.join(format!("node-{node}"))).with(&[
                    "--cluster",
                    &servers,
                    "--cluster-system",
                    &system,
                    "--advertise",
                    &address,
                ])
            })
            .collect();
        let running = starts.iter().map(|start| Some(ready(start))).collect();
        Self { starts, running, acknowledged: 0 }
    }

    fn of(&self, node: usize) -> &Daemon {
        self.running[node].as_ref().expect("it runs")
    }

    /// Reports one analysis to a node; its status and what it says.
    fn report(&self, node: usize, number: usize) -> (u16, Value) {
        let camera = format!("camera-{}", number % CAMERAS);
        let observation = json!({
            "type": "analysis", "experiment": "fleet", "id": format!("event-{number}"),
            "camera_id": camera, "variant": "control", "latency_ms": 900, "score": 10,
        });
        match self.of(node).try_post("/v1/observations", &json!([observation])) {
            Ok(reply) => (reply.status, reply.body),
            Err(error) => (0, error.to_string().into()),
        }
    }

    /// Reports so many to whoever takes them; gives who did.
    fn report_to_the_leader(&mut self, count: usize) -> usize {
        let mut leader = 0;
        for _ in 0..count {
            let number = self.acknowledged;
            leader = in_time("reporting", || {
                let mut said = Vec::new();
                for node in (0..3).filter(|node| self.running[*node].is_some()) {
                    let (status, body) = self.report(node, number);
                    if status == 200 {
                        let answer = body["results"][0]["status"].clone();
                        assert!(answer == "accepted" || answer == "duplicate", "{body}");
                        return Ok(node);
                    }
                    said.push(format!("{status} {body}"));
                }
                Err(said.join("; "))
            });
            self.acknowledged += 1;
        }
        leader
    }

    /// Waits until every node that runs knows all that was acknowledged, and no more; gives what they serve, which is the same.
    fn settled(&self) -> BTreeMap<String, String> {
        let mut served = Vec::new();
        for node in (0..3).filter(|node| self.running[*node].is_some()) {
            let daemon = self.of(node);
            in_time("following", || {
                let status = daemon.get("/v1/experiments/fleet/status").body;
                let known = status["observations"].as_u64();
                if known == Some(self.acknowledged as u64) {
                    Ok(())
                } else {
                    Err(status.to_string())
                }
            });
            let assigned = (0..CAMERAS).map(|camera| {
                let path = format!("/v1/experiments/fleet/assignments/camera-{camera}");
                let answer = daemon.get(&path).body;
                (format!("camera-{camera}"), format!("{} {}", answer["variant"], answer["reason"]))
            });
            served.push(assigned.collect::<BTreeMap<_, _>>());
        }
        assert!(served.windows(2).all(|pair| pair[0] == pair[1]), "{served:?}");
        served.swap_remove(0)
    }
}

/// A daemon that is ready, and was told the time.
fn ready(start: &Start) -> Daemon {
    let daemon = start.ready();
    assert_eq!(daemon.set_time(BEGAN_MS).status, 200);
    daemon
}

fn define(nodes: &Nodes) -> usize {
    let leader = in_time("defining", || {
        let replies: Vec<(u16, String)> = (0..3)
            .map(|node| nodes.of(node).define("fleet", EXPERIMENT))
            .map(|reply| (reply.status, reply.text))
            .collect();
        let taken = replies.iter().position(|(status, _)| [200, 201].contains(status));
        taken.ok_or_else(|| format!("{replies:?}"))
    });
    let started = nodes.of(leader).act("fleet", "start");
    assert_eq!(started.status, 200, "{}", started.text);
    leader
}

#[test]
fn a_leader_that_is_killed_or_stopped_is_followed_by_another_and_nothing_is_lost() {
    let Some(nats) = Nats::start(3, Syncs::Always) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(&nats, folder.path());
    let first = define(&nodes);
    assert_eq!(nodes.report_to_the_leader(30), first);
    let served = nodes.settled();
    assert!(served.values().any(|variant| variant.contains("treatment")), "{served:?}");

    // Who follows says who leads, and takes nothing.
    let follower = (first + 1) % 3;
    in_time("hearing of the leader", || {
        let (status, body) = nodes.report(follower, 0);
        assert_eq!((status, &body["code"]), (503, &"not_leader".into()), "{body}");
        let detail = body["detail"].to_string();
        if detail.contains(&format!("http://node-{first}:4780")) { Ok(()) } else { Err(detail) }
    });

    // It is killed. What was not answered is sent again, to whoever leads then.
    drop(nodes.running[first].take());
    let second = nodes.report_to_the_leader(30);
    assert_ne!(second, first);
    assert_eq!(nodes.settled(), served);
    // What was acknowledged before is known.
    let (status, body) = nodes.report(second, 0);
    assert_eq!((status, &body["results"][0]["status"]), (200, &"duplicate".into()), "{body}");

    // It comes back, and follows.
    nodes.running[first] = Some(ready(&nodes.starts[first]));
    assert_eq!(nodes.settled(), served);

    // The second stands still until another leads, and goes on as if nothing had been: what it takes then is not
    // acknowledged, and it follows.
    let stopped = nodes.running[second].take().unwrap();
    let signal = |name: &str| {
        let id = stopped.id().to_string();
        let told = std::process::Command::new("kill").args([name, &id]).status();
        assert!(told.unwrap().success());
    };
    signal("-STOP");
    let third = nodes.report_to_the_leader(20);
    signal("-CONT");
    nodes.running[second] = Some(stopped);
    let (status, body) = nodes.report(second, 1_000_000);
    assert_eq!(status, 503, "{body}");
    assert_ne!(third, second);
    assert_eq!(nodes.report_to_the_leader(20), third);
    assert_eq!(nodes.settled(), served);

    let acknowledged = nodes.acknowledged;
    for node in nodes.running.into_iter().flatten() {
        assert!(node.terminate().0);
    }
    audit(&nats, folder.path(), acknowledged);
}

/// Every node has the same bytes as the log, in which each analysis that was acknowledged is once.
fn audit(nats: &Nats, folder: &Path, acknowledged: usize) {
    let agreed = read_in_time(&mut log_of(nats, &LogName::default()), 1).unwrap();
    let mut ids = BTreeMap::new();
    for (_, entry) in agreed.iter().flat_map(|frame| frame.entries().unwrap()) {
        if let Entry::Event { event: Event::Analysis(Analysis { id: Some(id), .. }), .. } = entry {
            *ids.entry(id.to_string()).or_insert(0) += 1;
        }
    }
    for number in 0..acknowledged {
        assert_eq!(ids.get(&format!("event-{number}")), Some(&1), "event-{number}");
    }
    for node in 0..3 {
        let data = folder.join(format!("node-{node}"));
        assert!(verify::in_process(&data).unwrap().is_sound());
        let journal = open(&data);
        let kept = crate::world::read_all(&mut journal.log(), 1).unwrap();
        assert_eq!(kept, agreed[..kept.len()], "node {node}");
    }
}
