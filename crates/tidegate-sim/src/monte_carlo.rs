//! Many runs at once.

use rayon::prelude::*;

use crate::outcome::RunOutcome;
use crate::run::{Unobserved, run};
use crate::world::World;

/// Simulates the first `runs` runs of a world on the threads of the present rayon pool, in the order of their
/// numbers. `done` is called after each, from any thread.
pub fn simulate(world: &World, runs: u32, done: impl Fn() + Sync) -> Vec<RunOutcome> {
    let one = |number| {
        let outcome = run(world, number, &mut Unobserved);
        done();
        outcome
    };
    (0..runs).into_par_iter().map(one).collect()
}
