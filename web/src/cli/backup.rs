//! `backup`, `restore` and `migrate`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use terroir_store::{Contents, Manifest, Restore};

use super::client::Client;
use super::{maintenance, print_json};
use crate::config::Settings;
use crate::local::running_service;
use crate::local_key::LocalKey;

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where to write it; `-` for standard output
    file: PathBuf,
}

#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// What to copy the configured database into; a `postgres` database is named by `--database-url`
    #[arg(long)]
    to: DatabaseKind,
    #[arg(long, value_name = "URL", required_if_eq("to", "postgres"))]
    database_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DatabaseKind {
    Sqlite,
    Postgres,
}

pub fn back_up(settings: &Settings, arguments: &BackupArgs, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let bar =
        ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg} {bytes} {bytes_per_sec}")?);
    bar.set_message("backing up");
    if arguments.file == Path::new("-") {
        if std::io::stdout().is_terminal() {
            bail!("a backup is no text; send it to a file or a program");
        }
        client.download("/api/v1/backup", &mut bar.wrap_write(std::io::stdout().lock()))?;
        return Ok(());
    }
    let file = &arguments.file;
    if file.exists() {
        bail!("{} is there already; take another name, or remove it", file.display());
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // For nobody but the operator, and under its name only when it is whole.
    let mut part = tempfile::Builder::new().prefix(".terroir-backup").tempfile_in(folder)?;
    client.download("/api/v1/backup", &mut bar.wrap_write(part.as_file_mut()))?;
    part.as_file_mut().flush()?;
    part.as_file().sync_all()?;
    bar.set_message("reading it again");
    let (manifest, contents) = read_through(part.path())?;
    part.persist_noclobber(file).map_err(|error| error.error)?;
    bar.finish_and_clear();
    let bytes = fs_err::metadata(file)?.len();
    if json {
        return print_json(&json!({"file": file, "bytes": bytes, "manifest": manifest, "contents": contents}));
    }
    println!("{}: {}, {}", file.display(), HumanBytes(bytes), described(&contents));
    println!("settings, keys of this machine and models are not in it");
    Ok(())
}

fn read_through(file: &Path) -> anyhow::Result<(Manifest, Contents)> {
    let source = std::io::BufReader::new(fs_err::File::open(file)?);
    terroir_store::inspect(source).context("the backup broke off; the service's log says why")
}

fn described(contents: &Contents) -> String {
    let rows = |table: &str| contents.rows.get(table).copied().unwrap_or_default();
    let missing = match contents.missing_blobs {
        0 => String::new(),
        missing => format!("; {missing} originals were missing"),
    };
    format!(
        "{} documents, {} chunks, {} originals ({}), {} users, {} answers{missing}",
        contents.documents(),
        rows("chunks"),
        contents.blobs,
        HumanBytes(contents.blob_bytes),
        rows("users"),
        rows("answers"),
    )
}

/// Succeeds only if database and indexes agree afterwards.
pub fn restore(settings: &Settings, file: &Path, json: bool) -> anyhow::Result<ExitCode> {
    refuse_beside_a_service(settings)?;
    let source = fs_err::File::open(file)?;
    // It goes by twice: the first time to see that it is whole.
    let bar = ProgressBar::new(source.metadata()?.len());
    bar.set_style(ProgressStyle::with_template("restoring {wide_bar} {percent} % {eta}")?);
    let to = Restore {
        data_dir: settings.data_dir.clone(),
        originals_dir: settings.originals_dir(),
        database_url: settings.database_url(),
        place: LocalKey::open(&settings.data_dir)?.place(),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let source = std::io::BufReader::new(bar.wrap_read(source));
    let (manifest, contents) = terroir_store::restore(runtime.handle(), &to, source)?;
    bar.finish_and_clear();
    if json {
        print_json(&json!({"manifest": manifest, "contents": contents}))?;
    } else {
        println!("{}", described(&contents));
        eprintln!("building both indexes from the database …");
    }
    maintenance::doctor(settings, false, json)
}

/// Succeeds only if database and indexes agree afterwards.
pub fn migrate(settings: &Settings, arguments: &MigrateArgs, json: bool) -> anyhow::Result<ExitCode> {
    refuse_beside_a_service(settings)?;
    let (from, to) = (settings.database_url(), arguments.database_url.clone());
    let is_sqlite = arguments.to == DatabaseKind::Sqlite;
    if is_sqlite && (from.is_none() || to.is_some()) {
        bail!("`--to sqlite` moves from the PostgreSQL database of the settings (DATABASE_URL) into the data folder");
    }
    if to.is_some() && to == from {
        bail!("that is the database of the settings already");
    }
    let bar = ProgressBar::new_spinner().with_message("copying the database");
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let runtime = tokio::runtime::Runtime::new()?;
    let documents = runtime.block_on(terroir_store::migrate(&settings.data_dir, from.as_deref(), to.as_deref()))?;
    bar.finish_and_clear();
    let mut moved = settings.clone();
    moved.database.url = to.unwrap_or_default();
    if !json {
        println!("{documents} documents copied; the old database is as it was");
        eprintln!("building both indexes from the new database …");
    }
    let code = maintenance::doctor(&moved, false, json)?;
    if !json {
        let setting = if is_sqlite {
            "unset DATABASE_URL (database.url)"
        } else {
            "set DATABASE_URL (database.url) to the new database"
        };
        println!("{setting} before you start the service again");
    }
    Ok(code)
}

fn refuse_beside_a_service(settings: &Settings) -> anyhow::Result<()> {
    if let Some(address) = running_service(&settings.data_dir) {
        bail!("the service of this data folder runs at {address}; stop it, and every worker, first");
    }
    Ok(())
}
