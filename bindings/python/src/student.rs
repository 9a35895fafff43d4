//! Student's t distribution, for the offline runner of the replaced system.

use pyo3::prelude::*;
use tidegate_stats::student::DegreesOfFreedom;

use crate::split::invalid;

/// How probable a t at least as far from zero is, with so many degrees of freedom; NaN of NaN.
#[pyfunction]
pub(crate) fn t_two_sided(t: f64, degrees_of_freedom: f64) -> PyResult<f64> {
    let degrees = DegreesOfFreedom::new(degrees_of_freedom)
        .map_err(|fault| invalid("degrees_of_freedom", &fault))?;
    Ok(2.0 * degrees.survival(t.abs()))
}
