//! Calls in a model's text: Hermes' and Qwen's `<tool_call>{…}</tool_call>`, Mistral's `[TOOL_CALLS][{…}]`,
//! and the bare JSON of Llama 3. The control tokens among these marks have no text: what follows them is
//! bare JSON as well.

use serde_json::Value;

use super::ToolCall;

/// What calls begin with anywhere in a text, longest first.
const MARKS: [&str; 3] = ["<|python_tag|>", "[TOOL_CALLS]", "<tool_call>"];

/// Text comes in piece by piece; what cannot be part of a call goes out at once.
#[derive(Debug, Default)]
pub struct ToolReader {
    names: Vec<String>,
    held: String,
    /// Text that is no call has begun: JSON after it is part of it.
    begun: bool,
}

impl ToolReader {
    /// Only calls of these tools are calls.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), ..Self::default() }
    }

    /// The text that may go out.
    pub fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let free = self.call_start();
        let rest = self.held.split_off(free);
        let free = std::mem::replace(&mut self.held, rest);
        self.begun |= !free.trim().is_empty();
        free
    }

    /// Where a call may begin.
    fn call_start(&self) -> usize {
        let trimmed = self.held.trim_start();
        if !self.begun && (trimmed.is_empty() || trimmed.starts_with(['{', '['])) {
            return 0;
        }
        let starts = self.held.char_indices().map(|(at, _)| at);
        let mut suspicious = starts.filter(|at| {
            let rest = &self.held[*at..];
            MARKS.iter().any(|mark| rest.starts_with(mark) || mark.starts_with(rest))
        });
        suspicious.next().unwrap_or(self.held.len())
    }

    /// At the end of the text: the calls, or the text that was held back for one and is none.
    pub fn finish(self) -> (String, Vec<ToolCall>) {
        let mut calls = Vec::new();
        let mut rest = self.held.as_str();
        for mark in MARKS {
            rest = rest.trim_start().strip_prefix(mark).unwrap_or(rest);
        }
        while !rest.trim().is_empty() {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let found = match values.next() {
                Some(Ok(value)) => self.calls_in(&value),
                _ => None,
            };
            let Some(found) = found else {
                // Half a call, or something else that looks like one: it is better seen than lost.
                return if calls.is_empty() { (self.held, calls) } else { (String::new(), calls) };
            };
            calls.extend(found);
            rest = rest[values.byte_offset()..].trim_start();
            for between in ["</tool_call>", ";", "<tool_call>"] {
                rest = rest.strip_prefix(between).unwrap_or(rest).trim_start();
            }
        }
        if calls.is_empty() { (self.held, calls) } else { (String::new(), calls) }
    }

    fn calls_in(&self, value: &Value) -> Option<Vec<ToolCall>> {
        match value {
            Value::Array(calls) => {
                let calls = calls.iter().map(|call| self.call(call)).collect::<Option<Vec<_>>>()?;
                (!calls.is_empty()).then_some(calls)
            }
            call => Some(vec![self.call(call)?]),
        }
    }

    fn call(&self, value: &Value) -> Option<ToolCall> {
        let value = value.get("function").filter(|function| function.is_object()).unwrap_or(value);
        let name = value.get("name")?.as_str()?;
        if !self.names.iter().any(|known| known == name) {
            return None;
        }
        let arguments = value.get("arguments").or_else(|| value.get("parameters"));
        let arguments = match arguments {
            None | Some(Value::Null) => "{}".to_owned(),
            // Some models write the object as text, as the API has it.
            Some(Value::String(text)) => serde_json::from_str::<Value>(text).ok()?.is_object().then(|| text.clone())?,
            Some(object @ Value::Object(_)) => object.to_string(),
            Some(_) => return None,
        };
        Some(ToolCall { name: name.to_owned(), arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize) -> (String, Vec<(String, String)>) {
        let mut reader = ToolReader::new(["weather".to_owned(), "time".to_owned()]);
        let characters = text.chars().collect::<Vec<_>>();
        let mut out = String::new();
        for piece in characters.chunks(piece) {
            out.push_str(&reader.push(&piece.iter().collect::<String>()));
        }
        let (rest, calls) = reader.finish();
        (out + &rest, calls.into_iter().map(|call| (call.name, call.arguments)).collect())
    }

    #[test]
    fn calls_are_found_in_the_formats_of_common_models() {
        let weather = || ("weather".to_owned(), "{\"city\":\"Beaune\"}".to_owned());
        let time = || ("time".to_owned(), "{}".to_owned());
        let hermes = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Beaune\"}}\n</tool_call>";
        for (text, content, calls) in [
            (hermes.to_owned(), "", vec![weather()]),
            (format!("I look.\n{hermes}\n<tool_call>{{\"name\": \"time\"}}</tool_call>"), "I look.\n", vec![weather(), time()]),
            ("{\"name\": \"weather\", \"parameters\": {\"city\": \"Beaune\"}}".into(), "", vec![weather()]),
            ("<|python_tag|>{\"type\": \"function\", \"function\": {\"name\": \"time\", \"parameters\": {}}}".into(), "", vec![time()]),
            ("[TOOL_CALLS] [{\"name\": \"weather\", \"arguments\": {\"city\": \"Beaune\"}}, {\"name\": \"time\", \"arguments\": {}}]".into(), "", vec![weather(), time()]),
            ("  {\"name\": \"time\", \"arguments\": \"{}\"}; {\"name\": \"time\"}".into(), "", vec![time(), time()]),
        ] {
            for piece in [1, 3, 1000] {
                assert_eq!(read(&text, piece), (content.to_owned(), calls.clone()), "{text}");
            }
        }
    }

    #[test]
    fn text_that_is_no_call_stays_text() {
        for text in [
            "It is 12 degrees.",
            "{\"name\": \"unknown\", \"arguments\": {}}",
            "{\"answer\": 12}",
            "[1, 2, 3]",
            "Use {\"name\": \"time\"} for that.",
            "<tool_call>{\"name\": \"weather\", \"argu",
            "a < b, and a <tool",
            "{\"name\": \"time\", \"arguments\": 7}",
            "",
        ] {
            for piece in [1, 4, 1000] {
                assert_eq!(read(text, piece), (text.to_owned(), vec![]), "{text}");
            }
        }
    }

    #[test]
    fn text_that_cannot_be_a_call_goes_out_at_once() {
        let mut reader = ToolReader::new(["time".to_owned()]);
        assert_eq!(reader.push("It is "), "It is ");
        assert_eq!(reader.push("<b>late"), "<b>late");
        assert_eq!(reader.push("<tool_"), "");
        assert_eq!(reader.push("box>"), "<tool_box>");
    }
}
