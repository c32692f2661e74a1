//! Tagged JSON text to Python objects.
//!
//! Plain JSON and tuples are built here. Any other tagged object is handed, its members already built, to the
//! `build` callback. If that raises `refusal`, `keep(type_name, text, reason)` makes the stand-in that keeps the
//! JSON text. Not here: what the tags mean.

use super::{MAX_DEPTH, TAG};
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyString, PyType};
use std::collections::HashMap;

/// Keys up to this long are kept for the next object that has them.
const SHORT_KEY: usize = 32;

/// Reads values from JSON text. See the module for the callbacks.
#[pyclass(frozen, module = "kitaru._native")]
pub struct Decoder {
    build: Py<PyAny>,
    refusal: Py<PyType>,
    keep: Py<PyAny>,
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(build: Py<PyAny>, refusal: Py<PyType>, keep: Py<PyAny>) -> Self {
        Self { build, refusal, keep }
    }

    /// The value. Raises `ValueError` if the text is not JSON.
    fn decode<'py>(&self, py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        let mut reader = Reader { py, own: self, text, bytes: text.as_bytes(), at: 0, depth: 0, keys: HashMap::new() };
        let value = reader.value()?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.wrong("something follows the value"));
        }
        Ok(value)
    }
}

struct Reader<'a, 'py> {
    py: Python<'py>,
    own: &'a Decoder,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    keys: HashMap<&'a str, Bound<'py, PyString>>,
}

impl<'py> Reader<'_, 'py> {
    fn wrong(&self, why: &str) -> PyErr {
        PyValueError::new_err(format!("not a JSON text at byte {}: {why}", self.at))
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// The next byte that is not space.
    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> PyResult<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.wrong(&format!("{:?} is missing", char::from(byte))))
    }

    fn value(&mut self) -> PyResult<Bound<'py, PyAny>> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Bound::into_any)
            }
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b't') => self.word("true", true),
            Some(b'f') => self.word("false", false),
            Some(b'n') => {
                self.literal("null")?;
                Ok(self.py.None().into_bound(self.py))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.wrong("no value")),
        }
    }

    fn literal(&mut self, word: &str) -> PyResult<()> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.wrong("no value"))
    }

    fn word(&mut self, word: &str, value: bool) -> PyResult<Bound<'py, PyAny>> {
        self.literal(word)?;
        Ok(value.into_pyobject(self.py)?.to_owned().into_any())
    }

    fn nested(&mut self, read: fn(&mut Self) -> PyResult<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deep"));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.at += 1;
        let list = PyList::empty(self.py);
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(list.into_any());
        }
        loop {
            list.append(self.value()?)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(list.into_any());
                }
                _ => return Err(self.wrong("a list does not end")),
            }
        }
    }

    fn object(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let start = self.at;
        self.at += 1;
        let dict = PyDict::new(self.py);
        let mut tagged = false;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(dict.into_any());
        }
        loop {
            self.expect(b'"')?;
            let (key, is_tag) = self.key()?;
            tagged |= is_tag;
            self.expect(b':')?;
            let value = self.value()?;
            dict.set_item(key, value)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    break;
                }
                _ => return Err(self.wrong("an object does not end")),
            }
        }
        if tagged { self.built(&dict, start) } else { Ok(dict.into_any()) }
    }

    /// What a tagged object stands for.
    fn built(&self, dict: &Bound<'py, PyDict>, start: usize) -> PyResult<Bound<'py, PyAny>> {
        if let (Some(kind), Some(items)) = (dict.get_item(TAG)?, dict.get_item("v")?) {
            let tuple = kind.cast_exact::<PyString>().is_ok_and(|kind| kind.to_str().is_ok_and(|kind| kind == "tuple"));
            if let (true, Ok(items)) = (tuple, items.cast_exact::<PyList>()) {
                return Ok(items.to_tuple().into_any());
            }
        }
        match self.own.build.call1(self.py, (dict,)) {
            Ok(value) => Ok(value.into_bound(self.py)),
            Err(error) if error.is_instance(self.py, self.own.refusal.bind(self.py).as_any()) => {
                let own = error.value(self.py);
                let text = &self.text[start..self.at];
                let kept = self.own.keep.call1(self.py, (own.getattr("type_name")?, text, own.getattr("reason")?))?;
                Ok(kept.into_bound(self.py))
            }
            Err(error) => Err(error),
        }
    }

    /// A member's name, and whether it is the tag.
    fn key(&mut self) -> PyResult<(Bound<'py, PyString>, bool)> {
        let start = self.at;
        let end = self.plain();
        if self.bytes.get(end) != Some(&b'"') {
            return Ok((self.string()?, false));
        }
        let text = &self.text[start..end];
        self.at = end + 1;
        if text.len() > SHORT_KEY {
            return Ok((PyString::new(self.py, text), false));
        }
        let py = self.py;
        let key = self.keys.entry(text).or_insert_with(|| PyString::new(py, text)).clone();
        Ok((key, text == TAG))
    }

    /// Where the run of characters ends that stand for themselves.
    fn plain(&self) -> usize {
        let rest = &self.bytes[self.at..];
        let run = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        self.at + run
    }

    /// A string whose opening quote has been read.
    fn string(&mut self) -> PyResult<Bound<'py, PyString>> {
        let end = self.plain();
        if self.bytes.get(end) == Some(&b'"') {
            let text = &self.text[self.at..end];
            self.at = end + 1;
            return Ok(PyString::new(self.py, text));
        }
        let mut out = Vec::new();
        let mut lone = false;
        loop {
            let end = self.plain();
            out.extend_from_slice(&self.bytes[self.at..end]);
            self.at = end;
            match self.bytes.get(end) {
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => self.escape(&mut out, &mut lone)?,
                Some(_) => return Err(self.wrong("a control character in a string")),
                None => return Err(self.wrong("a string does not end")),
            }
        }
        if lone {
            return self.with_surrogates(&out);
        }
        let text = std::str::from_utf8(&out).map_err(|_| self.wrong("not UTF-8"))?;
        Ok(PyString::new(self.py, text))
    }

    fn escape(&mut self, out: &mut Vec<u8>, lone: &mut bool) -> PyResult<()> {
        let simple = match self.bytes.get(self.at + 1) {
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'/') => b'/',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let mut code = self.unit(self.at)?;
                self.at += 6;
                if (0xd800..0xdc00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
                    let low = self.unit(self.at)?;
                    if (0xdc00..0xe000).contains(&low) {
                        self.at += 6;
                        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    }
                }
                if let Some(one) = char::from_u32(code) {
                    out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
                } else {
                    *lone = true;
                    // The three bytes that UTF-8 would have for it.
                    out.extend([0xe0 | byte(code >> 12), 0x80 | byte((code >> 6) & 0x3f), 0x80 | byte(code & 0x3f)]);
                }
                return Ok(());
            }
            _ => return Err(self.wrong("an unknown escape")),
        };
        out.push(simple);
        self.at += 2;
        Ok(())
    }

    /// The code unit of the `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> PyResult<u32> {
        let digits = self.bytes.get(at + 2..at + 6).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| self.wrong("a broken escape"))
    }

    fn with_surrogates(&self, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
        let len = ffi::Py_ssize_t::try_from(bytes.len()).map_err(|_| self.wrong("too long"))?;
        // SAFETY: pointer and length are those of a live slice; the result is a new reference or null with an error set.
        let made = unsafe {
            let made = ffi::PyUnicode_DecodeUTF8(bytes.as_ptr().cast(), len, c"surrogatepass".as_ptr());
            Bound::from_owned_ptr_or_err(self.py, made)?
        };
        made.cast_into::<PyString>().map_err(PyErr::from)
    }

    fn number(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let zero = self.bytes.get(self.at) == Some(&b'0');
        let mut right = self.digits() == 1 || !zero;
        right &= self.bytes[self.at - 1].is_ascii_digit();
        let mut whole = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            right &= self.digits() > 0;
            whole = false;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            right &= self.digits() > 0;
            whole = false;
        }
        if !right {
            return Err(self.wrong("not a number"));
        }
        let text = &self.text[start..self.at];
        if !whole {
            let number: f64 = text.parse().map_err(|_| self.wrong("not a number"))?;
            return Ok(number.into_pyobject(self.py)?.into_any());
        }
        match text.parse::<i64>() {
            Ok(number) => Ok(number.into_pyobject(self.py)?.into_any()),
            Err(_) => self.py.get_type::<PyInt>().call1((text,)),
        }
    }

    /// Steps over digits; how many they were.
    fn digits(&mut self) -> usize {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}

#[allow(clippy::cast_possible_truncation)]
fn byte(code: u32) -> u8 {
    code as u8
}
