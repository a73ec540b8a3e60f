//! `reindex` and `doctor`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::Client;
use super::print_json;
use crate::config::Settings;

pub fn reindex(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    eprintln!("building both indexes from the database …");
    let built = client.post("/api/v1/reindex", &json!({}))?;
    if json {
        return print_json(&built);
    }
    println!("{} documents, {} chunks in {} ms", built["documents"], built["chunks"], built["took_ms"]);
    Ok(())
}

/// Succeeds only if database and indexes agree (after the repair, where one was asked for).
pub fn doctor(settings: &Settings, repair: bool, json: bool) -> anyhow::Result<ExitCode> {
    let client = Client::connect(settings)?;
    let report = client.post("/api/v1/doctor", &json!({"repair": repair}))?;
    if json {
        print_json(&report)?;
    } else {
        print_report(&report);
    }
    let healthy = report["healthy"] == true;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_report(report: &Value) {
    println!(
        "{} documents; chunks: {} in the database, {} lexical, {} dense",
        report["documents"], report["chunks_sql"], report["chunks_lexical"], report["chunks_dense"]
    );
    let none = Vec::new();
    let differences = report["differences"].as_array().unwrap_or(&none);
    for difference in differences {
        println!("  {difference}");
    }
    if report["healthy"] == true {
        println!("database and indexes agree");
    } else {
        println!("{} differences; mend them with: terroir doctor --repair", differences.len());
    }
}
