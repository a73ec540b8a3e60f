//! Failures of single items, counted all and kept the first.

use terroir_store::{Failure, Report};

use super::SourceError;

/// Failures that a report keeps with their reasons.
const KEPT: usize = 50;

pub(super) fn count(report: &mut Report, item: &str, error: &SourceError) {
    report.failed += 1;
    if report.failures.len() < KEPT {
        report.failures.push(Failure {
            item: item.to_owned(),
            code: error.code().to_owned(),
            message: error.to_string(),
            hint: error.hint().to_owned(),
        });
    }
}
