//! `users`, `keys`, `readers` and `why`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, encoded};
use super::print_json;
use super::receipts::tell;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// List users and their groups
    List,
    /// Make a user, or put one into these groups and no others
    Set {
        name: String,
        /// May be repeated
        #[arg(long = "group", value_name = "NAME")]
        groups: Vec<String>,
    },
    /// Remove a user and its keys; lists go on naming it
    Remove { name: String },
    /// Remove a user with keys, groups, places on lists and the answers it asked for; documents stay
    Erase { name: String },
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List keys
    List,
    /// Draw a key for a user and print it, this once
    Create {
        user: String,
        /// What the key is for
        #[arg(long, default_value = "key")]
        label: String,
    },
    /// Let nobody in with this key any more
    Revoke { id: String },
}

#[derive(Debug, Subcommand)]
pub enum ReadersCommand {
    /// Who may read a collection, or a document
    Show(Subject),
    /// Replace the list: `public`, `user:NAME`, `group:NAME`; without any, nobody but the operator may read it
    Set {
        #[command(flatten)]
        subject: Subject,
        #[arg(value_name = "READER")]
        readers: Vec<String>,
    },
    /// Give a document back to all who may read its collection
    Clear {
        #[arg(long, value_name = "ID")]
        document: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Subject {
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
    /// Narrows the readers of its collection
    #[arg(long, value_name = "ID")]
    document: Option<String>,
}

impl Subject {
    fn path(&self) -> String {
        match (&self.collection, &self.document) {
            (Some(name), _) => format!("/api/v1/collections/{}/readers", encoded(name)),
            (None, id) => format!("/api/v1/documents/{}/readers", id.as_deref().unwrap_or_default()),
        }
    }
}

pub fn users(settings: &Settings, command: &UsersCommand, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    match command {
        UsersCommand::List => {
            let found = client.get("/api/v1/users")?;
            if json {
                return print_json(&found);
            }
            for user in found["items"].as_array().into_iter().flatten() {
                println!("{:<30} {}", user["name"].as_str().unwrap_or_default(), joined(&user["groups"]));
            }
            Ok(())
        }
        UsersCommand::Set { name, groups } => {
            let user = client.put(&format!("/api/v1/users/{}", encoded(name)), &json!({"groups": groups}))?;
            if json {
                return print_json(&user);
            }
            println!("{name}: {}", joined(&user["groups"]));
            Ok(())
        }
        UsersCommand::Remove { name } => {
            client.delete(&format!("/api/v1/users/{}", encoded(name)))?;
            if json {
                return print_json(&json!({"removed": name}));
            }
            println!("removed {name}");
            Ok(())
        }
        UsersCommand::Erase { name } => {
            let receipt = client.post(&format!("/api/v1/users/{}/erase", encoded(name)), &json!({}))?;
            if json {
                return print_json(&receipt);
            }
            println!("erased {name}");
            tell(&receipt);
            Ok(())
        }
    }
}

pub fn keys(settings: &Settings, command: &KeysCommand, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    match command {
        KeysCommand::List => {
            let found = client.get("/api/v1/keys")?;
            if json {
                return print_json(&found);
            }
            for key in found["items"].as_array().into_iter().flatten() {
                let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
                println!("{}  {:<20} {}  {}", text("id"), text("user"), text("created_at"), text("label"));
            }
            Ok(())
        }
        KeysCommand::Create { user, label } => {
            let made = client.post("/api/v1/keys", &json!({"user": user, "label": label}))?;
            if json {
                return print_json(&made);
            }
            let id = made["id"].as_str().unwrap_or_default();
            eprintln!("a key for {user}, shown this once; revoke it with `terroir keys revoke {id}`");
            println!("{}", made["key"].as_str().unwrap_or_default());
            Ok(())
        }
        KeysCommand::Revoke { id } => {
            client.delete(&format!("/api/v1/keys/{id}"))?;
            if json {
                return print_json(&json!({"revoked": id}));
            }
            println!("revoked {id}");
            Ok(())
        }
    }
}

pub fn readers(settings: &Settings, command: &ReadersCommand, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let list = match command {
        ReadersCommand::Show(subject) => client.get(&subject.path())?,
        ReadersCommand::Set { subject, readers } => client.put(&subject.path(), &json!({"readers": readers}))?,
        ReadersCommand::Clear { document } => {
            client.delete(&format!("/api/v1/documents/{document}/readers"))?;
            json!({"readers": null})
        }
    };
    if json {
        return print_json(&list);
    }
    match list["readers"].as_array() {
        Some(readers) if readers.is_empty() => println!("the operator alone"),
        Some(_) => println!("{}", joined(&list["readers"])),
        None => println!("whoever may read the collection"),
    }
    Ok(())
}

/// Exit code 0 if the user may read the document, 1 if not.
pub fn why(settings: &Settings, document: &str, user: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    // The question is the operator's own.
    let client = Client::connect(&Settings { in_name_of: None, ..settings.clone() })?;
    let mut path = format!("/api/v1/documents/{document}/why");
    if let Some(user) = user {
        path += &["?user=", &encoded(user)].concat();
    }
    let decision = client.get(&path)?;
    let may_read = decision["may_read"] == true;
    if json {
        print_json(&decision)?;
    } else {
        explain(user.unwrap_or("somebody unknown"), &decision);
    }
    Ok(if may_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn explain(user: &str, decision: &Value) {
    println!("{user} {} read it", if decision["may_read"] == true { "may" } else { "may not" });
    println!("  {user} is: {}", joined(&decision["principal_is"]));
    let collection = decision["collection"].as_str().unwrap_or_default();
    println!("  the collection {collection} is for: {}", joined(&decision["collection_readers"]));
    println!("    so {}", let_in(&decision["by_collection"]));
    if decision["document_readers"].is_array() {
        println!("  the document itself is only for: {}", joined(&decision["document_readers"]));
        println!("    so {}", let_in(&decision["by_document"]));
    }
}

fn let_in(by: &Value) -> String {
    if by.as_array().is_none_or(Vec::is_empty) { "shut out".into() } else { format!("let in as {}", joined(by)) }
}

fn joined(list: &Value) -> String {
    let texts: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if texts.is_empty() { "nobody".into() } else { texts.join(", ") }
}
