//! `kitaru._native`: the engine and the value encoder as Python sees them. Conversions only, a room a file.
//!
//! Deliberately not here: any decision. What a call does is decided in `kitaru-core`, acted out in `kitaru-engine`.

use pyo3::prelude::*;

mod values;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    values::register(module)
}
