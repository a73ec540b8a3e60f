//! The invariants of ARCHITECTURE.md, held.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const CRATES: [&str; 6] = ["ingest", "embed", "store", "generate", "web", "tests"];

/// A heavy dependency, and the crates that may name it.
const OWNERS: [(&str, &[&str]); 14] = [
    ("notify", &["ingest"]),
    ("opendal", &["ingest"]),
    ("reqwest", &["ingest"]),
    ("robotxt", &["ingest"]),
    ("lopdf", &["ingest", "tests"]),
    ("hayro", &["ingest"]),
    ("candle-core", &["embed", "generate"]),
    ("candle-nn", &["embed", "generate"]),
    ("candle-transformers", &["embed"]),
    ("llguidance", &["generate"]),
    ("tantivy", &["store"]),
    ("qdrant-edge", &["store"]),
    ("qdrant-client", &["store"]),
    ("sqlx", &["store"]),
];
const WEB_ONLY: [&str; 4] = ["actix-web", "actix-multipart", "actix-files", "utoipa"];

/// What each crate may depend on: arrows point one way.
const ARROWS: [(&str, &[&str]); 6] = [
    ("embed", &[]),
    ("store", &[]),
    ("ingest", &["embed", "store"]),
    ("generate", &["embed"]),
    ("web", &["ingest", "embed", "store", "generate"]),
    ("tests", &["web"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn dependencies(name: &str, section: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

fn sources(extensions: &[&str]) -> Vec<PathBuf> {
    let skipped = ["target", "node_modules", "dist", ".git", "data"];
    walkdir::WalkDir::new(root())
        .into_iter()
        .filter_entry(|entry| !skipped.iter().any(|name| entry.file_name() == *name))
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)))
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    for (name, allowed) in ARROWS {
        let ours = dependencies(name, "dependencies")
            .into_iter()
            .filter_map(|dependency| dependency.strip_prefix("terroir-").map(str::to_owned));
        for dependency in ours {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn a_heavy_dependency_has_one_owner() {
    for name in CRATES {
        let named = dependencies(name, "dependencies");
        for (dependency, owners) in OWNERS {
            assert!(
                !named.contains(dependency) || owners.contains(&name),
                "{dependency} belongs to {owners:?}, not to {name}"
            );
        }
        for dependency in WEB_ONLY {
            assert!(!named.contains(dependency) || name == "web", "{dependency} belongs to web, not to {name}");
        }
    }
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let too_long: Vec<String> = sources(&["rs", "ts", "svelte", "css", "sh", "py", "mjs"])
        .into_iter()
        .filter_map(|path| {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            (lines > 600).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn no_module_is_a_drawer_for_everything() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "models", "types", "misc"];
    // `models` is a command of the command line, and a route of OpenAI's API.
    let commands = ["web/src/cli/models.rs"];
    for path in sources(&["rs", "ts"]) {
        let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!drawers.contains(&stem.as_str()) || commands.contains(&relative.as_str()), "{relative}");
    }
}

#[test]
fn sql_stays_in_the_store_and_the_environment_in_the_settings() {
    for path in sources(&["rs"]) {
        let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        // A module that is compiled for tests only has tests outside of any inner module.
        let is_test = relative.contains("tests") || product.contains("#[test]") || product.contains("#[tokio::test");
        if is_test {
            continue;
        }
        // The error type of the store wraps those of its engines.
        let may_speak_sql = relative.starts_with("store/src/sql") || relative == "store/src/error.rs";
        assert!(may_speak_sql || !product.contains("sqlx::"), "{relative} speaks SQL");
        // A build script is told by the environment where to write.
        if relative.ends_with("build.rs") {
            continue;
        }
        if product.contains("std::env::var") || product.contains("env::vars(") {
            assert_eq!(relative, "web/src/config.rs", "{relative} reads the environment");
        }
    }
}

#[test]
fn paths_named_in_the_documentation_exist() {
    let documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/operating.md"];
    let folders = ["web/", "ingest/", "embed/", "store/", "generate/", "tests/", "docs/"];
    for document in documents {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for word in text.split(|character: char| character.is_whitespace() || "`()[]|,;".contains(character)) {
            let word = word.trim_end_matches(['.', ':']);
            let names_a_path = folders.iter().any(|folder| word.starts_with(folder))
                && !word.contains('…')
                && !word.contains('{')
                && !word.contains('*');
            if names_a_path {
                assert!(root().join(word).exists(), "{document} names {word}");
            }
        }
    }
}
