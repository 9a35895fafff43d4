//! The comparison within cameras that see both variants in turn.
//!
//! With few cameras, chance alone makes the two halves of a fleet differ. If every camera is switched
//! between the variants block by block, each is compared with itself.

use alloc::vec::Vec;

use crate::range::{NOT_NEGATIVE, OutOfRange, POSITIVE, within};
use crate::student::{DegreesOfFreedom, Estimate};

/// The side of a block: 0 for control, 1 for treatment.
const CONTROL: usize = 0;
const TREATMENT: usize = 1;
/// Least degrees of freedom.
const DEGREES_MIN: f64 = 0.5;

/// What one camera showed in one block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraBlock {
    count: f64,
    sum: f64,
    side: usize,
}

impl CameraBlock {
    /// A block under control: `count` trials whose values sum to `sum` (of a rate: the events).
    ///
    /// # Errors
    /// [`OutOfRange`] for a sum that is negative or infinite.
    pub fn control(count: u64, sum: f64) -> Result<Self, OutOfRange> {
        Self::new(count, sum, CONTROL)
    }

    /// A block under treatment.
    ///
    /// # Errors
    /// [`OutOfRange`] for a sum that is negative or infinite.
    pub fn treatment(count: u64, sum: f64) -> Result<Self, OutOfRange> {
        Self::new(count, sum, TREATMENT)
    }

    fn new(count: u64, sum: f64, side: usize) -> Result<Self, OutOfRange> {
        let sum = within("sum", sum, &NOT_NEGATIVE)?;
        Ok(Self { count: count as f64, sum, side })
    }
}

/// The blocks of all cameras, taken in camera by camera.
#[derive(Debug, Clone, Default)]
pub struct Switchback {
    blocks: Vec<CameraBlock>,
    cameras: Vec<BlocksOfCamera>,
    squares: f64,
}

#[derive(Debug, Clone, Copy)]
struct BlocksOfCamera {
    end: usize,
    count: [f64; 2],
    sum: [f64; 2],
}

impl BlocksOfCamera {
    /// `a₀ a₁ / (a₀ + a₁)`: what the camera's own difference weighs.
    fn weight(&self) -> f64 {
        let [control, treatment] = self.count;
        control * treatment / (control + treatment)
    }

    fn difference(&self) -> f64 {
        self.sum[TREATMENT] / self.count[TREATMENT] - self.sum[CONTROL] / self.count[CONTROL]
    }

    fn mean(&self) -> f64 {
        (self.sum[CONTROL] + self.sum[TREATMENT]) / (self.count[CONTROL] + self.count[TREATMENT])
    }

    /// The treatment indicator less its mean over the camera's trials.
    fn centred(&self, side: usize) -> f64 {
        let share = self.count[TREATMENT] / (self.count[CONTROL] + self.count[TREATMENT]);
        side as f64 - share
    }
}

impl Switchback {
    /// Takes in a camera. Blocks without trials, and cameras that saw one variant only, are left out:
    /// they say nothing about a difference within a camera. `square_sum` is the sum of the squared values
    /// of all its trials; of a rate it is the number of events.
    ///
    /// # Errors
    /// [`OutOfRange`] for a sum of squares that is negative or infinite.
    pub fn add_camera(
        &mut self,
        blocks: impl IntoIterator<Item = CameraBlock>,
        square_sum: f64,
    ) -> Result<(), OutOfRange> {
        let square_sum = within("sum of squares", square_sum, &NOT_NEGATIVE)?;
        let start = self.blocks.len();
        self.blocks.extend(blocks.into_iter().filter(|block| block.count > 0.0));
        let (mut count, mut sum) = ([0.0; 2], [0.0; 2]);
        for block in &self.blocks[start..] {
            count[block.side] += block.count;
            sum[block.side] += block.sum;
        }
        if count[CONTROL] > 0.0 && count[TREATMENT] > 0.0 {
            self.cameras.push(BlocksOfCamera { end: self.blocks.len(), count, sum });
            self.squares += square_sum;
        } else {
            self.blocks.truncate(start);
        }
        Ok(())
    }

    /// The comparison; `None` where no camera saw both variants, or where there are not more blocks
    /// than cameras.
    ///
    /// # Errors
    /// [`OutOfRange`] where a value is too large for a number.
    pub fn compare(&self) -> Result<Option<Within>, OutOfRange> {
        let (blocks, cameras) = (self.blocks.len(), self.cameras.len());
        if cameras == 0 || blocks <= cameras {
            return Ok(None);
        }
        let mut weights = 0.0;
        let mut means = [0.0; 2];
        for camera in &self.cameras {
            let weight = camera.weight();
            weights += weight;
            for side in [CONTROL, TREATMENT] {
                means[side] += weight * camera.sum[side] / camera.count[side];
            }
        }
        let [control_mean, treatment_mean] = means.map(|mean| mean / weights);
        let difference = treatment_mean - control_mean;
        let variance_plain = self.scores(difference) / (weights * weights);
        Ok(Some(Within {
            difference: within("difference", difference, &crate::range::FINITE)?,
            control_mean,
            variance_plain,
            variance_jackknife: self.jackknife(difference, weights),
            blocks_worth: self.blocks_worth(),
            weights,
            blocks: blocks as u64,
            cameras: cameras as u64,
            trials: [CONTROL, TREATMENT].map(|side| self.total(|camera| camera.count[side])),
            sum: self.total(|camera| camera.sum[CONTROL] + camera.sum[TREATMENT]),
            squares: self.squares,
        }))
    }

    fn total(&self, of: impl Fn(&BlocksOfCamera) -> f64) -> f64 {
        self.cameras.iter().map(of).sum()
    }

    /// The jackknife over blocks; a camera that is left with one variant is left out with its block.
    fn jackknife(&self, difference: f64, weights: f64) -> f64 {
        let (mut start, mut squares) = (0, 0.0);
        let total = difference * weights;
        for camera in &self.cameras {
            let (weight, own) = (camera.weight(), camera.difference());
            for block in &self.blocks[start..camera.end] {
                let mut rest = *camera;
                rest.count[block.side] -= block.count;
                rest.sum[block.side] -= block.sum;
                // Counts are whole numbers, so that none is left where the last is gone.
                let left = if rest.count[block.side] > 0.0 { rest.weight() } else { 0.0 };
                let differs = if left > 0.0 { left * rest.difference() } else { 0.0 };
                let (total, weights) = (total - weight * own + differs, weights - weight + left);
                // Without its only difference nothing is known: the block alone made it.
                let apart = if weights > 0.0 { total / weights - difference } else { difference };
                squares += apart * apart;
            }
            start = camera.end;
        }
        let blocks = self.blocks.len() as f64;
        (blocks - 1.0) / blocks * squares
    }

    fn blocks_worth(&self) -> f64 {
        let count: f64 = self.blocks.iter().map(|block| block.count).sum();
        let squares: f64 = self.blocks.iter().map(|block| block.count * block.count).sum();
        count * count / squares
    }

    /// The sum over blocks of the squared score: the centred indicator times the block's residuals.
    fn scores(&self, difference: f64) -> f64 {
        let mut start = 0;
        let mut sum = 0.0;
        for camera in &self.cameras {
            let mean = camera.mean();
            for block in &self.blocks[start..camera.end] {
                let centred = camera.centred(block.side);
                let residual = block.sum - block.count * (mean + difference * centred);
                sum += centred * centred * residual * residual;
            }
            start = camera.end;
        }
        sum
    }
}

/// Treatment against control within cameras.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Within {
    /// `Σ ω (ȳ₁ - ȳ₀) / Σ ω` with `ω = a₀a₁/(a₀ + a₁)`: for rates the risk difference of Mantel and
    /// Haenszel (Greenland and Robins 1985), and the coefficient of the treatment in a regression with
    /// one constant for each camera.
    pub difference: f64,
    /// The control's mean under the same weights.
    pub control_mean: f64,
    /// The sandwich clustered by block, "CR0" (Liang and Zeger 1986).
    pub variance_plain: f64,
    /// The jackknife that leaves out one block at a time: `(K-1)/K Σ (D₍₋b₎ - D)²`. Where blocks are few or
    /// uneven the sandwich takes the block that made the difference for one that says nothing against it.
    pub variance_jackknife: f64,
    /// How many equal blocks these are worth: `n_e = (Σa)² / Σa²` over the blocks' trials (Kish 1965).
    pub blocks_worth: f64,
    /// `Σ ω`.
    pub weights: f64,
    /// `K`: blocks with trials, of cameras that saw both variants.
    pub blocks: u64,
    /// `G`: cameras that saw both variants.
    pub cameras: u64,
    /// Trials under control and under treatment.
    pub trials: [f64; 2],
    sum: f64,
    squares: f64,
}

impl Within {
    /// Of a rate, the variance if events were independent: `p (1 - p) / Σ ω`, `p = (x + ½) / (n + 1)` over
    /// both variants.
    pub fn rate_floor(&self) -> f64 {
        let p = (self.sum + 0.5) / (self.trials[0] + self.trials[1] + 1.0);
        p * (1.0 - p) / self.weights
    }

    /// Of a mean, the variance if measurements were independent: their variance over `Σ ω`.
    pub fn mean_floor(&self) -> f64 {
        let n = self.trials[0] + self.trials[1];
        let squares = self.squares - self.sum * self.sum / n;
        if squares > 0.0 && n > 1.0 { squares / (n - 1.0) / self.weights } else { 0.0 }
    }

    /// The difference of a rate.
    ///
    /// # Errors
    /// [`OutOfRange`] where the variance is too large for a number.
    pub fn rate(&self) -> Result<Estimate, OutOfRange> {
        let variance = self.variance_jackknife.max(self.rate_floor());
        Estimate::new(self.difference, variance, self.degrees()?)
    }

    /// `ln((control + difference) / control)` of a positive mean; its variance by the delta method, the
    /// control's mean taken as known: `V / (control + difference)²`.
    ///
    /// # Errors
    /// [`OutOfRange`] where a mean is not above zero.
    pub fn log_ratio(&self) -> Result<Estimate, OutOfRange> {
        let control = within("mean", self.control_mean, &POSITIVE)?;
        let treatment = within("mean", self.control_mean + self.difference, &POSITIVE)?;
        let variance = self.variance_jackknife.max(self.mean_floor()) / (treatment * treatment);
        Estimate::new(libm::log(treatment / control), variance, self.degrees()?)
    }

    /// `ν = n_e - 1 - (G - 1) n_e / K`, and at least ½: of blocks alike `K - G`.
    fn degrees(&self) -> Result<DegreesOfFreedom, OutOfRange> {
        let (worth, blocks) = (self.blocks_worth, self.blocks as f64);
        let degrees = worth - 1.0 - (self.cameras as f64 - 1.0) * worth / blocks;
        DegreesOfFreedom::new(degrees.max(DEGREES_MIN))
    }
}
