//! Questions: events in order, verified quotes, abstention, and the same answer in every shape.

use serde_json::{Value, json};

use crate::fixtures;
use crate::service::{Database, PATIENCE, Service, database};

const ORCHARD: &str = "# The orchard\n\nThe orchard was planted in 1962 by Marthe Keller. It has two hundred quince trees.\n\nQuinces are harvested in October, after the first cold night. They keep until January on straw.\n\n# The cellar\n\nThe cellar is kept at eleven degrees. Wine is stored on the left side, cheese on the right.\n";

fn service(database: &Database) -> Service {
    let service = Service::start(database);
    service.add("orchard.md", ORCHARD.as_bytes());
    service.add(
        "well.pdf",
        &fixtures::pdf(&[
            &["The village hall opens on Mondays."],
            &["The well is forty metres deep.", "It was dug by hand in 1874."],
        ]),
    );
    service
}

/// Looks at everything that an answer promises.
fn check_answer(service: &Service, answer: &Value, expected: &str) {
    assert_eq!(answer["outcome"], "answered", "{answer}");
    let text = answer["text"].as_str().unwrap();
    assert!(text.contains(expected), "{text}");
    let citations = answer["citations"].as_array().unwrap();
    assert!(!citations.is_empty(), "{answer}");
    for citation in citations {
        assert_eq!(citation["verified"], true, "{citation}");
        assert!(text.contains(&format!("[{}]", citation["marker"])), "{text} has no marker of {citation}");
        let document = citation["document"].as_str().unwrap();
        let stored = service.get(&format!("/api/v1/documents/{document}/text")).json();
        let stored: Vec<char> = stored["text"].as_str().unwrap().chars().collect();
        let range = citation["char_start"].as_u64().unwrap() as usize..citation["char_end"].as_u64().unwrap() as usize;
        let slice: String = stored[range].iter().collect();
        assert_eq!(slice, citation["quote"].as_str().unwrap());
    }
    assert!(answer["model"]["sha256"].as_str().unwrap().len() == 64, "{answer}");
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() > 0, "{answer}");
}

#[test]
fn an_answer_is_quotes_that_stand_in_the_documents() {
    let database = database();
    let service = service(&database);
    let reply = service.post("/api/v1/ask", &json!({"question": "When are quinces harvested?"}));
    assert_eq!(reply.status, 200, "{}", reply.text);
    let events = reply.events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.first(), Some(&"sources"), "{names:?}");
    assert_eq!(names.last(), Some(&"done"), "{names:?}");
    assert_eq!(names.iter().filter(|name| ["done", "failed"].contains(name)).count(), 1);
    let (_, done) = events.last().unwrap();
    check_answer(&service, done, "October");

    let deltas: String =
        events.iter().filter(|(name, _)| name == "delta").map(|(_, data)| data["text"].as_str().unwrap()).collect();
    assert_eq!(deltas, done["text"].as_str().unwrap());
    let cited: Vec<&Value> = events.iter().filter(|(name, _)| name == "citation").map(|(_, data)| data).collect();
    assert_eq!(json!(cited), done["citations"]);
    assert_eq!(events[0].1["id"], done["id"]);
    assert_eq!(events[0].1["passages"], done["passages"]);
}

#[test]
fn a_citation_of_a_pdf_knows_its_page_and_its_boxes() {
    let service = service(&database());
    let answer = service.post("/api/v1/ask", &json!({"question": "How deep is the well?", "stream": false})).json();
    check_answer(&service, &answer, "forty metres");
    let citation = &answer["citations"][0];
    assert_eq!(citation["page"], 2, "{citation}");
    assert_eq!(citation["boxes"][0]["page"], 2, "{citation}");
    assert!(citation["boxes"][0]["width"].as_f64().unwrap() > 50.0, "{citation}");
}

#[test]
fn what_the_documents_do_not_say_is_not_answered() {
    let service = service(&database());
    for (question, language) in
        [("What is the capital of Mongolia?", "documents"), ("Quelle est la capitale de la Mongolie ?", "documents")]
    {
        let answer = service.post("/api/v1/ask", &json!({"question": question, "stream": false})).json();
        assert_eq!(answer["outcome"], "abstained", "{answer}");
        assert_eq!(answer["citations"], json!([]));
        assert!(answer["text"].as_str().unwrap().contains(language), "{answer}");
    }
    let empty = Service::start(&database());
    let answer = empty.post("/api/v1/ask", &json!({"question": "Anything?", "stream": false})).json();
    assert_eq!(answer["outcome"], "abstained", "{answer}");
    assert_eq!(answer["passages"], json!([]));
}

#[test]
fn the_same_question_gets_the_same_answer() {
    let service = service(&database());
    let ask = || service.post("/api/v1/ask", &json!({"question": "Who planted the orchard?", "stream": false})).json();
    let (first, second) = (ask(), ask());
    check_answer(&service, &first, "Marthe Keller");
    assert_eq!(first["text"], second["text"]);
    assert_eq!(first["citations"], second["citations"]);
}

#[test]
fn composed_answers_mark_what_they_cannot_prove() {
    let service = service(&database());
    let body = json!({"question": "Who planted the orchard?", "style": "compose", "stream": false, "seed": 7, "max_tokens": 60});
    let answer = service.post("/api/v1/ask", &body).json();
    assert!(["answered", "abstained"].contains(&answer["outcome"].as_str().unwrap()), "{answer}");
    for citation in answer["citations"].as_array().unwrap() {
        let quote = citation["quote"].as_str().unwrap();
        assert!(citation["verified"] == false || ORCHARD.contains(quote) || quote.contains("well"), "{citation}");
    }
    assert_eq!(answer["text"], service.post("/api/v1/ask", &body).json()["text"], "a seed repeats");
}

#[test]
fn openai_clients_get_their_shapes() {
    let service = service(&database());
    let models = service.get("/v1/models").json();
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(models["object"], "list");
    assert!(ids.contains(&"all-MiniLM-L6-v2"), "{ids:?}");

    let messages =
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When are quinces harvested?"}]);
    let body = json!({"model": "SmolLM2-135M-Instruct", "messages": messages});
    let whole = service.post("/v1/chat/completions", &body).json();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    let content = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.contains("October"), "{whole}");
    assert_eq!(whole["citations"][0]["verified"], true);
    assert!(whole["usage"]["total_tokens"].as_u64().unwrap() > 0);

    let body = json!({"model": "SmolLM2-135M-Instruct", "messages": messages, "stream": true, "stream_options": {"include_usage": true}});
    let stream = service.post("/v1/chat/completions", &body).text;
    let data: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = data[..data.len() - 1].iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    assert!(chunks[0]["sources"].as_array().is_some_and(|sources| !sources.is_empty()));
    let streamed: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(streamed, content);
    assert!(chunks.last().unwrap()["usage"]["total_tokens"].as_u64().unwrap() > 0);

    let unknown = service.post("/v1/chat/completions", &json!({"model": "gpt-4", "messages": messages}));
    assert_eq!((unknown.status, unknown.error_code().as_str()), (404, "model_not_found"));
}

#[test]
fn embeddings_are_unit_vectors_in_both_encodings() {
    let service = Service::start(&database());
    let body = json!({"model": "all-MiniLM-L6-v2", "input": ["a quince", "a heron", "a quince"]});
    let plain = service.post("/v1/embeddings", &body).json();
    let vectors: Vec<Vec<f64>> = plain["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| serde_json::from_value(item["embedding"].clone()).unwrap())
        .collect();
    assert_eq!(vectors.len(), 3);
    for vector in &vectors {
        assert_eq!(vector.len(), 384);
        let length: f64 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    let distance: f64 = vectors[0].iter().zip(&vectors[2]).map(|(left, right)| (left - right).abs()).sum();
    assert!(distance < 1e-4);
    let encoded = service.post("/v1/embeddings", &json!({"input": "a quince", "encoding_format": "base64"})).json();
    assert_eq!(encoded["data"][0]["embedding"].as_str().unwrap().len(), 384 * 4 / 3 * 4);
    assert!(plain["usage"]["prompt_tokens"].as_u64().unwrap() >= 9);
}

/// A reader that leaves stops the model: the next answer does not wait for the abandoned ones.
#[test]
fn readers_that_leave_stop_their_answers() {
    let service = service(&database());
    let body = json!({"question": "Who planted the orchard, and what is kept in the cellar?", "style": "compose", "max_tokens": 256});
    for _ in 0..12 {
        let response = ureq::post(service.url("/api/v1/ask")).send_json(&body).unwrap();
        drop(response);
    }
    let started = std::time::Instant::now();
    let answer = service.post("/api/v1/ask", &json!({"question": "How deep is the well?", "stream": false})).json();
    assert_eq!(answer["outcome"], "answered", "{answer}");
    assert!(started.elapsed() < PATIENCE / 2);
}

#[test]
fn a_question_that_points_back_is_looked_for_with_what_it_points_to() {
    let service = service(&database());
    let earlier = json!(["What is the well in the village?"]);
    let ask = |question: &str, earlier: &Value| {
        service.post("/api/v1/ask", &json!({"question": question, "earlier": earlier, "stream": false})).json()
    };
    let answer = ask("When was it dug by hand?", &earlier);
    assert_eq!(answer["understood"], "When was it dug by hand? (well village)");
    check_answer(&service, &answer, "1874");
    assert!(ask("When are quinces harvested?", &earlier)["understood"].is_null());
    // As clients of the other API have it: the conversation itself.
    let messages = json!([
        {"role": "user", "content": earlier[0]},
        {"role": "assistant", "content": "It is forty metres deep."},
        {"role": "user", "content": "When was it dug by hand?"},
    ]);
    let model = service.get("/v1/models").json();
    let model = model["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["id"].as_str().unwrap().contains("SmolLM2"))
        .unwrap();
    let chat = service.post("/v1/chat/completions", &json!({"model": model["id"], "messages": messages})).json();
    assert!(chat["choices"][0]["message"]["content"].as_str().unwrap().contains("1874"), "{chat}");

    let told = service.command(&["ask", "When was it dug by hand?", "--earlier", "What is the well in the village?"]);
    assert!(String::from_utf8_lossy(&told.stdout).starts_with("looked for: When was it dug by hand? (well village)"));
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let refused = service.post("/api/v1/ask", &json!({"question": "And then?", "earlier": many}));
    assert_eq!(refused.error_code(), "question_too_long");
}
