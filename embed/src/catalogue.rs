//! The checked-in list of known models, `catalogue.toml`, as values.

use serde::Deserialize;

use crate::Passport;

const CATALOGUE: &str = include_str!("../catalogue.toml");

/// Every model that may be imported without `--accept-unknown`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    #[serde(rename = "model")]
    pub models: Vec<CatalogueModel>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueModel {
    /// Also the name of the model's folder in the models directory.
    pub name: String,
    /// `embed` or `generate`. The first model of a role is its default.
    pub role: String,
    pub architecture: String,
    pub licence: String,
    pub source: String,
    pub quantisation: Option<String>,
    pub package: Package,
    /// Name of the file in `files` that holds the weights.
    pub weights: String,
    #[serde(rename = "file")]
    pub files: Vec<CatalogueFile>,
}

/// The Python package that carries a model's files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    pub name: String,
    /// Folder inside the package that the file names are relative to.
    pub folder: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFile {
    /// Relative to the model's folder, with `/` between parts.
    pub name: String,
    pub bytes: u64,
    /// Lowercase hexadecimal.
    pub sha256: String,
}

impl Catalogue {
    /// The catalogue that this build carries.
    pub fn built_in() -> Self {
        toml::from_str(CATALOGUE).expect("catalogue.toml is part of the build and its test parses it")
    }

    pub fn model(&self, name: &str) -> Option<&CatalogueModel> {
        self.models.iter().find(|model| model.name == name)
    }
}

impl CatalogueModel {
    pub fn weights_file(&self) -> &CatalogueFile {
        self.files
            .iter()
            .find(|file| file.name == self.weights)
            .expect("a test of the catalogue holds that the weights are among the files")
    }

    pub fn passport(&self) -> Passport {
        let weights = self.weights_file();
        Passport {
            name: self.name.clone(),
            role: self.role.clone(),
            architecture: self.architecture.clone(),
            licence: self.licence.clone(),
            source: self.source.clone(),
            sha256: weights.sha256.clone(),
            bytes: weights.bytes,
            quantisation: self.quantisation.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Catalogue;

    #[test]
    fn every_entry_is_usable() {
        let catalogue = Catalogue::built_in();
        let mut names = HashSet::new();
        for model in &catalogue.models {
            assert!(names.insert(&model.name), "{} stands twice", model.name);
            assert!(["embed", "generate"].contains(&model.role.as_str()), "{}", model.name);
            assert!(model.files.iter().any(|file| file.name == model.weights), "{}", model.name);
            for file in &model.files {
                assert_eq!(file.sha256.len(), 64, "{}", file.name);
                assert!(file.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
                assert!(file.bytes > 0 && !file.name.split('/').any(|part| part == ".."));
            }
        }
    }
}
