//! How long something took, many times over.

/// The median and the 95th percentile.
pub fn p50_and_p95(mut times_ms: Vec<f64>) -> (f64, f64) {
    times_ms.sort_by(f64::total_cmp);
    let percentile = |share: f64| times_ms.get((times_ms.len() as f64 * share) as usize).copied().unwrap_or_default();
    (percentile(0.5), percentile(0.95))
}
