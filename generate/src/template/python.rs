//! What chat templates expect of Python and of the transformers library beyond Jinja itself.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use minijinja::value::{Enumerator, Kwargs, Object, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize as _;
use serde_json::Value as Json;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// The text of `raise_exception`: the template refuses the conversation.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) String);

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function("raise_exception", |reason: String| -> Result<(), Error> {
        let error = Error::new(ErrorKind::InvalidOperation, reason.clone());
        Err(error.with_source(Refusal(reason)))
    });
    environment.add_function("strftime_now", |format: String| now(&format));
    environment.add_filter("tojson", |value: Value, options: Kwargs| -> Result<String, Error> {
        let indent = options.get::<Option<usize>>("indent")?;
        let json = to_json(&value, 0)?;
        write_json(&json, indent).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
    });
}

/// In UTC: a server's clock says nothing about where its users are.
fn now(format: &str) -> Result<String, Error> {
    let mut text = String::new();
    let written = write!(text, "{}", DateTime::<Utc>::from(SystemTime::now()).format(format));
    let wrong = |_| Error::new(ErrorKind::InvalidOperation, format!("`{format}` is no format of a time"));
    written.map(|()| text).map_err(wrong)
}

/// As `json.dumps(…, ensure_ascii=False)` writes: a space after `,` and `:`, and nothing escaped for HTML.
fn write_json(value: &Json, indent: Option<usize>) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    match indent {
        Some(width) => {
            let indent = " ".repeat(width.min(16));
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))?,
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct Spaced;

fn comma<W: ?Sized + io::Write>(writer: &mut W, first: bool) -> io::Result<()> {
    if first { Ok(()) } else { writer.write_all(b", ") }
}

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        comma(writer, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        comma(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// An object whose keys stay in their order, as in Python; a model was trained on that order.
#[derive(Debug)]
struct Ordered(Vec<(Value, Value)>);

impl Object for Ordered {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(key, _)| key.clone()).collect())
    }
}

/// `text` is applied to every text and key.
pub(super) fn from_json(json: &Json, text: &dyn Fn(&str) -> String) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(value) => Value::from(text(value)),
        Json::Array(values) => values.iter().map(|value| from_json(value, text)).collect(),
        Json::Object(entries) => object(entries.iter().map(|(key, value)| (text(key), from_json(value, text)))),
    }
}

/// JSON of a value in a template; there is no deeper nesting than in what went in.
fn to_json(value: &Value, nested: usize) -> Result<Json, Error> {
    if nested > 128 {
        return Err(Error::new(ErrorKind::BadSerialization, "the value is nested too deeply"));
    }
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(whole) if value.is_integer() => whole.into(),
            _ => f64::try_from(value.clone())?.into(),
        },
        ValueKind::Map => {
            let entries = value.try_iter()?.map(|key| {
                let item = value.get_item(&key)?;
                Ok((key.to_string(), to_json(&item, nested + 1)?))
            });
            Json::Object(entries.collect::<Result<_, Error>>()?)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter()?.map(|item| to_json(&item, nested + 1)).collect::<Result<_, Error>>()?)
        }
        _ => Json::String(value.to_string()),
    })
}

pub(super) fn object(entries: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::from_object(Ordered(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect()))
}
