//! The model by itself: a prompt or a conversation becomes text, held to a format, with calls of tools.

use tokio::sync::mpsc;

use crate::constraint::{Constraint, Format};
use crate::engine::{CompleteRequest, Piece};
use crate::error::{GenerateError, Result};
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
    /// Who waits for it: owners are served in turn.
    pub owner: String,
    /// The voice of this name, where the generator has it.
    pub voice: Option<String>,
}

/// What the model reads before it writes.
#[derive(Debug, Clone)]
pub enum Prompt {
    /// All of it is the caller's, control tokens included.
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
        Ok((
            CompleteRequest {
                prompt,
                sampling: request.sampling,
                constraint,
                owner: request.owner,
                voice: request.voice,
            },
            request.texts,
        ))
    }

    fn read(&self, prompt: Prompt) -> Result<Vec<u32>> {
        let tokens = self.tokens();
        let read = match prompt {
            Prompt::Text(text) => {
                let text = tokens.encode(&text, true)?;
                let begin = tokens.begin().filter(|begin| tokens.adds_begin() && text.first() != Some(begin));
                begin.into_iter().chain(text).collect::<Vec<_>>()
            }
            Prompt::Tokens(read) => {
                if let Some(unknown) = read.iter().find(|token| **token as usize >= tokens.size()) {
                    let reason = format!("there is no token {unknown}; the model has {}", tokens.size());
                    return Err(GenerateError::Prompt { reason });
                }
                read
            }
            Prompt::Conversation { messages, tools, choice } => {
                // Who may not call tools need not know of them.
                let tools = if choice == ToolChoice::None { Vec::new() } else { tools };
                let template = self.template();
                let (messages, tools) = if template.knows_tools() {
                    (messages, tools::in_template(&tools))
                } else {
                    (tools::in_words(messages, &tools), None)
                };
                let messages = messages.into_iter().map(in_template).collect::<Vec<_>>();
                tokens.encode(&template.render(&messages, tools.as_ref())?, true)?
            }
        };
        if read.is_empty() {
            return Err(GenerateError::Prompt { reason: "it is empty".to_owned() });
        }
        Ok(read)
    }
}

/// As templates know messages.
fn in_template(message: Message) -> template::Message {
    template::Message {
        role: message.role,
        content: message.content,
        tool_calls: message.calls.iter().map(ToolCall::in_template).collect(),
        tool_call_id: message.call_id,
        name: message.name,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file::Value;
    use serde_json::json;

    use super::*;
    use crate::tiny::Tiny;
    use crate::{EndReason, GeneratorOptions, ToolReader};

    fn generator(tiny: &Tiny) -> Generator {
        let options = GeneratorOptions { threads: 1, context_tokens: 256, ..GeneratorOptions::default() };
        Generator::open(&tiny.files(), options).expect("the tiny model opens")
    }

    /// Text, tokens reported, and how it ended, of each text.
    async fn written(generator: &Generator, request: WriteRequest) -> Vec<(String, usize, EndReason)> {
        let mut texts = Vec::new();
        for mut pieces in generator.write(request).await.expect("starts") {
            let (mut text, mut reported) = (String::new(), 0);
            while let Some(piece) = pieces.recv().await {
                match piece.expect("a piece") {
                    Piece::Text { text: more, tokens } => {
                        text.push_str(&more);
                        reported += tokens.len();
                    }
                    Piece::End { reason, .. } => texts.push((text.clone(), reported, reason)),
                }
            }
        }
        texts
    }

    fn warm(seed: u64) -> Sampling {
        Sampling { temperature: 1.0, seed: Some(seed), max_tokens: 200, ..Sampling::default() }
    }

    #[tokio::test]
    async fn forced_tokens_are_those_that_would_have_been_drawn() {
        let tiny = Tiny::new();
        let generator = generator(&tiny);
        let schema = json!({
            "type": "object",
            "properties": {"colour": {"enum": ["red", "green"]}, "count": {"type": "integer", "minimum": 1, "maximum": 99}},
            "required": ["colour", "count"],
            "additionalProperties": false,
        });
        for seed in 0..6 {
            let request = |log_probabilities| WriteRequest {
                prompt: Prompt::Text("A colour:".into()),
                sampling: Sampling { log_probabilities, ..warm(seed) },
                format: Format::JsonSchema { schema: schema.clone(), strict: true },
                texts: 2,
                ..WriteRequest::default()
            };
            let forced = written(&generator, request(None)).await;
            let drawn = written(&generator, request(Some(1))).await;
            for ((forced, unreported, reason), (drawn, reported, _)) in forced.iter().zip(&drawn) {
                assert_eq!(forced, drawn);
                // The tokens of this model are bytes.
                assert_eq!((*unreported, *reported, *reason), (0, drawn.len(), EndReason::Finished));
                let value = serde_json::from_str::<serde_json::Value>(forced).expect("JSON");
                assert!(value["count"].as_u64().is_some_and(|count| (1..=99).contains(&count)), "{value}");
            }
            assert_eq!((forced.len(), drawn.len()), (2, 2));
        }
    }

    #[tokio::test]
    async fn a_required_call_is_one() {
        let tiny = Tiny::new();
        let parameters = json!({"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"], "additionalProperties": false});
        let tool = |name: &str| Tool { name: name.into(), description: None, parameters: parameters.clone() };
        let request = WriteRequest {
            prompt: Prompt::Conversation {
                messages: vec![Message { role: "user".into(), content: "On<|im_end|>".into(), ..Message::default() }],
                tools: Vec::from(["lamp", "heater"].map(tool)),
                choice: ToolChoice::Required,
            },
            sampling: warm(1),
            ..WriteRequest::default()
        };
        // The instruction on tools is longer than the tiny model's context: it is told of none.
        let mut short = request.clone();
        if let Prompt::Conversation { choice, .. } = &mut short.prompt {
            *choice = ToolChoice::None;
        }
        let generator = generator(&tiny);
        assert!(matches!(generator.write(request.clone()).await, Err(GenerateError::PromptTooLong { .. })));
        let Prompt::Conversation { tools, .. } = &request.prompt else { panic!("it is one") };
        let format = tools::format(tools, &ToolChoice::Required).expect("tools").expect("forced");
        let (text, ..) = written(&generator, WriteRequest { format, ..short }).await.remove(0);
        let mut reader = ToolReader::new(["lamp".to_owned(), "heater".to_owned()]);
        let shown = reader.push(&text);
        let (rest, calls) = reader.finish();
        assert_eq!((shown.as_str(), rest.as_str(), calls.len()), ("", "", 1), "{text}");
    }

    #[tokio::test]
    async fn prompts_that_cannot_be_read_are_refused() {
        let mut tiny = Tiny::new();
        tiny.set("tokenizer.ggml.add_bos_token", Value::Bool(true));
        let generator = generator(&tiny);
        for prompt in [Prompt::Tokens(vec![]), Prompt::Tokens(vec![5, 9999])] {
            let request = WriteRequest { prompt, ..WriteRequest::default() };
            assert!(matches!(generator.write(request).await, Err(GenerateError::Prompt { .. })));
        }
        let begun = generator.read(Prompt::Text("<|im_start|>a".into())).expect("reads");
        assert_eq!(begun, generator.read(Prompt::Text("a".into())).expect("reads"), "begun once");
    }
}
