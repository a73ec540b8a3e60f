//! The request of `/v1/chat/completions`: what is understood, ignored and refused.

use serde::Deserialize;
use serde_json::{Value, json};
use terroir_generate::{Message, Tool, ToolCall, ToolChoice};
use utoipa::ToSchema;

use crate::api::{FilterShape, Style};
use crate::error::{ApiError, ApiResult};
use crate::writing::{self, Drawing, StreamOptions, invalid, unsupported};

/// Fields that are not listed are ignored; listed ones that cannot be served are refused.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChatRequest {
    pub model: Option<String>,
    pub messages: Vec<ChatMessage>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    pub drawing: Drawing,
    pub max_completion_tokens: Option<i64>,
    /// Whether the log-probability of every token is reported.
    pub logprobs: Option<bool>,
    /// And of how many alternatives, up to 20.
    pub top_logprobs: Option<usize>,
    /// `{"type": "text" | "json_object"}`, `{"type": "json_schema", "json_schema": {"schema": …, "strict": …}}`
    /// or, Terroir's own, `{"type": "regex", "regex": "…"}`. The text is held to it token by token.
    #[schema(value_type = Option<Object>)]
    pub response_format: Option<Value>,
    /// Functions, in `OpenAI`'s shape.
    #[schema(value_type = Option<Vec<Object>>)]
    pub tools: Option<Vec<Value>>,
    /// `auto`, `none`, `required`, or `{"type": "function", "function": {"name": "…"}}`.
    #[schema(value_type = Option<Object>)]
    pub tool_choice: Option<Value>,
    pub parallel_tool_calls: Option<bool>,
    /// Terroir's own: false for the model by itself, true to refuse what cannot be answered from documents.
    pub grounded: Option<bool>,
    /// Terroir's own: name of a collection.
    pub collection: Option<String>,
    /// Terroir's own: which documents an answer may draw on.
    #[schema(value_type = Option<FilterShape>)]
    pub filter: Option<Value>,
    /// Terroir's own: `quote` or `compose`.
    pub style: Option<Style>,
    /// Refused, unless it is `["text"]`.
    pub modalities: Option<Vec<String>>,
    /// Refused.
    #[schema(value_type = Option<Object>)]
    pub audio: Option<Value>,
    /// Refused: `tools` took its place.
    #[schema(value_type = Option<Object>)]
    pub functions: Option<Value>,
    /// Refused: `tool_choice` took its place.
    #[schema(value_type = Option<Object>)]
    pub function_call: Option<Value>,
    /// Refused.
    #[schema(value_type = Option<Object>)]
    pub web_search_options: Option<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub content: Content,
    #[schema(value_type = Option<Vec<Object>>)]
    pub tool_calls: Option<Vec<Value>>,
    pub tool_call_id: Option<String>,
    pub name: Option<String>,
}

/// A text, or parts, all of which must be texts.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    Parts(Vec<Value>),
    #[default]
    None,
}

impl Content {
    pub fn text(&self) -> ApiResult<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::None => Ok(String::new()),
            Self::Parts(parts) => {
                let texts = parts.iter().map(|part| part["text"].as_str()).collect::<Option<Vec<_>>>();
                texts.map(|texts| texts.join("\n")).ok_or_else(|| {
                    ApiError::new("unsupported", "a message holds something other than text", "send text only")
                        .param("messages")
                })
            }
        }
    }
}

impl ChatRequest {
    /// Refuses what both kinds of answers cannot serve.
    pub fn check(&self) -> ApiResult<()> {
        let asked = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_null());
        if self.modalities.iter().flatten().any(|modality| modality != "text") {
            return Err(unsupported("modalities", "leave it out, or ask for text"));
        }
        if asked(&self.audio) {
            return Err(unsupported("audio", "ask for text"));
        }
        if asked(&self.functions) {
            return Err(unsupported("functions", "send tools instead"));
        }
        if asked(&self.function_call) {
            return Err(unsupported("function_call", "send tool_choice instead"));
        }
        if asked(&self.web_search_options) {
            return Err(unsupported("web_search_options", "add the pages as documents"));
        }
        if self.messages.is_empty() {
            return Err(invalid("messages", "there are no messages".to_owned()));
        }
        self.drawing.sampling(1, self.log_probabilities()?)?;
        Ok(())
    }

    /// Whether the model writes by itself. `named`: it was asked for under its name with `:plain`.
    pub fn plain(&self, named: bool) -> ApiResult<bool> {
        let format = self.response_format.as_ref();
        let needs = [
            ("tools", self.tools.as_ref().is_some_and(|tools| !tools.is_empty())),
            ("response_format", format.is_some_and(|format| !format.is_null() && format["type"] != "text")),
            ("n", self.drawing.n.is_some_and(|count| count != 1)),
            ("logprobs", self.log_probabilities()?.is_some()),
        ];
        let need = needs.into_iter().find(|(_, needed)| *needed).map(|(param, _)| param);
        let plain = match (self.grounded, need) {
            (Some(true), Some(param)) => Err(ApiError::new(
                "unsupported",
                format!("an answer from the documents cannot have {param}"),
                "leave it out, or leave grounded out",
            )
            .param(param)),
            (Some(true), None) if named => {
                Err(invalid("grounded", "grounded is true, and the model's name says :plain".to_owned()))
            }
            (Some(grounded), _) => Ok(!grounded),
            (None, need) => Ok(named || need.is_some()),
        }?;
        if plain && self.filter.as_ref().is_some_and(|filter| !filter.is_null()) {
            return Err(unsupported("filter", "leave it out: the model by itself reads no documents"));
        }
        Ok(plain)
    }

    /// None where they were not asked for.
    pub fn log_probabilities(&self) -> ApiResult<Option<usize>> {
        match (self.logprobs, self.top_logprobs) {
            (Some(true), count) => Ok(Some(count.unwrap_or(0))),
            (_, Some(count)) if count > 0 => {
                Err(invalid("top_logprobs", "top_logprobs needs logprobs to be true".to_owned()))
            }
            _ => Ok(None),
        }
    }

    /// `max_tokens` as the newer name has it, where that is given.
    pub fn drawing(&mut self) -> &Drawing {
        self.drawing.max_tokens = self.max_completion_tokens.or(self.drawing.max_tokens);
        &self.drawing
    }

    pub fn question(&self) -> ApiResult<String> {
        let question = self.messages.iter().rev().find(|message| message.role == "user");
        let question = question.ok_or_else(|| {
            ApiError::new(
                "invalid_request",
                "there is no message with the role user",
                "send the question as a user message",
            )
            .param("messages")
        })?;
        question.content.text()
    }

    /// The questions before the last one, oldest first.
    pub fn earlier_questions(&self) -> ApiResult<Vec<String>> {
        let asked: Vec<_> = self.messages.iter().filter(|message| message.role == "user").collect();
        let before = asked.iter().take(asked.len().saturating_sub(1));
        before.map(|message| message.content.text()).collect()
    }

    pub fn conversation(&self) -> ApiResult<Vec<Message>> {
        self.messages.iter().map(ChatMessage::in_conversation).collect()
    }

    pub fn tools(&self) -> ApiResult<Vec<Tool>> {
        self.tools.iter().flatten().map(tool).collect()
    }

    pub fn choice(&self, tools: &[Tool]) -> ApiResult<ToolChoice> {
        let wrong = |message: &str| Err(invalid("tool_choice", message.to_owned()));
        let choice = match self.tool_choice.as_ref().unwrap_or(&Value::Null) {
            Value::Null => ToolChoice::Auto,
            Value::String(word) => match word.as_str() {
                "auto" => ToolChoice::Auto,
                "none" => ToolChoice::None,
                "required" => ToolChoice::Required,
                _ => return wrong("tool_choice must be auto, none, required or a function"),
            },
            other => match other["function"]["name"].as_str() {
                Some(name) => ToolChoice::Named(name.to_owned()),
                None => return wrong("tool_choice must name a function"),
            },
        };
        let known = match &choice {
            ToolChoice::Auto | ToolChoice::None => true,
            ToolChoice::Required => !tools.is_empty(),
            ToolChoice::Named(name) => tools.iter().any(|tool| tool.name == *name),
        };
        if known { Ok(choice) } else { wrong("tool_choice asks for a tool that is not among tools") }
    }
}

impl ChatMessage {
    fn in_conversation(&self) -> ApiResult<Message> {
        let role = match self.role.as_str() {
            "developer" => "system",
            role @ ("system" | "user" | "assistant" | "tool") => role,
            other => return Err(invalid("messages", format!("there is no role {other:?}"))),
        };
        let calls = self.tool_calls.iter().flatten().map(|call| {
            let function = &call["function"];
            match (function["name"].as_str(), function["arguments"].as_str()) {
                (Some(name), Some(arguments)) => {
                    Ok(ToolCall { name: name.to_owned(), arguments: arguments.to_owned() })
                }
                _ => Err(invalid("messages", "a tool call has no function with name and arguments".to_owned())),
            }
        });
        Ok(Message {
            role: role.to_owned(),
            content: self.content.text()?,
            calls: calls.collect::<ApiResult<_>>()?,
            call_id: self.tool_call_id.clone(),
            name: self.name.clone(),
        })
    }
}

fn tool(value: &Value) -> ApiResult<Tool> {
    let wrong = |message: &str| Err(invalid("tools", message.to_owned()));
    if value["type"] != "function" {
        return wrong("tools can be functions only");
    }
    let function = &value["function"];
    let name = function["name"].as_str().unwrap_or_default();
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return wrong("a function's name has 1 to 64 letters, digits, _ and -");
    }
    let parameters = match &function["parameters"] {
        Value::Null => json!({"type": "object", "properties": {}}),
        object @ Value::Object(_) => object.clone(),
        _ => return wrong("a function's parameters are a JSON schema of an object"),
    };
    Ok(Tool { name: name.to_owned(), description: function["description"].as_str().map(str::to_owned), parameters })
}

/// What a text is held to; tools hold it to calls where one must be made.
pub fn format(request: &ChatRequest, choice: &ToolChoice, tools: &[Tool]) -> ApiResult<terroir_generate::Format> {
    let format = writing::format(request.response_format.as_ref())?;
    if format != terroir_generate::Format::Text && !tools.is_empty() && *choice == ToolChoice::Auto {
        return Err(ApiError::new(
            "unsupported",
            "a text that is held to a format cannot be a call of a tool as well",
            "leave response_format out, or send tool_choice none or required",
        )
        .param("response_format"));
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(mut body: Value) -> ChatRequest {
        body["messages"] = json!([{"role": "user", "content": "Why?"}]);
        serde_json::from_value(body).expect("the shape is right")
    }

    #[test]
    fn answers_are_grounded_unless_that_cannot_be() {
        let tools = json!([{"type": "function", "function": {"name": "f"}}]);
        for (body, named, plain) in [
            (json!({}), false, false),
            (json!({"tools": [], "n": 1, "logprobs": false, "response_format": {"type": "text"}}), false, false),
            (json!({"tools": null, "n": null, "grounded": null, "unknown": 7, "temperature": 0.3}), false, false),
            (json!({}), true, true),
            (json!({"grounded": false}), false, true),
            (json!({"tools": tools}), false, true),
            (json!({"response_format": {"type": "json_object"}}), false, true),
            (json!({"n": 2}), false, true),
            (json!({"logprobs": true}), false, true),
            (json!({"grounded": true}), false, false),
        ] {
            let request = request(body.clone());
            request.check().unwrap();
            assert_eq!(request.plain(named).unwrap(), plain, "{body}");
        }
        for body in [json!({"n": 2}), json!({"tools": tools}), json!({"logprobs": true})] {
            let mut body = body;
            body["grounded"] = json!(true);
            assert_eq!(request(body).plain(false).unwrap_err().code, "unsupported");
        }
    }

    #[test]
    fn what_would_change_the_meaning_is_refused_by_name() {
        for (body, param) in [
            (json!({"modalities": ["text", "audio"]}), "modalities"),
            (json!({"audio": {"voice": "x"}}), "audio"),
            (json!({"functions": []}), "functions"),
            (json!({"function_call": "auto"}), "function_call"),
            (json!({"web_search_options": {}}), "web_search_options"),
            (json!({"top_logprobs": 3}), "top_logprobs"),
            (json!({"logprobs": true, "top_logprobs": 21}), "top_logprobs"),
        ] {
            assert_eq!(request(body.clone()).check().unwrap_err().param, Some(param), "{body}");
        }
        let image = ChatMessage {
            role: "user".into(),
            content: Content::Parts(vec![json!({"type": "image_url", "image_url": {"url": "data:"}})]),
            tool_calls: None,
            tool_call_id: None,
            name: None,
        };
        assert_eq!(image.in_conversation().unwrap_err().code, "unsupported");
    }

    #[test]
    fn tools_and_their_choice_are_read() {
        let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
        let with = |choice: Value| request(json!({"tools": tools, "tool_choice": choice}));
        for (choice, expected) in [
            (json!(null), ToolChoice::Auto),
            (json!("none"), ToolChoice::None),
            (json!("required"), ToolChoice::Required),
            (json!({"type": "function", "function": {"name": "f"}}), ToolChoice::Named("f".into())),
        ] {
            let request = with(choice);
            assert_eq!(request.choice(&request.tools().unwrap()).unwrap(), expected);
        }
        for choice in [json!("maybe"), json!({"type": "function", "function": {"name": "g"}}), json!({})] {
            let request = with(choice);
            assert_eq!(request.choice(&request.tools().unwrap()).unwrap_err().param, Some("tool_choice"));
        }
        for wrong in [json!({"type": "retrieval"}), json!({"type": "function", "function": {"name": "a b"}})] {
            assert_eq!(request(json!({"tools": [wrong]})).tools().unwrap_err().param, Some("tools"));
        }
    }
}
