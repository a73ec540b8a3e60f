//! The model by itself, as `OpenAI`'s clients ask for it: formats, tools, log-probabilities, several texts,
//! completions, and what is refused.

use serde_json::{Value, json};

use crate::service::{Reply, Service, database};

const MODEL: &str = "SmolLM2-135M-Instruct";
const PLAIN: &str = "SmolLM2-135M-Instruct:plain";

fn chat(service: &Service, mut body: Value) -> Reply {
    if body.get("messages").is_none() {
        body["messages"] = json!([{"role": "user", "content": "Name a colour."}]);
    }
    service.post("/v1/chat/completions", &body)
}

fn answer(service: &Service, body: Value) -> Value {
    let reply = chat(service, body);
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("no content: {answer}"))
}

/// The data of a stream without its end, which must be there.
fn chunks(reply: &Reply) -> Vec<Value> {
    let data: Vec<&str> = reply.text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (last, chunks) = data.split_last().unwrap_or_else(|| panic!("no stream: {}", reply.text));
    assert_eq!(*last, "[DONE]", "{}", reply.text);
    chunks.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

#[test]
fn the_model_writes_by_itself_where_that_is_asked_for() {
    let service = Service::start(&database());
    let models = service.get("/v1/models").json();
    assert!(models["data"].as_array().unwrap().iter().any(|model| model["id"] == PLAIN), "{models}");
    assert_eq!(service.get(&format!("/v1/models/{PLAIN}")).json()["id"], PLAIN);
    assert_eq!(service.get("/v1/models/gpt-4").error_code(), "model_not_found");

    let body = json!({"model": PLAIN, "temperature": 0, "max_tokens": 12});
    let plain = answer(&service, body.clone());
    assert_eq!(plain["grounded"], false);
    assert_eq!(plain["model"], PLAIN);
    assert!(!content(&plain).is_empty() && plain.get("citations").is_none(), "{plain}");
    let usage = &plain["usage"];
    assert!(usage["completion_tokens"].as_u64().unwrap() <= 12 && usage["prompt_tokens"].as_u64().unwrap() > 5);
    let by_field = json!({"model": MODEL, "grounded": false, "temperature": 0, "max_tokens": 12});
    assert_eq!(content(&answer(&service, by_field)), content(&plain));
    // Nothing is in the documents: a grounded answer says so.
    let grounded = answer(&service, json!({"model": MODEL}));
    assert_eq!((&grounded["grounded"], &grounded["outcome"]), (&json!(true), &json!("abstained")));

    let mut streamed = body;
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let chunks = chunks(&chat(&service, streamed));
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, content(&plain));
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let (usage, last) = (chunks.last().unwrap(), &chunks[chunks.len() - 2]);
    for count in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(usage["usage"][count], plain["usage"][count]);
    }
    // The same prompt was read before.
    assert!(usage["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap() > 5, "{usage}");
    assert_eq!(last["choices"][0]["finish_reason"], plain["choices"][0]["finish_reason"]);
}

#[test]
fn texts_keep_to_their_format() {
    let service = Service::start(&database());
    let schema = json!({
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "count": {"type": "integer", "minimum": 3, "maximum": 9}},
        "required": ["colour", "count"],
        "additionalProperties": false,
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "paint", "schema": schema, "strict": true}});
    for temperature in [0, 2] {
        let body = json!({"model": MODEL, "response_format": format, "temperature": temperature, "seed": 5});
        let reply = answer(&service, body);
        let value: Value = serde_json::from_str(content(&reply)).unwrap_or_else(|error| panic!("{error}: {reply}"));
        assert!(["red", "green"].contains(&value["colour"].as_str().unwrap()), "{value}");
        assert!((3..=9).contains(&value["count"].as_u64().unwrap()), "{value}");
        assert_eq!(value.as_object().unwrap().len(), 2);
        assert_eq!(reply["choices"][0]["finish_reason"], "stop");
    }
    let regex = json!({"type": "regex", "regex": "(red|green), [0-9]{3}"});
    let reply = answer(&service, json!({"model": MODEL, "response_format": regex, "temperature": 1.5, "seed": 1}));
    let (colour, digits) = content(&reply).split_once(", ").unwrap();
    assert!(["red", "green"].contains(&colour) && digits.len() == 3 && digits.parse::<u16>().is_ok(), "{reply}");

    let object =
        json!({"model": MODEL, "response_format": {"type": "json_object"}, "temperature": 0, "max_tokens": 200});
    let reply = answer(&service, object);
    if reply["choices"][0]["finish_reason"] == "stop" {
        assert!(serde_json::from_str::<Value>(content(&reply)).unwrap().is_object(), "{reply}");
    }
    let short = json!({"model": MODEL, "response_format": format, "max_tokens": 3});
    assert_eq!(answer(&service, short)["choices"][0]["finish_reason"], "length");
}

fn weather() -> Value {
    json!({"type": "function", "function": {
        "name": "weather",
        "description": "The weather of a town",
        "parameters": {
            "type": "object",
            "properties": {"town": {"enum": ["Beaune", "Dijon"]}, "days": {"$ref": "#/$defs/days"}},
            "required": ["town", "days"],
            "additionalProperties": false,
            "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 7}},
        },
    }})
}

#[test]
fn tools_are_called_with_valid_arguments() {
    let service = Service::start(&database());
    let named = json!({"type": "function", "function": {"name": "weather"}});
    for choice in [json!("required"), named] {
        let body = json!({"model": MODEL, "tools": [weather()], "tool_choice": choice, "temperature": 1, "seed": 2});
        let reply = answer(&service, body.clone());
        let message = &reply["choices"][0]["message"];
        assert_eq!(reply["choices"][0]["finish_reason"], "tool_calls", "{reply}");
        assert_eq!(message["content"], Value::Null);
        let call = &message["tool_calls"][0];
        assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!("weather")));
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(["Beaune", "Dijon"].contains(&arguments["town"].as_str().unwrap()), "{arguments}");
        assert!((1..=7).contains(&arguments["days"].as_u64().unwrap()), "{arguments}");

        let mut streamed = body;
        streamed["stream"] = json!(true);
        let chunks = chunks(&chat(&service, streamed));
        let call: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"])
            .filter(|call| call.is_array())
            .collect();
        assert_eq!(call.len(), 1, "{chunks:?}");
        assert_eq!(call[0][0]["index"], 0);
        assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    }
    // A call and its result go back into the conversation.
    let messages = json!([
        {"role": "user", "content": "How is the weather in Beaune?"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"town\": \"Beaune\", \"days\": 1}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "12 degrees and rain"},
    ]);
    let body =
        json!({"model": MODEL, "messages": messages, "tools": [weather()], "tool_choice": "none", "max_tokens": 20});
    assert!(!content(&answer(&service, body)).is_empty());
}

#[test]
fn probabilities_and_several_texts_come_as_asked() {
    let service = Service::start(&database());
    let body = json!({"model": PLAIN, "logprobs": true, "top_logprobs": 3, "temperature": 0, "max_tokens": 8});
    let reply = answer(&service, body);
    let tokens = reply["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let joined: Vec<u8> = tokens
        .iter()
        .flat_map(|token| token["bytes"].as_array().unwrap())
        .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
        .collect();
    assert_eq!(String::from_utf8_lossy(&joined), content(&reply));
    for token in tokens {
        let top = token["top_logprobs"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        assert_eq!((&top[0]["token"], &top[0]["logprob"]), (&token["token"], &token["logprob"]), "greedy");
        assert!(token["logprob"].as_f64().unwrap() <= 0.0);
    }

    let body = json!({"model": PLAIN, "n": 3, "seed": 4, "temperature": 1.5, "max_tokens": 10});
    let reply = answer(&service, body.clone());
    let texts: Vec<&str> = reply["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice["message"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(texts.len(), 3);
    assert!(texts[0] != texts[1] || texts[1] != texts[2], "{texts:?}");
    assert_eq!(reply["choices"], answer(&service, body.clone())["choices"], "a seed repeats");
    let mut streamed = body;
    streamed["stream"] = json!(true);
    for (index, text) in texts.iter().enumerate() {
        let own = chunks(&chat(&service, streamed.clone()))
            .iter()
            .map(|chunk| chunk["choices"][0].clone())
            .filter(|choice| choice["index"] == index)
            .filter_map(|choice| choice["delta"]["content"].as_str().map(str::to_owned))
            .collect::<String>();
        assert_eq!(own, *text);
    }
}

#[test]
fn completions_go_on_with_texts_and_tokens() {
    let service = Service::start(&database());
    let complete = |body: Value| {
        let reply = service.post("/v1/completions", &body);
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    };
    let two = complete(json!({"model": MODEL, "prompt": ["One, two,", "Red, green,"], "n": 2, "temperature": 0}));
    let choices = two["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 4);
    assert_eq!(choices[0]["text"], choices[1]["text"]);
    assert_ne!(choices[0]["text"], choices[2]["text"]);
    assert!(two["usage"]["completion_tokens"].as_u64().unwrap() <= 4 * 16, "{two}");
    let one = complete(json!({"prompt": "One, two,", "temperature": 0, "logprobs": 2}));
    assert_eq!(one["choices"][0]["text"], choices[0]["text"]);
    let logprobs = &one["choices"][0]["logprobs"];
    let joined: String = logprobs["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
    assert_eq!(joined, one["choices"][0]["text"].as_str().unwrap());
    assert_eq!(logprobs["top_logprobs"][0].as_object().unwrap().len(), 2);

    let tokens = complete(json!({"prompt": [[10, 20, 30], [40, 50]], "max_tokens": 4}));
    assert_eq!(tokens["choices"].as_array().unwrap().len(), 2);
    let stop = complete(json!({"prompt": "One, two,", "temperature": 0, "stop": [","]}));
    let whole = choices[0]["text"].as_str().unwrap();
    assert_eq!(stop["choices"][0]["text"].as_str().unwrap(), &whole[..whole.find(',').unwrap_or(whole.len())]);

    let body =
        json!({"prompt": "One, two,", "temperature": 0, "stream": true, "stream_options": {"include_usage": true}});
    let chunks = chunks(&service.post("/v1/completions", &body));
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, whole);
    assert_eq!(chunks.last().unwrap()["usage"], one["usage"]);
}

#[test]
fn what_cannot_be_served_is_refused_with_code_and_parameter() {
    let service = Service::start(&database());
    let format =
        |schema: Value| json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": true}});
    let bad = format(json!({"type": "object", "properties": {"a": {"not": {}}}}));
    let bad_tool = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "nothing"}}}]);
    let bogus = json!({"type": "function", "function": {"name": "other"}});
    for (body, status, code, param) in [
        (json!({"model": "gpt-4"}), 404, "model_not_found", "model"),
        (json!({"messages": []}), 400, "invalid_request", "messages"),
        (
            json!({"messages": [{"role": "robot", "content": "x"}], "grounded": false}),
            400,
            "invalid_request",
            "messages",
        ),
        (json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), 400, "unsupported", "messages"),
        (json!({"temperature": 99}), 400, "invalid_request", "temperature"),
        (json!({"top_p": 0, "grounded": false}), 400, "invalid_request", "top_p"),
        (json!({"max_tokens": 0}), 400, "invalid_request", "max_tokens"),
        (json!({"n": 1000}), 400, "invalid_request", "n"),
        (json!({"n": 2, "grounded": true}), 400, "unsupported", "n"),
        (json!({"logprobs": true, "top_logprobs": 30}), 400, "invalid_request", "top_logprobs"),
        (json!({"response_format": bad}), 400, "invalid_request", "response_format"),
        (json!({"response_format": {"type": "regex", "regex": "(a"}}), 400, "invalid_request", "response_format"),
        (
            json!({"response_format": {"type": "json_object"}, "tools": [weather()]}),
            400,
            "unsupported",
            "response_format",
        ),
        (json!({"tools": bad_tool, "tool_choice": "required"}), 400, "invalid_request", "tools"),
        (json!({"tools": [weather()], "tool_choice": bogus}), 400, "invalid_request", "tool_choice"),
        (json!({"modalities": ["audio"]}), 400, "unsupported", "modalities"),
        (
            json!({"messages": [{"role": "user", "content": "word ".repeat(9000)}], "grounded": false}),
            400,
            "context_length_exceeded",
            "messages",
        ),
    ] {
        let shown = body.to_string().chars().take(200).collect::<String>();
        let reply = chat(&service, body);
        assert_eq!((reply.status, reply.error_code().as_str()), (status, code), "{shown}: {}", reply.text);
        assert_eq!(reply.json()["error"]["param"], param, "{shown}: {}", reply.text);
    }
    assert!(chat(&service, json!({"response_format": bad})).text.contains("/properties/a"));
    for (body, code, param) in [
        (json!({}), "invalid_request", "prompt"),
        (json!({"prompt": []}), "invalid_request", "prompt"),
        (json!({"prompt": [1_000_000]}), "invalid_request", "prompt"),
        (json!({"prompt": "x", "echo": true}), "unsupported", "echo"),
        (json!({"prompt": "x", "suffix": "y"}), "unsupported", "suffix"),
        (json!({"prompt": "x", "best_of": 3}), "unsupported", "best_of"),
        (json!({"prompt": "word ".repeat(9000)}), "context_length_exceeded", "prompt"),
    ] {
        let reply = service.post("/v1/completions", &body);
        assert_eq!((reply.status, reply.error_code().as_str()), (400, code), "{}", reply.text);
        assert_eq!(reply.json()["error"]["param"], param, "{}", reply.text);
    }
}

#[test]
fn whoever_has_no_key_gets_no_text() {
    let service = Service::start_with(&database(), &[("TERROIR_API_KEY", "secret")]);
    for path in ["/v1/completions", "/v1/chat/completions"] {
        let reply = service.post(path, &json!({"prompt": "x", "messages": [{"role": "user", "content": "x"}]}));
        assert_eq!((reply.status, reply.error_code().as_str()), (401, "unauthorized"));
    }
}
