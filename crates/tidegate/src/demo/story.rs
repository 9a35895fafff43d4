//! What `tidegate demo` is told: the story.

use clap::{Args, ValueEnum};

/// Watch a whole rollout in a minute: the real daemon, compressed time, a kill in the middle
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// What the treatment does to people
    #[arg(long, value_enum, default_value = "fp")]
    pub(crate) harm: Harm,
    /// Makes the fleet, its traffic and its feedback
    #[arg(long, value_name = "SEED", default_value = "7")]
    pub(crate) seed: u64,
    /// Cameras in the fleet, 20 to 500
    #[arg(long, value_name = "N", default_value = "60", value_parser = clap::value_parser!(u32).range(20..=500))]
    pub(crate) cameras: u32,
    /// Four cameras in place of a fleet: a few dozen answers of one person decide, in shadow
    #[arg(long, conflicts_with_all = ["harm", "cameras"])]
    pub(crate) small: bool,
    /// Keep the daemon running at the end, to be looked at in a browser, until Ctrl-C
    #[arg(long)]
    pub(crate) page: bool,
}

/// What the treatment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Harm {
    /// 20 points more false alarms: no comparison in shadow can see them, only people can
    Fp,
    /// From the twelfth hour of the test on its answers take two and a half times as long
    Latency,
    /// From the twelfth hour of the test on 15 points more of its analyses fail
    Errors,
    /// Nothing: it is as good as the control, so no proof of an improvement comes up
    None,
}

impl Harm {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Fp => "raises false alarms by 20 points",
            Self::Latency => {
                "takes two and a half times as long from the twelfth hour of the test on"
            }
            Self::Errors => "fails 15 points more often from the twelfth hour of the test on",
            Self::None => "is as good as the control",
        }
    }
}
