//! How much a document may cost before its parser gives up.

use serde::{Deserialize, Serialize};

/// Bounds on one parse. A file that crosses one of them ends with
/// [`ParseError::LimitExceeded`](crate::error::ParseError::LimitExceeded) or a neighbour of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Size of the file as it comes.
    pub max_bytes: u64,
    pub max_pages: u32,
    /// Depth of anything that can contain itself: page trees, forms, elements, lists.
    pub max_nesting: u32,
    /// Bytes after decompression, over the whole file.
    pub max_expanded_bytes: u64,
    /// Files in an archive, and attachments of a message, over all that lie inside one another.
    pub max_entries: u64,
    /// Rows of tables that are read from one file of data; those after them are left out with a warning.
    pub max_rows: u64,
    /// Address space of the process that parses.
    pub max_memory_bytes: u64,
    pub max_cpu_seconds: u64,
    pub max_wall_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 512 << 20,
            max_pages: 20_000,
            max_nesting: 64,
            max_expanded_bytes: 1 << 30,
            max_entries: 10_000,
            max_rows: 200_000,
            max_memory_bytes: 2 << 30,
            max_cpu_seconds: 120,
            max_wall_seconds: 300,
        }
    }
}
