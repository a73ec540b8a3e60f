//! Texts held to a grammar, by llguidance: an Earley parser over lexemes, with a lexer of derivatives.

use std::panic::{AssertUnwindSafe, catch_unwind};

use llguidance::Matcher;
use llguidance::api::TopLevelGrammar;

use super::format::{Format, fault, with_options};
use super::{TokenSet, Vocabulary};
use crate::error::{GenerateError, Result};

#[derive(Clone)]
pub(crate) struct Grammar {
    matcher: Matcher,
    allowed: TokenSet,
}

impl Grammar {
    pub(super) fn new(vocabulary: &Vocabulary, format: &Format) -> Result<Self> {
        let refuse = |reason: String| GenerateError::Format { reason };
        let matcher = match format {
            Format::JsonObject => {
                let object = serde_json::json!({"type": "object"});
                compile(vocabulary, json_grammar(&object, true)).map_err(refuse)?
            }
            Format::JsonSchema { schema, strict } => {
                compile(vocabulary, json_grammar(schema, *strict)).map_err(|reason| {
                    let compiles = |part: &_| compile(vocabulary, json_grammar(part, *strict)).is_ok();
                    let place = fault(schema, compiles);
                    refuse(if place.is_empty() { reason } else { format!("at {place}: {reason}") })
                })?
            }
            Format::Regex(pattern) => {
                // llguidance reads patterns inside a grammar of its own: this one speaks of the pattern alone.
                regex_syntax::parse(pattern).map_err(|error| refuse(single_line(&error.to_string())))?;
                compile(vocabulary, TopLevelGrammar::from_regex(pattern)).map_err(refuse)?
            }
            Format::Text | Format::Quotes(_) => return Err(refuse("it has no grammar".to_owned())),
        };
        Ok(Self { matcher, allowed: TokenSet::new() })
    }

    pub(super) fn allowed(&mut self) -> Result<&TokenSet> {
        self.allowed = self.matcher.compute_mask_or_eos().map_err(|error| broken(&error))?;
        Ok(&self.allowed)
    }

    pub(super) fn accept(&mut self, token: u32) -> Result<()> {
        if self.matcher.is_stopped() && !self.matcher.is_error() {
            return Ok(());
        }
        self.matcher.consume_token(token).map_err(|error| broken(&error))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.matcher.is_stopped()
    }

    pub(super) fn forced(&mut self) -> Vec<u32> {
        if self.matcher.is_stopped() { Vec::new() } else { self.matcher.compute_ff_tokens() }
    }
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Grammar").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

fn json_grammar(schema: &serde_json::Value, strict: bool) -> TopLevelGrammar {
    TopLevelGrammar::from_json_schema(with_options(schema, strict))
}

/// A panic of the library on a strange grammar refuses that grammar, and nothing else.
fn compile(vocabulary: &Vocabulary, grammar: TopLevelGrammar) -> std::result::Result<Matcher, String> {
    let parser = catch_unwind(AssertUnwindSafe(|| vocabulary.factory().create_parser(grammar)));
    let parser = parser.map_err(|_| "it cannot be compiled".to_owned())?;
    let parser = parser.map_err(|error| single_line(&error.to_string()))?;
    let matcher = Matcher::new(Ok(parser));
    match matcher.get_error() {
        Some(error) => Err(single_line(&error)),
        None => Ok(matcher),
    }
}

/// The library explains itself over several lines, some of them its own marks.
fn single_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('<'));
    let text = lines.collect::<Vec<_>>().join("; ");
    text.chars().take(300).collect()
}

fn broken(error: &impl std::fmt::Display) -> GenerateError {
    GenerateError::Constraint { reason: single_line(&error.to_string()) }
}
