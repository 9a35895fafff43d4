//! The comparison between cameras where time is cut into strata: each stratum against its own time.
//!
//! While a ramp moves cameras from one variant to the other, a rate that changes over the whole site
//! would change the difference of two overall means. Within a stratum it cancels.

use alloc::vec::Vec;

use crate::arm::{CameraValue, DESIGN_CORRELATION, relative_squares};
use crate::range::{FINITE, OutOfRange, within};
use crate::student::{DegreesOfFreedom, Estimate};

/// The side of a cell: 0 for control, 1 for treatment.
const SIDES: usize = 2;
/// Least degrees of freedom, as of one variant alone.
const DEGREES_MIN: f64 = 0.5;

/// Which variant a camera showed something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownVariant {
    /// The control.
    Control,
    /// The treatment.
    Treatment,
}

/// One variant in one stratum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StratumSide {
    /// The stratum, from 0.
    pub stratum: usize,
    /// The variant.
    pub variant: ShownVariant,
}

/// What one camera showed in one stratum under one variant.
#[derive(Debug, Clone, Copy)]
struct Cell {
    camera: u32,
    stratum: usize,
    side: usize,
    weight: f64,
    value: f64,
}

/// Weights and weighted values of one side of a stratum.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    weight: f64,
    value: f64,
    /// Σ w²/M for rates, Σ w² y²/n for means.
    trial_factor: f64,
}

/// The cells of all cameras, taken in camera by camera.
#[derive(Debug, Clone)]
pub struct Strata {
    cells: Vec<Cell>,
    sums: Vec<[Sum; SIDES]>,
    camera: u32,
    trials: [u64; SIDES],
    events: [u64; SIDES],
    cells_of: [u64; SIDES],
    /// Σ of the squares within cells, each over its cell's squared mean.
    relative_squares: [f64; SIDES],
}

/// How the differences of strata are formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Difference,
    LogRatio,
}

impl Strata {
    /// No cameras yet, over so many strata.
    pub fn new(strata: usize) -> Self {
        Self {
            cells: Vec::new(),
            sums: alloc::vec![[Sum::default(); SIDES]; strata],
            camera: 0,
            trials: [0; SIDES],
            events: [0; SIDES],
            cells_of: [0; SIDES],
            relative_squares: [0.0; SIDES],
        }
    }

    /// What follows is another camera's.
    pub const fn next_camera(&mut self) {
        self.camera += 1;
    }

    /// Takes in `events` of `trials` trials of the present camera: `y = N/M - offset`.
    ///
    /// # Errors
    /// [`OutOfRange`] for more events than trials, an offset that is not finite, and an unknown stratum.
    pub fn add_rate(
        &mut self,
        at: StratumSide,
        trials: u64,
        events: u64,
        offset: f64,
    ) -> Result<(), OutOfRange> {
        if trials == 0 {
            return Ok(());
        }
        let CameraValue { weight, value } =
            CameraValue::checked_rate(trials, events, offset, DESIGN_CORRELATION)?;
        let StratumSide { stratum, variant } = at;
        let side = variant as usize;
        self.push(Cell { camera: self.camera, stratum, side, weight, value }, |_| {
            weight * weight / trials as f64
        })?;
        self.trials[side] += trials;
        self.events[side] += events;
        Ok(())
    }

    /// Takes in `count` measurements of the present camera: `y = sum / count / baseline`.
    ///
    /// # Errors
    /// [`OutOfRange`] for negative or infinite sums, a baseline that is not above zero, and an unknown
    /// stratum.
    pub fn add_mean(
        &mut self,
        at: StratumSide,
        count: u64,
        sum: f64,
        square_sum: f64,
        baseline: f64,
    ) -> Result<(), OutOfRange> {
        if count == 0 {
            return Ok(());
        }
        let CameraValue { weight, value } =
            CameraValue::checked_mean(count, sum, square_sum, baseline)?;
        let StratumSide { stratum, variant } = at;
        let side = variant as usize;
        let cell = Cell { camera: self.camera, stratum, side, weight, value };
        self.push(cell, |cell| cell.weight * cell.weight * cell.value * cell.value / count as f64)?;
        self.trials[side] += count;
        self.relative_squares[side] += relative_squares(count, sum, square_sum);
        Ok(())
    }

    fn push(&mut self, cell: Cell, factor: impl Fn(&Cell) -> f64) -> Result<(), OutOfRange> {
        let strata = self.sums.len() as f64;
        within("stratum", cell.stratum as f64, &(0.0..=(strata - 1.0)))?;
        let sum = &mut self.sums[cell.stratum][cell.side];
        sum.weight += cell.weight;
        sum.value += cell.weight * cell.value;
        sum.trial_factor += factor(&cell);
        self.cells_of[cell.side] += 1;
        self.cells.push(cell);
        Ok(())
    }

    /// Trials under control and under treatment.
    pub const fn trials(&self) -> [u64; SIDES] {
        self.trials
    }

    /// The difference of rates, treatment less control; `None` where no stratum has both variants with two
    /// cameras each.
    ///
    /// # Errors
    /// [`OutOfRange`] where a value is too large for a number.
    pub fn difference(&self) -> Result<Option<Stratified>, OutOfRange> {
        let trial_variance = [0, 1].map(|side: usize| {
            let p = (self.events[side] as f64 + 0.5) / (self.trials[side] as f64 + 1.0);
            p * (1.0 - p)
        });
        self.compare(Scale::Difference, trial_variance)
    }

    /// `ln(treatment / control)` of positive means, stratum by stratum.
    ///
    /// # Errors
    /// [`OutOfRange`] where a value is too large for a number.
    pub fn log_ratio(&self) -> Result<Option<Stratified>, OutOfRange> {
        let squared_cv = [0, 1].map(|side: usize| {
            let within = self.trials[side].saturating_sub(self.cells_of[side]);
            if within > 0 { self.relative_squares[side] / within as f64 } else { 0.0 }
        });
        self.compare(Scale::LogRatio, squared_cv)
    }

    fn compare(
        &self,
        scale: Scale,
        trial_variance: [f64; SIDES],
    ) -> Result<Option<Stratified>, OutOfRange> {
        let parts: Vec<StratumDifference> =
            self.sums.iter().map(|sums| StratumDifference::of(sums, scale)).collect();
        let weights: f64 = parts.iter().map(|part| part.weight).sum();
        if weights <= 0.0 {
            return Ok(None);
        }
        let total: f64 = parts.iter().map(|part| part.weight * part.difference).sum();
        let difference = within("difference", total / weights, &FINITE)?;
        let (mut cameras, mut squares) = (0_u32, 0.0);
        // Each side's own jackknife and how many equal cameras it is worth, for the degrees of freedom alone.
        let (mut own, mut worth) = ([0.0; SIDES], [0.0; SIDES]);
        for cells in self.cells.chunk_by(|one, next| one.camera == next.camera) {
            let Some(left) = self.without(cells, scale, &parts, total, weights) else { continue };
            if !left.is_finite() {
                return Ok(None);
            }
            cameras += 1;
            squares += (left - difference) * (left - difference);
            let (mut pull, mut part) = ([0.0; SIDES], [0.0; SIDES]);
            for cell in cells {
                let share = parts[cell.stratum].weight / weights;
                let sum = &self.sums[cell.stratum][cell.side];
                let mean = sum.value / sum.weight;
                let rest = sum.weight - cell.weight;
                let unit = if scale == Scale::LogRatio { mean } else { 1.0 };
                if share > 0.0 && rest > 0.0 {
                    pull[cell.side] += share * cell.weight * (cell.value - mean) / rest / unit;
                }
                if share > 0.0 {
                    part[cell.side] += share * cell.weight / sum.weight;
                }
            }
            for side in [0, 1] {
                own[side] += pull[side] * pull[side];
                worth[side] += part[side] * part[side];
            }
        }
        let g = f64::from(cameras);
        let mut variance_floor = 0.0;
        for (part, sums) in parts.iter().zip(&self.sums).filter(|(part, _)| part.weight > 0.0) {
            for side in [0, 1] {
                let Sum { weight, value, trial_factor } = sums[side];
                let mean = value / weight;
                let unit = if scale == Scale::LogRatio { mean * mean } else { 1.0 };
                let own = trial_variance[side] * trial_factor / (weight * weight) / unit;
                variance_floor += part.weight * part.weight / (weights * weights) * own;
            }
        }
        Ok(Some(Stratified {
            difference,
            variance_between: (g - 1.0) / g * squares,
            variance_floor,
            weights,
            degrees: degrees(own, worth),
            cameras: u64::from(cameras),
        }))
    }

    /// The difference without one camera; `None` where the camera has no part in it, and no number where
    /// nothing is left.
    fn without(
        &self,
        cells: &[Cell],
        scale: Scale,
        parts: &[StratumDifference],
        total: f64,
        weights: f64,
    ) -> Option<f64> {
        let (mut total, mut weights, mut has_part) = (total, weights, false);
        for of_stratum in cells.chunk_by(|one, next| one.stratum == next.stratum) {
            let stratum = of_stratum[0].stratum;
            let part = &parts[stratum];
            if part.weight <= 0.0 {
                continue;
            }
            has_part = true;
            let mut sums = self.sums[stratum];
            let mut left = [false; SIDES];
            for cell in of_stratum {
                let sum = &mut sums[cell.side];
                // Rounding leaves something of a side whose only camera is gone.
                let rest = sum.weight - cell.weight;
                left[cell.side] = rest <= sum.weight * 1e-12;
                *sum = Sum { weight: rest, value: sum.value - cell.weight * cell.value, ..*sum };
            }
            let rest = if left.contains(&true) {
                StratumDifference::default()
            } else {
                StratumDifference::of(&sums, scale)
            };
            total += rest.weight * rest.difference - part.weight * part.difference;
            weights += rest.weight - part.weight;
        }
        let is_left = weights > parts.iter().map(|part| part.weight).sum::<f64>() * 1e-12;
        has_part.then(|| if is_left { total / weights } else { f64::NAN })
    }
}

/// A stratum's own difference and what it weighs; nothing where a side is missing.
#[derive(Debug, Clone, Copy, Default)]
struct StratumDifference {
    weight: f64,
    difference: f64,
}

impl StratumDifference {
    fn of(&[control, treatment]: &[Sum; SIDES], scale: Scale) -> Self {
        if control.weight <= 0.0 || treatment.weight <= 0.0 {
            return Self::default();
        }
        let weight = control.weight * treatment.weight / (control.weight + treatment.weight);
        let [control, treatment] = [control, treatment].map(|sum| sum.value / sum.weight);
        let difference = match scale {
            Scale::Difference => treatment - control,
            Scale::LogRatio if control > 0.0 && treatment > 0.0 => libm::log(treatment / control),
            Scale::LogRatio => return Self::default(),
        };
        Self { weight, difference }
    }
}

/// Welch and Satterthwaite's degrees of freedom of both sides.
fn degrees(variances: [f64; SIDES], worth: [f64; SIDES]) -> f64 {
    let each = worth.map(|part| (1.0 / part - 1.0).max(DEGREES_MIN));
    let [control, treatment] = variances;
    let both = control + treatment;
    if both <= 0.0 {
        return each[0].min(each[1]);
    }
    both * both / (control * control / each[0] + treatment * treatment / each[1])
}

/// Treatment against control, stratum by stratum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratified {
    /// `D = Σ ω_s D_s / Σ ω_s` with `ω_s = W_T W_C / (W_T + W_C)`, as Mantel and Haenszel weigh tables.
    pub difference: f64,
    /// The jackknife over cameras, `(G-1)/G Σ (D₍₋c₎ - D)²`, camera c left out of all strata.
    pub variance_between: f64,
    /// The variance if events were independent.
    pub variance_floor: f64,
    /// `Σ ω_s`.
    pub weights: f64,
    /// Welch and Satterthwaite's of both sides, each with Kish's number of cameras less one.
    pub degrees: f64,
    /// Cameras with a part in it.
    pub cameras: u64,
}

impl Stratified {
    /// The difference with the larger of both variances.
    ///
    /// # Errors
    /// [`OutOfRange`] where the variance is too large for a number.
    pub fn estimate(&self) -> Result<Estimate, OutOfRange> {
        let variance = self.variance_between.max(self.variance_floor);
        let degrees = self.degrees.max(DegreesOfFreedom::MIN);
        Estimate::new(self.difference, variance, DegreesOfFreedom::new(degrees)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trials and events of cameras by stratum and side.
    fn strata(cells: &[&[(usize, ShownVariant, u64, u64)]], count: usize) -> Strata {
        let mut strata = Strata::new(count);
        for camera in cells {
            for &(stratum, variant, trials, events) in *camera {
                strata.add_rate(StratumSide { stratum, variant }, trials, events, 0.0).unwrap();
            }
            strata.next_camera();
        }
        strata
    }

    #[test]
    fn a_rate_that_rises_for_all_cancels_within_its_stratum() {
        use ShownVariant::{Control, Treatment};
        // Three in ten at first, eight in ten later; most of the treatment is later.
        let found = strata(
            &[
                &[(0, Treatment, 10, 3), (1, Treatment, 10, 8)],
                &[(0, Control, 10, 3), (1, Treatment, 10, 8)],
                &[(0, Control, 10, 3), (1, Control, 10, 8)],
                &[(0, Treatment, 10, 3), (1, Control, 10, 8)],
                &[(0, Control, 10, 3), (1, Treatment, 10, 8)],
            ],
            2,
        );
        let found = found.difference().unwrap().unwrap();
        assert!(found.difference.abs() < 1e-12, "{found:?}");
        assert!(found.variance_between < 1e-20 && found.variance_floor > 0.0);
        assert_eq!(found.cameras, 5);
    }

    #[test]
    fn strata_with_one_variant_say_nothing() {
        use ShownVariant::{Control, Treatment};
        let one = strata(&[&[(0, Control, 10, 3)], &[(1, Treatment, 10, 8)]], 2);
        assert_eq!(one.difference().unwrap(), None);
        // What hangs on a single camera has no variance.
        let alone = strata(&[&[(0, Control, 10, 3)], &[(0, Treatment, 10, 8)]], 1);
        assert_eq!(alone.difference().unwrap(), None);
        assert!(
            Strata::new(1)
                .add_rate(StratumSide { stratum: 1, variant: Control }, 1, 0, 0.0)
                .is_err()
        );
        assert_eq!(Strata::new(0).difference().unwrap(), None);
    }
}
