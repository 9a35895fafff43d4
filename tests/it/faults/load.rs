//! Reporters that put load on a daemon, and what of it was acknowledged.

use serde_json::{Value, json};
use system_tests::daemon::{Daemon, Reply};

use crate::faults::fleet::{Kept, analyses};

/// What a reporter sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// So many analyses in a request.
    Analyses(u32),
    /// A version of one prompt, its text so many bytes long.
    Version(usize),
    /// A draft with so many overrides.
    Draft(u32),
}

/// Who reports, under numbers from 0 on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reporter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Requests to one daemon.
    pub(crate) requests: u32,
}

/// Small requests, many of which share a sync.
pub(crate) const NARROW: [Reporter; 3] = [
    Reporter { name: "a", kind: Kind::Analyses(16), requests: 14 },
    Reporter { name: "b", kind: Kind::Analyses(16), requests: 14 },
    Reporter { name: "c", kind: Kind::Analyses(16), requests: 14 },
];

/// Requests of every size that the daemon takes.
pub(crate) const WIDE: [Reporter; 6] = [
    Reporter { name: "one", kind: Kind::Analyses(1), requests: 30 },
    Reporter { name: "some", kind: Kind::Analyses(200), requests: 6 },
    Reporter { name: "many", kind: Kind::Analyses(1_000), requests: 5 },
    Reporter { name: "short", kind: Kind::Version(40_000), requests: 6 },
    Reporter { name: "long", kind: Kind::Version(256 * 1024), requests: 2 },
    Reporter { name: "draft", kind: Kind::Draft(4_000), requests: 2 },
];

impl Reporter {
    /// Sends requests until there were enough or the daemon is gone, each from `next` on. `acknowledged` is told
    /// below which number all is.
    pub(crate) fn report(
        &self,
        daemon: &Daemon,
        next: &mut u32,
        mut acknowledged: impl FnMut(&'static str, u32),
    ) {
        for _ in 0..self.requests {
            let below = *next + if let Kind::Analyses(count) = self.kind { count } else { 1 };
            let Ok(reply) = self.send(daemon, *next, below) else { return };
            if !matches!(reply.status, 200 | 201) {
                return;
            }
            if let Kind::Analyses(_) = self.kind {
                assert_eq!(reply.body["rejected"], 0, "{}", reply.text);
            }
            acknowledged(self.name, below);
            *next = below;
        }
    }

    fn send(&self, daemon: &Daemon, from: u32, below: u32) -> Result<Reply, ureq::Error> {
        let key = format!("{}-{from:06}", self.name);
        match self.kind {
            Kind::Analyses(_) => {
                daemon.try_post("/v1/observations", &analyses(self.name, from..below))
            }
            Kind::Version(bytes) => {
                let text = format!("{key}\n").repeat(bytes / (key.len() + 1));
                let mut body = json!({"text": text, "key": key, "actor": "tester"});
                if daemon.try_get(&format!("/v1/prompts/{}", self.name))?.status == 404 {
                    body["name"] = Value::from(self.name);
                    daemon.try_post("/v1/prompts", &body)
                } else {
                    daemon.try_post(&format!("/v1/prompts/{}/versions", self.name), &body)
                }
            }
            Kind::Draft(overrides) => {
                let cameras = (0..overrides).map(|n| (format!("camera-{n:05}"), "control".into()));
                let cameras: serde_json::Map<String, Value> = cameras.collect();
                let body = json!({
                    "key": key, "control": "v1", "treatment": "v2",
                    "assignment": {"overrides": cameras},
                });
                daemon.try_put(&format!("/v1/experiments/{key}"), &body)
            }
        }
    }
}

/// What is wrong with what is kept of a reporter, of whose numbers those below one were acknowledged.
pub(crate) fn missing(kept: &Kept, reporter: &str, below: u32) -> Option<String> {
    let numbers = kept.numbers.get(reporter).map_or(&[][..], Vec::as_slice);
    if let Some([before, number]) =
        numbers.array_windows().find(|[before, number]| *number != before + 1)
    {
        return Some(format!("{number} comes after {before}"));
    }
    let (first, end) = match numbers {
        [] => (None, 0),
        [first, .., last] => (Some(*first), last + 1),
        [only] => (Some(*only), only + 1),
    };
    // What came before the oldest kept entry is in the snapshot before it.
    let pruned = kept.first > 1 && kept.snapshot.is_some_and(|at| at + 1 >= kept.first);
    if end < below && !(pruned && numbers.is_empty()) {
        return Some(format!("{below} were acknowledged, {end} are there"));
    }
    (first.is_some_and(|first| first > 0) && !pruned).then(|| format!("it begins with {first:?}"))
}
