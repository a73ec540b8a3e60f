//! Numbers for Prometheus. Labels are routes and outcomes, never content or addresses.

use std::time::Duration;

use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

/// The service's metrics; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    answers: IntCounterVec,
    answer_seconds: HistogramVec,
    documents: IntGaugeVec,
}

const SECONDS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels)
        };
        let metrics = Self {
            registry: Registry::new(),
            requests: histogram(
                "terroir_request_seconds",
                "Time from request to the head of the response",
                &["route", "method", "status"],
            )?,
            answers: IntCounterVec::new(Opts::new("terroir_answers_total", "Answers by outcome"), &["outcome"])?,
            answer_seconds: histogram(
                "terroir_answer_seconds",
                "Time from a question to a stage of its answer",
                &["stage"],
            )?,
            documents: IntGaugeVec::new(
                Opts::new("terroir_documents", "Documents by status, at the time of the scrape"),
                &["status"],
            )?,
        };
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.answers.clone()))?;
        metrics.registry.register(Box::new(metrics.answer_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.documents.clone()))?;
        Ok(metrics)
    }

    pub fn request(&self, route: &str, method: &str, status: u16, elapsed: Duration) {
        self.requests.with_label_values(&[route, method, &status.to_string()]).observe(elapsed.as_secs_f64());
    }

    /// `outcome`: answered, abstained, failed or cancelled.
    pub fn answer(&self, outcome: &str) {
        self.answers.with_label_values(&[outcome]).inc();
    }

    /// `stage`: search, `first_event` or total.
    pub fn answer_stage(&self, stage: &str, elapsed: Duration) {
        self.answer_seconds.with_label_values(&[stage]).observe(elapsed.as_secs_f64());
    }

    pub fn documents(&self, status: &str, count: i64) {
        self.documents.with_label_values(&[status]).set(count);
    }

    /// The Prometheus text format, version 0.0.4.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut buffer = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut buffer)?;
        String::from_utf8(buffer).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}
