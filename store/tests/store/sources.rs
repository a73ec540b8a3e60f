//! Sources: who holds them, for how long, and what becomes of what was held. On `SQLite` and on Postgres.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use terroir_store::{
    Claim, Ended, NewItem, NewSource, Report, Source, SourceChange, SourceState, Store, StoreError, StoreOptions,
    SyncState,
};

use crate::bench::{LEASE, databases, first_set};

async fn open(folder: &Path, database: Option<&str>) -> Store {
    let options =
        StoreOptions { database_url: database.map(str::to_owned), ..StoreOptions::embedded(folder, first_set(2)) };
    Store::open(options).await.unwrap()
}

async fn create(store: &Store, name: &str, place: Option<&str>) -> Source {
    let new = NewSource {
        collection: "default".into(),
        kind: "folder".into(),
        name: name.into(),
        settings: "{}".into(),
        place: place.map(str::to_owned),
        trusted: false,
        interval_s: 3600,
    };
    store.sources().create(&new).await.unwrap()
}

fn done(next_sync_at_ms: Option<i64>) -> Ended {
    Ended {
        state: SyncState::Done,
        report: Report::default(),
        error: None,
        landmark: None,
        next_sync_at_ms,
        whole: true,
    }
}

async fn claim(store: &Store) -> Option<Claim> {
    store.sources().claim("worker", "here", LEASE).await.unwrap()
}

/// Two processes on Postgres, one on `SQLite`, with many workers each: nobody holds what another holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_held_by_one_worker_at_a_time() {
    for database in databases() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut stores = vec![open(folders[0].path(), database.as_deref()).await];
        if database.is_some() {
            stores.push(open(folders[1].path(), database.as_deref()).await);
        }
        for name in ["a", "b", "c"] {
            create(&stores[0], name, None).await;
        }
        // Who holds which, as the workers see it.
        let held: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        let syncs = Arc::new(Mutex::new(0));
        let workers: Vec<_> = (0..8)
            .map(|number| {
                let (store, held, syncs) = (stores[number % stores.len()].clone(), held.clone(), syncs.clone());
                tokio::spawn(async move {
                    for _ in 0..30 {
                        let Some(claim) = claim(&store).await else {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            continue;
                        };
                        let id = claim.source.id.to_string();
                        let count = held.lock().unwrap().insert(id.clone(), 1);
                        assert_eq!(count, None, "two workers hold one source");
                        tokio::time::sleep(Duration::from_millis(3)).await;
                        held.lock().unwrap().remove(&id);
                        *syncs.lock().unwrap() += 1;
                        // Due again at once.
                        store.sources().finish(&claim, &done(Some(0))).await.unwrap();
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        assert!(*syncs.lock().unwrap() > 20, "they had something to do");
        for store in stores {
            store.close().await;
        }
    }
}

#[tokio::test]
async fn whoever_is_silent_for_longer_than_the_lease_has_lost_the_source() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        let source = create(&store, "a", None).await;
        let sources = store.sources();
        let dead = sources.claim("dead", "here", Duration::ZERO).await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let alive = claim(&store).await.expect("the lease has ended");
        assert!(alive.sync > dead.sync);
        assert!(matches!(sources.extend(&dead, LEASE).await, Err(StoreError::SyncLost)));
        assert!(matches!(sources.progress(&dead, &Report::default()).await, Err(StoreError::SyncLost)));
        assert!(matches!(sources.finish(&dead, &done(Some(0))).await, Err(StoreError::SyncLost)));
        sources.extend(&alive, LEASE).await.unwrap();
        assert!(claim(&store).await.is_none() && sources.claim_part(source.id, "w", LEASE).await.unwrap().is_none());
        let states: Vec<SyncState> =
            sources.syncs(source.id, None, 10).await.unwrap().items.iter().map(|sync| sync.state).collect();
        assert_eq!(states, [SyncState::Running, SyncState::Interrupted]);

        assert!(!sources.progress(&alive, &Report { added: 3, ..Report::default() }).await.unwrap());
        assert!(sources.stop(source.id).await.unwrap());
        assert!(sources.progress(&alive, &Report { added: 4, ..Report::default() }).await.unwrap(), "told to stop");
        assert_eq!(sources.syncs(source.id, None, 1).await.unwrap().items[0].report.added, 4);
        sources.finish(&alive, &done(None)).await.unwrap();
        assert!(claim(&store).await.is_none(), "only when asked");
        sources.request(source.id, true).await.unwrap();
        let asked = claim(&store).await.unwrap();
        assert!(asked.empty_is_meant);
        sources.finish(&asked, &done(Some(0))).await.unwrap();
        assert!(!claim(&store).await.unwrap().empty_is_meant, "it was meant once");
        store.close().await;
    }
}

#[tokio::test]
async fn a_source_on_a_disk_is_for_the_service_that_sees_it() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        create(&store, "mine", Some("here")).await;
        create(&store, "theirs", Some("there")).await;
        let sources = store.sources();
        assert_eq!(claim(&store).await.unwrap().source.name, "mine");
        assert!(claim(&store).await.is_none());
        assert_eq!(sources.active_at("folder", "there").await.unwrap().len(), 1);
        store.close().await;
    }
}

#[tokio::test]
async fn people_change_sources_in_every_state() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        let source = create(&store, "a", None).await;
        let other = create(&store, "b", None).await;
        let sources = store.sources();
        let duplicate = NewSource {
            collection: "default".into(),
            kind: "site".into(),
            name: "a".into(),
            settings: "{}".into(),
            place: None,
            trusted: false,
            interval_s: 0,
        };
        assert!(matches!(sources.create(&duplicate).await, Err(StoreError::SourceExists(_))));
        let renamed = SourceChange { name: Some("b".into()), ..SourceChange::default() };
        assert!(matches!(sources.change(source.id, &renamed).await, Err(StoreError::SourceExists(_))));

        // Paused while it is held: it stays paused when the sync ends, until it is asked for or resumed.
        let held = claim(&store).await.unwrap();
        assert_eq!(held.source.id, source.id);
        sources.set_state(source.id, SourceState::Paused).await.unwrap();
        assert!(sources.progress(&held, &Report::default()).await.unwrap(), "the sync is told to stop");
        sources.finish(&held, &done(Some(0))).await.unwrap();
        let next = claim(&store).await.unwrap();
        assert_eq!(next.source.id, other.id);
        sources.finish(&next, &done(None)).await.unwrap();
        assert!(claim(&store).await.is_none());
        sources.request(source.id, false).await.unwrap();
        let asked = claim(&store).await.unwrap();
        sources.finish(&asked, &done(Some(0))).await.unwrap();
        assert!(claim(&store).await.is_none(), "still paused");
        sources.set_state(source.id, SourceState::Active).await.unwrap();
        let active = claim(&store).await.unwrap();

        // New settings: what is under way is told to stop, and the source is looked at again at once.
        let held = sources.claim_part(source.id, "w", LEASE).await.unwrap();
        assert!(held.is_none(), "it is held");
        let settings = Some(("{\"new\": 1}".to_owned(), None, false));
        let changed = sources.change(source.id, &SourceChange { settings, ..SourceChange::default() }).await.unwrap();
        assert_eq!((changed.settings.as_str(), changed.landmark), ("{\"new\": 1}", None));
        assert!(sources.progress(&active, &Report::default()).await.unwrap(), "told to stop");
        sources.finish(&active, &done(None)).await.unwrap();
        let again = claim(&store).await.expect("it is due at once");
        sources.finish(&again, &done(None)).await.unwrap();
        assert!(claim(&store).await.is_none());

        // A source that is being removed is not brought back.
        sources.set_state(other.id, SourceState::Removing).await.unwrap();
        let resumed = sources.set_state(other.id, SourceState::Active).await.unwrap();
        assert_eq!(resumed.state, SourceState::Removing);
        assert!(sources.request(other.id, false).await.is_err());
        assert_eq!(claim(&store).await.unwrap().source.id, other.id);

        // Taken away under its holder: what the holder writes is nobody's.
        sources.delete(other.id).await.unwrap();
        assert!(matches!(sources.get(other.id).await, Err(StoreError::NoSuchSource(_))));
        let page = sources.list(None, None, 10).await.unwrap();
        assert_eq!((page.items.len(), page.next_cursor), (1, None));
        store.close().await;
    }
}

#[tokio::test]
async fn items_and_lists_are_kept_page_by_page() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        for number in 0..5 {
            create(&store, &number.to_string(), None).await;
        }
        let sources = store.sources();
        let mut names = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = sources.list(Some("default"), cursor.as_deref(), 2).await.unwrap();
            names.extend(page.items.into_iter().map(|source| source.name));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, ["4", "3", "2", "1", "0"]);
        assert!(matches!(sources.list(None, Some("x"), 2).await, Err(StoreError::Cursor)));

        let claim = claim(&store).await.unwrap();
        let keys = ["a", "a/b", "a/é/c", "a-d", "z%", "z_"];
        for key in keys {
            let blob = store.blobs().add(key.as_bytes()).unwrap();
            let item = NewItem {
                key: key.into(),
                source_uri: format!("x:{key}"),
                file_name: key.into(),
                fingerprint: None,
                sha256: blob.sha256,
                bytes: blob.bytes,
            };
            store.take_item(&claim, &item).await.unwrap();
        }
        assert_eq!(sources.count_known(&claim).await.unwrap(), (6, 6));
        let below: Vec<String> = vec!["a".into(), "a/é".into(), "z%".into()];
        let unseen = sources.unseen(claim.source.id, claim.sync + 1, Some(&below), 10).await.unwrap();
        let mut found: Vec<&str> = unseen.iter().map(|item| item.key.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["a", "a/b", "a/é/c", "z%"], "neighbours of a name are not below it");
        assert!(unseen.iter().all(|item| item.in_step));
        let known = sources.known(claim.source.id, &["a", "nothing"]).await.unwrap();
        assert_eq!((known.len(), known[0].key.as_str()), (1, "a"));
        assert_eq!(sources.counts(claim.source.id).await.unwrap().processing, 6);
        store.close().await;
    }
}
