//! Imports from every kind of origin, and what happens to files that are not what they should be.

use std::io::Write;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::TempDir;

use super::verified::sha256_of;
use super::{ModelState, ModelStore};
use crate::EmbedError;
use crate::catalogue::{Catalogue, CatalogueFile, CatalogueModel, Package};

const WEIGHTS: &[u8] = b"weights of the known model";
const TOKENIZER: &[u8] = b"{\"tokens\": []}";
const POOLING: &[u8] = b"{\"pooling_mode_mean_tokens\": true}";

fn file(name: &str, content: &[u8]) -> CatalogueFile {
    let sha256 = sha256_of(content).unwrap();
    CatalogueFile { name: name.to_owned(), bytes: content.len() as u64, sha256 }
}

fn model(name: &str, role: &str, weights: &str, files: Vec<CatalogueFile>) -> CatalogueModel {
    CatalogueModel {
        name: name.to_owned(),
        role: role.to_owned(),
        architecture: "bert".to_owned(),
        licence: "Apache-2.0".to_owned(),
        source: "tests".to_owned(),
        quantisation: None,
        package: Package { name: format!("package-of-{name}"), folder: "inner/model".to_owned() },
        weights: weights.to_owned(),
        files,
    }
}

struct Fixture {
    folder: TempDir,
    store: ModelStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = vec![
            file("model.safetensors", WEIGHTS),
            file("tokenizer.json", TOKENIZER),
            file("1_Pooling/config.json", POOLING),
        ];
        let catalogue = Catalogue {
            models: vec![
                model("known", "embed", "model.safetensors", files),
                model("talker", "generate", "talker.gguf", vec![file("talker.gguf", b"gguf of the talker")]),
            ],
        };
        let store = ModelStore::with_catalogue(&folder.path().join("models"), catalogue);
        Self { folder, store }
    }

    /// A folder as a repository of the model would be, with files that do not belong to it.
    fn source(&self, tokenizer: &[u8]) -> PathBuf {
        let source = self.folder.path().join("source/nested");
        fs::create_dir_all(source.join("1_Pooling")).unwrap();
        fs::write(source.join("model.safetensors"), WEIGHTS).unwrap();
        fs::write(source.join("tokenizer.json"), tokenizer).unwrap();
        fs::write(source.join("1_Pooling/config.json"), POOLING).unwrap();
        fs::write(source.join("README.md"), "about").unwrap();
        source
    }

    fn installed(&self, file: &str) -> PathBuf {
        self.folder.path().join("models/known").join(file)
    }

    fn state(&self, name: &str) -> ModelState {
        self.store.list().into_iter().find(|entry| entry.name == name).unwrap().state
    }
}

fn zip_of(folder: &Path, name: &str, entries: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join(name);
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, content) in entries {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    path
}

#[test]
fn a_folder_a_file_and_a_package_give_the_same_model() {
    let entries: [(&str, &[u8]); 4] = [
        ("inner/__init__.py", b""),
        ("inner/model/model.safetensors", WEIGHTS),
        ("inner/model/tokenizer.json", TOKENIZER),
        ("inner/model/1_Pooling/config.json", POOLING),
    ];
    for origin in ["folder", "outer folder", "file", "package"] {
        let fixture = Fixture::new();
        let source = fixture.source(TOKENIZER);
        let path = match origin {
            "folder" => source,
            "outer folder" => fixture.folder.path().join("source"),
            "file" => source.join("model.safetensors"),
            _ => zip_of(fixture.folder.path(), "known-1.0-py3-none-any.whl", &entries),
        };
        assert_eq!(fixture.state("known"), ModelState::Missing);
        let passport = fixture.store.import(&path, false).unwrap();
        assert_eq!((passport.name.as_str(), passport.bytes), ("known", WEIGHTS.len() as u64), "{origin}");
        let files = fixture.store.files("known").unwrap();
        assert_eq!(fs::read(files.weights).unwrap(), WEIGHTS);
        assert!(fixture.installed("passport.json").is_file() && fixture.installed("1_Pooling/config.json").is_file());
        assert!(!fixture.installed("README.md").exists(), "only the catalogue's files are kept");
        assert_eq!(fixture.state("known"), ModelState::Present);
        assert_eq!(fixture.store.default_for("embed").unwrap().passport, passport);
        let left = fs::read_dir(fixture.folder.path().join("models")).unwrap().count();
        assert_eq!(left, 1, "{origin}: nothing is left of the import but the model");
    }
}

#[test]
fn a_side_file_that_differs_or_is_missing_refuses_the_import_and_keeps_the_old_one() {
    let fixture = Fixture::new();
    fixture.store.import(&fixture.source(TOKENIZER), false).unwrap();
    let error = fixture.store.import(&fixture.source(b"{\"tokens\": 1 }"), true).unwrap_err();
    assert!(matches!(&error, EmbedError::Damaged { file, .. } if file.ends_with("tokenizer.json")), "{error}");
    let source = fixture.source(TOKENIZER);
    fs::remove_file(source.join("1_Pooling/config.json")).unwrap();
    let error = fixture.store.import(&source, false).unwrap_err();
    assert!(matches!(&error, EmbedError::Incomplete { file, .. } if file == "1_Pooling/config.json"), "{error}");
    assert_eq!(fixture.state("known"), ModelState::Present);
}

#[test]
fn a_change_on_disk_is_seen_and_an_unchanged_file_is_not_hashed_again() {
    let fixture = Fixture::new();
    fixture.store.import(&fixture.source(TOKENIZER), false).unwrap();
    fixture.store.files("known").unwrap();

    // Same size, same time of change: only `verify` looks at the content.
    let path = fixture.installed("model.safetensors");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut damaged = WEIGHTS.to_vec();
    damaged[3] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let handle = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    handle.set_modified(modified).unwrap();
    fixture.store.files("known").unwrap();
    let error = fixture.store.verify("known").unwrap_err();
    assert!(error.to_string().contains("model.safetensors") && error.to_string().contains("models import"));

    // Another time of change: every path looks.
    handle.set_modified(modified + std::time::Duration::from_secs(5)).unwrap();
    assert!(matches!(fixture.store.files("known"), Err(EmbedError::Damaged { .. })));
    assert!(matches!(fixture.store.default_for("embed"), Err(EmbedError::Damaged { .. })));
    assert_eq!(fixture.state("known"), ModelState::Damaged);

    fs::remove_file(&path).unwrap();
    let error = fixture.store.files("known").unwrap_err().to_string();
    assert!(error.contains("make models") && error.contains("package-of-known"), "{error}");
    assert_eq!(fixture.state("known"), ModelState::Missing);
}

#[test]
fn unknown_weights_need_consent_and_say_so_in_their_passport() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("My Model");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.safetensors"), "other weights").unwrap();
    let error = fixture.store.import(&folder, false).unwrap_err();
    assert!(matches!(&error, EmbedError::UnknownWeights { .. }), "{error}");
    assert!(error.to_string().contains("--accept-unknown"));
    let error = fixture.store.import(&folder, true).unwrap_err();
    assert!(matches!(&error, EmbedError::Incomplete { file, .. } if file == "config.json"), "{error}");

    fs::write(folder.join("config.json"), r#"{"model_type": "bert"}"#).unwrap();
    fs::write(folder.join("tokenizer.json"), TOKENIZER).unwrap();
    let passport = fixture.store.import(&folder, true).unwrap();
    assert_eq!((passport.name.as_str(), passport.licence.as_str()), ("My-Model", "unknown"));
    assert_eq!(passport.sha256, sha256_of(&b"other weights"[..]).unwrap());
    let reopened = ModelStore::with_catalogue(&fixture.folder.path().join("models"), fixture.store.catalogue().clone());
    assert_eq!(reopened.default_for("embed").unwrap().passport, passport);
    assert_eq!(fixture.state("My-Model"), ModelState::Present);
}

#[test]
fn an_unknown_model_may_not_take_a_known_name() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("talker.gguf");
    fs::write(&path, "not the talker").unwrap();
    let error = fixture.store.import(&path, true).unwrap_err();
    assert!(matches!(&error, EmbedError::NameTaken { name } if name == "talker"), "{error}");
    let other = fixture.folder.path().join("..own.gguf");
    fs::rename(&path, &other).unwrap();
    let passport = fixture.store.import(&other, true).unwrap();
    assert_eq!((passport.name.as_str(), passport.role.as_str()), ("own", "generate"));
}

#[test]
fn the_architecture_of_an_unknown_gguf_is_read_from_its_header() {
    let fixture = Fixture::new();
    let mut header = b"GGUF".to_vec();
    header.extend([3, 0, 0, 0]);
    header.extend([0; 8]);
    header.extend(1_u64.to_le_bytes());
    header.extend(20_u64.to_le_bytes());
    header.extend(b"general.architecture");
    header.extend(8_u32.to_le_bytes());
    header.extend(5_u64.to_le_bytes());
    header.extend(b"qwen2");
    for (name, content, expected) in [
        ("whole", header.as_slice(), "qwen2"),
        ("cut", &header[..header.len() - 1], "unknown"),
        ("other", b"not the format", "unknown"),
    ] {
        let path = fixture.folder.path().join(format!("{name}.gguf"));
        fs::write(&path, content).unwrap();
        assert_eq!(fixture.store.import(&path, true).unwrap().architecture, expected, "{name}");
    }
}

#[test]
fn a_generator_in_shards_is_one_model_and_its_weights_are_the_folder() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("writer");
    fs::create_dir_all(&folder).unwrap();
    let index = r#"{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}"#;
    for (name, content) in [
        ("model.safetensors.index.json", index),
        ("model-00001-of-00002.safetensors", "first part"),
        ("model-00002-of-00002.safetensors", "the second part"),
        ("consolidated.safetensors", "the same weights once more, in one file"),
        ("config.json", r#"{"model_type": "mistral", "architectures": ["MistralForCausalLM"]}"#),
        ("generation_config.json", "{}"),
        ("chat_template.jinja", "{{ messages }}"),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
    let error = fixture.store.import(&folder, false).unwrap_err();
    assert!(matches!(&error, EmbedError::UnknownWeights { file, .. } if file.ends_with("index.json")), "{error}");
    let error = fixture.store.import(&folder, true).unwrap_err();
    assert!(matches!(&error, EmbedError::Incomplete { file, .. } if file == "tokenizer.json"), "{error}");
    fs::write(folder.join("tokenizer.json"), TOKENIZER).unwrap();
    let passport = fixture.store.import(&folder, true).unwrap();
    assert_eq!((passport.role.as_str(), passport.architecture.as_str(), passport.bytes), ("generate", "mistral", 25));
    let files = fixture.store.files("writer").unwrap();
    assert_eq!(files.weights, files.directory);
    for kept in ["model-00001-of-00002.safetensors", "chat_template.jinja", "generation_config.json", "tokenizer.json"]
    {
        assert!(files.directory.join(kept).is_file(), "{kept}");
    }
    assert!(!files.directory.join("consolidated.safetensors").exists());
    fs::write(files.directory.join("model-00002-of-00002.safetensors"), "another 2nd part").unwrap();
    assert_eq!(fixture.state("writer"), ModelState::Damaged);

    fs::remove_file(folder.join("model-00001-of-00002.safetensors")).unwrap();
    let error = fixture.store.import(&folder, true).unwrap_err();
    assert!(matches!(&error, EmbedError::Incomplete { file, .. } if file.contains("00001")), "{error}");
}

#[test]
fn what_a_model_is_for_is_read_from_its_configuration() {
    for (config, modules, role) in [
        (r#"{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}"#, false, "generate"),
        (r#"{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}"#, true, "embed"),
        (r#"{"model_type": "llama"}"#, false, "generate"),
        (r#"{"model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"]}"#, false, "embed"),
    ] {
        let fixture = Fixture::new();
        let folder = fixture.folder.path().join("some");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.safetensors"), "some weights").unwrap();
        fs::write(folder.join("tokenizer.json"), TOKENIZER).unwrap();
        fs::write(folder.join("config.json"), config).unwrap();
        if modules {
            fs::write(folder.join("modules.json"), "[]").unwrap();
        }
        assert_eq!(fixture.store.import(&folder, true).unwrap().role, role, "{config} {modules}");
        let files = fixture.store.files("some").unwrap();
        assert_eq!(files.weights, files.directory.join("model.safetensors"));
    }
}

#[test]
fn all_parts_of_a_split_gguf_are_kept() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("parts");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("big-00001-of-00002.gguf"), "one").unwrap();
    fs::write(folder.join("big-00002-of-00002.gguf"), "number two").unwrap();
    let passport = fixture.store.import(&folder, true).unwrap();
    assert_eq!((passport.role.as_str(), passport.bytes), ("generate", 13));
    let files = fixture.store.files("parts").unwrap();
    assert_eq!(files.weights, files.directory.join("big-00001-of-00002.gguf"));
    assert!(files.directory.join("big-00002-of-00002.gguf").is_file());
    fs::remove_file(folder.join("big-00001-of-00002.gguf")).unwrap();
    let error = fixture.store.import(&folder, true).unwrap_err();
    assert!(matches!(&error, EmbedError::Incomplete { file, .. } if file == "big-00001-of-00002.gguf"), "{error}");
}

#[test]
fn what_is_no_model_is_named() {
    let fixture = Fixture::new();
    let text = fixture.folder.path().join("notes.txt");
    fs::write(&text, "no weights").unwrap();
    assert!(matches!(fixture.store.import(&text, true), Err(EmbedError::NoModelFound { .. })));
    let error = ModelStore::open(&text).unwrap_err().to_string();
    assert!(error.contains("notes.txt"), "{error}");
    let package = fixture.folder.path().join("broken.whl");
    fs::write(&package, "not an archive").unwrap();
    assert!(matches!(fixture.store.import(&package, true), Err(EmbedError::Package { .. })));
    assert!(matches!(fixture.store.import(Path::new("/nowhere"), true), Err(EmbedError::Io(_))));
    assert!(matches!(fixture.store.files("nobody"), Err(EmbedError::UnknownModel { .. })));
    let error = fixture.store.default_for("generate").unwrap_err().to_string();
    assert!(error.contains("`generate`") && error.contains("package-of-talker"), "{error}");
}

#[test]
fn a_passport_file_cannot_point_outside_its_folder() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("models/evil");
    fs::create_dir_all(&folder).unwrap();
    let record = r#"{"name": "evil", "role": "embed", "architecture": "bert", "licence": "unknown",
        "source": "", "sha256": "", "bytes": 1, "quantisation": null, "weights": "../../secret",
        "files": [{"name": "../../secret", "bytes": 1, "sha256": "00"}]}"#;
    fs::write(folder.join("passport.json"), record).unwrap();
    assert!(fixture.store.list().iter().all(|entry| entry.name != "evil"));
}
