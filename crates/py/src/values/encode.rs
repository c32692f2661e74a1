//! Python objects to tagged JSON text.
//!
//! Exact plain types are written here. Anything else is handed to the `reduce` callback, which returns a dict to be
//! written as a tagged object (its members are walked in turn), or a str that is JSON already. The callback never
//! recurses, so depth is bounded here alone. Not here: what the tags mean.

use super::text::{LARGE, Text};
use super::{MAX_DEPTH, TAG};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};

/// The value has parts that the callback reduced.
const REDUCED: u8 = 1;
/// The value has parts that code could change in place.
const MUTABLE: u8 = 2;
/// Keys of this library and of its JSON reader would be misread in a plain object.
const RESERVED: [&str; 2] = [TAG, "$serde_json"];
/// Tags of reduced values that cannot be changed in place.
const FIXED: [&str; 20] = [
    "int",
    "float",
    "str",
    "bytes",
    "complex",
    "datetime",
    "date",
    "time",
    "timedelta",
    "timezone",
    "zone",
    "uuid",
    "decimal",
    "fraction",
    "enum",
    "path",
    "range",
    "ref",
    "const",
    "pattern",
];

/// Why a value cannot be written.
enum Fault {
    /// No codec, with the path to the part (innermost segment first), its type and a hint.
    Refused { path: Vec<String>, type_name: String, hint: Option<String> },
    /// Python raised.
    Raised(PyErr),
}

impl From<PyErr> for Fault {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl Fault {
    fn at(mut self, segment: impl FnOnce() -> String) -> Self {
        if let Self::Refused { path, .. } = &mut self {
            path.push(segment());
        }
        self
    }
}

type Walked = Result<(), Fault>;

/// Writes values as JSON text.
///
/// `reduce(value, mode)` returns a dict or a JSON str for what is not plain; `refusal` is the exception class
/// `(path, type_name, hint)` that it raises, and that `encode` raises with the whole path.
#[pyclass(frozen, module = "kitaru._native")]
pub struct Encoder {
    reduce: Py<PyAny>,
    refusal: Py<PyType>,
}

#[pymethods]
impl Encoder {
    #[new]
    fn new(reduce: Py<PyAny>, refusal: Py<PyType>) -> Self {
        Self { reduce, refusal }
    }

    /// The JSON text, and flags: 1 something was reduced, 2 something is mutable.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        r#where: &str,
        mode: u8,
    ) -> PyResult<(Bound<'py, PyString>, u8)> {
        let mut walk = self.walk(py, mode)?;
        match walk.value(value) {
            Ok(()) => Ok((walk.text()?, walk.flags)),
            Err(fault) => Err(self.raised(py, fault, r#where)),
        }
    }

    /// For a result that is to be recorded: the text, what the flow is given, and whether that is still to be read
    /// from the text. Plain containers are copied first, and the copy is written, so that both agree whatever other
    /// code does meanwhile. A large text that nobody reads is a [`Text`]: its bytes go to the store without a Python
    /// string in between.
    fn result<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        r#where: &str,
        mode: u8,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, bool)> {
        let copied = super::copy::plain(value)?;
        let given = copied.as_ref().unwrap_or(value);
        let mut walk = self.walk(py, mode)?;
        walk.value(given).map_err(|fault| self.raised(py, fault, r#where))?;
        let mutable = walk.flags & MUTABLE != 0;
        let read = mutable && (copied.is_none() || walk.flags & REDUCED != 0);
        let text = if walk.out.len() < LARGE || read {
            walk.text()?.into_any()
        } else {
            Bound::new(py, Text::new(walk.out)?)?.into_any()
        };
        Ok((text, if mutable { given.clone() } else { value.clone() }, read))
    }

    /// The JSON text of a dict of arguments, its BLAKE3, and the flags of what is in it.
    fn arguments<'py>(
        &self,
        py: Python<'py>,
        values: &Bound<'py, PyDict>,
        mode: u8,
    ) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyBytes>, u8)> {
        let mut walk = self.walk(py, mode)?;
        // The dict itself is ours: it does not count as mutable.
        match walk.dict(values) {
            Ok(()) => {
                let hash = ::blake3::hash(&walk.out);
                Ok((walk.text()?, PyBytes::new(py, hash.as_bytes()), walk.flags))
            }
            Err(fault) => Err(self.raised(py, fault, "")),
        }
    }
}

impl Encoder {
    fn walk<'a, 'py>(&'a self, py: Python<'py>, mode: u8) -> PyResult<Walk<'a, 'py>> {
        Ok(Walk {
            py,
            reduce: self.reduce.bind(py),
            refusal: self.refusal.bind(py),
            mode: mode.into_pyobject(py)?,
            out: Vec::with_capacity(256),
            open: Vec::new(),
            depth: 0,
            flags: 0,
        })
    }

    fn raised(&self, py: Python<'_>, fault: Fault, place: &str) -> PyErr {
        let (path, type_name, hint) = match fault {
            Fault::Raised(error) => return error,
            Fault::Refused { path, type_name, hint } => (path, type_name, hint),
        };
        let mut whole = place.to_owned();
        whole.extend(path.iter().rev().map(String::as_str));
        let whole = if place.is_empty() { whole.trim_start_matches('.').to_owned() } else { whole };
        let made = match hint {
            Some(hint) => self.refusal.bind(py).call1((whole, type_name, hint)),
            None => self.refusal.bind(py).call1((whole, type_name)),
        };
        match made {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        }
    }
}

struct Walk<'a, 'py> {
    py: Python<'py>,
    reduce: &'a Bound<'py, PyAny>,
    refusal: &'a Bound<'py, PyType>,
    mode: Bound<'py, PyInt>,
    out: Vec<u8>,
    /// The objects that are being written, outermost first: meeting one of them again is a cycle.
    open: Vec<*mut ffi::PyObject>,
    depth: usize,
    flags: u8,
}

impl<'py> Walk<'_, 'py> {
    fn text(&self) -> PyResult<Bound<'py, PyString>> {
        PyString::from_bytes(self.py, &self.out)
    }

    fn value(&mut self, value: &Bound<'py, PyAny>) -> Walked {
        if value.is_none() {
            self.out.extend_from_slice(b"null");
        } else if let Ok(text) = value.cast_exact::<PyString>() {
            match text.to_str() {
                Ok(plain) => self.string(plain)?,
                // Lone surrogates have no UTF-8.
                Err(_) => self.reduced(value)?,
            }
        } else if let Ok(flag) = value.cast_exact::<PyBool>() {
            self.out.extend_from_slice(if flag.is_true() { b"true" } else { b"false" });
        } else if value.cast_exact::<PyInt>().is_ok() {
            match value.extract::<i64>() {
                Ok(number) => self.json(&number)?,
                Err(_) => match value.extract::<u64>() {
                    Ok(number) => self.json(&number)?,
                    Err(_) => self.reduced(value)?,
                },
            }
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            let number = number.value();
            if number.is_finite() {
                self.json(&number)?;
            } else {
                self.reduced(value)?;
            }
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.flags |= MUTABLE;
            self.inside(value, |walk| walk.dict(dict))?;
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.flags |= MUTABLE;
            self.inside(value, |walk| walk.list(list))?;
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.inside(value, |walk| walk.tuple(tuple))?;
        } else if value.cast_exact::<PySet>().is_ok() {
            self.flags |= MUTABLE;
            self.inside(value, |walk| walk.set("set", value))?;
        } else if value.cast_exact::<PyFrozenSet>().is_ok() {
            self.inside(value, |walk| walk.set("frozenset", value))?;
        } else {
            self.reduced(value)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Walked {
        kitaru_core::escape::escape(text, &mut self.out);
        Ok(())
    }

    fn json<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Walked {
        serde_json::to_writer(&mut self.out, value)
            .map_err(|error| Fault::Raised(pyo3::exceptions::PyValueError::new_err(error.to_string())))
    }

    /// Walks into a container: refuses cycles.
    fn inside(&mut self, value: &Bound<'py, PyAny>, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        let own = value.as_ptr();
        if self.open.contains(&own) {
            return Err(self.refused(value, "it contains itself: break the cycle"));
        }
        self.open.push(own);
        let done = walk(self);
        self.open.pop();
        done
    }

    /// Goes one bracket deeper.
    fn deeper(&mut self, value: &Bound<'py, PyAny>, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        if self.depth >= MAX_DEPTH {
            return Err(self.refused(value, "it is nested too deep: flatten it"));
        }
        self.depth += 1;
        let done = walk(self);
        self.depth -= 1;
        done
    }

    fn refused(&self, value: &Bound<'py, PyAny>, hint: &str) -> Fault {
        let kind = value.get_type();
        let type_name = kind.fully_qualified_name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
        Fault::Refused { path: Vec::new(), type_name, hint: Some(hint.to_owned()) }
    }

    fn list(&mut self, list: &Bound<'py, PyList>) -> Walked {
        self.deeper(list.as_any(), |walk| {
            walk.out.push(b'[');
            let mut at = 0;
            // The length is looked at each time: a callback may run any code.
            while at < list.len() {
                if at > 0 {
                    walk.out.push(b',');
                }
                let item = list.get_item(at)?;
                walk.value(&item).map_err(|fault| fault.at(|| format!("[{at}]")))?;
                at += 1;
            }
            walk.out.push(b']');
            Ok(())
        })
    }

    fn tuple(&mut self, tuple: &Bound<'py, PyTuple>) -> Walked {
        self.tagged("tuple", tuple.as_any(), |walk| {
            for (at, item) in tuple.iter().enumerate() {
                if at > 0 {
                    walk.out.push(b',');
                }
                walk.value(&item).map_err(|fault| fault.at(|| format!("[{at}]")))?;
            }
            Ok(())
        })
    }

    /// Elements in the order of their texts, so that equal sets have one text.
    fn set(&mut self, kind: &str, set: &Bound<'py, PyAny>) -> Walked {
        let elements = PyList::empty(self.py);
        for element in set.try_iter()? {
            elements.append(element?)?;
        }
        self.tagged(kind, set, |walk| {
            let mut texts = Vec::with_capacity(elements.len());
            let outer = std::mem::take(&mut walk.out);
            for element in elements.iter() {
                walk.value(&element).map_err(|fault| fault.at(|| "{…}".to_owned()))?;
                texts.push(std::mem::take(&mut walk.out));
            }
            walk.out = outer;
            texts.sort_unstable();
            walk.out.extend_from_slice(&texts.join(&b','));
            Ok(())
        })
    }

    fn tagged(&mut self, kind: &str, value: &Bound<'py, PyAny>, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        self.deeper(value, |outer| {
            outer.out.extend_from_slice(b"{\"");
            outer.out.extend_from_slice(TAG.as_bytes());
            outer.out.extend_from_slice(b"\":\"");
            outer.out.extend_from_slice(kind.as_bytes());
            outer.out.extend_from_slice(b"\",\"v\":[");
            outer.deeper(value, walk)?;
            outer.out.extend_from_slice(b"]}");
            Ok(())
        })
    }

    fn dict(&mut self, dict: &Bound<'py, PyDict>) -> Walked {
        // A copy, since a callback may change the dict, and iterating over a changing one is refused.
        let dict = dict.copy()?;
        if !dict.iter().all(|(key, _)| plain_key(&key)) {
            return self.pairs(&dict);
        }
        self.deeper(dict.as_any(), |walk| {
            walk.out.push(b'{');
            let mut first = true;
            for (key, item) in dict.iter() {
                if !std::mem::take(&mut first) {
                    walk.out.push(b',');
                }
                let key = key.cast_exact::<PyString>().map_err(PyErr::from)?;
                walk.string(key.to_str()?)?;
                walk.out.push(b':');
                walk.value(&item).map_err(|fault| fault.at(|| member(key)))?;
            }
            walk.out.push(b'}');
            Ok(())
        })
    }

    /// A dict whose keys are not all plain texts, as a list of pairs.
    fn pairs(&mut self, dict: &Bound<'py, PyDict>) -> Walked {
        self.tagged("dict", dict.as_any(), |walk| {
            let mut first = true;
            for (key, item) in dict.iter() {
                if !std::mem::take(&mut first) {
                    walk.out.push(b',');
                }
                walk.deeper(dict.as_any(), |walk| {
                    walk.out.push(b'[');
                    walk.value(&key).map_err(|fault| fault.at(|| ".keys()".to_owned()))?;
                    walk.out.push(b',');
                    walk.value(&item).map_err(|fault| {
                        fault.at(|| key.repr().map_or_else(|_| "[?]".to_owned(), |text| format!("[{text}]")))
                    })?;
                    walk.out.push(b']');
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    /// What the callback makes of a value that is not plain.
    fn reduced(&mut self, value: &Bound<'py, PyAny>) -> Walked {
        self.flags |= REDUCED;
        let made = match self.reduce.call1((value, &self.mode)) {
            Ok(made) => made,
            Err(error) if error.is_instance(self.py, self.refusal.as_any()) => {
                let own = error.value(self.py);
                let suffix: String = own.getattr("path")?.extract()?;
                let type_name = own.getattr("type_name")?.extract()?;
                let hint = own.getattr("hint")?.extract()?;
                return Err(Fault::Refused { path: vec![suffix], type_name, hint });
            }
            Err(error) => return Err(Fault::Raised(error)),
        };
        if let Ok(text) = made.cast_exact::<PyString>() {
            self.flags |= MUTABLE;
            self.out.extend_from_slice(text.to_str()?.as_bytes());
            return Ok(());
        }
        let members = made.cast_into_exact::<PyDict>().map_err(PyErr::from)?;
        let kind = members.get_item(TAG)?;
        let fixed = kind.is_some_and(|kind| kind.extract::<&str>().is_ok_and(|kind| FIXED.contains(&kind)));
        if !fixed {
            self.flags |= MUTABLE;
        }
        self.inside(value, |walk| {
            walk.deeper(value, |walk| {
                walk.out.push(b'{');
                let mut first = true;
                for (key, item) in members.iter() {
                    if !std::mem::take(&mut first) {
                        walk.out.push(b',');
                    }
                    walk.string(key.cast_exact::<PyString>().map_err(PyErr::from)?.to_str()?)?;
                    walk.out.push(b':');
                    walk.value(&item)?;
                }
                walk.out.push(b'}');
                Ok(())
            })
        })
    }
}

/// Whether a dict with that key is written as a plain object.
pub fn plain_key(key: &Bound<'_, PyAny>) -> bool {
    key.cast_exact::<PyString>().is_ok_and(|key| {
        key.to_str().is_ok_and(|text| !text.starts_with('$') || !RESERVED.iter().any(|word| text.starts_with(word)))
    })
}

/// A member's part of a path: `.name`, or `['other text']`.
fn member(key: &Bound<'_, PyString>) -> String {
    let text = key.to_string_lossy();
    let name = text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && text.chars().all(|one| one.is_alphanumeric() || one == '_');
    if name {
        return format!(".{text}");
    }
    key.repr().map_or_else(|_| format!("[{text:?}]"), |quoted| format!("[{quoted}]"))
}
