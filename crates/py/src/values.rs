//! Placeholder.
use pyo3::prelude::*;

/// Adds this room's functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
