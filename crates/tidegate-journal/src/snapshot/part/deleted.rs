//! Experiments that were taken away: their histories stay.

use serde::{Deserialize, Serialize};

use super::{JournalState, Part};
use crate::record::{RolloutId, Unreadable};
use crate::snapshot::DeletedState;

/// One account of an experiment that was taken away; each has at least that it was.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptDeleted {
    rollout: u32,
    key: String,
    run: u32,
    account: String,
}

pub(super) fn parts(state: &JournalState) -> impl Iterator<Item = Part> {
    state.deleted.iter().flat_map(|DeletedState { id, key, run, accounts }| {
        accounts.iter().map(|account| {
            let (key, account) = (key.to_string(), account.clone());
            Part::Deleted(KeptDeleted { rollout: id.0, key, run: *run, account })
        })
    })
}

impl KeptDeleted {
    pub(super) fn add_to(self, deleted: &mut Vec<DeletedState>) -> Result<(), Unreadable> {
        let Self { rollout, key, run, account } = self;
        match deleted.last_mut() {
            Some(last) if last.key.as_str() == key => last.accounts.push(account),
            Some(_) | None => deleted.push(DeletedState {
                id: RolloutId(rollout),
                key: key.parse()?,
                run,
                accounts: vec![account],
            }),
        }
        Ok(())
    }
}
