//! A copy of plain containers, equal to what their JSON text would be read back as, without the way through a text.
//!
//! Not here: anything that a class says about itself. Where such a part is met there is no copy, and the text is read.

use super::MAX_DEPTH;
use super::encode::plain_key;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// The copy; `None` where a part is not plain, contains itself or is nested too deep.
pub fn plain<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    part(value, &mut Vec::new())
}

fn part<'py>(value: &Bound<'py, PyAny>, open: &mut Vec<*mut ffi::PyObject>) -> PyResult<Option<Bound<'py, PyAny>>> {
    // A number that JSON cannot hold, and a text without UTF-8, are seen where they are written; all are immutable.
    if value.cast_exact::<PyString>().is_ok()
        || value.is_none()
        || value.cast_exact::<PyInt>().is_ok()
        || value.cast_exact::<PyFloat>().is_ok()
        || value.cast_exact::<PyBool>().is_ok()
    {
        return Ok(Some(value.clone()));
    }
    if open.len() >= MAX_DEPTH || open.contains(&value.as_ptr()) {
        return Ok(None);
    }
    open.push(value.as_ptr());
    let copied = container(value, open)?;
    open.pop();
    Ok(copied)
}

fn container<'py>(
    value: &Bound<'py, PyAny>,
    open: &mut Vec<*mut ffi::PyObject>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        let copied = dict.copy()?;
        // The keys stay, so that replacing values does not disturb the walk.
        for (key, item) in copied.iter() {
            if !plain_key(&key) {
                return Ok(None);
            }
            match part(&item, open)? {
                Some(own) if !own.is(&item) => copied.set_item(key, own)?,
                Some(_) => {}
                None => return Ok(None),
            }
        }
        return Ok(Some(copied.into_any()));
    }
    let items = if let Ok(list) = value.cast_exact::<PyList>() {
        list.to_tuple()
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        tuple.clone()
    } else {
        return Ok(None);
    };
    let mut own = Vec::with_capacity(items.len());
    for item in items.iter() {
        match part(&item, open)? {
            Some(copied) => own.push(copied),
            None => return Ok(None),
        }
    }
    let copied = if value.cast_exact::<PyList>().is_ok() {
        PyList::new(py, own)?.into_any()
    } else {
        PyTuple::new(py, own)?.into_any()
    };
    Ok(Some(copied))
}
