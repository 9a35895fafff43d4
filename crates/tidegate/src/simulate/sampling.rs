//! How much is simulated, as `simulate` and `tune` are told.

use clap::Args;
use tidegate_offline::tune::Sampling;

/// How much is simulated, and how fast.
#[derive(Debug, Args)]
pub(crate) struct SamplingArgs {
    /// Runs of each scenario, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) runs: Option<u32>,
    /// The seed, in place of the scenario's
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    /// Threads to simulate with; they change no result
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) threads: Option<u16>,
    /// Say in JSON how many seconds each scenario took, which no two runs agree on
    #[arg(long)]
    pub(crate) timing: bool,
}

impl SamplingArgs {
    pub(crate) const fn chosen(&self) -> Sampling {
        Sampling { runs: self.runs, seed: self.seed }
    }
}
