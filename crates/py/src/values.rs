//! Digests for Python.
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// BLAKE3 of bytes or of a text's UTF-8.
#[pyfunction(name = "blake3")]
fn digest<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let hash = match data.extract::<&[u8]>() {
        Ok(bytes) => ::blake3::hash(bytes),
        Err(_) => ::blake3::hash(data.extract::<std::borrow::Cow<'_, str>>()?.as_bytes()),
    };
    Ok(PyBytes::new(py, hash.as_bytes()))
}

/// Adds this room's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(digest, module)?)
}
