//! The model by itself: a prompt or a conversation becomes text, held to a format, with calls of tools.

use minijinja::Value;
use serde_json::json;
use tokio::sync::mpsc;

use crate::constraint::{Constraint, Format};
use crate::engine::{CompleteRequest, Piece};
use crate::error::{GenerateError, Result};
use crate::tokens::defuse;
use crate::tools::{self, ToolCall, ToolChoice};
use crate::{Generator, Sampling, Tool, template};

/// What is to be written.
#[derive(Debug, Clone, Default)]
pub struct WriteRequest {
    pub prompt: Prompt,
    pub sampling: Sampling,
    pub format: Format,
    /// Texts, each drawn by itself: the second with the seed after the first one's.
    pub texts: usize,
}

/// What the model reads before it writes.
#[derive(Debug, Clone)]
pub enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
    /// Goes through the model's chat template.
    Conversation {
        messages: Vec<Message>,
        tools: Vec<Tool>,
        choice: ToolChoice,
    },
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    pub content: String,
    /// Of an assistant's message.
    pub calls: Vec<ToolCall>,
    /// Of a tool's message: the call that it answers.
    pub call_id: Option<String>,
    /// Of the speaker, or of the tool.
    pub name: Option<String>,
}

impl Generator {
    /// Starts to write: one stream of pieces for each text, the last piece of each is its end. What is wrong
    /// with the request is said here. Dropping a receiver stops its text within a token.
    pub async fn write(&self, request: WriteRequest) -> Result<Vec<mpsc::Receiver<Result<Piece>>>> {
        request.sampling.check()?;
        let generator = self.clone();
        // Reading a long prompt or a large schema takes milliseconds: too long for an async thread.
        let prepared = tokio::task::spawn_blocking(move || generator.prepare(request)).await;
        let (request, texts) = prepared.map_err(|error| GenerateError::Crashed { reason: error.to_string() })??;
        let seeded = |index: u64| {
            let mut request = request.clone();
            request.sampling.seed = request.sampling.seed.map(|seed| seed.wrapping_add(index));
            self.complete(request)
        };
        (0..texts.max(1) as u64).map(seeded).collect()
    }

    fn prepare(&self, request: WriteRequest) -> Result<(CompleteRequest, usize)> {
        let format = match &request.prompt {
            Prompt::Conversation { tools, choice, .. } => {
                tools::format(tools, choice)?.unwrap_or_else(|| request.format.clone())
            }
            Prompt::Text(_) | Prompt::Tokens(_) => request.format.clone(),
        };
        let prompt = self.read(request.prompt)?;
        let constraint = if format == Format::Text { None } else { Constraint::new(&self.vocabulary()?, &format)? };
        Ok((CompleteRequest { prompt, sampling: request.sampling, constraint }, request.texts))
    }

    fn read(&self, prompt: Prompt) -> Result<Vec<u32>> {
        let tokens = self.tokens();
        let read = match prompt {
            Prompt::Text(text) => {
                let text = tokens.encode(&text, false)?;
                tokens.begin().into_iter().chain(text).collect::<Vec<_>>()
            }
            Prompt::Tokens(read) => {
                if let Some(unknown) = read.iter().find(|token| **token as usize >= tokens.vocabulary()) {
                    let reason = format!("there is no token {unknown}; the model has {}", tokens.vocabulary());
                    return Err(GenerateError::Prompt { reason });
                }
                read
            }
            Prompt::Conversation { messages, tools, choice } => {
                // Who may not call tools need not know of them.
                let tools = if choice == ToolChoice::None { Vec::new() } else { tools };
                let template = self.template();
                let (messages, tools) = if template.knows_tools() {
                    (messages.iter().map(in_template).collect(), tools::in_template(&tools))
                } else {
                    (tools::in_words(messages, &tools).iter().map(in_template).collect(), Value::from(()))
                };
                tokens.encode(&template.render_values(messages, tools)?, true)?
            }
        };
        if read.is_empty() {
            return Err(GenerateError::Prompt { reason: "it is empty".to_owned() });
        }
        Ok(read)
    }
}

/// As the templates of `transformers` know messages. What people write makes no control tokens.
fn in_template(message: &Message) -> Value {
    let mut value = json!({"role": message.role, "content": defuse(&message.content)});
    if let Some(name) = &message.name {
        value["name"] = json!(defuse(name));
    }
    if let Some(id) = &message.call_id {
        value["tool_call_id"] = json!(defuse(id));
    }
    if !message.calls.is_empty() {
        value["tool_calls"] = message.calls.iter().map(ToolCall::in_template).collect();
    }
    template::value(&value)
}
