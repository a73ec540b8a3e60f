//! Tools that a model may call: how it learns of them, how it is made to call one, how calls are found in
//! what it wrote.

mod reader;

use serde_json::{Value as Json, json};

pub use self::reader::ToolReader;
use crate::constraint::Format;
use crate::error::{GenerateError, Result};
use crate::write::Message;

/// A function that the caller runs when the model calls it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    /// JSON Schema of its arguments, an object.
    pub parameters: Json,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model decides between text and calls.
    #[default]
    Auto,
    /// Text only.
    None,
    /// A call of some tool.
    Required,
    /// A call of this tool.
    Named(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    pub name: String,
    /// A JSON object.
    pub arguments: String,
}

impl ToolCall {
    /// Templates write arguments down themselves: they want the object, not its text.
    pub(crate) fn in_template(&self) -> Json {
        let arguments = serde_json::from_str::<Json>(&self.arguments);
        let arguments = arguments.unwrap_or_else(|_| Json::String(self.arguments.clone()));
        json!({"type": "function", "function": {"name": self.name, "arguments": arguments}})
    }
}

impl Tool {
    fn described(&self) -> Json {
        json!({"type": "function", "function": {
            "name": self.name, "description": self.description, "parameters": self.parameters,
        }})
    }
}

/// For templates that know tools; none are none, as templates ask.
pub(crate) fn in_template(tools: &[Tool]) -> Option<Json> {
    (!tools.is_empty()).then(|| tools.iter().map(Tool::described).collect())
}

/// For templates that do not know tools: the same in plain words, in the format that most models were
/// trained on (Hermes').
pub(crate) fn in_words(mut messages: Vec<Message>, tools: &[Tool]) -> Vec<Message> {
    for message in &mut messages {
        for call in std::mem::take(&mut message.calls) {
            let call = call.in_template();
            message.content += &["\n<tool_call>\n", &call["function"].to_string(), "\n</tool_call>"].concat();
        }
        if message.role == "tool" {
            "user".clone_into(&mut message.role);
            message.content = format!("<tool_response>\n{}\n</tool_response>", message.content);
        }
        message.content = message.content.trim().to_owned();
    }
    if tools.is_empty() {
        return messages;
    }
    let described = tools.iter().map(|tool| tool.described().to_string()).collect::<Vec<_>>().join("\n");
    let instruction = format!(
        "You may call one or more of these functions to help with the user's request:\n<tools>\n{described}\n</tools>\n\
         To call one, write a JSON object with its name and arguments:\n\
         <tool_call>\n{{\"name\": \"…\", \"arguments\": {{…}}}}\n</tool_call>"
    );
    match messages.first_mut().filter(|message| message.role == "system") {
        Some(system) => system.content = format!("{}\n\n{instruction}", system.content),
        None => messages.insert(0, Message { role: "system".to_owned(), content: instruction, ..Message::default() }),
    }
    messages
}

/// The format of a call that must be made; none where the model decides.
pub(crate) fn format(tools: &[Tool], choice: &ToolChoice) -> Result<Option<Format>> {
    let eligible = match choice {
        ToolChoice::Auto | ToolChoice::None => return Ok(None),
        ToolChoice::Required => tools.iter().collect::<Vec<_>>(),
        ToolChoice::Named(name) => tools.iter().filter(|tool| tool.name == *name).collect(),
    };
    if eligible.is_empty() {
        return Err(GenerateError::Format { reason: "tool_choice names no tool of the request".to_owned() });
    }
    let calls = eligible.iter().enumerate().map(|(index, tool)| {
        let place = format!("#/anyOf/{index}/properties/arguments");
        json!({
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": moved(&tool.parameters, &place)},
            "required": ["name", "arguments"],
            "additionalProperties": false,
        })
    });
    let schema = json!({"anyOf": calls.collect::<Json>()});
    Ok(Some(Format::JsonSchema { schema, strict: false }))
}

/// A schema that stands at `place` of another one: its references to itself point there.
fn moved(schema: &Json, place: &str) -> Json {
    match schema {
        Json::Object(keywords) => {
            let keywords = keywords.iter().map(|(keyword, value)| {
                let reference = value.as_str().filter(|_| keyword == "$ref").and_then(|text| text.strip_prefix('#'));
                let value = match reference {
                    Some(pointer) => Json::String(format!("{place}{pointer}")),
                    None => moved(value, place),
                };
                (keyword.clone(), value)
            });
            keywords.collect()
        }
        Json::Array(items) => items.iter().map(|item| moved(item, place)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> Tool {
        let parameters = json!({
            "type": "object",
            "properties": {"place": {"$ref": "#/$defs/place"}},
            "$defs": {"place": {"type": "string"}},
        });
        Tool { name: name.to_owned(), description: None, parameters }
    }

    #[test]
    fn references_of_parameters_point_to_where_they_went() {
        let format = format(&[tool("a"), tool("b")], &ToolChoice::Required).expect("there are tools");
        let Some(Format::JsonSchema { schema, .. }) = format else { panic!("a call is forced") };
        let reference = schema["anyOf"][1]["properties"]["arguments"]["properties"]["place"]["$ref"].as_str();
        let pointer = reference.and_then(|text| text.strip_prefix('#')).expect("a reference");
        assert_eq!(schema.pointer(pointer), Some(&json!({"type": "string"})));
    }

    #[test]
    fn a_choice_needs_its_tool() {
        assert!(format(&[tool("a")], &ToolChoice::Named("b".into())).is_err());
        assert!(format(&[], &ToolChoice::Required).is_err());
        assert_eq!(format(&[tool("a")], &ToolChoice::Auto).expect("nothing is forced"), None);
    }

    #[test]
    fn models_that_know_no_tools_are_told() {
        let message =
            |role: &str, content: &str| Message { role: role.into(), content: content.into(), ..Message::default() };
        let call = ToolCall { name: "a".into(), arguments: "{\"place\": \"Ham\"}".into() };
        let messages = vec![
            message("system", "Be brief."),
            Message { calls: vec![call], ..message("assistant", "") },
            message("tool", "12 degrees"),
        ];
        let told = in_words(messages, &[tool("a")]);
        assert!(told[0].content.starts_with("Be brief.\n\n") && told[0].content.contains("\"name\":\"a\""));
        assert!(told[1].content.contains("<tool_call>"), "{}", told[1].content);
        assert_eq!((told[2].role.as_str(), told[2].content.contains("12 degrees")), ("user", true));
        assert_eq!(in_words(vec![message("user", "x")], &[tool("a")]).len(), 2);
        assert_eq!(in_words(vec![message("user", "x")], &[]), [message("user", "x")]);
    }
}
