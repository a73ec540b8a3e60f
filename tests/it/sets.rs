//! Another model and other chunks beside those in use: filled, compared by questions of one's own, refused or put in
//! use, and gone back from, while the service answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::made_models::{Made, models_with};
use crate::service::{PATIENCE, Service, database};

/// Enough that one place more or less is no accident.
const FACTS: [(&str, &str); 12] = [
    ("storks", "The storks return to the village in the last week of March."),
    ("cellar", "The cellar under the mill keeps quinces at four degrees."),
    ("ferry", "The ferry across the lake runs every forty minutes on weekdays."),
    ("bells", "The church bells were cast in Strasbourg in 1742."),
    ("honey", "Chestnut honey from the upper valley is dark and slightly bitter."),
    ("council", "The council meets on the first Tuesday of each month."),
    ("bridge", "Lorries over seven tonnes may not cross the wooden bridge."),
    ("library", "The library lends seeds to gardeners in spring."),
    ("bakery", "Rye bread is baked on Fridays in the common oven."),
    ("spring", "The spring behind the chapel never froze, not even in 1956."),
    ("school", "Forty-two children attend the school at the crossing."),
    ("forest", "Beeches were felled in the northern forest after the storm."),
];

fn questions(service: &Service) {
    for (name, fact) in FACTS {
        let text = format!("About the {name}.\n\n{fact}\n\nMore of it is told on other pages of this parish book.");
        let document = service.add(&format!("{name}.txt"), text.as_bytes())["id"].clone();
        let body = json!({"document": document, "question": format!("What is said of the {name}?"), "quote": fact});
        assert_eq!(service.post("/api/v1/evaluation/questions", &body).status, 201);
    }
}

fn json_of(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn in_use(service: &Service) -> Value {
    let sets = service.get("/api/v1/index-sets").json();
    sets["items"].as_array().unwrap().iter().find(|set| set["state"] == "in_use").unwrap().clone()
}

fn first_hit(service: &Service, query: &str) -> String {
    // By words: the made model's vectors say nothing.
    let found = service.post("/api/v1/search", &json!({"query": query, "mode": "lexical"})).json();
    found["hits"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_worse_model_is_refused_and_a_forced_switch_can_be_taken_back() {
    let models = models_with("noise", Made::Encoder);
    let service = Service::start_with(&database(), &[("TERROIR_MODELS_DIR", models.path().to_str().unwrap())]);
    questions(&service);
    let before = in_use(&service);
    assert_eq!((before["model"].as_str(), before["built"].as_u64()), (Some("all-MiniLM-L6-v2"), Some(12)));

    let built = json_of(&service.command(&["sets", "build", "--model", "noise", "--json"]));
    assert_eq!((built["state"].as_str(), built["built"].as_u64()), (Some("beside"), Some(12)), "{built}");
    let compared = json_of(&service.command(&["sets", "compare", "--json"]));
    assert_eq!(compared["in_use"]["questions"], 12, "{compared}");
    assert_eq!(compared["verdict"], "worse", "{compared}");
    assert!(compared["in_use"]["ndcg@10"].as_f64() > compared["other"]["ndcg@10"].as_f64(), "{compared}");

    let refused = service.command(&["sets", "use"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("it finds less"), "{refused:?}");
    assert_eq!(in_use(&service)["id"], before["id"]);

    let forced = json_of(&service.command(&["sets", "use", "--force", "--json"]));
    assert_eq!((forced["state"].as_str(), forced["model"].as_str()), (Some("in_use"), Some("noise")));
    assert_eq!(service.get("/api/v1/status").json()["models"]["embed"]["name"], "noise");
    // Words are found by it as well, and what comes now is put into it.
    assert!(first_hit(&service, "common oven rye bread").contains("Rye bread"));
    service.add("late.txt", b"The hedgehogs came late to the orchard wall.");
    assert!(first_hit(&service, "hedgehogs orchard").contains("hedgehogs"));

    // Back: what came meanwhile is put into the old one first.
    let id = before["id"].as_str().unwrap();
    let back = json_of(&service.command(&["sets", "use", id, "--json"]));
    assert_eq!((back["state"].as_str(), back["built"].as_u64()), (Some("in_use"), Some(13)), "{back}");
    assert!(first_hit(&service, "hedgehogs orchard").contains("hedgehogs"));
    let report = service.post("/api/v1/doctor", &json!({})).json();
    assert_eq!((report["healthy"].as_bool(), report["documents"].as_u64()), (Some(true), Some(13)), "{report}");
    assert!(service.command(&["sets", "drop", forced["id"].as_str().unwrap()]).status.success());
    assert_eq!(service.get("/api/v1/index-sets").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn shorter_chunks_are_made_of_what_is_kept_and_survive_kills() {
    let mut service = Service::start(&database());
    questions(&service);
    let long = "Another parcel of the long register lies by the river. ".repeat(60);
    let register = service.add("register.txt", long.as_bytes())["id"].as_str().unwrap().to_owned();
    let chunks = |service: &Service| service.get(&format!("/api/v1/documents/{register}")).json()["chunks"].as_u64();
    let before = chunks(&service);

    for (body, code) in [
        (json!({"chunk_tokens": 5}), "invalid_request"),
        (json!({"chunk_tokens": 100_000}), "invalid_request"),
        (json!({}), "invalid_request"),
        (json!({"model": "nothing-of-that-name"}), "model_not_found"),
    ] {
        assert_eq!(service.post("/api/v1/index-sets", &body).error_code(), code, "{body}");
    }
    let set = service.post("/api/v1/index-sets", &json!({"chunk_tokens": 48}));
    assert_eq!(set.status, 202);
    let id = set.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(service.post("/api/v1/index-sets", &json!({"chunk_tokens": 64})).error_code(), "conflict");
    let began = Instant::now();
    loop {
        service.kill_and_restart();
        assert!(first_hit(&service, "wooden bridge lorries").contains("Lorries"), "searches go on in the one in use");
        let set = service.get(&format!("/api/v1/index-sets/{id}")).json();
        if set["built"] == set["documents"] {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{set}");
        std::thread::sleep(Duration::from_secs(2));
    }
    let used = service.post(&format!("/api/v1/index-sets/{id}/use"), &json!({}));
    assert_eq!(used.status, 200, "{:?}", used.json());
    assert_eq!(used.json()["chunk_tokens"], 48);
    assert!(chunks(&service) > before, "the document says how many chunks it has now");
    service.kill_and_restart();
    assert_eq!(in_use(&service)["id"], id.as_str());
    assert!(first_hit(&service, "wooden bridge lorries").contains("Lorries"));
    assert_eq!(service.post("/api/v1/doctor", &json!({})).json()["healthy"], true);
}

#[test]
fn questions_are_proposed_confirmed_and_go_with_their_document() {
    let service = Service::start(&database());
    for (number, facts) in FACTS.chunks(4).enumerate() {
        let page: Vec<&str> = facts.iter().map(|(_, fact)| *fact).collect();
        service.add(&format!("{number}.txt"), page.join(" ").as_bytes());
    }
    let made = json_of(&service.command(&["eval", "make", "--count", "3", "--json"]));
    let proposed = made["items"].as_array().unwrap();
    assert!(!proposed.is_empty(), "{made}");
    for question in proposed {
        assert_eq!(question["state"], "proposed");
        assert!(question["question"].as_str().unwrap().ends_with('?'), "{question}");
        let document = question["document"].as_str().unwrap();
        let text = service.get(&format!("/api/v1/documents/{document}/text")).json();
        assert!(text.to_string().contains(question["quote"].as_str().unwrap()), "{question}");
    }
    // Nothing counts that nobody confirmed.
    let (id, document) = (proposed[0]["id"].as_str().unwrap(), proposed[0]["document"].as_str().unwrap());
    let confirmed = || service.get("/api/v1/evaluation/questions").json()["items"].as_array().unwrap().clone();
    assert!(confirmed().is_empty());
    assert!(service.command(&["eval", "confirm", id, "In which words would a person ask?"]).status.success());
    assert_eq!(confirmed()[0]["question"], "In which words would a person ask?");
    check_export(&service, id, document);
    let wrong = json!({"document": document, "question": "Really?", "quote": "words that do not stand there"});
    assert_eq!(service.post("/api/v1/evaluation/questions", &wrong).error_code(), "invalid_request");

    let receipt = service.delete(&format!("/api/v1/documents/{document}")).json();
    let places = receipt["places"].as_array().unwrap();
    let place = places.iter().find(|place| place["place"] == "evaluation_questions").unwrap();
    assert_eq!((place["found_before"].as_u64(), place["gone"].as_bool()), (Some(1), Some(true)), "{place}");
    assert!(confirmed().is_empty());
    assert_eq!(
        service.delete(&format!("/api/v1/evaluation/questions/{id}")).error_code(),
        "evaluation_question_not_found"
    );
}

/// What was confirmed is a test collection, which can be measured with.
fn check_export(service: &Service, question: &str, document: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judged");
    let exported = || service.command(&["--json", "eval", "export", path.to_str().unwrap()]);
    let told = json_of(&exported());
    assert_eq!(told["questions"], 1, "{told}");
    let lines = |name: &str| -> Vec<String> {
        std::fs::read_to_string(path.join(name)).unwrap().lines().map(str::to_owned).collect()
    };
    let corpus: Vec<Value> = lines("corpus.jsonl").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told["documents"], corpus.len());
    let written = corpus.iter().find(|written| written["_id"] == document).unwrap();
    let text = service.get(&format!("/api/v1/documents/{document}/text")).json();
    assert_eq!(written["text"], text["text"]);
    assert_eq!(
        lines("qrels/test.tsv"),
        ["query-id\tcorpus-id\tscore".to_owned(), format!("{question}\t{document}\t1")]
    );
    let measured =
        json_of(&service.command(&["--json", "eval", "retrieval", path.to_str().unwrap(), "--mode", "lexical"]));
    assert_eq!(measured["queries"], 1, "{measured}");
    // Nothing is written over.
    assert!(!exported().status.success());
}
