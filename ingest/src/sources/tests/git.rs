//! Repositories that the test makes with the program `git`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::git::Git;
use super::super::{Reach, SourceError, Trust, find_program};
use super::{Bench, Counting, counts, settings};

struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.git(&["init", "--quiet", "--initial-branch=main", "."]);
        made
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
        let output = Command::new(program()).arg("-C").arg(self.path()).args(identity).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "a change"]);
    }

    fn source(&self, clones: &TempDir, more: Value) -> Result<Git, SourceError> {
        let mut value = json!({"url": format!("file://{}", self.path().display())});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reach = Reach { git: Some(program()), clones: clones.path().to_owned(), ..Reach::default() };
        Git::open(&settings(value), &reach, Trust::Local, "copy")
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    find_program("git", &path).expect("git is installed: see tests/requirements.sh")
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_follow_the_branch() {
    let (repository, clones) = (Repository::new(), tempfile::tempdir().unwrap());
    repository.commit(&[("README.md", "Read me."), ("docs/a.md", "One."), ("docs/b.txt", "Two.")]);
    let bench = Bench::new("git").await;
    let origin = Counting::new(repository.source(&clones, json!({"include": ["*.md"]})).unwrap());
    assert_eq!(bench.counts(&origin).await, [2, 0, 0, 0, 0]);
    assert_eq!(origin.fetched(), 2);
    repository.commit(&[("docs/a.md", "One and a half."), ("docs/c.md", "Three.")]);
    repository.git(&["rm", "--quiet", "README.md"]);
    repository.commit(&[]);
    assert_eq!(bench.counts(&origin).await, [1, 1, 1, 0, 0]);
    assert_eq!(origin.fetched(), 2, "only what has another blob is read");
    let uris: Vec<String> = bench.documents().await.into_keys().collect();
    assert!(uris[0].ends_with("#docs/a.md") && uris[1].ends_with("#docs/c.md"), "{uris:?}");

    // History that was rewritten is a state like any other.
    repository.git(&["checkout", "--quiet", "--orphan", "fresh"]);
    repository.git(&["rm", "-r", "--quiet", "--cached", "."]);
    std::fs::remove_dir_all(repository.path().join("docs")).unwrap();
    repository.commit(&[("new.md", "Four.")]);
    repository.git(&["branch", "--force", "main", "fresh"]);
    repository.git(&["checkout", "--quiet", "main"]);
    assert_eq!(bench.counts(&origin).await, [1, 0, 2, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_and_a_part_of_the_tree_are_chosen() {
    let (repository, clones) = (Repository::new(), tempfile::tempdir().unwrap());
    repository.commit(&[("README.md", "Read me.")]);
    repository.git(&["checkout", "--quiet", "-b", "stable/1.x"]);
    repository.commit(&[("docs/deep/a.md", "One."), ("docs-old/b.md", "Two.")]);
    repository.git(&["checkout", "--quiet", "main"]);
    let bench = Bench::new("git").await;
    let origin = repository.source(&clones, json!({"branch": "stable/1.x", "folder": "docs"})).unwrap();
    assert!(origin.look().await.unwrap().starts_with("refs/heads/stable/1.x "));
    assert_eq!(bench.counts(&origin).await, [1, 0, 0, 0, 0]);
    let uris: Vec<String> = bench.documents().await.into_keys().collect();
    assert!(uris[0].ends_with("#stable/1.x:docs/deep/a.md"), "{uris:?}");

    repository.git(&["branch", "-D", "stable/1.x"]);
    let (result, report) = bench.sync(&origin).await;
    assert!(matches!(result, Err(SourceError::Missing { .. })), "{result:?}");
    assert_eq!(report.removed, 0, "a branch that is gone removes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_repository_runs_nothing_and_leads_nowhere() {
    let (repository, clones) = (Repository::new(), tempfile::tempdir().unwrap());
    let proof = clones.path().join("proof");
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "a".repeat(64));
    let attributes = "*.md filter=evil diff=evil\n";
    let modules = "[submodule \"m\"]\n\tpath = m\n\turl = ext::touch\n";
    std::os::unix::fs::symlink("/etc/passwd", repository.path().join("passwd.md")).unwrap();
    repository.commit(&[
        ("a.md", "One."),
        (".gitattributes", attributes),
        (".gitmodules", modules),
        ("big.pdf", &pointer),
    ]);
    // Hooks of the repository and of a copy that somebody prepared.
    for folder in [repository.path().join(".git/hooks"), clones.path().join("copy/hooks")] {
        std::fs::create_dir_all(&folder).unwrap();
        for hook in ["post-checkout", "reference-transaction", "post-update", "pre-receive", "post-rewrite"] {
            let path = folder.join(hook);
            std::fs::write(&path, format!("#!/bin/sh\ntouch {}\n", proof.display())).unwrap();
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, executable).unwrap();
        }
    }
    let bench = Bench::new("git").await;
    let origin = repository.source(&clones, json!({"exclude": [".gitattributes", ".gitmodules"]})).unwrap();
    let (result, report) = bench.sync(&origin).await;
    result.unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 1], "{report:?}");
    assert_eq!(report.failures[0].code, "large_file_pointer");
    assert!(!proof.exists(), "a hook ran");
    assert_eq!(bench.names().await, [bench.documents().await.into_keys().next().unwrap().rsplit('/').next().unwrap()]);
}

#[test]
fn without_git_it_is_said() {
    let reach = Reach::default();
    let opened = Git::open(&settings(json!({"url": "https://git.example/a.git"})), &reach, Trust::Caller, "copy");
    assert!(matches!(opened, Err(SourceError::NoGit)));
    let reach = Reach { git: Some(program()), ..Reach::default() };
    let opened = Git::open(&settings(json!({"url": "file:///etc"})), &reach, Trust::Caller, "copy");
    assert!(matches!(opened, Err(SourceError::Forbidden { .. })), "files of this machine are for who may read them");
}
