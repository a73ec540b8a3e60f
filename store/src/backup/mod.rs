//! Everything that is kept, as one file: the rows of every table as they were at one moment, and the originals that
//! they name. Indexes are not in it: they are built from the rows, vectors included, without the model.
//!
//! ```text
//! back_up ─▶ archive (tar, zstd): manifest.json, blobs/HASH …, tables/NAME/NUMBER.jsonl …, end.json
//! archive ─ restore ─▶ an unused data folder or database, whichever database the backup was made from
//! database ─ migrate ─▶ the other kind of database
//! ```
//!
//! A backup is made while everything goes on. Originals are copied first, since they take longest and never change;
//! then one transaction sees all tables in one state, and originals that came meanwhile are added.

mod archive;
mod restore;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::archive::ArchiveWriter;
pub use self::archive::inspect;
pub use self::restore::{Restore, migrate, restore};
use crate::Result;
use crate::sql::rows::TABLES;
use crate::sql::{Database, Transaction, schema_version};
use crate::store::Store;

/// Of the archive; a program reads its own format and older ones.
const FORMAT: u32 = 1;
/// Originals may vanish between the look at the tables and the copying. Where they do so again and again, those that
/// are still missing are missing indeed.
const MAX_LOOKS: usize = 5;

/// What stands at the head of an archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Of the program that wrote it.
    pub terroir: String,
    /// The last migration of its tables.
    pub schema: i64,
    pub created_at_ms: i64,
    /// The data folder it comes from, by a name that says nothing else about it.
    pub place: String,
}

/// What stands at its end: an archive without it is cut off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Rows of each table that has any.
    pub rows: BTreeMap<String, u64>,
    pub blobs: u64,
    pub blob_bytes: u64,
    /// Originals that the tables name and that are not kept.
    pub missing_blobs: u64,
}

impl Contents {
    pub fn documents(&self) -> u64 {
        self.rows.get("documents").copied().unwrap_or_default()
    }
}

impl Store {
    /// Writes a backup. Blocking, but for the database: call it where waiting harms nobody.
    pub async fn back_up(&self, place: &str, sink: impl Write) -> Result<Contents> {
        let id = Uuid::now_v7().to_string();
        let created_at_ms = self.database.begin_backup(&id).await?;
        let manifest = Manifest {
            format: FORMAT,
            terroir: env!("CARGO_PKG_VERSION").to_owned(),
            schema: schema_version(),
            created_at_ms,
            place: place.to_owned(),
        };
        let mut archive = ArchiveWriter::begin(sink, &manifest)?;
        let mut contents = Contents::default();
        let mut snapshot = self.add_blobs(&mut archive, &mut contents).await?;
        for table in TABLES {
            let rows = add_table(&self.database, &mut snapshot, &mut archive, table).await?;
            if rows > 0 {
                contents.rows.insert(table.to_owned(), rows);
            }
        }
        snapshot.rollback().await?;
        let bytes = archive.finish(&contents)?;
        self.database.end_backup(&id, bytes, contents.documents()).await?;
        Ok(contents)
    }

    /// Originals, until a snapshot of the tables names none that could still be added; that snapshot.
    async fn add_blobs<W: Write>(
        &self,
        archive: &mut ArchiveWriter<W>,
        contents: &mut Contents,
    ) -> Result<Transaction> {
        let mut added: BTreeSet<String> = BTreeSet::new();
        let mut missing: BTreeSet<String> = BTreeSet::new();
        for look in 1.. {
            let mut snapshot = self.database.snapshot().await?;
            let needed = self.database.needed_blobs(&mut snapshot).await?;
            let (mut copied, mut vanished) = (0_u64, BTreeSet::new());
            for sha256 in needed {
                if added.contains(&sha256) {
                    continue;
                }
                match archive.blob(&sha256, &self.blobs.path(&sha256))? {
                    Some(bytes) => {
                        (contents.blobs, contents.blob_bytes) = (contents.blobs + 1, contents.blob_bytes + bytes);
                        added.insert(sha256);
                        copied += 1;
                    }
                    None => {
                        vanished.insert(sha256);
                    }
                }
            }
            // The first look takes as long as the copying does: its snapshot is old by now.
            let is_settled = vanished == missing && (look > 1 || copied == 0);
            if is_settled || look == MAX_LOOKS {
                contents.missing_blobs = vanished.len() as u64;
                return Ok(snapshot);
            }
            missing = vanished;
            snapshot.rollback().await?;
        }
        unreachable!("the last look returns")
    }
}

async fn add_table<W: Write>(
    database: &Database,
    snapshot: &mut Transaction,
    archive: &mut ArchiveWriter<W>,
    table: &str,
) -> Result<u64> {
    let mut part = archive.table(table);
    let rows = database.each_row(snapshot, table, async |row| part.add(&row)).await?;
    part.finish()?;
    Ok(rows)
}
