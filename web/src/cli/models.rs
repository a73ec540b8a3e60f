//! `models`: the files of the models, checked against the catalogue. `pull` is the only command that
//! downloads a model, and the feature that holds it can be left out of a build.

#[cfg(feature = "pull")]
use std::io::Read as _;
use std::path::PathBuf;

#[cfg(feature = "pull")]
use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use terroir_embed::{ModelState, ModelStore};

use super::print_json;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the models of the catalogue and those imported
    List,
    /// Check a file, folder or package, and keep its model
    Import {
        path: PathBuf,
        /// Keep weights that the catalogue does not know; their passport will say so
        #[arg(long)]
        accept_unknown: bool,
    },
    /// Download a model of the catalogue
    Pull { name: String },
    /// Hash the files again and compare them with the catalogue
    Verify { name: Option<String> },
}

pub fn models(settings: &Settings, command: &ModelsCommand, json: bool) -> anyhow::Result<()> {
    let store = ModelStore::open(&settings.models_dir())?;
    match command {
        ModelsCommand::List => list(&store, json),
        ModelsCommand::Import { path, accept_unknown } => {
            let passport = store.import(path, *accept_unknown)?;
            if json {
                return print_json(&passport);
            }
            println!("imported {} ({}, sha256 {})", passport.name, passport.licence, passport.sha256);
            Ok(())
        }
        ModelsCommand::Pull { name } => pull(&store, settings, name, json),
        ModelsCommand::Verify { name } => verify(&store, name.as_deref(), json),
    }
}

fn list(store: &ModelStore, json: bool) -> anyhow::Result<()> {
    let entries = store.list();
    if json {
        return print_json(&json!({"items": entries}));
    }
    for entry in entries {
        println!("{:<28} {:<9} {:?}", entry.name, entry.role, entry.state);
    }
    Ok(())
}

fn verify(store: &ModelStore, name: Option<&str>, json: bool) -> anyhow::Result<()> {
    let names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        None => store
            .list()
            .into_iter()
            .filter(|entry| entry.state != ModelState::Missing)
            .map(|entry| entry.name)
            .collect(),
    };
    let mut verified = Vec::new();
    for name in names {
        let passport = store.verify(&name)?;
        if !json {
            println!("{name}: sha256 {} as in its passport", passport.sha256);
        }
        verified.push(passport);
    }
    if json {
        return print_json(&json!({"items": verified}));
    }
    Ok(())
}

/// Brings the files of a catalogue model from the hub into a temporary folder, and imports that.
#[cfg(feature = "pull")]
fn pull(store: &ModelStore, settings: &Settings, name: &str, json: bool) -> anyhow::Result<()> {
    let model = store
        .catalogue()
        .model(name)
        .with_context(|| format!("the catalogue has no model {name}; `terroir models list` shows what it has"))?;
    let folder = tempfile::tempdir()?;
    for file in &model.files {
        let url = format!("{}/{}/resolve/main/{}", settings.models.hub.trim_end_matches('/'), model.source, file.name);
        let bytes = fetch(&url, file.bytes)?;
        let path = folder.path().join(&file.name);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(&path, bytes)?;
    }
    let passport = store.import(folder.path(), false)?;
    if json {
        return print_json(&passport);
    }
    println!("pulled {} (sha256 {})", passport.name, passport.sha256);
    Ok(())
}

#[cfg(not(feature = "pull"))]
fn pull(_: &ModelStore, _: &Settings, name: &str, _: bool) -> anyhow::Result<()> {
    anyhow::bail!("this build cannot download; bring the files of {name} here and use `terroir models import PATH`")
}

/// Reads an address that a person typed, up to `max_bytes`, with a progress bar.
#[cfg(feature = "pull")]
pub fn fetch(url: &str, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let response = ureq::get(url).call().with_context(|| format!("fetching {url}"))?;
    let length = response.body().content_length().unwrap_or(0);
    let bar = indicatif::ProgressBar::new(length);
    bar.set_style(indicatif::ProgressStyle::with_template("{wide_msg} {bytes}/{total_bytes} {eta}")?);
    bar.set_message(url.to_owned());
    let reader = response.into_body().into_with_config().limit(max_bytes.saturating_add(1)).reader();
    let mut bytes = Vec::new();
    bar.wrap_read(reader).read_to_end(&mut bytes).with_context(|| format!("fetching {url}"))?;
    bar.finish_and_clear();
    anyhow::ensure!(bytes.len() as u64 <= max_bytes, "{url} is longer than {max_bytes} bytes");
    Ok(bytes)
}

#[cfg(not(feature = "pull"))]
pub fn fetch(url: &str, _: u64) -> anyhow::Result<Vec<u8>> {
    anyhow::bail!("this build cannot fetch {url}: it was made without network access")
}
