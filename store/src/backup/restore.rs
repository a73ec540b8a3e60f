//! A backup back into an unused place, and one database into another.

use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;

use super::archive::{Part, inspect, read};
use super::target::{Target, unless_missing};
use super::{Contents, Manifest};
use crate::Result;
use crate::blobs::Blobs;
use crate::error::StoreError;
use crate::lock::FolderLock;
use crate::sql::rows::TABLES;
use crate::sql::{Database, schema_version};

/// Where a backup is put back.
#[derive(Debug, Clone)]
pub struct Restore {
    pub data_dir: PathBuf,
    pub originals_dir: PathBuf,
    /// Postgres; `SQLite` in `data_dir` if left out.
    pub database_url: Option<String>,
    /// The name of the data folder: sources that only the old one could see are this one's from now on.
    pub place: String,
}

/// Puts a backup where nothing is yet. It is read through first: nothing is done with one that is damaged. Until all
/// of it is in place, nothing can be seen of it, and if that cannot be, nothing stays of it. Blocking: not for an
/// async thread.
pub fn restore(runtime: &Handle, to: &Restore, mut source: impl Read + Seek) -> Result<(Manifest, Contents)> {
    inspect(&mut source)?;
    source.rewind()?;
    fs_err::create_dir_all(&to.data_dir)?;
    let _lock = FolderLock::take(&to.data_dir)?;
    let blobs = Blobs::open(to.originals_dir.clone())?;
    let mut added: BTreeSet<String> = BTreeSet::new();
    let restored = fill(runtime, to, source, &blobs, &mut added);
    if restored.is_err() {
        for sha256 in &added {
            blobs.remove(sha256)?;
        }
    }
    restored
}

fn fill(
    runtime: &Handle,
    to: &Restore,
    source: impl Read,
    blobs: &Blobs,
    added: &mut BTreeSet<String>,
) -> Result<(Manifest, Contents)> {
    let begin = |manifest: &Manifest| {
        if manifest.schema > schema_version() {
            return Err(StoreError::NewerBackup(manifest.terroir.clone()));
        }
        runtime.block_on(Target::open(&to.data_dir, to.database_url.as_deref(), manifest.schema))
    };
    let (mut target, manifest, contents) = read(source, begin, |target, part| match part {
        Part::Blob { sha256, content } => {
            let was_there = blobs.path(&sha256).exists();
            let blob = blobs.add(content)?;
            if !was_there {
                added.insert(blob.sha256.clone());
            }
            Ok(())
        }
        Part::Row { table, row } => runtime.block_on(target.insert(table, &row)),
    })?;
    // What was removed while the backup was made is not to come back.
    let needed: BTreeSet<String> = runtime.block_on(target.needed_blobs())?.into_iter().collect();
    for sha256 in added.difference(&needed) {
        blobs.remove(sha256)?;
    }
    runtime.block_on(target.move_sources(&manifest.place, &to.place))?;
    // They follow the new database from its first change.
    unless_missing(fs_err::remove_dir_all(to.data_dir.join("indexes")))?;
    runtime.block_on(target.finish())?;
    Ok((manifest, contents))
}

/// Copies the database of a data folder into another, unused one: `SQLite` in the data folder where a URL is left
/// out. Originals stay where they are, and the old database as it is. Gives the number of documents.
pub async fn migrate(data_dir: &Path, from: Option<&str>, to: Option<&str>) -> Result<u64> {
    let _lock = FolderLock::take(data_dir)?;
    let source = Database::open(data_dir, from).await?;
    let mut snapshot = source.snapshot().await?;
    let mut target = Target::open(data_dir, to, schema_version()).await?;
    let mut documents = 0;
    for table in TABLES {
        let rows = source.each_row(&mut snapshot, table, async |row| target.insert(table, &row).await).await?;
        if table == "documents" {
            documents = rows;
        }
    }
    snapshot.rollback().await?;
    unless_missing(fs_err::remove_dir_all(data_dir.join("indexes")))?;
    target.finish().await?;
    source.pool.close().await;
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde_json::json;

    use super::*;
    use crate::backup::FORMAT;
    use crate::backup::archive::ArchiveWriter;

    fn archive(schema: i64, rows: &[(&str, serde_json::Value)]) -> Vec<u8> {
        let manifest = Manifest {
            format: FORMAT,
            terroir: "0.0.9".into(),
            schema,
            created_at_ms: 1_700_000_000_000,
            place: "old".into(),
        };
        let mut file = Vec::new();
        let mut archive = ArchiveWriter::begin(&mut file, &manifest).unwrap();
        let mut contents = Contents::default();
        for (table, row) in rows {
            let mut part = archive.table(table);
            part.add(row.as_object().unwrap()).unwrap();
            part.finish().unwrap();
            *contents.rows.entry((*table).to_owned()).or_default() += 1;
        }
        archive.finish(&contents).unwrap();
        file
    }

    fn place(folder: &Path) -> Restore {
        Restore {
            data_dir: folder.to_owned(),
            originals_dir: folder.join("blobs"),
            database_url: None,
            place: "new".into(),
        }
    }

    /// The tables of an older program become those of this one, as if the program had been updated beside them.
    #[test]
    fn a_backup_of_an_older_schema_goes_through_the_migrations_since() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let job = |id: i64, state: &str| {
            let job = json!({"id": id, "document_id": "d", "generation": 1, "sha256": "s", "file_name": "f",
                "state": state, "priority": 0, "attempt": 0, "run_after": 0, "created_at": 0});
            ("jobs", job)
        };
        let file = archive(1, &[job(1, "queued"), job(2, "cancelled")]);
        restore(runtime.handle(), &place(folder.path()), Cursor::new(file)).unwrap();
        let kept = runtime.block_on(async {
            let database = Database::open(folder.path(), None).await.unwrap();
            let mut snapshot = database.snapshot().await.unwrap();
            let mut kept = Vec::new();
            let keep = async |row| {
                kept.push(row);
                Ok(())
            };
            database.each_row(&mut snapshot, "jobs", keep).await.unwrap();
            kept
        });
        // The second migration deletes cancelled jobs, and gives jobs a turn.
        assert_eq!(kept.len(), 1);
        assert_eq!((&kept[0]["id"], &kept[0]["turn"]), (&json!(1), &json!(0)));
    }

    #[test]
    fn a_backup_of_a_newer_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let file = archive(schema_version() + 1, &[]);
        let refused = restore(runtime.handle(), &place(folder.path()), Cursor::new(file)).unwrap_err();
        assert!(matches!(&refused, StoreError::NewerBackup(version) if version == "0.0.9"), "{refused}");
    }
}
