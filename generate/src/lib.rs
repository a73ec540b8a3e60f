//! Question and passages become an answer in which every statement carries a verified quote.
//!
//! ```text
//! ModelFiles ─ Weights ─▶ Llama, Tokens, ChatTemplate ─ Generator (one thread, bounded queue)
//! question + passages ─ Answerer ─▶ select | compose ─▶ verify ─▶ AnswerEvent…
//! ```
//!
//! Start with [`Answerer::answer`]; [`Generator::write`] is the model by itself, without passages.

mod abstain;
mod answer;
mod backend;
pub mod bench;
#[cfg(test)]
mod calibrate;
mod compose;
mod compute;
mod constraint;
mod conversation;
mod engine;
mod error;
mod event;
mod evidence;
#[cfg(any(test, feature = "cuda"))]
mod gpu;
mod llama;
mod prompt;
mod propose;
mod sampling;
mod select;
mod sentence;
mod template;
#[cfg(test)]
mod tiny;
mod tokens;
mod tools;
mod verify;
mod weights;
mod words;
mod write;

pub use answer::Answerer;
pub use constraint::Format;
pub use conversation::standalone;
pub use engine::{Device, EndReason, Generator, GeneratorOptions, Piece, WrittenToken};
pub use error::GenerateError;
pub use event::{AnswerEvent, AnswerRequest, Citation, Outcome, Passage, Style, Timings, Usage};
pub use propose::ProposedQuestion;
pub use sampling::{MAX_ALTERNATIVES, Sampling};
pub use tools::{Tool, ToolCall, ToolChoice, ToolReader};
pub use write::{Message, Prompt, WriteRequest};
