//! A reranker: imported, configured, and what it changes. Its weights are made here; what matters is that its
//! order is the order, as far as it is given a say.

use std::path::Path;

use serde_json::json;

use crate::made_models::{Made, models_with};
use crate::service::{Database, Service, database};

const TEXTS: [&str; 4] = [
    "The cellar keeps twelve degrees all year round.",
    "The harvest begins in September, when the berries are ripe.",
    "Bottles are stored on their sides in the cellar.",
    "The press was repaired in spring and works again.",
];

fn start(database: &Database, models: &Path, weight: &str) -> Service {
    let models = models.to_str().unwrap();
    let settings = [("TERROIR_MODELS_DIR", models), ("TERROIR_MODELS_RERANK", "judge")];
    Service::start_with(database, &[settings[0], settings[1], ("TERROIR_SEARCH_RERANK_WEIGHT", weight)])
}

#[test]
fn a_reranker_has_the_last_word_on_the_order() {
    let models = models_with("judge", Made::Reranker);
    let service = start(&database(), models.path(), "1");
    let listed = service.get("/v1/models").json();
    assert!(listed["data"].as_array().unwrap().iter().any(|model| model["id"] == "judge"), "{listed}");
    for (index, text) in TEXTS.iter().enumerate() {
        service.add(&format!("{index}.txt"), text.as_bytes());
    }
    let query = "How warm is the cellar?";
    let found = service.post("/api/v1/search", &json!({"query": query, "top_k": 3})).json();
    let hits = found["hits"].as_array().unwrap();
    let scores = hits.iter().map(|hit| hit["rerank_score"].as_f64().unwrap()).collect::<Vec<_>>();
    assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{found}");

    let body = json!({"query": query, "documents": TEXTS, "top_n": 3, "return_documents": true});
    let ranked = service.post("/v1/rerank", &body).json();
    let results = ranked["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for (hit, result) in hits.iter().zip(results) {
        assert_eq!(hit["text"], result["document"]["text"], "{found} {ranked}");
        assert_eq!(result["document"]["text"], TEXTS[result["index"].as_u64().unwrap() as usize]);
        let (one, other) = (hit["rerank_score"].as_f64().unwrap(), result["relevance_score"].as_f64().unwrap());
        assert!((one - other).abs() < 1e-5 && (0.0..=1.0).contains(&one));
    }
    // A leg by itself is not reordered.
    let lexical = service.post("/api/v1/search", &json!({"query": query, "mode": "lexical"})).json();
    assert!(lexical["hits"][0]["rerank_score"].is_null(), "{lexical}");
    let objects = json!({"query": query, "documents": [{"text": TEXTS[0]}], "model": "judge"});
    assert_eq!(service.post("/v1/rerank", &objects).json()["results"][0]["index"], 0);
    for (body, code) in [
        (json!({"query": query, "documents": []}), "invalid_request"),
        (json!({"query": query, "documents": ["a"], "model": "other"}), "model_not_found"),
    ] {
        assert_eq!(service.post("/v1/rerank", &body).error_code(), code);
    }
}

#[test]
fn a_reranker_has_the_say_that_it_is_given() {
    let models = models_with("judge", Made::Reranker);
    for weight in [0.0, 0.5] {
        let service = start(&database(), models.path(), &weight.to_string());
        for (index, text) in TEXTS.iter().enumerate() {
            service.add(&format!("{index}.txt"), text.as_bytes());
        }
        let found = service.post("/api/v1/search", &json!({"query": "How warm is the cellar?", "top_k": 4})).json();
        let hits = found["hits"].as_array().unwrap();
        let place = |hit: &serde_json::Value| {
            weight * hit["rerank_score"].as_f64().unwrap() + (1.0 - weight) * hit["score"].as_f64().unwrap()
        };
        let places: Vec<f64> = hits.iter().map(place).collect();
        assert!(places.len() == 4 && places.is_sorted_by(|a, b| a + 1e-6 >= *b), "{weight}: {found}");
    }
}

#[test]
fn without_a_reranker_the_route_says_how_to_have_one() {
    let service = Service::start(&database());
    let reply = service.post("/v1/rerank", &json!({"query": "a", "documents": ["b"]}));
    assert_eq!(reply.error_code(), "model_missing");
}
