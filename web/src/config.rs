//! Settings: `default.toml`, then a file, then the environment, then flags. The only reader of the
//! environment in the product.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use terroir_embed::{EncoderOptions, Precision};
use terroir_generate::Device;
use terroir_ingest::sources::Credential;
use terroir_store::Quantisation;
use toml::{Table, Value};

const DEFAULTS: &str = include_str!("../default.toml");
const PREFIX: &str = "TERROIR_";
/// The section whose names are the person's own.
const CREDENTIALS: &str = "credentials";
/// Names that people know from elsewhere, and the setting each stands for.
const WELL_KNOWN: [(&str, &str); 4] = [
    ("DATABASE_URL", "database.url"),
    ("QDRANT_URL", "qdrant.url"),
    ("QDRANT_API_KEY", "qdrant.api_key"),
    ("RUST_LOG", "log"),
];

/// What can be wrong with the settings; found before anything is opened.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("settings file {path}: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("setting {key}: {reason}")]
    Value { key: String, reason: String },
    #[error("unknown setting {key}: see default.toml for the settings there are")]
    Unknown { key: String },
}

/// The settings in force, as in `default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub originals_dir: PathBuf,
    pub listen: SocketAddr,
    pub api_key: String,
    pub public_hosts: Vec<String>,
    pub log: String,
    pub log_format: LogFormat,
    pub database: Database,
    pub qdrant: Qdrant,
    pub models: Models,
    pub ingest: Ingest,
    pub sources: Sources,
    /// By the names that sources give.
    pub credentials: BTreeMap<String, Credential>,
    pub search: Search,
    pub answer: Answer,
    /// The environment's `PATH`, where programs are found.
    #[serde(skip)]
    pub program_path: String,
    /// The user in whose name a command asks.
    #[serde(skip)]
    pub in_name_of: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qdrant {
    pub url: String,
    pub api_key: String,
    pub quantisation: Quantisation,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    pub dir: PathBuf,
    pub embed: String,
    pub embed_precision: Precision,
    /// Empty: none.
    pub rerank: String,
    pub generate: String,
    pub hub: String,
    pub device: Device,
    pub threads: usize,
    pub queue_capacity: usize,
    pub texts: usize,
    pub cache_bytes: usize,
    pub voices: Vec<Voice>,
}

/// How free text about a collection is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    pub collection: String,
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    pub in_service: bool,
    pub workers: usize,
    pub max_file_bytes: u64,
    pub cell_memory_bytes: u64,
    pub cell_cpu_seconds: u64,
    pub cell_wall_seconds: u64,
    pub max_pages: u32,
    pub recognition: Recognition,
    pub recognition_languages: Vec<String>,
    pub recognition_dpi: u32,
    pub recognition_page_seconds: u64,
    pub tesseract: PathBuf,
    pub soffice: PathBuf,
    pub conversion_seconds: u64,
    pub chunk_tokens: usize,
}

/// Whether pages that are pictures are read by text recognition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recognition {
    Auto,
    On,
    Off,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    pub in_service: bool,
    pub concurrency: usize,
    pub interval_seconds: u64,
    pub folders: Vec<PathBuf>,
    pub git: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub top_k: usize,
    pub rerank_passages: usize,
    pub rerank_weight: f32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub passages: usize,
    pub style: AnswerStyle,
    pub max_tokens: usize,
    pub temperature: f32,
    pub max_question_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerStyle {
    Quote,
    Compose,
}

impl Settings {
    /// Reads the defaults, `file` if given, and the process environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_layers(file, std::env::vars())
    }

    fn from_layers(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut settings: Table = DEFAULTS.parse().expect("default.toml is checked in and parsed by a test");
        if let Some(path) = file {
            let in_file = |reason: String| ConfigError::File { path: path.to_owned(), reason };
            let text = fs_err::read_to_string(path).map_err(|error| in_file(error.to_string()))?;
            let table: Table = text.parse().map_err(|error: toml::de::Error| in_file(error.to_string()))?;
            merge(&mut settings, table, "")?;
        }
        let environment: Vec<(String, String)> = environment.collect();
        let program_path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
        apply_environment(&mut settings, environment)?;
        let mut settings: Self = settings.try_into().map_err(|error: toml::de::Error| ConfigError::Value {
            key: "settings".into(),
            reason: error.to_string(),
        })?;
        settings.program_path = program_path.unwrap_or_default();
        Ok(settings)
    }

    /// Refuses a configuration that would open the service to others without a key.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        if self.listen.ip().is_loopback() || !self.api_key.is_empty() {
            return Ok(());
        }
        Err(ConfigError::Value {
            key: "listen".into(),
            reason: format!(
                "{} can be reached by other machines; set api_key (TERROIR_API_KEY) to a long random secret first",
                self.listen
            ),
        })
    }

    pub fn models_dir(&self) -> PathBuf {
        self.folder_or(&self.models.dir, "models")
    }

    /// None: `SQLite` in the data folder.
    pub fn database_url(&self) -> Option<String> {
        (!self.database.url.is_empty()).then(|| self.database.url.clone())
    }

    pub fn originals_dir(&self) -> PathBuf {
        self.folder_or(&self.originals_dir, "blobs")
    }

    fn folder_or(&self, set: &Path, name: &str) -> PathBuf {
        if set.as_os_str().is_empty() { self.data_dir.join(name) } else { set.to_owned() }
    }

    /// Threads for one model.
    pub fn model_threads(&self) -> usize {
        cores_unless_set(self.models.threads)
    }

    pub fn encoder_options(&self) -> EncoderOptions {
        let precision = self.models.embed_precision;
        EncoderOptions { threads: self.model_threads(), precision, ..EncoderOptions::default() }
    }

    pub fn ingest_workers(&self) -> usize {
        cores_unless_set(self.ingest.workers)
    }
}

/// A program by the path that is set for it, or else by its name in PATH.
pub fn program(set: &Path, name: &str) -> Option<PathBuf> {
    if !set.as_os_str().is_empty() {
        return Some(set.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn cores_unless_set(value: usize) -> usize {
    if value > 0 {
        return value;
    }
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn merge(base: &mut Table, over: Table, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in over {
        let path = format!("{prefix}{key}");
        match (base.get_mut(&key), value) {
            // The names are the person's own; what stands under them is checked when it is read.
            (Some(Value::Table(inner)), Value::Table(table)) if path == CREDENTIALS => inner.extend(table),
            (Some(Value::Table(inner)), Value::Table(table)) => {
                merge(inner, table, &format!("{path}."))?;
            }
            (Some(slot), value) => *slot = value,
            (None, _) => return Err(ConfigError::Unknown { key: path }),
        }
    }
    Ok(())
}

fn apply_environment(settings: &mut Table, mut variables: Vec<(String, String)>) -> Result<(), ConfigError> {
    // A setting's own name is more precise than a well-known one: apply it last.
    variables.sort_by_key(|(name, _)| name.starts_with(PREFIX));
    for (name, text) in variables {
        if text.is_empty() {
            continue;
        }
        let key = match WELL_KNOWN.iter().find(|(known, _)| *known == name) {
            Some((_, key)) => (*key).to_owned(),
            None => match name.strip_prefix(PREFIX) {
                // Test suites name their own servers under the same prefix.
                Some(rest) if rest.starts_with("TEST_") => continue,
                Some(rest) if set_credential(settings, &rest.to_lowercase(), &text) => continue,
                Some(rest) => {
                    setting_key(settings, &rest.to_lowercase()).ok_or(ConfigError::Unknown { key: name.clone() })?
                }
                None => continue,
            },
        };
        set(settings, &key, &text)?;
    }
    Ok(())
}

/// `ingest_max_pages` → `ingest.max_pages`, if there is such a setting.
fn setting_key(settings: &Table, name: &str) -> Option<String> {
    if settings.get(name).is_some_and(|value| !value.is_table()) {
        return Some(name.to_owned());
    }
    settings.iter().find_map(|(section, value)| {
        let key = name.strip_prefix(section)?.strip_prefix('_')?;
        value.as_table()?.contains_key(key).then(|| format!("{section}.{key}"))
    })
}

/// `credentials_archive_password` → the password of `[credentials.archive]`. Whether it was one.
fn set_credential(settings: &mut Table, name: &str, text: &str) -> bool {
    let Some(rest) = name.strip_prefix(CREDENTIALS).and_then(|rest| rest.strip_prefix('_')) else { return false };
    let named = |key: &&str| Some((rest.strip_suffix(key)?.strip_suffix('_')?, (*key).to_owned()));
    // `session_token` before `token`.
    let found = Credential::KEYS.iter().filter_map(named).min_by_key(|(name, _)| name.len());
    let (Some((name, key)), Some(all)) = (found, settings.get_mut(CREDENTIALS).and_then(Value::as_table_mut)) else {
        return false;
    };
    let entry = all.entry(name).or_insert_with(|| Value::Table(Table::new()));
    entry.as_table_mut().is_some_and(|table| {
        table.insert(key, Value::String(text.to_owned()));
        true
    })
}

fn set(settings: &mut Table, key: &str, text: &str) -> Result<(), ConfigError> {
    let slot = match key.split_once('.') {
        Some((section, inner)) => {
            settings.get_mut(section).and_then(Value::as_table_mut).and_then(|table| table.get_mut(inner))
        }
        None => settings.get_mut(key),
    };
    let Some(slot) = slot else {
        return Err(ConfigError::Unknown { key: key.into() });
    };
    let wrong = |expected: &str| ConfigError::Value { key: key.into(), reason: format!("{text:?} is not {expected}") };
    *slot = match slot {
        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
        Value::Float(_) => Value::Float(text.parse().map_err(|_| wrong("a number"))?),
        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
        Value::Array(_) => Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect()),
        _ => Value::String(text.to_owned()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = file.map(|text| {
            let path = folder.path().join("terroir.toml");
            fs_err::write(&path, text).unwrap();
            path
        });
        Settings::from_layers(
            path.as_deref(),
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn defaults_are_complete_and_private() {
        let settings = load(None, &[]).unwrap();
        assert!(settings.listen.ip().is_loopback());
        assert!(settings.api_key.is_empty());
        assert_eq!(settings.models_dir(), Path::new("data/models"));
        settings.check_exposure().unwrap();
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = "listen = \"127.0.0.1:1\"\n[ingest]\nmax_pages = 7\n";
        let settings = load(
            Some(file),
            &[
                ("TERROIR_INGEST_MAX_PAGES", "9"),
                ("DATABASE_URL", "postgres://known"),
                ("TERROIR_PUBLIC_HOSTS", "a.example, b.example"),
            ],
        )
        .unwrap();
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.ingest.max_pages, 9);
        assert_eq!(settings.database.url, "postgres://known");
        assert_eq!(settings.public_hosts, ["a.example", "b.example"]);
    }

    #[test]
    fn credentials_have_names_of_their_own_and_are_never_shown() {
        let file = "[credentials.archive]\nendpoint = \"https://s3.example\"\naccess_key_id = \"id\"\n";
        let environment =
            [("TERROIR_CREDENTIALS_ARCHIVE_SESSION_TOKEN", "s3cret"), ("TERROIR_CREDENTIALS_TEAM_DOCS_TOKEN", "t0p")];
        let settings = load(Some(file), &environment).unwrap();
        let archive = &settings.credentials["archive"];
        assert_eq!((archive.access_key_id.as_str(), archive.session_token.as_str()), ("id", "s3cret"));
        assert_eq!(settings.credentials["team_docs"].token, "t0p");
        let shown = format!("{settings:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0p"), "{shown}");
        let error = load(Some("[credentials.archive]\nkey = \"hidden\""), &[]).unwrap_err().to_string();
        assert!(error.contains("key") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn a_precise_name_wins_over_a_well_known_one() {
        let environment = [("TERROIR_DATABASE_URL", "postgres://precise"), ("DATABASE_URL", "postgres://known")];
        let settings = load(None, &environment).unwrap();
        assert_eq!(settings.database.url, "postgres://precise");
    }

    #[test]
    fn mistakes_are_named() {
        for (file, environment, expected) in [
            (Some("lissten = 1"), vec![], "lissten"),
            (Some("[ingest]\npages = 1"), vec![], "ingest.pages"),
            (None, vec![("TERROIR_LISTN", "x")], "TERROIR_LISTN"),
            (None, vec![("TERROIR_INGEST_MAX_PAGES", "many")], "ingest.max_pages"),
            (None, vec![("TERROIR_LISTEN", "nowhere")], "listen"),
        ] {
            let error = load(file, &environment).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_open_address_needs_a_key() {
        let open = ("TERROIR_LISTEN", "0.0.0.0:8080");
        let error = load(None, &[open]).unwrap().check_exposure().unwrap_err();
        assert!(error.to_string().contains("api_key"));
        load(None, &[open, ("TERROIR_API_KEY", "secret")]).unwrap().check_exposure().unwrap();
    }
}
