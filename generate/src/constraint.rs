//! What a text may be: before every token, the set of tokens that lead to an allowed text.
//!
//! ```text
//! Format ─ Constraint::new ─▶ allowed ─▶ Sampler ─▶ accept ─▶ allowed … ─▶ is_finished
//! ```
//!
//! Grammars (JSON, JSON Schema, regular expressions) are llguidance's; quotes are [`Quotes`]' own.

mod format;
mod grammar;
mod quotes;
mod vocabulary;
#[cfg(test)]
mod walks;

use llguidance::toktrie::SimpleVob;

pub use self::format::Format;
use self::grammar::Grammar;
use self::quotes::Quotes;
pub(crate) use self::vocabulary::Vocabulary;
use crate::error::Result;

/// A bit for every token of the vocabulary.
pub(crate) type TokenSet = SimpleVob;

/// The state of one text under its constraint.
#[derive(Debug, Clone)]
pub(crate) enum Constraint {
    Grammar(Box<Grammar>),
    Quotes(Box<Quotes>),
}

impl Constraint {
    /// None where the format leaves the text free. Takes milliseconds, for large schemas up to some hundred.
    pub(crate) fn new(vocabulary: &Vocabulary, format: &Format) -> Result<Option<Self>> {
        Ok(match format {
            Format::Text => None,
            Format::Quotes(passages) => Some(Self::Quotes(Box::new(Quotes::new(vocabulary, passages)))),
            other => Some(Self::Grammar(Box::new(Grammar::new(vocabulary, other)?))),
        })
    }

    /// Tokens that may come next; end tokens are among them where the text may end. Never empty.
    pub(crate) fn allowed(&mut self) -> Result<&TokenSet> {
        match self {
            Self::Grammar(grammar) => grammar.allowed(),
            Self::Quotes(quotes) => quotes.allowed(),
        }
    }

    /// Goes on by a token that was allowed.
    pub(crate) fn accept(&mut self, token: u32) -> Result<()> {
        match self {
            Self::Grammar(grammar) => grammar.accept(token),
            Self::Quotes(quotes) => quotes.accept(token),
        }
    }

    /// Nothing may follow any more.
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Grammar(grammar) => grammar.is_finished(),
            Self::Quotes(quotes) => quotes.is_finished(),
        }
    }

    /// Tokens that must come next, whatever the model says: an engine can read them as a batch. Each still
    /// has to be accepted.
    pub(crate) fn forced(&mut self) -> Vec<u32> {
        match self {
            Self::Grammar(grammar) => grammar.forced(),
            Self::Quotes(_) => Vec::new(),
        }
    }
}
