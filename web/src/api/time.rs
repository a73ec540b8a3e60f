//! Times at the edge: RFC 3339 in UTC.

/// Milliseconds since 1970 → `2026-01-31T12:00:00.000Z`.
pub fn rfc3339(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
