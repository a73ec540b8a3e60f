//! Every SQL statement of the product, one file per table. The statements are the same on `SQLite` and
//! Postgres; where a database must do something of its own, a function here says which.

pub mod access;
pub mod answers;
pub mod backups;
pub mod changes;
pub mod checkpoints;
pub mod chunks;
pub mod collections;
pub mod documents;
pub mod evaluation_questions;
pub mod index_sets;
pub mod jobs;
pub mod lanes;
pub mod lexicons;
pub mod overview;
pub mod properties;
pub mod receipts;
pub mod revisions;
pub mod rows;
pub mod source_items;
pub mod sources;
pub mod syncs;
pub mod traces;
pub mod users;
pub mod visible;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::any::{AnyPoolOptions, AnyRow, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyPool, Executor as _, Row as _};

use crate::Result;
use crate::error::StoreError;

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// A transaction that is under way.
pub type Transaction = sqlx::Transaction<'static, Any>;

/// The last migration of this program. Both databases have the same ones.
pub fn schema_version() -> i64 {
    SQLITE.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The truth. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pub pool: AnyPool,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Database {
    /// Connects and brings the schema up to date.
    pub async fn open(data_dir: &Path, url: Option<&str>) -> Result<Self> {
        let database = Self::connect(data_dir, url).await?;
        database.migrations().run(&database.pool).await?;
        Ok(database)
    }

    /// Connects and brings the schema to what it was after a given migration. One that is further on is refused:
    /// migrations only go forward.
    pub async fn open_at(data_dir: &Path, url: Option<&str>, version: i64) -> Result<Self> {
        let database = Self::connect(data_dir, url).await?;
        if database.version().await?.is_some_and(|applied| applied > version) {
            return Err(StoreError::NotUnused);
        }
        database.migrations().run_to(version, &database.pool).await?;
        Ok(database)
    }

    /// Connects to a database that is there already, and leaves its schema as it is.
    pub async fn look_into(data_dir: &Path, url: Option<&str>) -> Result<Option<Self>> {
        if url.is_none() && !file_in(data_dir).exists() {
            return Ok(None);
        }
        Self::connect(data_dir, url).await.map(Some)
    }

    async fn connect(data_dir: &Path, url: Option<&str>) -> Result<Self> {
        install_default_drivers();
        let file = file_in(data_dir);
        let (url, kind) = match url {
            Some(url) => (url.to_owned(), Kind::Postgres),
            None => (format!("sqlite://{}?mode=rwc", file.display()), Kind::Sqlite),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(30))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if kind == Kind::Sqlite {
                        // WAL with synchronous=normal survives a crash of the process; a loss of power may
                        // undo the last transactions, and never damages the file. What is deleted is
                        // overwritten: a file that somebody else gets to see holds nothing that went.
                        // What is read is read through a map of the file, as far as SQLite maps one: a search
                        // looks hundreds of rows up, and most of its time was system calls.
                        connection
                            .execute(
                                "pragma journal_mode = wal; pragma synchronous = normal; \
                                 pragma busy_timeout = 20000; pragma foreign_keys = on; pragma secure_delete = on; \
                                 pragma mmap_size = 2147418112",
                            )
                            .await?;
                    }
                    Ok(())
                })
            })
            .connect(&url)
            .await?;
        Ok(Self { pool, kind })
    }

    fn migrations(&self) -> &'static Migrator {
        match self.kind {
            Kind::Sqlite => &SQLITE,
            Kind::Postgres => &POSTGRES,
        }
    }

    /// The last migration that the database has had.
    async fn version(&self) -> Result<Option<i64>> {
        if !self.has_table("_sqlx_migrations").await? {
            return Ok(None);
        }
        let row = sqlx::query("select max(version) from _sqlx_migrations").fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// Asked for before a table is read that may not be there: in `PostgreSQL` a failed statement is written to the
    /// server's log.
    async fn has_table(&self, name: &str) -> Result<bool> {
        let known = match self.kind {
            Kind::Sqlite => "select 1 from sqlite_master where name = $1",
            Kind::Postgres => {
                "select 1 from pg_tables where tablename = $1 and schemaname = any(current_schemas(false)::text[])"
            }
        };
        Ok(sqlx::query(known).bind(name).fetch_optional(&self.pool).await?.is_some())
    }

    pub fn is_shared(&self) -> bool {
        self.kind == Kind::Postgres
    }

    /// A transaction that will write. `SQLite` takes its write lock now: taken later, it could fail.
    pub async fn begin(&self) -> Result<Transaction> {
        Ok(match self.kind {
            Kind::Sqlite => self.pool.begin_with("begin immediate").await?,
            Kind::Postgres => self.pool.begin().await?,
        })
    }

    /// Rows that others hold are passed over, where several processes share the database.
    fn skip_locked(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "",
            Kind::Postgres => "for update skip locked",
        }
    }

    /// Rows that are read stay as they are until the transaction ends. `SQLite` lets one write at a time anyway.
    fn share(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "",
            Kind::Postgres => "for key share",
        }
    }

    /// The function that says where in a text, from 1, another one begins.
    fn position(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "instr",
            Kind::Postgres => "strpos",
        }
    }

    /// Rows that are read are nobody else's until the transaction ends.
    fn alone(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "",
            Kind::Postgres => "for update",
        }
    }

    /// Brings `SQLite`'s log into its file and empties it, so that the pages of before are nowhere any more. False if
    /// others read it for too long, and on Postgres, whose files are its own business.
    pub async fn empty_log(&self) -> Result<bool> {
        if self.kind == Kind::Postgres {
            return Ok(false);
        }
        let mut connection = self.pool.acquire().await?;
        // Nobody can write while it waits for those who read.
        connection.execute("pragma busy_timeout = 2000").await?;
        let row = connection.fetch_one("pragma wal_checkpoint(truncate)").await;
        connection.execute("pragma busy_timeout = 20000").await?;
        let row = row?;
        let (busy, left): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok(busy == 0 && left == 0)
    }

    /// Lets only one transaction at a time go on with the same text, until it ends. `SQLite` lets one write at a time
    /// anyway.
    pub(crate) async fn take_turns(&self, transaction: &mut Transaction, text: &str) -> Result<()> {
        if self.kind == Kind::Postgres {
            let statement = "select pg_advisory_xact_lock(hashtextextended($1, 7305809))";
            sqlx::query(statement).bind(text.to_owned()).execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// Lets only one transaction at a time add to `changes`, until it ends: the order of the sequence is
    /// then the order in which changes become visible, and a follower can't miss one.
    pub(crate) async fn order_changes(&self, transaction: &mut Transaction) -> Result<()> {
        if self.kind == Kind::Postgres {
            sqlx::query("select pg_advisory_xact_lock(7305809)").execute(&mut **transaction).await?;
        }
        Ok(())
    }

    pub async fn ping(&self) -> Result<()> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Drawn when the database is made; no other database has it.
    pub async fn id(&self) -> Result<String> {
        self.meta_or_set("database_id", &uuid::Uuid::new_v4().simple().to_string()).await
    }

    /// What a person's name is hashed with on a receipt. It goes along where the database is restored or moved.
    pub async fn receipt_salt(&self) -> Result<String> {
        self.meta_or_set("receipt_salt", &uuid::Uuid::new_v4().simple().to_string()).await
    }

    /// The value kept under `key`; keeps `value` if there is none yet.
    pub async fn meta_or_set(&self, key: &str, value: &str) -> Result<String> {
        sqlx::query("insert into meta (key, value) values ($1, $2) on conflict (key) do nothing")
            .bind(key)
            .bind(value)
            .execute(&self.pool)
            .await?;
        let row = sqlx::query("select value from meta where key = $1").bind(key).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }
}

fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("terroir.sqlite")
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// An id out of a text column.
fn id<T: std::str::FromStr<Err = uuid::Error>>(row: &AnyRow, column: &str) -> Result<T> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error| StoreError::damaged("id", error))
}

/// `$2, $3, $4`: numbered by hand, since a query builder for both databases writes `?`, which Postgres does not know.
fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}
