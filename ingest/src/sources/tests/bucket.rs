//! Buckets, over `OpenDAL`'s store in memory.

use opendal::Operator;
use opendal::services::Memory;
use serde_json::{Value, json};

use super::super::SourceError;
use super::super::bucket::Bucket;
use super::{Bench, Counting, counts, settings};

fn bucket(operator: &Operator, more: Value) -> Bucket {
    let mut value = json!({"service": "s3", "bucket": "shelf"});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Bucket::over(operator.clone(), &settings(value), "s3://shelf/".into()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_follow_the_objects() {
    let operator = Operator::new(Memory::default()).unwrap();
    for (path, text) in [("a.md", "One."), ("deep/down/b.md", "Two."), ("c.bin", "Three.")] {
        operator.write(path, text).await.unwrap();
    }
    let bench = Bench::new("bucket").await;
    let origin = Counting::new(bucket(&operator, json!({"exclude": ["*.bin"]})));
    assert_eq!(bench.counts(&origin).await, [2, 0, 0, 0, 0]);
    assert_eq!(
        bench.documents().await.into_keys().collect::<Vec<_>>(),
        ["s3://shelf/a.md", "s3://shelf/deep/down/b.md"]
    );
    origin.fetched();
    assert_eq!(bench.counts(&origin).await, [0, 0, 0, 2, 0]);
    operator.write("a.md", "One and a half.").await.unwrap();
    operator.delete("deep/down/b.md").await.unwrap();
    assert_eq!(bench.counts(&origin).await, [0, 1, 1, 0, 0]);
    assert_eq!(bench.documents().await.into_values().collect::<Vec<_>>(), ["One and a half."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_too_long_is_told_and_a_folder_that_became_empty_is_not_believed() {
    let operator = Operator::new(Memory::default()).unwrap();
    operator.write("long.md", "x".repeat(2000)).await.unwrap();
    operator.write("short.md", "x").await.unwrap();
    let mut bench = Bench::new("bucket").await;
    bench.max_bytes = 1000;
    let (result, report) = bench.sync(&bucket(&operator, json!({}))).await;
    result.unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 1]);
    assert_eq!(report.failures[0].code, "too_large");

    operator.delete("long.md").await.unwrap();
    operator.delete("short.md").await.unwrap();
    let remote = json!({"service": "webdav", "endpoint": "https://files.example"});
    let (result, report) = bench.sync(&bucket(&operator, remote)).await;
    assert!(matches!(result, Err(SourceError::Emptied { known: 1, .. })), "{result:?}");
    assert_eq!(report.removed, 0);
    let (result, report) = bench.sync(&bucket(&operator, json!({}))).await;
    result.unwrap();
    assert_eq!(report.removed, 1, "an object store that can be listed is itself");
}
