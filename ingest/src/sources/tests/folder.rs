//! Folders: what is added, changed, touched, renamed, removed, linked, being written, or not mounted.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use terroir_store::Principal;

use super::super::folder::Folder;
use super::super::{Reach, SourceError, Trust};
use super::{Bench, Counting, another_source, counts, settings};

fn folder(path: &Path) -> Folder {
    folder_with(path, json!({}))
}

fn folder_with(path: &Path, more: serde_json::Value) -> Folder {
    let mut value = json!({"path": path});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let folder = Folder::open(&settings(value), &Reach::default(), Trust::Local).unwrap();
    folder.with_quiet(Duration::ZERO)
}

fn made(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(root.path(), name, text);
    }
    root
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_follow_the_files() {
    let root = made(&[("a.txt", "one"), ("below/b.txt", "two"), (".hidden/c.txt", "three"), (".d.txt", "four")]);
    let bench = Bench::new("folder").await;
    let origin = Counting::new(folder(root.path()));
    assert_eq!(bench.counts(&origin).await, [2, 0, 0, 0, 0]);
    assert_eq!(bench.names().await, ["a.txt", "b.txt"]);

    origin.fetched();
    assert_eq!(bench.counts(&origin).await, [0, 0, 0, 2, 0]);
    assert_eq!(origin.fetched(), 0, "what is unchanged is not read");

    // Touched, with the bytes it had: read once more, and never again.
    write(root.path(), "a.txt", "one");
    assert_eq!(bench.counts(&origin).await, [0, 0, 0, 2, 0]);
    assert_eq!(origin.fetched(), 1);
    assert_eq!(bench.counts(&origin).await, [0, 0, 0, 2, 0]);
    assert_eq!(origin.fetched(), 0);

    write(root.path(), "a.txt", "one and a half");
    assert_eq!(bench.counts(&origin).await, [0, 1, 0, 1, 0]);
    assert!(bench.documents().await.values().any(|text| text == "one and a half"));

    std::fs::remove_file(root.path().join("below/b.txt")).unwrap();
    assert_eq!(bench.counts(&origin).await, [0, 0, 1, 1, 0]);
    assert_eq!(bench.names().await, ["a.txt"]);

    std::fs::remove_file(root.path().join("a.txt")).unwrap();
    assert_eq!(bench.counts(&origin).await, [0, 0, 1, 0, 0], "the root is the same: it may be empty");
    assert!(bench.names().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_can_be_found_all_the_time() {
    let root = made(&[("old.txt", "the same words")]);
    let bench = Bench::new("folder").await;
    let origin = folder(root.path());
    assert_eq!(bench.counts(&origin).await, [1, 0, 0, 0, 0]);
    bench.documents().await;
    // The new name counts as just written for a second.
    let origin = origin.with_quiet(Duration::from_secs(1));
    std::fs::rename(root.path().join("old.txt"), root.path().join("new.txt")).unwrap();

    let (store, watching) = (bench.store.clone(), flag());
    let watched = std::sync::Arc::clone(&watching);
    let watcher = tokio::spawn(async move {
        while !watched.load(std::sync::atomic::Ordering::Relaxed) {
            let counts = store.counts(&Principal::Operator).await.unwrap();
            assert!(counts.ready >= 1, "nothing can be found: {counts:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert_eq!(bench.counts(&origin).await, [1, 0, 1, 0, 0]);
    watching.store(true, std::sync::atomic::Ordering::Relaxed);
    watcher.await.unwrap();
    assert_eq!(bench.names().await, ["new.txt"], "the old name is gone");
    assert_eq!(bench.counts(&folder(root.path())).await, [0, 0, 0, 1, 0]);
}

fn flag() -> std::sync::Arc<std::sync::atomic::AtomicBool> {
    std::sync::Arc::default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_one_document_for_as_long_as_they_are_the_same() {
    let root = made(&[("a.txt", "twice"), ("b.txt", "twice")]);
    let bench = Bench::new("folder").await;
    let origin = folder(root.path());
    assert_eq!(bench.counts(&origin).await, [2, 0, 0, 0, 0]);
    let first = bench.names().await;
    assert_eq!(first.len(), 1, "stored once");

    // Whoever has the document changes: the other still has its words.
    write(root.path(), &first[0], "once");
    assert_eq!(bench.counts(&origin).await, [0, 1, 0, 1, 0]);
    let mut texts: Vec<String> = bench.documents().await.into_values().collect();
    texts.sort_unstable();
    assert_eq!(texts, ["once", "twice"]);
    assert_eq!(bench.counts(&origin).await, [0, 0, 0, 2, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_somebody_else_removed_comes_back() {
    let root = made(&[("a.txt", "one")]);
    let bench = Bench::new("folder").await;
    let origin = folder(root.path());
    bench.counts(&origin).await;
    bench.documents().await;
    let filter = terroir_store::DocumentFilter { limit: 10, ..Default::default() };
    let document = bench.store.documents(&Principal::Operator, &filter).await.unwrap().items.remove(0);
    bench.store.remove_document(document.id).await.unwrap();
    assert_eq!(bench.counts(&origin).await, [0, 1, 0, 0, 0]);
    assert_eq!(bench.names().await, ["a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_do_not_lead_out() {
    let outside = made(&[("secret.txt", "nobody's business"), ("inner/secret.txt", "nor this")]);
    let root = made(&[("a.txt", "one"), ("below/b.txt", "two")]);
    std::os::unix::fs::symlink(outside.path().join("secret.txt"), root.path().join("link.txt")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("linked")).unwrap();
    std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
    let bench = Bench::new("folder").await;
    let origin = folder(root.path());
    assert_eq!(bench.counts(&origin).await, [2, 0, 0, 0, 0]);
    // Nor where something is said to have changed behind one.
    let (result, report) = bench.sync_within(&origin, Some(&["linked/secret.txt", "link.txt", "../x"])).await;
    result.unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 0, 0]);

    // A link that takes a folder's place after it was listed.
    std::fs::rename(root.path().join("below"), root.path().join("moved")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("inner"), root.path().join("below")).unwrap();
    std::fs::copy(outside.path().join("secret.txt"), outside.path().join("inner/b.txt")).unwrap();
    let item = super::super::Item {
        key: "below/b.txt".into(),
        source_uri: String::new(),
        file_name: String::new(),
        fingerprint: None,
        content: super::super::Content::OnDemand,
    };
    let room = super::super::Room { folder: bench.store.blobs().incoming(), max_bytes: 100 };
    let fetched = super::super::Origin::fetch(&origin, &item, &room).await;
    assert!(fetched.is_err(), "it was followed");
    assert_eq!(bench.names().await, ["a.txt", "b.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_when_the_root_is_gone_or_another() {
    let root = made(&[("shelf/a.txt", "one"), ("shelf/b.txt", "two")]);
    let shelf = root.path().join("shelf");
    let bench = Bench::new("folder").await;
    let origin = folder(&shelf);
    assert_eq!(bench.counts(&origin).await, [2, 0, 0, 0, 0]);

    std::fs::rename(&shelf, root.path().join("away")).unwrap();
    let (result, _) = bench.sync(&origin).await;
    assert!(matches!(result, Err(SourceError::Missing { .. })), "{result:?}");
    // As a disk that is not mounted leaves it.
    std::fs::create_dir(&shelf).unwrap();
    let (result, report) = bench.sync(&origin).await;
    assert!(matches!(result, Err(SourceError::Emptied { known: 2, .. })), "{result:?}");
    assert_eq!(report.removed, 0);
    let (result, report) = bench.sync_within(&origin, Some(&["a.txt"])).await;
    assert!(result.is_ok() && report.removed == 0, "{report:?}");
    assert_eq!(bench.names().await, ["a.txt", "b.txt"]);

    let (result, report) = bench.sync_of(&bench.meant_to_be_empty(), &origin, None).await;
    result.unwrap();
    assert_eq!(report.removed, 2, "somebody said that it is meant");
    assert!(bench.names().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_written_is_left_until_it_is_quiet() {
    let root = made(&[("a.txt", "half a sen")]);
    let bench = Bench::new("folder").await;
    let origin = folder(root.path()).with_quiet(Duration::from_hours(1));
    let (result, report) = bench.sync(&origin).await;
    assert_eq!(result.unwrap().unsettled, ["a.txt"]);
    assert_eq!(counts(&report), [0, 0, 0, 0, 0]);
    assert_eq!(bench.counts(&folder(root.path())).await, [1, 0, 0, 0, 0]);
    write(root.path(), "a.txt", "half a sentence, an");
    let (result, report) = bench.sync(&origin).await;
    result.unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 0, 0], "the older state stays meanwhile");
    assert_eq!(bench.names().await, ["a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_part_sees_that_part_only() {
    let root = made(&[("a.txt", "one"), ("below/b.txt", "two"), ("below/c.txt", "three"), ("below-d.txt", "four")]);
    let bench = Bench::new("folder").await;
    let origin = Counting::new(folder(root.path()));
    bench.counts(&origin).await;
    std::fs::remove_dir_all(root.path().join("below")).unwrap();
    std::fs::remove_file(root.path().join("a.txt")).unwrap();
    write(root.path(), "e/f.txt", "five");
    let (result, report) = bench.sync_within(&origin, Some(&["below", "e"])).await;
    result.unwrap();
    assert_eq!(counts(&report), [1, 0, 2, 0, 0]);
    assert_eq!(bench.names().await, ["a.txt", "below-d.txt", "f.txt"]);
    assert_eq!(bench.counts(&origin).await, [0, 0, 1, 2, 0], "the look at the whole finds the rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_and_limits_choose() {
    let root = made(&[("a.md", "one"), ("b.txt", "two"), ("old/c.md", "three"), ("long.md", &"x".repeat(2000))]);
    let mut bench = Bench::new("folder").await;
    bench.max_bytes = 1000;
    let origin = folder_with(root.path(), json!({"include": ["*.md"], "exclude": ["old/"]}));
    let (result, report) = bench.sync(&origin).await;
    result.unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 1]);
    assert_eq!((report.failures[0].item.as_str(), report.failures[0].code.as_str()), ("long.md", "too_large"));
    assert_eq!(bench.names().await, ["a.md"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_goes_with_its_documents_but_not_with_those_of_others() {
    let root = made(&[("a.txt", "one"), ("b.txt", "shared")]);
    let other_root = made(&[("c.txt", "shared")]);
    let bench = Bench::new("folder").await;
    bench.counts(&folder(root.path())).await;
    let other = another_source(&bench.store, "folder", "other").await;
    let (result, report) = bench.sync_of(&other, &folder(other_root.path()), None).await;
    result.unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 0]);
    assert_eq!(bench.names().await, ["a.txt", "b.txt"], "the same bytes are there already");
    bench.remove().await;
    assert_eq!(bench.names().await, ["c.txt"], "the other source keeps what it holds");
    assert!(bench.store.sources().get(bench.source.id).await.is_err());
}

#[test]
fn callers_may_name_only_what_the_settings_allow() {
    let allowed = made(&[("reports/a.txt", "one")]);
    let elsewhere = made(&[("b.txt", "two")]);
    std::os::unix::fs::symlink(elsewhere.path(), allowed.path().join("door")).unwrap();
    let reach = Reach { folders: vec![allowed.path().to_owned()], ..Reach::default() };
    let open = |path: &Path, trust| {
        let opened = Folder::open(&settings(json!({"path": path})), &reach, trust);
        opened.map(drop).map_err(|error| error.code())
    };
    assert_eq!(open(&allowed.path().join("reports"), Trust::Caller), Ok(()));
    assert_eq!(open(elsewhere.path(), Trust::Caller), Err("folder_not_allowed"));
    assert_eq!(open(&allowed.path().join("door"), Trust::Caller), Err("folder_not_allowed"), "a link leads out");
    assert!(open(&allowed.path().join("reports/../../etc"), Trust::Caller).is_err());
    assert_eq!(open(Path::new("/nowhere/at/all"), Trust::Caller), Err("folder_not_allowed"), "says nothing about it");
    assert_eq!(open(elsewhere.path(), Trust::Local), Ok(()));
    let nothing = Reach::default();
    let denied = Folder::open(&settings(json!({"path": allowed.path()})), &nothing, Trust::Caller);
    assert!(matches!(denied, Err(SourceError::Forbidden { .. })));
}
