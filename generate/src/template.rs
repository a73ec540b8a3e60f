//! Messages become the prompt that a chat model was trained on, by the template in its file.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::error::{GenerateError, Result};
use crate::gguf::Gguf;
use crate::tokens::Tokens;

/// For files that carry none: the format that most small models share.
const CHAT_ML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n'}}{% endfor %}{{'<|im_start|>assistant\n'}}";

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) role: &'static str,
    pub(crate) content: String,
}

/// JSON as templates see it.
pub(crate) fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(entries) => Value::from_pairs(entries.iter().map(|(key, inner)| (key.as_str(), value(inner)))),
    }
}

#[derive(Clone)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

impl ChatTemplate {
    pub(crate) fn load(file: &Gguf, tokens: &Tokens) -> Result<Self> {
        let key = "tokenizer.chat_template";
        let source = if file.has(key) { file.text(key)? } else { CHAT_ML };
        let mut environment = Environment::new();
        // As `transformers` renders chat templates.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| file.damaged(key, error.to_string()))?);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", |reason: String| -> std::result::Result<(), minijinja::Error> {
            Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, reason))
        });
        let added = environment.add_template_owned("chat", source.to_owned());
        added.map_err(|error| file.damaged(key, error.to_string()))?;
        Ok(Self { environment, begin: tokens.begin_text().to_owned(), end: tokens.end_text().to_owned() })
    }

    /// Whether the template says what the tools are.
    pub(crate) fn knows_tools(&self) -> bool {
        self.environment.get_template("chat").is_ok_and(|template| template.source().contains("tools"))
    }

    /// The prompt, up to where the answer begins.
    pub(crate) fn render(&self, messages: &[Message]) -> Result<String> {
        let messages = messages.iter().map(|message| {
            Value::from_pairs([("role", message.role.to_owned()), ("content", message.content.clone())])
        });
        self.render_values(messages.collect(), Value::from(()))
    }

    /// As [`Self::render`], of messages in the shape that templates know, and of tools or none.
    pub(crate) fn render_values(&self, messages: Vec<Value>, tools: Value) -> Result<String> {
        let template = self.environment.get_template("chat");
        let rendered = template.and_then(|template| {
            template.render(context! {
                messages,
                tools,
                add_generation_prompt => true,
                bos_token => self.begin.as_str(),
                eos_token => self.end.as_str(),
            })
        });
        rendered.map_err(|error| GenerateError::Template { reason: error.to_string() })
    }
}
