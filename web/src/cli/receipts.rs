//! `receipts`, and how a receipt is told.

use serde_json::{Value, json};

use super::client::{Client, encoded};
use super::print_json;
use crate::config::Settings;

/// Lists receipts, or shows one.
pub fn receipts(settings: &Settings, id: Option<&str>, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let Some(id) = id else {
        return list(&client, json);
    };
    let receipt = client.get(&format!("/api/v1/receipts/{}", encoded(id)))?;
    if json {
        return print_json(&receipt);
    }
    println!("{}  {}", text(&receipt["removed_at"]), subject(&receipt));
    tell(&receipt);
    Ok(())
}

fn list(client: &Client, json: bool) -> anyhow::Result<()> {
    let mut items: Vec<Value> = Vec::new();
    let mut path = "/api/v1/receipts?limit=200".to_owned();
    loop {
        let page = client.get(&path)?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/receipts?limit=200&cursor={}", encoded(cursor)),
            None => break,
        }
    }
    if json {
        return print_json(&json!({"items": items}));
    }
    for receipt in &items {
        let remains = remaining(receipt).count();
        println!(
            "{}  {}  {}  may remain in {remains} places",
            text(&receipt["receipt"]),
            text(&receipt["removed_at"]),
            subject(receipt)
        );
    }
    println!("{} receipts", items.len());
    Ok(())
}

/// What went, and what remains until when.
pub fn tell(receipt: &Value) {
    for place in receipt["places"].as_array().into_iter().flatten() {
        if place["gone"] == true && place["found_before"].as_u64().is_some_and(|found| found > 0) {
            println!("  gone      {:<17} {} found before", text(&place["place"]), place["found_before"]);
        }
    }
    for place in remaining(receipt) {
        let found = place["found_after"].as_u64().map_or_else(|| "?".to_owned(), |found| found.to_string());
        println!("  remains   {:<17} {found}: until {}", text(&place["place"]), text(&place["remains_until"]));
    }
    for (name, words) in [
        ("kept_for", "the original is kept for"),
        ("only_theirs", "only this person could read"),
        ("backups", "may be in the backup of"),
    ] {
        for item in receipt[name].as_array().into_iter().flatten() {
            println!("  {words} {}", text(item));
        }
    }
    println!("receipt {}", text(&receipt["receipt"]));
}

fn remaining(receipt: &Value) -> impl Iterator<Item = &Value> {
    receipt["places"].as_array().into_iter().flatten().filter(|place| place["gone"] != true)
}

fn subject(receipt: &Value) -> String {
    match receipt["document"].as_str() {
        Some(document) => format!("document {document}"),
        None => format!("person {}", text(&receipt["person"])),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
