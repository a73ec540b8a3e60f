//! A database that is filled from elsewhere: all of it, or nothing.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::error::StoreError;
use crate::sql::rows::TableRow;
use crate::sql::{Database, Transaction};

const FILE: &str = "terroir.sqlite";
/// Where a database file is filled; it takes its place when it is whole.
const STAGING: &str = "restoring";

pub struct Target {
    database: Database,
    pub transaction: Transaction,
    /// A database file: where it is, and where it is to be.
    staged: Option<(PathBuf, PathBuf)>,
}

impl Target {
    /// An unused database, with the tables as they were after the migration `schema`.
    pub async fn open(data_dir: &Path, url: Option<&str>, schema: i64) -> Result<Self> {
        let mut staged = None;
        let database = if let Some(url) = url {
            Database::open_at(data_dir, Some(url), schema).await?
        } else {
            let (folder, place) = (data_dir.join(STAGING), data_dir.join(FILE));
            if place.exists() && !is_unused(data_dir).await? {
                return Err(StoreError::NotUnused);
            }
            // What an attempt left behind that was broken off.
            unless_missing(fs_err::remove_dir_all(&folder))?;
            fs_err::create_dir_all(&folder)?;
            staged = Some((folder.clone(), place));
            Database::open_at(&folder, None, schema).await?
        };
        let mut transaction = database.begin().await?;
        if !database.is_unused(&mut transaction).await? {
            return Err(StoreError::NotUnused);
        }
        database.empty_tables(&mut transaction).await?;
        Ok(Self { database, transaction, staged })
    }

    pub async fn insert(&mut self, table: &str, row: &TableRow) -> Result<()> {
        self.database.insert_row(&mut self.transaction, table, row).await
    }

    pub async fn move_sources(&mut self, from: &str, to: &str) -> Result<()> {
        self.database.move_sources(&mut self.transaction, from, to).await
    }

    pub async fn needed_blobs(&mut self) -> Result<Vec<String>> {
        self.database.needed_blobs(&mut self.transaction).await
    }

    /// Makes it the database: from here on it is there.
    pub async fn finish(mut self) -> Result<()> {
        self.database.count_on(&mut self.transaction).await?;
        self.transaction.commit().await?;
        // Closing a database file writes what is still beside it into it.
        self.database.pool.close().await;
        if let Some((folder, place)) = self.staged {
            // What is beside an old database must not be taken for the new one's.
            for beside in ["-wal", "-shm"] {
                unless_missing(fs_err::remove_file(place.with_file_name(format!("{FILE}{beside}"))))?;
            }
            fs_err::File::open(folder.join(FILE))?.sync_all()?;
            fs_err::rename(folder.join(FILE), place)?;
            fs_err::remove_dir_all(folder)?;
        }
        Ok(())
    }
}

async fn is_unused(data_dir: &Path) -> Result<bool> {
    let database = Database::open(data_dir, None).await?;
    let mut transaction = database.begin().await?;
    let unused = database.is_unused(&mut transaction).await?;
    transaction.rollback().await?;
    database.pool.close().await;
    Ok(unused)
}

/// What was to be removed and is not there is as good.
pub fn unless_missing(removed: std::io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
