//! A GGUF file becomes metadata and tensors; what is missing or wrong is named, never a panic.
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use fs_err::File;

use crate::error::{GenerateError, Result};

pub(crate) struct Gguf {
    path: PathBuf,
    file: File,
    content: Content,
}

impl Gguf {
    /// Reads the header: metadata and where the tensors are.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path)?;
        let damaged = |reason: String| GenerateError::Damaged { file: path.to_owned(), part: "header".into(), reason };
        // The reader divides by the file's own alignment, which may be 0.
        let read = catch_unwind(AssertUnwindSafe(|| Content::read(&mut file)));
        let content = match read {
            Ok(Ok(content)) => content,
            Ok(Err(error)) => return Err(damaged(first_line(&error.to_string()))),
            Err(_) => return Err(damaged("its values contradict each other".into())),
        };
        Ok(Self { path: path.to_owned(), file, content })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An error about one key or tensor of this file.
    pub(crate) fn damaged(&self, part: &str, reason: impl Into<String>) -> GenerateError {
        GenerateError::Damaged { file: self.path.clone(), part: part.to_owned(), reason: reason.into() }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.content.metadata.contains_key(key)
    }

    fn value(&self, key: &str) -> Result<&Value> {
        let value = self.content.metadata.get(key);
        value.ok_or_else(|| self.damaged(key, "the key is missing"))
    }

    /// Any whole number.
    pub(crate) fn count(&self, key: &str) -> Result<usize> {
        let value = self.value(key)?;
        let number = match value {
            Value::U8(number) => Some(u64::from(*number)),
            Value::U16(number) => Some(u64::from(*number)),
            Value::U32(number) => Some(u64::from(*number)),
            Value::U64(number) => Some(*number),
            Value::I8(number) => u64::try_from(*number).ok(),
            Value::I16(number) => u64::try_from(*number).ok(),
            Value::I32(number) => u64::try_from(*number).ok(),
            Value::I64(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| self.damaged(key, "is not a whole number"))
    }

    pub(crate) fn number(&self, key: &str) -> Result<f64> {
        let number = match self.value(key)? {
            Value::F32(number) => f64::from(*number),
            Value::F64(number) => *number,
            _ => return Err(self.damaged(key, "is not a number")),
        };
        if number.is_finite() { Ok(number) } else { Err(self.damaged(key, "is not a finite number")) }
    }

    pub(crate) fn text(&self, key: &str) -> Result<&str> {
        match self.value(key)? {
            Value::String(text) => Ok(text),
            _ => Err(self.damaged(key, "is not a text")),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>> {
        let Value::Array(values) = self.value(key)? else {
            return Err(self.damaged(key, "is not a list"));
        };
        let texts = values.iter().map(|value| match value {
            Value::String(text) => Ok(text.as_str()),
            _ => Err(self.damaged(key, "is not a list of texts")),
        });
        texts.collect()
    }

    pub(crate) fn counts(&self, key: &str) -> Result<Vec<i64>> {
        let Value::Array(values) = self.value(key)? else {
            return Err(self.damaged(key, "is not a list"));
        };
        let counts = values.iter().map(|value| match value {
            Value::I32(number) => Ok(i64::from(*number)),
            Value::U32(number) => Ok(i64::from(*number)),
            _ => Err(self.damaged(key, "is not a list of whole numbers")),
        });
        counts.collect()
    }

    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// Checks name, shape and that the bytes are in the file, before anything is allocated.
    pub(crate) fn check_tensor(&self, name: &str, shape: &[usize]) -> Result<()> {
        let Some(info) = self.content.tensor_infos.get(name) else {
            return Err(self.damaged(name, "the tensor is missing"));
        };
        if info.shape.dims() != shape {
            let reason = format!("has the shape {:?} instead of {shape:?}", info.shape.dims());
            return Err(self.damaged(name, reason));
        }
        let elements = shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size as u64));
        let bytes = elements.filter(|elements| elements.is_multiple_of(info.ggml_dtype.block_size() as u64)).and_then(
            |elements| (elements / info.ggml_dtype.block_size() as u64).checked_mul(info.ggml_dtype.type_size() as u64),
        );
        let start = self.content.tensor_data_offset.checked_add(info.offset);
        let end = bytes.and_then(|bytes| start?.checked_add(bytes));
        match end {
            Some(end) if end <= self.file.metadata()?.len() => Ok(()),
            _ => Err(self.damaged(name, "its bytes are not all in the file")),
        }
    }

    /// Stored in floats, not in blocks of fewer bits.
    pub(crate) fn is_exact(&self, name: &str) -> bool {
        let stored = self.content.tensor_infos.get(name);
        let stored = stored.map(|info| info.ggml_dtype);
        matches!(stored, Some(GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16))
    }

    /// The tensor as it is stored. The shape is the file's, outermost dimension first.
    pub(crate) fn tensor(&mut self, name: &str) -> Result<QTensor> {
        let read = self.content.tensor(&mut self.file, name, &Device::Cpu);
        read.map_err(|error| self.damaged(name, first_line(&error.to_string())))
    }

    /// The tensor in 32-bit floats.
    pub(crate) fn floats(&mut self, name: &str) -> Result<Tensor> {
        let stored = self.tensor(name)?;
        let floats = stored.dequantize(&Device::Cpu);
        floats.map_err(|error| self.damaged(name, first_line(&error.to_string())))
    }
}

/// Errors of the reader may carry a backtrace.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
