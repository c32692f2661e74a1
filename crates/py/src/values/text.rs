//! JSON texts between the two languages: a large one stays on this side, so that its bytes are not copied twice more.
//!
//! Not here: how a text is made (`encode`) and read (`decode`).

use kitaru_core::Value;
use kitaru_engine::EngineError;
use pyo3::Borrowed;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// From so many bytes on a result goes to the store as a [`Text`].
pub const LARGE: usize = 64 << 10;

/// A large JSON text on its way to the store.
#[pyclass(frozen, module = "kitaru._native")]
pub struct Text(Value);

impl Text {
    /// A text that the encoder wrote.
    pub fn new(out: Vec<u8>) -> PyResult<Self> {
        let text = String::from_utf8(out).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Value::json(text).map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

/// A JSON text as Python gives it.
pub enum Written {
    /// Not yet looked at.
    Plain(String),
    /// Large.
    Large(Value),
}

impl<'py> FromPyObject<'_, 'py> for Written {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if given.is_instance_of::<PyString>() {
            return given.extract().map(Self::Plain);
        }
        Ok(Self::Large(given.cast::<Text>()?.get().0.clone()))
    }
}

impl Written {
    /// The value.
    pub fn value(self) -> kitaru_engine::Result<Value> {
        match self {
            Self::Large(value) => Ok(value),
            Self::Plain(text) => Value::json(text).map_err(|error| EngineError::Misuse(error.to_string())),
        }
    }
}
