//! Files inside files: attachments and members of archives, parsed like any file and put under a heading.

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, Warning};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::package::FREE_BYTES;
use crate::parse::parse_enclosed;

/// Archives in messages in archives: deeper ones are made to do harm.
const MAX_DEPTH: u32 = 6;
/// Later ones say nothing new.
const MAX_WARNINGS: usize = 100;

/// Where among files inside files a parse is, and what it may still cost.
#[derive(Debug)]
pub(crate) struct Enclosure<'a> {
    pub(crate) limits: &'a Limits,
    depth: u32,
    left_bytes: u64,
    left_entries: u64,
    /// Why the first file inside that could not be read was not.
    first_refusal: Option<ParseError>,
}

impl<'a> Enclosure<'a> {
    /// The place of a file that lies in no other.
    pub(crate) fn outermost(limits: &'a Limits) -> Self {
        Self {
            limits,
            depth: 0,
            left_bytes: limits.max_expanded_bytes,
            left_entries: limits.max_entries,
            first_refusal: None,
        }
    }

    /// Limits for what unpacks something of the file at hand by itself.
    pub(crate) fn left(&self) -> Limits {
        Limits { max_expanded_bytes: self.left_bytes, ..self.limits.clone() }
    }

    /// Parses a file inside the one at hand; its blocks stand under a heading of `level` with its name. What
    /// cannot be read becomes a warning, and the rest goes on.
    pub(crate) fn read(
        &mut self,
        level: u8,
        name: &str,
        bytes: &[u8],
        builder: &mut BlockBuilder,
        warnings: &mut Vec<Warning>,
    ) {
        let name = if name.trim().is_empty() { "unnamed" } else { name.trim() };
        match self.parse(name, bytes, builder, level) {
            Ok(inner) => {
                for warning in inner {
                    add(warnings, about(name, &warning.code, &warning.message));
                }
            }
            Err(error) => self.refuse(name, error, warnings),
        }
    }

    /// Says that a file inside the one at hand could not be read.
    pub(crate) fn refuse(&mut self, name: &str, error: ParseError, warnings: &mut Vec<Warning>) {
        add(warnings, about(name, "unread_file", &format!("{error}; {}", error.hint())));
        self.first_refusal.get_or_insert(error);
    }

    /// Why there is nothing, where nothing could be read.
    pub(crate) fn first_refusal(&mut self) -> Option<ParseError> {
        self.first_refusal.take()
    }

    fn parse(
        &mut self,
        name: &str,
        bytes: &[u8],
        builder: &mut BlockBuilder,
        level: u8,
    ) -> Result<Vec<Warning>, ParseError> {
        let max_depth = self.limits.max_nesting.min(MAX_DEPTH);
        if self.depth >= max_depth {
            return Err(ParseError::limit("files inside one another", max_depth.into()));
        }
        self.left_entries = self
            .left_entries
            .checked_sub(1)
            .ok_or_else(|| ParseError::limit("files inside a file", self.limits.max_entries))?;
        self.spend(bytes.len() as u64)?;
        let limits = self.left();
        let mut inner = Enclosure {
            limits: &limits,
            depth: self.depth + 1,
            left_bytes: self.left_bytes,
            left_entries: self.left_entries,
            first_refusal: None,
        };
        let parsed = parse_enclosed(bytes, Some(name), &mut inner);
        (self.left_bytes, self.left_entries) = (inner.left_bytes, inner.left_entries);
        if let Err(ParseError::LimitExceeded { .. }) = &parsed {
            self.charge(FREE_BYTES);
        }
        let document = parsed?;
        // What a file inside unpacked cannot be seen from here, but what it became can.
        self.spend(document.blocks.iter().map(|block| block.text.len() as u64).sum())?;
        builder.push(BlockKind::Heading { level }, name);
        builder.append(document.blocks);
        Ok(document.warnings)
    }

    /// Counts what was unpacked in vain: a thousand bombs that are refused are still a bomb.
    pub(crate) fn charge(&mut self, bytes: u64) {
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
    }

    fn spend(&mut self, bytes: u64) -> Result<(), ParseError> {
        self.left_bytes = self
            .left_bytes
            .checked_sub(bytes)
            .ok_or_else(|| ParseError::limit("expanded bytes", self.limits.max_expanded_bytes))?;
        Ok(())
    }
}

fn add(warnings: &mut Vec<Warning>, warning: Warning) {
    if warnings.len() < MAX_WARNINGS {
        warnings.push(warning);
    } else if warnings.len() == MAX_WARNINGS {
        warnings.push(Warning::new("more_warnings", "there is more that could not be read", None));
    }
}

fn about(name: &str, code: &str, message: &str) -> Warning {
    Warning { code: code.to_owned().into(), message: format!("{name}: {message}"), page: None }
}
