//! Messages become the prompt that a chat model was trained on, by the template that it carries.
//!
//! The contents of messages and tools are text of others within text of ours: nothing that begins in them
//! becomes a special token ([`Special::guard`]) or a turn that the template marks by ordinary text ([`markers`]).

mod markers;
mod python;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};
use serde_json::Value as Json;

use crate::error::{GenerateError, Result};
use crate::tokens::{Special, Tokens, without_marks};
use crate::weights::{Folder, Gguf, Source, Weights, read_json_if_there};

/// For models that carry none: the format that most small models share.
const CHAT_ML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n'}}{% endfor %}{{'<|im_start|>assistant\n'}}";

/// Templates write a role as it is, some of them into a token.
const ROLES: [&str; 7] = ["system", "user", "assistant", "tool", "developer", "function", "ipython"];

#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// One of [`ROLES`].
    pub(crate) role: String,
    pub(crate) content: String,
    /// What an assistant asked for: `{"id": …, "type": "function", "function": {"name": …, "arguments": …}}`.
    pub(crate) tool_calls: Vec<Json>,
    /// Which of them a tool answers.
    pub(crate) tool_call_id: Option<String>,
    /// Of the tool that answers.
    pub(crate) name: Option<String>,
}

impl Message {
    pub(crate) fn new(role: &str, content: impl Into<String>) -> Self {
        Self { role: role.to_owned(), content: content.into(), ..Self::default() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    has_tool_template: bool,
    begin: String,
    end: String,
    special: Arc<Special>,
    markers: Vec<String>,
}

/// What the model carries, and where an error is.
struct Sources {
    file: PathBuf,
    part: String,
    chat: String,
    /// Some models have a second one for conversations with tools.
    tools: Option<String>,
}

impl ChatTemplate {
    pub(crate) fn load(weights: &Weights, tokens: &Tokens) -> Result<Self> {
        let sources = match weights.source() {
            Source::Gguf(file) => of_gguf(file)?,
            Source::Folder(folder) => of_folder(folder)?,
        };
        Self::new(sources, tokens)
    }

    fn new(sources: Sources, tokens: &Tokens) -> Result<Self> {
        let Sources { file, part, chat, tools } = sources;
        let damaged = |error: minijinja::Error| GenerateError::Damaged {
            file: file.clone(),
            part: part.clone(),
            reason: error.to_string(),
        };
        let mut environment = Environment::new();
        // As `transformers` renders chat templates.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(damaged)?);
        python::add_to(&mut environment);
        let special = tokens.special();
        let mut markers = Vec::new();
        for (name, source) in [("chat", Some(&chat)), ("tools", tools.as_ref())] {
            let Some(source) = source else {
                continue;
            };
            markers.extend(markers::find(source, &special));
            environment.add_template_owned(name, without_training_tags(source)).map_err(damaged)?;
        }
        Ok(Self {
            environment,
            has_tool_template: tools.is_some(),
            begin: tokens.begin_text().to_owned(),
            end: tokens.end_text().to_owned(),
            special,
            markers,
        })
    }

    /// Whether the template says what the tools are.
    pub(crate) fn knows_tools(&self) -> bool {
        let chat = self.environment.get_template("chat");
        self.has_tool_template || chat.is_ok_and(|template| template.source().contains("tools"))
    }

    /// The prompt, up to where the answer begins: text of ours, for [`Tokens::encode`] with `trusted`. It may
    /// hold marks that are not to be shown. `tools` is a list of `{"type": "function", "function": …}`.
    pub(crate) fn render(&self, messages: &[Message], tools: Option<&Json>) -> Result<String> {
        let messages = messages.iter().map(|message| self.value(message)).collect::<Result<Vec<_>>>()?;
        let guard = |text: &str| self.guard(text);
        let name = if tools.is_some() && self.has_tool_template { "tools" } else { "chat" };
        let template = self.environment.get_template(name);
        let rendered = template.and_then(|template| {
            template.render(context! {
                messages,
                tools => tools.map(|tools| python::from_json(tools, &guard)),
                documents => (),
                add_generation_prompt => true,
                bos_token => self.begin.as_str(),
                eos_token => self.end.as_str(),
            })
        });
        rendered.map_err(|error| match error.source().and_then(|source| source.downcast_ref::<python::Refusal>()) {
            Some(refusal) => GenerateError::Conversation { reason: refusal.0.clone() },
            None => GenerateError::Template { reason: error.to_string() },
        })
    }

    fn guard(&self, text: &str) -> String {
        self.special.guard(&markers::defuse(&without_marks(text), &self.markers))
    }

    fn value(&self, message: &Message) -> Result<Value> {
        let Message { role, content, tool_calls, tool_call_id, name } = message;
        if !ROLES.contains(&role.as_str()) {
            return Err(GenerateError::Conversation { reason: format!("no message has the role `{role}`") });
        }
        // Templates look into what the model itself wrote, such as the end of its reasoning.
        let content = if role == "assistant" { self.special.guard(content) } else { self.guard(content) };
        let guard = |text: &str| self.guard(text);
        let mut entries = vec![("role".to_owned(), Value::from(role.as_str())), ("content".to_owned(), content.into())];
        if !tool_calls.is_empty() {
            let calls = tool_calls.iter().map(|call| python::from_json(&with_arguments(call), &guard));
            entries.push(("tool_calls".to_owned(), calls.collect()));
        }
        for (key, text) in [("tool_call_id", tool_call_id), ("name", name)] {
            entries.extend(text.iter().map(|text| (key.to_owned(), self.guard(text).into())));
        }
        Ok(python::object(entries))
    }
}

/// Clients of `/v1/chat/completions` send the arguments as a text of JSON, templates expect them as an object.
fn with_arguments(call: &Json) -> Json {
    let mut call = call.clone();
    if let Some(arguments) = call.pointer_mut("/function/arguments")
        && let Some(Ok(parsed @ Json::Object(_))) = arguments.as_str().map(serde_json::from_str)
    {
        *arguments = parsed;
    }
    call
}

/// `{% generation %}` marks what a training run learns from; a prompt does not need it.
fn without_training_tags(source: &str) -> String {
    let mut source = source.to_owned();
    for name in ["generation", "endgeneration"] {
        for (left, right) in [("", ""), ("-", ""), ("", "-"), ("-", "-")] {
            // A comment keeps what the hyphens do to the white space around the tag.
            source = source.replace(&format!("{{%{left} {name} {right}%}}"), &format!("{{#{left} {right}#}}"));
        }
    }
    source
}

fn of_gguf(file: &Gguf) -> Result<Sources> {
    let key = "tokenizer.chat_template";
    let text = |key: &str| file.has(key).then(|| file.text(key).map(str::to_owned)).transpose();
    Ok(Sources {
        file: file.path().to_owned(),
        part: key.to_owned(),
        chat: text(key)?.unwrap_or_else(|| CHAT_ML.to_owned()),
        tools: text("tokenizer.chat_template.tool_use")?,
    })
}

/// A file of its own, or in `tokenizer_config.json`: one text, or several with names.
fn of_folder(folder: &Folder) -> Result<Sources> {
    let part = "chat_template".to_owned();
    let own = folder.directory.join("chat_template.jinja");
    if fs_err::exists(&own)? {
        let chat = fs_err::read_to_string(&own)?;
        return Ok(Sources { file: own, part, chat, tools: None });
    }
    let file = folder.directory.join("tokenizer_config.json");
    let config = read_json_if_there(&file)?.unwrap_or_default();
    let (chat, tools) = match config.get(&part) {
        Some(Json::Array(named)) => {
            let find = |name: &str| {
                let template = named.iter().find(|entry| entry.get("name").and_then(Json::as_str) == Some(name));
                template.and_then(|entry| entry.get("template")).and_then(Json::as_str).map(str::to_owned)
            };
            (find("default"), find("tool_use"))
        }
        Some(Json::String(chat)) => (Some(chat.clone()), None),
        _ => (None, None),
    };
    Ok(Sources { file, part, chat: chat.unwrap_or_else(|| CHAT_ML.to_owned()), tools })
}
