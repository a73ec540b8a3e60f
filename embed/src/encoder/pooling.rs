//! How the vectors of a text's tokens become one.

use std::ops::Range;

use serde_json::Value;

use crate::compute::norm::l2_normalise;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The mean over every token, special tokens included.
    Mean,
    /// The first token's.
    First,
}

impl Pooling {
    /// From `1_Pooling/config.json`: one name or a list of them, in older files a switch each. `None`
    /// where it asks for another pooling.
    pub(super) fn from_config(config: &Value) -> Option<Self> {
        let modes = match config.get("pooling_mode") {
            Some(Value::String(mode)) => vec![mode.as_str()],
            Some(Value::Array(modes)) => modes.iter().map(Value::as_str).collect::<Option<_>>()?,
            Some(_) => return None,
            None => {
                let switches = config.as_object()?.iter().filter(|(_, value)| **value == Value::Bool(true));
                switches.filter_map(|(name, _)| name.strip_prefix("pooling_mode_")).collect()
            }
        };
        match modes.as_slice() {
            // Without a switch the library takes the mean, too. Only lengths differ between these, and every
            // vector is normalised.
            [] | ["mean" | "mean_tokens" | "mean_sqrt_len_tokens"] => Some(Self::Mean),
            ["cls" | "cls_token"] => Some(Self::First),
            _ => None,
        }
    }

    /// The one place where token vectors become a text's vector: `(tokens, hidden)` → per sequence
    /// `(hidden)`, L2-normalised. Tokens outside of the sequences are padding.
    pub(super) fn pool(self, values: &[f32], hidden: usize, sequences: &[Range<usize>]) -> Vec<Vec<f32>> {
        let pool = |sequence: &Range<usize>| {
            let tokens = &values[sequence.start * hidden..sequence.end * hidden];
            let mut vector = vec![0.0; hidden];
            let count = if self == Self::First { 1 } else { sequence.len() };
            for token in tokens.chunks_exact(hidden).take(count) {
                for (sum, value) in vector.iter_mut().zip(token) {
                    *sum += value;
                }
            }
            // The mean and the sum have the same direction.
            l2_normalise(&mut vector);
            vector
        };
        sequences.iter().map(pool).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_file_asks_for_is_done_or_refused() {
        for (config, expected) in [
            (json!({"pooling_mode": "mean", "include_prompt": true}), Some(Pooling::Mean)),
            (json!({"pooling_mode": ["cls"]}), Some(Pooling::First)),
            (json!({"pooling_mode": ["cls", "mean"]}), None),
            (json!({"pooling_mode": "lasttoken"}), None),
            (json!({"pooling_mode": 1}), None),
            (json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}), Some(Pooling::First)),
            (json!({"pooling_mode_mean_tokens": true}), Some(Pooling::Mean)),
            (json!({"pooling_mode_mean_sqrt_len_tokens": true}), Some(Pooling::Mean)),
            (json!({"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}), None),
            (json!({"word_embedding_dimension": 384}), Some(Pooling::Mean)),
            (json!([]), None),
        ] {
            assert_eq!(Pooling::from_config(&config), expected, "{config}");
        }
    }
}
