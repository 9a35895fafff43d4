//! What becomes of a daemon and its journal when the disk fails, fills up, lies or loses power.

mod damage;
mod errors;
mod fleet;
mod full;
mod image;
mod load;
mod making;
mod power;
