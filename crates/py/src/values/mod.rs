//! Values for Python: JSON text out of objects and back, and digests.
//!
//! Only what is on the path of every call is here: walking plain containers, writing and reading JSON. What a
//! class means (dataclasses, models, arrays, codecs) is Python's, asked through one callback an object.

mod copy;
mod decode;
mod encode;
mod text;

pub use text::Written;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The key that marks an object as more than a plain JSON object.
const TAG: &str = "$kitaru";
/// JSON texts nest at most this deep. A level takes 1 KiB of stack, and threads have 512 KiB on some systems.
const MAX_DEPTH: usize = 200;

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
    module.add_class::<encode::Encoder>()?;
    module.add_class::<decode::Decoder>()?;
    module.add_class::<text::Text>()?;
    module.add("MAX_DEPTH", MAX_DEPTH)?;
    module.add_function(wrap_pyfunction!(digest, module)?)
}
