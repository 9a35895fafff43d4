//! What this daemon is among several, as every room sees it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Stopwatch;
use crate::refusal::Refusal;

/// What this daemon does with the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeRole {
    /// It has the journal alone.
    Alone,
    /// It decides, and appends to the log that all agree on.
    Leader,
    /// It takes in what the leader appends, who can be asked at this address once one is known.
    Follower { leader: Option<String> },
}

/// The role, and how old what a follower shows may be.
#[derive(Debug)]
pub(crate) struct Node(Mutex<NodeStanding>);

#[derive(Debug)]
struct NodeStanding {
    role: NodeRole,
    /// From here on the leader may have agreed on what is not known here.
    known_until: Stopwatch,
}

impl Node {
    pub(crate) fn new(role: NodeRole) -> Self {
        Self(Mutex::new(NodeStanding { role, known_until: Stopwatch::start() }))
    }

    fn standing(&self) -> MutexGuard<'_, NodeStanding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn role(&self) -> NodeRole {
        self.standing().role.clone()
    }

    /// Whether it may decide: whoever follows takes in what others decided.
    pub(crate) fn decides(&self) -> bool {
        match self.standing().role {
            NodeRole::Alone | NodeRole::Leader => true,
            NodeRole::Follower { .. } => false,
        }
    }

    /// Why it takes no writes, if so.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self.role() {
            NodeRole::Alone | NodeRole::Leader => None,
            NodeRole::Follower { leader } => Some(Refusal::NotLeader { leader }),
        }
    }

    /// For a follower, how many milliseconds old what it shows may be.
    pub(crate) fn lag_ms(&self) -> Option<u64> {
        let standing = self.standing();
        match standing.role {
            NodeRole::Alone | NodeRole::Leader => None,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a length of time is finite and not negative"
            )]
            NodeRole::Follower { .. } => Some((standing.known_until.seconds() * 1_000.0) as u64),
        }
    }

    /// From now on it decides.
    pub(crate) fn lead(&self) {
        self.standing().role = NodeRole::Leader;
    }

    /// It decides no more, where it did.
    pub(crate) fn step_down(&self) {
        let mut standing = self.standing();
        if standing.role == NodeRole::Leader {
            *standing = NodeStanding {
                role: NodeRole::Follower { leader: None },
                known_until: Stopwatch::start(),
            };
        }
    }

    /// All that was agreed on before `known_until` is known here, and who leads.
    pub(crate) fn hear(&self, leader: Option<String>, known_until: Option<Stopwatch>) {
        let mut standing = self.standing();
        if let NodeRole::Follower { leader: known } = &mut standing.role {
            *known = leader;
            standing.known_until = known_until.unwrap_or(standing.known_until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_follows_refuses_writes_and_says_how_old_it_may_be() {
        for role in [NodeRole::Alone, NodeRole::Leader] {
            let node = Node::new(role);
            assert_eq!((node.decides(), node.refusal(), node.lag_ms()), (true, None, None));
        }
        let node = Node::new(NodeRole::Follower { leader: None });
        assert!(!node.decides() && node.lag_ms().is_some());
        let leader = Some("http://127.0.0.1:4780".to_owned());
        node.hear(leader.clone(), None);
        assert_eq!(node.refusal(), Some(Refusal::NotLeader { leader }));
        node.lead();
        assert!(node.decides());
        node.step_down();
        assert_eq!(node.role(), NodeRole::Follower { leader: None });
    }
}
