//! `models`: the files of the models, checked against the catalogue. `pull` is the only command that
//! downloads a model, and the feature that holds it can be left out of a build.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use terroir_embed::ModelStore;

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
